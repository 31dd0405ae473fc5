#!/bin/sh
# Makes $VENV and installs the package with $EXTRAS; needs Python 3.11 or newer and nothing else.
# CONSTRAINTS names a file of pinned versions, as CI uses it; without one, any version in range will do.
set -eu
: "${PYTHON:=python3}" "${VENV:=.venv}" "${EXTRAS:=programs,dev}"

say() { printf '%s\n' "$*" >&2; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    say "Expected Python 3.11 or newer as '$PYTHON'. Received: $("$PYTHON" --version 2>&1 || true)."
    say "(Install it, or name another one: make PYTHON=python3.12 ...)"
    exit 2
fi

if [ ! -x "$VENV/bin/pip" ] && ! "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null; then
    # Debian keeps these two modules in a package of their own.
    say "Installing python3-venv, which '$PYTHON' needs to make a virtual environment."
    { as_root apt-get update -qq && as_root apt-get install -y -qq python3-venv; } >&2 || {
        say "Could not install it. (Run: apt-get install python3-venv)"
        exit 2
    }
fi

# TensorFlow for CPUs is half the download; it exists for x86-64 Linux.
case "$(uname -sm)" in
    "Linux x86_64") tensorflow=tensorflow-cpu ;;
    *) tensorflow=tensorflow ;;
esac

constraint="$(PYTHON="$PYTHON" scripts/constraint.sh "${CONSTRAINTS:-}")"
# shellcheck disable=SC2086 # An option and its file, or nothing.
set -- $constraint

# PyTorch from PyPI brings CUDA with it, 3 GB; where pip knows another registry for CPUs, as in
# PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu, the same version of that one comes first.
case "$EXTRAS" in *backends*) torch="torch==2.13.0" ;; *) torch="" ;; esac

[ -x "$VENV/bin/pip" ] || "$PYTHON" -m venv "$VENV"
say "Installing keras-vae[$tensorflow,$EXTRAS] into $VENV (about 2 GB; a minute or two)."
"$VENV/bin/python" -m pip install --quiet --disable-pip-version-check "$@" ${torch:+"$torch"} --editable ".[$tensorflow,$EXTRAS]"
case "$EXTRAS" in *dev*)
    # The tests' reference for what TF Serving reads. It asks for the tensorflow package by that name,
    # which would install TensorFlow a second time beside tensorflow-cpu.
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check "$@" --no-deps "tensorflow-serving-api>=2.19,<3"
esac
touch "$VENV/.ready"
