/* ghash.c: libhmap-glib, which a program links in front of GLib to have GHashTable on hmap; and, through ghash-alone.c,
 * libhmap-ghash, which it links instead of GLib.
 *
 * All functions of GLib's ghash.h, those of newer GLibs included, with everything that a program can observe: which key is freed
 * and when, what the table shows meanwhile, which walks an operation ends, what is said about mistakes. What differs is the
 * order of entries, and that two tables differ in it.
 *
 *   GHashTable                                  iterator, in the caller's GHashTableIter
 *   +--------------------------+                +--------------------------+
 *   | mark, kind, version      |<---------------+ hash_table               |
 *   | h: the engine's hmap     |                | walk: a position         |
 *   | hash and equality,       |                | version, state           |
 *   | destroy functions, count |                +--------------------------+
 *   +--------------------------+
 *
 * ghash-foreign.c says what happens to tables without the mark, ghash-kinds.c how keys are looked for, ghash-functions.c has
 * g_str_hash and its like.
 *
 * Moving entries is for writes that end walks anyway: adding a key, and removing one by key. Overwriting a value, removing
 * through an iterator and removing in g_hash_table_foreach_remove leave every other entry where it is. A function of the
 * program's may call into the table again; so none is called while the table is half changed, and nothing that was found before
 * is used after.
 *
 * Names in checks (hash_table, ri, some functions) are GLib's, because its criticals quote them. */
#define HMAP_API static
#define HMAP_SHIM
#ifndef HMAP_SEAM /* ghash-alone.c has its own */
#define HMAP_LIBRARY "libhmap-glib"
#define HMAP_SEAM "ghash-glib.h"
#endif
#include "../lib/engine.c"
#include HMAP_SEAM
#include "ghash-functions.c"
#include "ghash-kinds.c"

/* An iterator. It may be copied and abandoned, so nothing in the table knows of it. */
typedef struct __attribute__((may_alias)) realIter {
  GHashTable *hash_table; /* first, as in GLib's: a foreign iterator is known by its table */
  mapwalk walk;
  guint version; /* the table's, even; another one in the table means that the walk is over */
} realIter;
_Static_assert(sizeof(realIter) <= sizeof(GHashTableIter) && _Alignof(realIter) <= _Alignof(GHashTableIter), "fits in GLib's");
enum { beforeFirst, atEntry, atRemoved, afterLast }; /* realIter.walk.state */

ALWAYS_INLINE bool isForeign(const GHashTable *t)
{
  return unlikely(t->mark != tableMark);
}

ALWAYS_INLINE guint versionOf(const GHashTable *t)
{
  return t->version & ~1u;
}
/* g_return_if_fail with the words of GLib, which has no versionOf. */
#define RETURN_UNLESS(condition, words, result)                 \
  do {                                                          \
    if (unlikely(!(condition))) {                               \
      g_return_if_fail_warning(G_LOG_DOMAIN, G_STRFUNC, words); \
      return result;                                            \
    }                                                           \
  } while (0)

/* Making tables */

static struct {
  pthread_once_t once;
  bool settled;
  bool checked; /* HMAP_CHECK=1: threads that disturb each other end the program */
} settings = {.once = PTHREAD_ONCE_INIT};

static void settingsInit(void)
{
  static const gdouble plus = 0.0, minus = -0.0;
  const char *check = secure_getenv("HMAP_CHECK");
  settings.checked = check && strcmp(check, "1") == 0;
  leastFormat = underMemcheck() ? wholeFormat : 0; /* a pointer that stands in four bytes is none to it */
  zerosDiffer = own_g_double_hash(&plus) != own_g_double_hash(&minus);
  __atomic_store_n(&settings.settled, true, __ATOMIC_RELEASE);
}
ALWAYS_INLINE void settle(void)
{
  if (unlikely(!__atomic_load_n(&settings.settled, __ATOMIC_ACQUIRE)))
    pthread_once(&settings.once, settingsInit);
}

static GHashTable *newTable(GHashFunc hash, GEqualFunc equal, GDestroyNotify freeKey, GDestroyNotify freeValue)
{
  GHashTable *t = g_new(GHashTable, 1);
  const guint8 kind = kindOf(hash, equal);
  settle();
  *t = (GHashTable){
      .mark = tableMark,
      .hash_func = hash ? hash : own_g_direct_hash,
      .key_equal_func = equal,
      .key_destroy_func = freeKey,
      .value_destroy_func = freeValue,
      .ref_count = 1,
      .h = {.t = typeOf(kind), .tag = (guint8)(kind << plainBits), .flags = settings.checked ? hashChecked : 0},
  };
  countTable(&t->h);
  return t;
}

