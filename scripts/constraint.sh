#!/bin/sh
# Prints pip's option for a file of pinned versions: scripts/constraint.sh FILE. Without a FILE, and
# where the file is for another Python or system, it prints nothing.
set -eu
: "${PYTHON:=python3}"
[ -n "${1:-}" ] || exit 0
platform="$(PYTHON="$PYTHON" scripts/platform.sh)"
if [ ! -f "$1" ]; then
    echo "Expected a file of pinned versions as CONSTRAINTS. Received: '$1', which is none. (make lock)" >&2
    exit 2
elif grep -qxF "# $platform" "$1"; then
    echo "--constraint $1"
else
    echo "$1 is not for $platform: installing what is in the ranges of pyproject.toml." >&2
fi
