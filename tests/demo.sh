#!/bin/sh
# demo.sh: the demo is green with our libraries, and every row of it turns red with libraries that are wrong.

. "$abs_top_srcdir/tests/tap.sh"
[ -z "$SANITIZED" ] || skip_all "Debian's programs do not carry a sanitizer"
[ -n "$GLIB_LIBS" ] || skip_all "built without GLib"
case "$CC" in *-m32*) skip_all "Debian's programs are 64-bit" ;; esac
for tool in python3 patchelf arp-scan vmstat ostree update-mime-database gio json-glib-format unshare autoreconf; do
  PATH=$PATH:/usr/sbin:/sbin command -v $tool >/dev/null || skip_all "$tool is not installed (./bootstrap check installs all of them)"
done
scratch demo
unset MAKEFLAGS MFLAGS MAKELEVEL

# demo LIBDIR: the report, into $1.txt; a small tree and one run, because nothing here is about time.
demo() {
  "$PYTHON3" -B "$abs_top_srcdir/tests/demo/demo.py" --libdir "$1" --pc "$builddir/compat/hmap-glib.pc" --work work \
    --runs 1 --tree /usr/share/common-licenses --stop 2 --entries 100000 >"$2.txt" 2>&1
}

# build NAME LIBRARY MAP SOURCE FLAGS...: a library that looks like one of ours, in the folder NAME.
build() {
  mkdir -p "$1"
  soname=lib$2.so.1 name=$2 folder=$1 map=$3 source=$4
  shift 4
  # shellcheck disable=SC2086 # words
  $CC -std=gnu11 -O1 -w -shared -fPIC -I"$abs_top_srcdir/lib" -I"$abs_top_srcdir/include" $GLIB_CFLAGS -o "$folder/$soname" "$source" \
    -Wl,-soname,"$soname" -Wl,--version-script="$abs_top_srcdir/$map" "$@"
  ln -sf "$soname" "$folder/lib$name.so"
}

# build_both NAME SEARCH-SOURCE GLIB-SOURCE
build_both() {
  # shellcheck disable=SC2086 # words
  build "$1" hmap-search compat/hsearch.map "$2" && build "$1" hmap-glib compat/ghash.map "$3" -Wl,--no-as-needed $GLIB_LIBS
}

# all_red FILE REASON: every row failed, each for that reason.
all_red() {
  wanted=$(grep -c '^[^ ].*\(patchelf\|LIBS\|pkg-config\)' "$1.txt")
  [ "$wanted" -ge 8 ] && [ "$(grep -c "^FAILED: .*\($2\)" "$1.txt")" = "$wanted" ] || { cat "$1.txt"; return 1; }
}

fails() {
  ! "$@"
}

green() {
  demo "$builddir/compat/.libs" ours || { cat ours.txt; return 1; }
}

check "every program does the same on our libraries" green

# Wrong answers, from libraries that are bound and that count as ours do: only the comparison can tell.
broken=$abs_top_srcdir/tests/demo
check "broken libraries can be built" build_both wrong "$broken/broken-search.c" "$broken/broken-glib.c"
check "the demo fails with libraries that give wrong answers" fails demo wrong wrong
check "every row tells so" all_red wrong "differs\|wrong result\|other files"

# The programs run well, but not on ours: libraries without a single function leave libc and GLib in charge.
: >empty.c
check "empty libraries can be built" build_both empty empty.c empty.c
check "the demo fails with libraries that nothing is bound to" fails demo empty empty
check "every row tells so" all_red empty "counted nothing\|wrong result\|timed out"
done_testing
