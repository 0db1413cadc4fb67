#!/usr/bin/env bash
# Installs what the build and the tests need (on Debian 12, as root), builds with warnings as errors, runs the
# tests, and ends with one line: "N passed, N failed".
#
#   tests/run.sh          everything: the tests, again under the sanitizers, and a bounded run of the fuzz targets
#   tests/run.sh quick    the unit tests
#   tests/run.sh plain    every test, without sanitizers
#   tests/run.sh asan     every test under AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer
#   tests/run.sh fuzz     each fuzz target for FUZZ_SECONDS (20)
#   tests/run.sh sim      every scenario under every law, several seeds
#   tests/run.sh house    the rules of the house
#   tests/run.sh bench    what an answered request costs, beside nginx; measures, judges nothing, is no part of "everything"
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=deploy/packages.sh
. deploy/packages.sh

mode=${1:-all}
fuzz_seconds=${FUZZ_SECONDS:-20}
passed=0 failed=0 skipped=0

run_build() { # directory, meson options...
  local dir=$1
  shift
  if [ -f "$dir/build.ninja" ]; then
    meson configure "$dir" "$@" >/dev/null
  else
    meson setup "$dir" "$@"
  fi
  ninja -C "$dir" ${build_target:+"$build_target"}
}

run_tests() { # directory, meson test options...
  local dir=$1 log ok fail
  shift
  log=$(mktemp)
  meson test -C "$dir" --print-errorlogs "$@" 2>&1 | tee "$log" || true
  ok=$(awk '/^Ok:/ {print $2}' "$log")
  # A log without a count is a run that broke: one failure.
  fail=$(awk '/^(Fail|Unexpected Pass|Timeout):/ {n += $NF} /^Fail:/ {seen = 1} END {print seen ? n : 1}' "$log")
  passed=$((passed + ${ok:-0}))
  failed=$((failed + fail))
  skipped=$((skipped + $(awk '/^Skipped:/ {n = $2} END {print n + 0}' "$log")))
  rm -f "$log"
}

run_plain() { # meson test options...
  run_build build -Dwerror=true
  run_tests build "$@"
}

run_asan() {
  run_build build-asan -Dwerror=true -Db_sanitize=address,undefined -Db_lundef=false
  ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=1 \
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 run_tests build-asan --timeout-multiplier 4
}

# Every program build-fuzz/tests/fuzz/fuzz_NAME, from the seeds in tests/fuzz/corpus/NAME: five of them, so 100 s. An
# input that breaks one is left as build-fuzz/NAME-...: once it is mended, add it to the seeds, which every build replays.
run_fuzz() {
  CC=clang build_target=fuzz run_build build-fuzz -Dwerror=false -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
  local target name found inputs
  for target in build-fuzz/tests/fuzz/fuzz_*; do
    [ -f "$target" ] && [ -x "$target" ] || continue
    name=${target##*/fuzz_}
    found=$(mktemp -d)
    inputs=("$found" "tests/fuzz/corpus/$name")
    [ "$name" = policy ] && inputs+=(policies -dict=tests/fuzz/policy.dict)
    echo "fuzz_$name: $fuzz_seconds s"
    if "$target" -max_total_time="$fuzz_seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix="build-fuzz/$name-" "${inputs[@]}" >"build-fuzz/$name.log" 2>&1; then
      passed=$((passed + 1))
      grep -E 'number_of_executed_units|new_units_added' "build-fuzz/$name.log" || true
    else
      failed=$((failed + 1))
      tail -60 "build-fuzz/$name.log"
    fi
    rm -rf "$found"
  done
}

# Every promise is checked after every step of every run.
run_sim() {
  run_build build -Dwerror=true
  if python3 tests/sim/test_scenarios.py build/headgate tests/sim --long; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
}

if [ "$mode" = bench ]; then
  packages_install "${packages_build[@]}" "${packages_bench[@]}"
  run_build build-bench -Dtests=false -Dbuildtype=release
  exec python3 tests/bench/bench.py build-bench/headgate "${BENCH_SECONDS:-5}"
fi
case $mode in
  quick | plain | house | asan | sim) packages_install "${packages_build[@]}" "${packages_test[@]}" ;;
  fuzz | all) packages_install "${packages_build[@]}" "${packages_test[@]}" "${packages_fuzz[@]}" ;;
  *)
    echo "tests/run.sh: unknown mode '$mode'; use all, quick, plain, asan, fuzz, sim, house or bench" >&2
    exit 64
    ;;
esac
case $mode in
  quick) run_plain --suite unit ;;
  plain) run_plain ;;
  house) run_plain --suite house ;;
  asan) run_asan ;;
  fuzz) run_fuzz ;;
  sim) run_sim ;;
  all)
    run_plain
    run_asan
    run_fuzz
    ;;
esac
[ "$skipped" -eq 0 ] || echo "$skipped skipped: see the list above"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
