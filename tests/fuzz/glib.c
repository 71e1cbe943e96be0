/* glib.c: libhmap-glib's GHashTable and GLib's in one process, asked the same: what they return, keep, free and complain about.
 * Destroy functions call back, iterators are copied and abandoned. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <glib.h>
#include <stdbool.h>

/* GLib's own functions, which this program's hide. */
#define EACH_FUNCTION(X)                                                                                                        \
  X(new_full)                                                                                                                   \
  X(destroy) X(insert) X(replace) X(add) X(remove) X(steal) X(steal_extended) X(lookup_extended) X(contains) X(size) X(foreach) \
      X(foreach_remove) X(foreach_steal) X(remove_all) X(steal_all) X(find) X(get_keys) X(get_values) X(iter_init) X(iter_next) \
          X(iter_remove) X(iter_replace) X(iter_steal)

#include "../../compat/ghash.c"
#include "fuzz.h"

typedef struct functions {
#define MEMBER(f) __typeof__(g_hash_table_##f) *f;
  EACH_FUNCTION(MEMBER)
} functions;

enum { nKeys = 300 };
typedef struct side {
  functions f;
  GHashTable *t;
  guint keys, values, criticals, calls; /* freed, said, called back */
  guintptr sum;                         /* of what was freed, and of what a walk came to */
} side;
static side sides[2], *now; /* ours, GLib's; and whose turn it is */
static guint kind, callback, callbackKey;
static union {
  char text[24];
  guint64 word;
  gdouble real;
} room[2][nKeys];
static gpointer keys[2][nKeys];

static void onMessage(const gchar *domain, GLogLevelFlags level, const gchar *text, gpointer data)
{
  (void)domain, (void)level, (void)text, (void)data;
  now->criticals++;
}

/* What a destroy function does to the table that called it, once an operation. */
static void callBack(void)
{
  const guint what = callback, k = callbackKey;
  gpointer key, value;
  if (!what || !now->t)
    return;
  callback = 0;
  now->calls++;
  if (what == 1)
    now->sum += now->f.lookup_extended(now->t, keys[1][k], &key, &value) ? 7 * (guintptr)value : 1;
  else if (what == 2)
    now->sum += (guintptr)now->f.insert(now->t, keys[0][k], GUINT_TO_POINTER(k));
  else
    now->sum += (guintptr)now->f.remove(now->t, keys[1][k]);
}
static void freeKey(gpointer key)
{
  now->keys++;
  now->sum += 3 * (guintptr)key;
  callBack();
}
static void freeValue(gpointer value)
{
  now->values++;
  now->sum += 5 * (guintptr)value;
  callBack();
}

static guint poorHash(gconstpointer key)
{
  return *(const guint *)key % 16 << 4;
}
static gboolean poorEqual(gconstpointer a, gconstpointer b)
{
  return *(const guint *)a == *(const guint *)b;
}
static const struct {
  GHashFunc hash;
  GEqualFunc equal;
} kinds[] = {
    {NULL, NULL},
    {g_str_hash, g_str_equal},
    {g_int_hash, g_int_equal},
    {g_int64_hash, g_int64_equal},
    {g_double_hash, g_double_equal},
    {poorHash, poorEqual},
};
enum { nKinds = sizeof kinds / sizeof *kinds };

static void makeKeys(bool large)
{
  for (guint twin = 0; twin < 2; twin++)
    for (guint i = 0; i < nKeys; i++) {
      keys[twin][i] = &room[twin][i];
      memset(&room[twin][i], 0, sizeof room[twin][i]);
      if (kind == kindDirect)
        keys[twin][i] = (gpointer)((guintptr)i << (large && i % 3 == 0 ? sizeof(gpointer) * 8 - 20 : 0) | (i + 1));
      else if (kind == kindStr)
        snprintf(room[twin][i].text, sizeof room[twin][i].text, "%.*s%u", (int)(i % 15), "some key or oth", i);
      else if (kind == kindDouble)
        room[twin][i].real = i / 8.0;
      else
        room[twin][i].word = i;
    }
}
static gpointer valueOf(guint k, guint how)
{
  return how == 0 ? keys[0][k] : (gpointer)((guintptr)k + (how == 2 ? (guintptr)1 << (sizeof(gpointer) * 8 - 9) : 500));
}

