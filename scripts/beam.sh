#!/bin/sh
# Makes $VENV/beam: the packages of $VENV with Apache Beam on top, and with the older protobuf and
# pyarrow that it asks for. With CONSTRAINTS its versions are those of requirements-beam.lock.
set -eu
: "${PYTHON:=python3}" "${VENV:=.venv}" "${CONSTRAINTS:=}"
constraint="$(PYTHON="$PYTHON" scripts/constraint.sh "${CONSTRAINTS:+requirements-beam.lock}")"

packages() { "$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }

echo "Installing keras-vae[beam] into $VENV/beam (300 MB)." >&2
"$VENV/bin/python" -m venv "$VENV/beam"
echo "import site; site.addsitedir('$(packages "$VENV")')" >"$(packages "$VENV/beam")/packages_below.pth"
# shellcheck disable=SC2086 # An option and its file, or nothing.
"$VENV/beam/bin/python" -m pip install --quiet --disable-pip-version-check --no-warn-conflicts $constraint \
    --editable ".[beam]"
touch "$VENV/beam/.ready"
