/* test_sync_linear.c: linearizability (W, C in hmap-sync.h). Two to four threads make a few calls each on three keys, while the
 * map moves from array to array; each call's beginning and end are stamped. Then a search looks for an order of all calls that a
 * map used by a single thread could have had, and in which no call stands before one that had returned when it began. Delays at
 * the awkward places of the source make rare meetings common. tests/sync-seeded.sh shows that mistakes are found.
 *
 * HMAP_TEST_HISTORIES says how many histories to try. */
static void delay(void);
#define HMAP_SYNC_POINT() delay()
#include "sync_testing.h"

enum { maxThreads = 4, callsEach = 4, maxCalls = maxThreads * callsEach, nKeys = 3 };

typedef struct call {
  enum {
    doLoad,
    doStore,
    doSwap,
    doLoadOrStore,
    doLoadAndDelete,
    doCompareAndSwap,
    doCompareAndDelete,
    doClear,
    doResize,
    kinds
  } kind;
  int key;
  uintptr_t old, value; /* arguments */
  int result;           /* what was returned, and the value that came with it */
  uintptr_t got;
  size_t begin, end; /* stamps */
} call;
static const char *const names[] = {
    "Load", "Store", "Swap", "LoadOrStore", "LoadAndDelete", "CompareAndSwap", "CompareAndDelete", "Clear", "(resize)"};

/* A history: what the threads share. */
static hmap_sync *map;
static uint64_t keys[nKeys];
static call calls[maxCalls];
static unsigned nThreads, nCalls;
static uintptr_t initial[nKeys]; /* values before the first call; 0: absent */
static size_t stamp, historySeed;
static pthread_barrier_t ready, done;

static __thread uint64_t chance;

static void delay(void)
{
  uint64_t x = nextRandom(&chance);
  if (x % 8 == 0)
    for (volatile unsigned i = x >> 8 & 255; i; i--)
      ;
  if (x % 61 == 0)
    sched_yield();
}

/* Begins to move the map to an array of another size, as resizeIfDue does. */
static void resizeTo(hmap_sync *m, size_t buckets)
{
  reader *r = openWrite();
  array *a = LOAD(&m->table);
  if (!LOAD(&a->next))
    startGrowth(a, buckets);
  closeWrite(r);
}

static int perform(call *c)
{
  const uint64_t *key = &keys[c->key];
  void *got = NULL;
  int result = 0;
  switch (c->kind) {
  case doLoad:
    result = hmap_sync_load(map, key, &got);
    break;
  case doStore:
    result = hmap_sync_store(map, key, word(c->value));
    break;
  case doSwap:
    result = hmap_sync_swap(map, key, word(c->value), &got).outcome;
    break;
  case doLoadOrStore:
    result = hmap_sync_load_or_store(map, key, word(c->value), &got).outcome;
    break;
  case doLoadAndDelete:
    result = hmap_sync_load_and_delete(map, key, &got);
    break;
  case doCompareAndSwap:
    result = hmap_sync_compare_and_swap(map, key, word(c->old), word(c->value)).outcome;
    break;
  case doCompareAndDelete:
    result = hmap_sync_compare_and_delete(map, key, word(c->old));
    break;
  case doClear:
    result = hmap_sync_clear(map);
    break;
  default:
    resizeTo(map, (size_t)minBuckets << c->value % 3);
  }
  c->got = (uintptr_t)got;
  return result;
}

/* Applies a call to the map of a single thread. Returns whether that would have returned the same. */
static bool agrees(const call *c, uintptr_t state[nKeys])
{
  uintptr_t *v = &state[c->key], before = *v;
  switch (c->kind) {
  case doLoad:
    return c->result == (before != 0) && c->got == before;
  case doStore:
    *v = c->value;
    return c->result;
  case doSwap:
    *v = c->value;
    return c->result == (before != 0) && c->got == before;
  case doLoadOrStore:
    *v = before ? before : c->value;
    return c->result == (before != 0) && c->got == *v;
  case doLoadAndDelete:
    *v = 0;
    return c->result == (before != 0) && c->got == before;
  case doCompareAndSwap:
    *v = before == c->old ? c->value : before;
    return c->result == (before == c->old);
  case doCompareAndDelete:
    *v = before == c->old ? 0 : before;
    return c->result == (before == c->old);
  case doClear:
    memset(state, 0, nKeys * sizeof *state);
    return c->result;
  default:
    return true;
  }
}

