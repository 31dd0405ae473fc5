#!/bin/sh
# Runs the benchmark of an accelerator on a machine that has JAX and PyTorch, and no network.
#   benchmarks/accelerator.sh --pack FOLDER      on a machine with a network: fetches Keras's wheels (3 MB)
#   benchmarks/accelerator.sh --results FILE     measures; WHEELS=FOLDER if that machine has no Keras
# PYTHON is the interpreter, and PACK_PYTHON the version of that on the other machine, Linux on x86-64.
set -eu
here="$(cd "$(dirname "$0")/.." && pwd)"
: "${PYTHON:=python3}" "${WHEELS:=}" "${PACK_PYTHON:=3.12}"

if [ "${1:-}" = --pack ]; then
    mkdir -p "$2"
    # Only what images with JAX and PyTorch lack, at the versions of the tests.
    wanted="$(grep -E '^(keras|namex|optree)==' "$here/requirements-ci.lock" | sed 's/ *[;#\\].*//')"
    platforms="$(for glibc in 2_17 2_24 2_27 2_28; do printf -- '--platform manylinux_%s_x86_64 ' $glibc; done)"
    # shellcheck disable=SC2086 # One word for each package and option.
    exec "$PYTHON" -m pip download --quiet --no-deps --only-binary=:all: --python-version "$PACK_PYTHON" \
        $platforms --dest "$2" $wanted
fi

export KERAS_BACKEND=jax TF_CPP_MIN_LOG_LEVEL=3 PYTHONUNBUFFERED=1
if [ -n "$WHEELS" ]; then
    site="$(mktemp -d)"
    trap 'rm -rf "$site"' EXIT
    for wheel in "$WHEELS"/*.whl; do "$PYTHON" -m zipfile -e "$wheel" "$site"; done
    PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}"
fi
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
"$PYTHON" -m benchmarks.accelerator "$@"
