/* test_histories_glib.c: every short history of a GHashTable, with the engine's check and a model after each step: for every kind
 * of keys and every format of entries, with three keys that meet in one chain and have one tophash, from each state that a table
 * can be in. The model knows which of two equal keys is stored, and what is freed. histories.h is the search. */
#define _GNU_SOURCE
#define G_LOG_DOMAIN "GLib"
#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
/* cmocka.h needs those above */
#include <cmocka.h>
#ifdef assert_uint_in_range
#undef assert_in_range
#define assert_in_range assert_uint_in_range
#endif
#define TESTED "../compat/ghash.c"
#include "histories.h"

/* The keys, each twice: equal ones, and, but for integers in pointers, not the same. */
static struct {
  guint kind, format; /* format: what the others need */
  bool frees;         /* the table frees what leaves it */
  gpointer keys[2][allKeys];
  union {
    char text[16];
    guint64 word;
    gdouble real;
  } room[2][allKeys];
} cast;

/* What a history changes: the table, its iterator, and what they should be. */
static struct {
  GHashTable *t;
  GHashTableIter iter;
  bool walking; /* iter may be used */
  bool atEntry; /* it has one, */
  guint8 last;  /* this one */
  gpointer key[allKeys], value[allKeys];
  bool there[allKeys], due[allKeys];
  guint count;
} now;

/* What was freed, and what should have been. */
static struct freed {
  guint keys, values;
  guintptr sum;
} freed, toFree;

static void freeKey(gpointer key)
{
  freed.keys++;
  freed.sum += 3 * (guintptr)key;
}
static void freeValue(gpointer value)
{
  freed.values++;
  freed.sum += 5 * (guintptr)value;
}
static void shouldFree(bool isKey, gpointer p)
{
  if (!cast.frees)
    return;
  toFree.keys += isKey;
  toFree.values += !isKey;
  toFree.sum += (isKey ? 3 : 5) * (guintptr)p;
}
static void expectFreed(void)
{
  if (memcmp(&freed, &toFree, sizeof freed) != 0)
    broken("%u keys and %u values were freed, and not %u and %u, or others", freed.keys, freed.values, toFree.keys,
           toFree.values);
  memset(&freed, 0, sizeof freed);
  memset(&toFree, 0, sizeof toFree);
}

/* The model */

static void leave(guint i, bool frees)
{
  if (!now.there[i])
    return;
  if (frees) {
    shouldFree(true, now.key[i]);
    shouldFree(false, now.value[i]);
  }
  now.there[i] = now.due[i] = false;
  now.key[i] = now.value[i] = NULL;
  now.count--;
}
static void come(guint i, gpointer key, gpointer value, bool replaces)
{
  if (now.there[i]) {
    shouldFree(true, replaces ? now.key[i] : key);
    shouldFree(false, now.value[i]);
  } else {
    now.count++;
    now.there[i] = true;
    now.key[i] = key;
    now.walking = false;
  }
  if (replaces)
    now.key[i] = key;
  now.value[i] = value;
}
static void put(guint i, guint twin, gpointer value, bool replaces)
{
  gpointer key = cast.keys[twin][i];
  gboolean added = replaces && value == key ? g_hash_table_add(now.t, key)
                   : replaces               ? g_hash_table_replace(now.t, key, value)
                                            : g_hash_table_insert(now.t, key, value);
  if (added == now.there[i])
    broken("a key is said to have been %sthere", added ? "not " : "");
  come(i, key, value, replaces);
  expectFreed();
}

/* The operations */

static gpointer smallValue(guint i)
{
  return GUINT_TO_POINTER(1000 + i);
}
static gpointer largeValue(guint i)
{
  return (gpointer)(((guintptr)1 << (sizeof(gpointer) * 8 - 8)) + i);
}
static bool insert(guint i)
{
  put(i, 0, smallValue(i), false);
  return true;
}
static bool insertTwin(guint i)
{
  put(i, 1, smallValue(i + nKeys), false);
  return true;
}
static bool replace(guint i)
{
  put(i, 1, largeValue(i), true);
  return true;
}
static bool add(guint i)
{
  put(i, 0, cast.keys[0][i], true);
  return true;
}

static bool removeIt(guint i)
{
  if (g_hash_table_remove(now.t, cast.keys[1][i]) != now.there[i])
    broken("a removal says that a key was %sthere", now.there[i] ? "not " : "");
  now.walking &= !now.there[i];
  leave(i, true);
  expectFreed();
  return true;
}
static bool steal(guint i)
{
  gpointer key, value;
  if (g_hash_table_steal_extended(now.t, cast.keys[1][i], &key, &value) != now.there[i] || key != now.key[i] ||
      value != now.value[i])
    broken("what was stolen is not what was there");
  now.walking &= !now.there[i];
  leave(i, false);
  expectFreed();
  return true;
}
static gboolean isThatKey(gpointer key, gpointer value, gpointer i)
{
  return now.key[GPOINTER_TO_UINT(i)] == key && now.value[GPOINTER_TO_UINT(i)] == value && now.there[GPOINTER_TO_UINT(i)];
}
static bool removeInWalk(guint i)
{
  if (g_hash_table_foreach_remove(now.t, isThatKey, GUINT_TO_POINTER(i)) != now.there[i])
    broken("foreach_remove did not find it");
  now.walking &= !now.there[i];
  leave(i, true);
  expectFreed();
  return true;
}
static bool clearAll(guint steals)
{
  (steals ? g_hash_table_steal_all : g_hash_table_remove_all)(now.t);
  now.walking &= !now.count;
  for (guint i = 0; i < allKeys; i++)
    leave(i, !steals);
  expectFreed();
  return true;
}

