#!/bin/sh
# weak-memory.sh: CBMC checks the steps of the concurrent map that depend on fences (tests/model/weak.c) on processors with store
# buffers, exhaustively, and misses each fence that is left out.

. "$abs_top_srcdir/tests/tap.sh"
[ -z "$SANITIZED" ] || skip_all "a build without sanitizers does this"
command -v cbmc >/dev/null || skip_all "cbmc is not installed (Debian 13: cbmc)"
scratch weak-memory

# holds MODEL STEP [OPTION...]: CBMC finds no order of accesses that breaks an assertion of that step.
holds() {
  mm=$1 step=$2
  shift 2
  cbmc --mm "$mm" --function "$step" "$@" "$abs_top_srcdir/tests/model/weak.c" 2>&1 | tee cbmc.out | grep -q '^VERIFICATION SUCCESSFUL$'
}
# breaks MODEL STEP [OPTION...]: it finds one.
breaks() {
  ! holds "$@" && grep -q '^VERIFICATION FAILED$' cbmc.out
}
for mm in tso pso; do
  check "$mm: overwriting in place and then loading is in some order" holds $mm overwriting
  check "$mm: a node is there when its slot is" holds $mm publishing
  check "$mm: a pair's slot is used anew" holds $mm pairs
  check "$mm: what a section has found stays, with fences" holds $mm reclaiming
  check "$mm: what a section has found stays, with membarrier" holds $mm reclaiming -DMEMBARRIER
  check "$mm: a chain's lock is handed over" holds $mm handing
  check "$mm: nobody sleeps at a lock that is free" holds $mm waiting
  check "$mm: the reaper does not sleep while something waits" holds $mm reaping
  check "$mm: found: unlocking by a store, and loads pass it" breaks $mm overwriting -DWITHOUT=1
  check "$mm: found: and so does the look for waiters" breaks $mm waiting -DWITHOUT=1
  check "$mm: found: a section without a fence" breaks $mm reclaiming -DWITHOUT=6
  check "$mm: found: one without membarrier" breaks $mm reclaiming -DMEMBARRIER -DWITHOUT=6
  check "$mm: found: a waiter that is counted too late" breaks $mm waiting -DWITHOUT=7
  check "$mm: found: the reaper's state is stored after its look" breaks $mm reaping -DWITHOUT=8
  check "$mm: found: it looks for what nobody has to see yet" breaks $mm reaping -DWITHOUT=9
done
check "pso: found: unlocking that is no release" breaks pso handing -DWITHOUT=2
check "pso: found: a node that is published before it is made" breaks pso publishing -DWITHOUT=3
check "pso: found: a slot before its tophash" breaks pso publishing -DWITHOUT=4
check "pso: found: a version that is raised after the value" breaks pso pairs -DWITHOUT=5
done_testing
