#!/usr/bin/env bash
# Installs what the build and the tests need (on Debian 12, as root), builds with warnings as errors, and runs
# every test.   tests/run.sh [all|quick]
set -euo pipefail
cd "$(dirname "$0")/.."

mode=${1:-all}
packages=(build-essential meson ninja-build pkg-config python3-minimal libuv1-dev libhiredis-dev libjansson-dev
  libmicrohttpd-dev check libcurl4-openssl-dev libc-ares-dev redis-server curl)

install_packages() {
  local missing=()
  for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ]; then
    echo "tests/run.sh: missing packages: ${missing[*]}; run as root once, or: apt-get install ${missing[*]}" >&2
    exit 69
  fi
  export DEBIAN_FRONTEND=noninteractive
  # A package that starts its service on installation must not start one here.
  apt-get update -q
  RUNLEVEL=1 apt-get install -y -q --no-install-recommends "${missing[@]}"
}

passed=0 failed=0
run_build() { # directory, meson options...
  local dir=$1
  shift
  if [ -f "$dir/build.ninja" ]; then
    meson configure "$dir" "$@" >/dev/null
  else
    meson setup "$dir" -Dwerror=true "$@"
  fi
  ninja -C "$dir"
}

run_tests() { # directory, meson test options...
  local dir=$1 log
  shift
  log=$(mktemp)
  meson test -C "$dir" --print-errorlogs "$@" 2>&1 | tee "$log" || true
  local ok fail
  ok=$(awk '/^Ok:/ {print $2}' "$log")
  fail=$(awk '/^(Fail|Unexpected Pass|Timeout):/ {n += $2} /^Fail:/ {seen = 1} END {print seen ? n : 1}' "$log")
  passed=$((passed + ${ok:-0}))
  failed=$((failed + fail))
  rm -f "$log"
}

install_packages
run_build build
case $mode in
  quick) run_tests build --suite unit ;;
  all) run_tests build ;;
  *)
    echo "tests/run.sh: unknown mode '$mode'; use all or quick" >&2
    exit 64
    ;;
esac
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