static void note(gpointer key, gpointer value, gpointer data)
{
  *(guintptr *)data += ((guintptr)key ^ 0x55) * 31 + (guintptr)value * 17 + 1;
}
static gboolean chosen(gpointer key, gpointer value, gpointer mask)
{
  guint number = kind == kindDirect ? GPOINTER_TO_UINT(key) : kind == kindStr ? (guint)strlen(key) : *(const guint *)key;
  (void)value;
  return (number & 7) == GPOINTER_TO_UINT(mask);
}

/* One operation for one side. Returns something of its result. */
static guintptr oneKey(guint op, guint k, guint how)
{
  gpointer key = NULL, value = NULL;
  switch (op) {
  case 0:
    return (guintptr)now->f.insert(now->t, keys[how & 1][k], valueOf(k, how % 3));
  case 1:
    return (guintptr)now->f.replace(now->t, keys[how & 1][k], valueOf(k, how % 3));
  case 2:
    return (guintptr)now->f.add(now->t, keys[how & 1][k]);
  case 3:
    return (guintptr)now->f.remove(now->t, keys[how & 1][k]);
  case 4:
    return (guintptr)now->f.steal(now->t, keys[how & 1][k]);
  case 5:
    return now->f.steal_extended(now->t, keys[1][k], &key, &value) + 3 * (guintptr)key + 5 * (guintptr)value;
  case 6:
    return now->f.lookup_extended(now->t, keys[1][k], &key, &value) + 3 * (guintptr)key + 5 * (guintptr)value;
  default:
    return (guintptr)now->f.contains(now->t, keys[1][k]);
  }
}
static guintptr allKeys(guint op, guint how)
{
  guintptr sum = 0;
  switch (op) {
  case 0:
    return now->f.foreach_remove(now->t, chosen, GUINT_TO_POINTER(how & 7));
  case 1:
    return now->f.foreach_steal(now->t, chosen, GUINT_TO_POINTER(how & 7));
  case 2:
    now->f.remove_all(now->t);
    return 0;
  case 3:
    now->f.steal_all(now->t);
    return 0;
  case 4: {
    GList *k = now->f.get_keys(now->t), *v = now->f.get_values(now->t), *a = k, *b = v;
    for (; a && b; a = a->next, b = b->next)
      note(a->data, b->data, &sum);
    REQUIRE(!a && !b);
    g_list_free(k);
    g_list_free(v);
    return sum;
  }
  default:
    now->f.foreach (now->t, note, &sum);
    return sum;
  }
}
/* Goes with an iterator, and from the middle on with its copy, to a key; does something there; and an operation later asks for
 * the next one, if then it is known whether there is one. */
static guintptr walkTo(guint k, guint act, guint op, guint how)
{
  GHashTableIter one, other, *iter = &one;
  gpointer key, value;
  guintptr result = 0, found = 0;
  now->f.iter_init(&one, now->t);
  for (guint n = 0; now->f.iter_next(iter, &key, &value); n++) {
    if (n == how % 8) {
      other = one;
      iter = &other;
    }
    if (kind == kindStr     ? strcmp(key, keys[0][k]) == 0
        : kinds[kind].equal ? kinds[kind].equal(key, keys[0][k])
                            : key == keys[0][k]) {
      found = 1;
      break;
    }
  }
  if (!found)
    return 0;
  result = 3 * (guintptr)key + 5 * (guintptr)value + 1;
  if (act == 0)
    now->f.iter_remove(iter);
  else if (act == 1)
    now->f.iter_steal(iter);
  else if (act == 2)
    now->f.iter_replace(iter, valueOf(k, how % 3));
  guint size = now->f.size(now->t);
  result += oneKey(op, (k + how) % nKeys, how);
  if (size != now->f.size(now->t))
    result += now->f.iter_next(iter, &key, &value) ? 1000 : 0; /* over, and says so */
  return result;
}

