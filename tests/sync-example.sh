#!/bin/sh
# sync-example.sh: the example of hmap-sync(3), built as a user would, prints what it should.

. "$abs_top_srcdir/tests/tap.sh"
[ -n "$URCU_LIBS" ] || skip_all "built without liburcu"
scratch sync-example

# shellcheck disable=SC2086 # words
check "it compiles" $CC $CFLAGS $SANITIZED -std=gnu11 -Wall -Wextra -Werror -I"$abs_top_srcdir/include" \
  "$abs_top_srcdir/doc/sync-example.c" -o example "$builddir/lib/.libs/libhmap-sync.a" $URCU_LIBS -lpthread
check "it counts each visit" same "2 users are left
ann: 4000 visits
bob: 4000 visits
cleo: 4000 visits" "$(./example | sort)"
done_testing
