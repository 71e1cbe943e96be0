/* test_ghash.c: what tests/side_ghash.c cannot see of libhmap-glib, because it is inside, or because GLib has nothing to compare
 * with. The shim is part of this program, so its calls for memory can be refused. */
#define _GNU_SOURCE
#define G_LOG_DOMAIN "GLib"
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <math.h>
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
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
/* cmocka.h needs those above */
#include <cmocka.h>

static bool noMemory;
static void *refusingMalloc(size_t n)
{
  void *p = noMemory ? NULL : malloc(n);
  return p ? memset(p, 0xa5, n) : NULL; /* nobody may count on zeroes */
}
static void *refusingCalloc(size_t n, size_t size)
{
  return noMemory ? NULL : calloc(n, size);
}
static void *refusingMmap(void *p, size_t n, int prot, int flags, int fd, off_t offset)
{
  return noMemory ? MAP_FAILED : mmap(p, n, prot, flags, fd, offset);
}
/* What operations did, see tests/testing.h. */
static struct {
  size_t moved, touched, maps, freed, steps, entered, segments;
} counted;
#define HMAP_COUNT(what, n) ((void)(counted.what += (n)))
#define malloc refusingMalloc
#define calloc refusingCalloc
#define mmap refusingMmap
#include "../compat/ghash.c"
#undef malloc
#undef calloc
#undef mmap

#define ASSERT_SOUND(t)                      \
  do {                                       \
    const char *broken_ = mapcheck(&(t)->h); \
    if (broken_)                             \
      fail_msg("mapcheck: %s", broken_);     \
  } while (0)

/* Random numbers: splitmix64, the same in every run. */
static guint64 randomState = 3;
static guint64 random64(void)
{
  guint64 x = randomState += 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}
static guint randomBelow(guint n)
{
  return (guint)(random64() % n);
}

/* How often to do a thing that is done n times: less under valgrind and the like. */
static guint times(guint n)
{
  return getenv("HMAP_TEST_QUICK") ? n / 20 + 1 : n;
}

/* GLib's own function, straight from the library. */
static void *fromLibglib(const char *name)
{
  void *libglib = dlopen("libglib-2.0.so.0", RTLD_LAZY | RTLD_NOLOAD);
  assert_non_null(libglib);
  void *function = dlsym(libglib, name);
  dlclose(libglib);
  return function;
}
#define LIBGLIBS(function) ((__typeof__(&function))fromLibglib(#function))

/* Keys of each kind: pool[kind][0] and pool[kind][1] are equal one by one, but, where the kind allows, not the same pointers. */

enum { poolSize = 3000, kinds = kindUser + 1 };
static gpointer pool[kinds][2][poolSize];
static guint userHashes, userEquals;

/* Hashes of poor quality: few bits differ, and one in 64 is shared. */
static guint poorHash(gconstpointer key)
{
  userHashes++;
  return (guint)(*(const gint *)key - *(const gint *)key / 64) << 12;
}
static gboolean poorEqual(gconstpointer a, gconstpointer b)
{
  userEquals++;
  return *(const gint *)a == *(const gint *)b;
}

static const struct {
  const char *name;
  GHashFunc hash;
  GEqualFunc equal;
} functions[] = {
    [kindDirect] = {"Direct", NULL, NULL},
    [kindStr] = {"Str", g_str_hash, g_str_equal},
    [kindInt] = {"Int", g_int_hash, g_int_equal},
    [kindInt64] = {"Int64", g_int64_hash, g_int64_equal},
    [kindDouble] = {"Double", g_double_hash, g_double_equal},
    [kindUser] = {"User", poorHash, poorEqual},
};

static gpointer makeKey(guint kind, gint i)
{
  gint64 wide = (gint64)i << 33 | i;
  gdouble real = i / 8.0;
  switch (kind) {
  case kindDirect:
    return GINT_TO_POINTER(i * 16);
  case kindStr:
    return g_strdup_printf("the key of number %d", i);
  case kindInt64:
    return memcpy(g_malloc(sizeof wide), &wide, sizeof wide);
  case kindDouble:
    return memcpy(g_malloc(sizeof real), &real, sizeof real);
  default:
    return memcpy(g_malloc(sizeof i), &i, sizeof i);
  }
}

static int makePool(void **state)
{
  (void)state;
  for (guint kind = 0; kind < kinds; kind++)
    for (guint twin = 0; twin < 2; twin++)
      for (gint i = 0; i < poolSize; i++)
        pool[kind][twin][i] = makeKey(kind, i);
  return 0;
}

static int freePool(void **state)
{
  (void)state;
  for (guint kind = kindStr; kind < kinds; kind++)
    for (guint twin = 0; twin < 2; twin++)
      for (gint i = 0; i < poolSize; i++)
        g_free(pool[kind][twin][i]);
  return 0;
}

/* The number of a key. */
static guint numberOf(guint kind, gconstpointer key)
{
  gdouble real;
  switch (kind) {
  case kindDirect:
    return (guint)GPOINTER_TO_INT(key) / 16;
  case kindStr:
    return (guint)atoi(strrchr(key, ' '));
  case kindDouble:
    memcpy(&real, key, sizeof real);
    return (guint)(real * 8);
  default:
    return *(const guint *)key;
  }
}

static GHashTable *emptyTable(guint kind)
{
  GHashTable *t = g_hash_table_new(functions[kind].hash, functions[kind].equal);
  assert_int_equal(t->h.tag, kind << plainBits); /* empty, and so not known to be plain */
  return t;
}

/* A table of keys 0 to n-1, each with its number as value. */
static GHashTable *filledTable(guint kind, guint n)
{
  GHashTable *t = emptyTable(kind);
  for (guint i = 0; i < n; i++)
    assert_true(g_hash_table_insert(t, pool[kind][0][i], GUINT_TO_POINTER(i)));
  return t;
}

/* One in whose old array some buckets have been evacuated and some have not. */
static GHashTable *growingTable(guint kind)
{
  GHashTable *t = filledTable(kind, 840); /* 833 are what 2^7 buckets hold */
  assert_true(growing(&t->h));
  assert_true(t->h.nevacuate > 0);
  return t;
}

static GString *orderOf(GHashTable *t)
{
  GHashTableIter iter;
  gpointer k, v;
  GString *s = g_string_new(NULL);
  g_hash_table_iter_init(&iter, t);
  while (g_hash_table_iter_next(&iter, &k, &v))
    g_string_append_printf(s, "%p ", k);
  return s;
}

/* What a child process prints to stderr before it dies of a signal. */
static char *lastWords(void (*child)(void))
{
  int fds[2];
  assert_int_equal(pipe(fds), 0);
  pid_t pid = fork();
  if (pid == 0) {
    struct rlimit none = {0};
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGABRT, SIG_DFL), signal(SIGTRAP, SIG_DFL);
    dup2(fds[1], STDERR_FILENO);
    child();
    _exit(0);
  }
  close(fds[1]);
  GString *said = g_string_new(NULL);
  char buffer[256];
  for (ssize_t n; (n = read(fds[0], buffer, sizeof buffer)) > 0;)
    g_string_append_len(said, buffer, n);
  close(fds[0]);
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFSIGNALED(status));
  return g_string_free(said, FALSE);
}

/* Criticals */

static GString *criticals;
static void onCritical(const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  (void)data;
  g_string_append_printf(criticals, "%s %d %s\n", domain, (int)(level & G_LOG_LEVEL_MASK), message);
}
static void catchCriticals(void)
{
  criticals = g_string_new(NULL);
  g_log_set_default_handler(onCritical, NULL);
}
static void assertCriticals(const char *expected)
{
  g_log_set_default_handler(g_log_default_handler, NULL);
  assert_string_equal(criticals->str, expected);
  g_string_free(criticals, TRUE);
}

