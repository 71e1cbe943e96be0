#!/bin/sh
# relink.sh: hmap relink makes programs that run on hmap and do the same, takes that back, and refuses what it cannot do.

. "$abs_top_srcdir/tests/tools/tools.sh"
check "the programs compile" eval 'compile_words && compile_split_words'

# by_linker PROGRAM ARGUMENT...: the libraries that its hsearch calls go to when it runs, by the dynamic linker's own report.
by_linker() {
  LD_DEBUG=bindings "$@" 2>&1 >/dev/null | sed -n 's/.* to \([^ ]*\) \[0\]: normal symbol `hsearch.*/\1/p' | sort -u
}

check "a copy" says "$PWD/copy: 3 symbols of words now bound to libhmap-search.so.1" relink ./words -o "$PWD/copy"
check "is bound to our library when it runs" same "$lib/libhmap-search.so.1" "$(by_linker ./copy a b a)"
check "and the program itself is not" eval 'by_linker ./words a | grep -q /libc.so.6'
check "they do the same" eval './words a b a >stock.out; stock=$? &&
  mv words.txt stock.txt; ./copy a b a >copy.out; [ $? = $stock ] && diff stock.txt words.txt'
check "our library is the first" same "$lib/libhmap-search.so.1" "$(patchelf --print-needed copy | head -n 1)"
check "mode and time are kept" eval 'chmod 751 words && touch -d 2001-02-03 words && hmap relink ./words -o copy &&
  same "$(stat -c "%a %Y" words)" "$(stat -c "%a %Y" copy)"'
check "into a folder" eval 'mkdir into && hmap relink ./words -o into && test -x into/words'
check "through a library, in the folder that it needs" eval 'hmap relink here/bin/words -o here/bin/ours &&
  same "$lib/libhmap-search.so.1" "$(by_linker here/bin/ours a)"'
check "elsewhere, that is refused" refuses 2 "write NEW into $PWD/here/bin" relink here/bin/words -o moved
check "RUNPATH is what it was" same '$ORIGIN/../lib' "$(patchelf --print-rpath here/bin/ours)"
check "a program by its name on PATH" eval 'PATH=$PWD/here/bin:$PATH hmap relink words -o here/bin/named'

# In place, and back.
cp words original
check "in place" eval 'ln -s words link && hmap relink --in-place ./link && test -L link &&
  same "$lib/libhmap-search.so.1" "$(by_linker ./words a)"'
check "it is kept byte for byte" cmp original words.hmap-orig
check "twice is refused" refuses 2 "relinked already: hmap relink --undo $PWD/words takes it back" relink --in-place ./words
check "and back" eval 'hmap relink --undo ./words && cmp original words && test ! -e words.hmap-orig'
check "back twice is refused" refuses 2 "words.hmap-orig is missing: only what hmap relink --in-place relinked" relink --undo \
  ./words
check "back after an upgrade is refused" eval 'hmap relink --in-place ./words && cp original words &&
  refuses 2 "it was replaced since: remove $PWD/words.hmap-orig" relink --undo ./words'
check "in place after an upgrade is refused" refuses 2 \
  "words.hmap-orig is there already, of an earlier version perhaps: remove it" relink --in-place ./words
rm -f words.hmap-orig

if have_glib; then
  check "GHashTable" eval 'compile_table && hmap relink ./table -o ours && same 100 "$(./ours)" &&
    HMAP_STATS=$PWD/stats ./ours && grep -q "libhmap-glib.* tables=1 .*entries=100" stats'
  check "both at once" eval '
    printf "#include <glib.h>\n#include <search.h>\nint main(void) { hcreate(3); return !g_hash_table_new(0, 0); }\n" >both.c &&
    compile both both.c $GLIB_CFLAGS $GLIB_LIBS && says "libhmap-glib.so.1, libhmap-search.so.1" relink ./both -o both.new &&
      ./both.new'
  make_old
  check "a GLib with a function that ours lacks is refused" eval 'bin=$PWD/old${bin#"$PWD"/root} LD_LIBRARY_PATH=newer refuses 2 \
    "g_hash_table_bind, which this libhmap-glib lacks: update hmap first" relink ./table -o never'
  # libhmap-glib needs GLib, which then stands before what the program's libraries need: here, one with other functions by the
  # names of GLib's.
  later() {
    printf 'unsigned g_list_length(void *l) { return 77; }\n' >before.c
    printf '#include <glib.h>\nint count(void) { return g_list_length(NULL) + g_hash_table_size(g_hash_table_new(0, 0)); }\n' >between.c
    printf 'int printf(const char *, ...), count(void);\nint main(void) { return printf("%%d\\n", count()) < 0; }\n' >later.c
    # shellcheck disable=SC2086 # words
    compile libbefore.so before.c -shared -fPIC && compile libbetween.so between.c -shared -fPIC -L. -Wl,--no-as-needed \
      -lbefore -Wl,-rpath,"$PWD" $GLIB_CFLAGS $GLIB_LIBS && compile later later.c -L. -lbetween -Wl,-rpath,"$PWD" &&
      same 77 "$(./later)" && refuses 2 "g_list_length, called by libbetween.so, would no longer be libbefore.so's: use hmap run" \
        relink ./later -o never && says "not relink  g_list_length" check ./later && same 77 "$(hmap run ./later)"
  }
  check "a library that comes to stand behind GLib" later
  # A program that brings its own, for its libraries too.
  if pkg-config --exists gobject-2.0; then
    check "functions that the program brings along are not taken over" eval '
      printf "void *g_hash_table_lookup(void *t, void *k) { return 0; }\nint main(void) { return 0; }\n" >brings.c &&
      compile brings brings.c -rdynamic -Wl,--no-as-needed $(pkg-config --libs gobject-2.0) &&
      refuses 2 "brings has functions of the same names for libgobject-2.0.so.0" relink ./brings -o never'
  else
    skip "functions that the program brings along are not taken over" "there is no gobject-2.0"
  fi
