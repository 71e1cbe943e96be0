#!/bin/sh
# large.sh: recording and replaying take memory for what tables hold and for each string once, and none for the operations: a hundred
# times as many take at most 4 MiB more, the room of arrays that double. make check-large runs it, because it takes minutes;
# HMAP_TEST_LARGE is how many operations.

. "$abs_top_srcdir/tests/tools/tools.sh"
have_glib || skip_all "built without GLib or without the shadow"
[ -e "$lib/hmap/record" ] || skip_all "built without the recording libraries"
many=${HMAP_TEST_LARGE:-100000000}
few=$((many / 100))
more=4096 # KiB

# recorded OPERATIONS NAME: the program prints what it does without; its peak is in NAME.record, in KiB.
recorded() {
  ./endless "$1" >stock 2>stock.peak && hmap record --limit 4G -o "$2.trace" ./endless "$1" >recorded 2>"$2.record" && cmp stock recorded
}

# replayed NAME SIDE OPERATIONS: without a wrong result, and with three operations more, which make the tables; the peak is in
# NAME.SIDE.
replayed() {
  LD_LIBRARY_PATH=$lib "$lib/hmap/replay-$2" "$1.trace" >told || { cat told; return 1; }
  "$PYTHON3" -c '
import json, sys
told = json.load(sys.stdin)
print(told["kib"])
sys.exit(f"{told}" if told["wrong"] or told["truncated"] or told["full"] or told["operations"] != int(sys.argv[1]) else 0)
' "$(($3 + 3))" <told >"$1.$2"
}

# bounded WHAT: the peak with many operations is that with few, and a little.
bounded() {
  echo "$1: $(cat "few.$1") KiB with $few operations, $(cat "many.$1") KiB with $many"
  [ "$(cat "many.$1")" -le $(($(cat "few.$1") + more)) ]
}

check "the program compiles" eval 'compile endless "$sources/endless.c" $GLIB_CFLAGS $GLIB_LIBS'
check "$few operations are recorded" recorded "$few" few
check "$many operations are recorded" recorded "$many" many
check "in bounded memory" bounded record
for side in stock hmap; do
  check "$few operations are replayed on $side" replayed few $side "$few"
  check "$many operations are replayed on $side" replayed many $side "$many"
  check "in bounded memory" bounded $side
done
for trace in few many; do
  echo "# $trace.trace: $(stat -c %s $trace.trace) bytes, peak KiB $(cat $trace.record) recorded, $(cat $trace.stock $trace.hmap | tr '\n' ' ')replayed"
done
rm -f many.trace
done_testing
