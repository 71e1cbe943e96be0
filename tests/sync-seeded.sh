#!/bin/sh
# sync-seeded.sh: the linearizability test finds mistakes. Each is put into a copy of the source, and the test has to fail there.

. "$abs_top_srcdir/tests/tap.sh"
[ -n "$CMOCKA_LIBS" ] || skip_all "built without cmocka"
[ -z "$SANITIZED" ] || skip_all "a sanitizer would find some of them first"
scratch sync-seeded

# try NAME [FILE SED-SCRIPT]: builds the test with a changed source and runs it. Prints what it found.
try() {
  rm -rf tree
  mkdir tree
  cp -r "$abs_top_srcdir/include" "$abs_top_srcdir/lib" "$abs_top_srcdir/tests" tree
  if [ $# -gt 0 ]; then
    sed "$2" "$abs_top_srcdir/lib/$1" >"tree/lib/$1"
    ! cmp -s "$abs_top_srcdir/lib/$1" "tree/lib/$1" || { echo "the source has changed: nothing was put in"; return; }
  fi
  # shellcheck disable=SC2086 # words
  $CC $CFLAGS -std=gnu11 -Itree/include -Itree/lib tree/tests/test_sync_linear.c -o linear \
    $CMOCKA_LIBS -lpthread || return
  HMAP_TEST_HISTORIES=60000 ./linear >linear.out 2>&1 || grep -q 'not linearizable' linear.out ||
    { echo "it failed otherwise"; return; }
  grep -c 'not linearizable' linear.out
}

found() {
  n=$(try "$@") && [ "$n" -gt 0 ] && return
  echo "$n"
  return 1
}
check "the source as it is has none" same 0 "$(try)"
check "a chain is marked evacuated before its entries are in the next array" found sync-table.c '/^static bool evacuate/,/^}/{
  s/^  bool copied = .*/  STORE(\&first->head, LOAD_RELAXED(\&first->head) | movedBit);\n&/
}'
check "locks lock nothing" found sync-table.c 's/CAS(&b->head, &head, head | lockBit)/true/'
check "a write that has waited for a lock does not look for the mark again" found sync-table.c '/^static void lockEntry/,/^}/{
  s/if (lockChain(e->first)) {/if (!(LOAD(\&e->first->head) \& movedBit)) {\
      HMAP_SYNC_POINT();\
      while (__atomic_fetch_or(\&e->first->head, lockBit, __ATOMIC_ACQ_REL) \& lockBit)\
        sched_yield();\
      if (LOAD(\&e->first->head) \& movedBit)\
        break;/
}'
check "a version is not raised when a slot is used anew" found sync-table.c 's/STORE_RELAXED(&b->version, b->version + 1);//'
done_testing
