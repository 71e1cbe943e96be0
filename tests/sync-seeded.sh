#!/bin/sh
# sync-seeded.sh: the linearizability and the litmus tests find mistakes. Each is put into a copy of the source, and the test has to
# fail there.

. "$abs_top_srcdir/tests/tap.sh"
[ -n "$CMOCKA_LIBS" ] || skip_all "built without cmocka"
[ -z "$SANITIZED" ] || skip_all "a sanitizer would find some of them first"
scratch sync-seeded

# build TEST [FILE SED-SCRIPT]: builds a test with a changed source.
build() {
  rm -rf tree
  mkdir tree
  cp -r "$abs_top_srcdir/include" "$abs_top_srcdir/lib" "$abs_top_srcdir/tests" tree
  if [ $# -gt 1 ]; then
    sed "$3" "$abs_top_srcdir/lib/$2" >"tree/lib/$2"
    ! cmp -s "$abs_top_srcdir/lib/$2" "tree/lib/$2" || { echo "the source has changed: nothing was put in"; return 1; }
  fi
  # shellcheck disable=SC2086 # words
  $CC $CFLAGS -std=gnu11 -Itree/include -Itree/lib "tree/tests/$1.c" -o "$1" $CMOCKA_LIBS -lpthread
}
# try [FILE SED-SCRIPT]: runs the linearizability test with a changed source. Prints what it found.
try() {
  build test_sync_linear "$@" || return
  HMAP_TEST_HISTORIES=60000 ./test_sync_linear >linear.out 2>&1 || grep -q 'not linearizable' linear.out ||
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
check "a write that has waited for a lock does not look for the mark again" found sync-table.c '/^ALWAYS_INLINE void lockEntry/,/^}/{
  s/if (lockChain(e->first)) {/if (!(LOAD(\&e->first->head) \& movedBit)) {\
      HMAP_SYNC_POINT();\
      while (__atomic_fetch_or(\&e->first->head, lockBit, __ATOMIC_ACQ_REL) \& lockBit)\
        sched_yield();\
      if (LOAD(\&e->first->head) \& movedBit)\
        break;/
}'
check "a version is not raised when a slot is used anew" found sync-table.c 's/STORE_RELAXED(&b->version, b->version + 1);//'

# Without what lets no load pass a call that writes, the litmus tests fail: where the processor has store buffers, and the threads
# run at once, which those of a busy machine do not.
passed() {
  build test_sync_litmus sync-table.c 's/EXCHANGE(&b->head, head & ~(uint64_t)lockBit)/STORE(\&b->head, head \& ~(uint64_t)lockBit)/' || return
  for _ in 1 2 3; do
    (unset HMAP_TEST_QUICK && ./test_sync_litmus) >litmus.out 2>&1 || break
  done
  grep -q 'no order of the calls explains' litmus.out
}
name="calls that write and then load: the lock is given up by a plain store"
if passed >passed.out || ! grep -q 'machine is busy' litmus.out; then
  check "$name" grep 'no order of the calls explains' litmus.out
else
  skip "$name" "the machine is busy"
fi
done_testing
