/* ghash-alone.h: what ghash.c needs of GLib when it stands instead of it: our own header, and nobody to ask. ghash-glib.h is its
 * counterpart. */
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <langinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define G_LOG_DOMAIN "GLib"
#undef G_DISABLE_CHECKS
#undef G_DISABLE_ASSERT
#include <hmap-glib.h>
_Static_assert(sizeof(GHashTableIter) == 3 * sizeof(gpointer) + 2 * sizeof(int) + sizeof(gpointer), "GLib's size");

/* A count of references. The last to give one up sees all that the others did. */
typedef gint gatomicrefcount;
ALWAYS_INLINE void g_atomic_ref_count_init(gatomicrefcount *count)
{
  *count = 1;
}
ALWAYS_INLINE void g_atomic_ref_count_inc(gatomicrefcount *count)
{
  __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
}
ALWAYS_INLINE bool g_atomic_ref_count_dec(gatomicrefcount *count)
{
  return __atomic_sub_fetch(count, 1, __ATOMIC_ACQ_REL) == 0;
}

/* There is no GLib that a function could be found in, or a table go to. */
ALWAYS_INLINE void *noFunction(void)
{
  return NULL;
}
#define GLIBS(function) ((__typeof__(&function))noFunction())

/* Nobody else has functions by our names. */
#define LEADS_HERE(function) true

_Noreturn NOINLINE void *foreignTable(void)
{
  fatal("a GHashTable that libhmap-ghash did not make");
}
#define FOREIGN(function) ((__typeof__(&function))foreignTable())
