/* tables.c: tables in each of the states that tests/gdb/look.py looks at from gdb, when this program has come to stop(). Entry
 * number k of a table has k in its key and 3 * k + 1 in its elem. */
#define _GNU_SOURCE
#include <glib.h>
#include <hmap.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { most = 20000 };
static char names[most][12];
static int ints[most];
static gint64 longs[most];
static double doubles[most];

#define VALUE(k) GSIZE_TO_POINTER(3 * (gsize)(k) + 1)

void stop(void);
__attribute__((noinline)) void stop(void)
{
  __asm__ volatile("");
}

static void fillKeys(void)
{
  for (int k = 0; k < most; k++) {
    snprintf(names[k], sizeof names[k], "name%d", k);
    ints[k] = k;
    longs[k] = ((gint64)k << 32) + k;
    doubles[k] = k + 0.5;
  }
}

/* Whether a table is growing and more than half of that is done. */
static bool halfMoved(const hmap *h)
{
  hmap_stats s;
  hmap_getstats(h, &s);
  return s.nevacuated > s.noldbuckets / 2;
}

/* A table of n entries; if n is most, of so many that it is growing. */
static hmap *make(size_t keySize, size_t elemSize, unsigned n)
{
  hmap_type type = {.kind = keySize ? HMAP_BYTES : HMAP_STRING, .key_size = keySize, .elem_size = elemSize};
  hmap *h = hmap_make(&type, 0);
  for (unsigned k = 0; k < n && (n < most || k < most / 2 || !halfMoved(h)); k++) {
    unsigned char key[256] = {0};
    char *name = names[k];
    uint32_t elem = 3 * k + 1;
    memcpy(key, keySize ? (void *)&k : (void *)&name, keySize ? sizeof k : sizeof name);
    memcpy(hmap_assign(h, key), &elem, elemSize < sizeof elem ? elemSize : sizeof elem);
  }
  return h;
}

static GHashTable *makeGlib(GHashFunc hash, GEqualFunc equal, char *keys, gsize size, unsigned n)
{
  GHashTable *t = g_hash_table_new(hash, equal);
  for (unsigned k = 0; k < n; k++)
    g_hash_table_insert(t, keys ? keys + k * size : GUINT_TO_POINTER(k), VALUE(k));
  return t;
}

static guint ownHash(gconstpointer key)
{
  return *(const unsigned char *)key; /* few values, long chains */
}
static gboolean ownEqual(gconstpointer a, gconstpointer b)
{
  return a == b;
}

static struct hsearch_data makeSearch(unsigned n)
{
  struct hsearch_data d;
  memset(&d, 0, sizeof d);
  hcreate_r(0, &d);
  for (unsigned k = 0; k < n; k++) {
    ENTRY *e;
    hsearch_r((ENTRY){names[k], VALUE(k)}, ENTER, &e, &d);
  }
  return d;
}

int main(void)
{
  fillKeys();
  hmap *none = NULL, *empty = make(8, 8, 0), *one = make(8, 8, 1), *words = make(8, 8, 3000), *growing = make(8, 8, most);
  hmap *small = make(4, 2, 1000), *strings = make(0, 4, 1000), *large = make(200, 300, 500), *odd = make(5, 4, 300);
  hmap *set = make(4, 0, 700);
  GHashTable *gstr = makeGlib(g_str_hash, g_str_equal, names[0], sizeof names[0], 3000);
  GHashTable *gint_ = makeGlib(g_int_hash, g_int_equal, (char *)ints, sizeof *ints, 500);
  GHashTable *gint64_ = makeGlib(g_int64_hash, g_int64_equal, (char *)longs, sizeof *longs, 500);
  GHashTable *gdouble_ = makeGlib(g_double_hash, g_double_equal, (char *)doubles, sizeof *doubles, 500);
  GHashTable *gdirect = makeGlib(NULL, NULL, NULL, 0, 6700), *gown = makeGlib(ownHash, ownEqual, names[0], sizeof names[0], 5000);
  GHashTable *gwide = makeGlib(NULL, NULL, NULL, 0, 200), *gset = g_hash_table_new(g_str_hash, g_str_equal);
  for (gsize k = 3; k < 200; k += 17)
    g_hash_table_insert(gwide, GSIZE_TO_POINTER(k), GSIZE_TO_POINTER((gsize)-1 - k));
  for (int k = 0; k < 20; k++)
    g_hash_table_add(gset, names[k]);
  hcreate(0);
  hsearch((ENTRY){names[1], VALUE(1)}, ENTER);
  struct hsearch_data search = makeSearch(5), searchLarge = makeSearch(most), searchNone;
  memset(&searchNone, 0, sizeof searchNone);
#ifdef WITH_GLIB
  GHashTable *foreign = g_uri_parse_params("a=1&b=2", -1, "&", G_URI_PARAMS_NONE, NULL);
  GList *list = g_list_append(NULL, names[7]);
#endif
  stop();
  return (none || !empty || !one || !words || !growing || !small || !strings || !large || !odd || !set || !gstr || !gint_ ||
          !gint64_ || !gdouble_ || !gdirect || !gown || !gwide || !gset || !search.size || !searchLarge.size || searchNone.size);
}
