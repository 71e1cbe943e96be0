#!/bin/sh
# manuals.sh: each command has a page, and each page says what the command's own help says.

. "$abs_top_srcdir/tests/tools/tools.sh"
commands=$("$bin/hmap" --help | sed -n 's/^    \([a-z]*\) .*/\1/p')
check "there are commands" test "$(echo "$commands" | wc -w)" -ge 6

page() {
  ls "$abs_top_srcdir"/doc/hmap-"$1".[18]
}

# The options in a command's help are in its page.
options() {
  for option in $(hmap "$1" --help | grep -o '^  *-[-a-z, ]*' | grep -o -- '--[a-z-]*' | grep -v -- --help); do
    sed 's/\\//g' "$(page "$1")" | grep -q -- "$option" || { echo "$option is not in the page"; return 1; }
  done
}

# What shells complete: the command, and its long options.
completed() {
  for file in hmap _hmap; do
    sed -n "/[ (]$1)/,/;;/p" "$abs_top_srcdir/tools/completion/$file" >options
    sed -n "/commands=/,/_arguments -C/p; /compgen -W \"check/p" "$abs_top_srcdir/tools/completion/$file" | grep -qw "$1" || {
      echo "$file does not name it"
      return 1
    }
    for option in $(hmap "$1" --help | grep -o '^  *-[-a-z, ]*' | grep -o -- '--[a-z-]*' | grep -v -- --help); do
      grep -q -- "$option" options || { echo "$file lacks $option"; return 1; }
    done
  done
}

for command in $commands; do
  check "$command has a page" page "$command"
  check "hmap(1) names it" grep -q "hmap.-$command ([18])" "$abs_top_srcdir/doc/hmap.1"
  check "it tells of all options" options "$command"
  check "shells complete it" completed "$command"
done
done_testing