/* The search. States that it has been to in vain are remembered: the calls that are done, and the values. */
typedef struct searched {
  size_t history;
  unsigned doneCalls;
  uintptr_t state[nKeys];
} searched;
static searched memo[1 << 14];

static bool beenThere(unsigned doneCalls, const uintptr_t state[nKeys])
{
  size_t h = doneCalls;
  for (int k = 0; k < nKeys; k++)
    h = (h ^ state[k]) * 0x9e3779b97f4a7c15 >> 7;
  searched *s = &memo[h % (sizeof memo / sizeof *memo)];
  if (s->history == historySeed && s->doneCalls == doneCalls && memcmp(s->state, state, sizeof s->state) == 0)
    return true;
  s->history = historySeed;
  s->doneCalls = doneCalls;
  memcpy(s->state, state, sizeof s->state);
  return false;
}
static bool mayBeNext(unsigned i, unsigned doneCalls)
{
  for (unsigned j = 0; j < nCalls; j++)
    if (!(doneCalls >> j & 1) && calls[j].end < calls[i].begin)
      return false;
  return true;
}
static bool linearizable(unsigned doneCalls, const uintptr_t state[nKeys])
{
  if (doneCalls == (1u << nCalls) - 1)
    return true;
  if (beenThere(doneCalls, state))
    return false;
  for (unsigned i = 0; i < nCalls; i++) {
    uintptr_t after[nKeys];
    memcpy(after, state, sizeof after);
    if (!(doneCalls >> i & 1) && mayBeNext(i, doneCalls) && agrees(&calls[i], after) && linearizable(doneCalls | 1u << i, after))
      return true;
  }
  return false;
}
static void printHistory(void)
{
  for (int k = 0; k < nKeys; k++)
    print_message("# key %d: %zu\n", k, (size_t)initial[k]);
  for (unsigned i = 0; i < nCalls; i++)
    print_message("# thread %u, %zu to %zu: %s key %d old %zu value %zu: %d, %zu\n", i / callsEach, calls[i].begin, calls[i].end,
                  names[calls[i].kind], calls[i].key, (size_t)calls[i].old, (size_t)calls[i].value, calls[i].result,
                  (size_t)calls[i].got);
}

static void *thread(void *number)
{
  for (;;) {
    pthread_barrier_wait(&ready);
    if (!map)
      return NULL;
    chance = historySeed * maxThreads + (uintptr_t)number;
    for (unsigned i = 0; i < callsEach; i++) {
      call *c = &calls[(uintptr_t)number * callsEach + i];
      c->begin = __atomic_fetch_add(&stamp, 1, __ATOMIC_SEQ_CST);
      c->result = perform(c);
      c->end = __atomic_fetch_add(&stamp, 1, __ATOMIC_SEQ_CST);
    }
    pthread_barrier_wait(&done);
  }
}