/* The mark, and foreign tables */

static void the_mark_is_no_size(void **state)
{
  (void)state;
  assert_int_equal(offsetof(GHashTable, mark), 0);
  for (unsigned shift = 0; shift < 64; shift += 32) {
    guint32 half = (guint32)(tableMark >> shift);
    assert_true(half != 0 && (half & (half - 1)) != 0);
  }
  for (guint kind = 0; kind < kinds; kind++) {
    GHashTable *t = emptyTable(kind);
    assert_false(isForeign(t));
    g_hash_table_unref(t);
  }
  GHashTable *glibs = LIBGLIBS(g_hash_table_new)(NULL, NULL);
  assert_true(isForeign(glibs));
  g_hash_table_unref(glibs);
}

static void glibs_functions_are_not_ours(void **state)
{
  (void)state;
  for (unsigned i = 0; i < glibsCount; i++) {
    void *function = glibs(i);
    assert_true(function == NULL || !sameObject(function, (void *)glibs));
    assert_ptr_equal(function, glibs(i));
    assert_true(function != NULL || i == number_g_hash_table_steal_all_keys || i == number_g_hash_table_steal_all_values ||
                i == number_g_hash_table_get_keys_as_ptr_array || i == number_g_hash_table_get_values_as_ptr_array);
  }
}

static GHashTable *foreignTable(void)
{
  return g_uri_parse_params("a=1&b=2&c=3", -1, "&", G_URI_PARAMS_NONE, NULL);
}

static void a_foreign_table_in_the_newer_functions(void **state)
{
  (void)state;
  GHashTable *t = foreignTable();
  assert_true(isForeign(t));
  GPtrArray *keys = g_hash_table_get_keys_as_ptr_array(t), *values = g_hash_table_get_values_as_ptr_array(t);
  assert_int_equal(keys->len, 3);
  assert_int_equal(values->len, 3);
  for (guint i = 0; i < keys->len; i++)
    assert_ptr_equal(g_hash_table_lookup(t, keys->pdata[i]), values->pdata[i]);
  g_ptr_array_unref(keys);
  g_ptr_array_unref(values);
  if (GLIBS(g_hash_table_steal_all_keys)) {
    keys = g_hash_table_steal_all_keys(t);
    assert_int_equal(keys->len, 3);
    g_ptr_array_unref(keys);
    values = g_hash_table_steal_all_values(t);
    assert_int_equal(values->len, 0);
    g_ptr_array_unref(values);
  } else {
    catchCriticals();
    assert_null(g_hash_table_steal_all_keys(t));
    assert_null(g_hash_table_steal_all_values(t));
    assertCriticals("GLib 8 g_hash_table_steal_all_keys: assertion 'GLIB_HAS(g_hash_table_steal_all_keys)' failed\n"
                    "GLib 8 g_hash_table_steal_all_values: assertion 'GLIB_HAS(g_hash_table_steal_all_values)' failed\n");
    assert_int_equal(g_hash_table_size(t), 3);
  }
  g_hash_table_unref(t);
}

static void foreign_calls_are_counted(void **state)
{
  (void)state;
  GHashTable *t = foreignTable();
  char *before = counters.file;
  counters.file = NULL;
  size_t n = counters.foreign;
  g_hash_table_size(t);
  assert_int_equal(counters.foreign, n);
  counters.file = (char *)(guintptr) "a file";
  g_hash_table_size(t);
  assert_true(g_hash_table_contains(t, "a"));
  assert_int_equal(counters.foreign, n + 2);
  counters.file = before;
  g_hash_table_unref(t);
}

/* Kinds */

static void known_pairs_by_each_address(void **state)
{
  (void)state;
#define ADDRESSES(function)                      \
  {                                              \
    function, own_##function, LIBGLIBS(function) \
  }
  const struct {
    guint kind;
    GHashFunc hashes[3];
    GEqualFunc equals[3];
  } pairs[] = {
      {kindStr, ADDRESSES(g_str_hash), ADDRESSES(g_str_equal)},
      {kindInt, ADDRESSES(g_int_hash), ADDRESSES(g_int_equal)},
      {kindInt64, ADDRESSES(g_int64_hash), ADDRESSES(g_int64_equal)},
      {kindDouble, ADDRESSES(g_double_hash), ADDRESSES(g_double_equal)},
      {kindDirect, ADDRESSES(g_direct_hash), ADDRESSES(g_direct_equal)},
      {kindDirect, {NULL, NULL, NULL}, {NULL, g_direct_equal, NULL}},
  };
  assert_true((void *)(guintptr)g_str_hash != fromLibglib("g_str_hash"));
  for (guint i = 0; i < G_N_ELEMENTS(pairs); i++)
    for (guint j = 0; j < 3; j++)
      for (guint k = 0; k < 3; k++)
        assert_int_equal(kindOf(pairs[i].hashes[j], pairs[i].equals[k]), pairs[i].kind);
}

static void half_a_pair_is_the_users(void **state)
{
  (void)state;
  GHashFunc hashes[] = {g_str_hash, g_int_hash, g_int64_hash, g_double_hash, g_direct_hash, NULL, poorHash};
  GEqualFunc equals[] = {g_str_equal, g_int_equal, g_int64_equal, g_double_equal, g_direct_equal, NULL, poorEqual};
  guint n = G_N_ELEMENTS(hashes);
  for (guint i = 0; i < n; i++)
    for (guint j = 0; j < n; j++) {
      bool direct = (i == 4 || i == 5) && (j == 4 || j == 5), known = direct || (i == j && i < 6);
      assert_int_equal(kindOf(hashes[i], equals[j]) != kindUser, known);
    }
}

static void the_ten_functions_return_what_glibs_do(void **state)
{
  (void)state;
  for (guint i = 0; i < 5000; i++) {
    guint64 bits = random64();
    bits >>= randomBelow(64);
    gdouble real = (gdouble)(gint64)bits / 7;
    char *s = g_strdup_printf("%" G_GUINT64_FORMAT "\xe4\xff", bits);
    assert_int_equal(g_str_hash(s), LIBGLIBS(g_str_hash)(s));
    assert_int_equal(g_int_hash(&bits), LIBGLIBS(g_int_hash)(&bits));
    assert_int_equal(g_int64_hash(&bits), LIBGLIBS(g_int64_hash)(&bits));
    assert_int_equal(g_double_hash(&real), LIBGLIBS(g_double_hash)(&real));
    assert_int_equal(g_double_hash(&bits), LIBGLIBS(g_double_hash)(&bits));
    assert_int_equal(g_direct_hash((gpointer)(guintptr)bits), LIBGLIBS(g_direct_hash)((gpointer)(guintptr)bits));
    g_free(s);
  }
}

static void zeros_are_one_key_where_they_hash_alike(void **state)
{
  (void)state;
  static const gdouble plus = 0.0, minus = -0.0, nan = NAN;
  gpointer p = (gpointer)(guintptr)&plus, m = (gpointer)(guintptr)&minus, n = (gpointer)(guintptr)&nan;
  bool was = zerosDiffer;
  assert_int_equal(was, LIBGLIBS(g_double_hash)(&plus) != LIBGLIBS(g_double_hash)(&minus));
  for (int differ = 0; differ < 2; differ++) {
    GHashTable *t = emptyTable(kindDouble);
    zerosDiffer = differ;
    assert_true(g_hash_table_add(t, p));
    assert_int_equal(g_hash_table_contains(t, m), !differ);
    assert_int_equal(g_hash_table_add(t, m), differ);
    assert_int_equal(g_hash_table_size(t), 1 + differ);
    for (guint i = 1; i < 40; i++) {
      assert_true(g_hash_table_add(t, n));
      assert_false(g_hash_table_contains(t, n));
      assert_int_equal(g_hash_table_size(t), 1 + (guint)differ + i);
    }
    g_hash_table_unref(t);
  }
  zerosDiffer = was;
}

