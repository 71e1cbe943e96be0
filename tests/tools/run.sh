#!/bin/sh
# run.sh: hmap run puts untouched programs on hmap, the ones too that no order of NEEDED entries can, and refuses what it cannot.

. "$abs_top_srcdir/tests/tools/tools.sh"
check "the programs compile" eval 'compile_words && compile_split_words'

# counted LIBRARY TABLES ARGUMENT...: hmap run makes the library count so many tables.
counted() {
  library=$1 tables=$2
  shift 2
  rm -f stats
  HMAP_STATS=$PWD/stats hmap run "$@" >ran 2>&1
  same "$tables" "$(sed -n "s/^$library .* tables=\([0-9]*\) .*/\1/p" stats)" || { cat ran; return 1; }
}

check "hsearch" counted libhmap-search 1 ./words a b a
check "argv[0] is what was typed" grep -qx "this is ./words" ran
check "the exit status is the program's" ends 3 hmap run ./words a b a
check "and so is what it writes" same "a 2
b 1
a 2" "$(cat words.txt)"
check "by its name on PATH" eval 'PATH=$PWD/here/bin:$PATH counted libhmap-search 1 words a && grep -qx "this is words" ran'
check "\$ORIGIN goes on meaning the program's folder" counted libhmap-search 1 here/bin/words a
check "a RUNPATH stays a RUNPATH, an RPATH an RPATH" eval '
  compile_split_words -Wl,--disable-new-dtags && counted libhmap-search 1 here/bin/words a &&
  readelf -d "$(find cache -path "*/run/*/words" | xargs ls -t | head -n 1)" | grep -q "(RPATH).*$PWD/here/bin/../lib"'
check "the second run takes the copy of the first" eval '
  ls -i "$(find cache -name words | head -n 1)" >first && counted libhmap-search 1 ./words a &&
    ls -i "$(find cache -name words | head -n 1)" >second && cmp first second'
check "a program that changed gets a new copy" eval 'compile_words -O0 &&
  counted libhmap-search 1 ./words a && same 1 "$(find cache -path "*/$(printf %s "$PWD/words" | sha256sum | cut \
    -c1-16)/*/words" | wc -l)"'
check "the program itself is as it was" eval '! patchelf --print-needed words | grep hmap'
check "nobody else can change the copies" same 700 "$(stat -c %a cache/hmap)"
check "a relinked program runs as it is" eval 'hmap relink ./words -o relinked && counted libhmap-search 1 ./relinked a'

if have_glib; then
  # shellcheck disable=SC2046,SC2086 # words
  compile_plugins() {
    compat=$abs_top_srcdir/tests/compat
    compile plugin.so "$compat/plugin.c" -shared -fPIC -I"$abs_top_srcdir/tests" $GLIB_CFLAGS $GLIB_LIBS &&
      compile bare "$compat/bare.c" -I"$abs_top_srcdir/tests" -ldl &&
      compile tables "$compat/tables.c" -I"$abs_top_srcdir/tests" $(pkg-config --cflags --libs gobject-2.0) -ldl
  }
  check "GHashTable" eval 'compile_table && counted libhmap-glib 1 ./table && same 100 "$(cat ran)"'
  check "a script of a program with GHashTable" eval 'printf "#!%s\n" "$PWD/table" >script && chmod +x script &&
    counted libhmap-glib 1 ./script'
  check "both at once" eval '
    printf "#include <glib.h>\n#include <search.h>\nint main(void) { hcreate(3); return !g_hash_table_new(0, 0); }\n" >both.c &&
    compile both both.c $GLIB_CFLAGS $GLIB_LIBS && counted libhmap-glib 1 ./both && counted libhmap-search 1 ./both'
  if pkg-config --exists gobject-2.0; then
    # shadow.sh asks where each call goes; here it is enough that it goes as ever, and to tables of ours.
    check "plugins compile" compile_plugins
    check "a program without GLib that loads a plugin with it" eval './bare ./plugin.so >stock 2>&1; \
      HMAP_STATS=$PWD/plugin.stats hmap run ./bare ./plugin.so >ran 2>&1;
      cmp stock ran && grep "libhmap-glib .* tables=[1-9]" plugin.stats'
    for how in local deep handle; do
      check "tables travel: $how" eval './tables ./plugin.so $how >stock 2>&1; HMAP_STATS=$PWD/$how.stats hmap run ./tables \
        ./plugin.so $how >ran 2>&1;
        grep "libhmap-glib .* tables=[1-9]" $how.stats && { [ $how != local ] || cmp stock ran; }'
    done
  else
    skip "plugins" "there is no gobject-2.0"
  fi
  if "$PYTHON3" -c 'from gi.repository import GLib' 2>/dev/null; then
    # PyGObject makes tables from dictionaries and walks one that GLib made.
    cat >object.py <<'TXT'
from gi.repository import GLib
print(sorted(GLib.uri_parse_params("a=1&b=2&c=3", -1, "&", GLib.UriParamsFlags.NONE).items()))
TXT
    check "python3 with PyGObject" eval '"$PYTHON3" object.py >stock &&
      HMAP_STATS=$top/object.stats hmap run "$PYTHON3" object.py >ran && cmp stock ran &&
      grep "libhmap-glib .* tables=[1-9].* foreign=[1-9]" object.stats'
  else
    skip "python3 with PyGObject" "python3-gi is not installed"
  fi
  make_old
  check "a GLib with a function that ours lacks is refused" eval 'bin=$PWD/old${bin#"$PWD"/root} LD_LIBRARY_PATH=newer refuses \
    126 \
    "g_hash_table_bind, which this libhmap-glib lacks: update hmap first" run ./table'
  check "a GLib that is not the shadow's is refused" eval 'mkdir other && cp "$real" other/libglib-2.0.so.0 &&
    LD_LIBRARY_PATH=other refuses 126 \
    "its GLib is other/libglib-2.0.so.0, the shadow" run ./table'
  # Programs that the program starts: what is in the system's folders and beside it is served; an application elsewhere finds the
  # GLib that it brings along, which is newer (made of the system's and one function).
  cat >app.c <<'TXT'
#include <glib.h>
#include <stdio.h>
char *g_string_free_and_steal(GString *);
int main(void)
{
  GHashTable *table = g_hash_table_new(g_str_hash, g_str_equal);
  g_hash_table_insert(table, "key", "value");
  GString *text = g_string_new((char *)g_hash_table_lookup(table, "key"));
  puts(g_string_free_and_steal(text));
  return 0;
}
TXT
  cat >start.c <<'TXT'
#include <unistd.h>
int main(int argc, char **argv)
{
  return execv(argv[1], argv + 1);
}
TXT
  # shellcheck disable=SC2086 # words
  compile_app() {
    mkdir -p app/lib && cp "$(readelf -d "$lib/hmap/shadow/libhmap-shadow.so.1" | sed -n 's/.*(NEEDED).*\[\(\/.*\)\]/\1/p')" app/lib/libolder.so &&
      chmod u+w app/lib/libolder.so && patchelf --set-soname libolder.so app/lib/libolder.so &&
      printf '#include <glib.h>\nchar *g_string_free_and_steal(GString *s) { return (g_string_free)(s, FALSE); }\n' >newer.c &&
      compile app/lib/libglib-2.0.so.0 newer.c $GLIB_CFLAGS -shared -fPIC -Wl,-soname,libglib-2.0.so.0 -Lapp/lib -lolder \
        -Wl,-rpath,'$ORIGIN' &&
      for when in lazy now; do
        compile app/$when app.c $GLIB_CFLAGS -Lapp/lib -l:libglib-2.0.so.0 -lolder -Wl,-z,$when -Wl,--enable-new-dtags \
          -Wl,-rpath,'$ORIGIN/lib' || return 1
      done && compile start start.c && cp start app/start
  }
  check "an application with a GLib of its own compiles" compile_app
  for when in lazy now; do
    check "it is as ever where a program starts it, $when" eval 'same value "$(app/$when)" && same value "$(hmap run sh -c app/$when)" &&
      same value "$(hmap run sh -c app/$when)" && same value "$(hmap run ./start app/$when)" && same value "$(hmap run ./start app/$when)"'
    check "it is not run itself, $when" refuses 126 "$PWD/app/lib/libglib-2.0.so.0, " run app/$when
  done
  check "nor what lies beside it, and would start it as its neighbour" refuses 126 "has a GLib of its own, $PWD/app/lib/libglib-2.0.so.0" \
    run app/start app/now
  check "a neighbour of the program is served" counted libhmap-glib 1 ./start ./table
  check "and when the way is known" counted libhmap-glib 1 ./start ./table
  if command -v gio >/dev/null; then
    check "and what is in the system's folders, from anywhere" eval 'counted libhmap-glib "$(HMAP_STATS=$PWD/own hmap run gio version >ran
      sed -n "s/.* tables=\([0-9]*\) .*/\1/p" own)" ./start "$(command -v gio)" version'
  else
    skip "and what is in the system's folders, from anywhere" "there is no gio"
  fi
  check "a way to the shadow that is lost is made again" eval 'rm -r cache/hmap/for && counted libhmap-glib 1 ./start ./table'
  check "a way to the shadow that leads elsewhere is refused" eval 'find cache/hmap/for -name shadow -exec ln -sfn /tmp {} \; &&
    refuses 126 "shadow: remove it" run ./start ./table && rm -r cache/hmap/for'
  check "\$ORIGIN in LD_LIBRARY_PATH is the program's folder" eval 'mkdir -p origin/lib && cp table origin/table && cp "$real" origin/lib/ &&
    LD_LIBRARY_PATH="\$ORIGIN/lib" refuses 126 "its GLib is $PWD/origin/lib/" run origin/table'
  check "a program that finds its GLib first, whatever one does, is refused" eval '
    cp table rpath && patchelf --force-rpath --set-rpath "$(dirname "$real")" rpath &&
      refuses 126 "would be bound to" run ./rpath'
  check "and hmap check does not offer to run it" eval 'says "not run     g_hash_table_" check ./rpath &&
    ! grep "switch .*\(hmap run\|system\)" said'
