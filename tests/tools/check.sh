#!/bin/sh
# check.sh: hmap check tells what programs use, and why some cannot be switched.

. "$abs_top_srcdir/tests/tools/tools.sh"

# tells LINES PROGRAM: what check prints of it, without its first line.
tells() {
  same "$1" "$(hmap check "$2" | sed '1d; s/^  //')"
}

# json EXPRESSION ARGUMENT...: a Python expression about what check --json prints, found, holds.
json() {
  expression=$1
  shift
  hmap check --json "$@" >found.json
  "$PYTHON3" -c "import json; found = json.load(open('found.json')); assert $expression, found"
}

check "the programs compile" eval 'compile_words && compile_split_words && echo "int main(void) { return 0; }" >none.c &&
  compile none none.c'
check "direct use" tells "hsearch     called by itself
bound to    libc.so.6, as nothing here needs libhmap-search.so.1
switch      hmap run, hmap relink" ./words
check "use through a library" tells "hsearch     called by libwords.so
bound to    libc.so.6, as nothing here needs libhmap-search.so.1
switch      hmap run, hmap relink" here/bin/words
check "no use" tells "uses        neither hsearch nor GHashTable" ./none
check "tables of a program's own" eval 'cat >own.c <<END
#define _GNU_SOURCE
#include <search.h>
int main(void)
{
  struct hsearch_data own = {0};
  return !hcreate_r(3, &own);
}
END
  compile own own.c && says "mind        it has a struct hsearch_data" check ./own && ! hmap check ./words | grep -q mind'
check "nothing of the program runs" eval '
  printf "#include <stdio.h>\n__attribute__((constructor)) static void begin(void) { fclose(fopen(\"begun\", \"w\")); }\n" >begin.c &&
  compile begin "$sources/words.c" begin.c && says "called by itself" check ./begin && test ! -e begun && ./begin && test -e begun'
check "a program by its name on PATH" eval 'PATH=$PWD/here/bin:$PATH says "$PWD/here/bin/words" check words'
check "JSON: who calls what" json \
  "found[0]['uses']['hsearch']['callers'] == {'$PWD/words': ['hcreate', 'hdestroy', 'hsearch']} and \
  found[0]['ways'] == ['run', 'relink'] and found[0]['problem'] is None and found[0]['kind'] == 'program'" ./words
check "JSON: several" json "[p['program'] for p in found] == ['./words', './none'] and found[1]['uses'] == {}" ./words ./none

if have_glib; then
  check "the program with GLib compiles" compile_table
  check "GHashTable" tells "GHashTable  called by itself
bound to    libglib-2.0.so.0, as nothing here needs libhmap-glib.so.1
switch      hmap run, hmap relink, hmap system on" ./table
  check "not PIE, and it takes functions' addresses" eval '
    printf "#include <glib.h>\nint main(void) { return !g_hash_table_new(g_str_hash, g_str_equal); }\n" >plain.c &&
    compile plain plain.c -fno-pie -no-pie $GLIB_CFLAGS $GLIB_LIBS &&
      json "found[0][\"ways\"] == [\"run\", \"relink\", \"system\"]" ./plain'
  hmap relink ./table -o onhmap >/dev/null
  check "switched already" tells "GHashTable  called by itself