/* A table against a plain model, in every kind */

typedef struct model {
  GHashTable *t;
  guint kind, n; /* of n keys */
  bool there[poolSize];
  gpointer key[poolSize]; /* the stored one */
  guint value[poolSize];
  guint size;
} model;

static void modelPut(model *m, guint i, guint how)
{
  gpointer key = pool[m->kind][randomBelow(2)][i];
  guint value = randomBelow(1u << 30);
  bool new = !m->there[i];
  if (how == 0)
    assert_int_equal(g_hash_table_insert(m->t, key, GUINT_TO_POINTER(value)), new);
  else if (how == 1)
    assert_int_equal(g_hash_table_replace(m->t, key, GUINT_TO_POINTER(value)), new);
  else
    assert_int_equal(g_hash_table_add(m->t, key), new);
  if (new || how > 0)
    m->key[i] = key;
  m->value[i] = how == 2 ? GPOINTER_TO_UINT(key) : value;
  m->there[i] = true;
  m->size += new;
}

static void modelCut(model *m, guint i, guint how)
{
  gpointer key = pool[m->kind][randomBelow(2)][i], k, v;
  if (how == 0) {
    assert_int_equal(g_hash_table_remove(m->t, key), m->there[i]);
  } else if (how == 1) {
    assert_int_equal(g_hash_table_steal(m->t, key), m->there[i]);
  } else {
    assert_int_equal(g_hash_table_steal_extended(m->t, key, &k, &v), m->there[i]);
    assert_ptr_equal(k, m->there[i] ? m->key[i] : NULL);
    assert_int_equal(GPOINTER_TO_UINT(v), m->there[i] ? m->value[i] : 0);
  }
  m->size -= m->there[i];
  m->there[i] = false;
}

static void modelLook(const model *m, guint i)
{
  gpointer key = pool[m->kind][randomBelow(2)][i], k, v;
  assert_int_equal(g_hash_table_contains(m->t, key), m->there[i]);
  assert_int_equal(g_hash_table_lookup_extended(m->t, key, &k, &v), m->there[i]);
  assert_ptr_equal(k, m->there[i] ? m->key[i] : NULL);
  assert_int_equal(GPOINTER_TO_UINT(v), m->there[i] ? m->value[i] : 0);
  assert_ptr_equal(g_hash_table_lookup(m->t, key), v);
}

/* A walk that removes and overwrites. */
static void modelWalk(model *m, guint chance)
{
  GHashTableIter iter;
  gpointer k, v;
  bool seen[poolSize] = {false};
  guint n = 0, size = m->size;
  g_hash_table_iter_init(&iter, m->t);
  while (g_hash_table_iter_next(&iter, &k, &v)) {
    guint i = numberOf(m->kind, k);
    assert_true(i < m->n && m->there[i] && !seen[i]);
    assert_ptr_equal(k, m->key[i]);
    assert_int_equal(GPOINTER_TO_UINT(v), m->value[i]);
    seen[i] = true;
    n++;
    if (randomBelow(100) < chance) {
      g_hash_table_iter_remove(&iter);
      m->there[i] = false;
      m->size--;
    } else if (randomBelow(100) < chance) {
      g_hash_table_iter_replace(&iter, GUINT_TO_POINTER(n));
      m->value[i] = n;
    }
  }
  assert_int_equal(n, size);
}

static gboolean modelDrop(gpointer key, gpointer value, gpointer data)
{
  model *m = data;
  guint i = numberOf(m->kind, key);
  assert_true(m->there[i]);
  assert_int_equal(GPOINTER_TO_UINT(value), m->value[i]);
  if (randomBelow(4))
    return FALSE;
  m->there[i] = false;
  m->size--;
  return TRUE;
}

static void modelStep(model *m, guint growth)
{
  guint i = randomBelow(m->n), what = randomBelow(1000), before = m->size, gone = 0;
  if (what < growth)
    modelPut(m, i, what % 3);
  else if (what < 900)
    modelCut(m, i, what % 3);
  else if (what < 990)
    modelLook(m, i);
  else if (what < 994)
    modelWalk(m, what == 990 ? 100 : what == 991 ? 30 : 0);
  else if (what < 998)
    gone = g_hash_table_foreach_remove(m->t, modelDrop, m);
  else if (what == 998 && randomBelow(3) == 0) {
    g_hash_table_remove_all(m->t);
    memset(m->there, 0, sizeof m->there);
    m->size = 0;
  }
  assert_true(gone == 0 || gone == before - m->size);
  assert_int_equal(g_hash_table_size(m->t), m->size);
}

static void all_operations_against_a_model(void **state)
{
  (void)state;
  static const guint sizes[] = {5, 60, 700};
  static model m;
  for (guint kind = 0; kind < kinds; kind++)
    for (guint s = 0; s < G_N_ELEMENTS(sizes); s++) {
      memset(&m, 0, sizeof m);
      m = (model){.t = emptyTable(kind), .kind = kind, .n = sizes[s]};
      for (guint step = 0, n = times(6000); step < n; step++) {
        modelStep(&m, step % 2000 < 1000 ? 600 : 350);
        ASSERT_SOUND(m.t);
      }
      g_hash_table_unref(m.t);
    }
}

/* Walks */

/* Walks over a growing table; at each entry overwrites all values by key, and at entry number cut removes it. */
static void walkAndCut(guint kind, guint cut, bool foreachCut)
{
  GHashTable *t = growingTable(kind);
  GHashTableIter iter;
  gpointer k;
  bool seen[poolSize] = {false};
  guint n = 0, size = g_hash_table_size(t);
  bucketArray *old = t->h.oldbuckets;
  g_hash_table_iter_init(&iter, t);
  while (g_hash_table_iter_next(&iter, &k, NULL)) {
    guint i = numberOf(kind, k);
    assert_false(seen[i]);
    seen[i] = true;
    if (n++ == cut || (foreachCut && n % 2))
      g_hash_table_iter_remove(&iter);
    for (guint j = 0; j < size; j += 97)
      if (g_hash_table_contains(t, pool[kind][1][j]))
        assert_false(g_hash_table_insert(t, pool[kind][1][j], GUINT_TO_POINTER(n)));
  }
  assert_int_equal(n, size);
  assert_ptr_equal(t->h.oldbuckets, old);
  ASSERT_SOUND(t);
  g_hash_table_unref(t);
}

static void a_walk_in_a_growth_that_overwrites_and_removes(void **state)
{
  (void)state;
  for (guint kind = 0; kind < kinds; kind++)
    for (guint cut = 0; cut < 840; cut += 1 + 800 / times(800))
      walkAndCut(kind, cut, cut % 8 == 0);
}

static void an_iterator_is_a_position(void **state)
{
  (void)state;
  GHashTable *t = growingTable(kindStr);
  GHashTableIter iter, copy;
  gpointer a, b;
  guint rest = g_hash_table_size(t);
  g_hash_table_iter_init(&iter, t);
  while (g_hash_table_iter_next(&iter, NULL, NULL)) {
    GHashTableIter continued = iter;
    rest--;
    copy = iter;
    for (guint i = 0; i < 3 && g_hash_table_iter_next(&copy, &a, NULL); i++) {
      assert_true(g_hash_table_iter_next(&continued, &b, NULL));
      assert_ptr_equal(a, b);
    }
  }
  assert_int_equal(rest, 0);
  g_hash_table_unref(t);
}