else
  skip "GHashTable" "built without GLib or without the shadow"
fi

check "setuid is refused" eval 'cp words setuid && chmod u+s setuid && refuses 126 "setuid: link it anew (hmap env)" run ./setuid'
check "static is refused" eval 'compile static "$sources/words.c" -static &&
  refuses 126 "statically linked: link it anew" run ./static'
check "a script whose interpreter uses hsearch is refused" eval 'printf "#!%s\n" "$PWD/words" >script && chmod +x script &&
  refuses 126 "uses hsearch: hmap run $PWD/words ./script" run ./script'
check "what is no program is refused" eval 'echo text >text && chmod +x text &&
  refuses 126 "neither an ELF file nor a script: name a program" run ./text'
check "what is not executable is refused" eval 'chmod -x text &&
  refuses 126 "./text is not executable: chmod +x makes it so" run ./text'
check "a folder is refused" refuses 126 "./here is a folder: name the programs in it" run ./here
at_once() {
  rm -rf "$XDG_CACHE_HOME"
  for n in 1 2 3 4 5 6; do
    hmap run ./words a >at-once.$n 2>&1 &
  done
  wait
  for n in 2 3 4 5 6; do cmp at-once.1 at-once.$n || return 1; done
  ! grep 'hmap run' at-once.1
}
check "six at once, none of which has run before" at_once
check "a script by its bare name" eval 'printf "#!/bin/sh\necho said\n" >bare && chmod +x bare && same said "$(PATH=$PWD:$PATH hmap run bare)"'
check "what is missing is refused" refuses 127 "there is no program nosuch: give a name that is on PATH, or a path" run nosuch
check "nothing is refused" refuses 2 "name a program, and its arguments after it" run
check "an option that there is not" refuses 2 "--fast" run --fast ./words
check "a cache that others may write to is refused" eval 'mkdir -p open/hmap && chmod 777 open/hmap &&
  XDG_CACHE_HOME=$PWD/open refuses 126 "set XDG_CACHE_HOME to a folder of yours" run ./words'