/* Returns a new table with one reference, which the caller gives up with g_hash_table_unref or g_hash_table_destroy. hash_func
 * may be NULL, for g_direct_hash; key_equal_func may be NULL, for comparing pointers. Ends the program if there is no memory. */
GHashTable *g_hash_table_new(GHashFunc hash_func, GEqualFunc key_equal_func)
{
  return newTable(hash_func, key_equal_func, NULL, NULL);
}

/* The same, for a table that owns its keys and values: it calls key_destroy_func on a key and value_destroy_func on a value that
 * leave it other than by stealing. Either may be NULL. */
GHashTable *g_hash_table_new_full(GHashFunc hash_func, GEqualFunc key_equal_func, GDestroyNotify key_destroy_func,
                                  GDestroyNotify value_destroy_func)
{
  return newTable(hash_func, key_equal_func, key_destroy_func, value_destroy_func);
}

/* Returns a new, empty table with the four functions of another one. */
GHashTable *g_hash_table_new_similar(GHashTable *other_hash_table)
{
  const GHashTable *t = other_hash_table;
  g_return_val_if_fail(other_hash_table, NULL);
  if (isForeign(t))
    return FOREIGN(g_hash_table_new_similar)(other_hash_table);
  return newTable(t->hash_func, t->key_equal_func, t->key_destroy_func, t->value_destroy_func);
}

/* Removing */

/* Removes the entry at a place, and frees it if notify says so. Moves nothing. While it is freed, walks are not over yet. */
ALWAYS_INLINE void removeAt(GHashTable *t, place *at, bool notify)
{
  bool frees = notify && (t->key_destroy_func || t->value_destroy_func);
  gpointer key = frees ? keyAt(at) : NULL, value = frees ? valueAt(at) : NULL;
  mapdelete(&t->h, at);
  t->version |= 1;
  if (unlikely(frees))
    destroyEntry(t, key, value);
}

/* What removals by key end with: walks are over, so a share of growth may be done. */
ALWAYS_INLINE void afterRemoval(GHashTable *t)
{
  if (!writeWork(&t->h))
    maybeShrink(&t->h);
  t->version = versionOf(t) + 2;
}

/* The next entries of a walk over a table that does not change, at most as many as a bucket has. What they point to is about to
 * be freed, and in a large table it lies anywhere. */
typedef struct entries {
  gpointer key[bucketCnt], value[bucketCnt];
  guint n;
} entries;
ALWAYS_INLINE bool nextEntries(const GHashTable *t, const hmap *h, mapwalk *w, entries *e, bool large)
{
  place at = {0};
  for (e->n = 0; e->n < bucketCnt && walknext(h, h->t, w, &at); e->n++) {
    e->key[e->n] = keyAt(&at);
    e->value[e->n] = valueAt(&at);
    if (large && t->key_destroy_func)
      __builtin_prefetch(e->key[e->n], 1);
    if (large && t->value_destroy_func)
      __builtin_prefetch(e->value[e->n], 1);
  }
  return e->n != 0;
}
ALWAYS_INLINE void destroyEntries(GHashTable *t, const entries *e)
{
  for (guint i = 0; i < e->n; i++)
    destroyEntry(t, e->key[i], e->value[i]);
}

/* Empties a table of few entries and then frees them. */
static void removeFew(GHashTable *t, bool dies)
{
  entries e;
  mapwalk w = {0};
  nextEntries(t, &t->h, &w, &e, false);
  if (dies)
    mapdrop(&t->h);
  else
    mapclear(&t->h);
  destroyEntries(t, &e);
}
static void removeMany(GHashTable *t)
{
  entries e;
  mapwalk w = {0};
  hmap old = mapdetach(&t->h);
  while (nextEntries(t, &old, &w, &e, true))
    destroyEntries(t, &e);
  mapfree(&old);
}
/* Frees all entries, if notify says so, and their memory. The table is empty before the first is freed, and may be filled again
 * meanwhile. dies: it is on its way out. */
static void removeAll(GHashTable *t, bool notify, bool dies)
{
  if (t->h.count == 0)
    return;
  if (!notify || !(t->key_destroy_func || t->value_destroy_func))
    mapclear(&t->h);
  else if (t->h.count <= bucketCnt)
    removeFew(t, dies);
  else
    removeMany(t);
}

static void removeAllByName(GHashTable *t, bool notify)
{
  if (t->h.count != 0)
    t->version += 2;
  removeAll(t, notify, false);
}

/* Removes all entries and frees them. Entries that a destroy function inserts meanwhile stay. */
void g_hash_table_remove_all(GHashTable *hash_table)
{
  g_return_if_fail(hash_table != NULL);
  if (isForeign(hash_table)) {
    FOREIGN(g_hash_table_remove_all)(hash_table);
    return;
  }
  removeAllByName(hash_table, true);
}

