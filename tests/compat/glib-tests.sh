#!/bin/sh
# glib-tests.sh: some of the tests that Debian installs for GLib do the same relinked. make check-glib runs all of them.

. "$abs_top_srcdir/tests/tap.sh"
[ -z "$SANITIZED" ] || skip_all "Debian's programs do not carry a sanitizer"
[ -n "$GLIB_LIBS" ] || skip_all "built without GLib"
[ -e compat/.libs/libhmap-glib.so.1 ] || skip_all "built without shared libraries"
for tool in python3 patchelf readelf nm; do
  command -v $tool >/dev/null || skip_all "$tool is not installed (./bootstrap check-glib installs it)"
done
[ -e /usr/share/installed-tests/glib/hash.test ] ||
  skip_all "libglib2.0-tests is not installed (./bootstrap check-glib installs it)"

# compare LIBDIR NAME...
compare() {
  libdir=$1
  shift
  for name; do
    shift
    set -- "$@" --only "glib/$name"
  done
  "$PYTHON3" -B "$abs_top_srcdir/tests/compat/check-glib.py" --libdir "$libdir" --work work --tap "$@"
}

scratch glib-tests
set -- hash uri boxed keyfile actions closure contenttype g-icon gdbus-message gvariant mimeapps object param properties signals testing type
compare "$builddir/compat/.libs" "$@" | sed '/^1\.\./d'
cases=$#

# A library without a single function leaves GLib in charge, and every test does the same as ever.
nothing_passes() {
  mkdir -p empty
  echo >empty.c
  # shellcheck disable=SC2086 # words
  $CC -shared -fPIC -o empty/libhmap-glib.so.1 -Wl,-soname,libhmap-glib.so.1 -Wl,--no-as-needed empty.c $GLIB_LIBS || return 1
  ! compare empty hash uri >empty.tap && same 2 "$(grep -c '^not ok .*: UNUSED' empty.tap)"
}
check "with a library that nothing is bound to, the tests fail" nothing_passes
done_testing