check "a cache that cannot be made is refused" eval 'XDG_CACHE_HOME=$PWD/text refuses 126 \
  "set XDG_CACHE_HOME to a folder of yours" run ./words'

# All that a program can see of how it was started, but for where its libraries are: the same as without hmap, at the first time and
# when the way is known.
cat >state.sh <<'TXT'
#!/bin/sh
echo "$0 $# $*"
ls -l /proc/self/fd | sed -n 's/.*[0-9] \([0-9]*\) -> \([^0-9]*\).*/\1 \2/p' | grep -v /proc
grep -E '^(Sig|Shd|Umask|Seccomp|NoNewPrivs)' /proc/self/status | grep -v SigQ
cat /proc/self/limits
ps -o pgid=,sid=,ni= -p $$ 2>/dev/null | wc -w
env | grep -v '^LD_LIBRARY_PATH=\|^_=' | sort
TXT
chmod +x state.sh
state() {
  (trap '' PIPE HUP INT USR1 && umask 027 && ulimit -n 100 && exec "$@" <&- 5<words.txt)
}
the_same() {
  for locale in LC_CTYPE=C LC_ALL=C LANG= "LC_ALL=xx YY=1"; do
    # shellcheck disable=SC2086 # words
    state env -i PATH="$PATH" XDG_CACHE_HOME="$XDG_CACHE_HOME" $locale ./state.sh a "b c" >state 2>&1
    mv state stock.state
    rm -rf "$XDG_CACHE_HOME"
    for time in first known; do
      # shellcheck disable=SC2086 # words
      state env -i PATH="$PATH" XDG_CACHE_HOME="$XDG_CACHE_HOME" $locale "$bin/hmap" run ./state.sh a "b c" >state 2>&1
      diff stock.state state || { echo "$locale $time"; return 1; }
    done
  done
}
check "signals, limits, descriptors, umask, arguments and environment are the program's own" the_same
check "a program that is not read from any more ends by the signal" same 141 "$( (hmap run sh -c 'yes; echo $? >&2' | head -n 1) 2>&1 >ran)"
check "and so does a command of hmap env" same 141 "$( (hmap env sh -c 'yes; echo $? >&2' | head -n 1) 2>&1 >ran)"
known() {
  ends 1 hmap run ./words a && ends 1 hmap run ./words a && script=$(dirname "$bin")/share/hmap/hmap.py && mv "$script" kept.py || return 1
  counted libhmap-search 1 ./words a
  status=$?
  mv kept.py "$script"
  return $status
}
check "a way that is known takes no Python" known
changed_bytes() {
  cp words stale && ends 1 hmap run ./stale a && ends 1 hmap run ./stale a && touch -r stale before &&
    sed -i 's/this is/that is/' stale && touch -r before stale && same "that is ./stale" "$(hmap run ./stale a)"
}
check "a program of the same size and time, with other bytes" changed_bytes
damaged_copy() {
  ends 1 hmap run ./stale a
  for copy in $(find cache -path "*/run/*/stale"); do : >"$copy"; done
  same "that is ./stale" "$(hmap run ./stale a)"
}
check "a copy that is damaged is made anew" damaged_copy
check "what is preloaded counts" eval 'printf "int hcreate(unsigned long n) { return 1; }\n" >pre.c && compile libpre.so pre.c -shared -fPIC &&
  LD_PRELOAD=$PWD/libpre.so refuses 126 "libpre.so has functions of the same names for words" run ./words a'
check "a cache with a relative name does not count" eval 'HOME=$PWD/house XDG_CACHE_HOME=relative ends 1 hmap run ./words a && test ! -e relative &&
  test -e house/.cache/hmap'
done_testing