static void order_is_a_function_of_the_table(void **state)
{
  (void)state;
  for (guint kind = 0; kind < kinds; kind++) {
    GHashTable *t = growingTable(kind), *u = growingTable(kind);
    GString *before = orderOf(t), *other = orderOf(u);
    for (guint i = 0; i < 840; i += 3) {
      g_hash_table_replace(t, pool[kind][0][i], NULL);
      g_hash_table_remove(t, pool[kind][0][2000 + i]);
      g_hash_table_contains(t, pool[kind][0][i]);
    }
    GString *after = orderOf(t);
    assert_string_equal(before->str, after->str);
    assert_string_not_equal(before->str, other->str);
    g_string_free(before, TRUE), g_string_free(after, TRUE), g_string_free(other, TRUE);
    g_hash_table_unref(t), g_hash_table_unref(u);
  }
}

static void removing_an_entry_twice_does_nothing(void **state)
{
  (void)state;
  GHashTable *t = filledTable(kindDirect, 3);
  GHashTableIter iter;
  g_hash_table_iter_init(&iter, t);
  for (guint left = 3; left-- > 0;) {
    assert_true(g_hash_table_iter_next(&iter, NULL, NULL));
    g_hash_table_iter_remove(&iter);
    g_hash_table_iter_remove(&iter);
    g_hash_table_iter_steal(&iter);
    g_hash_table_iter_replace(&iter, NULL);
    assert_int_equal(g_hash_table_size(t), left);
    ASSERT_SOUND(t);
  }
  assert_false(g_hash_table_iter_next(&iter, NULL, NULL));
  g_hash_table_unref(t);
}

/* What writes, and what moves */

/* All bytes of an array: directory, segments, slabs. */
static void appendArray(GByteArray *bytes, const bucketArray *a)
{
  g_byte_array_append(bytes, (const void *)a, (guint)a->bytes);
  for (size_t i = 0; i < nsegments(a); i++)
    if (!oneSegment(a) && hasSegment(a, i << a->t->segbits))
      g_byte_array_append(bytes, (const void *)bmapIn(a->segments[i], segmentMask(a->t)),
                          (guint)bucketBytes(a->t, segmentMask(a->t) + 1));
  for (const overflowSlab *s = a->slabs; s; s = s->next)
    g_byte_array_append(bytes, (const void *)s, (guint)bytesOfSlab(a->t, s->n));
}
/* All bytes of a table: its struct and its arrays. */
static GByteArray *bytesOf(const GHashTable *t)
{
  GByteArray *bytes = g_byte_array_new();
  bucketArray *arrays[] = {t->h.buckets, t->h.oldbuckets};
  g_byte_array_append(bytes, (const void *)t, sizeof *t);
  for (guint i = 0; i < 2; i++)
    if (arrays[i])
      appendArray(bytes, arrays[i]);
  return bytes;
}

static void noEntry(gpointer k, gpointer v, gpointer data)
{
  (void)k, (void)v, (void)data;
}
static gboolean noPredicate(gpointer k, gpointer v, gpointer data)
{
  (void)k, (void)v, (void)data;
  return FALSE;
}

static void readEverything(GHashTable *t, guint kind)
{
  GHashTableIter iter;
  gpointer k, v;
  for (guint i = 0; i < poolSize; i++) {
    g_hash_table_lookup(t, pool[kind][1][i]);
    g_hash_table_contains(t, pool[kind][0][i]);
    g_hash_table_lookup_extended(t, pool[kind][1][i], &k, &v);
  }
  g_hash_table_iter_init(&iter, t);
  while (g_hash_table_iter_next(&iter, &k, &v))
    ;
  g_hash_table_foreach(t, noEntry, NULL);
  g_hash_table_find(t, noPredicate, NULL);
  g_list_free(g_hash_table_get_keys(t));
  g_list_free(g_hash_table_get_values(t));
  g_free(g_hash_table_get_keys_as_array(t, NULL));
  g_ptr_array_unref(g_hash_table_get_keys_as_ptr_array(t));
  g_ptr_array_unref(g_hash_table_get_values_as_ptr_array(t));
  g_hash_table_unref(g_hash_table_new_similar(t));
  assert_int_not_equal(g_hash_table_size(t), 0);
}

static void readers_write_nothing(void **state)
{
  (void)state;
  for (guint kind = 0; kind < kinds; kind++) {
    GHashTable *t = growingTable(kind);
    GByteArray *before = bytesOf(t);
    readEverything(t, kind);
    GByteArray *after = bytesOf(t);
    assert_int_equal(before->len, after->len);
    assert_memory_equal(before->data, after->data, before->len);
    g_byte_array_unref(before), g_byte_array_unref(after);
    g_hash_table_unref(t);
  }
}

/* An equal key as the value of a key that stays: in a set that is no set's entry any more. */
static void an_equal_key_as_value(void **state)
{
  (void)state;
  for (guint kind = 0; kind < kinds; kind++)
    for (guint size = 1; size < 60; size += 9)
      for (guint values = 0; values < 2; values++) {
        GHashTable *t = emptyTable(kind);
        for (guint i = 0; i < size; i++)
          g_hash_table_insert(t, pool[kind][0][i], values ? GUINT_TO_POINTER(i) : pool[kind][0][i]);
        for (guint i = 0; i < size; i++) {
          gpointer key = NULL, value = NULL;
          assert_false(g_hash_table_insert(t, pool[kind][1][i], pool[kind][1][i]));
          assert_true(g_hash_table_lookup_extended(t, pool[kind][1][i], &key, &value));
          assert_ptr_equal(key, pool[kind][0][i]);
          assert_ptr_equal(value, pool[kind][1][i]);
          ASSERT_SOUND(t);
        }
        assert_int_equal(g_hash_table_size(t), size);
        for (guint i = 0; i < size; i++) {
          assert_false(g_hash_table_replace(t, pool[kind][1][i], pool[kind][0][i]));
          assert_ptr_equal(g_hash_table_lookup(t, pool[kind][0][i]), pool[kind][0][i]);
          assert_false(g_hash_table_add(t, pool[kind][0][i]));
          assert_ptr_equal(g_hash_table_lookup(t, pool[kind][0][i]), pool[kind][0][i]);
        }
        ASSERT_SOUND(t);
        g_hash_table_unref(t);
      }
}

static void only_adding_and_removing_keys_moves_others(void **state)
{
  (void)state;
  for (guint kind = 0; kind < kinds; kind++) {
    GHashTable *t = growingTable(kind);
    size_t nevacuate = t->h.nevacuate;
    uint32_t seq = t->h.seq;
    int version = t->version;
    for (guint i = 0; i < 840; i++) {
      assert_false(g_hash_table_insert(t, pool[kind][1][i], NULL));
      assert_false(g_hash_table_replace(t, pool[kind][1][i], NULL));
      assert_false(g_hash_table_add(t, pool[kind][0][i]));
      assert_false(g_hash_table_remove(t, pool[kind][0][1000 + i]));
      assert_false(g_hash_table_steal(t, pool[kind][0][1000 + i]));
    }
    assert_int_equal(t->h.seq, seq);
    assert_int_equal(t->version, version);
    assert_int_equal(t->h.nevacuate, nevacuate);
    assert_true(g_hash_table_remove(t, pool[kind][0][0]));
    assert_true(t->h.nevacuate > nevacuate);
    for (guint i = 1; growing(&t->h); i++) {
      assert_true(g_hash_table_remove(t, pool[kind][0][i]));
      ASSERT_SOUND(t);
    }
    g_hash_table_unref(t);
  }
}

static void hash_is_called_once_and_equal_seldom(void **state)
{
  (void)state;
  enum { n = 64 }; /* numbers below 64 have hashes of their own */
  GHashTable *t = emptyTable(kindUser);
  userHashes = userEquals = 0;
  for (guint i = 0; i < n; i++)
    g_hash_table_insert(t, pool[kindUser][0][i], NULL);
  assert_int_equal(userHashes, n);
  assert_int_equal(userEquals, 0);
  for (guint i = 0; i < 2 * n; i++)
    assert_int_equal(g_hash_table_contains(t, pool[kindUser][1][i]), i < n);
  assert_int_equal(userHashes, 3 * n);
  assert_int_equal(userEquals, n + 1); /* 63 and 64 share one */
  for (guint i = 0; i < n; i++)
    g_hash_table_remove(t, pool[kindUser][1][i]);
  assert_int_equal(userHashes, 4 * n);
  assert_int_equal(userEquals, 2 * n + 1);
  g_hash_table_unref(t);
}

