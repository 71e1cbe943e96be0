# shellcheck shell=sh
# tools.sh: what the tests of the command hmap share: an installation of it in the scratch folder, and programs to try it on.
# To be sourced: . "$abs_top_srcdir/tests/tools/tools.sh"

. "$abs_top_srcdir/tests/tap.sh"
[ -z "$SANITIZED" ] || skip_all "a sanitizer's run-time library has to come with the program"
case "$CC" in *-m32*) skip_all "the tools of this system are 64-bit" ;; esac
[ -e compat/.libs/libhmap-search.so.1 ] || skip_all "built without shared libraries"
for tool in patchelf readelf "$PYTHON3"; do
  command -v "$tool" >/dev/null || skip_all "$tool is not installed (./bootstrap check installs it)"
done

sources=$abs_top_srcdir/tests/tools
scratch "tools-$(basename "$0" .sh)"
unset MAKEFLAGS MFLAGS MAKELEVEL LD_LIBRARY_PATH HMAP_STATS LDFLAGS LIBS PKG_CONFIG_PATH
top=$PWD
XDG_CACHE_HOME=$top/cache
export XDG_CACHE_HOME
(cd "$builddir" && $MAKE install DESTDIR="$OLDPWD/root") >install.log 2>&1 || { cat install.log; exit 99; }
bin=$(dirname "$(find "$PWD/root" -path '*/bin/hmap')")
lib=$(dirname "$(find "$PWD/root" -name libhmap-search.so.1 ! -path '*/record/*')")

# hmap ARGUMENT...: the installed command.
hmap() {
  "$bin/hmap" "$@"
}

# The programs.

# compile NAME SOURCE FLAGS...
compile() {
  name=$1 source=$2
  shift 2
  $CC -std=gnu11 -O1 -w -o "$name" "$source" "$@"
}

compile_words() {
  compile words "$sources/words.c" "$@"
}

# words with a library that it finds from where it lies: here/bin/words and here/lib/libwords.so.
compile_split_words() {
  mkdir -p here/bin here/lib
  compile here/lib/libwords.so "$sources/words.c" -DWORDS_ONLY -shared -fPIC -Wl,-soname,libwords.so &&
    compile here/bin/words "$sources/words.c" -DMAIN_ONLY -Lhere/lib -lwords -Wl,-rpath,'$ORIGIN/../lib' "$@"
}

compile_table() {
  # shellcheck disable=SC2086 # words
  compile table "$sources/table.c" $GLIB_CFLAGS $GLIB_LIBS "$@"
}

have_glib() {
  [ -n "$GLIB_LIBS" ] && [ -e "$lib/hmap/shadow" ]
}

# What the tests ask.

# refuses STATUS TEXT ARGUMENT...: hmap ends with this status and prints nothing but one line, on standard error, with TEXT in it.
refuses() {
  wanted=$1 text=$2
  shift 2
  hmap "$@" >"$top/refused.out" 2>"$top/refused.err"
  status=$?
  [ $status = "$wanted" ] && [ ! -s "$top/refused.out" ] && [ "$(wc -l <"$top/refused.err")" = 1 ] &&
    grep -qF -- "$text" "$top/refused.err" || {
    echo "exit status $status, wanted $wanted and '$text'"
    cat "$top/refused.out" "$top/refused.err"
    return 1
  }
}

# says TEXT ARGUMENT...: TEXT is a part of what hmap prints, which ends well.
says() {
  text=$1
  shift
  hmap "$@" >said 2>&1 && grep -qF -- "$text" said || {
    cat said
    return 1
  }
}

# ends STATUS COMMAND...
ends() {
  wanted=$1
  shift
  "$@"
  status=$?
  [ $status = "$wanted" ] || {
    echo "exit status $status, wanted $wanted"
    return 1
  }
}

# make_old: an installation, old/, whose GLib has a function that libhmap-glib lacks: the system's, with one of its names changed.
make_old() {
  real=$(readelf -d "$lib/hmap/shadow/libhmap-shadow.so.1" | sed -n 's/.*(NEEDED).*\[\(\/.*\)\]/\1/p')
  mkdir newer && sed 's/g_hash_table_find\x00/g_hash_table_bind\x00/g' "$real" >newer/libglib-2.0.so.0 && cp -a root old &&
    patchelf --replace-needed "$real" "$PWD/newer/libglib-2.0.so.0" "old${lib#"$PWD"/root}/hmap/shadow/libhmap-shadow.so.1"
}
