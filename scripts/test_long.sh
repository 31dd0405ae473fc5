#!/bin/sh
# Runs the parts of `make test-long` one after another, each also if one before it failed. Then it
# prints the seconds of each part. Arguments are pytest's; they may choose tests of some parts only.
set -u
: "${VENV:=.venv}"
times="" failed="" chosen=$#

# part NAME BACKEND ENVIRONMENT PROCESSES MARKS [ARGUMENT ...]
part() {
    name="$1" backend="$2" python="$3/bin/python" processes="$4" marks="$5"
    shift 5
    echo "== $name" >&2
    start="$(date +%s)"
    KERAS_BACKEND="$backend" "$python" -m pytest -n "$processes" --dist loadfile --no-loadscope-reorder \
        -q --durations 15 -m "$marks" "$@"
    status=$?
    times="$times$(printf '\n%6d s  %s' $(($(date +%s) - start)) "$name")"
    # With arguments a part may have nothing to run, which pytest ends with 5.
    [ "$status" = 0 ] || { [ "$status" = 5 ] && [ "$chosen" -gt 0 ]; } || failed="$failed $name;"
}

# extra_part NAME ENVIRONMENT PROCESSES EXTRA [ARGUMENT ...]
extra_part() {
    name="$1" environment="$2" processes="$3" extra="$4"
    shift 4
    # Only the files with such tests: reading all takes longer than running these.
    # shellcheck disable=SC2046
    [ $# -gt 0 ] || set -- $(grep -rl --include='*.py' "extra(name=[\"']$extra" tests)
    part "$name" tensorflow "$environment" "$processes" "extra(name='$extra')" "$@"
}

# Two parts, since tests take longer in processes that have run many others.
others="not extra(name='beam') and not extra(name='trackers')"
part "TensorFlow, long files" tensorflow "$VENV" 3 "long and $others" "$@"
part "TensorFlow, slow tests" tensorflow "$VENV" 3 "(slow or extra) and not long and $others" "$@"
extra_part "Apache Beam" "$VENV/beam" 2 beam "$@"
extra_part "Trackers" "$VENV/trackers" 1 trackers "$@"
part "JAX" jax "$VENV" 2 "portable and not tensorflow and not long" "$@"
part "PyTorch" torch "$VENV" 2 "portable and not tensorflow and not long" "$@"

echo "Seconds of each part:$times" >&2
[ -z "$failed" ] || { echo "These parts failed:$failed" >&2; exit 1; }
