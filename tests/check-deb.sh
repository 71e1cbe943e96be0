#!/bin/sh
# check-deb.sh: builds the Debian packages from a release, in check-deb/, and looks at them. For make check-deb; takes minutes.

. "$abs_top_srcdir/tests/tap.sh"
for tool in dpkg-buildpackage dh lintian; do
  command -v $tool >/dev/null || skip_all "there is no $tool (./bootstrap check-deb installs it)"
done
unset MAKEFLAGS MFLAGS MAKELEVEL CXX CFLAGS # the packages have their own
version=$(sed -n 's/^AC_INIT(\[hmap\], \[\(.*\)\])/\1/p' "$abs_top_srcdir/configure.ac")
rm -rf check-deb
mkdir -p check-deb/root
check "make dist" "$MAKE" dist
cd check-deb || exit 99
tar xzf "../hmap-$version.tar.gz"
tar czf "hmap_$version.orig.tar.gz" --exclude=debian "hmap-$version"

build() {
  (cd "hmap-$version" && unset CC && dpkg-buildpackage -us -uc) >build.log 2>&1 || {
    tail -n 50 build.log
    return 1
  }
}
check "dpkg-buildpackage builds" build
lintian --allow-root -I --pedantic ./*.changes >lintian.log 2>&1
check "lintian has no errors" same "exit status 0" "exit status $?$(grep '^E:' lintian.log)"
check "lintian has nothing to say but on what cannot be known yet" same "" \
  "$(grep '^[WIP]:' lintian.log | grep -v 'initial-upload-closes-no-bugs')"

# unpack PACKAGE: puts a package's files below root/, and lists them.
unpack() {
  dpkg-deb -x "$1"_"$version"-*.deb root
  dpkg-deb -c "$1"_"$version"-*.deb | sed 's/.* \.//; s/ -> .*//' | grep -v '/$'
}
# holds PACKAGE FILE...: a package has these, by the ends of their names.
holds() {
  package=$1
  shift
  unpack "$package" >"$package.files"
  for file; do
    grep -q -- "$file\$" "$package.files" || { echo "no $file"; cat "$package.files"; return 1; }
  done
}
for library in libhmap libhmap-search libhmap-ghash; do
  check "${library}1" holds "${library}1" "/$library.so.1"
done
check "libhmap-glib1" holds libhmap-glib1 /libhmap-glib.so.1 /hmap/shadow/libglib-2.0.so.0
check "libhmap-sync1" holds libhmap-sync1 /libhmap-sync.so.1
check "libhmap-dev" holds libhmap-dev /include/hmap.h /libhmap.so /libhmap-search.a /hmap-search.pc /man3/hmap.3.gz \
  /man3/hmap_make.3.gz /man7/hmap-glib.7.gz /hmap/hmap-gdb.py /libhmap.so.1.0.0-gdb.py /libhmap-glib.so.1.0.0-gdb.py
check "libhmap-glib-dev" holds libhmap-glib-dev /libhmap-glib.so /libhmap-glib.a /hmap-glib.pc /hmap/glib-first.o
check "libhmap-sync-dev" holds libhmap-sync-dev /include/hmap-sync.h /libhmap-sync.so /hmap-sync.pc /man3/hmap_sync_make.3.gz
check "hmap-tools" holds hmap-tools /usr/bin/hmap /man1/hmap-run.1.gz /man8/hmap-system.8.gz

# depends PACKAGE FIELD: what dpkg found that it needs.
depends() {
  dpkg-deb -f "$1"_"$version"-*.deb "$2"
}
check "libhmap1 needs libc alone" same "libc6" "$(depends libhmap1 Depends | tr ',' '\n' | sed 's/ *(.*//; s/^ //')"
check "nobody is told to take GLib from libhmap-glib1" \
  same "" "$(dpkg-deb --ctrl-tarfile libhmap-glib1_*.deb | tar xO ./shlibs | grep glib-2.0)"

# Two programs, linked with what the packages hold.
lib=$(dirname "$(find root -name libhmap.so.1)")
# wordfreq API FLAG...
wordfreq() {
  program=wordfreq-$1
  shift
  cc "$abs_top_srcdir/tests/legacy/$program/wordfreq.c" -o "$program" "$@" -L"$lib" &&
    LD_LIBRARY_PATH=$lib HMAP_STATS=$PWD/stats "./$program" "$abs_top_srcdir/COPYING" >"$program.out" &&
    grep -q ' software$' "$program.out" &&
    grep "program=$program tables=1 " stats
}
check "a program for hsearch" wordfreq hsearch -Wl,--no-as-needed -lhmap-search
# shellcheck disable=SC2046 # words
check "a program for GLib" wordfreq glib $(pkg-config --cflags glib-2.0) -lhmap-glib $(pkg-config --libs glib-2.0)
mkdir autopkgtest
check "debian/tests/link" env AUTOPKGTEST_TMP="$PWD/autopkgtest" LIBRARY_PATH="$PWD/$lib" LD_LIBRARY_PATH="$PWD/$lib" \
  PKG_CONFIG_PATH="$PWD/$lib/pkgconfig" sh "hmap-$version/debian/tests/link"
mkdir autopkgtest-command
check "debian/tests/command" env AUTOPKGTEST_TMP="$PWD/autopkgtest-command" PATH="$PWD/${lib%/lib/*}/bin:$PATH" \
  sh "hmap-$version/debian/tests/command"
done_testing
