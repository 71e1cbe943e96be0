#!/bin/sh
# packages.sh: each file that make install makes is in exactly one Debian package, by debian/*.install, or in none by decision.
# (make check-deb builds the packages.)

. "$abs_top_srcdir/tests/tap.sh"
[ -z "$SANITIZED" ] || skip_all "is not for packages"
for built in compat/.libs/libhmap-glib.so.1 lib/.libs/libhmap-sync.so.1 shadow; do
  [ -e $built ] || skip_all "built without $built"
done
scratch packages
unset MAKEFLAGS MFLAGS MAKELEVEL

# A folder that configure refuses in one line, before it has looked for anything.
spaced() {
  mkdir "a folder" && cd "a folder" && ! "$abs_top_srcdir/configure" >out 2>err && test ! -e Makefile &&
    same "configure: error: a folder with a space in its path, $PWD: build in another one" "$(cat err)"
}
check "a build folder with a space in its path" eval '(spaced)'
check "make install" "$MAKE" -C "$builddir" install DESTDIR="$PWD/root" prefix=/usr exec_prefix=/usr libdir=/usr/lib/any-linux \
  datarootdir=/usr/share
for list in "$abs_top_srcdir"/debian/*.install "$abs_top_srcdir"/debian/not-installed; do
  while read -r pattern; do
    # shellcheck disable=SC2086 # patterns are meant
    (cd root && printf "$(basename "$list") %s\n" $pattern)
  done <"$list"
done >patterns

# owners FILE: the lists that name it, or a folder that it is in.
owners() {
  while read -r list path; do
    case $1 in
      "$path" | "$path"/*) echo "$list" ;;
    esac
  done <patterns | sort -u
}
(cd root && find usr ! -type d) | sort | while read -r file; do
  owners=$(owners "$file")
  [ "$(echo "$owners" | grep -c .)" = 1 ] || echo "$file:" $owners
done >wrong
check "there are files" test "$(find root ! -type d | wc -l)" -gt 50
check "each file belongs to one package" same "" "$(cat wrong)"

# Once they are stripped, no file names a folder of the build.
find root ! -type d \( -name '*.so.*' -o -name '*.a' -o -name '*.o' \) -exec strip --strip-debug {} +
find root/usr -type f -perm -100 -exec sh -c 'file=$1; head -c 4 "$file" | grep -q ELF && strip "$file"' - {} \;
check "no file has a path of the build" same "" "$(grep -rlF -e "$abs_top_srcdir" -e "$builddir" root)"

# Each public function has a page of its library.
for header in hmap hmap-sync; do
  for name in $(sed -n 's/^HMAP_API.*[ *]\(hmap_[a-z_0-9]*\)(.*/\1/p' "$abs_top_srcdir/include/$header.h"); do
    grep -qx ".so man3/$header.3" "root/usr/share/man/man3/$name.3" || echo "$name"
  done
done >pageless
check "each public function has a page" same "" "$(cat pageless)"
check "README and NEWS are installed" test -s root/usr/share/doc/hmap/README.md -a -s root/usr/share/doc/hmap/NEWS.md
check "what README names is there too" same "" "$(cd root/usr/share/doc/hmap &&
  sed -n 's/.*](\(doc\/[^)#]*\)[)#].*/\1/p' README.md | while read -r file; do [ -e "$file" ] || echo "$file"; done)"
check "make uninstall" "$MAKE" -C "$builddir" uninstall DESTDIR="$PWD/root" prefix=/usr exec_prefix=/usr libdir=/usr/lib/any-linux \
  datarootdir=/usr/share
check "it leaves nothing" same "" "$(find root ! -type d)"
done_testing
