#!/bin/sh
# stats.sh: hmap stats adds up what HMAP_STATS made programs write, and refuses what it did not.

. "$abs_top_srcdir/tests/tools/tools.sh"

# line PROGRAM TABLES LIVE ENTRIES PEAK BUCKETS OVERFLOW LONGEST [MORE]
line() {
  echo "libhmap-search pid=1 program=$1 tables=$2 live=$3 entries=$4 peak=$5 growths=9 bigger=4 samesize=3 shrinks=2" \
    "evacuated=11 buckets=$6 overflow=$7 longest=$8 alarms=1 foreign=5$9"
}
{
  line first 2 1 100 60 8 1 2 ""
  line second 1 0 7 7 1 0 1 " later=1"
  line first 3 0 50 50 8 3 3 ""
} >made-up
cat >wanted <<'END_OF_TEXT'
program  library         processes  tables  live  entries  peak  bigger  same size  shrunk  moved  overflow  longest  alarms  foreign
first    libhmap-search          2       5     1      150    60       8          6       4     22    25.0 %        3       2       10
second   libhmap-search          1       1     0        7     7       4          3       2     11     0.0 %        1       1        5
all                              3       6     1      157    60      12          9       6     33    23.5 %        3       3       15
END_OF_TEXT
check "counts are added up, the largest are shown" same "$(cat wanted)" "$(hmap stats made-up)"
sed -n 2p made-up >one
check "one row has no sum" same "$(sed -n '1p;3p' wanted | tr -s ' ')" "$(hmap stats one | tr -s ' ')"

# What real processes write: a program, and what it forks.
check "a program for hsearch compiles" compile_words
seq 1000 >input
for _ in 1 2; do HMAP_STATS=real hmap run ./words <input >/dev/null; done
check "a real line" same "words libhmap-search 2 2" "$(hmap stats real | sed -n 2p | awk '{ print $1, $2, $3, $4 }')"

refuse() {
  printf '%s\n' "$3" >bad
  check "refused: $1" refuses 2 "$2" stats bad
}
refuse "another text" "bad, line 1: this is not what HMAP_STATS makes programs write" "hello, world"
refuse "an empty line" "bad, line 1" ""
refuse "a line of another library" "bad, line 1" "$(line x 1 1 1 1 1 1 1 "" | sed 's/libhmap-search/libother/')"
refuse "a field that is missing" "bad, line 1" "$(line x 1 1 1 1 1 1 1 "" | sed 's/ alarms=1//')"
refuse "a number that is none" "bad, line 1" "$(line x 1 1 1 1 1 1 1 "" | sed 's/ alarms=1/ alarms=one/')"
refuse "half a line after good ones" "bad, line 2" "$(line x 1 1 1 1 1 1 1 ""; echo libhmap pid=3)"
refuse "numbers that are too large" "bad, line 1" "$(line x 1 1 1 1 1 1 1 "" | sed "s/ alarms=1/ alarms=$(printf '9%.0s' $(seq 400))/")"
refuse "numbers below zero" "bad, line 1" "$(line x 1 1 1 1 1 1 1 "" | sed 's/ alarms=1/ alarms=-1/')"
refuse "numbers with underscores" "bad, line 1" "$(line x 1 1 1 1 1 1 1 "" | sed 's/ alarms=1/ alarms=1_0/')"
refuse "a name with control characters" "bad, line 1" "$(line "$(printf 'x\033[31m')" 1 1 1 1 1 1 1 "")"
check "standard input" same "$(hmap stats made-up)" "$(hmap stats - <made-up)"
check "as JSON" eval 'hmap stats --json made-up >found.json && "$PYTHON3" -c "import json; f = json.load(open(\"found.json\"))
assert [(r[\"program\"], r[\"processes\"], r[\"tables\"]) for r in f] == [(\"first\", 2, 5), (\"second\", 1, 1)], f"'
check "a pipe that nobody reads" eval 'mkfifo pipe && HMAP_STATS=pipe timeout 20 "$bin/hmap" run ./words a 2>found; same 1 $? &&
  grep "cannot write to .*pipe" found'
: >empty
check "refused: an empty file" refuses 2 "empty is empty: no program" stats empty
check "refused: no such file" refuses 2 "nowhere: No such file or directory" stats nowhere
check "refused: a folder" refuses 2 ".: Is a directory" stats .
check "refused: no file" refuses 2 "FILE" stats
done_testing
