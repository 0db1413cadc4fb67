#!/usr/bin/env bash
# On a bare Debian 12, as root: installs what the build needs, builds, and runs the demo. Asks nothing.
# Arguments go to `headgate demo`: deploy/demo.sh --instances 500
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=deploy/packages.sh
. deploy/packages.sh

packages_install "${packages_build[@]}"
# A build directory of its own would build twice; one made for the tests serves as well.
[ -f build/build.ninja ] || meson setup build -Dtests=false
ninja -C build
exec build/headgate demo "$@"
