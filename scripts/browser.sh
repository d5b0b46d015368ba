#!/usr/bin/env bash
# Makes sure that there is a Chromium for the browser tests: the system's own, or Debian's package when this is root.
set -euo pipefail

found=$(command -v chromium || command -v google-chrome || true)
if [ -n "$found" ]; then printf 'browser: %s\n' "$found"; exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  printf 'browser: no Chromium in PATH; on Debian and Ubuntu: apt-get install chromium\n' >&2
  exit 2
fi
printf 'browser: installing the package chromium\n'
apt-get update -qq >/dev/null
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
command -v chromium