/* The same for both, and what they say, do and free is the same. */
#define BOTH(expression)                                                           \
  do {                                                                             \
    guintptr results_[2];                                                          \
    const guint callback_ = callback;                                              \
    for (unsigned i_ = 0; i_ < 2; i_++) {                                          \
      now = &sides[i_];                                                            \
      callback = callback_;                                                        \
      now->keys = now->values = now->criticals = now->calls = 0, now->sum = 0;     \
      results_[i_] = (guintptr)(expression);                                       \
    }                                                                              \
    callback = 0;                                                                  \
    REQUIRE(results_[0] == results_[1]);                                           \
    REQUIRE(sides[0].keys == sides[1].keys && sides[0].values == sides[1].values); \
    REQUIRE(sides[0].sum == sides[1].sum && sides[0].calls == sides[1].calls);     \
    REQUIRE(sides[0].criticals == sides[1].criticals);                             \
    input.operations++;                                                            \
  } while (0)

static void alarmNow(hmap *h)
{
  if (h->count == 0 || !h->t->rehash || flagsOf(h) & hashSip)
    return;
  setFlags(h, flagsOf(h) | hashAlarm);
  h->easy = 0;
  formatsChanged(h);
}

static void operate(void)
{
  guint op = byte(), k = (byte() | (op & 0x80) << 1) % nKeys, how = byte(), n = 1;
  switch (op & 15) {
  case 0:
  case 1:
    for (n += how & 63; n--; k = (k + 1) % nKeys)
      BOTH(oneKey((op & 15) == 0 ? op >> 4 & 1 : 2, k, how));
    break;
  case 2:
    for (n += how & 63; n--; k = (k + 1) % nKeys)
      BOTH(oneKey(3 + (op >> 4 & 1), k, how));
    break;
  case 3: /* with a function that calls back */
    callback = 1 + how % 3;
    callbackKey = (k + (op >> 4)) % nKeys;
    BOTH(oneKey(how >> 2 & 3, k, how >> 4));
    break;
  case 4:
    BOTH(allKeys(op >> 4 & 1, how));
    break;
  case 5:
    callback = op & 32 ? 2 : 0;
    callbackKey = k;
    BOTH(allKeys(2 + (op >> 4 & 1), how));
    break;
  case 6:
    BOTH(allKeys(4 + (op >> 4 & 1), how));
    break;
  case 7:
    alarmNow(&sides[0].t->h);
    break;
  case 8:
  case 9:
  case 10:
    BOTH(walkTo(k, op >> 4 & 3, how & 7, how >> 3));
    break;
  default:
    BOTH(oneKey(op >> 4 & 7, k, how));
  }
  BOTH(now->f.size(now->t));
  const char *broken = mapcheck(&sides[0].t->h);
  if (broken)
    fprintf(stderr, "mapcheck: %s\n", broken);
  REQUIRE(!broken);
}

static void begin(void)
{
  void *libglib = dlopen("libglib-2.0.so.0", RTLD_LAZY | RTLD_NOLOAD);
  REQUIRE(libglib);
#define OURS(name) sides[0].f.name = g_hash_table_##name;
#define GLIBS_OWN(name) REQUIRE((*(void **)&sides[1].f.name = dlsym(libglib, "g_hash_table_" #name)));
  EACH_FUNCTION(OURS)
  EACH_FUNCTION(GLIBS_OWN)
  REQUIRE(sides[0].f.insert != sides[1].f.insert);
  g_log_set_default_handler(onMessage, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (!sides[0].f.size)
    begin();
  newSeed(); /* then the same seeds for the same input */
  seeds.counter = 0;
  startStream();
  readInput(data, size);
  guint how = byte();
  kind = (how & 7) % nKinds;
  makeKeys(how & 8);
  for (unsigned i = 0; i < 2; i++)
    sides[i].t = sides[i].f.new_full(kinds[kind].hash, kinds[kind].equal, how & 16 ? freeKey : NULL, how & 32 ? freeValue : NULL);
  while (more())
    operate();
  for (guint k = 0; k < nKeys; k++)
    BOTH(oneKey(6, k, 0));
  BOTH((now->f.destroy(now->t), now->t = NULL, 0));
  return 0;
}
