#!/bin/sh
# leaks.sh: valgrind and LeakSanitizer find the same leaks in a program on hmap as in the program as it was: none in what a table
# keeps alive, whatever its kind, size and state, and all of what it has let go. HMAP_TEST_SIZES="N..." are other sizes of tables.

. "$abs_top_srcdir/tests/tap.sh"
[ -z "$SANITIZED" ] || skip_all "a sanitizer's run-time library has to come with the program"
[ -e compat/.libs/libhmap-search.so.1 ] || skip_all "built without shared libraries"
scratch leaks
libs=$builddir/compat/.libs
source=$abs_top_srcdir/tests/leaks/tables.c
ours="-L$libs -Wl,-rpath,$libs -Wl,--no-as-needed"
include=-I$abs_top_srcdir/include/hmap-ghash
sizes=${HMAP_TEST_SIZES:-1 7 4000}

# build NAME FLAGS...: the program.
build() {
  name=$1
  shift
  $CC -g -O1 -std=gnu11 -o "$name" "$@"
}

# What valgrind says about leaks, but for memory that is still reachable, and for numbers of processes and of records.
memcheck() {
  valgrind --leak-check=full --errors-for-leak-kinds=definite,indirect,possible "$@" 2>&1 |
    sed -n '/ERROR SUMMARY\|definitely\|indirectly\|possibly/{s/^==[0-9]*== *//;s/ in loss record.*//;p}'
}
# All that valgrind says of what is left when a program has freed its table.
memcheck_all() {
  valgrind --leak-check=full --errors-for-leak-kinds=all "$@" 2>&1 >/dev/null | sed -n '/HEAP SUMMARY/,${s/^==[0-9]*== *//;p}' |
    grep -v '^total heap usage'
}
# What LeakSanitizer says in the end.
leaksan() {
  "$@" 2>&1 | sed -n '/^SUMMARY/p; /^[0-9]*$/p'
}

# compare TOOL STOCK OURS STATE N: the tool says the same of both.
compare() {
  tool=$1 stock=$2 on_ours=$3
  shift 3
  check "$tool: $on_ours $*" same "$("$tool" "./$stock" "$@")" "$("$tool" "./$on_ours" "$@")"
}

# each TOOL SUFFIX HSEARCH: all kinds, from one bucket to several segments; of hsearch it says the same as of the program HSEARCH.
each() {
  for n in $sizes; do
    compare "$1" "$3" "hsearch.hmap$2" map "$n"
    [ -n "$GLIB_LIBS" ] || continue
    for state in map set thin growing; do
      compare "$1" "glib.stock$2" "glib.hmap$2" "$state" "$n"
      compare "$1" "glib.stock$2" "glib.alone$2" "$state" "$n"
    done
  done
}

# build_all SUFFIX FLAGS...: the programs as they were and on hmap, also without GLib.
# shellcheck disable=SC2086 # words
build_all() {
  suffix=$1
  shift
  check "hsearch.stock$suffix" build "hsearch.stock$suffix" "$source" "$@"
  check "hsearch.hmap$suffix" build "hsearch.hmap$suffix" "$source" "$@" $ours -lhmap-search
  [ -n "$GLIB_LIBS" ] || return
  check "glib.stock$suffix" build "glib.stock$suffix" "$source" -DWITH_GLIB "$@" $GLIB_CFLAGS $GLIB_LIBS
  check "glib.hmap$suffix" build "glib.hmap$suffix" "$source" -DWITH_GLIB "$@" $GLIB_CFLAGS $ours -lhmap-glib $GLIB_LIBS
  check "glib.alone$suffix" build "glib.alone$suffix" "$source" -DWITH_GLIB "$@" "$include" $ours -lhmap-ghash
}

# legacy NAME LIBRARY FLAGS...: valgrind says the same of a program that was written without hmap.
# shellcheck disable=SC2086 # words
legacy() {
  name=$1 library=$2 legacy_source=$abs_top_srcdir/tests/legacy/$1/wordfreq.c
  shift 2
  check "$name" build "$name.stock" "$legacy_source" "$@"
  check "$name on hmap" build "$name.hmap" "$legacy_source" $ours "-l$library" "$@"
  compare memcheck_all "$name.stock" "$name.hmap" "$abs_top_srcdir/COPYING"
}

echo '#include <stdlib.h>
void *kept;
int main(void) { kept = malloc(1); return 0; }' >empty.c
$CC -o empty empty.c
build_all ""
if command -v valgrind >/dev/null; then
  # glibc's hsearch does not keep alive what is in its table, valgrind has that freed; ours is like a program that loses nothing.
  each memcheck "" empty
  legacy wordfreq-hsearch hmap-search
  # shellcheck disable=SC2086 # words
  [ -z "$GLIB_LIBS" ] || legacy wordfreq-glib hmap-glib $GLIB_CFLAGS $GLIB_LIBS
else
  skip memcheck "there is no valgrind"
fi
if $CC -fsanitize=leak -o empty.lsan empty.c 2>/dev/null && ./empty.lsan; then
  build_all .lsan -fsanitize=leak
  each leaksan .lsan hsearch.stock.lsan
  # Large enough for a directory that comes from the system.
  [ -z "$GLIB_LIBS" ] || compare leaksan glib.stock.lsan glib.hmap.lsan map 900000 str
  compare leaksan hsearch.stock.lsan hsearch.hmap.lsan map 1000000
else
  skip leaksan "$CC has no -fsanitize=leak, or it does not run here"
fi
done_testing
