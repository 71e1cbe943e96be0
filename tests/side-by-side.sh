#!/bin/sh
# side-by-side.sh: one program linked with the real library and with ours prints the same, line by line; and neither side stands
# in for the other, by the dynamic linker's own report. So does one that is compiled without GLib.

. "$abs_top_srcdir/tests/tap.sh"
scratch side-by-side

# observe NAME SIDE: what the program prints and returns, into NAME.SIDE, and who its functions were bound to, into NAME.SIDE.bound.
observe() {
  "$builddir/tests/side_$1_$2" >"$1.$2" 2>&1
  echo "exit status $?" >>"$1.$2"
  LD_BIND_NOW=1 LD_DEBUG=bindings LD_DEBUG_OUTPUT="$1.$2.report" "$builddir/tests/side_$1_$2" >/dev/null 2>&1
  cat "$1.$2.report".* | sed -n 's/.*side_[a-z_]* \[0\] to \([^ ]*\) \[0\]: normal symbol `\('"$3"'\).*/\1/p' |
    sed 's,.*/,,' | sort -u >"$1.$2.bound"
}

# compare NAME FUNCTIONS REAL OURS
compare() {
  observe "$1" real "$2"
  observe "$1" ours "$2"
  check "$1: the real side runs on $3" same "$3" "$(cat "$1.real.bound")"
  check "$1: our side runs on $4" same "$4" "$(cat "$1.ours.bound")"
  check "$1: there is something to compare" test "$(wc -l <"$1.real")" -gt 10
  check "$1: both print the same" diff -u "$1.real" "$1.ours"
}

# row SIDE NAME ROW: what a side prints of one row of the rules; same_row: whether both sides print the same of it.
row() { awk -v want="== $3" '/^== / { here = $0 == want } here' "$2.$1"; }
same_row() {
  row real "$1" "$2" >row.real
  row ours "$1" "$2" >row.ours
  test -s row.real && diff -u row.real row.ours
}

# each_row NAME: one case for each row of the rules that the program goes through.
each_row() {
  sed -n 's/^== //p' "$1.real" >"$1.names"
  while IFS= read -r name_of_row; do
    check "$1: $name_of_row" same_row "$1" "$name_of_row"
  done <"$1.names"
}

# rows FILE: what there is to compare between GLib and libhmap-ghash, which behaves as GLib 2.76: with an older one, not the rows in
# which that differs. tests/test_ghash_alone.c has those.
rows() {
  if grep -q '^== steal_all_keys' ghash.real; then
    cat "$1"
  else
    awk '/^== / { differs = /steal_all_keys|the ten functions|double keys/ } !differs' "$1"
  fi
}

# In what newer GLibs differ from 2.76, and how this one's version is written there.
changes=$abs_top_srcdir/tests/glib-changes.h
[ -z "$GLIB_LIBS" ] || version=$(pkg-config --modversion glib-2.0 | awk -F. '{ print $2 * 100 + $3 }')

# as_glibs: what libhmap-ghash says comes to be what this GLib says.
as_glibs() {
  awk -F'"' -v version="$version" '
    NR == FNR { if (/^CHANGE/ && substr($1, 8) + 0 <= version) { ours[++n] = $2; theirs[n] = $4 } next }
    { for (i = 1; i <= n; i++)
        if (at = index($0, ours[i])) $0 = substr($0, 1, at - 1) theirs[i] substr($0, at + length(ours[i])) }
    { print }' "$changes" -
}

compare hsearch 'hcreate\|hsearch\|hdestroy' libc.so.6 libhmap-search.so.1
if [ -n "$GLIB_LIBS" ]; then
  compare ghash 'g_hash_table[a-z_]*' libglib-2.0.so.0 libhmap-glib.so.1
  each_row ghash
  observe ghash alone 'hmap_ghash_hash_table[a-z_]*'
  check "ghash: without GLib our side runs on libhmap-ghash.so.1" same libhmap-ghash.so.1 "$(cat ghash.alone.bound)"
  rows ghash.real >ghash.real.rows
  rows ghash.alone | as_glibs >ghash.alone.rows
  check "ghash: without GLib the same is printed" diff -u ghash.real.rows ghash.alone.rows
else
  skip "ghash" "built without GLib"
fi

# wordfreq SIDE FLAG...: what a program written for GLib prints about a text and about a missing one.
wordfreq() {
  side=$1
  shift
  # shellcheck disable=SC2086 # words
  $CC $CFLAGS $SANITIZED "$abs_top_srcdir/tests/legacy/wordfreq-glib/wordfreq.c" -o "wordfreq.$side" "$@" || return 1
  for text in "$abs_top_srcdir/COPYING" "$abs_top_srcdir/tests" nowhere; do
    "./wordfreq.$side" "$text"
    echo "exit status $?"
  done >"wordfreq.$side.out" 2>&1
}
check "wordfreq without GLib" wordfreq alone -I"$abs_top_srcdir/include/hmap-ghash" "$builddir/compat/.libs/libhmap-ghash.a" -lpthread
check "wordfreq without GLib counts words" grep -q '^  *[0-9]* software$' wordfreq.alone.out
# names SIDE FLAG...: what a program prints that has functions of its own by the names of GLib's.
names() {
  side=$1
  shift
  # shellcheck disable=SC2086 # words
  $CC $CFLAGS $SANITIZED $GLIB_CFLAGS "$abs_top_srcdir/tests/side_names.c" -o "names.$side" "$@" $GLIB_LIBS &&
    LD_LIBRARY_PATH=$builddir/compat/.libs "./names.$side"
}
if [ -n "$GLIB_LIBS" ]; then
  # shellcheck disable=SC2086 # words
  check "wordfreq with GLib" wordfreq real $GLIB_CFLAGS $GLIB_LIBS
  if [ "$version" -ge "$(sed -n 's/^#define PRINTS_ALL_SINCE //p' "$changes")" ]; then sed -i 's/“/?/g; s/”/?/g' wordfreq.real.out; fi
  check "wordfreq: both print the same" diff -u wordfreq.real.out wordfreq.alone.out
  for mode in -pie -no-pie; do
    check "a program's own g_str_hash, $mode" same found "$(names real $mode)"
    check "a program's own g_str_hash, $mode: on ours too" same found \
      "$(names ours $mode -L"$builddir/compat/.libs" -Wl,--no-as-needed -lhmap-glib)"
  done
else
  skip "wordfreq with GLib" "built without GLib"
fi
done_testing
