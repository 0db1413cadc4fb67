#!/bin/bash
# Installs into a scratch directory, and uses what is there as a stranger would: headers alone, pkg-config, the shared
# and the static library, the binary. Arguments: build directory, prefix, libdir, datadir, this directory.
set -euo pipefail

build=$1 prefix=$2 libdir=$3 datadir=$4 here=$5
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

fail() {
  echo "test_install: $*" >&2
  exit 1
}

DESTDIR=$root meson install -C "$build" --no-rebuild --quiet >"$root/log" 2>&1 || { cat "$root/log"; exit 1; }
lib=$root$prefix/$libdir
cc=${CC:-cc}

# Headers, each alone, in C and in C++.
for header in "$root$prefix"/include/headgate/*.h; do
  name=headgate/$(basename "$header")
  echo "#include <$name>" >"$root/one.c"
  cp "$root/one.c" "$root/one.cc"
  $cc -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$root$prefix/include" "$root/one.c" || fail "$name in C"
  ${CXX:-c++} -Wall -Wextra -Werror -fsyntax-only -I"$root$prefix/include" "$root/one.cc" || fail "$name in C++"
done

# Only the public names are exported, and every function of the headers is.
nm -D --defined-only "$lib/libheadgate.so" | awk '$2 == "T" {sub(/@.*/, "", $3); print $3}' | sort >"$root/exported"
leaked=$(grep -v '^hg_' "$root/exported" || true)
[ -z "$leaked" ] || fail "exported by mistake: $leaked"
cat "$root$prefix"/include/headgate/*.h | sed 's://.*::' | tr '\n' ' ' | sed 's:/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/: :g' |
  grep -o '\bhg_[a-z_]*(' | tr -d '(' | sort -u >"$root/declared"
[ -s "$root/declared" ] || fail "no declared function was found"
difference=$(comm -3 "$root/exported" "$root/declared")
[ -z "$difference" ] || fail "exported and declared differ: $difference"
readelf -d "$lib/libheadgate.so" | grep -q 'SONAME.*libheadgate.so.0]' || fail "SONAME"

# A program, through pkg-config.
export PKG_CONFIG_PATH=$lib/pkgconfig
flags=$(pkg-config --define-variable=prefix="$root$prefix" --cflags --libs headgate)
# shellcheck disable=SC2086
$cc -Wall -Wextra -Werror "$here/embed.c" $flags -o "$root/embed"
LD_LIBRARY_PATH=$lib "$root/embed" >"$root/out" || { cat "$root/out"; fail "the program linked to the library failed"; }
grep -q '^UNREACHABLE: no controller answers: http://127.0.0.1:1: ' "$root/out" || { cat "$root/out"; fail "its words"; }
# shellcheck disable=SC2046
$cc -Wall -Wextra -Werror "$here/embed.c" -I"$root$prefix/include" "$lib/libheadgate.a" \
  $(pkg-config --libs jansson libcurl) -lm -pthread -o "$root/embed-static"
"$root/embed-static" >"$root/out-static"
cmp "$root/out" "$root/out-static" || fail "static and shared differ"

"$root$prefix/bin/headgate" version >/dev/null || fail "the installed binary"
[ "$(pkg-config --modversion headgate)" = "$("$root$prefix/bin/headgate" version | cut -d' ' -f2)" ] || fail "version"
for policy in "$here"/../../policies/*.json; do
  [ -e "$policy" ] || continue
  [ -s "$root$prefix/$datadir/headgate/policies/$(basename "$policy")" ] || fail "$policy is not installed"
done
echo "test_install: $(wc -l <"$root/exported") functions exported, headers and both libraries fine"
