#!/bin/sh
# gdb.sh: the gdb printers, as they are installed and load themselves, beside GLib's, show what is in our tables, in programs
# whose libraries have been stripped of all symbols.

. "$abs_top_srcdir/tests/tap.sh"
[ -z "$SANITIZED" ] || skip_all "a sanitizer's run-time library has to come with the program"
command -v gdb >/dev/null || skip_all "there is no gdb"
[ -e compat/.libs/libhmap-search.so.1 ] || skip_all "built without shared libraries"
scratch gdb
prefix=$PWD/installed

install_stripped() {
  (unset MAKEFLAGS MFLAGS MAKELEVEL && "$MAKE" -C "$builddir" install prefix="$prefix" exec_prefix="$prefix") &&
    strip "$prefix"/lib/*.so.1.*
}
check "make install, strip" install_stripped

# compile NAME FLAGS...
compile() {
  name=$1
  shift
  # shellcheck disable=SC2086 # words
  $CC $CFLAGS -g -O0 -std=gnu11 -o "$name" "$abs_top_srcdir/tests/gdb/tables.c" -I"$prefix/include" "$@" \
    -L"$prefix/lib" -Wl,-rpath,"$prefix/lib" -lhmap -lhmap-search
}

# in_gdb PROGRAM ARGUMENT...
in_gdb() {
  gdb -nx -batch -iex "add-auto-load-scripts-directory $prefix/share/gdb/auto-load" -iex "add-auto-load-safe-path $prefix" \
    -ex "set print elements 200" -ex "break stop" -ex run "$@" 2>&1
}

# look PROGRAM: the cases of look.py.
look() {
  in_gdb "$1" -ex "source $abs_top_srcdir/tests/gdb/look.py" >"$1.out"
  sed -n 's/^ok [0-9]* - gdb: //p' "$1.out" >"$1.good"
  while IFS= read -r case; do
    check "$1: $case" true
  done <"$1.good"
  check "$1: nothing else is wrong" same "" "$(sed -n '/^not ok/,/^ok/p; /^Traceback/,$p; /rror/p' "$1.out" | grep -v '^ok')"
  check "$1: all cases were run" same "# $2 cases" "$(tail -n 1 "$1.out")"
}

check "a program with libhmap-ghash compiles" compile tables-ghash -I"$prefix/include/hmap-ghash" -lhmap-ghash
in_gdb ./tables-ghash | grep -q '^Breakpoint 1, stop' || {
  skip "the printers" "gdb cannot run a program here"
  done_testing
  exit 0
}
check "no library has symbols" same "" "$(for library in "$prefix"/lib/*.so.1.*; do nm "$library" 2>/dev/null; done)"
look tables-ghash 27
if [ -n "$GLIB_LIBS" ]; then
  # shellcheck disable=SC2086 # words
  check "a program with libhmap-glib compiles" compile tables-glib -DWITH_GLIB $GLIB_CFLAGS -L"$prefix/lib" -lhmap-glib $GLIB_LIBS
  look tables-glib 30
else
  skip "libhmap-glib" "built without GLib"
fi

# A program with the libraries in it, and their debug symbols, for which somebody loads the printers.
compile_whole() {
  # shellcheck disable=SC2086 # words
  $CC $CFLAGS -g -O0 -std=gnu11 -o tables-whole "$abs_top_srcdir/tests/gdb/tables.c" -I"$prefix/include" \
    -I"$prefix/include/hmap-ghash" "$prefix"/lib/libhmap.a "$prefix"/lib/libhmap-search.a "$prefix"/lib/libhmap-ghash.a -lpthread
}
check "a program with all in it compiles" compile_whole
in_gdb ./tables-whole -ex "source $prefix/lib/hmap/hmap-gdb.py" \
  -ex up -ex "print gset" -ex "print 'hsearch.c'::global" >whole.out
check "printers that were loaded by hand" grep 'GHashTable of 20 entries = {\[' whole.out
case " $CFLAGS " in
  *" -flto"*) skip "the table of hsearch()" "link-time optimization leaves no table of hsearch.c's" ;;
  *" -g"*) check "the table of hsearch()" \
    grep 'hsearch table of 1 entry = {\[0x[0-9a-f]* <names+12> "name1"\] = 0x4}' whole.out ;;
  *) skip "the table of hsearch()" "compiled without -g" ;;
esac
done_testing
