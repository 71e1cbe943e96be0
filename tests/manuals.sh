#!/bin/sh
# manuals.sh: the manual pages render without a warning, name all that there is, and what they show works.

. "$abs_top_srcdir/tests/tap.sh"
scratch manuals
doc=$abs_top_srcdir/doc

if man --version 2>/dev/null | grep -q '^man 2' && command -v groff >/dev/null; then
  for page in "$doc"/*.[1-8]; do
    check "$(basename "$page") renders without a warning" \
      same "" "$(man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)"
  done
else
  skip "rendering" "there is no man-db with groff"
fi

if command -v mandoc >/dev/null; then
  check "mandoc finds nothing to say" same "" "$(mandoc -T lint "$doc"/*.[1-8] 2>&1)"
else
  skip "mandoc" "mandoc is not installed"
fi

# functions HEADER, and those that PAGE shows, and goes by the name of.
functions() { sed -n 's/^HMAP_API.*[ *]\(hmap_[a-z_0-9]*\)(.*/\1/p' "$abs_top_srcdir/include/$1" | sort; }
synopsis() { sed -n '/^.SH SYN/,/^.SH DESC/{s/^\.BI* .*[ *"]\(hmap_[a-z_]*\)(.*/\1/p}' "$doc/$1" | sort; }
names() { sed -n '/^.SH NAME/,/^.SH LIB/p' "$doc/$1" | grep -o 'hmap_[a-z_]*' | sort; }
for library in hmap hmap-sync; do
  check "$library(3) shows each function of $library.h" same "$(functions $library.h)" "$(synopsis $library.3)"
  check "$library(3) goes by the name of each" same "$(functions $library.h)" "$(names $library.3)"
done

# The example in hmap(3) is a whole program.
awk '/^\.SH EXAMPLES/ { here = 1 } here && /^\.EE/ { exit } text { gsub(/\\e/, "\\"); print } here && /^\.EX/ { text = 1 }' \
  "$doc/hmap.3" >words.c
# shellcheck disable=SC2086 # words
check "its example compiles" $CC $CFLAGS $SANITIZED -std=gnu11 -Wall -Wextra -Werror -I"$abs_top_srcdir/include" \
  words.c -o words "$builddir/lib/.libs/libhmap.a" -lpthread
check "its example counts words" same "1 pear
2 apple" "$(HMAP_STATS=stats ./words apple pear apple | sort)"

# The fields of a line are in hmap-stats(1) and nothing else is.
fields() { tr ' ' '\n' <stats | sed -n 's/=.*//p' | sort; }
documented() { sed -n '/^.SH THE FILE/,/^More fields/{s/^\.BR* \([a-z]*\).*/\1/p}' "$doc/hmap-stats.1" | sort; }
check "hmap-stats(1) tells of each field" same "$(fields)" "$(documented)"
done_testing
