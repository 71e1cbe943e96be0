/* small.c: the whole life of small GHashTables. Built twice by small.py, for GLib and for libhmap-glib.
 *
 *   small life KIND N REPEAT    makes a table, inserts N keys, looks up these and N others, walks once, unrefs it
 *   small large HASH N 0        N strings under the program's own functions; HASH is good, zeros (the low twelve bits are 0), or
 *                               constant
 *
 * Prints ns, of a life, the best of REPEAT, or of each operation. Kinds: ints, set, strings, own (the program's own hash and
 * equality), full (g_hash_table_new_full, which frees the keys); and again: three insertions and remove_all in one table. Keys
 * and values are pointers above 2^32, as those of most programs are, but for ints; under valgrind, too, whose heap is below. */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { most = 64, keyBytes = 16, chunk = 64 };
static char (*name)[keyBytes];
static gsize found;

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static guint goodHash(gconstpointer key)
{
  guint h = 7;
  for (const signed char *p = key; *p; p++)
    h = h * 31 + (guint)*p;
  return h;
}
static guint zerosHash(gconstpointer key)
{
  return goodHash(key) << 12;
}
static guint constantHash(gconstpointer key)
{
  (void)key;
  return 42;
}
static gboolean sameKey(gconstpointer a, gconstpointer b)
{
  return strcmp(a, b) == 0;
}

enum kind { ints, set, strings, own, full, again, kinds };
static const char *const kindName[kinds] = {"ints", "set", "strings", "own", "full", "again"};

static GHashTable *make(enum kind kind)
{
  if (kind == strings)
    return g_hash_table_new(g_str_hash, g_str_equal);
  if (kind == own)
    return g_hash_table_new(goodHash, sameKey);
  return kind == full ? g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL) : g_hash_table_new(NULL, NULL);
}

static inline void life(enum kind kind, int n)
{
  const gboolean words = kind == ints || kind == set;
  GHashTable *t = make(kind);
  GHashTableIter iter;
  gpointer key, value;
#define KEY(j) (words ? GINT_TO_POINTER((j) + 1) : (gpointer)name[j])
  for (int j = 0; j < n; j++)
    if (kind == set)
      g_hash_table_add(t, KEY(j));
    else
      g_hash_table_insert(t, kind == full ? g_strdup(name[j]) : KEY(j), words ? GINT_TO_POINTER(j + 5000) : name[j]);
  for (int j = 0; j < n; j++)
    found += g_hash_table_lookup(t, KEY(j)) != NULL;
  for (int j = 0; j < n; j++)
    found += g_hash_table_lookup(t, KEY(j + most)) != NULL;
  g_hash_table_iter_init(&iter, t);
  while (g_hash_table_iter_next(&iter, &key, &value))
    found++;
  g_hash_table_unref(t);
}
static inline void refill(GHashTable *t)
{
  for (int j = 0; j < 3; j++)
    g_hash_table_insert(t, GINT_TO_POINTER(j + 1), GINT_TO_POINTER(j + 5000));
  g_hash_table_remove_all(t);
}

/* What callgrind counts. */
__attribute__((noinline)) void counted(enum kind kind, int n, int repeat, GHashTable *t);
void counted(enum kind kind, int n, int repeat, GHashTable *t)
{
  for (int i = 0; i < repeat; i++)
    if (t)
      refill(t);
    else
      life(kind, n);
}

/* The best of several times a chunk. */
static double best(enum kind kind, int n, int repeat, GHashTable *t)
{
  double least = 0;
  for (int i = 0; i < repeat; i++) {
    double start = now();
    for (int j = 0; j < chunk; j++)
      t ? refill(t) : life(kind, n);
    double ns = (now() - start) / chunk;
    if (i == 0 || ns < least)
      least = ns;
  }
  return least;
}

static void large(const char *hash, int n)
{
  GHashTable *t = g_hash_table_new(hash[0] == 'g' ? goodHash : hash[0] == 'z' ? zerosHash : constantHash, sameKey);
  char(*keys)[keyBytes] = g_malloc(sizeof *keys * 2 * (gsize)n);
  for (int i = 0; i < 2 * n; i++)
    snprintf(keys[i], keyBytes, "key-%d", i);
  for (int i = n; i-- > 1;) { /* in random order */
    int j = rand() % (i + 1);
    char swap[keyBytes];
    memcpy(swap, keys[i], keyBytes), memcpy(keys[i], keys[j], keyBytes), memcpy(keys[j], swap, keyBytes);
  }
#define LAP(what, f)          \
  start = now();              \
  for (int i = 0; i < n; i++) \
    f;                        \
  printf("%s=%.2f\n", what, (now() - start) / n)
  double start;
  LAP("insert", g_hash_table_insert(t, keys[i], keys[i]));
  LAP("hit", found += g_hash_table_lookup(t, keys[(gsize)i * 7919 % (gsize)n]) != NULL);
  LAP("miss", found += g_hash_table_lookup(t, keys[n + i]) != NULL);
  LAP("churn", (g_hash_table_remove(t, keys[i]), g_hash_table_insert(t, keys[n + i], keys[n + i])));
  g_hash_table_unref(t);
  g_free(keys);
}

int main(int argc, char **argv)
{
  if (argc != 5)
    return 2;
  int n = atoi(argv[3]), repeat = atoi(argv[4]);
  if (argv[1][1] == 'a') {
    large(argv[2], n);
    return found == 0;
  }
  name = mmap((void *)((guintptr)1 << (sizeof(gpointer) == 8 ? 42 : 30)), sizeof *name * 2 * most, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (name == MAP_FAILED)
    return 1;
  for (int i = 0; i < 2 * most; i++)
    snprintf(name[i], keyBytes, "key-%d", i);
  enum kind kind = ints;
  while (kind < kinds && strcmp(argv[2], kindName[kind]) != 0)
    kind++;
  GHashTable *t = kind == again ? g_hash_table_new(NULL, NULL) : NULL;
  double ns = best(kind, n, repeat, t);
  counted(kind, n, chunk, t);
  printf("ns=%.2f\n", ns);
  return 0;
}