static bool beginWalk(guint i)
{
  (void)i;
  g_hash_table_iter_init(&now.iter, now.t);
  now.walking = true;
  now.atEntry = false;
  memcpy(now.due, now.there, sizeof now.due);
  return true;
}
static bool nextInWalk(guint i)
{
  gpointer key, value;
  if (!now.walking)
    return false;
  now.atEntry = false;
  if (!g_hash_table_iter_next(&now.iter, &key, &value)) {
    if (memchr(now.due, true, sizeof now.due))
      broken("a walk has not come to all keys");
    now.walking = false;
    return true;
  }
  for (i = 0; i < allKeys && !(now.there[i] && now.key[i] == key); i++)
    ;
  if (i == allKeys || !now.due[i] || now.value[i] != value)
    broken("a walk comes to what is not there, or once more");
  now.due[i] = false;
  now.atEntry = true;
  now.last = (guint8)i;
  return true;
}
static bool restOfWalk(guint i)
{
  if (!now.walking)
    return false;
  while (now.walking)
    nextInWalk(i);
  return true;
}
static bool removeHere(guint steals)
{
  if (!now.walking || !now.atEntry)
    return false;
  (steals ? g_hash_table_iter_steal : g_hash_table_iter_remove)(&now.iter);
  leave(now.last, !steals);
  now.atEntry = false;
  expectFreed();
  return true;
}
static bool replaceHere(guint large)
{
  if (!now.walking || !now.atEntry)
    return false;
  gpointer value = large ? largeValue(now.last) : now.key[now.last];
  g_hash_table_iter_replace(&now.iter, value);
  shouldFree(false, now.value[now.last]);
  now.value[now.last] = value;
  expectFreed();
  return true;
}

static const operation operations[] = {
    {"insert", insert, nKeys},
    {"insert the equal key of", insertTwin, nKeys},
    {"replace", replace, nKeys},
    {"add", add, nKeys},
    {"remove", removeIt, nKeys},
    {"steal", steal, nKeys},
    {"remove in a walk", removeInWalk, nKeys},
    {"begin a walk", beginWalk, 1},
    {"next", nextInWalk, 1},
    {"the rest of the walk", restOfWalk, 1},
    {"remove or steal here", removeHere, 2},
    {"replace here", replaceHere, 2},
    {"remove or steal all", clearAll, 2},
    {NULL, NULL, 0},
};

static void look(void)
{
  const char *what = mapcheck(&now.t->h);
  if (what)
    broken("mapcheck: %s", what);
  if (g_hash_table_size(now.t) != now.count)
    broken("%u entries in place of %u", g_hash_table_size(now.t), now.count);
  for (guint i = 0; i < allKeys; i++) {
    gpointer key, value;
    if (i >= nKeys && !now.there[i])
      continue;
    gboolean found = g_hash_table_lookup_extended(now.t, cast.keys[1][i], &key, &value);
    if (found != now.there[i] || key != now.key[i] || value != now.value[i])
      broken("key %u is not as it was", i);
  }
}
/* Of these it matters only whether they have changed. */
static void level(void)
{
  realIter *iter = (realIter *)&now.iter;
  now.t->h.seq = now.t->h.nclear = 0;
  if (now.walking) {
    iter->version -= versionOf(now.t);
  } else {
    memset(&now.iter, 0, sizeof now.iter);
    memset(now.due, 0, sizeof now.due);
    now.atEntry = false;
  }
  if (!now.atEntry)
    now.last = 0;
  now.t->version &= 1;
}

/* The cast */

static guint hashOneForThree(gconstpointer key)
{
  guint32 number;
  memcpy(&number, key, sizeof number);
  return number < nKeys ? 77 : number * 2654435761u;
}
static gboolean equalNumbers(gconstpointer a, gconstpointer b)
{
  return memcmp(a, b, sizeof(guint32)) == 0;
}
static const struct {
  GHashFunc hash;
  GEqualFunc equal;
  uint64_t (*rehash)(const maptype *t, unsigned char *slot, const hmap_seed *seed);
  keyhash (*hashOf)(const GHashTable *t, const maptype *type, gconstpointer key);
} functions[] = {
    [kindDirect] = {NULL, NULL, rehashDirect, hashDirect},
    [kindStr] = {g_str_hash, g_str_equal, rehashStr, hashStr},
    [kindInt] = {g_int_hash, g_int_equal, rehashInt, hashInt},
    [kindInt64] = {g_int64_hash, g_int64_equal, rehashInt64, hashInt64},
    [kindDouble] = {g_double_hash, g_double_equal, rehashDouble, hashDouble},
    [kindUser] = {hashOneForThree, equalNumbers, NULL, hashUser},
};

