#!/bin/sh
# shadow.sh: programs that were not relinked run on our tables when they find the shadow first; and in front of GLib or by the
# shadow, PIE or not, bound early or late, tables of ours, of GLib and of plugins go wherever a program sends them.

. "$abs_top_srcdir/tests/tap.sh"
[ -z "$SANITIZED" ] || skip_all "a sanitizer's run-time library has to come with the program"
[ -n "$GLIB_LIBS" ] || skip_all "built without GLib"
[ -e shadow/libglib-2.0.so.0 ] || skip_all "built without the shadow, configure says why"
pkg-config --exists gobject-2.0 || skip_all "there is no gobject-2.0"
scratch shadow
shadow=$builddir/shadow
real=$(readelf -d "$shadow/libglib-2.0.so.0" | sed -n 's/.*(AUXILIARY).*\[\(\/.*\)\]/\1/p')

# compile NAME SOURCE FLAGS...
compile() {
  name=$1 source=$2
  shift 2
  # shellcheck disable=SC2046,SC2086 # words
  $CC $CFLAGS -std=gnu11 -w $(pkg-config --cflags gobject-2.0) -I"$abs_top_srcdir/tests" -o "$name" "$abs_top_srcdir/tests/$source" "$@"
}

# in_shadow COMMAND...
in_shadow() {
  LD_LIBRARY_PATH=$shadow "$@"
}

# bound NAME COMMAND...: by the dynamic linker's own report, the libraries that anybody's calls of GHashTable functions went to,
# but for ours, which hands on what is not its own. (g_hash_table_get_type is GObject's.)
bound() {
  name=$1
  shift
  LD_DEBUG=bindings LD_DEBUG_OUTPUT=$name.report "$@" >/dev/null 2>&1
  cat "$name".report.* | sed -n '/libhmap-glib[^ ]* \[0\] to/d; /g_hash_table_get_type/d
    s/.* to \([^ ]*\) \[0\]: normal symbol `g_hash_table_.*/\1/p' | sed 's,.*/,,' | sort -u
}

# handed_on NAME: where ours asked for GLib's own functions, in the same report.
handed_on() {
  cat "$1".report.* | sed -n 's/.*libhmap-glib[^ ]* \[0\] to \([^ ]*\) \[0\]: normal symbol `g_hash_table_.*/\1/p' | sort -u
}

# prints FILE COMMAND...: the command succeeds and prints what is in the file.
prints() {
  file=$1
  shift
  "$@" >found 2>&1 || { echo "exit status $?"; cat found; return 1; }
  diff -u "$file" found
}

objects=$(pkg-config --libs gobject-2.0)
front="-Wl,--no-as-needed -L$builddir/compat/.libs -Wl,-rpath,$builddir/compat/.libs -lhmap-glib"
# shellcheck disable=SC2086 # words
set_up() {
  compile plugin.so compat/plugin.c -shared -fPIC $GLIB_LIBS && compile bare compat/bare.c -ldl || return 1
  for kind in pie no-pie; do
    code=-fPIE
    [ $kind = pie ] || code=-fno-pie
    for when in lazy now; do
      for program in side_ghash.c compat/tables.c; do
        name=$(basename $program .c)-$kind-$when
        compile "$name" $program $code -$kind -Wl,-z,$when $objects -ldl &&
          compile "$name-front" $program $code -$kind -Wl,-z,$when $front $objects -ldl || return 1
      done
    done
  done
}

check "the programs compile" set_up
./side_ghash-pie-lazy >side_ghash.real 2>&1
./tables-pie-lazy ./plugin.so local >tables.real 2>&1
./bare ./plugin.so >bare.real 2>&1
check "there is something to compare" test "$(cat side_ghash.real tables.real bare.real | wc -l)" -gt 300
check "the shadow names the system's GLib" test -e "$real"

for kind in pie-lazy pie-now no-pie-lazy no-pie-now; do
  check "$kind: all of side_ghash is the same in front of GLib" prints side_ghash.real "./side_ghash-$kind-front"
  check "$kind: and in the shadow" prints side_ghash.real in_shadow "./side_ghash-$kind"
  check "$kind: tables travel the same in front of GLib" prints tables.real "./tables-$kind-front" ./plugin.so local
  check "$kind: and in the shadow" prints tables.real in_shadow "./tables-$kind" ./plugin.so local
  check "$kind: and with RTLD_DEEPBIND" prints tables.real in_shadow "./tables-$kind" ./plugin.so deep
  check "$kind: and by dlsym on a handle of libglib" prints tables.real in_shadow "./tables-$kind" ./plugin.so handle
  for how in local deep handle; do
    check "$kind, $how: everybody is bound to ours" same libhmap-glib.so.1 "$(bound "$kind-$how" in_shadow "./tables-$kind" ./plugin.so $how)"
    check "$kind, $how: foreign tables are handed to GLib, past the shadow" same "$real" "$(handed_on "$kind-$how")"
  done
done

