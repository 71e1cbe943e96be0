#!/bin/sh
# leaks.sh: valgrind and LeakSanitizer find the same leaks in a program on hmap as in the program as it was: none in what a table
# keeps alive, whatever its kind, size and state, and all of what it has let go.

. "$abs_top_srcdir/tests/tap.sh"
[ -z "$SANITIZED" ] || skip_all "a sanitizer's run-time library has to come with the program"
[ -e compat/.libs/libhmap-search.so.1 ] || skip_all "built without shared libraries"
scratch leaks
libs=$builddir/compat/.libs
source=$abs_top_srcdir/tests/leaks/tables.c

# build NAME LIBRARY FLAGS...: the program as it was, and on hmap.
build() {
  name=$1 library=$2
  shift 2
  # shellcheck disable=SC2086 # words
  $CC -g -O1 -std=gnu11 -o "$name.stock" "$source" "$@" &&
    $CC -g -O1 -std=gnu11 -o "$name.hmap" "$source" -L"$libs" -Wl,-rpath,"$libs" -Wl,--no-as-needed "-l$library" "$@"
}

# What valgrind says about leaks, but for memory that is still reachable, and for numbers of processes and of records.
memcheck() {
  valgrind --leak-check=full --errors-for-leak-kinds=definite,indirect,possible "$@" 2>&1 |
    sed -n '/ERROR SUMMARY\|definitely\|indirectly\|possibly/{s/^==[0-9]*== *//;s/ in loss record.*//;p}'
}
# What LeakSanitizer says in the end.
leaksan() {
  "$@" 2>&1 | sed -n '/^SUMMARY/p; /^[0-9]*$/p'
}

# compare TOOL PROGRAM STATE N: the tool says the same of both. glibc's hsearch does not keep alive what is in its table: valgrind
# has it freed; so of that, the tool says the same as of a program that loses nothing.
compare() {
  tool=$1 program=$2
  shift 2
  if [ "$program" = hsearch ]; then wanted=$("$tool" ./empty); else wanted=$("$tool" "./$program.stock" "$@"); fi
  check "$tool: $program $*" same "$wanted" "$("$tool" "./$program.hmap" "$@")"
}

# each TOOL SUFFIX: all kinds, from one bucket to several segments.
each() {
  for n in 1 7 4000; do
    compare "$1" "hsearch$2" map "$n"
    [ -n "$GLIB_LIBS" ] || continue
    for state in map set thin growing; do
      compare "$1" "glib$2" "$state" "$n"
    done
  done
}

# build_both SUFFIX FLAGS...
build_both() {
  suffix=$1
  shift
  check "hsearch$suffix" build "hsearch$suffix" hmap-search "$@"
  # shellcheck disable=SC2086 # words
  [ -z "$GLIB_LIBS" ] || check "glib$suffix" build "glib$suffix" hmap-glib -DWITH_GLIB "$@" $GLIB_CFLAGS $GLIB_LIBS
}

echo '#include <stdlib.h>
void *kept;
int main(void) { kept = malloc(1); return 0; }' >empty.c
$CC -o empty empty.c
build_both ""
if command -v valgrind >/dev/null; then
  each memcheck ""
else
  skip memcheck "there is no valgrind"
fi
if $CC -fsanitize=leak -o empty.lsan empty.c 2>/dev/null && ./empty.lsan; then
  build_both .lsan -fsanitize=leak
  each leaksan .lsan
  # Large enough for a directory that comes from the system.
  [ -z "$GLIB_LIBS" ] || compare leaksan glib.lsan map 900000 str
  compare leaksan hsearch.lsan map 1000000
else
  skip leaksan "$CC has no -fsanitize=leak, or it does not run here"
fi
done_testing