/* Functions of the program that call into the table, or do not return */

static GHashTable *current;
static void (*inEqual)(void), (*inHash)(void);
static jmp_buf outside;

static guint callingHash(gconstpointer key)
{
  void (*call)(void) = inHash;
  inHash = NULL;
  if (call)
    call();
  return *(const guint *)key % 4;
}
static gboolean callingEqual(gconstpointer a, gconstpointer b)
{
  void (*call)(void) = inEqual;
  inEqual = NULL;
  gboolean same = *(const gint *)a == *(const gint *)b;
  if (call)
    call();
  return same;
}

static void clearIt(void)
{
  g_hash_table_remove_all(current);
}
static void emptyIt(void)
{
  for (guint i = 0; i < 100; i++)
    g_hash_table_remove(current, pool[kindUser][0][i]);
}
static void fillIt(void)
{
  for (guint i = 200; i < 300; i++)
    g_hash_table_add(current, pool[kindUser][0][i]);
}
static void leave(void)
{
  longjmp(outside, 1);
}

static GHashTable *callingTable(guint n)
{
  current = g_hash_table_new(callingHash, callingEqual);
  for (guint i = 0; i < n; i++)
    g_hash_table_add(current, pool[kindUser][0][i]);
  return current;
}

static void hash_and_equal_may_change_the_table(void **state)
{
  (void)state;
  void (*const calls[])(void) = {clearIt, emptyIt, fillIt};
  for (guint c = 0; c < G_N_ELEMENTS(calls); c++)
    for (guint where = 0; where < 2; where++)
      for (guint op = 0; op < 4; op++) {
        GHashTable *t = callingTable(100);
        guint key = op == 3 ? 150 : 50;
        gpointer k = pool[kindUser][1][key];
        *(where ? &inEqual : &inHash) = calls[c];
        bool was = op == 0 ? !g_hash_table_insert(t, k, NULL) : op == 1 ? g_hash_table_remove(t, k) : g_hash_table_contains(t, k);
        assert_int_equal(was, key < 100 && calls[c] == fillIt);
        assert_int_equal(g_hash_table_contains(t, k), op == 0 || (op == 2 && was));
        ASSERT_SOUND(t);
        g_hash_table_unref(t);
      }
}

static void leaveForeach(gpointer key, gpointer value, gpointer data)
{
  (void)key, (void)value, (void)data;
  leave();
}
static void leaveFree(gpointer key)
{
  (void)key;
  leave();
}

static void callbacks_need_not_return(void **state)
{
  (void)state;
  GHashTable *volatile t = callingTable(100);
  setFlags(&t->h, flagsOf(&t->h) | hashChecked);
  formatsChanged(&t->h);
  for (volatile guint op = 0; op < 6; op++)
    if (setjmp(outside) == 0) {
      inEqual = leave;
      if (op == 0)
        g_hash_table_insert(t, pool[kindUser][1][5], NULL);
      else if (op == 1)
        g_hash_table_remove(t, pool[kindUser][1][5]);
      else if (op == 2)
        g_hash_table_lookup(t, pool[kindUser][1][5]);
      else if (op == 3)
        g_hash_table_foreach(t, leaveForeach, NULL);
      else if (op == 4)
        t->value_destroy_func = leaveFree, inEqual = NULL, g_hash_table_remove(t, pool[kindUser][1][5]);
      else
        t->value_destroy_func = leaveFree, inEqual = NULL, g_hash_table_replace(t, pool[kindUser][1][6], NULL);
      fail_msg("operation %u returned", op);
    } else {
      t->value_destroy_func = NULL;
      inEqual = NULL;
      ASSERT_SOUND(t);
    }
  assert_int_equal(g_hash_table_size(t), 99);
  g_hash_table_unref(t);
}

static guint keysFreed;
static void lookWhileDying(gpointer key)
{
  (void)key;
  keysFreed++;
  assert_int_equal(g_hash_table_size(current), 0);
  assert_false(g_hash_table_contains(current, key));
}

/* GLib divides by zero here. */
static void a_dying_table_is_empty(void **state)
{
  (void)state;
  keysFreed = 0;
  current = g_hash_table_new_full(NULL, NULL, lookWhileDying, NULL);
  for (guint i = 1; i < 50; i++)
    g_hash_table_add(current, GUINT_TO_POINTER(i));
  g_hash_table_unref(current);
  assert_int_equal(keysFreed, 49);
}

/* What is new in GLib 2.76, on tables of ours */

static guint valuesFreed;
static void countKey(gpointer key)
{
  (void)key;
  keysFreed++;
}
static void countValue(gpointer value)
{
  (void)value;
  valuesFreed++;
}

static void steal_all_keys_and_values(void **state)
{
  (void)state;
  GHashTable *t = g_hash_table_new_full(NULL, NULL, countKey, countValue);
  for (guint values = 0; values < 2; values++) {
    for (guint i = 0; i < 20; i++)
      g_hash_table_insert(t, GUINT_TO_POINTER(i), GUINT_TO_POINTER(i + 100));
    int version = t->version;
    keysFreed = valuesFreed = 0;
    GPtrArray *array = values ? g_hash_table_steal_all_values(t) : g_hash_table_steal_all_keys(t);
    assert_int_equal(array->len, 20);
    assert_int_equal(g_hash_table_size(t), 0);
    assert_int_equal(t->version, version + 2);
    assert_int_equal(keysFreed, values ? 20 : 0);
    assert_int_equal(valuesFreed, values ? 0 : 20);
    g_ptr_array_unref(array);
    assert_int_equal(keysFreed, 20);
    assert_int_equal(valuesFreed, 20);
  }
  g_hash_table_insert(t, NULL, NULL);
  g_hash_table_unref(t);
  assert_int_equal(keysFreed, 21);
  assert_int_equal(valuesFreed, 21);
  catchCriticals();
  GHashTable *volatile none = NULL;
  assert_null(g_hash_table_steal_all_keys(none));
  assert_null(g_hash_table_steal_all_values(none));
  assert_null(g_hash_table_get_keys_as_ptr_array(none));
  assert_null(g_hash_table_get_values_as_ptr_array(none));
  assertCriticals("GLib 8 g_hash_table_steal_all_keys: assertion 'hash_table != NULL' failed\n"
                  "GLib 8 g_hash_table_steal_all_values: assertion 'hash_table != NULL' failed\n"
                  "GLib 8 g_hash_table_get_keys_as_ptr_array: assertion 'hash_table != NULL' failed\n"
                  "GLib 8 g_hash_table_get_values_as_ptr_array: assertion 'hash_table != NULL' failed\n");
}

static void ptr_arrays_are_in_order(void **state)
{
  (void)state;
  for (guint kind = 0; kind < kinds; kind++) {
    GHashTable *t = growingTable(kind);
    guint length;
    GPtrArray *keys = g_hash_table_get_keys_as_ptr_array(t), *values = g_hash_table_get_values_as_ptr_array(t);
    gpointer *array = g_hash_table_get_keys_as_array(t, &length);
    assert_int_equal(keys->len, 840);
    assert_int_equal(values->len, 840);
    assert_int_equal(length, 840);
    for (guint i = 0; i < length; i++) {
      assert_ptr_equal(keys->pdata[i], array[i]);
      assert_int_equal(GPOINTER_TO_UINT(values->pdata[i]), numberOf(kind, array[i]));
    }
    g_free(array);
    g_ptr_array_unref(keys), g_ptr_array_unref(values);
    g_hash_table_unref(t);
  }
}