check "a program without GLib loads a plugin with it" prints bare.real in_shadow ./bare ./plugin.so
check "and the plugin is bound to ours" same libhmap-glib.so.1 "$(bound bare in_shadow ./bare ./plugin.so)"
check "and foreign tables are handed to GLib" same "$real" "$(handed_on bare)"

# A library that stands beside GLib and has functions of GLib's names: whose functions are called is as it was, wherever it stands,
# whatever asks, and the tables are ours.
cat >beside.c <<'END'
unsigned g_list_length(void *list) { return list ? 500 : 400; }
char *g_strdup_printf(const char *format, ...) { return (char *)format; }
int beside(void) { return (int)g_list_length(0); }
END
cat >asks.c <<'END'
#include <glib.h>
#include <stdio.h>
int beside(void);
#ifdef PLUGIN
int pluginSelfTest(void)
#else
int main(void)
#endif
{
  GHashTable *t = g_hash_table_new(NULL, NULL);
  for (long i = 0; i < 7; i++)
    g_hash_table_insert(t, (gpointer)i, NULL);
  printf("%d %d %s\n", beside(), g_list_length(g_hash_table_get_keys(t)), g_strdup_printf("<%d>", 5));
  return 0;
}
END
# beside NAME LIBRARY-FLAG...: prints the same in the shadow, from the tables of libhmap-glib.
beside() {
  name=$1
  shift
  # shellcheck disable=SC2086 # words
  $CC -w -fPIC $GLIB_CFLAGS -o "$name" asks.c -L. -Wl,-rpath,"$PWD" -Wl,--no-as-needed "$@" || return 1
  set -- "./$name"
  case $name in *.so) set -- ./bare "./$name" ;; esac
  "$@" >beside.real 2>&1 || { cat beside.real; return 1; }
  rm -f stats
  HMAP_STATS=$PWD/stats prints beside.real in_shadow "$@" && grep -q '^libhmap-glib .* tables=[1-9]' stats
}
check "a library with functions of GLib's names" $CC -w -fPIC -shared -o libbeside.so beside.c -Wl,-Bsymbolic
check "and one behind which GLib is needed" $CC -w -fPIC -shared -o libneeds.so beside.c -Wl,-Bsymbolic -Wl,--no-as-needed -lglib-2.0
for when in lazy now; do
  check "it stands behind GLib, $when" beside behind -Wl,-z,$when $GLIB_LIBS -lbeside
  check "it stands before GLib, $when" beside before -Wl,-z,$when -lbeside $GLIB_LIBS
  check "GLib comes through it, $when" beside through -Wl,-z,$when -lneeds $GLIB_LIBS
  check "GLib comes through another library, $when" beside another -Wl,-z,$when $(pkg-config --libs-only-l gobject-2.0 | sed 's/-lglib-2.0//') \
    -lbeside $GLIB_LIBS
  check "a plugin of a program without GLib, $when" beside plugin-$when.so -DPLUGIN -shared -Wl,-z,$when $GLIB_LIBS -lbeside
done

# The numbers tell whether the tables were ours.
counts() {
  rm -f stats
  HMAP_STATS=$PWD/stats in_shadow ./tables-pie-lazy ./plugin.so local >/dev/null
  grep -c '^libhmap-glib .* tables=[1-9].* foreign=[1-9]' stats
}
check "tables of ours and foreign calls are counted" same 1 "$(counts)"

# Functions that GLib may lack: they work on tables of ours, and on GLib's too, or end in a critical.
newer() {
  # shellcheck disable=SC2086 # words
  compile "newer-$1" compat/newer.c "-$2" "-$1" $front $objects && timeout 60 "./newer-$1" >newer.found || return 1
  $NM -D "$real" | grep -q g_hash_table_steal_all_keys ||
    set -- "$1" "$2" "GLib: g_hash_table_steal_all_keys: assertion 'GLIB_HAS(g_hash_table_steal_all_keys)' failed
3 left"
  same "5
5
0 left
3
${3-3
0 left}" "$(cat newer.found)"
}
check "functions of newer GLibs, PIE" newer pie fPIE
check "functions of newer GLibs, not PIE" newer no-pie fno-pie

# As it is installed, and found by a program's own RUNPATH.
installed() {
  (unset MAKEFLAGS MFLAGS MAKELEVEL && cd "$builddir" && $MAKE install-exec DESTDIR="$OLDPWD/root") >install.log 2>&1 || { cat install.log; return 1; }
  folder=$(dirname "$(find root -path '*/record/*' -prune -o -path '*/hmap/shadow/libglib-2.0.so.0' -print)")
  # shellcheck disable=SC2086 # words
  compile runpath compat/tables.c -Wl,-rpath,"$PWD/$folder" $objects -ldl &&
    prints tables.real ./runpath ./plugin.so deep && same libhmap-glib.so.1 "$(bound runpath ./runpath ./plugin.so deep)" &&
    (unset MAKEFLAGS MFLAGS MAKELEVEL && cd "$builddir" && $MAKE uninstall DESTDIR="$OLDPWD/root") >install.log 2>&1 &&
    same "" "$(find root -path '*shadow*')"
}
check "an installed shadow serves a program whose RUNPATH names it, and can be uninstalled" installed
done_testing
