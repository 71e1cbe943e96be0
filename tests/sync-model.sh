#!/bin/sh
# sync-model.sh: Spin checks tests/model/sync.pml exhaustively, and finds each mistake that is put into it. HMAP_MODEL_CALLS=2 makes
# the model larger: a minute and a gigabyte.

. "$abs_top_srcdir/tests/tap.sh"
[ -z "$SANITIZED" ] || skip_all "a build without sanitizers does this"
command -v spin >/dev/null || skip_all "spin is not installed (Debian: spin)"
scratch sync-model

# verify BUG: prints how many errors Spin finds, 0 or 1.
verify() {
  rm -f pan*
  spin "-DBUG=$1" "-DCALLS=${HMAP_MODEL_CALLS:-1}" -a "$abs_top_srcdir/tests/model/sync.pml" &&
    $CC -O2 -w -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -m200000 >pan.out &&
    ! grep -q 'max search depth too small\|out of memory' pan.out && sed -n 's/.*errors: //p' pan.out
}
check "every search returns what the map held at some moment of it" same 0 "$(verify 0)"
check "found: a chain that is marked evacuated too early" same 1 "$(verify 1)"
check "found: a write that does not look for the mark again" same 1 "$(verify 2)"
check "found: a tophash that is set after its slot" same 1 "$(verify 3)"
check "found: locks that lock nothing" same 1 "$(verify 4)"
done_testing
