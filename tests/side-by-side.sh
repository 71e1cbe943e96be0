#!/bin/sh
# side-by-side.sh: one program linked with the real library and with ours prints the same, line by line; and neither side stands
# in for the other, by the dynamic linker's own report.

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

compare hsearch 'hcreate\|hsearch\|hdestroy' libc.so.6 libhmap-search.so.1
if [ -n "$GLIB_LIBS" ]; then
  compare ghash 'g_hash_table[a-z_]*' libglib-2.0.so.0 libhmap-glib.so.1
else
  skip "ghash" "built without GLib"
fi
done_testing