/* Removes all entries without freeing them. */
void g_hash_table_steal_all(GHashTable *hash_table)
{
  g_return_if_fail(hash_table != NULL);
  if (isForeign(hash_table)) {
    FOREIGN(g_hash_table_steal_all)(hash_table);
    return;
  }
  removeAllByName(hash_table, false);
}

static gboolean g_hash_table_remove_internal(GHashTable *hash_table, gconstpointer key, bool notify)
{
  place at;
  g_return_val_if_fail(hash_table != NULL, FALSE);
  if (isForeign(hash_table))
    return notify ? FOREIGN(g_hash_table_remove)(hash_table, key) : FOREIGN(g_hash_table_steal)(hash_table, key);
  if (!findBy[hash_table->h.tag](hash_table, key, &at))
    return FALSE;
  removeAt(hash_table, &at, notify);
  afterRemoval(hash_table);
  return TRUE;
}

/* Removes a key and its value and frees them. Returns whether the key was there; if not, nothing has changed. */
gboolean g_hash_table_remove(GHashTable *hash_table, gconstpointer key)
{
  return g_hash_table_remove_internal(hash_table, key, true);
}

/* The same without freeing. */
gboolean g_hash_table_steal(GHashTable *hash_table, gconstpointer key)
{
  return g_hash_table_remove_internal(hash_table, key, false);
}

/* g_hash_table_steal that hands the stored key and the value to the caller, or NULL and NULL if the key is not there. stolen_key
 * and stolen_value may be NULL. */
gboolean g_hash_table_steal_extended(GHashTable *hash_table, gconstpointer lookup_key, gpointer *stolen_key,
                                     gpointer *stolen_value)
{
  gpointer key = NULL, value = NULL;
  place at;
  g_return_val_if_fail(hash_table != NULL, FALSE);
  if (isForeign(hash_table))
    return FOREIGN(g_hash_table_steal_extended)(hash_table, lookup_key, stolen_key, stolen_value);
  bool found = findBy[hash_table->h.tag](hash_table, lookup_key, &at);
  if (found) {
    key = keyAt(&at);
    value = valueAt(&at);
    removeAt(hash_table, &at, false);
    afterRemoval(hash_table);
  }
  if (stolen_key)
    *stolen_key = key;
  if (stolen_value)
    *stolen_value = value;
  return found;
}

/* References */

/* Adds a reference; any thread may. Returns the table. */
GHashTable *g_hash_table_ref(GHashTable *hash_table)
{
  g_return_val_if_fail(hash_table != NULL, NULL);
  if (isForeign(hash_table))
    return FOREIGN(g_hash_table_ref)(hash_table);
  g_atomic_ref_count_inc(&hash_table->ref_count);
  return hash_table;
}

static void unref(GHashTable *t)
{
  if (!g_atomic_ref_count_dec(&t->ref_count))
    return;
  if (t->key_destroy_func || t->value_destroy_func)
    removeAll(t, true, true);
  mapfree(&t->h);
  g_free(t);
}

/* Gives a reference up; any thread may. With the last one all entries are freed, and the table. */
void g_hash_table_unref(GHashTable *hash_table)
{
  g_return_if_fail(hash_table != NULL);
  if (isForeign(hash_table)) {
    FOREIGN(g_hash_table_unref)(hash_table);
    return;
  }
  unref(hash_table);
}

/* Removes and frees all entries, and gives a reference up. Whoever has another one keeps an empty table. */
void g_hash_table_destroy(GHashTable *hash_table)
{
  g_return_if_fail(hash_table != NULL);
  if (isForeign(hash_table)) {
    FOREIGN(g_hash_table_destroy)(hash_table);
    return;
  }
  removeAllByName(hash_table, true);
  unref(hash_table);
}

/* Looking up */

/* What the commonest functions do in rare cases, apart from them: so they need no stack. */
NOINLINE gpointer noTable(const char *function)
{
  g_return_if_fail_warning(G_LOG_DOMAIN, function, "hash_table != NULL");
  return NULL;
}
NOINLINE gpointer lookupForeign(GHashTable *t, gconstpointer key)
{
  return FOREIGN(g_hash_table_lookup)(t, key);
}

/* Returns the value of a key, which stays the table's, or NULL if the key is not there. Writes nothing, as all readers here: any
 * number of threads may read a table at once. */
gpointer g_hash_table_lookup(GHashTable *hash_table, gconstpointer key)
{
  if (unlikely(!hash_table))
    return noTable(G_STRFUNC);
  if (isForeign(hash_table))
    return lookupForeign(hash_table, key);
  return lookupBy[hash_table->h.tag](hash_table, key);
}

/* Looks a key up. Returns whether it is there, with the stored key and the value, or NULL and NULL. orig_key and value may be
 * NULL. */
