#!/bin/sh
# headers.sh: every public header compiles by itself, without a warning, in each language that it is meant for.

. "$abs_top_srcdir/tests/tap.sh"
scratch headers
strict="-Wall -Wextra -Wpedantic -Wshadow -Werror -I$abs_top_srcdir/include"

# try COMPILER STANDARD HEADER: twice included, because that must be harmless too.
try() {
  printf '#include <%s>\n#include <%s>\nint main(void) { return 0; }\n' "$3" "$3" >"try.${2%%[0-9]*}"
  # shellcheck disable=SC2086 # words
  $1 -std="$2" $strict -fsyntax-only "try.${2%%[0-9]*}"
}

for path in "$abs_top_srcdir"/include/*.h; do
  header=${path##*/}
  for standard in c99 c11; do
    check "$header as $standard" try "$CC" "$standard" "$header"
  done
  if [ -n "$CXX" ]; then
    check "$header as c++17" try "$CXX" c++17 "$header"
  else
    skip "$header as c++17" "no C++ compiler"
  fi
done
done_testing
