#!/bin/sh
# Makes $VENV/EXTRA: the packages of $VENV with those of an extra on top, in the versions that it asks
# for, such as an older protobuf. With CONSTRAINTS these are the versions of requirements-EXTRA.lock.
# Usage: scripts/extra.sh beam|trackers
set -eu
: "${PYTHON:=python3}" "${VENV:=.venv}" "${CONSTRAINTS:=}"
extra="$1" environment="$VENV/$1"
constraint="$(PYTHON="$PYTHON" scripts/constraint.sh "${CONSTRAINTS:+requirements-$extra.lock}")"

packages() { "$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }

echo "Installing keras-vae[$extra] into $environment (300 MB)." >&2
"$VENV/bin/python" -m venv "$environment"
echo "import site; site.addsitedir('$(packages "$VENV")')" >"$(packages "$environment")/packages_below.pth"
# Few of the many modules are ever imported, so they are compiled then.
# shellcheck disable=SC2086 # An option and its file, or nothing.
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile \
    --no-warn-conflicts $constraint --editable ".[$extra]"
touch "$environment/.ready"