/* Values that do not fit where they stand, written by functions of the program's in the middle of an operation */

static GHashTable *busy;
static const guintptr largeValue = (guintptr)-5;
static guint smallFreed, largeFreed, strangeFreed;

/* However most entries are removed, what the table holds in memory follows: at the latest when a few are inserted. */
static gboolean isNotKept(gpointer key, gpointer value, gpointer data)
{
  (void)value, (void)data;
  return GPOINTER_TO_UINT(key) % 1000 != 0;
}
static void removeByKey(GHashTable *t, guint n)
{
  for (guint i = 0; i < n; i++)
    if (i % 1000)
      assert_true(g_hash_table_remove(t, GUINT_TO_POINTER(i)));
}
static void removeByPredicate(GHashTable *t, guint n)
{
  assert_int_equal(g_hash_table_foreach_remove(t, isNotKept, NULL), n - n / 1000);
}
static void removeByIterator(GHashTable *t, guint n)
{
  GHashTableIter it;
  gpointer key;
  g_hash_table_iter_init(&it, t);
  for (guint came = 0; came < n; came++) {
    assert_true(g_hash_table_iter_next(&it, &key, NULL));
    if (isNotKept(key, NULL, NULL))
      g_hash_table_iter_remove(&it);
  }
  assert_false(g_hash_table_iter_next(&it, NULL, NULL));
}
static void memory_follows_removals(void **state)
{
  (void)state;
  enum { n = 100000 };
  void (*const ways[])(GHashTable * t, guint n) = {removeByKey, removeByPredicate, removeByIterator};
  for (guint way = 0; way < 3; way++)
    for (guint wide = 0; wide < 2; wide++) {
      GHashTable *t = g_hash_table_new(NULL, NULL);
      hmap_stats full, after;
      for (guint i = 0; i < n; i++)
        g_hash_table_insert(t, GUINT_TO_POINTER(i), wide && i % 50 == 0 ? (gpointer)(G_MAXSIZE - i) : GUINT_TO_POINTER(i));
      mapstats(&t->h, &full);
      ways[way](t, n);
      assert_int_equal(g_hash_table_size(t), n / 1000);
      ASSERT_SOUND(t);
      for (guint step = 0; step < 5000; step++) {
        g_hash_table_insert(t, GUINT_TO_POINTER(n), NULL);
        if (step % 50 == 0) {
          GHashTableIter it;
          gpointer key, value;
          guint came = 0;
          g_hash_table_iter_init(&it, t);
          for (; g_hash_table_iter_next(&it, &key, &value); came++)
            if (GPOINTER_TO_UINT(key) < n)
              assert_ptr_equal(value, wide ? (gpointer)(G_MAXSIZE - GPOINTER_TO_UINT(key)) : key);
          assert_int_equal(came, n / 1000 + 1);
          ASSERT_SOUND(t);
        }
        assert_true(g_hash_table_remove(t, GUINT_TO_POINTER(n)));
      }
      mapstats(&t->h, &after);
      assert_true(after.bytes <= full.bytes / 200);
      g_hash_table_destroy(t);
    }
}

/* Removes all entries of a table of n numbers but those below left, in a walk. */
static gboolean isNotBelow(gpointer key, gpointer value, gpointer data)
{
  (void)value;
  return GPOINTER_TO_UINT(key) >= *(const guint *)data;
}
static void drainByPredicate(GHashTable *t, guint left)
{
  g_hash_table_foreach_remove(t, isNotBelow, &left);
}
static void drainByStealing(GHashTable *t, guint left)
{
  g_hash_table_foreach_steal(t, isNotBelow, &left);
}
static void drainByIterator(GHashTable *t, guint left)
{
  GHashTableIter it;
  gpointer key;
  g_hash_table_iter_init(&it, t);
  for (guint i = 0; g_hash_table_iter_next(&it, &key, NULL); i++)
    if (isNotBelow(key, NULL, &left))
      (i % 2 ? g_hash_table_iter_remove : g_hash_table_iter_steal)(&it);
}
/* What a walk over a table enters, having come to all that is there. */
static size_t costOfWalk(GHashTable *t)
{
  GHashTableIter it;
  guint n = 0;
  counted.entered = 0;
  g_hash_table_iter_init(&it, t);
  while (g_hash_table_iter_next(&it, NULL, NULL))
    n++;
  assert_int_equal(n, g_hash_table_size(t));
  return counted.entered;
}
static size_t bytesHeld(const GHashTable *t)
{
  hmap_stats now;
  mapstats(&t->h, &now);
  return now.bytes;
}
static GHashTable *numbers(guint n)
{
  GHashTable *t = g_hash_table_new(NULL, NULL);
  for (guint i = 0; i < n; i++)
    g_hash_table_insert(t, GUINT_TO_POINTER(i), GUINT_TO_POINTER(i + 1));
  return t;
}

/* A table that a walk has nearly emptied is cheap to walk at once, and its memory goes back. */
static void what_a_walk_removes_goes_back(void **state)
{
  (void)state;
  const guint n = times(300000), left = 10;
  void (*const ways[])(GHashTable * t, guint left) = {drainByPredicate, drainByStealing, drainByIterator};
  for (guint way = 0; way < 3; way++)
    for (guint grows = 0; grows < 2; grows++) {
      GHashTable *t = numbers(n);
      for (guint i = n; grows && !growing(&t->h); i++)
        g_hash_table_insert(t, GUINT_TO_POINTER(i), NULL);
      const size_t full = bytesHeld(t), segments = (nsegments(t->h.buckets) + n / 6) / segmentMask(t->h.t);
      ways[way](t, left);
      ASSERT_SOUND(t);
      assert_int_equal(g_hash_table_size(t), left);
      if (way < 2) {
        assert_in_range(costOfWalk(t), 1, 2 + left);
        assert_in_range(bytesHeld(t), 1, 4096);
      } else {
        assert_in_range(costOfWalk(t), 1, 4 * segments + 2 * left * (segmentMask(t->h.t) + 1) / 8 + nsegments(t->h.buckets) * 4);
        assert_in_range(bytesHeld(t), 1, full / 4 + (left + 1) * bytesOfSegment(t->h.t));
      }
      for (guint i = 0; i < 1000; i++) /* no more than in proportion to what was there and not given back */
        g_hash_table_insert(t, GUINT_TO_POINTER(n), NULL), g_hash_table_remove(t, GUINT_TO_POINTER(n));
      assert_in_range(costOfWalk(t), 1, 2 + left);
      assert_in_range(bytesHeld(t), 1, 4096);
      ASSERT_SOUND(t);
      g_hash_table_unref(t);
    }
}

/* However thin the entries lie that an iterator leaves, a write for each of them and some more, and the table is small. */
static void what_a_walk_leaves_moves_soon(void **state)
{
  (void)state;
  const guint n = times(300000);
  for (guint left = 1; left < n / 20; left *= 4) {
    GHashTable *t = numbers(n);
    drainByIterator(t, left);
    const size_t before = costOfWalk(t), writes = 10 + left / 16 + bucketShift(t->h.B) / 1024;
    /* The first write may come to a segment before those that are left, and a walk then looks at those between, which are not
     * there. */
    const size_t segments = nsegments(t->h.buckets);
    size_t now = before;
    for (size_t i = 0; i < writes; i++) {
      g_hash_table_insert(t, GUINT_TO_POINTER(n + i), NULL);
      if (i % 100 == 0) {
        const size_t then = costOfWalk(t);
        assert_in_range(then, 1, now + 100 + (i == 0 ? segments : 0));
        now = then;
      }
    }
    assert_in_range(costOfWalk(t), 1, 10 + 2 * (left + writes));
    ASSERT_SOUND(t);
    g_hash_table_unref(t);
  }
}

