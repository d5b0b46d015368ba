#!/usr/bin/env bash
# Brings promtool, prometheus and amtool into VENV/tools: tools.sh VENV
# What the machine has is used. Otherwise the Debian packages are unpacked there: nothing is installed, no service starts.
set -euo pipefail

venv=${1:-.venv}
tools=$venv/tools
say() { printf 'tools: %s\n' "$*"; }

declare -A package=([promtool]=prometheus [prometheus]=prometheus [amtool]=prometheus-alertmanager)
declare -A missing=()

mkdir -p "$tools"
for tool in "${!package[@]}"; do
  [ -x "$tools/$tool" ] && continue
  if found=$(command -v "$tool"); then
    ln -sf "$found" "$tools/$tool"
  else
    missing[${package[$tool]}]=1
  fi
done
[ ${#missing[@]} = 0 ] && { say "all in $tools"; exit 0; }

refuse() {
  printf 'tools: %s\n' "missing: ${!missing[*]}. $1" \
    "Install promtool, prometheus and amtool (on Debian and Ubuntu: apt-get install prometheus prometheus-alertmanager) and run make tools again." >&2
  exit 2
}
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then refuse "This is no Debian or Ubuntu."; fi

fetched=$(mktemp -d)
trap 'rm -rf "$fetched"' EXIT
fetch() { (cd "$fetched" && apt-get download -qq "${!missing[@]}" 2>&1); }
say "fetching ${!missing[*]}"
if ! fetch >"$fetched/log"; then
  if [ "$(id -u)" != 0 ]; then refuse "$(tail -1 "$fetched/log") (as root the package lists would be updated)"; fi
  apt-get update -qq >"$fetched/log" 2>&1 || refuse "$(tail -1 "$fetched/log")"
  fetch >"$fetched/log" || refuse "$(tail -1 "$fetched/log")"
fi
for file in "$fetched"/*.deb; do dpkg-deb -x "$file" "$fetched/unpacked"; done
for tool in "${!package[@]}"; do
  [ -e "$tools/$tool" ] && continue
  install -m 755 "$fetched/unpacked/usr/bin/$tool" "$tools/$tool"
done
say "ready: $("$tools/promtool" --version 2>&1 | head -1)"
