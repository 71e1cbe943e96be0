#!/bin/sh
# hsearch.sh: libhmap-search does the same however it is linked: dynamically, statically, and with another libc, musl; row by row
# what glibc does (tests/side-by-side.sh compares the dynamic one), and what is written here where glibc crashes or is full.

. "$abs_top_srcdir/tests/tap.sh"
scratch hsearch
real=$builddir/tests/side_hsearch_real ours=$builddir/tests/side_hsearch_ours

cat >beyond <<'END_OF_TEXT'
more entries than asked for
  hcreate_r(100): 1, errno untouched
  70000 entered, 70000 in place, 70000 whole, filled 70000, size larger: 1
  hdestroy_r: errno untouched, table NULL
  hcreate_r(0): 1, errno untouched
  1000 entered, 1000 in place, 1000 whole, filled 1000, size larger: 1
  hdestroy_r: errno untouched, table NULL
no table
  hsearch FIND: 0, errno ESRCH, no entry
  hsearch ENTER: 0, errno ENOMEM, no entry
  hsearch_r FIND: 0, errno ESRCH, no entry
  hsearch_r ENTER: 0, errno ENOMEM, no entry
  hcreate: 1, errno untouched
  hcreate_r: 1, errno untouched
  hdestroy_r: errno untouched, table NULL
  hsearch FIND: 0, errno ESRCH, no entry
  hsearch ENTER: 0, errno ENOMEM, no entry
  hsearch_r FIND: 0, errno ESRCH, no entry
  hsearch_r ENTER: 0, errno ENOMEM, no entry
  hcreate: 1, errno untouched
  hcreate_r: 1, errno untouched
  hdestroy_r: errno untouched, table NULL
  hsearch_r on NULL: 0, errno EINVAL, no entry
no key
  hcreate_r: 1, errno untouched
  find: 0, errno EINVAL, no entry
  enter: 0, errno EINVAL, no entry
  filled 0
  hdestroy_r: errno untouched, table NULL
END_OF_TEXT


# rows NAME PROGRAM: a case for each row that glibc does too, and one for each other.
rows() {
  "$2" >"$1.rows" 2>&1
  "$2" --beyond >"$1.beyond" 2>&1
  sed -n '/^[^ ]/p' real >names
  while IFS= read -r name_of_row; do
    check "$1: $name_of_row" same_row real "$1.rows"
  done <names
  sed -n '/^[^ ]/p' beyond >names
  while IFS= read -r name_of_row; do
    check "$1: $name_of_row" same_row beyond "$1.beyond"
  done <names
}

# row FILE: what it says of the row; same_row WANTED FOUND
row() { awk -v want="$name_of_row" '/^[^ ]/ { here = $0 == want } here' "$1"; }
same_row() {
  row "$1" >wanted
  row "$2" >found
  test "$(wc -l <wanted)" -gt 1 && diff -u wanted found
}

"$real" >real
check "there is something to compare" test "$(wc -l <real)" -gt 10
rows dynamic "$ours"

# A statically linked program has no libc's hsearch in it at all; two definitions of a function would not link.
static() {
  "$@" -static && { ! readelf -d static-program | grep NEEDED; }
}
libc_can_be_static() {
  echo 'int main(void) { return 0; }' >empty.c
  "$@" -static empty.c -o empty 2>/dev/null
}
source=$abs_top_srcdir/tests/side_hsearch.c
if [ -n "$SANITIZED" ]; then
  skip "static glibc" "a sanitizer needs the dynamic linker"
elif ! libc_can_be_static $CC; then
  skip "static glibc" "no static libc"
else
  # shellcheck disable=SC2086 # words
  check "static glibc: links" static $CC $CFLAGS -w -o static-program "$source" "$builddir/compat/.libs/libhmap-search.a"
  rows "static glibc" ./static-program
fi

# With musl the library is compiled anew, as an author would who builds with musl.
if ! libc_can_be_static musl-gcc; then
  skip "static musl" "there is no musl-gcc"
elif ! $CC -dumpmachine | grep -q "^$(uname -m)" || $CC $CFLAGS -dM -E -x c /dev/null | grep -q __i386__; then
  skip "static musl" "musl-gcc makes programs for $(uname -m) only"
else
  check "static musl: links" static musl-gcc -std=gnu11 -Wall -Wextra -Werror -O2 -o static-program "$source" \
    "$abs_top_srcdir/compat/hsearch.c" -I"$abs_top_srcdir/include" -I"$abs_top_srcdir/lib"
  rows "static musl" ./static-program
fi

# Ten million entries, each of which is looked up, and each ENTRY of which is looked at, after the last has come.
available=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)
if [ -n "$SANITIZED" ] || [ "${available:-0}" -lt 1500000 ]; then
  skip "10,000,000 entries" "takes 600 MB, and with sanitizers several times that"
else
  check "10,000,000 entries stay in place" "$ours" --large 10000000
fi
done_testing
