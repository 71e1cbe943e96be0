/* side_ghash.c: what a program can see of GHashTable, row by row. Linked once with GLib alone and once with libhmap-glib in
 * front of it; both must print the same. Lines that depend on the order of entries are sorted. What only newer GLibs have, and
 * where ours goes on and GLib crashes, tests/test_ghash.c has.
 *
 * With --expect-real or --expect-ours it also checks, before anything else, whose functions and tables it has, and exits 1 with a
 * message if they are the other's. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <glib.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Output: lines, which sortLines holds back until printLines prints them in order. */

static GPtrArray *held;

G_GNUC_PRINTF(1, 2) static void say(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  char *line = g_strdup_vprintf(format, args);
  va_end(args);
  if (held) {
    g_ptr_array_add(held, line);
    return;
  }
  puts(line);
  g_free(line);
}

static int compareLines(gconstpointer a, gconstpointer b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sortLines(void)
{
  held = g_ptr_array_new_with_free_func(g_free);
}

static void printLines(void)
{
  g_ptr_array_sort(held, compareLines);
  for (guint i = 0; i < held->len; i++)
    puts(g_ptr_array_index(held, i));
  g_ptr_array_unref(held);
  held = NULL;
}

static void onLog(const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  (void)data;
  say("  log: %s level %d: %s", domain, (int)level, message);
}

/* Which side this is. GLib's tables begin with their size, a power of two; ours with a mark. */
static int checkSide(gboolean ours)
{
  Dl_info info;
  GHashTable *t = g_hash_table_new(NULL, NULL);
  guint32 first[2];
  memcpy(first, (void *)t, sizeof first);
  g_hash_table_unref(t);
  if (!dladdr((void *)(guintptr)g_hash_table_new, &info))
    return fputs("side_ghash: cannot tell whose g_hash_table_new this is\n", stderr), 1;
  gboolean function = strstr(info.dli_fname, "libhmap-glib") != NULL;
  gboolean mark = memcmp(first, "hmapglib", 8) == 0, size = first[0] && !(first[0] & (first[0] - 1));
  if (function == ours && mark == ours && size == !ours)
    return 0;
  fprintf(stderr, "side_ghash: g_hash_table_new is from %s, its table begins %#x %#x\n", info.dli_fname, first[0], first[1]);
  return 1;
}

/* Keys and values of our own: each has a name and a hash, and keys of one letter are equal. */

typedef struct thing {
  const char *name;
  guint hash;
} thing;

static GHashTable *current;     /* the table that callbacks look at */
static gboolean quiet;          /* hash and equal are counted, but say nothing */
static guint hashes, equals;    /* their calls */
static gboolean lookInside;     /* destroy functions say what the table shows */
static void (*onFree)(thing *); /* what destroy functions do beyond */

static guint thingHash(gconstpointer key)
{
  const thing *k = key;
  hashes++;
  if (!quiet)
    say("  hash %s", k->name);
  return k->hash;
}

static gboolean thingEqual(gconstpointer a, gconstpointer b)
{
  const thing *x = a, *y = b;
  equals++;
  if (!quiet)
    say("  equal %s %s", x->name, y->name);
  return x->name[0] == y->name[0];
}

static gboolean neverEqual(gconstpointer a, gconstpointer b)
{
  say("  never equal %s %s", ((const thing *)a)->name, ((const thing *)b)->name);
  return FALSE;
}

static thing *thingNew(const char *name, guint hash)
{
  thing *k = g_new(thing, 1);
  *k = (thing){g_strdup(name), hash};
  return k;
}

static void addLine(gpointer key, gpointer value, gpointer data)
{
  (void)data;
  say("    %s=%s", key ? ((thing *)key)->name : "NULL", value ? ((thing *)value)->name : "NULL");
}

/* Says what a table of things holds. */
static void show(GHashTable *t)
{
  gboolean nested = held != NULL;
  say("  size %u", g_hash_table_size(t));
  if (!nested)
    sortLines();
  g_hash_table_foreach(t, addLine, NULL);
  if (!nested)
    printLines();
}

static void thingFree(const char *what, thing *k)
{
  say("  free %s %s", what, k ? k->name : "NULL");
  if (lookInside && current)
    show(current);
  if (onFree)
    onFree(k);
  if (k) {
    g_free((char *)(guintptr)k->name);
    g_free(k);
  }
}
static void keyFree(gpointer key)
{
  thingFree("key", key);
}
static void valueFree(gpointer value)
{
  thingFree("value", value);
}

static GHashTable *thingTable(void)
{
  return g_hash_table_new_full(thingHash, thingEqual, keyFree, valueFree);
}

/* A table of things a=A, b=B, and so on, silently. */
static GHashTable *filledTable(int n)
{
  GHashTable *t = thingTable();
  quiet = TRUE;
  for (int i = 0; i < n; i++) {
    char key[] = {(char)('a' + i), 0}, value[] = {(char)('A' + i), 0};
    g_hash_table_insert(t, thingNew(key, 100u + (guint)i), thingNew(value, 0));
  }
  quiet = FALSE;
  return t;
}

/* A key to look up with, on the stack of the caller. */
#define PROBE(name) (&(thing){name, 100u + (guint)(name[0] - 'a')})

#define SAY_BOOL(call) say("  " #call ": %d", (call))

/* hash/equal NULL */

static void rowNull(void)
{
  static const char a[] = "key";
  char *copy = g_strdup("key");
  const struct {
    const char *name;
    GHashFunc hash;
    GEqualFunc equal;
  } pairs[] = {
      {"NULL NULL", NULL, NULL},
      {"direct NULL", g_direct_hash, NULL},
      {"NULL direct", NULL, g_direct_equal},
      {"direct direct", g_direct_hash, g_direct_equal},
      {"str str", g_str_hash, g_str_equal},
      {"str NULL", g_str_hash, NULL},
      {"str direct", g_str_hash, g_direct_equal},
      {"NULL str", NULL, g_str_equal},
  };
  for (guint i = 0; i < COUNT(pairs); i++) {
    GHashTable *t = g_hash_table_new(pairs[i].hash, pairs[i].equal);
    say("%s", pairs[i].name);
    SAY_BOOL(g_hash_table_insert(t, (char *)(guintptr)a, copy));
    SAY_BOOL(g_hash_table_contains(t, a));
    SAY_BOOL(g_hash_table_contains(t, copy));
    SAY_BOOL(g_hash_table_lookup(t, a) == copy);
    if (pairs[i].hash != g_str_hash && pairs[i].equal != g_str_equal) {
      gpointer k = copy, v = copy;
      SAY_BOOL(g_hash_table_contains(t, NULL));
      SAY_BOOL(g_hash_table_insert(t, NULL, NULL));
      SAY_BOOL(g_hash_table_contains(t, NULL));
      SAY_BOOL(g_hash_table_lookup(t, NULL) == NULL);
      SAY_BOOL(g_hash_table_lookup_extended(t, NULL, &k, &v));
      SAY_BOOL(k == NULL && v == NULL);
      SAY_BOOL(g_hash_table_add(t, NULL));
      SAY_BOOL(g_hash_table_remove(t, NULL));
      SAY_BOOL(g_hash_table_remove(t, NULL));
    }
    say("  size %u", g_hash_table_size(t));
    g_hash_table_unref(t);
  }
  g_free(copy);
}

/* equal call */

static void rowEqualCalls(void)
{
  thing keys[] = {{"a1", 0}, {"b1", 1}, {"c1", 2}, {"d1", 0x80000003}, {"e1", 3}, {"a2", 2}, {"z", 2}, {"d2", 3}};
  GHashTable *t = g_hash_table_new(thingHash, thingEqual);
  gpointer k, v;
  say("a lookup in an empty table");
  SAY_BOOL(g_hash_table_contains(t, &keys[0]));
  say("one key");
  SAY_BOOL(g_hash_table_insert(t, &keys[0], NULL));
  SAY_BOOL(g_hash_table_contains(t, &keys[0]));
  SAY_BOOL(g_hash_table_contains(t, &keys[5]));
  SAY_BOOL(g_hash_table_contains(t, &keys[6]));
  say("each operation");
  SAY_BOOL(g_hash_table_lookup(t, &keys[0]) == NULL);
  SAY_BOOL(g_hash_table_lookup_extended(t, &keys[0], &k, &v));
  SAY_BOOL(g_hash_table_insert(t, &keys[5], NULL));
  SAY_BOOL(g_hash_table_replace(t, &keys[5], NULL));
  SAY_BOOL(g_hash_table_add(t, &keys[0]));
  SAY_BOOL(g_hash_table_steal_extended(t, &keys[0], NULL, NULL));
  SAY_BOOL(g_hash_table_steal_extended(t, &keys[0], NULL, NULL));
  SAY_BOOL(g_hash_table_add(t, &keys[0]));
  SAY_BOOL(g_hash_table_steal(t, &keys[0]));
  SAY_BOOL(g_hash_table_steal(t, &keys[0]));
  SAY_BOOL(g_hash_table_add(t, &keys[0]));
  SAY_BOOL(g_hash_table_remove(t, &keys[0]));
  SAY_BOOL(g_hash_table_remove(t, &keys[0]));
  say("0 and 1 become 2, and meet");
  sortLines();
  for (guint i = 0; i < 3; i++)
    g_hash_table_add(t, &keys[i]);
  printLines();
  say("  size %u", g_hash_table_size(t));
  say("all 32 bits count");
  SAY_BOOL(g_hash_table_add(t, &keys[3]));
  SAY_BOOL(g_hash_table_contains(t, &keys[4]));
  SAY_BOOL(g_hash_table_contains(t, &keys[7]));
  g_hash_table_unref(t);
}

static void rowEqualIsAsked(void)
{
  thing a = {"a", 77};
  GHashTable *t = g_hash_table_new(thingHash, neverEqual);
  SAY_BOOL(g_hash_table_add(t, &a));
  SAY_BOOL(g_hash_table_contains(t, &a));
  SAY_BOOL(g_hash_table_add(t, &a));
  SAY_BOOL(g_hash_table_remove(t, &a));
  say("  size %u", g_hash_table_size(t));
  g_hash_table_unref(t);
}

static void rowHashOnce(void)
{
  enum { n = 5000 };
  static thing keys[n];
  GHashTable *t = g_hash_table_new(thingHash, NULL);
  quiet = TRUE;
  hashes = equals = 0;
  for (guint i = 0; i < n; i++) {
    keys[i] = (thing){"k", i * 2654435761u};
    g_hash_table_add(t, &keys[i]);
  }
  say("%u insertions, %u hashes", n, hashes);
  for (guint i = 0; i < n; i += 2)
    g_hash_table_remove(t, &keys[i]);
  say("and %u removals, %u hashes", n / 2, hashes);
  for (guint i = 0; i < n; i++)
    keys[i].hash = 5; /* what a stored key hashes to now is of no interest */
  GHashTableIter iter;
  gpointer k;
  guint seen = 0;
  g_hash_table_iter_init(&iter, t);
  while (g_hash_table_iter_next(&iter, &k, NULL))
    seen += k == &keys[((thing *)k) - keys];
  say("and a walk over %u, %u hashes", seen, hashes);
  g_hash_table_unref(t);
  t = g_hash_table_new(thingHash, thingEqual);
  hashes = equals = 0;
  for (guint i = 0; i < n; i++) {
    keys[i] = (thing){"k", 2 + i * 2654435761u};
    g_hash_table_add(t, &keys[i]);
  }
  for (guint i = 0; i < n; i++)
    g_hash_table_contains(t, &keys[i]);
  for (guint i = 0; i < n; i++)
    g_hash_table_remove(t, &keys[i]);
  say("without collisions %u operations, %u hashes, %u comparisons", 3 * n, hashes, equals);
  g_hash_table_unref(t);
  quiet = FALSE;
}

static void rowKeyChangedBehindTheTable(void)
{
  char *key = g_strdup("before");
  GHashTable *t = g_hash_table_new(g_str_hash, g_str_equal);
  g_hash_table_insert(t, key, key);
  strcpy(key, "after");
  SAY_BOOL(g_hash_table_contains(t, "before"));
  SAY_BOOL(g_hash_table_contains(t, "after"));
  for (guint i = 0; i < 1000; i++)
    g_hash_table_add(t, g_strdup_printf("%u", i));
  strcpy(key, "before");
  SAY_BOOL(g_hash_table_lookup(t, "before") == key);
  SAY_BOOL(g_hash_table_steal(t, "before"));
  GList *keys = g_hash_table_get_keys(t);
  g_list_free_full(keys, g_free); /* keys are gone, the table does not care */
  say("  size %u", g_hash_table_size(t));
  g_hash_table_unref(t);
  g_free(key);
}

/* insert, replace and add of an existing key; the order of frees */

static void rowInsertReplaceAdd(void)
{
  current = thingTable();
  lookInside = TRUE;
  say("insert a new key");
  SAY_BOOL(g_hash_table_insert(current, thingNew("a1", 5), thingNew("v1", 0)));
  say("insert an existing key");
  SAY_BOOL(g_hash_table_insert(current, thingNew("a2", 5), thingNew("v2", 0)));
  say("replace it");
  SAY_BOOL(g_hash_table_replace(current, thingNew("a3", 5), thingNew("v3", 0)));
  say("replace a new key");
  SAY_BOOL(g_hash_table_replace(current, thingNew("b1", 6), thingNew("w1", 0)));
  say("remove");
  SAY_BOOL(g_hash_table_remove(current, &(thing){"a", 5}));
  SAY_BOOL(g_hash_table_remove(current, &(thing){"a", 5}));
  say("destroy");
  GHashTable *t = current;
  lookInside = FALSE;
  g_hash_table_destroy(t);
  current = NULL;
}

static void rowSet(void)
{
  GHashTable *t = g_hash_table_new_full(thingHash, thingEqual, keyFree, NULL);
  gpointer k = NULL, v = NULL;
  say("add, with a function for keys");
  SAY_BOOL(g_hash_table_add(t, thingNew("a1", 5)));
  SAY_BOOL(g_hash_table_add(t, thingNew("a2", 5)));
  show(t);
  say("insert turns the set into a table");
  SAY_BOOL(g_hash_table_insert(t, thingNew("b1", 6), PROBE("q")));
  SAY_BOOL(g_hash_table_add(t, thingNew("b2", 6)));
  show(t);
  say("steal a key");
  SAY_BOOL(g_hash_table_steal_extended(t, PROBE("z"), &k, &v));
  SAY_BOOL(k == NULL && v == NULL);
  SAY_BOOL(g_hash_table_steal_extended(t, &(thing){"b", 6}, &k, NULL));
  say("  %s", ((thing *)k)->name);
  keyFree(k);
  g_hash_table_unref(t);
  say("with a function for values, which frees the old value");
  t = g_hash_table_new_full(thingHash, thingEqual, NULL, valueFree);
  SAY_BOOL(g_hash_table_add(t, thingNew("a1", 5)));
  k = thingNew("a2", 5);
  SAY_BOOL(g_hash_table_replace(t, k, k));
  g_hash_table_unref(t);
  say("steal the value of a set");
  t = g_hash_table_new(NULL, NULL);
  g_hash_table_add(t, &t);
  SAY_BOOL(g_hash_table_steal_extended(t, &t, NULL, &v));
  SAY_BOOL(v == &t);
  g_hash_table_unref(t);
}

/* Calls into the table from destroy functions */

static void reenter(thing *k)
{
  onFree = NULL;
  say("  re-entered from %s", k->name);
  SAY_BOOL(g_hash_table_contains(current, PROBE("a")));
  SAY_BOOL(g_hash_table_remove(current, PROBE("b")));
  SAY_BOOL(g_hash_table_insert(current, thingNew("x", 900), thingNew("X", 0)));
  show(current);
}

static void rowReentrance(void)
{
  static const char *const names[] = {"remove", "insert", "replace", "iter_replace", "iter_remove"};
  for (guint i = 0; i < COUNT(names); i++) {
    GHashTableIter iter;
    gpointer k;
    say("%s", names[i]);
    current = filledTable(4);
    quiet = TRUE;
    g_hash_table_iter_init(&iter, current);
    while (g_hash_table_iter_next(&iter, &k, NULL) && ((thing *)k)->name[0] != 'a')
      ;
    onFree = reenter;
    if (i == 0)
      SAY_BOOL(g_hash_table_remove(current, PROBE("a")));
    else if (i == 1)
      SAY_BOOL(g_hash_table_insert(current, thingNew("a", 100), thingNew("N", 0)));
    else if (i == 2)
      SAY_BOOL(g_hash_table_replace(current, thingNew("a", 100), thingNew("N", 0)));
    else if (i == 3)
      g_hash_table_iter_replace(&iter, thingNew("N", 0));
    else
      g_hash_table_iter_remove(&iter);
    show(current);
    SAY_BOOL(g_hash_table_iter_next(&iter, NULL, NULL));
    sortLines();
    g_hash_table_unref(current);
    printLines();
    quiet = FALSE;
  }
  current = NULL;
}

/* A walk that starts or goes on in a destroy function sees the version from before the removal. */
static GHashTableIter freeIter;
static gboolean freeIterGoesOn;

static void walkInside(thing *k)
{
  guint n = 0;
  onFree = NULL;
  say("  walking inside the freeing of %s", k->name);
  if (!freeIterGoesOn)
    g_hash_table_iter_init(&freeIter, current);
  while (g_hash_table_iter_next(&freeIter, NULL, NULL))
    n++;
  say("  %u entries", n);
}

static void rowVersionAfterFrees(void)
{
  for (int goesOn = 0; goesOn < 2; goesOn++) {
    current = filledTable(9);
    quiet = TRUE;
    g_hash_table_iter_init(&freeIter, current);
    freeIterGoesOn = goesOn;
    onFree = walkInside;
    SAY_BOOL(g_hash_table_remove(current, PROBE("c")));
    SAY_BOOL(g_hash_table_iter_next(&freeIter, NULL, NULL));
    onFree = walkInside;
    freeIterGoesOn = FALSE;
    SAY_BOOL(g_hash_table_insert(current, thingNew("d", 103), thingNew("N", 0)));
    SAY_BOOL(g_hash_table_iter_next(&freeIter, NULL, NULL));
    quiet = FALSE;
    sortLines();
    g_hash_table_unref(current);
    printLines();
  }
  current = NULL;
}

/* remove_all, destroy, unref */

static guint freed;

static void insertWhenAllGo(thing *k)
{
  if (freed++ == 2) {
    say("  the third that is freed puts x in");
    g_hash_table_insert(current, thingNew("x", 900), thingNew("X", 0));
  }
  if (freed <= 3) {
    say("  size %u", g_hash_table_size(current));
    say("  contains a %d, remove b %d", g_hash_table_contains(current, PROBE("a")), g_hash_table_remove(current, PROBE("b")));
  }
  (void)k;
}

static void rowRemoveAll(void)
{
  GHashTableIter iter;
  say("of an empty table, which ends no walk");
  current = filledTable(0);
  g_hash_table_iter_init(&iter, current);
  g_hash_table_remove_all(current);
  g_hash_table_steal_all(current);
  SAY_BOOL(g_hash_table_iter_next(&iter, NULL, NULL));
  g_hash_table_unref(current);
  say("of a full one");
  current = filledTable(3);
  quiet = TRUE;
  g_hash_table_iter_init(&iter, current);
  onFree = insertWhenAllGo;
  freed = 0;
  sortLines();
  g_hash_table_remove_all(current);
  printLines();
  onFree = NULL;
  show(current);
  SAY_BOOL(g_hash_table_iter_next(&iter, NULL, NULL));
  g_hash_table_remove_all(current);
  show(current);
  g_hash_table_unref(current);
  quiet = FALSE;
  current = NULL;
}

static void removeOthers(thing *k)
{
  freed++;
  for (char c = 'a'; c < 'f'; c++) {
    char name[] = {c, 0};
    if (g_hash_table_remove(current, PROBE(name)))
      say("  %s was still there for %s", name, k->name);
  }
}

static void rowRecursiveRemoveAll(void)
{
  current = filledTable(5);
  quiet = TRUE;
  freed = 0;
  onFree = removeOthers;
  sortLines();
  g_hash_table_remove_all(current);
  printLines();
  onFree = NULL;
  say("  %u freed", freed);
  show(current);
  g_hash_table_unref(current);
  quiet = FALSE;
  current = NULL;
}

static void rowReferences(void)
{
  GHashTable *t = filledTable(2);
  SAY_BOOL(g_hash_table_ref(t) == t);
  say("destroy with another reference");
  sortLines();
  g_hash_table_destroy(t);
  printLines();
  show(t);
  SAY_BOOL(g_hash_table_insert(t, thingNew("c", 1), thingNew("C", 1)));
  say("unref twice of three");
  g_hash_table_ref(t);
  g_hash_table_ref(t);
  g_hash_table_unref(t);
  g_hash_table_unref(t);
  show(t);
  say("the last one");
  sortLines();
  g_hash_table_unref(t);
  printLines();
}

/* steal */

static void rowSteal(void)
{
  GHashTable *t = filledTable(4);
  gpointer k = NULL, v = NULL, stolen[8];
  guint n = 0;
  quiet = TRUE;
  GHashTableIter iter;
  SAY_BOOL(g_hash_table_steal_extended(t, PROBE("a"), &k, &v));
  say("  %s %s", ((thing *)k)->name, ((thing *)v)->name);
  stolen[n++] = k, stolen[n++] = v;
  SAY_BOOL(g_hash_table_steal_extended(t, PROBE("a"), &k, &v));
  SAY_BOOL(k == NULL && v == NULL);
  k = v = t;
  SAY_BOOL(g_hash_table_steal_extended(t, PROBE("a"), &k, NULL) || k);
  SAY_BOOL(g_hash_table_steal_extended(t, PROBE("a"), NULL, &v) || v);
  SAY_BOOL(g_hash_table_lookup_extended(t, PROBE("b"), &k, &v));
  stolen[n++] = k, stolen[n++] = v;
  SAY_BOOL(g_hash_table_steal(t, PROBE("b")));
  SAY_BOOL(g_hash_table_steal(t, PROBE("b")));
  g_hash_table_iter_init(&iter, t);
  SAY_BOOL(g_hash_table_iter_next(&iter, &stolen[n], &stolen[n + 1]));
  g_hash_table_iter_steal(&iter);
  n += 2;
  SAY_BOOL(g_hash_table_iter_next(&iter, &stolen[n], &stolen[n + 1]));
  n += 2;
  SAY_BOOL(g_hash_table_iter_next(&iter, NULL, NULL));
  say("  size %u", g_hash_table_size(t));
  g_hash_table_steal_all(t);
  say("  size %u", g_hash_table_size(t));
  g_hash_table_unref(t);
  sortLines();
  for (guint i = 0; i < n; i += 2)
    keyFree(stolen[i]), valueFree(stolen[i + 1]);
  printLines();
  quiet = FALSE;
}

#if GLIB_CHECK_VERSION(2, 76, 0)
static void rowStealAllKeys(void)
{
  GHashTable *t = filledTable(3);
  GPtrArray *array;
  quiet = TRUE;
  sortLines();
  array = g_hash_table_steal_all_keys(t);
  printLines();
  say("  %u keys, size %u", array->len, g_hash_table_size(t));
  sortLines();
  g_ptr_array_unref(array);
  printLines();
  g_hash_table_insert(t, thingNew("a", 1), thingNew("A", 1));
  array = g_hash_table_steal_all_values(t);
  say("  %u values, size %u", array->len, g_hash_table_size(t));
  g_ptr_array_unref(array);
  g_hash_table_unref(t);
  quiet = FALSE;
}
#endif

static void rowLookupExtended(void)
{
  GHashTable *t = filledTable(1);
  gpointer k = t, v = t;
  SAY_BOOL(g_hash_table_lookup_extended(t, PROBE("b"), &k, &v));
  SAY_BOOL(k == NULL && v == NULL);
  SAY_BOOL(g_hash_table_lookup_extended(t, PROBE("a"), &k, &v));
  say("  %s %s", ((thing *)k)->name, ((thing *)v)->name);
  SAY_BOOL(g_hash_table_lookup_extended(t, PROBE("a"), NULL, NULL));
  SAY_BOOL(g_hash_table_lookup_extended(t, PROBE("b"), NULL, NULL));
  g_hash_table_unref(t);
}

/* foreach and its like, and what their callbacks may do to the table */

enum change { noChange, overwrite, insertNew, removeSame, removeOther, removeAbsent, clearAll, stealAll, iterateInside, changes };
static const char *const changeNames[] = {"nothing",        "overwrite",      "insert a new key",
                                          "remove the key", "remove another", "remove an absent",
                                          "remove all",     "steal all",      "iterate and overwrite"};
static enum change change;
static guint calls;
static GPtrArray *stolenThings;

static void rememberStolen(gpointer key, gpointer value, gpointer data)
{
  (void)data;
  g_ptr_array_add(stolenThings, key);
  g_ptr_array_add(stolenThings, value);
}

static void freeStolen(void)
{
  for (guint i = 0; i < stolenThings->len; i++) {
    thing *k = g_ptr_array_index(stolenThings, i);
    g_free((char *)(guintptr)k->name);
    g_free(k);
  }
  g_ptr_array_set_size(stolenThings, 0);
}

static void applyChange(thing *key)
{
  GHashTableIter iter;
  gpointer k;
  const char *other = key->name[0] == 'a' ? "b" : "a";
  switch (change) {
  case overwrite:
    g_hash_table_insert(current, thingNew(key->name, key->hash), thingNew("N", 0));
    break;
  case insertNew:
    g_hash_table_insert(current, thingNew("x", 900 + calls), thingNew("X", 0));
    break;
  case removeSame:
    g_hash_table_remove(current, PROBE(key->name));
    break;
  case removeOther:
    g_hash_table_remove(current, PROBE(other));
    break;
  case removeAbsent:
    g_hash_table_remove(current, PROBE("zebra"));
    break;
  case clearAll:
    g_hash_table_remove_all(current);
    break;
  case stealAll:
    g_hash_table_foreach(current, rememberStolen, NULL);
    g_hash_table_steal_all(current);
    break;
  case iterateInside:
    g_hash_table_iter_init(&iter, current);
    while (g_hash_table_iter_next(&iter, &k, NULL))
      g_hash_table_replace(current, thingNew(((thing *)k)->name, ((thing *)k)->hash), thingNew("M", 0));
    break;
  default:
    break;
  }
}

static void foreachChange(gpointer key, gpointer value, gpointer data)
{
  (void)value, (void)data;
  calls++;
  applyChange(key);
}

static gboolean foreachChangeAnd(gpointer key, gpointer value, gpointer data)
{
  foreachChange(key, value, NULL);
  return GPOINTER_TO_INT(data);
}

/* Frees are silent here, because which entry comes first is not the same on both sides. */
static guint keysFreed, valuesFreed;
static void countKey(gpointer key)
{
  keysFreed++;
  g_free((char *)(guintptr)((thing *)key)->name);
  g_free(key);
}
static void countValue(gpointer value)
{
  valuesFreed++;
  g_free((char *)(guintptr)((thing *)value)->name);
  g_free(value);
}
static GHashTable *countedTable(int n)
{
  GHashTable *t = g_hash_table_new_full(thingHash, thingEqual, countKey, countValue);
  quiet = TRUE;
  for (int i = 0; i < n; i++) {
    char name[] = {(char)('a' + i), 0};
    g_hash_table_insert(t, thingNew(name, 100u + (guint)i), thingNew(name, 0));
  }
  keysFreed = valuesFreed = calls = 0;
  return t;
}
static void sayCounts(void)
{
  say("  %u calls, size %u, freed %u keys and %u values", calls, g_hash_table_size(current), keysFreed, valuesFreed);
}
static void endCounted(void)
{
  g_hash_table_unref(current);
  freeStolen();
  say("  in the end freed %u keys and %u values", keysFreed, valuesFreed);
  quiet = FALSE;
  current = NULL;
}

static void rowForeach(void)
{
  for (change = 0; change < changes; change++) {
    say("%s", changeNames[change]);
    current = countedTable(5);
    g_hash_table_foreach(current, foreachChange, NULL);
    sayCounts();
    endCounted();
  }
}

static void rowForeachRemove(void)
{
  for (int steal = 0; steal < 2; steal++)
    for (int answer = 0; answer < 2; answer++)
      for (change = 0; change < changes; change++) {
        if (answer && (change == removeSame || change == clearAll || change == stealAll))
          continue; /* the entry is gone when it is removed once more */
        if (steal && answer)
          continue;
        say("%s, %s, returning %d", steal ? "foreach_steal" : "foreach_remove", changeNames[change], answer);
        current = countedTable(5);
        guint n = (steal ? g_hash_table_foreach_steal : g_hash_table_foreach_remove)(current, foreachChangeAnd,
                                                                                     GINT_TO_POINTER(answer));
        say("  returned %u", n);
        sayCounts();
        endCounted();
      }
}

static gboolean isOdd(gpointer key, gpointer value, gpointer data)
{
  gboolean odd = (((thing *)key)->hash & 1) != 0;
  if (odd && data)
    rememberStolen(key, value, NULL);
  return odd;
}

static void changeOnce(thing *k)
{
  onFree = NULL;
  (void)k;
  g_hash_table_insert(current, thingNew("x", 900), thingNew("X", 0));
}

static void rowForeachRemoveSome(void)
{
  GHashTableIter iter;
  say("foreach_remove");
  current = filledTable(6);
  quiet = TRUE;
  g_hash_table_iter_init(&iter, current);
  sortLines();
  say("  returned %u", g_hash_table_foreach_remove(current, isOdd, NULL));
  printLines();
  show(current);
  SAY_BOOL(g_hash_table_iter_next(&iter, NULL, NULL));
  g_hash_table_iter_init(&iter, current);
  say("  returned %u", g_hash_table_foreach_remove(current, isOdd, NULL));
  SAY_BOOL(g_hash_table_iter_next(&iter, NULL, NULL));
  sortLines();
  g_hash_table_unref(current);
  printLines();
  say("foreach_steal");
  current = filledTable(6);
  quiet = TRUE;
  say("  returned %u", g_hash_table_foreach_steal(current, isOdd, current));
  freeStolen();
  show(current);
  sortLines();
  g_hash_table_unref(current);
  printLines();
  say("a destroy function changes the table");
  current = filledTable(2);
  quiet = TRUE;
  onFree = changeOnce;
  sortLines();
  say("  returned %u", g_hash_table_foreach_remove(current, isOdd, NULL));
  say("  size %u", g_hash_table_size(current));
  g_hash_table_unref(current);
  printLines();
  quiet = FALSE;
  current = NULL;
}

static gboolean isNamed(gpointer key, gpointer value, gpointer name)
{
  (void)value;
  return strcmp(((thing *)key)->name, name) == 0;
}

static void rowFind(void)
{
  current = filledTable(5);
  thing *found = g_hash_table_find(current, isNamed, (gpointer)(guintptr) "c");
  say("  %s", found ? found->name : "none");
  found = g_hash_table_find(current, isNamed, (gpointer)(guintptr) "zebra");
  say("  %s", found ? found->name : "none");
  sortLines();
  g_hash_table_unref(current);
  printLines();
  for (int answer = 0; answer < 2; answer++)
    for (change = 0; change < changes; change++) {
      say("%s, returning %d", changeNames[change], answer);
      current = countedTable(5);
      SAY_BOOL(g_hash_table_find(current, foreachChangeAnd, GINT_TO_POINTER(answer)) != NULL);
      sayCounts();
      endCounted();
    }
}

/* iterators */

static void useAll(const char *when, const GHashTableIter *iter)
{
  GHashTableIter copy = *iter;
  gpointer k = NULL, v = NULL;
  say("%s: next", when);
  SAY_BOOL(g_hash_table_iter_next(&copy, &k, &v));
  SAY_BOOL(k != NULL && v != NULL);
  copy = *iter;
  say("%s: remove", when);
  g_hash_table_iter_remove(&copy);
  copy = *iter;
  say("%s: steal", when);
  g_hash_table_iter_steal(&copy);
  copy = *iter;
  say("%s: replace", when);
  g_hash_table_iter_replace(&copy, NULL);
  SAY_BOOL(g_hash_table_iter_get_hash_table(&copy) == current);
  sayCounts();
}

static void rowIterators(void)
{
  GHashTableIter iter, other;
  gpointer k, v;
  current = countedTable(5);
  g_hash_table_iter_init(&iter, current);
  g_hash_table_iter_remove(&iter);
  g_hash_table_iter_steal(&iter);
  g_hash_table_iter_replace(&iter, NULL);
  sayCounts();
  say("to the end");
  while (g_hash_table_iter_next(&iter, NULL, NULL))
    calls++;
  useAll("after the last", &iter);
  useAll("once more", &iter);
  g_hash_table_insert(current, thingNew("x", 900), thingNew("X", 0));
  useAll("after the last, and an insertion", &iter);
  endCounted();

  for (change = 0; change < changes; change++) {
    current = countedTable(5);
    g_hash_table_iter_init(&iter, current);
    SAY_BOOL(g_hash_table_iter_next(&iter, &k, NULL));
    other = iter;
    thing key = {((thing *)k)->name, ((thing *)k)->hash};
    char name[] = {key.name[0], 0};
    key.name = name;
    applyChange(&key);
    if (change == noChange || change == overwrite || change == removeAbsent || change == iterateInside) {
      say("%s does not end a walk", changeNames[change]);
      while (g_hash_table_iter_next(&iter, NULL, NULL))
        calls++;
      sayCounts();
    } else {
      useAll(changeNames[change], &iter);
    }
    endCounted();
  }

  say("two at once");
  current = countedTable(5);
  g_hash_table_iter_init(&iter, current);
  SAY_BOOL(g_hash_table_iter_next(&iter, NULL, NULL));
  other = iter;
  SAY_BOOL(g_hash_table_iter_next(&other, NULL, NULL));
  g_hash_table_iter_remove(&iter);
  useAll("the other removed", &other);
  while (g_hash_table_iter_next(&iter, NULL, NULL))
    calls++;
  sayCounts();
  g_hash_table_iter_init(&iter, current);
  SAY_BOOL(g_hash_table_iter_next(&iter, NULL, NULL));
  other = iter;
  g_hash_table_iter_replace(&iter, thingNew("N", 0));
  useAll("the other replaced", &other);
  SAY_BOOL(g_hash_table_iter_next(&iter, &k, &v));
  sayCounts();
  endCounted();
}

static void rowIterChanges(void)
{
  GHashTableIter iter, abandoned;
  gpointer k, v;
  say("replacing and removing on the way");
  current = countedTable(26);
  g_hash_table_iter_init(&iter, current);
  while (g_hash_table_iter_next(&iter, &k, &v)) {
    calls++;
    if (((thing *)k)->hash % 3 == 0) {
      g_hash_table_iter_remove(&iter);
    } else {
      g_hash_table_iter_replace(&iter, thingNew("N", 0));
      g_hash_table_iter_replace(&iter, thingNew("O", 0));
    }
    abandoned = iter;
    g_hash_table_iter_next(&abandoned, NULL, NULL);
  }
  sayCounts();
  show(current);
  say("removing all");
  g_hash_table_iter_init(&iter, current);
  while (g_hash_table_iter_next(&iter, &k, &v))
    g_hash_table_iter_remove(&iter);
  sayCounts();
  SAY_BOOL(g_hash_table_iter_next(&iter, NULL, NULL));
  SAY_BOOL(g_hash_table_insert(current, thingNew("a", 1), thingNew("b", 1)));
  SAY_BOOL(g_hash_table_iter_next(&iter, NULL, NULL));
  endCounted();
  say("an empty table");
  current = countedTable(0);
  g_hash_table_iter_init(&iter, current);
  SAY_BOOL(g_hash_table_iter_next(&iter, NULL, NULL));
  SAY_BOOL(g_hash_table_iter_next(&iter, NULL, NULL));
  endCounted();
}

/* order relations, lists and arrays */

static void appendEntry(gpointer key, gpointer value, gpointer data)
{
  g_string_append_printf(data, "%u=%u ", GPOINTER_TO_UINT(key), GPOINTER_TO_UINT(value));
}

static void rowOrder(void)
{
  static const guint sizes[] = {0, 1, 8, 9, 100, 1000};
  for (guint s = 0; s < COUNT(sizes); s++) {
    GHashTable *t = g_hash_table_new(NULL, NULL);
    GString *walk = g_string_new(NULL), *iterated = g_string_new(NULL), *listed = g_string_new(NULL), *array = g_string_new(NULL);
    for (guint i = 0; i < sizes[s]; i++)
      g_hash_table_insert(t, GUINT_TO_POINTER(i * 7 + 1), GUINT_TO_POINTER(i));
    GHashTableIter iter;
    gpointer k, v;
    guint length = 12345;
    g_hash_table_foreach(t, appendEntry, walk);
    g_hash_table_iter_init(&iter, t);
    while (g_hash_table_iter_next(&iter, &k, &v))
      appendEntry(k, v, iterated);
    GList *keys = g_hash_table_get_keys(t), *values = g_hash_table_get_values(t);
    for (GList *a = g_list_last(keys), *b = g_list_last(values); a && b; a = a->prev, b = b->prev)
      appendEntry(a->data, b->data, listed);
    gpointer *all = g_hash_table_get_keys_as_array(t, &length);
    for (guint i = 0; i < length; i++)
      appendEntry(all[i], g_hash_table_lookup(t, all[i]), array);
    say("%u entries, %u in the list, %u in the array", g_hash_table_size(t), g_list_length(keys), length);
    SAY_BOOL(strcmp(walk->str, iterated->str) == 0);
    SAY_BOOL(strcmp(walk->str, listed->str) == 0);
    SAY_BOOL(strcmp(walk->str, array->str) == 0);
    SAY_BOOL(all[length] == NULL);
    g_free(all);
    g_free(g_hash_table_get_keys_as_array(t, NULL));
    g_list_free(keys);
    g_list_free(values);
    g_string_free(walk, TRUE), g_string_free(iterated, TRUE), g_string_free(listed, TRUE), g_string_free(array, TRUE);
    g_hash_table_unref(t);
  }
}

static void rowSetToStrv(void)
{
  GHashTable *t = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < 5; i++)
    g_hash_table_add(t, g_strdup_printf("%u", i));
  char **strv = (char **)g_hash_table_get_keys_as_array(t, NULL);
  g_hash_table_steal_all(t);
  g_hash_table_unref(t);
  say("  %u strings", g_strv_length(strv));
  g_strfreev(strv);
}

