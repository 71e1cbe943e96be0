#!/bin/sh
# compare.sh: hmap compare sees what differs, and does not take for a difference what differs anyway.

. "$abs_top_srcdir/tests/tools/tools.sh"
check "the programs compile" eval 'compile_words && compile_split_words'
mkdir input && cd input && echo one >file || exit 99
TMPDIR=$top/tmp
export TMPDIR
mkdir "$TMPDIR"

# reports STATUS LINE... -- ARGUMENT...: hmap compare ends with this status and prints these lines (extended regular expressions).
reports() {
  wanted=$1
  shift
  : >../lines
  while [ "$1" != -- ]; do
    echo "$1" >>../lines
    shift
  done
  shift
  hmap compare "$@" >../report 2>&1
  status=$?
  good=true
  while read -r line; do
    grep -qE "^$line\$" ../report || { echo "no line: $line"; good=false; }
  done <../lines
  [ $status = "$wanted" ] && $good || { echo "exit status $status"; cat ../report; return 1; }
}

check "the same: outputs, status and files" reports 0 "same       exit status, standard error, standard output, file, words.txt" \
  "counted    libhmap-search: tables 1, entries 2, growths 0, foreign 0" "time .* \(medians of 3 runs in turn\)" -- --runs 3 \
    "$top/words" a b a
check "a library of the program's own, from its folder" reports 0 "same .* words.txt" -- --runs 1 "$top/here/bin/words" a b
check "the current folder is as it was" same file "$(ls)"
check "nothing is left" same "" "$(ls -A "$TMPDIR")"
check "what is relinked in place is compared with what was kept" eval 'cp ../words ../placed &&
  hmap relink --in-place ../placed &&
  reports 0 "same .* words.txt" "counted    libhmap-search: tables 1,.*" -- --runs 1 ../placed a b'
check "what runs on hmap on both sides is refused" eval 'hmap relink ../words -o ../relinked &&
  refuses 2 "runs on hmap already" compare ../relinked a'
check "nothing reached hmap: it says so" eval '(cd .. && echo "int main(void) { return 0; }" >none.c && compile none none.c) &&
  reports 0 "counted    nothing: no library of hmap.s was reached" -- --runs 1 ../none'

if have_glib; then
  check "GHashTable, and standard input" eval '(cd .. && compile_table) &&
    echo text | reports 0 "same .*" "counted    libhmap-glib: tables 1, entries 100, .*" -- --runs 1 ../table size'
  check "by its bare name in this folder" eval 'cp ../table bare-table &&
    PATH=.:$PATH reports 0 "same .*" "counted    libhmap-glib: tables 1, entries 100, .*" -- --runs 1 bare-table size; rm bare-table'
  check "a wrong result" reports 1 "same       exit status, standard error, file" "DIFFERS    standard output" "kept       .*" \
    -- ../table wrong
  check "both sides are kept" eval 'kept=$(sed -n "s/^kept *//p" ../report) &&
    same "100 101" "$(cat "$kept/stock/standard output" "$kept/on-hmap/standard output" | xargs)"'
  check "another order" reports 1 "DIFFERS    standard output, order.txt: the same lines in another order" -- ../table order
  check "what differs between stock runs" reports 0 "varies     standard output: not comparable, two stock runs differ" -- \
    --runs 1 ../table pid
  # A file that only one side writes, a mode, a link, a status: a program that does one of these on hmap only.
  cat >../faulty.c <<'TXT'
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char **argv)
{
  char line[4096], name[64];
  int ours = 0, home = chdir(argc > 2 ? getenv(argv[2]) : ".");
  FILE *maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, maps))
    ours |= strstr(line, "libhmap-glib") != NULL;
  g_hash_table_new(0, 0);
  fclose(fopen("made", "w"));
  if (!strcmp(argv[1], "file") && ours)
    fclose(fopen("extra", "w"));
  if (!strcmp(argv[1], "none") && ours)
    unlink("made");
  if (!strcmp(argv[1], "mode"))
    chmod("made", ours ? 0600 : 0644);
  if (!strcmp(argv[1], "link"))
    symlink(ours ? "here" : "there", "link");
  if (!strcmp(argv[1], "stderr") && ours)
    fprintf(stderr, "trouble\n");
  if (!strcmp(argv[1], "signal") && ours)
    abort();
  return home + (!strcmp(argv[1], "status") && ours);
}
TXT
  check "the faulty program compiles" eval '(cd .. && compile faulty faulty.c $GLIB_CFLAGS $GLIB_LIBS)'
  check "it can do well" reports 0 "same       exit status, standard error, standard output, file, made" -- --runs 1 ../faulty \
    well
  for case in file:extra none:made mode:made link:link "stderr:standard error" "status:exit status" "signal:exit status"; do
    check "seen: ${case%%:*}" reports 1 "DIFFERS    ${case#*:}.*" -- --runs 1 ../faulty "${case%%:*}"
  done
  check "seen: a file in HOME" reports 1 "DIFFERS    home/extra" -- --runs 1 ../faulty file HOME
  check "seen: a file in TMPDIR" reports 1 "DIFFERS    tmp/extra" -- --runs 1 ../faulty file TMPDIR
