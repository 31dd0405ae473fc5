#!/bin/sh
# Writes $LOCK and requirements-EXTRA.lock: the versions of everything that scripts/setup.sh and
# scripts/extra.sh install today in new virtual environments. All of it is temporary: .venv is not
# touched.
set -eu
: "${PYTHON:=python3}" "${EXTRAS:=programs,dev,docs,backends,references}"
: "${LOCK:=requirements-ci.lock}"
export PYTHON EXTRAS

temporary="$(mktemp -d)"
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM
export VENV="$temporary/venv" CONSTRAINTS=""

# write_lock FILE WRITER [OPTION ...]: the versions that `pip list OPTION ...` finds.
write_lock() {
    file="$1" writer="$2"
    shift 2
    # A local version such as 2.13.0+cpu names a build of some registries; others have it without.
    "$VENV/bin/python" -m pip --disable-pip-version-check list --format freeze --exclude-editable "$@" |
        grep -vE '^(pip|setuptools|wheel)==' | sed 's/+cpu$//' >"$temporary/pins"
    if grep -vE '^[A-Za-z0-9._-]+==[^ ]+$' "$temporary/pins" >&2; then
        echo "Expected packages with versions from a registry. Received: the lines above. (Nothing was written.)" >&2
        exit 2
    fi
    {
        echo "# $(scripts/platform.sh)"
        echo "# Written by 'make lock': what $writer."
        echo "# Versions only. There are no hashes: pip takes none beside a package that is installed as editable."
        echo "# Tools that build packages (hatchling, setuptools, wheel) are not pinned."
        LC_ALL=C sort -f "$temporary/pins"
    } >"$temporary/lock"
    mv "$temporary/lock" "$file"
    chmod 644 "$file"
}

scripts/setup.sh
write_lock "$LOCK" "scripts/setup.sh installs for CI, with EXTRAS=$EXTRAS"
for extra in beam trackers; do
    scripts/extra.sh "$extra"
    folder="$("$VENV/$extra/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
    write_lock "requirements-$extra.lock" "scripts/extra.sh $extra installs for CI" --path "$folder"
done
