#!/bin/sh
# Installs Chromium and its driver (Debian packages) for the tests that click through the explorer.
# Prints a line only when there is something to do. Where they cannot be had, these tests are skipped.
set -u
command -v chromium >/dev/null && command -v chromedriver >/dev/null && exit 0
command -v apt-get >/dev/null || exit 0
echo "Installing Chromium for the tests of the explorer (Debian packages chromium and chromium-driver)." >&2
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}
{ as_root apt-get update -qq && as_root apt-get install -y -qq chromium chromium-driver; } >/dev/null 2>&1 ||
    echo "Could not install it; its tests are skipped. (apt-get install chromium chromium-driver)" >&2
exit 0