/* Plans a history: more loads and stores than others, few Clears. */
static void plan(void)
{
  for (unsigned i = 0; i < nCalls; i++) {
    unsigned r = (unsigned)randomBelow(40);
    calls[i] = (call){.key = (int)randomBelow(nKeys), .value = i + 1, .old = randomBelow(2) ? randomBelow(nCalls) + 1 : 100};
    calls[i].kind = r < 10 ? doLoad : r < 36 ? r % 7 + doStore - (r % 7 + doStore == doClear) : r < 37 ? doClear : doResize;
  }
  for (int k = 0; k < nKeys; k++) {
    initial[k] = randomBelow(2) ? 100 : 0;
    if (initial[k])
      put(map, keys[k], initial[k]);
    else
      cut(map, keys[k]);
  }
}
/* Two keys that meet in every array and have one tophash, and one that meets them in the smallest. */
static void chooseKeys(void)
{
  const uint64_t masks[nKeys] = {0xff000000000000ff, 0xff000000000000ff, minBuckets - 1};
  uint64_t x = 0;
  for (int k = 0; k < nKeys; k++) {
    do
      x++;
    while ((memhash64(x, &map->seed) ^ memhash64(1, &map->seed)) & masks[k]);
    keys[k] = x;
  }
}

static void tryHistories(unsigned threads, hmap_sync_type type, size_t n)
{
  pthread_t ids[maxThreads];
  map = makeMap(type);
  chooseKeys();
  nThreads = threads;
  nCalls = threads * callsEach;
  pthread_barrier_init(&ready, NULL, threads + 1);
  pthread_barrier_init(&done, NULL, threads + 1);
  for (uintptr_t i = 0; i < threads; i++)
    assert_int_equal(pthread_create(&ids[i], NULL, thread, word(i)), 0);
  bool good = true;
  for (size_t i = 0; good && i < n; i++) {
    historySeed++;
    stamp = 0;
    plan();
    pthread_barrier_wait(&ready);
    pthread_barrier_wait(&done);
    good = linearizable(0, initial);
  }
  hmap_sync *m = map;
  map = NULL;
  pthread_barrier_wait(&ready);
  for (unsigned i = 0; i < threads; i++)
    pthread_join(ids[i], NULL);
  pthread_barrier_destroy(&ready);
  pthread_barrier_destroy(&done);
  if (!good) {
    printHistory();
    fail_msg("this history is not linearizable");
  }
  hmap_sync_free(m);
  settle();
}
static size_t histories(void)
{
  const char *text = getenv("HMAP_TEST_HISTORIES");
  return (text ? strtoul(text, NULL, 0) : times(120000)) / 6;
}
static void ignoreValue(void *value)
{
  (void)value;
}
static void test_W_values_set_in_place(void **state)
{
  (void)state;
  for (unsigned threads = 2; threads <= maxThreads; threads++)
    tryHistories(threads, (hmap_sync_type){.key_size = 8}, histories());
}
static void test_W_values_that_are_destroyed(void **state)
{
  (void)state;
  for (unsigned threads = 2; threads <= maxThreads; threads++)
    tryHistories(threads, (hmap_sync_type){.key_size = 8, .destroy = ignoreValue}, histories());
}

/* The checker itself, on histories that are known. */
static bool judge(unsigned n, const call *history)
{
  const uintptr_t nothing[nKeys] = {0};
  nCalls = n;
  historySeed++;
  memcpy(calls, history, n * sizeof *calls);
  return linearizable(0, nothing);
}
static void test_the_checker(void **state)
{
  (void)state;
  const call store = {.kind = doStore, .value = 1, .result = 1, .begin = 0, .end = 5};
  const call found = {.kind = doLoad, .result = 1, .got = 1, .begin = 1, .end = 2},
             absent = {.kind = doLoad, .begin = 3, .end = 4};
  const call late = {.kind = doLoad, .begin = 6, .end = 7}, early = {.kind = doLoad, .begin = 0, .end = 0};
  const call other = {.kind = doLoad, .key = 1, .result = 1, .got = 1, .begin = 1, .end = 2};
  assert_true(judge(2, (call[]){store, found}));
  assert_true(judge(3, (call[]){store, found, early}));
  assert_false(judge(3, (call[]){store, found, absent})); /* seen, and then not */
  assert_false(judge(2, (call[]){store, late}));          /* returned, and then not there */
  assert_false(judge(2, (call[]){store, other}));         /* another key */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_the_checker),
      TEST(test_W_values_set_in_place),
      TEST(test_W_values_that_are_destroyed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
