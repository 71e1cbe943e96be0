#!/bin/sh
# sync-model.sh: Spin checks the models in tests/model exhaustively, and finds each mistake that is put into them.
# HMAP_MODEL_CALLS=2 makes the models larger: a minute and a gigabyte.

. "$abs_top_srcdir/tests/tap.sh"
[ -z "$SANITIZED" ] || skip_all "a build without sanitizers does this"
case "$CC" in *-m32*) skip_all "it needs more memory than 32 bits reach" ;; esac
command -v spin >/dev/null || skip_all "spin is not installed (Debian: spin)"
scratch sync-model

# verify MODEL BUG: prints how many errors Spin finds, 0 or 1.
verify() {
  rm -f pan*
  spin "-DBUG=$2" "-DCALLS=${HMAP_MODEL_CALLS:-1}" -a "$abs_top_srcdir/tests/model/$1.pml" &&
    $CC -O2 -w -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -m200000 >pan.out &&
    ! grep -q 'max search depth too small\|out of memory' pan.out && sed -n 's/.*errors: //p' pan.out
}
check "nodes: every search returns what the map held at some moment of it" same 0 "$(verify sync 0)"
check "found: a chain that is marked evacuated too early" same 1 "$(verify sync 1)"
check "found: a write that does not look for the mark again" same 1 "$(verify sync 2)"
check "found: a tophash that is set after its slot" same 1 "$(verify sync 3)"
check "found: locks that lock nothing" same 1 "$(verify sync 4)"
check "pairs: every search returns what the map held at some moment of it" same 0 "$(verify sync-pairs 0)"
check "found: a chain that is marked evacuated too early" same 1 "$(verify sync-pairs 1)"
check "found: a version that is not raised" same 1 "$(verify sync-pairs 2)"
check "found: a version that is raised too late" same 1 "$(verify sync-pairs 3)"
check "found: locks that lock nothing" same 1 "$(verify sync-pairs 4)"
done_testing
