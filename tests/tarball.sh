#!/bin/sh
# tarball.sh: a release holds every file of the repository, and is the same byte by byte however often it is made.

. "$abs_top_srcdir/tests/tap.sh"
[ -e "$abs_top_srcdir/.git" ] && command -v git >/dev/null || skip_all "this is a release already"

# A make of its own, with nothing of the one that runs the tests.
unset MAKEFLAGS MFLAGS MAKELEVEL
mkdir -p tests/scratch
tree=tests/scratch/tarball
rm -rf "$tree" tests/scratch/*.tar.gz
# made NAME: a release of its own name, from the same sources.
made() {
  "$MAKE" dist-gzip distdir="$tree" && mv "$tree.tar.gz" "tests/scratch/$1.tar.gz"
}
check "make dist works" made first
check "it does again" eval '(umask 077; sleep 1; made second)'
check "and makes the same" cmp tests/scratch/first.tar.gz tests/scratch/second.tar.gz
tar tzf tests/scratch/first.tar.gz | sed "s,^$tree/,," >tests/scratch/tarball.files
for file in $(git -C "$abs_top_srcdir" -c safe.directory='*' ls-files); do
  grep -qxF "$file" tests/scratch/tarball.files || echo "$file"
done >tests/scratch/tarball.missing
check "no file is missing" same "" "$(cat tests/scratch/tarball.missing)"
rm -rf "$tree"
done_testing
