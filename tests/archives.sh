#!/bin/sh
# archives.sh: the static libraries link together in any order, and each serves its own functions. What of the engine is inside
# one must not clash with what is inside another, and neither libc's nor GLib's own table code may be pulled in as well.

. "$abs_top_srcdir/tests/tap.sh"
scratch archives

# One program that uses them all, and says so if a table is not what it should be.
cat >all.c <<'END'
#include <hmap.h>
#include <search.h>
#include <stdio.h>
#ifdef WITH_GLIB
#include <glib.h>
#endif
#ifdef WITH_SYNC
#include <hmap-sync.h>
#endif

static int use_hmap(void)
{
  static const hmap_type type = { .kind = HMAP_BYTES, .key_size = 4, .elem_size = 4 };
  hmap *h = hmap_make(&type, 0);
  int good;

  for (uint32_t i = 0; i < 1000; i++)
    *(uint32_t *)hmap_assign_fast32(h, i) = i * i;
  good = hmap_len(h) == 1000 && *(uint32_t *)hmap_access_fast32(h, 31) == 961 && hmap_check(h) == NULL;
  hmap_free(h);
  return good;
}

/* glibc's own hsearch has room for three entries only. */
static int use_hsearch(void)
{
  static char names[100][4];
  int good = hcreate(1);

  for (int i = 0; good && i < 100; i++) {
    ENTRY e = { names[i], names[i] };
    snprintf(names[i], sizeof names[i], "%d", i);
    good = hsearch(e, ENTER) != NULL;
  }
  hdestroy();
  return good;
}

static int use_glib(void)
{
#ifdef WITH_GLIB
  GHashTable *t = g_hash_table_new(g_str_hash, g_str_equal);
  /* Our tables begin with a mark that is not a power of two; GLib's with a size that is one. */
  unsigned first = *(unsigned *)t;
  int good;

  g_hash_table_insert(t, "key", "value");
  good = g_strcmp0(g_hash_table_lookup(t, "key"), "value") == 0 && (first & (first - 1)) != 0;
  g_hash_table_unref(t);
  return good;
#else
  return 1;
#endif
}

static int use_sync(void)
{
#ifdef WITH_SYNC
  static const hmap_sync_type type = { .kind = HMAP_STRING };
  hmap_sync *m = hmap_sync_make(&type);
  void *value = NULL;
  int good = hmap_sync_store(m, "key", m) && hmap_sync_load(m, "key", &value) && value == m;

  hmap_sync_free(m);
  hmap_sync_barrier();
  return good;
#else
  return 1;
#endif
}

extern int use_ghash(void);

int main(void)
{
  int h = use_hmap(), s = use_hsearch(), g = use_glib(), a = use_ghash(), c = use_sync();

  printf("libhmap %d, libhmap-search %d, libhmap-glib %d, libhmap-ghash %d, libhmap-sync %d\n", h, s, g, a, c);
  return !(h && s && g && a && c);
}
END

# A part of it that knows nothing of GLib.
cat >alone.c <<'END'
#include <glib.h>
#ifndef HMAP_GLIB_H
#error "this is GLib's"
#endif

extern int use_ghash(void);

int use_ghash(void)
{
  GHashTable *t = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  GList *keys;
  int good;

  g_hash_table_insert(t, g_strdup("key"), t);
  keys = g_hash_table_get_keys(t);
  good = g_list_length(keys) == 1 && g_strcmp0(keys->data, "key") == 0 && g_hash_table_lookup(t, "key") == t;
  g_list_free(keys);
  g_hash_table_unref(t);
  return good;
}
END

lib=$builddir/lib/.libs/libhmap.a search=$builddir/compat/.libs/libhmap-search.a glib=$builddir/compat/.libs/libhmap-glib.a
alone=$builddir/compat/.libs/libhmap-ghash.a
flags=-DWITH_SYNC sync=$builddir/lib/.libs/libhmap-sync.a
[ -z "$GLIB_LIBS" ] || flags="$flags -DWITH_GLIB $GLIB_CFLAGS"
# shellcheck disable=SC2086 # words
check "a program that uses all libraries compiles" \
  $CC $CFLAGS $SANITIZED -std=gnu11 -I"$abs_top_srcdir/include" $flags -c all.c
# shellcheck disable=SC2086 # words
check "its part without GLib compiles" $CC $CFLAGS $SANITIZED -std=gnu11 -I"$abs_top_srcdir/include/hmap-ghash" -c alone.c

# link_and_run MODE ARCHIVE...
link_and_run() {
  mode=$1
  shift
  # shellcheck disable=SC2086 # words
  $CC $CFLAGS $SANITIZED $mode -o all all.o alone.o "$@" $libs -lpthread && ./all
}

names() {
  for archive; do
    basename "$archive" .a
  done | paste -sd' '
}

# orders MODE: every order of the archives. GLib comes after ours, as libhmap-glib needs it.
orders() {
  if [ -z "$GLIB_LIBS" ]; then
    set -- "$1" "$lib $search" "$search $lib"
  else
    set -- "$1" "$lib $search $glib" "$lib $glib $search" "$search $lib $glib" "$search $glib $lib" "$glib $lib $search" "$glib $search $lib"
  fi
  mode=$1
  shift
  for others; do
    for order in "$alone $others $sync" "$sync $others $alone"; do
      # shellcheck disable=SC2086 # a list of archives
      check "$(names $order)${mode:+, $mode}" link_and_run "$mode" $order
    done
  done
}

libs=$GLIB_LIBS
orders ""
if [ -n "$SANITIZED" ]; then
  skip "-static" "a sanitizer needs the dynamic linker"
elif ! echo 'int main(void) { return 0; }' >static.c || ! $CC -static static.c -o static 2>/dev/null; then
  skip "-static" "no static libc"
else
  [ -z "$GLIB_LIBS" ] || libs=$(pkg-config --static --libs glib-2.0)
  orders "-static"
fi
done_testing
