#!/bin/sh
# record.sh: hmap record writes what a program does with its tables, in one thread and in several, forked and killed; hmap replay
# finds the same results on GLib and on hmap, tells where they are not, and refuses what is damaged.

. "$abs_top_srcdir/tests/tools/tools.sh"
have_glib || skip_all "built without GLib or without the shadow"
[ -e "$lib/hmap/record" ] || skip_all "built without the recording libraries"
check "the programs compile" eval 'compile_words && compile_table &&
  compile traced "$sources/traced.c" $GLIB_CFLAGS $GLIB_LIBS -lpthread'

# replays TRACE...: each one with the same results.
replays() {
  for trace; do
    hmap replay --check "$trace" || return 1
  done
}

# records NAME MODE: the program does what it does when it is not recorded; and all that it did is the same when it is replayed.
records() {
  for seed in 1 2 3; do
    ./traced $seed 3000 "$2" >stock
    hmap record -o "$1.trace" ./traced $seed 3000 "$2" >recorded
    [ "$2" = threads ] || cmp stock recorded || return 1
    replays "$1".trace* || return 1
  done
}
check "every operation there is" records plain ""
check "four threads" records threads threads
check "it tells how many there were" says "5 threads" replay --check threads.trace
check "both APIs" records both search
check "it counts the entries that libc had no room for" says "2994 entries that libc had no room for" replay --check both.trace
check "forks" records forks fork
check "each process has a trace, the children's begin with the parent's" eval '
  ls forks.trace.* >children && same 3 "$(wc -l <children)" &&
  for child in $(cat children); do cmp -n 10000 forks.trace "$child" || exit 1; done'
check "a program that is killed leaves all that it did" eval '
  ! hmap record -o killed.trace ./traced 1 3000 kill && says "ends before the program did" replay --check killed.trace &&
  hmap record -o whole.trace ./traced 1 3000 >whole &&
  same "$(hmap replay --check whole.trace | grep "^strings")" "$(hmap replay --check killed.trace | grep "^strings")"'
check "two runs give the same operations" eval 'hmap record -o again.trace ./traced 1 3000 >again &&
  same "$(hmap replay --check whole.trace)" "$(hmap replay --check again.trace)"'
check "a limit" eval 'hmap record --limit 20K -o limited.trace ./traced 1 3000 >limited && cmp whole limited &&
  [ "$(stat -c %s limited.trace)" -lt 21000 ] && says "its limit" replay --check limited.trace'
check "a whole replay" eval 'hmap replay --runs 1 whole.trace >shown && grep -q "^time .* on GLib or libc, .* on hmap, ratio" shown &&
  grep -q "^peak memory .* MB" shown && grep -q "^longest call" shown && grep -q "^results *the same" shown'
check "as JSON" eval 'hmap replay --json --check whole.trace |
  "$PYTHON3" -c "import json, sys; t = json.load(sys.stdin); sys.exit(not (t[\"same\"] and t[\"kinds\"][\"Str\"][\"tables\"]))"'
check "compressed" eval '"$PYTHON3" -c "import lzma, sys; sys.stdout.buffer.write(lzma.compress(open(\"whole.trace\", \"rb\").read()))" \
  >whole.trace.xz && hmap replay --check whole.trace.xz'
check "a program for hsearch" eval 'hmap record -o words.trace ./words a b a >/dev/null; replays words.trace &&
  hmap replay --check words.trace | grep -q "^hsearch  *1 "'
check "GLib on its own costs nothing of it" eval './table >stock && hmap record -o table.trace ./table >recorded && cmp stock recorded'

# Hidden strings: none of them is there, collisions are.
cat >secrets.c <<'END_OF_TEXT'
#include <glib.h>
int main(void)
{
  GHashTable *t = g_hash_table_new(g_str_hash, g_str_equal);
  const char *keys[] = {"/secret/one", "/secret/two", "AbAbAbAbAbAbAbAbAb", "BAAbAbAbAbAbAbAbAb", "AbBAAbAbAbAbAbAbAb", "Ab", "BA", "x", ""};
  for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++)
    g_hash_table_insert(t, (gpointer)keys[i], (gpointer)keys[i]);
  for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++)
    if (g_hash_table_lookup(t, keys[i]) != keys[i])
      return 1;
  return 0;
}
END_OF_TEXT
check "hidden strings" eval 'compile secrets secrets.c $GLIB_CFLAGS $GLIB_LIBS && hmap record --hash-strings -o hidden.trace ./secrets &&
  ! grep -q "secret/\|Ab" hidden.trace && hmap replay --json --check hidden.trace | grep -q "\"InsertSelf\": 9"'
check "every operation, with hidden strings" eval 'hmap record --hash-strings -o hidden.trace ./traced 2 3000 >/dev/null &&
  ! grep -q "key 1" hidden.trace && replays hidden.trace'

# damage: of many damaged traces, each is replayed or refused in one line; and those that were complete are never taken for whole.
cat >damage.py <<'END_OF_TEXT'
import random, subprocess, sys
trace, *replayer = sys.argv[1:]
whole = open(trace, "rb").read()
random.seed(1)
for n in range(150):
    data = bytearray(whole[:random.randint(1, len(whole))] if n % 3 == 0 else whole)
    for _ in range(n % 4):
        data[random.randrange(len(data) if n % 5 else min(len(data), 100))] ^= 1 << random.randrange(8)
    open("damaged.trace", "wb").write(data)
    done = subprocess.run([*replayer, "damaged.trace"], capture_output=True, text=True, errors="replace")
    lines = done.stderr.count("\n")
    if done.returncode not in (0, 1, 2) or lines != (done.returncode == 2) or (not done.returncode and data != whole
                                                                             and "ends before" not in done.stdout):
        sys.exit(f"case {n}: status {done.returncode}, {done.stdout} {done.stderr}")
END_OF_TEXT
check "damaged traces" "$PYTHON3" damage.py both.trace "$bin/hmap" replay --check
check "a trace of another version" eval 'printf "hmaptrc\032\r\n\002\000\100\000" >other.trace && refuses 2 "of another version" \
  replay other.trace'
check "what is no trace" refuses 2 "no trace of hmap record's" replay words
check "an empty file" eval ': >empty.trace && refuses 2 "too short" replay empty.trace'
check "what is not there" refuses 2 "there is no such file" replay nothing.trace
check "a damaged archive" eval 'head -c 1000 whole.trace.xz >half.trace.xz && refuses 2 "half.trace.xz: damaged" replay half.trace.xz'
check "a file that is no trace is kept" eval 'echo text >kept && refuses 126 "is no trace: remove it" record -o kept ./table'
check "a size that is none" refuses 2 "'much' is no size" record --limit much ./table
check "a program on hmap already" eval 'hmap relink ./table -o relinked &&
  refuses 126 "runs on hmap already: record the program as it was" record ./relinked'
check "what is missing" refuses 127 "there is no program nosuch" record nosuch
done_testing