gboolean g_hash_table_lookup_extended(GHashTable *hash_table, gconstpointer lookup_key, gpointer *orig_key, gpointer *value)
{
  place at;
  g_return_val_if_fail(hash_table != NULL, FALSE);
  if (isForeign(hash_table))
    return FOREIGN(g_hash_table_lookup_extended)(hash_table, lookup_key, orig_key, value);
  bool found = findBy[hash_table->h.tag](hash_table, lookup_key, &at);
  if (orig_key)
    *orig_key = found ? keyAt(&at) : NULL;
  if (value)
    *value = found ? valueAt(&at) : NULL;
  return found;
}

/* Returns whether a key is there. */
gboolean g_hash_table_contains(GHashTable *hash_table, gconstpointer key)
{
  place at;
  g_return_val_if_fail(hash_table != NULL, FALSE);
  if (isForeign(hash_table))
    return FOREIGN(g_hash_table_contains)(hash_table, key);
  return findBy[hash_table->h.tag](hash_table, key, &at);
}

/* Returns the number of entries. */
guint g_hash_table_size(GHashTable *hash_table)
{
  g_return_val_if_fail(hash_table != NULL, 0);
  if (isForeign(hash_table))
    return FOREIGN(g_hash_table_size)(hash_table);
  return (guint)hash_table->h.count;
}

/* Inserting */

/* GLib's name for what the three functions call with a NULL table. */
NOINLINE gboolean noTableToChange(void)
{
  noTable("g_hash_table_insert_internal");
  return FALSE;
}
NOINLINE gboolean insertForeign(GHashTable *t, gpointer key, gpointer value)
{
  return FOREIGN(g_hash_table_insert)(t, key, value);
}
NOINLINE gboolean replaceForeign(GHashTable *t, gpointer key, gpointer value)
{
  return FOREIGN(g_hash_table_replace)(t, key, value);
}
NOINLINE gboolean addForeign(GHashTable *t, gpointer key)
{
  return FOREIGN(g_hash_table_add)(t, key);
}

/* Sets the value of a key. The table owns both now. If the key was there, the stored one stays, and the one given and the old
 * value are freed. Returns whether the key is new. Ends the program if there is no memory, with the table as it was. */
gboolean g_hash_table_insert(GHashTable *hash_table, gpointer key, gpointer value)
{
  if (unlikely(!hash_table))
    return noTableToChange();
  if (isForeign(hash_table))
    return insertForeign(hash_table, key, value);
  return putBy[hash_table->h.tag](hash_table, key, value, false);
}

/* The same, but if the key was there, the one given is stored, and the old one and the old value are freed. */
gboolean g_hash_table_replace(GHashTable *hash_table, gpointer key, gpointer value)
{
  if (unlikely(!hash_table))
    return noTableToChange();
  if (isForeign(hash_table))
    return replaceForeign(hash_table, key, value);
  return putBy[hash_table->h.tag](hash_table, key, value, true);
}

/* g_hash_table_replace of a key that is its own value: a member of a set. */
gboolean g_hash_table_add(GHashTable *hash_table, gpointer key)
{
  if (unlikely(!hash_table))
    return noTableToChange();
  if (isForeign(hash_table))
    return addForeign(hash_table, key);
  return putBy[hash_table->h.tag](hash_table, key, key, true);
}

/* Walking */

/* After a call of the program's: entries may have been removed though the version is the same, by a removal that is about to end
 * or whose destroy function did not return. seq is the table's before it. */
ALWAYS_INLINE void forgetRemoved(const GHashTable *t, mapwalk *w, uint32_t seq)
{
  if (unlikely(t->h.seq != seq))
    walkForget(&t->h, t->h.t, w);
}

/* Calls func on each entry. It may overwrite values, but not add or remove keys: then there is a critical, and the walk ends. */
void g_hash_table_foreach(GHashTable *hash_table, GHFunc func, gpointer user_data)
{
  mapwalk w = {0};
  place at = {0};
  g_return_if_fail(hash_table != NULL);
  g_return_if_fail(func != NULL);
  if (isForeign(hash_table)) {
    FOREIGN(g_hash_table_foreach)(hash_table, func, user_data);
    return;
  }
  checkReader(hash_table, hash_table->h.t);
  const maptype *type = hash_table->h.t;
  const guint version = versionOf(hash_table);
  while (walknext(&hash_table->h, type, &w, &at)) {
    const uint32_t seq = hash_table->h.seq;
    func(keyAt(&at), valueAt(&at), user_data);
    RETURN_UNLESS(version == versionOf(hash_table), "version == hash_table->version", );
    forgetRemoved(hash_table, &w, seq);
  }
}

