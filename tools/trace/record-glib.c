/* record-glib.c: stands in front of GLib while hmap record runs a program, as libhmap-glib does at other times: it has the
 * functions of ghash.h, tells record.c of each call, and hands it on to GLib's. Only tables are recorded that were made here.
 *
 * What a call does is written before it is done where functions of the program's run in it, because these may call in turn; the
 * result is looked up first, then. What only looks is written afterwards. */
#define _GNU_SOURCE
#include <stdbool.h>
#define countForeign() ((void)0)
#define fatal(text) g_error("hmap record: " text)
#ifndef unlikely
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif
#include "../../compat/ghash-glib.h"
#include "record.h"

/* GLib's function, which is there. */
#define REAL(function) FOREIGN(function)

/* Set while record-glib.c itself looks something up: what the program's functions do then does not count. */
static __thread bool looking;

/* ---- which functions a table has */

/* The hash and equality functions are here because programs take their addresses; they are GLib's. */
#define OWN(function, type, parameters, ...) \
  type function parameters                   \
  {                                          \
    return GLIBS(function)(__VA_ARGS__);     \
  }                                          \
  static __typeof__(function) own_##function __attribute__((alias(#function)));
#define OWN_PAIR(name)                              \
  OWN(g_##name##_hash, guint, (gconstpointer v), v) \
  OWN(g_##name##_equal, gboolean, (gconstpointer v1, gconstpointer v2), v1, v2)
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmissing-attributes"
#endif
OWN_PAIR(direct)
OWN_PAIR(str)
OWN_PAIR(int)
OWN_PAIR(int64)
OWN_PAIR(double)

/* Whether a function that a program gave is one of them: by its address here, in GLib, or by the place that leads to it in a
 * program that is not position-independent. */
#define IS(f, function) ((f) == own_##function || (f) == GLIBS(function) || ((f) == (function) && LEADS_HERE(function)))

static guint8 kindOf(GHashFunc hash, GEqualFunc equal)
{
  if ((!hash || IS(hash, g_direct_hash)) && (!equal || IS(equal, g_direct_equal)))
    return traceDirect;
#define PAIR(K, name)                                           \
  if (IS(hash, g_##name##_hash) && IS(equal, g_##name##_equal)) \
    return trace##K;
  PAIR(Str, str)
  PAIR(Int, int)
  PAIR(Int64, int64)
  PAIR(Double, double)
  return traceOwn;
}

static GHashTable *created(GHashTable *table, GHashFunc hash, GEqualFunc equal, guint8 flags)
{
  if (looking)
    return table;
  guint8 kind = kindOf(hash, equal);
  hmap_record_lock();
  hmap_record_create(table, kind, flags, 0, hash ? hash : GLIBS(g_direct_hash));
  hmap_record_unlock();
  return table;
}

static guint8 freeing(GDestroyNotify freeKey, GDestroyNotify freeValue)
{
  return (guint8)((freeKey ? traceFreesKeys : 0) | (freeValue ? traceFreesValues : 0));
}

GHashTable *g_hash_table_new(GHashFunc hash_func, GEqualFunc key_equal_func)
{
  return created(REAL(g_hash_table_new)(hash_func, key_equal_func), hash_func, key_equal_func, 0);
}

GHashTable *g_hash_table_new_full(GHashFunc hash_func, GEqualFunc key_equal_func, GDestroyNotify key_destroy_func,
                                  GDestroyNotify value_destroy_func)
{
  return created(REAL(g_hash_table_new_full)(hash_func, key_equal_func, key_destroy_func, value_destroy_func), hash_func,
                 key_equal_func, freeing(key_destroy_func, value_destroy_func));
}

GHashTable *g_hash_table_new_similar(GHashTable *other_hash_table)
{
  tracedFacts facts = hmap_record_peek(other_hash_table);
  GHashTable *table = REAL(g_hash_table_new_similar)(other_hash_table);
  if (!facts.traced || looking)
    return table;
  hmap_record_lock();
  hmap_record_create(table, facts.kind, facts.flags | traceSimilar, 0, facts.hash);
  hmap_record_unlock();
  return table;
}

/* ---- telling */

/* The record of a table, with the lock held, or NULL without. */
static traced *enter(const void *table)
{
  if (looking || !table)
    return NULL;
  hmap_record_lock();
  traced *t = hmap_record_find(table);
  if (!t)
    hmap_record_unlock();
  return t;
}

#define TELL(table, call)     \
  do {                        \
    traced *t = enter(table); \
    if (t) {                  \
      hmap_record_##call;     \
      hmap_record_unlock();   \
    }                         \
  } while (0)

/* A key that is about to be looked for. */
typedef struct sought {
  tracedKey key;
  bool known, found; /* it has been looked for already; with this result */
} sought;

/* Looks a key up where that has to be done beforehand: where the table's functions are the program's, or entries are freed. */
static sought seek(GHashTable *table, gconstpointer key, bool writes)
{
  sought s = {.key = {.pointer = key}};
  tracedFacts facts = looking || !table ? (tracedFacts){0} : hmap_record_peek(table);
  if (!facts.traced || (facts.kind != traceOwn && !(writes && facts.flags & (traceFreesKeys | traceFreesValues))))
    return s;
  gpointer stored = NULL;
  looking = true;
  if (facts.kind == traceOwn)
    s.key.hash = facts.hash(key);
  s.found = REAL(g_hash_table_lookup_extended)(table, key, &stored, NULL);
  looking = false;
  s.known = true;
  s.key.isStored = s.found, s.key.stored = stored;
  return s;
}

static gboolean store(GHashTable *table, gpointer key, gpointer value, unsigned op)
{
  sought s = seek(table, key, true);
  gboolean (*real)(GHashTable *, gpointer, gpointer) =
      op == opInsert || op == opInsertSelf ? REAL(g_hash_table_insert) : REAL(g_hash_table_replace);
  if (s.known)
    TELL(table, store(t, op, !s.found, &s.key, value));
  gboolean isNew = op == opAdd ? REAL(g_hash_table_add)(table, key) : real(table, key, value);
  if (!s.known)
    TELL(table, store(t, op, isNew, &s.key, value));
  return isNew;
}

gboolean g_hash_table_insert(GHashTable *hash_table, gpointer key, gpointer value)
{
  return store(hash_table, key, value, key == value ? opInsertSelf : opInsert);
}

gboolean g_hash_table_replace(GHashTable *hash_table, gpointer key, gpointer value)
{
  return store(hash_table, key, value, key == value ? opReplaceSelf : opReplace);
}

gboolean g_hash_table_add(GHashTable *hash_table, gpointer key)
{
  return store(hash_table, key, key, opAdd);
}

/* ---- one key */

gpointer g_hash_table_lookup(GHashTable *hash_table, gconstpointer key)
{
  sought s = seek(hash_table, key, false);
  gpointer value = REAL(g_hash_table_lookup)(hash_table, key);
  TELL(hash_table, key(t, opLookup, value != NULL, &s.key));
  return value;
}

gboolean g_hash_table_lookup_extended(GHashTable *hash_table, gconstpointer lookup_key, gpointer *orig_key, gpointer *value)
{
  sought s = seek(hash_table, lookup_key, false);
  gboolean found = REAL(g_hash_table_lookup_extended)(hash_table, lookup_key, orig_key, value);
  TELL(hash_table, key(t, opLookupExtended, found, &s.key));
  return found;
}

gboolean g_hash_table_contains(GHashTable *hash_table, gconstpointer key)
{
  sought s = seek(hash_table, key, false);
  gboolean found = REAL(g_hash_table_contains)(hash_table, key);
  TELL(hash_table, key(t, opContains, found, &s.key));
  return found;
}

gboolean g_hash_table_remove(GHashTable *hash_table, gconstpointer key)
{
  sought s = seek(hash_table, key, true);
  if (s.known) {
    TELL(hash_table, key(t, opRemove, s.found, &s.key));
    return REAL(g_hash_table_remove)(hash_table, key);
  }
  gboolean found = REAL(g_hash_table_remove)(hash_table, key);
  TELL(hash_table, key(t, opRemove, found, &s.key));
  return found;
}

gboolean g_hash_table_steal(GHashTable *hash_table, gconstpointer key)
{
  sought s = seek(hash_table, key, false);
  gboolean found = REAL(g_hash_table_steal)(hash_table, key);
  TELL(hash_table, key(t, opSteal, found, &s.key));
  return found;
}

gboolean g_hash_table_steal_extended(GHashTable *hash_table, gconstpointer lookup_key, gpointer *stolen_key,
                                     gpointer *stolen_value)
{
  sought s = seek(hash_table, lookup_key, false);
  gboolean found = REAL(g_hash_table_steal_extended)(hash_table, lookup_key, stolen_key, stolen_value);
  TELL(hash_table, key(t, opStealExtended, found, &s.key));
  return found;
}

/* ---- the whole table */

void g_hash_table_remove_all(GHashTable *hash_table)
{
  TELL(hash_table, op(t, opRemoveAll, 0));
  REAL(g_hash_table_remove_all)(hash_table);
}

void g_hash_table_steal_all(GHashTable *hash_table)
{
  TELL(hash_table, op(t, opStealAll, 0));
  REAL(g_hash_table_steal_all)(hash_table);
}

GPtrArray *g_hash_table_steal_all_keys(GHashTable *hash_table)
{
  TELL(hash_table, op(t, opStealAllKeys, 0));
  return REAL(g_hash_table_steal_all_keys)(hash_table);
}

GPtrArray *g_hash_table_steal_all_values(GHashTable *hash_table)
{
  TELL(hash_table, op(t, opStealAllValues, 0));
  return REAL(g_hash_table_steal_all_values)(hash_table);
}

GHashTable *g_hash_table_ref(GHashTable *hash_table)
{
  TELL(hash_table, ref(t));
  return REAL(g_hash_table_ref)(hash_table);
}

void g_hash_table_unref(GHashTable *hash_table)
{
  TELL(hash_table, unref(t, opUnref));
  REAL(g_hash_table_unref)(hash_table);
}

void g_hash_table_destroy(GHashTable *hash_table)
{
  TELL(hash_table, unref(t, opDestroy));
  REAL(g_hash_table_destroy)(hash_table);
}

guint g_hash_table_size(GHashTable *hash_table)
{
  guint n = REAL(g_hash_table_size)(hash_table);
  TELL(hash_table, op(t, opSize, n));
  return n;
}

/* ---- all keys, all values */

#define LISTED(table, op_) TELL(table, op(t, op_, REAL(g_hash_table_size)(table)))

GList *g_hash_table_get_keys(GHashTable *hash_table)
{
  LISTED(hash_table, opGetKeys);
  return REAL(g_hash_table_get_keys)(hash_table);
}

GList *g_hash_table_get_values(GHashTable *hash_table)
{
  LISTED(hash_table, opGetValues);
  return REAL(g_hash_table_get_values)(hash_table);
}

gpointer *g_hash_table_get_keys_as_array(GHashTable *hash_table, guint *length)
{
  LISTED(hash_table, opKeysArray);
  return REAL(g_hash_table_get_keys_as_array)(hash_table, length);
}

GPtrArray *g_hash_table_get_keys_as_ptr_array(GHashTable *hash_table)
{
  LISTED(hash_table, opKeysPtrArray);
  return REAL(g_hash_table_get_keys_as_ptr_array)(hash_table);
}

GPtrArray *g_hash_table_get_values_as_ptr_array(GHashTable *hash_table)
{
  LISTED(hash_table, opValuesPtrArray);
  return REAL(g_hash_table_get_values_as_ptr_array)(hash_table);
}

/* ---- walks */

/* A walk in which a function of the program's is called with each entry; its address stands for an iterator. */
typedef struct visit {
  GHashTable *table;
  GHFunc each;
  GHRFunc test;
  gpointer data;
  guint act; /* what is done with an entry if test says so */
  bool found;
} visit;

static void visitEach(gpointer key, gpointer value, gpointer data)
{
  const visit *v = data;
  TELL(v->table, step(t, v, key));
  v->each(key, value, v->data);
}

static gboolean visitTest(gpointer key, gpointer value, gpointer data)
{
  visit *v = data;
  TELL(v->table, step(t, v, key));
  gboolean yes = v->test(key, value, v->data);
  if (yes && v->act != actNone)
    TELL(v->table, act(t, v, v->act, NULL));
  v->found |= yes;
  return yes;
}

void g_hash_table_foreach(GHashTable *hash_table, GHFunc func, gpointer user_data)
{
  visit v = {.table = hash_table, .each = func, .data = user_data};
  TELL(hash_table, walk(t, &v, walkForeach));
  REAL(g_hash_table_foreach)(hash_table, func ? visitEach : NULL, &v);
  TELL(hash_table, walked(t, &v, true));
}

gpointer g_hash_table_find(GHashTable *hash_table, GHRFunc predicate, gpointer user_data)
{
  visit v = {.table = hash_table, .test = predicate, .data = user_data, .act = actNone};
  TELL(hash_table, walk(t, &v, walkFind));
  gpointer found = REAL(g_hash_table_find)(hash_table, predicate ? visitTest : NULL, &v);
  TELL(hash_table, walked(t, &v, !v.found));
  return found;
}

guint g_hash_table_foreach_remove(GHashTable *hash_table, GHRFunc func, gpointer user_data)
{
  visit v = {.table = hash_table, .test = func, .data = user_data, .act = actRemove};
  TELL(hash_table, walk(t, &v, walkForeachRemove));
  guint n = REAL(g_hash_table_foreach_remove)(hash_table, func ? visitTest : NULL, &v);
  TELL(hash_table, walked(t, &v, true));
  return n;
}

guint g_hash_table_foreach_steal(GHashTable *hash_table, GHRFunc func, gpointer user_data)
{
  visit v = {.table = hash_table, .test = func, .data = user_data, .act = actSteal};
  TELL(hash_table, walk(t, &v, walkForeachSteal));
  guint n = REAL(g_hash_table_foreach_steal)(hash_table, func ? visitTest : NULL, &v);
  TELL(hash_table, walked(t, &v, true));
  return n;
}

void g_hash_table_iter_init(GHashTableIter *iter, GHashTable *hash_table)
{
  REAL(g_hash_table_iter_init)(iter, hash_table);
  if (iter)
    TELL(hash_table, walk(t, iter, walkIter));
}

GHashTable *g_hash_table_iter_get_hash_table(GHashTableIter *iter)
{
  return REAL(g_hash_table_iter_get_hash_table)(iter);
}

/* The table of an iterator; GLib's checks come later. */
static GHashTable *tableOf(GHashTableIter *iter)
{
  return iter && !looking ? REAL(g_hash_table_iter_get_hash_table)(iter) : NULL;
}

gboolean g_hash_table_iter_next(GHashTableIter *iter, gpointer *key, gpointer *value)
{
  gpointer here = NULL;
  GHashTable *table = tableOf(iter);
  gboolean more = REAL(g_hash_table_iter_next)(iter, &here, value);
  if (more && key)
    *key = here;
  if (more)
    TELL(table, step(t, iter, here));
  else
    TELL(table, walked(t, iter, true));
  return more;
}

void g_hash_table_iter_remove(GHashTableIter *iter)
{
  TELL(tableOf(iter), act(t, iter, actRemove, NULL));
  REAL(g_hash_table_iter_remove)(iter);
}

void g_hash_table_iter_replace(GHashTableIter *iter, gpointer value)
{
  TELL(tableOf(iter), act(t, iter, actReplace, value));
  REAL(g_hash_table_iter_replace)(iter, value);
}

void g_hash_table_iter_steal(GHashTableIter *iter)
{
  TELL(tableOf(iter), act(t, iter, actSteal, NULL));
  REAL(g_hash_table_iter_steal)(iter);
}
