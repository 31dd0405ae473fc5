#!/bin/sh
# Fetches the C++ libraries of other versions of TensorFlow, to find out whether a server built on
# them takes what is exported here: export.verify --libtensorflow FOLDER. Nothing is installed. A
# version is a download of 250 MB and 800 MB on the disk.
#
#     scripts/old_tensorflow.sh [FOLDER [VERSION ...]]
#
# prints the folder of each version, one a line. By default FOLDER is keras_vae/libtensorflow in the
# user's cache and the versions are 2.19.1 and 2.20.0.
set -eu
: "${BIN:=.venv/bin}"
folder="${1:-${XDG_CACHE_HOME:-$HOME/.cache}/keras_vae/libtensorflow}"
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- 2.19.1 2.20.0

mkdir -p "$folder"
temporary="$(mktemp -d "$folder/.partial-XXXXXX")"
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM

for version in "$@"; do
    if [ ! -e "$folder/$version" ]; then
        echo "Fetching TensorFlow $version (250 MB)" >&2
        # Which Python the wheel is for does not matter: no Python of it is used.
        "$BIN/python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
            --python-version 3.11 --dest "$temporary/wheel" "tensorflow-cpu==$version" >&2 || {
            echo "Expected tensorflow-cpu $version as a wheel from the package registry. Received: an error of pip." >&2
            exit 2
        }
        mkdir "$temporary/libraries"
        "$BIN/python" - "$temporary"/wheel/*.whl "$temporary/libraries" <<'END'
import pathlib, shutil, sys, zipfile

with zipfile.ZipFile(sys.argv[1]) as wheel:
    for name in ("libtensorflow_framework.so.2", "libtensorflow_cc.so.2"):
        with wheel.open(f"tensorflow/{name}") as source:
            with pathlib.Path(sys.argv[2], name).open("wb") as target:
                shutil.copyfileobj(source, target)
END
        mv -T "$temporary/libraries" "$folder/$version"
        rm -rf "$temporary/wheel"
    fi
    echo "$folder/$version"
done