/* Calls predicate on one entry after the other until it returns true. Returns that one's value, or NULL if there is none, or if
 * predicate added or removed keys, which is a critical. */
gpointer g_hash_table_find(GHashTable *hash_table, GHRFunc predicate, gpointer user_data)
{
  mapwalk w = {0};
  place at = {0};
  g_return_val_if_fail(hash_table != NULL, NULL);
  g_return_val_if_fail(predicate != NULL, NULL);
  if (isForeign(hash_table))
    return FOREIGN(g_hash_table_find)(hash_table, predicate, user_data);
  checkReader(hash_table, hash_table->h.t);
  const maptype *type = hash_table->h.t;
  const guint version = versionOf(hash_table);
  while (walknext(&hash_table->h, type, &w, &at)) {
    gpointer value = valueAt(&at);
    const uint32_t seq = hash_table->h.seq;
    bool match = predicate(keyAt(&at), value, user_data);
    RETURN_UNLESS(version == versionOf(hash_table), "version == hash_table->version", NULL);
    if (match)
      return value;
    forgetRemoved(hash_table, &w, seq);
  }
  return NULL;
}

/* Finds an entry that a walk was at when it called func, which may have moved it: by overwriting a value, if the version is still
 * the same, or by adding and removing keys. Returns false if it has been removed. */
static bool findAgain(const GHashTable *t, guint version, const mapwalk *at, gconstpointer key, place *p)
{
  mapwalk w = {0};
  *p = (place){0};
  if (version == versionOf(t)) {
    *p = walkHere(&t->h, t->h.t, at);
    return p->b->tophash[p->i] >= minTopHash;
  }
  while (walknext(&t->h, t->h.t, &w, p))
    if (keyAt(p) == key) {
      *p = walkHere(&t->h, t->h.t, &w);
      return true;
    }
  return false;
}

/* Calls func on each entry and removes those for which it returns true; also the one for which it returns true after it has
 * added or removed other keys, before this ends the walk. */
static guint g_hash_table_foreach_remove_or_steal(GHashTable *hash_table, GHRFunc func, gpointer user_data, bool notify)
{
  mapwalk w = {0};
  place at = {0};
  guint deleted = 0;
  const maptype *type = hash_table->h.t;
  const guint version = versionOf(hash_table);
  while (walknext(&hash_table->h, type, &w, &at)) {
    gpointer key = keyAt(&at);
    const uint32_t seq = hash_table->h.seq;
    bool removes = func(key, valueAt(&at), user_data) && findAgain(hash_table, version, &w, key, &at);
    if (removes) {
      removeAt(hash_table, &at, notify);
      deleted++;
    }
    RETURN_UNLESS(version == versionOf(hash_table), "version == hash_table->version", 0);
    forgetRemoved(hash_table, &w, seq + removes);
  }
  if (deleted > 0) {
    shrinkAfterWalk(&hash_table->h);
    hash_table->version = version + 2;
  }
  return deleted;
}

/* Calls func on each entry, and removes and frees those for which it returns true. Returns how many; or 0, after a critical, if
 * func or a destroy function added or removed keys, which ends the walk. */
guint g_hash_table_foreach_remove(GHashTable *hash_table, GHRFunc func, gpointer user_data)
{
  g_return_val_if_fail(hash_table != NULL, 0);
  g_return_val_if_fail(func != NULL, 0);
  if (isForeign(hash_table))
    return FOREIGN(g_hash_table_foreach_remove)(hash_table, func, user_data);
  return g_hash_table_foreach_remove_or_steal(hash_table, func, user_data, true);
}

/* The same without freeing. */
guint g_hash_table_foreach_steal(GHashTable *hash_table, GHRFunc func, gpointer user_data)
{
  g_return_val_if_fail(hash_table != NULL, 0);
  g_return_val_if_fail(func != NULL, 0);
  if (isForeign(hash_table))
    return FOREIGN(g_hash_table_foreach_steal)(hash_table, func, user_data);
  return g_hash_table_foreach_remove_or_steal(hash_table, func, user_data, false);
}

/* Lists and arrays */

ALWAYS_INLINE gpointer eitherAt(const place *at, bool values)
{
  return values ? valueAt(at) : keyAt(at);
}

static GList *listOf(const GHashTable *t, bool values)
{
  mapwalk w = {0};
  place at = {0};
  GList *list = NULL;
  checkReader(t, t->h.t);
  while (walknext(&t->h, t->h.t, &w, &at))
    list = g_list_prepend(list, eitherAt(&at, values));
  return list;
}

static GPtrArray *arrayOfEntries(const GHashTable *t, bool values)
{
  mapwalk w = {0};
  place at = {0};
  GPtrArray *array = g_ptr_array_sized_new((guint)t->h.count);
  checkReader(t, t->h.t);
  while (walknext(&t->h, t->h.t, &w, &at))
    g_ptr_array_add(array, eitherAt(&at, values));
  return array;
}

