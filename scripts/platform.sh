#!/bin/sh
# Prints what pinned versions are for: "Python 3.11 on Linux x86_64".
set -eu
: "${PYTHON:=python3}"
echo "$("$PYTHON" -c 'import sys; print("Python %d.%d" % sys.version_info[:2])') on $(uname -sm)"
