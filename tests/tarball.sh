#!/bin/sh
# tarball.sh: a release holds every file of the repository.

. "$abs_top_srcdir/tests/tap.sh"
[ -e "$abs_top_srcdir/.git" ] && command -v git >/dev/null || skip_all "this is a release already"

# A make of its own, with nothing of the one that runs the tests.
unset MAKEFLAGS MFLAGS MAKELEVEL
mkdir -p tests/scratch
tree=tests/scratch/tarball
rm -rf "$tree"
check "make distdir works" "$MAKE" distdir distdir="$tree"
for file in $(git -C "$abs_top_srcdir" -c safe.directory='*' ls-files); do
  [ -e "$tree/$file" ] || echo "$file"
done >tests/scratch/tarball.missing
check "no file is missing" same "" "$(cat tests/scratch/tarball.missing)"
rm -rf "$tree"
done_testing