else
  skip "GHashTable" "built without GLib or without the shadow"
fi

cp original words
check "a newer version that is linked with hmap by itself is not replaced" eval 'hmap relink --in-place ./words &&
  compile_words -L"$lib" -Wl,--no-as-needed -lhmap-search -Wl,-rpath,"$lib" && cp words upgraded &&
  refuses 2 "it was replaced since" relink --undo ./words && cmp upgraded words'
check "nor one that was relinked otherwise" eval 'rm -f words words.hmap-orig && cp original words && hmap relink --in-place ./words &&
  compile plain "$sources/words.c" -O0 && hmap relink ./plain -o words && cp words upgraded &&
  refuses 2 "is not what $PWD/words was made from" relink --undo ./words && cmp upgraded words'
check "nor one that was changed" eval 'rm -f words words.hmap-orig && cp original words && hmap relink --in-place ./words &&
  sed -i "s/this is/that is/" words && refuses 2 "was changed since hmap relink made it" relink --undo ./words'
check "a program that is gone, or empty" eval 'rm words && refuses 2 "mv ./words.hmap-orig ./words brings back" relink --undo ./words &&
  : >words && refuses 2 "words.hmap-orig $PWD/words brings back" relink --undo ./words'
check "what is kept is not relinked" refuses 2 "is what hmap relink --in-place kept" relink --in-place ./words.hmap-orig
mv words.hmap-orig words
check "other names of a program" eval 'ln words second && says "its 1 other names go on naming what it was" relink --in-place ./words &&
  hmap relink --undo ./words && rm second'