on hmap     GHashTable already" ./onhmap
  check "a GLib with a function that ours lacks can be had" make_old
  check "then there is no way" eval 'bin=$PWD/old${bin#"$PWD"/root} LD_LIBRARY_PATH=newer json \
    "not found[0][\"ways\"] and \"g_hash_table_bind, which this libhmap-glib lacks: update hmap first\" in \
    found[0][\"barred\"][\"relink\"]" ./table'
  check "GHashTable where hmap was built without GLib" eval 'cp -a root bare && rm "bare${lib#"$PWD"/root}"/libhmap-glib.so* &&
    bin=$PWD/bare${bin#"$PWD"/root} json \
    "not found[0][\"ways\"] and \"install hmap built with GLib\" in found[0][\"barred\"][\"run\"]" ./table'
else
  skip "GHashTable" "built without GLib or without the shadow"
fi

# What cannot be switched, and what to do.
check "static" eval 'compile static "$sources/words.c" -static && tells "hsearch     called by itself
no way      statically linked: link it anew (hmap env)" ./static'
check "setuid" eval 'cp words setuid && chmod u+s setuid && tells "hsearch     called by itself
bound to    libc.so.6, as nothing here needs libhmap-search.so.1
not run     setuid: link it anew (hmap env)
not relink  setuid: link it anew (hmap env)" ./setuid'
# The machine of an ELF file is at offset 18.
check "another architecture" eval 'cp words foreign && printf "\026" | dd of=foreign bs=1 seek=18 conv=notrunc 2>/dev/null &&
  says "no way      for ELF64 IBM S/390" check ./foreign'
check "another C library" eval 'cp words musl && patchelf --set-interpreter /lib/ld-musl-x86_64.so.1 musl &&
  says "its dynamic linker is /lib/ld-musl-x86_64.so.1, not glibc" check ./musl'
check "a script is what runs it" eval 'printf "#!%s\n" "$PWD/words" >script && chmod +x script &&
  tells "script      run by $PWD/words, whose modules may use more: hmap run serves them too
hsearch     called by itself
bound to    libc.so.6, as nothing here needs libhmap-search.so.1
switch      hmap run" ./script'
check "a script of env and of a script" eval 'printf "#!/usr/bin/env words\n" >envscript &&
  printf "#!%s\n" "$PWD/envscript" >second &&
  PATH=$PWD/here/bin:$PATH says "run by $PWD/here/bin/words" check ./second'
# env_script REST: what check says runs a script of #!/usr/bin/env REST.
env_script() {
  printf '#!/usr/bin/env %s\n' "$1" >envscript && PATH=$PWD/here/bin:$PATH says "run by $PWD/here/bin/words" check ./envscript
}
for rest in "-u NAME words" "-uNAME words -u x" "-i --unset NAME --chdir=/ words" "-S words -n" "-vS A=1 words" "-iu NAME -C / words" \
  "--split-string=words x" "-S -u NAME words"; do
  check "a script of env $rest" env_script "$rest"
done
check "a module that needs hmap in vain" eval 'compile module.so "$sources/words.c" -DWORDS_ONLY -shared -fPIC -Wl,--no-as-needed \
  -L"$lib" -lhmap-search && says "needs libhmap-search.so.1, in vain where a program opens it that does not" check ./module.so'
check "a library" says "follows the programs that load it: check those" check here/lib/libwords.so
check "an object file" eval '$CC -c -o none.o none.c && says "no way      an object file" check ./none.o'

# Another library's functions of the same names, with a version of its own.
private() {
  cat >own.c <<'TXT'
#include <search.h>
int hcreate(size_t n) { return 1; }
void hdestroy(void) {}
ENTRY *hsearch(ENTRY e, ACTION a) { return 0; }
TXT
  echo 'OWN_1 { global: hcreate; hdestroy; hsearch; };' >own.map
  compile libown.so own.c -shared -fPIC -Wl,--version-script=own.map -Wl,-soname,libown.so &&
    compile private "$sources/words.c" -L. -lown -Wl,-rpath,"$PWD" &&
    tells "hsearch     called by none
not run     libown.so has functions of the same names for private, which ours would replace: link it anew (hmap env)
not relink  libown.so has functions of the same names for private, which ours would replace: link it anew (hmap env)" ./private
}
check "functions of a private symbol version" private

# What the dynamic linker refuses: libfine.so is not what the program was linked with.
refused() {
  rm -f libfine.so
  printf 'int fine = 1;\nint well(void) { return 1; }\n' >fine.c
  printf 'extern int fine;\nint well(void);\nint main(int c, char **v) { return (c > 5 ? well() : 0) + %s; }\n' "$3" >uses.c
  echo "$1 { global: *; };" >fine.map
  compile libfine.so fine.c -shared -fPIC -Wl,--version-script=fine.map && compile uses uses.c -L. -lfine -Wl,-rpath,"$PWD" ${4-} &&
    ./uses && echo "${5-int x;}" >fine.c && echo "$2 { global: *; };" >fine.map &&
    compile libfine.so fine.c -shared -fPIC -Wl,--version-script=fine.map
  ./uses
}
# cannot_load TEXT: check and relink say it, as the program itself does.
cannot_load() {
  ends 1 hmap check ./uses >found && grep -q "no way .*its dynamic linker .* refuses it (.*$1" found &&
    refuses 2 "$1" relink ./uses -o never && refuses 126 "$1" run ./uses
}
check "a library of another version" eval 'ends 1 refused OLD NEW 0 && cannot_load "version \`OLD'"'"' not found"'
check "a variable that is missing" eval 'ends 127 refused V V "fine - 1" && cannot_load "undefined symbol: fine"'
check "a function that is missing, bound at once" eval 'ends 127 refused V V 0 -Wl,-z,now && cannot_load "undefined symbol: well"'
check "a function that is missing, bound when it is called" eval 'refused V V 0 -Wl,-z,lazy && says "uses        neither" check ./uses'
check "a library that is none" eval ': >libfine.so && cannot_load "file too short"'

check "a dynamic linker that dies" eval 'mkdir dying && printf "#include <signal.h>\nint main(void) { return raise(SIGSEGV); }\n" >dying.c &&
  compile dying/ld-linux-x86-64.so.2 dying.c -static && cp words dying/words && patchelf --set-interpreter "$PWD/dying/ld-linux-x86-64.so.2" dying/words &&
  ends 1 hmap check dying/words >found && grep "refuses it (it died by SIGSEGV)" found'
check "a library that is missing" eval 'cp here/bin/words lost && ends 1 hmap check ./lost >found &&
  grep -q "libwords.so is not found: install" found'

# cannot TEXT PROGRAM: it is reported as one that could not be examined.
cannot() {
  ends 1 hmap check "$2" >found && grep -qF "no way      $1" found || { cat found; return 1; }
}
echo text >text
check "neither ELF nor script" cannot "neither an ELF file nor a script: name a program" ./text
check "missing" cannot "there is no program nosuch: give a name that is on PATH, or a path" nosuch
check "a folder" cannot "./here is a folder: name the programs in it" ./here
check "a damaged file" eval 'head -c 300 words >half && cannot "damaged (" ./half'
unreadable() {
  cp words secret && chmod 0 secret
  [ "$(id -u)" != 0 ] || set -- setpriv --reuid=65534 --regid=65534 --clear-groups
  "$@" "$bin/hmap" check ./secret >found
  grep -q "cannot be read (permission denied): run hmap as a user who may read it" found
}
if [ "$(id -u)" != 0 ] || setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$bin/hmap" 2>/dev/null; then
  check "unreadable" unreadable
else
  skip "unreadable" "nobody else can reach this folder"
fi
check "many: the others are shown all the same, and counted" eval 'ends 1 hmap check ./words ./none nosuch ./script >found &&
  same "4 programs: hsearch in 2, GHashTable in 0; can be relinked: 1, run on hmap as they are: 2; scripts: 1, not examined: 1" \
    "$(tail -n 1 found)"'

check "the version" same "hmap $(sed -n "s/^AC_INIT(\[hmap\], \[\(.*\)\])/\1/p" "$abs_top_srcdir/configure.ac")" "$(hmap --version)"
check "usages name their arguments" eval 'for c in run env compare; do hmap $c --help | grep -q "^usage: hmap $c .*ARGUMENT" || exit 1; done'
mkdir -p deep/er && cp words deep/er && cp none deep && echo text >deep/text && ln -s nowhere deep/dangling
check "folders are entered" eval 'says "2 programs: hsearch in 1" check -r deep && hmap check -ru deep | grep -v "^ " | same "deep/er/words
2 programs: hsearch in 1, GHashTable in 0; can be relinked: 1, run on hmap as they are: 1; scripts: 0, not examined: 0" "$(cat)"'
check "or counted" says "1 folders were left out: hmap check -r enters them" check ./words deep
wrapper() {
  mkdir -p built/.libs && cp words built/.libs/prog && printf '#! /bin/sh\n# prog - temporary wrapper script for .libs/prog\n' >built/prog &&
    chmod +x built/prog && tells "libtool     its wrapper runs built/.libs/prog
hsearch     called by itself
bound to    libc.so.6, as nothing here needs libhmap-search.so.1
switch      hmap run" built/prog
}
check "a wrapper of libtool's" wrapper
check "many at once" eval 'hmap check $(for n in $(seq 40); do echo ./words ./none; done) >found && same 80 "$(grep -c "^\./" found)" &&
  same "80 programs: hsearch in 40, GHashTable in 0" "$(tail -n 1 found | cut -d";" -f1)"'
# on_terminal COMMAND...: what it prints to one.
on_terminal() {
  TERM=xterm "$PYTHON3" -c 'import pty, sys; pty.spawn(sys.argv[1:])' "$@" </dev/null | tr '\033' '!'
}
check "colours and progress on a terminal" eval 'on_terminal "$bin/hmap" check $(for n in $(seq 40); do echo ./words; done) >tty &&
  grep -qF "![1m./words![m" tty && grep -qF "![32m" tty && grep -qF "![K40 of 40" tty'
check "no colours where they are not wanted" eval '! NO_COLOR=1 on_terminal "$bin/hmap" check ./words | grep -F "!"'
check "and nothing of that elsewhere" eval 'hmap check $(for n in $(seq 40); do echo ./words; done) >plain 2>&1 &&
  ! tr "\033\r" "!!" <plain | grep "!"'
check "debugging symbols only" eval 'objcopy --only-keep-debug words words.debug && cannot "holds the debugging symbols of a program" ./words.debug'
check "what was kept is told" eval 'cp words placed && hmap relink --in-place ./placed && says "kept        hmap relink --undo takes it back" check ./placed &&
  json "found[0][\"relinked\"][\"kept\"] == \"$PWD/placed.hmap-orig\"" ./placed'
if command -v bash >/dev/null; then
  check "completion for bash" same "relink" "$(bash -c ". '$abs_top_srcdir/tools/completion/hmap'; COMP_WORDS=(hmap rel); COMP_CWORD=1; _hmap; echo \"\${COMPREPLY[@]}\"")"
fi

# Wrong uses.
check "a pipe, to which nobody writes" eval 'mkfifo pipe && cannot "./pipe is no regular file: name a program" ./pipe'
check "a name that looks like an option" eval 'cp words ./-words && PATH=$PWD:$PATH hmap check -- -words | grep -q hsearch &&
  mkdir -p ./-d @x x && cp words ./-d/ && cp words @x/ && echo -h >x/words && hmap check -- -d/words | grep -q hsearch &&
  hmap check @x/words | grep -q hsearch'
check "no program" refuses 2 "arguments are required: PROGRAM (hmap check --help tells more)" check
check "an option that there is not" refuses 2 "unrecognized arguments: --xml" check --xml words
check "no command" refuses 2 "arguments are required: COMMAND (hmap --help tells more)"
check "a command that there is not" refuses 2 "invalid choice: 'chek'" chek
check "without readelf" eval 'mkdir no && for t in dirname env; do ln -s "$(command -v $t)" no; done &&
  PATH=$PWD/no "$bin/hmap" check ./words >found;
  grep -q "readelf is not installed: install binutils" found'
done_testing
