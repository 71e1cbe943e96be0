#!/bin/sh
# abi.sh: the libraries have what they had: no function is gone, and no function's or public structure's type is another, compared
# with the descriptions in tests/abi/. What is new may be. abi.sh --write makes the descriptions anew: for a release that adds
# something, or one whose soname is another.

set -u
descriptions=$abs_top_srcdir/tests/abi
libraries="lib/libhmap lib/libhmap-sync compat/libhmap-search compat/libhmap-ghash compat/libhmap-glib"

# Types that no header shows are nobody's business.
describe() {
  abidw --headers-dir "$abs_top_srcdir/include" --drop-private-types --no-show-locs --no-corpus-path --no-comp-dir-path \
    --no-elf-needed --no-parameter-names --type-id-style hash "$1" | sed "s| path='[^']*/|&\n|; s| path='.*\n| path='|"
}

if [ "${1-}" = --write ]; then
  mkdir -p "$descriptions"
  for library in $libraries; do
    describe "$(dirname "$library")/.libs/$(basename "$library").so" >"$descriptions/$(basename "$library").abi" || exit
  done
  exit
fi

. "$abs_top_srcdir/tests/tap.sh"
[ -z "$SANITIZED" ] || skip_all "a sanitizer changes what is described"
command -v abidiff >/dev/null || skip_all "abidiff is not installed (Debian: abigail-tools)"
case $(uname -m)-$CC in *-m32* | [!x]*) skip_all "the descriptions are of x86-64" ;; x86_64-*) ;; esac

# compare NAME LIBRARY: nothing is gone or changed.
# libc's own structures are another matter.
compare() {
  describe "$2" >tests/found.abi
  printf '[suppress_type]\n  name_regexp = ^_IO_\n' >tests/not-ours.abignore
  abidiff --no-added-syms --suppressions tests/not-ours.abignore "$1" tests/found.abi ||
    { echo "the ABI of $2 has changed: users have to compile anew, so it takes another soname"; return 1; }
}
# notices SCRIPT: a description that sed has changed is no longer the library's.
notices() {
  sed "$1" "$descriptions/libhmap.abi" >tests/changed.abi
  ! same "$(cat "$descriptions/libhmap.abi")" "$(cat tests/changed.abi)" >/dev/null &&
    ! compare tests/changed.abi lib/.libs/libhmap.so
}

for library in $libraries; do
  name=$(basename "$library") file=$(dirname "$library")/.libs/$(basename "$library").so
  if [ ! -e "$file" ]; then skip "$name" "it was not built"; continue; fi
  check "$name has what it had" compare "$descriptions/$name.abi" "$file"
done
check "a function that is gone is noticed" notices "s/\(.*elf-symbol name='\)hmap_clear\('.*\)/&\n\1hmap_gone\2/"
check "and a structure that has grown" notices "s/\(class-decl name='hmap_iter' size-in-bits='\)[0-9]*/\164/"
rm -f tests/changed.abi tests/found.abi tests/not-ours.abignore
done_testing