check "a dry run" eval 'says "would be done: " relink -n --in-place ./words && cmp original words && test ! -e words.hmap-orig'
check "as JSON" eval 'hmap relink --json ./words -o json.new >found.json && "$PYTHON3" -c "import json; f = json.load(open(\"found.json\"))
assert f[\"done\"] and f[\"kept\"] is None and f[\"bound\"][0][\"functions\"] == [\"hcreate\", \"hdestroy\", \"hsearch\"], f"'
if compile asan "$sources/words.c" -fsanitize=address 2>/dev/null && ./asan a >/dev/null 2>&1; then
  check "a sanitizer has to be the first" refuses 2 "has to be the first of its libraries" relink ./asan -o never
fi
check "what a killed relink leaves goes with the next" eval 'mkdir -m 700 .hmap-0123456789abcdef && : >.hmap-0123456789abcdef/new &&
  hmap relink ./words -o json.new && test ! -e .hmap-0123456789abcdef'

# What is refused, in one line, without a trace.
check "not an ELF file" eval 'echo text >text && refuses 2 "text: neither an ELF file nor a script: name a program" relink \
  ./text -o never'
check "a script" eval 'printf "#!%s\n" "$PWD/words" >script && refuses 2 \
  "a script: relink $PWD/words, which runs it, or use hmap run" relink ./script -o never'
check "static" eval 'compile static "$sources/words.c" -static &&
  refuses 2 "statically linked: link it anew (hmap env)" relink ./static -o never'
check "setuid" eval 'cp words setuid && chmod u+s setuid && refuses 2 "setuid: link it anew (hmap env)" relink ./setuid -o never'
check "already relinked" refuses 2 "relinked already: nothing to do" relink ./copy -o never
check "nothing to switch" eval 'echo "int main(void) { return 0; }" >none.c && compile none none.c &&
  refuses 2 "nothing to do" relink ./none -o never'
check "data behind the program" eval 'cp words payload && echo data >>payload &&
  refuses 2 "there is data behind its last section" relink ./payload -o never'
check "zero bytes behind the program are padding" eval 'cp words padded && printf "\0\0\0" >>padded &&
  hmap relink ./padded -o padded.new && same "$lib/libhmap-search.so.1" "$(by_linker ./padded.new a)"'
check "zero bytes and data are data" eval 'printf x >>padded && refuses 2 "there is data behind its last section" relink ./padded \
  -o never'
relinked_padded() {
  cp words on && hmap relink --in-place ./on && printf '\0' >>on && ends 0 hmap check ./on >found && ! grep -E 'no way|not ' found &&
    refuses 2 "relinked already" relink ./on -o never && ends 1 hmap run ./on a && hmap compare --runs 1 ./on a >found
}
check "so what newer patchelfs relinked is served by every command" relinked_padded
check "a damaged file" eval 'head -c 300 words >half && refuses 2 "damaged (" relink ./half -o never'
check "missing" refuses 2 "there is no program nosuch: give a name that is on PATH, or a path" relink nosuch -o never
check "onto itself" refuses 2 "is the program itself: use --in-place, or another name" relink ./words -o ./words
check "into a folder that there is not" refuses 2 "there is no folder nowhere: make it first" relink ./words -o nowhere/words
check "onto what is no regular file" eval 'mkfifo pipe && refuses 2 "is no regular file" relink ./words -o pipe && test -p pipe'
stopped() {
  mkdir slow
  printf '#!/bin/sh\nsleep 30\n' >slow/patchelf
  chmod +x slow/patchelf
  PATH=$PWD/slow:$PATH "$bin/hmap" relink ./words -o never &
  until ls .hmap-* >/dev/null 2>&1; do sleep 0.1; done
  kill "$!"
  wait "$!"
  test $? = 143 && ! ls .hmap-* 2>/dev/null
}
check "stopped in the midst of it" stopped
check "without a word of how" refuses 2 "one of the arguments -o/--output --in-place --undo is required" relink ./words
check "with two" refuses 2 "not allowed with argument" relink ./words -o never --in-place
check "without a program" refuses 2 "arguments are required: PROGRAM" relink -o never
without_patchelf() {
  mkdir no
  ln -s "$(command -v readelf)" no
  PATH=$PWD/no "$bin/hmap" relink ./words -o never 2>found
  grep -qx "hmap relink: patchelf is not installed: install patchelf" found
}
check "without patchelf" without_patchelf
# A patchelf that changes a byte of code too, as it may where a table of sections is damaged.
damaging() {
  mkdir damaging
  real=$(command -v patchelf)
  cat >damaging/patchelf <<TXT
#!/bin/sh
$real "\$@" || exit
for made; do :; done
text=\$(readelf -WS "\$made" | sed -n 's/.*\] \.text  *PROGBITS  *[0-9a-f]*  *\([0-9a-f]*\) .*/\1/p')
printf '\377' | dd of="\$made" bs=1 seek=\$((0x\$text + 40)) conv=notrunc 2>/dev/null
TXT
  chmod +x damaging/patchelf
  PATH=$PWD/damaging:$PATH refuses 2 "words: patchelf would damage it at 0x" relink ./words -o never &&
    PATH=$PWD/damaging:$PATH XDG_CACHE_HOME=$PWD/damaging refuses 126 "words: patchelf would damage it at 0x" run ./words
}
check "a copy that patchelf damages" damaging
# overlapping SECTION: in the table of sections, it is a byte longer than there is room for.
overlapping() {
  cp words overlap && "$PYTHON3" - "$1" <<'END' && refuses 2 "its table of sections is damaged" relink ./overlap -o never
import re, struct, subprocess, sys
text = subprocess.run(["readelf", "-WS", "overlap"], capture_output=True, text=True).stdout
number = int(re.search(r"\[ *(\d+)\] " + re.escape(sys.argv[1]) + " ", text).group(1))
starts = [int(n, 16) for n in re.findall(r"\] \S+ +[A-Z]\S* +([0-9a-f]{16}) ", text)]
with open("overlap", "r+b") as file:
    table, = struct.unpack_from("<Q", file.read(64), 40)
    file.seek(table + 64 * number + 32)
    file.write(struct.pack("<Q", starts[number] - starts[number - 1] + 1))
END
}
check "a table of sections by which one lies in the next" eval 'overlapping .interp && overlapping .dynstr'
as_nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
if [ "$(id -u)" = 0 ] && $as_nobody test -x "$bin/hmap" 2>/dev/null; then
  check "in a folder that is not one's own" eval '$as_nobody "$bin/hmap" relink here/bin/words --in-place 2>found; grep -q \
    "is not yours to write to: use -o with another folder, or become root" found'
else
  skip "in a folder that is not one's own" "nobody else can reach this folder"
fi
check "none of them left anything" same "" "$(ls -A | grep '^\.hmap\|^never')"
done_testing