/* Taking any entry and removing it, until there is none, enters no more than a few groups each time. */
static gboolean takeIt(gpointer key, gpointer value, gpointer data)
{
  (void)value;
  *(gpointer *)data = key;
  return TRUE;
}
static gboolean takeOne(GHashTable *t, guint way, gpointer *key)
{
  GHashTableIter it;
  if (way == 0)
    return g_hash_table_find(t, takeIt, key) && g_hash_table_remove(t, *key);
  g_hash_table_iter_init(&it, t);
  if (!g_hash_table_iter_next(&it, key, NULL))
    return FALSE;
  if (way == 1)
    return g_hash_table_remove(t, *key);
  (way == 2 ? g_hash_table_iter_remove : g_hash_table_iter_steal)(&it);
  return TRUE;
}
static void taking_any_entry_is_linear(void **state)
{
  (void)state;
  for (guint way = 0; way < 4; way++)
    for (guint extra = 0; extra < 2; extra++)
      for (guint n = 5000; n <= times(320000); n *= 8) {
        GHashTable *t = numbers(n);
        gpointer key;
        guint more = extra ? n / 4 : 0, taken = 0;
        counted.entered = 0;
        while (takeOne(t, way, &key)) {
          taken++;
          assert_in_range(GPOINTER_TO_UINT(key), 0, 2 * n);
          if (more)
            g_hash_table_insert(t, GUINT_TO_POINTER(n + more--), GUINT_TO_POINTER(1));
          if (taken % (n / 4) == 0)
            ASSERT_SOUND(t);
        }
        assert_int_equal(taken, extra ? n + n / 4 : n);
        assert_in_range(counted.entered, taken, 12 * taken + 64 * 512 * 8);
        assert_int_equal(g_hash_table_size(t), 0);
        g_hash_table_unref(t);
      }
}

/* A walk that removes, and what is written between its steps: nothing is missed and nothing comes twice. */
static gpointer removedBy;
static void replaceAtRemoved(gpointer data)
{
  GHashTableIter *other = removedBy;
  (void)data;
  if (other) {
    g_hash_table_iter_replace(other, GUINT_TO_POINTER(7));
    g_hash_table_iter_remove(other);
  }
}
static void an_iterator_at_an_entry_that_is_being_freed(void **state)
{
  (void)state;
  GHashTable *t = g_hash_table_new_full(NULL, NULL, NULL, replaceAtRemoved);
  const guint n = times(20000);
  for (guint i = 0; i < n; i++)
    g_hash_table_insert(t, GUINT_TO_POINTER(i), GUINT_TO_POINTER(i));
  for (guint left = n; left-- > 0;) {
    GHashTableIter it, other;
    g_hash_table_iter_init(&it, t);
    assert_true(g_hash_table_iter_next(&it, NULL, NULL));
    other = it;
    removedBy = &other;
    g_hash_table_iter_remove(&it);
    removedBy = NULL;
    assert_int_equal(g_hash_table_size(t), left);
    if (left % 1000 == 0)
      ASSERT_SOUND(t);
  }
  g_hash_table_unref(t);
}

static void freeCounted(gpointer value)
{
  guintptr v = (guintptr)value;
  if (v == largeValue)
    largeFreed++;
  else if (v > 100 && v <= 108)
    smallFreed++;
  else
    strangeFreed++;
}
static gboolean overwriteAndRemove(gpointer key, gpointer value, gpointer data)
{
  (void)value, (void)data;
  g_hash_table_insert(busy, key, (gpointer)largeValue);
  return TRUE;
}
static void foreach_remove_frees_what_the_predicate_wrote(void **state)
{
  (void)state;
  smallFreed = largeFreed = strangeFreed = 0;
  busy = g_hash_table_new_full(NULL, NULL, NULL, freeCounted);
  for (guint i = 1; i <= 8; i++)
    g_hash_table_insert(busy, GUINT_TO_POINTER(i), GUINT_TO_POINTER(i + 100));
  assert_int_equal(g_hash_table_foreach_remove(busy, overwriteAndRemove, NULL), 8);
  assert_int_equal(smallFreed, 8);
  assert_int_equal(largeFreed, 8);
  assert_int_equal(strangeFreed, 0);
  g_hash_table_unref(busy);
}

static gboolean overwriteOnce;
static guint sameHash(gconstpointer key)
{
  (void)key;
  return 7;
}
static gboolean overwritingEqual(gconstpointer a, gconstpointer b)
{
  if (overwriteOnce) {
    overwriteOnce = FALSE;
    g_hash_table_insert(busy, GUINT_TO_POINTER(2), (gpointer)largeValue);
  }
  return a == b;
}
static void equal_may_overwrite_with_a_large_value(void **state)
{
  (void)state;
  for (guint key = 1; key <= 4; key++) {
    busy = g_hash_table_new(sameHash, overwritingEqual);
    for (guint i = 1; i <= 4; i++)
      g_hash_table_insert(busy, GUINT_TO_POINTER(i), GUINT_TO_POINTER(i + 10));
    overwriteOnce = TRUE;
    guintptr value = (guintptr)g_hash_table_lookup(busy, GUINT_TO_POINTER(key));
    assert_int_equal(value, key == 2 ? largeValue : key + 10);
    overwriteOnce = TRUE;
    g_hash_table_insert(busy, GUINT_TO_POINTER(key), GUINT_TO_POINTER(5));
    assert_int_equal(GPOINTER_TO_UINT(g_hash_table_lookup(busy, GUINT_TO_POINTER(key))), 5);
    assert_int_equal(g_hash_table_size(busy), 4);
    assert_null(mapcheck(&busy->h));
    g_hash_table_unref(busy);
  }
}

/* The end of the program */

static void insertWithoutMemory(void)
{
  GHashTable *t = g_hash_table_new(NULL, NULL);
  noMemory = true;
  g_hash_table_insert(t, NULL, NULL);
}
static void insertTooMany(void)
{
  GHashTable *t = filledTable(kindDirect, 10);
  t->h.B = 31; /* it does not want to grow */
  for (t->h.count = maxEntries;; t->h.count++) {
    writeNew(t, bucketAt(t->h.t, t->h.buckets, 0), NULL, NULL);
    fputs("the last one. ", stderr);
  }
}
static void readWhileWriting(void)
{
  setenv("HMAP_CHECK", "1", 1);
  settingsInit();
  GHashTable *t = filledTable(kindStr, 10);
  assert_string_equal(g_hash_table_lookup(t, "the key of number 0") ? "" : "0", "0");
  beginWrite(&t->h);
  g_hash_table_lookup(t, "the key of number 1");
}

static void the_program_ends_in_glibs_words(void **state)
{
  (void)state;
  char *said = lastWords(insertWithoutMemory);
  assert_non_null(strstr(said, "GLib-ERROR **:"));
  assert_non_null(strstr(said, ": failed to allocate "));
  assert_non_null(strstr(said, " bytes\n"));
  g_free(said);
  said = lastWords(insertTooMany);
  assert_non_null(strstr(said, "the last one. "));
  assert_null(strstr(strstr(said, "the last one. ") + 1, "the last one. "));
  assert_non_null(strstr(said, "adding more entries to hash table would overflow"));
  g_free(said);
}

static void HMAP_CHECK_finds_a_reader_beside_a_writer(void **state)
{
  (void)state;
  char *said = lastWords(readWhileWriting);
  assert_string_equal(said, "hmap: fatal error: a GHashTable is read and written at the same time\n");
  g_free(said);
}

/* Small tables */