/* The same for a foreign table of a GLib that has no such function. */
static GPtrArray *arrayOfForeign(GHashTable *t, bool values)
{
  GHashTableIter iter;
  gpointer key, value;
  GPtrArray *array = g_ptr_array_new();
  FOREIGN(g_hash_table_iter_init)(&iter, t);
  while (FOREIGN(g_hash_table_iter_next)(&iter, &key, &value))
    g_ptr_array_add(array, values ? value : key);
  return array;
}

/* Returns the keys, which stay the table's, in a list that the caller frees with g_list_free. Its order is the reverse of a
 * walk's, and that of g_hash_table_get_values. */
GList *g_hash_table_get_keys(GHashTable *hash_table)
{
  g_return_val_if_fail(hash_table != NULL, NULL);
  if (isForeign(hash_table))
    return FOREIGN(g_hash_table_get_keys)(hash_table);
  return listOf(hash_table, false);
}

/* Returns the values in the same way. */
GList *g_hash_table_get_values(GHashTable *hash_table)
{
  g_return_val_if_fail(hash_table != NULL, NULL);
  if (isForeign(hash_table))
    return FOREIGN(g_hash_table_get_values)(hash_table);
  return listOf(hash_table, true);
}

/* Returns the keys, in the order of a walk and followed by NULL, in an array that the caller frees with g_free. *length becomes
 * their number; length may be NULL. */
gpointer *g_hash_table_get_keys_as_array(GHashTable *hash_table, guint *length)
{
  mapwalk w = {0};
  place at = {0};
  guint n = 0;
  if (isForeign(hash_table))
    return FOREIGN(g_hash_table_get_keys_as_array)(hash_table, length);
  checkReader(hash_table, hash_table->h.t);
  const maptype *type = hash_table->h.t;
  gpointer *keys = g_new(gpointer, hash_table->h.count + 1);
  while (walknext(&hash_table->h, type, &w, &at))
    keys[n++] = keyAt(&at);
  keys[n] = NULL;
  if (length)
    *length = n;
  return keys;
}

/* Returns the keys, which stay the table's, in the order of a walk, in an array that the caller gives up with
 * g_ptr_array_unref. */
GPtrArray *g_hash_table_get_keys_as_ptr_array(GHashTable *hash_table)
{
  g_return_val_if_fail(hash_table != NULL, NULL);
  if (!isForeign(hash_table))
    return arrayOfEntries(hash_table, false);
  return GLIBS(g_hash_table_get_keys_as_ptr_array) ? FOREIGN(g_hash_table_get_keys_as_ptr_array)(hash_table)
                                                   : arrayOfForeign(hash_table, false);
}

/* Returns the values in the same way. */
GPtrArray *g_hash_table_get_values_as_ptr_array(GHashTable *hash_table)
{
  g_return_val_if_fail(hash_table != NULL, NULL);
  if (!isForeign(hash_table))
    return arrayOfEntries(hash_table, true);
  return GLIBS(g_hash_table_get_values_as_ptr_array) ? FOREIGN(g_hash_table_get_values_as_ptr_array)(hash_table)
                                                     : arrayOfForeign(hash_table, true);
}

/* Empties a table into an array of its keys or values, which owns them now: destroy, the function for them, is the array's, and
 * the table goes without until all others have been freed. */
static GPtrArray *stealAll(GHashTable *t, bool values, GDestroyNotify *destroy)
{
  GDestroyNotify destroyFunc = *destroy;
  GPtrArray *array = arrayOfEntries(t, values);
  *destroy = NULL;
  g_ptr_array_set_free_func(array, destroyFunc);
  removeAllByName(t, true);
  *destroy = destroyFunc;
  return array;
}

/* A GLib without the function cannot steal from its tables, because nobody else knows their destroy functions. */
#define GLIB_HAS(function) (GLIBS(function) != NULL)

/* Removes all entries, frees their values, and returns the keys in an array that the caller gives up with g_ptr_array_unref,
 * which frees them as the table would have. */
GPtrArray *g_hash_table_steal_all_keys(GHashTable *hash_table)
{
  g_return_val_if_fail(hash_table != NULL, NULL);
  if (!isForeign(hash_table))
    return stealAll(hash_table, false, &hash_table->key_destroy_func);
  g_return_val_if_fail(GLIB_HAS(g_hash_table_steal_all_keys), NULL);
  return FOREIGN(g_hash_table_steal_all_keys)(hash_table);
}

