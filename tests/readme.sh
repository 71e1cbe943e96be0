#!/bin/sh
# readme.sh: README.md is short, says what the pages of figures say, and what it and they name is there; CONTRIBUTING.md names all
# that make makes.

. "$abs_top_srcdir/tests/tap.sh"
cd "$abs_top_srcdir" || exit 99

check "README.md has at most 150 lines" test "$(wc -l <README.md)" -le 150
if command -v "$PYTHON3" >/dev/null; then
  check "it says what the pages say" "$PYTHON3" -B bench/readme.py --check .
else
  skip "it says what the pages say" "no python3"
fi
# links FILE: what it links to and is not there.
links() {
  sed 's/](/\n](/g' "$1" | sed -n 's/^](\([^):#]*\)[)#].*/\1/p' | while read -r file; do
    [ -z "$file" ] || [ -e "$(dirname "$1")/$file" ] || echo "$1: $file"
  done
}
missing=$(for page in *.md doc/*.md; do
  links "$page"
done)
check "what the pages link to is there" same "" "$missing"
unnamed=$(sed -n '/-local:\|-hook:\|^bench-root:\|^system-off:/!s/^\([a-z][a-z-]*\):.*/\1/p' Makefile.am | while read -r target; do
  grep -q "\`$target\`" CONTRIBUTING.md || echo "$target"
done)
check "CONTRIBUTING.md names what there is to make" same "" "$unnamed"
done_testing