/* NULL table */

static void noEntry(gpointer k, gpointer v, gpointer data)
{
  (void)k, (void)v, (void)data;
}
static gboolean noPredicate(gpointer k, gpointer v, gpointer data)
{
  (void)k, (void)v, (void)data;
  return FALSE;
}

static void rowNullTable(void)
{
  GHashTable *volatile none = NULL;
  GHashTableIter iter, *volatile noIter = NULL;
  GHFunc volatile noFunc = NULL;
  GHRFunc volatile noRFunc = NULL;
  gpointer k = &iter, v = &iter;
  SAY_BOOL(g_hash_table_new_similar(none) == NULL);
  SAY_BOOL(g_hash_table_ref(none) == NULL);
  g_hash_table_unref(none);
  g_hash_table_destroy(none);
  SAY_BOOL(g_hash_table_insert(none, NULL, NULL));
  SAY_BOOL(g_hash_table_replace(none, NULL, NULL));
  SAY_BOOL(g_hash_table_add(none, NULL));
  SAY_BOOL(g_hash_table_remove(none, NULL));
  g_hash_table_remove_all(none);
  SAY_BOOL(g_hash_table_steal(none, NULL));
  SAY_BOOL(g_hash_table_steal_extended(none, NULL, &k, &v));
  g_hash_table_steal_all(none);
  SAY_BOOL(g_hash_table_lookup(none, NULL) == NULL);
  SAY_BOOL(g_hash_table_lookup_extended(none, NULL, &k, &v));
  SAY_BOOL(k == &iter && v == &iter);
  SAY_BOOL(g_hash_table_contains(none, NULL));
  SAY_BOOL((int)g_hash_table_size(none));
  g_hash_table_foreach(none, noEntry, NULL);
  SAY_BOOL(g_hash_table_find(none, noPredicate, NULL) == NULL);
  SAY_BOOL((int)g_hash_table_foreach_remove(none, noPredicate, NULL));
  SAY_BOOL((int)g_hash_table_foreach_steal(none, noPredicate, NULL));
  SAY_BOOL(g_hash_table_get_keys(none) == NULL);
  SAY_BOOL(g_hash_table_get_values(none) == NULL);
  g_hash_table_iter_init(&iter, none);
  current = filledTable(1);
  g_hash_table_foreach(current, noFunc, NULL);
  SAY_BOOL(g_hash_table_find(current, noRFunc, NULL) == NULL);
  SAY_BOOL((int)g_hash_table_foreach_remove(current, noRFunc, NULL));
  SAY_BOOL((int)g_hash_table_foreach_steal(current, noRFunc, NULL));
  g_hash_table_iter_init(noIter, current);
  SAY_BOOL(g_hash_table_iter_next(noIter, NULL, NULL));
  SAY_BOOL(g_hash_table_iter_get_hash_table(noIter) == NULL);
  g_hash_table_iter_remove(noIter);
  g_hash_table_iter_steal(noIter);
  g_hash_table_iter_replace(noIter, NULL);
  g_hash_table_unref(current);
  current = NULL;
}

