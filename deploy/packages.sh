# The Debian packages Headgate needs, and how they are installed. Sourced by tests/run.sh and deploy/demo.sh; not
# run by itself.
# shellcheck shell=bash

# To build, and to run what was built.
packages_build=(build-essential meson ninja-build pkg-config python3 ca-certificates libuv1-dev libhiredis-dev
  libjansson-dev libmicrohttpd-dev libcurl4-openssl-dev libc-ares-dev)
# To test: the framework, and the real servers the tests talk to. prometheus brings promtool; python3-jsonschema
# is the second opinion on whether policies and their JSON Schema agree.
packages_test=(check curl redis-server nginx-light dnsmasq-base openssl prometheus python3-jsonschema)
# To measure what a request costs, beside nginx.
packages_bench=(nginx-light redis-server wrk)
# To fuzz.
packages_fuzz=(clang libclang-rt-dev)

# Installs those of the named packages that are missing. Asks nothing, starts no service.
packages_install() { # package...
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ]; then
    echo "$0: missing packages: ${missing[*]}" >&2
    echo "$0: run this as root once, or: apt-get install ${missing[*]}" >&2
    exit 69
  fi
  export DEBIAN_FRONTEND=noninteractive
  packages_forbid_services
  local status=0
  { apt-get update -q && RUNLEVEL=1 apt-get install -y -q --no-install-recommends "${missing[@]}"; } || status=$?
  packages_allow_services
  [ "$status" -eq 0 ] || exit 69
}

# A server that is installed for the tests must not begin to serve: invoke-rc.d asks this file.
packages_forbid_services() {
  policy_rc_made=
  [ -e /usr/sbin/policy-rc.d ] && return
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  policy_rc_made=yes
}

packages_allow_services() {
  [ -n "$policy_rc_made" ] && rm -f /usr/sbin/policy-rc.d
  return 0
}
