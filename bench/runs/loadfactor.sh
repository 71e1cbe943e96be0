#!/bin/sh
# Prints the load-factor table at the head of lib/map.c: builds loadfactor.c for factors of 4 to 8 and runs each.
set -eu
src=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
echo " *   load  % overflow  extra bytes  hit reads  miss reads"
for halves in 8 9 10 11 12 13 14 15 16; do
	${CC:-cc} -std=gnu11 -O2 -DHMAP_LOADFACTOR="$halves" -I"$src/include" -I"$src/lib" "$src/bench/runs/loadfactor.c" -o "$tmp/row"
	"$tmp/row"
done