else
  skip "GHashTable" "built without GLib or without the shadow"
fi

check "a program that ends by a signal" reports 0 "counted    nothing: no library of hmap.s was reached" \
  "[ ]*\(a process that ends by a signal or _exit writes nothing\)" -- --runs 1 sh -c 'kill -9 $$'
check "a temporary folder by a relative name" eval 'TMPDIR=. reports 0 "same .*" "memory     [0-9.]* MB stock.*" -- --runs 1 -n ../words a'
check "in a loop that reads a list" same "a b c" "$(printf 'a\nb\nc\n' | while read -r x; do echo "$x"
  hmap compare -n --runs 1 ../words a >/dev/null; done | xargs)"
check "a program that does not end" refuses 2 "a run took longer than 0.5 s, so it was ended" compare -n --timeout 0.5 sleep 77
check "a program that writes without end" refuses 2 "a run writes more than 1024 MiB, so it was ended" compare -n yes
check "input without end" eval 'yes | refuses 2 "standard input is larger than 1024 MiB" compare --runs 1 true'
check "as JSON" eval 'hmap compare --json -n --runs 1 ../words a >found.json; "$PYTHON3" -c "import json; f = json.load(open(\"found.json\"))
assert f[\"same\"] and not f[\"differs\"] and f[\"counted\"][\"libhmap-search\"][\"tables\"] == 1, f"; rm found.json'
check "no processes are left, nor files" eval 'hmap compare -n --runs 2 sh -c "(while :; do echo x >f; sleep 0.01; done) & (sleep 78 &)" &&
  ! ps -ef | grep "[s]leep 7[78]"; same "" "$(ls -A "$TMPDIR" | grep -v "^hmap-compare-")"'

check "a number of runs that is none" refuses 2 "--runs 0: give a number from 1 on" compare --runs 0 ../words
check "a word for a number" refuses 2 "invalid int value: 'many'" compare --runs many ../words
check "nothing to compare" refuses 2 "name a program, and its arguments after it" compare
check "what is missing" refuses 2 "there is no program nosuch" compare nosuch
check "a tool that fails" eval 'mkdir ../failing && printf "#!/bin/sh\nexit 3\n" >../failing/patchelf && chmod +x ../failing/patchelf &&
  PATH=$top/failing:$PATH XDG_CACHE_HOME=$top/cold refuses 2 "patchelf failed" compare --runs 1 -n ../words a'
check "setuid" eval 'cp ../words ../setuid && chmod u+s ../setuid &&
  refuses 2 "setuid: link it anew (hmap env)" compare ../setuid'
# A sparse file, to take no room.
check "a folder that is too large" eval 'mkdir ../large && cd ../large && truncate -s 1100M hole &&
  refuses 2 "go to one that holds the input only" compare ../words'
rm -rf "$top/large"
done_testing
