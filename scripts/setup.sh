#!/usr/bin/env bash
# Builds the environment from the hash-locked requirement files: setup.sh PYTHON VENV
set -euo pipefail

asked=${1:-python3}
venv=${2:-.venv}

say() { printf 'setup: %s\n' "$*"; }
refuse() { printf 'setup: %s\n' "$*" >&2; exit 2; }
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }
fits() { case "$(version_of "$1")" in 3.11|3.12|3.13) return 0 ;; *) return 1 ;; esac; }

# The default name may be too old or too new while a fitting one stands beside it; a name that was asked for is taken as it is.
find_python() {
  local candidate
  for candidate in "$asked" $([ "$asked" = python3 ] && echo python3.13 python3.12 python3.11); do
    if fits "$candidate"; then printf '%s\n' "$candidate"; return; fi
  done
  return 1
}

# Debian ships venv as a package of its own; without it `python3 -m venv` fails half way.
need_venv() {
  local python=$1 package
  "$python" -c 'import ensurepip, venv' 2>/dev/null && return
  package="python$(version_of "$python")-venv"
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    refuse "$python has no venv module; install it (on Debian and Ubuntu: apt-get install $package) and run make setup again"
  fi
  say "$python has no venv module; installing $package"
  apt-get install -y -qq --no-install-recommends "$package" || { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$package"; }
}

if ! python=$(find_python); then
  found=$(version_of "$asked" || true)
  refuse "recovery-ops needs Python 3.11, 3.12 or 3.13; $asked is ${found:-not there}. Name one: make setup PYTHON=python3.12"
fi

if fits "$venv/bin/python"; then
  say "1/4 $venv with Python $(version_of "$venv/bin/python") is there"
else
  need_venv "$python"
  say "1/4 creating $venv with Python $(version_of "$python")"
  "$python" -m venv --clear "$venv"
fi

say "2/4 installing the installer (uv), hashes checked"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock

say "3/4 installing $(grep -c '^[a-zA-Z0-9]' requirements/dev.lock) locked packages, hashes checked (minutes the first time, seconds from a warm cache)"
"$venv/bin/uv" pip install --python "$venv/bin/python" --require-hashes --no-deps -r requirements/dev.lock

say "4/4 installing recovery-ops itself, from this tree"
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation -e .
say "ready in ${SECONDS} s: $venv"