/* The same with keys and values exchanged. */
GPtrArray *g_hash_table_steal_all_values(GHashTable *hash_table)
{
  g_return_val_if_fail(hash_table != NULL, NULL);
  if (!isForeign(hash_table))
    return stealAll(hash_table, true, &hash_table->value_destroy_func);
  g_return_val_if_fail(GLIB_HAS(g_hash_table_steal_all_values), NULL);
  return FOREIGN(g_hash_table_steal_all_values)(hash_table);
}

/* Iterators */

static void useNext(GHashTableIter *iter)
{
  GLIBS(g_hash_table_iter_next)(iter, NULL, NULL);
}
static void useRemove(GHashTableIter *iter)
{
  GLIBS(g_hash_table_iter_remove)(iter);
}
static void useReplace(GHashTableIter *iter)
{
  GLIBS(g_hash_table_iter_replace)(iter, NULL);
}

/* Complains that an iterator has no entry. GLibs differ in what they say, so the one in the process says it, about the same
 * mistake with a table of its own. Where there is none to ask, it is what GLib 2.74 says. */
static void complain(const realIter *ri, void (*use)(GHashTableIter *), const char *function, const char *text)
{
  GHashTableIter iter;
  if (!GLIBS(g_hash_table_new)) {
    g_return_if_fail_warning(G_LOG_DOMAIN, function, text);
    return;
  }
  GHashTable *t = GLIBS(g_hash_table_new)(NULL, NULL);
  GLIBS(g_hash_table_iter_init)(&iter, t);
  if (ri->walk.state == afterLast)
    useNext(&iter);
  use(&iter);
  GLIBS(g_hash_table_unref)(t);
}
static void complainNoNext(const realIter *ri, const char *function)
{
  complain(ri, useNext, function, "ri->position < (gssize) ri->hash_table->size");
}
static void complainNoEntry(const realIter *ri, void (*use)(GHashTableIter *), const char *function)
{
  complain(ri, use, function,
           ri->walk.state == beforeFirst ? "ri->position >= 0" : "(gsize) ri->position < ri->hash_table->size");
}

/* Starts a walk in iter, which is the caller's, to copy and to abandon as he likes. Adding or removing a key in any way but
 * through iter ends the walk; overwriting values does not. Writes nothing to the table. */
void g_hash_table_iter_init(GHashTableIter *iter, GHashTable *hash_table)
{
  g_return_if_fail(iter != NULL);
  g_return_if_fail(hash_table != NULL);
  if (isForeign(hash_table)) {
    FOREIGN(g_hash_table_iter_init)(iter, hash_table);
    return;
  }
  realIter *ri = (realIter *)iter;
  *ri = (realIter){.hash_table = hash_table, .version = versionOf(hash_table)};
  if (taggedLone(&hash_table->h) && hash_table->h.count)
    walkLone(&hash_table->h, &ri->walk);
}

/* Moves iter to the next entry of the present buckets, of which there must be one. plain is the format of all blocks of the
 * table, or, if they differ, NULL. */
ALWAYS_INLINE gboolean iterTake(realIter *ri, const maptype *plain, gpointer *key, gpointer *value)
{
  const hmap *h = &ri->hash_table->h;
  if (!plain)
    checkReader(ri->hash_table, h->t);
  walkSlot(&ri->walk);
  place at = plain ? walkPlain(plain, &ri->walk) : walkEntry(h, h->t, &ri->walk);
  gpointer k = keyAt(&at), v = valueAt(&at);
  ri->walk.state = atEntry;
  if (key)
    *key = k;
  if (value)
    *value = v;
  return TRUE;
}

/* g_hash_table_iter_next in all cases. */
NOINLINE gboolean iterNextRare(realIter *iter, gpointer *key, gpointer *value)
{
  realIter *ri = iter;
  if (!iter || (!isForeign(ri->hash_table) && ri->version != versionOf(ri->hash_table))) {
    g_return_if_fail_warning(G_LOG_DOMAIN, "g_hash_table_iter_next",
                             iter ? "ri->version == ri->hash_table->version" : "iter != NULL");
    return FALSE;
  }
  if (isForeign(ri->hash_table))
    return FOREIGN(g_hash_table_iter_next)((GHashTableIter *)iter, key, value);
  if (unlikely(ri->walk.state == afterLast)) {
    complainNoNext(ri, "g_hash_table_iter_next");
    return FALSE;
  }
  if (ri->hash_table->version & 1)
    walkForget(&ri->hash_table->h, ri->hash_table->h.t, &ri->walk);
  if (!ri->walk.rest && !walkGroup(&ri->hash_table->h, ri->hash_table->h.t, &ri->walk)) {
    ri->walk.state = afterLast;
    return FALSE;
  }
  return iterTake(ri, NULL, key, value);
}

