#!/bin/sh
# Looks up the versions in $LOCK in a database of known vulnerabilities, with pip-audit from a virtual
# environment that is removed again. Exit code 0: none is known; 1: some are; 2: it could not be found out.
# Arguments are pip-audit's.
set -eu
: "${PYTHON:=python3}" "${LOCK:=requirements-ci.lock}" "${AUDIT_SECONDS:=300}"

temporary="$(mktemp -d)"
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM

unknown() {
    echo "Expected an answer about $LOCK within $AUDIT_SECONDS s. Received: $1, so nothing is known about it." >&2
    echo "(It needs the internet: a registry's interface for vulnerabilities, or ARGS=\"-s osv\" for another database.)" >&2
    exit 2
}

"$PYTHON" -m venv "$temporary/venv"
timeout "$AUDIT_SECONDS" "$temporary/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    "pip-audit>=2.10,<3" || unknown "no pip-audit"

status=0
# Strict: a package that the database does not know is an error, not one without vulnerabilities.
timeout "$AUDIT_SECONDS" "$temporary/venv/bin/pip-audit" --requirement "$LOCK" --no-deps --disable-pip --strict \
    --progress-spinner off "$@" >"$temporary/report" || status=$?
cat "$temporary/report"
[ "$status" != 0 ] || exit 0
# pip-audit ends with 1 in both cases, but reports only what it has found out.
[ -s "$temporary/report" ] && [ "$status" = 1 ] || unknown "an error of pip-audit"
exit 1