static void rowNewSimilar(void)
{
  GHashTable *t = filledTable(2), *similar = g_hash_table_new_similar(t);
  say("  size %u", g_hash_table_size(similar));
  SAY_BOOL(g_hash_table_insert(similar, thingNew("a1", 5), thingNew("A1", 0)));
  SAY_BOOL(g_hash_table_insert(similar, thingNew("a2", 5), thingNew("A2", 0)));
  g_hash_table_unref(similar);
  sortLines();
  g_hash_table_unref(t);
  printLines();
}

/* the ten functions */

static guint64 digest(guint64 sum, guint value)
{
  return (sum ^ value) * 0x100000001b3u;
}

static guint64 randomBits(void)
{
  static guint64 state = 1;
  guint64 x = state += 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

static void rowFunctions(void)
{
  guint64 sums[5] = {0};
  for (guint i = 0; i < 20000; i++) {
    char s[64];
    guint n = (guint)(randomBits() % sizeof s);
    for (guint j = 0; j < n; j++)
      s[j] = (char)(randomBits() % 255 + 1);
    s[n ? n - 1 : 0] = 0;
    guint64 bits = randomBits();
    bits >>= randomBits() % 64;
    gint g = (gint)bits;
    gint64 wide = (gint64)bits;
    gdouble d = (gdouble)wide / 3;
    sums[0] = digest(sums[0], g_str_hash(s));
    sums[1] = digest(sums[1], g_int_hash(&g));
    sums[2] = digest(sums[2], g_int64_hash(&wide));
    sums[3] = digest(sums[3], g_double_hash(&d));
    sums[4] = digest(sums[4], g_direct_hash((gpointer)(guintptr)bits));
  }
  for (guint i = 0; i < COUNT(sums); i++)
    say("  %016" G_GINT64_MODIFIER "x", sums[i]);
  const gdouble specials[] = {0.0, -0.0, 1, -1, 0.5, 4294967296.5, -4294967297.5, 1e15, NAN, INFINITY, -INFINITY, 5e-324};
  for (guint i = 0; i < COUNT(specials); i++) {
    GString *row = g_string_new(NULL);
    for (guint j = 0; j < COUNT(specials); j++)
      g_string_append_c(row, g_double_equal(&specials[i], &specials[j]) ? '1' : '0');
    say("  %u %s", g_double_hash(&specials[i]), row->str);
    g_string_free(row, TRUE);
  }
  const gint64 wides[] = {0, 1, 2, -1, G_MININT64, G_MAXINT64, (gint64)1 << 32, (gint64)3 << 32 | 1};
  for (guint i = 0; i < COUNT(wides); i++)
    say("  %u %d %d", g_int64_hash(&wides[i]), g_int64_equal(&wides[i], &wides[0]), g_int64_equal(&wides[i], &wides[i]));
  const gint ints[] = {0, 1, -1, G_MININT, G_MAXINT};
  for (guint i = 0; i < COUNT(ints); i++)
    say("  %u %d %d", g_int_hash(&ints[i]), g_int_equal(&ints[i], &ints[0]), g_int_equal(&ints[i], &ints[i]));
  gboolean (*strEqual)(gconstpointer, gconstpointer) = g_str_equal;
  say("  %d %d %d", strEqual("", ""), strEqual("a", "b"), strEqual("a", "a"));
  say("  %d %d", g_direct_equal(NULL, NULL), g_direct_equal(NULL, sums));
  say("  %u %u", g_str_hash(""), g_str_hash("\xff\x80"));
}

/* tables of the known kinds */

static void rowInts(void)
{
  enum { n = 3000 };
  static gint ints[2][n];
  static gint64 wides[2][n];
  GHashTable *a = g_hash_table_new(g_int_hash, g_int_equal), *b = g_hash_table_new(g_int64_hash, g_int64_equal);
  guint found = 0;
  for (int twice = 0; twice < 2; twice++)
    for (int i = 0; i < n; i++) {
      ints[twice][i] = (i - n / 2) * 1000003;
      wides[twice][i] = (gint64)i << 40 | i;
      found += !g_hash_table_insert(a, &ints[twice][i], &ints[twice][i]);
      found += !g_hash_table_replace(b, &wides[twice][i], &wides[twice][i]);
    }
  say("  %u %u, %u found", g_hash_table_size(a), g_hash_table_size(b), found);
  gpointer k, v;
  SAY_BOOL(g_hash_table_lookup_extended(a, &ints[1][7], &k, &v));
  SAY_BOOL(k == &ints[0][7] && v == &ints[1][7]);
  SAY_BOOL(g_hash_table_lookup_extended(b, &wides[0][7], &k, &v));
  SAY_BOOL(k == &wides[1][7] && v == &wides[1][7]);
  for (int i = 0; i < n; i += 3)
    found += g_hash_table_remove(a, &ints[0][i]) + g_hash_table_steal(b, &wides[0][i]);
  say("  %u %u, %u found", g_hash_table_size(a), g_hash_table_size(b), found);
  g_hash_table_unref(a);
  g_hash_table_unref(b);
}

static void rowDoubles(void)
{
  static const gdouble keys[] = {0.0, -0.0, 1.5, NAN, INFINITY, -INFINITY, 1.5};
  GHashTable *t = g_hash_table_new(g_double_hash, g_double_equal);
  for (guint i = 0; i < COUNT(keys); i++)
    say("  add %g: %d", keys[i], g_hash_table_add(t, (gpointer)(guintptr)&keys[i]));
  for (guint i = 0; i < COUNT(keys); i++)
    say("  contains %g: %d", keys[i], g_hash_table_contains(t, &keys[i]));
  SAY_BOOL(g_hash_table_add(t, (gpointer)(guintptr)&keys[3]));
  say("  size %u", g_hash_table_size(t));
  for (guint i = 0; i < COUNT(keys); i++)
    say("  remove %g: %d", keys[i], g_hash_table_remove(t, &keys[i]));
  say("  size %u", g_hash_table_size(t));
  g_hash_table_unref(t);
}

static void rowStrings(void)
{
  enum { n = 5000 };
  GHashTable *t = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  guint found = 0;
  for (guint i = 0; i < 2 * n; i++)
    found += !g_hash_table_insert(t, g_strdup_printf("key %u", i % n), g_strdup_printf("%u", i));
  say("  size %u, %u found", g_hash_table_size(t), found);
  for (guint i = 0; i < n; i++) {
    char *key = g_strdup_printf("key %u", i), *value = g_hash_table_lookup(t, key);
    found += value && (guint)atoi(value) == n + i;
    if (i % 3)
      found += g_hash_table_remove(t, key);
    g_free(key);
  }
  say("  size %u, %u found", g_hash_table_size(t), found);
  g_hash_table_unref(t);
}

/* a table that GLib made itself */

static void appendParam(gpointer key, gpointer value, gpointer data)
{
  (void)data;
  say("    %s=%s", (char *)key, (char *)value);
}
static void showParams(GHashTable *t)
{
  say("  size %u", g_hash_table_size(t));
  sortLines();
  g_hash_table_foreach(t, appendParam, NULL);
  printLines();
}
static gboolean isParam(gpointer key, gpointer value, gpointer name)
{
  (void)value;
  return strcmp(key, name) == 0;
}
static GHashTable *params(void)
{
  GHashTable *t = g_uri_parse_params("a=1&b=2&c=3&d=4&e=5&f=6", -1, "&", G_URI_PARAMS_NONE, NULL);
  g_assert(t);
  return t;
}

static void rowForeign(void)
{
  GHashTable *t = params();
  gpointer k, v, *array;
  guint n;
  showParams(t);
  say("  b=%s", (char *)g_hash_table_lookup(t, "b"));
  SAY_BOOL(g_hash_table_contains(t, "b"));
  SAY_BOOL(g_hash_table_contains(t, "z"));
  SAY_BOOL(g_hash_table_lookup_extended(t, "c", &k, &v));
  say("  %s=%s", (char *)k, (char *)v);
  SAY_BOOL(g_hash_table_insert(t, g_strdup("x"), g_strdup("9")));
  SAY_BOOL(g_hash_table_replace(t, g_strdup("x"), g_strdup("10")));
  SAY_BOOL(g_hash_table_remove(t, "x"));
  SAY_BOOL(g_hash_table_steal_extended(t, "a", &k, &v));
  say("  %s=%s", (char *)k, (char *)v);
  g_free(k), g_free(v);
  SAY_BOOL(g_hash_table_lookup_extended(t, "b", &k, &v));
  SAY_BOOL(g_hash_table_steal(t, "b"));
  g_free(k), g_free(v);
  say("  %s", (char *)g_hash_table_find(t, isParam, (gpointer)(guintptr) "c"));
  say("  removed %u", g_hash_table_foreach_remove(t, isParam, (gpointer)(guintptr) "d"));
  say("  stolen %u", g_hash_table_foreach_steal(t, isParam, (gpointer)(guintptr) "z"));
  GList *keys = g_hash_table_get_keys(t), *values = g_hash_table_get_values(t);
  say("  %u %u", g_list_length(keys), g_list_length(values));
  g_list_free(keys), g_list_free(values);
  array = g_hash_table_get_keys_as_array(t, &n);
  say("  %u", n);
  g_free(array);
  showParams(t);
  GHashTable *similar = g_hash_table_new_similar(t);
  SAY_BOOL(g_hash_table_insert(similar, g_strdup("k"), g_strdup("v")));
  SAY_BOOL(g_hash_table_insert(similar, g_strdup("k"), g_strdup("w")));
  showParams(similar);
  g_hash_table_destroy(similar);
  SAY_BOOL(g_hash_table_ref(t) == t);
  g_hash_table_remove_all(t);
  g_hash_table_steal_all(t);
  showParams(t);
  g_hash_table_destroy(t);
  g_hash_table_unref(t);
}

static void rowForeignIterator(void)
{
  GHashTable *t = params();
  GHashTableIter iter;
  gpointer k, v;
  g_hash_table_iter_init(&iter, t);
  g_hash_table_iter_remove(&iter);
  SAY_BOOL(g_hash_table_iter_get_hash_table(&iter) == t);
  while (g_hash_table_iter_next(&iter, &k, &v)) {
    if (strcmp(k, "a") == 0) {
      g_hash_table_iter_remove(&iter);
    } else if (strcmp(k, "b") == 0) {
      g_hash_table_iter_steal(&iter);
      g_free(k), g_free(v);
    } else {
      g_hash_table_iter_replace(&iter, g_strdup("new"));
    }
  }
  SAY_BOOL(g_hash_table_iter_next(&iter, NULL, NULL));
  g_hash_table_iter_init(&iter, t);
  g_hash_table_remove(t, "c");
  SAY_BOOL(g_hash_table_iter_next(&iter, NULL, NULL));
  showParams(t);
  g_hash_table_unref(t);
}

/* Walks in the midst of a removal: the entry that is being freed has gone, and the walk may go on until the removal ends. */
static GHashTable *beingWalked;
static GHashTableIter outerWalk;
static gpointer victim;
static jmp_buf wayOut;
static enum { walkOn, jump, rest } onFreed;
static guint cameBack, came;

static void whenFreed(gpointer key)
{
  gpointer k;
  if (key != victim || onFreed == rest)
    return;
  int what = onFreed;
  onFreed = rest;
  if (what == jump)
    longjmp(wayOut, 1);
  while (g_hash_table_iter_next(&outerWalk, &k, NULL)) {
    came++;
    cameBack += k == victim;
  }
}
static GHashTable *victims(guint n)
{
  beingWalked = g_hash_table_new_full(NULL, NULL, whenFreed, NULL);
  for (guint i = 1; i <= n; i++)
    g_hash_table_insert(beingWalked, GUINT_TO_POINTER(i), GUINT_TO_POINTER(i));
  return beingWalked;
}
static void removeInForeach(gpointer key, gpointer value, gpointer data)
{
  (void)value, (void)data;
  came++;
  cameBack += key == victim && onFreed == rest;
  if (key != victim && onFreed == jump && !setjmp(wayOut))
    g_hash_table_remove(beingWalked, victim);
}
static gboolean walkAfterFirst(gpointer key, gpointer value, gpointer data)
{
  gpointer k;
  (void)value, (void)data;
  if (!victim) {
    victim = key;
    return TRUE;
  }
  if (onFreed == rest)
    while (g_hash_table_iter_next(&outerWalk, &k, NULL))
      cameBack += k == victim;
  onFreed = jump;
  return FALSE;
}
static void rowWalkWhileFreed(void)
{
  gpointer first;
  cameBack = 0;
  for (guint n = 2; n < 100; n += 7)
    for (guint i = 1; i <= n; i++) {
      victims(n);
      g_hash_table_iter_init(&outerWalk, beingWalked);
      g_hash_table_iter_next(&outerWalk, &first, NULL);
      victim = GUINT_TO_POINTER(i);
      onFreed = first == victim ? rest : walkOn;
      g_hash_table_remove(beingWalked, victim);
      onFreed = rest;
      g_hash_table_unref(beingWalked);

      victims(n);
      onFreed = jump;
      came = 0;
      g_hash_table_foreach(beingWalked, removeInForeach, NULL);
      onFreed = rest;
      if (came != n && came != n - 1)
        say("came %u", came);
      g_hash_table_unref(beingWalked);

      victims(n);
      victim = NULL;
      g_hash_table_iter_init(&outerWalk, beingWalked);
      g_hash_table_iter_next(&outerWalk, NULL, NULL);
      g_hash_table_foreach_remove(beingWalked, walkAfterFirst, NULL);
      onFreed = rest;
      g_hash_table_unref(beingWalked);
    }
  say("came back %u", cameBack);
}

/* Overwriting is allowed in a walk, whatever the insertions before it were like: NaNs have one hash, and each is another key. */
static void rowOverwriteAfterNaNs(void)
{
  for (guint nans = 40; nans < 60; nans++) {
    GHashTable *t = g_hash_table_new(g_double_hash, g_double_equal);
    gdouble d[160];
    guint seen = 0, ours = 0;
    GHashTableIter iter;
    gpointer k;
    for (guint i = 0; i < 100 + nans; i++) {
      d[i] = i < 100 ? (gdouble)i : NAN;
      g_hash_table_insert(t, &d[i], NULL);
    }
    g_hash_table_iter_init(&iter, t);
    while (g_hash_table_iter_next(&iter, &k, NULL)) {
      seen++;
      ours += (gdouble *)k >= d && (gdouble *)k < d + 100 + nans;
      if (*(gdouble *)k < 100)
        g_hash_table_insert(t, k, &seen);
    }
    say("%u NaNs: %u entries, %u of them keys", nans, seen, ours);
    g_hash_table_unref(t);
  }
}

/* An equality function that adds and removes a key each time still ends. */
static guint scattered(gconstpointer key)
{
  return GPOINTER_TO_UINT(key) * 2654435761u;
}
static gboolean addAndRemove(gconstpointer a, gconstpointer b)
{
  if (GPOINTER_TO_UINT(b) != 999) {
    g_hash_table_insert(beingWalked, GUINT_TO_POINTER(999), NULL);
    g_hash_table_remove(beingWalked, GUINT_TO_POINTER(999));
  }
  return a == b;
}
/* One that, once, removes the stored key and adds it again, behind another one. */
static guint armed;
static guint seven(gconstpointer key)
{
  (void)key;
  return 7;
}
static gboolean removeAndAddAgain(gconstpointer a, gconstpointer b)
{
  if (armed && a != b) {
    armed = 0;
    g_hash_table_remove(beingWalked, a);
    g_hash_table_add(beingWalked, GUINT_TO_POINTER(3));
    g_hash_table_add(beingWalked, (gpointer)(guintptr)a);
  }
  return a == b;
}
static void rowEqualMovesItsKey(void)
{
  beingWalked = g_hash_table_new(seven, removeAndAddAgain);
  for (guint i = 1; i <= 2; i++)
    g_hash_table_add(beingWalked, GUINT_TO_POINTER(i));
  armed = 1;
  SAY_BOOL(g_hash_table_contains(beingWalked, GUINT_TO_POINTER(2)));
  armed = 1;
  SAY_BOOL(g_hash_table_add(beingWalked, GUINT_TO_POINTER(2)));
  say("%u entries", g_hash_table_size(beingWalked));
  g_hash_table_unref(beingWalked);
}

static void rowEqualChangesEachTime(void)
{
  beingWalked = g_hash_table_new(scattered, addAndRemove);
  for (guint i = 0; i < 100; i++)
    g_hash_table_insert(beingWalked, GUINT_TO_POINTER(i), GUINT_TO_POINTER(100 + i));
  for (guint i = 0; i < 110; i += 10)
    say("%d", GPOINTER_TO_INT(g_hash_table_lookup(beingWalked, GUINT_TO_POINTER(i))));
  SAY_BOOL(g_hash_table_remove(beingWalked, GUINT_TO_POINTER(7)));
  SAY_BOOL(g_hash_table_insert(beingWalked, GUINT_TO_POINTER(8), NULL));
  say("%u entries", g_hash_table_size(beingWalked));
  g_hash_table_unref(beingWalked);
}

int main(int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*run)(void);
  } rows[] = {
    {"hash and equal NULL", rowNull},
    {"calls of equal", rowEqualCalls},
    {"equal is asked about the same pointer", rowEqualIsAsked},
    {"hash is called once", rowHashOnce},
    {"keys changed behind the table's back", rowKeyChangedBehindTheTable},
    {"insert, replace, remove and the order of frees", rowInsertReplaceAdd},
    {"sets", rowSet},
    {"destroy functions call into the table", rowReentrance},
    {"the version changes after the frees", rowVersionAfterFrees},
    {"remove_all", rowRemoveAll},
    {"recursive remove_all", rowRecursiveRemoveAll},
    {"references, destroy", rowReferences},
    {"steal", rowSteal},
#if GLIB_CHECK_VERSION(2, 76, 0)
    {"steal_all_keys, steal_all_values", rowStealAllKeys},
#endif
    {"lookup_extended", rowLookupExtended},
    {"foreach", rowForeach},
    {"foreach_remove, foreach_steal: changes", rowForeachRemove},
    {"foreach_remove, foreach_steal", rowForeachRemoveSome},
    {"find", rowFind},
    {"iterators: versions", rowIterators},
    {"iterators: remove and replace", rowIterChanges},
    {"iterators: while an entry is freed", rowWalkWhileFreed},
    {"iterators: overwriting after NaNs", rowOverwriteAfterNaNs},
    {"equal changes the table each time", rowEqualChangesEachTime},
    {"equal removes its key and adds it again", rowEqualMovesItsKey},
    {"order", rowOrder},
    {"a set's keys as strv", rowSetToStrv},
    {"NULL table", rowNullTable},
    {"new_similar", rowNewSimilar},
    {"the ten functions", rowFunctions},
    {"int and int64 keys", rowInts},
    {"double keys", rowDoubles},
    {"string keys", rowStrings},
    {"a foreign table", rowForeign},
    {"an iterator over a foreign table", rowForeignIterator},
  };
  if (argc > 1 && strcmp(argv[1], "--expect-ours") == 0 && checkSide(TRUE) != 0)
    return 1;
  if (argc > 1 && strcmp(argv[1], "--expect-real") == 0 && checkSide(FALSE) != 0)
    return 1;
  g_log_set_default_handler(onLog, NULL);
  stolenThings = g_ptr_array_new();
  for (guint i = 0; i < COUNT(rows); i++) {
    say("== %s", rows[i].name);
    rows[i].run();
    fflush(stdout);
  }
  g_ptr_array_unref(stolenThings);
  return 0;
}
