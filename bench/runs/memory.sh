#!/bin/sh
# memory.sh LIBDIR: prints what a GHashTable takes, GLib's and libhmap-glib's from LIBDIR side by side, and the ratio: bytes a table
# for up to 8 entries, bytes an entry beyond. GLib before 2.76 has its small structs from a slab allocator; it is told to
# use malloc, as later ones do, so that both sides are counted alike.
set -eu
src=$(cd "$(dirname "$0")/../.." && pwd)
libdir=${1:?usage: memory.sh LIBDIR, where libhmap-glib.so is}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
flags=$(pkg-config --cflags glib-2.0) libs=$(pkg-config --libs glib-2.0)
# shellcheck disable=SC2086 # lists of words
${CC:-cc} -O2 $flags "$src/bench/runs/memory.c" -o "$tmp/glib" $libs
# shellcheck disable=SC2086
${CC:-cc} -O2 $flags "$src/bench/runs/memory.c" -o "$tmp/hmap" -L"$libdir" -Wl,-rpath,"$libdir" -lhmap-glib $libs
# What malloc keeps for its thread has been freed, but counts as in use.
export GLIBC_TUNABLES=glibc.malloc.tcache_count=0
G_SLICE=always-malloc "$tmp/glib" >"$tmp/a"
"$tmp/hmap" >"$tmp/b"
echo "| entries | ints | strings | set of ints | set of strings |"
echo "|---|---|---|---|---|"
paste -d ' ' "$tmp/a" "$tmp/b" | awk '{
  printf "| %s", $1
  for (i = 2; i <= 5; i++) { r = $(i + 5) / $i; sum += r; n++; printf " | %.1f / %.1f = %.2f", $(i + 5), $i, r }
  print " |"
} END { printf "\nmean of the ratios: %.2f\n", sum / n }'