/* iterTake for each kind of table, and once more for the commonest formats of the commonest kinds; by hmap.tag. */
#define NEXT(K, plain)                                                  \
  static gboolean next##K(realIter *ri, gpointer *key, gpointer *value) \
  {                                                                     \
    return iterTake(ri, plain, key, value);                             \
  }
#define NEXT_ANY(K) NEXT(K, taggedPlain(&ri->hash_table->h) ? ri->hash_table->h.t : NULL)
EACH_KIND(NEXT_ANY)
NEXT(Direct0, &plainDirect[0])
NEXT(Direct1, &plainDirect[1])
NEXT(Direct2, &plainDirect[2])
NEXT(Direct3, &plainDirect[3])
NEXT(Str2, &plainStr[2])
NEXT(Str3, &plainStr[3])
NEXT(User2, &plainUser[2])
NEXT(User3, &plainUser[3])
static gboolean (*const nextBy[])(realIter *ri, gpointer *key, gpointer *value) = BY_TAG(next, next);

/* Moves to the next entry. Returns TRUE, with its key and value, which stay the table's, in *key and *value; key and value may
 * be NULL. Or returns FALSE at the end; and, with a critical, after it and when the walk is over because keys were added or
 * removed. */
gboolean g_hash_table_iter_next(GHashTableIter *iter, gpointer *key, gpointer *value)
{
  realIter *ri = (realIter *)iter;
  if (likely(ri && ri->hash_table->mark == tableMark && ri->version == ri->hash_table->version)) {
    if (ri->walk.rest)
      return nextBy[ri->hash_table->h.tag](ri, key, value);
    if (ri->walk.state == atEntry && taggedLone(&ri->hash_table->h)) { /* there is no other bucket */
      ri->walk.state = afterLast;
      return FALSE;
    }
  }
  return iterNextRare(ri, key, value);
}

/* Returns the table that iter walks over. */
GHashTable *g_hash_table_iter_get_hash_table(GHashTableIter *iter)
{
  g_return_val_if_fail(iter != NULL, NULL);
  return ((realIter *)iter)->hash_table;
}

/* Finds the entry that an iterator is at. Returns false if a removal that has not ended yet has taken it. */
static bool iterHere(const realIter *ri, place *at)
{
  const hmap *h = &ri->hash_table->h;
  *at = (place){0};
  if (h->count)
    *at = walkHere(h, h->t, &ri->walk);
  return at->b && at->b->tophash[at->i] >= minTopHash;
}

static void iter_remove_or_steal(realIter *ri, bool notify)
{
  g_return_if_fail(ri != NULL);
  GHashTable *t = ri->hash_table;
  if (isForeign(t)) {
    (notify ? FOREIGN(g_hash_table_iter_remove) : FOREIGN(g_hash_table_iter_steal))((GHashTableIter *)ri);
    return;
  }
  RETURN_UNLESS(ri->version == versionOf(t), "ri->version == ri->hash_table->version", );
  if (ri->walk.state == beforeFirst || ri->walk.state == afterLast) {
    complainNoEntry(ri, useRemove, G_STRFUNC);
  } else if (ri->walk.state == atEntry) {
    place at;
    const guint behind = t->version & 1; /* this may be in the midst of another removal */
    ri->walk.state = atRemoved;
    if (!iterHere(ri, &at))
      return;
    removeAt(t, &at, notify);
    ri->version += 2;
    t->version = (versionOf(t) + 2) | behind;
  }
}

/* Removes and frees the entry that iter is at; at most once an entry. The walk goes on. */
void g_hash_table_iter_remove(GHashTableIter *iter)
{
  iter_remove_or_steal((realIter *)iter, true);
}

/* The same without freeing. */
void g_hash_table_iter_steal(GHashTableIter *iter)
{
  iter_remove_or_steal((realIter *)iter, false);
}

/* Sets the value of the entry that iter is at, and frees the old one. The walk goes on. */
void g_hash_table_iter_replace(GHashTableIter *iter, gpointer value)
{
  realIter *ri = (realIter *)iter;
  g_return_if_fail(ri != NULL);
  GHashTable *t = ri->hash_table;
  if (isForeign(t)) {
    FOREIGN(g_hash_table_iter_replace)(iter, value);
    return;
  }
  RETURN_UNLESS(ri->version == versionOf(t), "ri->version == ri->hash_table->version", );
  if (ri->walk.state == beforeFirst || ri->walk.state == afterLast) {
    complainNoEntry(ri, useReplace, G_STRFUNC);
  } else if (ri->walk.state == atEntry) {
    place at;
    if (!iterHere(ri, &at))
      return;
    gpointer old = valueAt(&at);
    setValue(t, at, keyAt(&at), value);
    if (t->value_destroy_func)
      t->value_destroy_func(old);
    ri->version += 2;
    t->version += 2;
  }
}
