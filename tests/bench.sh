#!/bin/sh
# bench.sh: the benchmark's adapters compile, find what they put into their tables, and give the driver what it needs; and the tables
# that come of given figures are right. Nothing here depends on how long anything takes.

. "$abs_top_srcdir/tests/tap.sh"
command -v "$PYTHON3" >/dev/null || skip_all "no python3"
scratch bench

bench() {
  "$PYTHON3" -B "$abs_top_srcdir/bench/bench.py" --build "$builddir" --work "$builddir/bench-run" "$@"
}

# Each adapter checks all its results itself and fails if one is wrong.
for peer in $(PYTHONPATH=$abs_top_srcdir/bench "$PYTHON3" -B -c 'from runs.peers import NAMES; print(*NAMES)'); do
  if bench --smoke --peers "$peer" >"$peer.out" 2>&1; status=$?; grep -q "^$peer is left out" "$peer.out"; then
    skip "$peer" "$(grep "^$peer is left out" "$peer.out")"
  else
    check "$peer" sh -c "tail -n 20 $peer.out; exit $status"
  fi
done

check "small tables" "$PYTHON3" -B "$abs_top_srcdir/bench/small.py" --build "$builddir" --work "$builddir/bench-run" --smoke

# shows FIGURES TEXT: whether the tables of some figures, one a line, contain a text.
shows() {
  { echo peer,keys,size,figure,value; printf '%s\n' "$1"; } >figures.csv
  bench --from figures.csv >tables && cat tables && grep -qF "$2" tables
}
check "a ratio of times" shows "glib,random,1000,hit,10
hmap-glib,random,1000,hit,2.5" "| hit 1e3 | 10.0 ns | 0.25 |"
check "a goal that is met" shows "hsearch,path,30000,hit,50000
hmap-search,path,30000,hit,25" "1/1000 | 1/2000 | met |"
check "a goal that is missed" shows "hsearch,path,30000,hit,50000
hmap-search,path,30000,hit,100" "1/1000 | 1/500 | **missed** |"
check "bytes an entry and the peak" shows "glib,random,1000,heap,40000
glib,random,1000,heap-peak,60000" "| 1e3, heap | 40.0, 1.50 |"
done_testing
