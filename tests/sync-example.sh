#!/bin/sh
# sync-example.sh: the example of hmap-sync(3), built as a user would, prints what it should.

. "$abs_top_srcdir/tests/tap.sh"
scratch sync-example

# shellcheck disable=SC2086 # words
check "it compiles" $CC $CFLAGS $SANITIZED -std=gnu11 -Wall -Wextra -Werror -I"$abs_top_srcdir/include" \
  "$abs_top_srcdir/doc/sync-example.c" -o example "$builddir/lib/.libs/libhmap-sync.a" -lpthread
check "it counts each visit, prices expire, jobs are taken" same "19 jobs are left, 0 things wait to be freed
2 of 3 jobs are there, the last one is 81
2 users are left
6 prices have expired, 4 are left
7 costs 710 cents, 3 is not known: -1
ann: 4000 visits
bob: 4000 visits
cleo: 4000 visits
took job 81" "$(./example | sort)"

HMAP_STATS=stats ./example >/dev/null
check "HMAP_STATS gets a line of it" grep -q '^libhmap-sync pid=[0-9]* program=example tables=3 live=0 entries=33 peak=2[0-3] ' stats

# The library tells ThreadSanitizer what it orders.
if [ -z "$SANITIZED" ] && echo 'int main(void) { return 0; }' >empty.c && $CC -fsanitize=thread empty.c -o empty 2>/dev/null && ./empty; then
  # shellcheck disable=SC2086 # words
  check "a correct program compiles with ThreadSanitizer" $CC $CFLAGS -fsanitize=thread -std=gnu11 -I"$abs_top_srcdir/include" \
    "$abs_top_srcdir/tests/sync_cache.c" -o cache "$builddir/lib/.libs/libhmap-sync.a" -lpthread
  check "and has no warning" same done "$(./cache 2>&1)"
else
  skip "ThreadSanitizer" "there is none"
fi

# What a user may get wrong does not compile: a key as hmap.h wants it, a struct as a truth, and a result that nobody looks at.
refuses() { # STATEMENT SUFFIX COMPILER
  printf '#include <hmap-sync.h>\nvoid *v;\nhmap_sync *m;\nconst char *text = "";\nint main(void) { %s return 0; }\n' "$1" >"wrong.$2"
  ! $3 -Wall -Werror -I"$abs_top_srcdir/include" -c "wrong.$2" -o wrong.o 2>wrong.out
}
accepts() {
  printf '#include <hmap-sync.h>\nvoid *v;\nhmap_sync *m;\nconst char *text = "";\nint main(void) { %s return 0; }\n' "$1" >"right.$2"
  $3 -Wall -Werror -I"$abs_top_srcdir/include" -fsyntax-only "right.$2"
}
check "a right call compiles" accepts 'return hmap_sync_load(m, text, &v);' c "$CC"
check "the address of a string's pointer does not" refuses 'return hmap_sync_load(m, &text, &v);' c "$CC"
check "a result is not a truth" refuses 'if (hmap_sync_swap(m, text, v, &v)) return 1;' c "$CC"
check "a result is looked at" refuses 'hmap_sync_compare_and_swap(m, text, v, v);' c "$CC"
check "nor is a store's passed over" refuses 'hmap_sync_store(m, text, v);' c "$CC"
if [ -n "$CXX" ]; then
  check "C++ takes a right call" accepts 'return hmap_sync_load(m, text, &v);' cc "$CXX"
  check "and not the address of a string's pointer" refuses 'return hmap_sync_load(m, &text, &v);' cc "$CXX"
fi
done_testing