static void writeKey(guint i, guint64 number)
{
  for (guint twin = 0; twin < 2; twin++) {
    cast.keys[twin][i] = &cast.room[twin][i];
    switch (cast.kind) {
    case kindDirect:
      cast.keys[twin][i] = (gpointer)(guintptr)number;
      break;
    case kindStr:
      snprintf(cast.room[twin][i].text, sizeof cast.room[twin][i].text, "%" G_GUINT64_FORMAT, number);
      break;
    case kindDouble:
      cast.room[twin][i].real = (gdouble)number / 8;
      break;
    default:
      cast.room[twin][i].word = number;
    }
  }
}
static bool meets(const GHashTable *t, guint i, const hmap_seed *sip)
{
  const guint64 low = 0x3f;
  const maptype *type = &t->h.t->formats[nformats - 1];
  unsigned char slot[2 * sizeof(gpointer)];
  keyhash k = functions[cast.kind].hashOf(t, type, cast.keys[0][i]);
  if ((k.hash & low) != keyBucket || tophash(k.hash) != 0x77)
    return false;
  setWords(type, slot, (guintptr)cast.keys[0][i], 0);
  return (functions[cast.kind].rehash(type, slot, sip) & low) == keyBucket;
}
/* Odd, so that no seed depends on the first key (chooseShift). The third key is large where pointers are the keys, and so are the
 * others where their format is one of whole keys. */
static void chooseKeys(void)
{
  hmap_seed sip = alarmSeed();
  guint64 number = 1;
  GHashTable *t = g_hash_table_new(functions[cast.kind].hash, functions[cast.kind].equal);
  seedTable(&t->h);
  for (guint i = 0; i < allKeys; i++)
    do {
      bool large = cast.kind == kindDirect && (i == nKeys - 1 || (i >= nKeys && cast.format >= wholeFormat));
      number += 2;
      writeKey(i, cast.kind == kindUser ? i : large ? number << (sizeof(gpointer) * 8 - 32) | 1 : number);
    } while (i < nKeys && cast.kind != kindUser && !meets(t, i, &sip));
  g_hash_table_unref(t);
}

static void fill(guint fillers, guint keys)
{
  GDestroyNotify one = cast.frees ? freeKey : NULL, other = cast.frees ? freeValue : NULL;
  memset(&now, 0, sizeof now);
  now.t = g_hash_table_new_full(functions[cast.kind].hash, functions[cast.kind].equal, one, other);
  for (guint i = nKeys; i < nKeys + fillers; i++)
    put(i, 0, cast.format == 1 ? smallValue(i) : cast.format == 3 ? largeValue(i) : cast.keys[0][i], true);
  for (guint i = 0; i < keys; i++)
    add(i);
}
static hmap *theTable(void)
{
  return &now.t->h;
}
static void done(void)
{
  for (guint i = 0; i < allKeys; i++)
    leave(i, true);
  g_hash_table_unref(now.t);
  expectFreed();
}

static void regions(region *r)
{
  r[0] = (region){&now, sizeof now};
  r[1] = (region){now.t, sizeof *now.t};
}

static void searchKind(guint kind, guint format, bool frees, const char *name)
{
  static const subject s = {operations, look, level, theTable, fill, done, regions};
  setenv("HMAP_SEED", "histories", 1); /* so that after remove_all the three keys meet again */
  cast.kind = kind;
  cast.format = format;
  cast.frees = frees;
  chooseKeys();
  searchAll(&s, name, kind != kindUser);
}

static void test_integers_in_pointers(void **state)
{
  static const char *const names[] = {"a set of small integers", "small integers", "a set of pointers", "pointers"};
  (void)state;
  for (guint format = 0; format < nformats; format++)
    searchKind(kindDirect, format, format != 1, names[format]);
}
static void test_strings(void **state)
{
  (void)state;
  searchKind(kindStr, 2, true, "a set of strings");
  searchKind(kindStr, 3, false, "strings");
}
static void test_ints(void **state)
{
  (void)state;
  searchKind(kindInt, 3, true, "ints");
}
static void test_int64s(void **state)
{
  (void)state;
  searchKind(kindInt64, 3, true, "int64s");
}
static void test_doubles(void **state)
{
  (void)state;
  searchKind(kindDouble, 2, true, "a set of doubles");
}
static void test_functions_of_the_users(void **state)
{
  (void)state;
  searchKind(kindUser, 2, true, "a set, functions of the user's");
  searchKind(kindUser, 3, true, "functions of the user's");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_integers_in_pointers),
      cmocka_unit_test(test_strings),
      cmocka_unit_test(test_ints),
      cmocka_unit_test(test_int64s),
      cmocka_unit_test(test_doubles),
      cmocka_unit_test(test_functions_of_the_users),
  };
  return cmocka_run_group_tests(tests, NULL, summary);
}