static guint freed;
static void countFree(gpointer p)
{
  (void)p;
  freed++;
}
static guint firstByte(gconstpointer p)
{
  return *(const guchar *)p;
}
static gboolean sameStrings(gconstpointer a, gconstpointer b)
{
  return strcmp(a, b) == 0;
}
static void everyOperationOnNothing(GHashTable *t)
{
  GHashTableIter iter;
  assert_null(g_hash_table_lookup(t, "a"));
  assert_false(g_hash_table_contains(t, "a"));
  assert_false(g_hash_table_remove(t, "a"));
  assert_null(g_hash_table_get_keys(t));
  g_hash_table_iter_init(&iter, t);
  assert_false(g_hash_table_iter_next(&iter, NULL, NULL));
  g_hash_table_remove_all(t);
  g_hash_table_steal_all(t);
}
static void seeds_come_with_the_first_entry(void **state)
{
  (void)state;
  g_hash_table_unref(g_hash_table_new(g_str_hash, g_str_equal)); /* settles what is settled once */
  for (int own = 0; own < 2; own++) {
    while (seeds.left < keyWords + 2 * seedWords)
      newSeed();
    size_t before = seeds.left;
    GHashTable *t = g_hash_table_new_full(own ? firstByte : g_str_hash, own ? sameStrings : g_str_equal, countFree, countFree);
    everyOperationOnNothing(t);
    assert_int_equal(seeds.left, before);
    assert_null(t->h.buckets);
    freed = 0;
    static char a[] = "a", c[] = "c";
    g_hash_table_insert(t, a, NULL);
    g_hash_table_insert(t, c, NULL);
    assert_int_equal(seeds.left, before - (own ? 1 : seedWords)); /* the rest comes with the ninth */
    ASSERT_SOUND(t);
    g_hash_table_unref(t);
    assert_int_equal(seeds.left, before - (own ? 1 : seedWords));
    assert_int_equal(freed, 4);
  }
}

/* A map may begin with a value that equals its key: that costs nothing later. What stays a set becomes one when it grows. */
static void the_first_entry_does_not_make_a_set(void **state)
{
  (void)state;
  for (guint big = 0; big < 2; big++)
    for (guint same = 0; same < 6; same++) {
      const gsize base = big ? (gsize)1 << 40 : 0;
      GHashTable *t = g_hash_table_new(NULL, NULL);
      for (gsize k = 1; k < 60; k++) {
        gpointer key = (gpointer)(base + k);
        g_hash_table_insert(t, key, k <= same ? key : (gpointer)(base + 1000 + k));
        assert_int_equal(t->h.nwide, 0);
        ASSERT_SOUND(t);
        for (gsize j = 1; j <= k; j++)
          assert_ptr_equal(g_hash_table_lookup(t, (gpointer)(base + j)), base + j + (j <= same ? 0 : 1000));
      }
      g_hash_table_remove_all(t);
      for (gsize k = 0; k < 5; k++)
        g_hash_table_insert(t, (gpointer)(base + k), (gpointer)(base + k));
      assert_int_equal(t->h.t->format, big ? 2 : 0);
      ASSERT_SOUND(t);
      g_hash_table_unref(t);
      t = g_hash_table_new(NULL, NULL);
      g_hash_table_add(t, (gpointer)base);
      assert_int_equal(t->h.t->format, big ? 2 : 0);
      g_hash_table_unref(t);
    }
}

/* A table of few buckets is never seen growing. */
static void a_small_table_grows_at_once(void **state)
{
  (void)state;
  GHashTable *t = g_hash_table_new(NULL, NULL);
  for (gsize k = 0; k < 104; k++) {
    g_hash_table_insert(t, (gpointer)k, t);
    assert_false(growing(&t->h));
    assert_null(t->h.retired);
    assert_true(t->h.easy > t->h.count || shouldGrow(&t->h));
    ASSERT_SOUND(t);
  }
  assert_int_equal(t->h.B, 4);
  g_hash_table_unref(t);
}

/* What a chain that is too long does to a table. */
static void raiseIt(GHashTable *t)
{
  setFlags(&t->h, flagsOf(&t->h) | hashAlarm);
  t->h.easy = easyBelow(&t->h);
}
/* An alarm waits for the end of a growth, and where there is no memory; meanwhile keys are added as always. */
static void an_alarm_that_has_to_wait(void **state)
{
  (void)state;
  for (guint kind = 0; kind < kindUser; kind++) {
    GHashTable *t = growingTable(kind);
    raiseIt(t);
    for (guint i = 840; i < 1000; i++)
      assert_true(g_hash_table_insert(t, pool[kind][0][i], GUINT_TO_POINTER(i)));
    assert_true(flagsOf(&t->h) & hashSip);
    for (guint i = 0; i < 1000; i++)
      assert_int_equal(GPOINTER_TO_UINT(g_hash_table_lookup(t, pool[kind][1][i])), i);
    ASSERT_SOUND(t);
    g_hash_table_unref(t);

    t = filledTable(kind, 1);
    raiseIt(t);
    noMemory = true;
    assert_true(g_hash_table_insert(t, pool[kind][0][1], GUINT_TO_POINTER(1)));
    noMemory = false;
    assert_false(flagsOf(&t->h) & hashSip);
    assert_true(g_hash_table_insert(t, pool[kind][0][2], GUINT_TO_POINTER(2)));
    assert_true(flagsOf(&t->h) & hashSip);
    assert_int_equal(g_hash_table_size(t), 3);
    ASSERT_SOUND(t);
    g_hash_table_unref(t);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_mark_is_no_size),
      cmocka_unit_test(glibs_functions_are_not_ours),
      cmocka_unit_test(a_foreign_table_in_the_newer_functions),
      cmocka_unit_test(foreign_calls_are_counted),
      cmocka_unit_test(known_pairs_by_each_address),
      cmocka_unit_test(half_a_pair_is_the_users),
      cmocka_unit_test(the_ten_functions_return_what_glibs_do),
      cmocka_unit_test(zeros_are_one_key_where_they_hash_alike),
      cmocka_unit_test(all_operations_against_a_model),
      cmocka_unit_test(a_walk_in_a_growth_that_overwrites_and_removes),
      cmocka_unit_test(an_iterator_is_a_position),
      cmocka_unit_test(order_is_a_function_of_the_table),
      cmocka_unit_test(removing_an_entry_twice_does_nothing),
      cmocka_unit_test(readers_write_nothing),
      cmocka_unit_test(an_equal_key_as_value),
      cmocka_unit_test(only_adding_and_removing_keys_moves_others),
      cmocka_unit_test(hash_is_called_once_and_equal_seldom),
      cmocka_unit_test(hash_and_equal_may_change_the_table),
      cmocka_unit_test(callbacks_need_not_return),
      cmocka_unit_test(a_dying_table_is_empty),
      cmocka_unit_test(steal_all_keys_and_values),
      cmocka_unit_test(ptr_arrays_are_in_order),
      cmocka_unit_test(memory_follows_removals),
      cmocka_unit_test(what_a_walk_removes_goes_back),
      cmocka_unit_test(what_a_walk_leaves_moves_soon),
      cmocka_unit_test(taking_any_entry_is_linear),
      cmocka_unit_test(an_iterator_at_an_entry_that_is_being_freed),
      cmocka_unit_test(foreach_remove_frees_what_the_predicate_wrote),
      cmocka_unit_test(equal_may_overwrite_with_a_large_value),
      cmocka_unit_test(the_program_ends_in_glibs_words),
      cmocka_unit_test(HMAP_CHECK_finds_a_reader_beside_a_writer),
      cmocka_unit_test(seeds_come_with_the_first_entry),
      cmocka_unit_test(the_first_entry_does_not_make_a_set),
      cmocka_unit_test(a_small_table_grows_at_once),
      cmocka_unit_test(an_alarm_that_has_to_wait),
  };
  return cmocka_run_group_tests(tests, makePool, freePool);
}
