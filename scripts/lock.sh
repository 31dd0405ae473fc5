#!/bin/sh
# Writes $LOCK: the versions of everything that scripts/setup.sh installs today in a new virtual
# environment. All of it is temporary: .venv is not touched.
set -eu
: "${PYTHON:=python3}" "${EXTRAS:=programs,dev,docs}" "${LOCK:=requirements-ci.lock}"
export PYTHON EXTRAS

temporary="$(mktemp -d)"
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM

CONSTRAINTS="" VENV="$temporary/venv" scripts/setup.sh
"$temporary/venv/bin/python" -m pip --disable-pip-version-check freeze --exclude-editable >"$temporary/pins"
if grep -vE '^[A-Za-z0-9._-]+==[^ ]+$' "$temporary/pins" >&2; then
    echo "Expected packages with versions from a registry. Received: the lines above. (Nothing was written.)" >&2
    exit 2
fi
{
    echo "# $(scripts/platform.sh)"
    echo "# Written by 'make lock': what scripts/setup.sh installs for CI, with EXTRAS=$EXTRAS."
    echo "# Versions only. There are no hashes: pip takes none beside a package that is installed as editable."
    echo "# Tools that build packages (hatchling, setuptools, wheel) are not pinned."
    LC_ALL=C sort -f "$temporary/pins"
} >"$temporary/lock"
mv "$temporary/lock" "$LOCK"
chmod 644 "$LOCK"
