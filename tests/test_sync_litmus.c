/* test_sync_litmus.c: linearizability (W in hmap-sync.h) where only the processor's own orders are at stake, which stamps around
 * calls would change. Two keys, of one map or of two; each thread makes two calls; a few outcomes no order of the calls explains:
 *
 *   store buffering    A(x), load y  ||  B(y), load x                      both loads see the old state
 *   load buffering     load y, A(x)  ||  load x, B(y)                      both see the new one
 *   message passing    A(x), B(y)    ||  load y, load x                    y is new, and x then old
 *   IRIW               A(x)  ||  B(y)  ||  load x, load y  ||  load y, load x    each reader sees one new and the other then old
 *
 * for all pairs of calls A and B that write. (S. Adve, K. Gharachorloo, Shared memory consistency models, 1996; L. Maranget, S.
 * Sarkar, P. Sewell, A tutorial introduction to the ARM and POWER relaxed memory models, 2012.) The threads meet before each
 * round by spinning, so that they begin together.
 *
 * HMAP_TEST_ROUNDS says how many thousands of rounds for each test and kind of map. */
#include "sync_testing.h"

enum { maxThreads = 4 };

/* Calls that write. Each makes of a key that had the value before (0: was absent) one that has after. */
typedef struct writing {
  const char *name;
  uintptr_t before, after;
  void (*call)(hmap_sync *m, const void *key);
} writing;

static void doStore(hmap_sync *m, const void *key)
{
  MUST(hmap_sync_store(m, key, word(2)));
}
static void doSwap(hmap_sync *m, const void *key)
{
  MUST(hmap_sync_swap(m, key, word(2), NULL).outcome == HMAP_SYNC_FOUND);
}
static void doCompareAndSwap(hmap_sync *m, const void *key)
{
  MUST(hmap_sync_compare_and_swap(m, key, word(1), word(2)).outcome == HMAP_SYNC_FOUND);
}
static void doLoadOrStore(hmap_sync *m, const void *key)
{
  MUST(hmap_sync_load_or_store(m, key, word(2), NULL).outcome == HMAP_SYNC_ABSENT);
}
static void doDelete(hmap_sync *m, const void *key)
{
  MUST(hmap_sync_delete(m, key));
}
static void doCompareAndDelete(hmap_sync *m, const void *key)
{
  MUST(hmap_sync_compare_and_delete(m, key, word(1)));
}
static void doSteal(hmap_sync *m, const void *key)
{
  void *value;
  MUST(hmap_sync_steal(m, key, &value) && value == word(1));
}
static enum hmap_sync_action setTwo(bool found, void **value, void *arg)
{
  (void)found, (void)arg;
  *value = word(2);
  return HMAP_SYNC_SET;
}
static void doCompute(hmap_sync *m, const void *key)
{
  MUST(hmap_sync_compute(m, key, setTwo, NULL).outcome == HMAP_SYNC_FOUND);
}
static const writing writings[] = {
    {"Store", 1, 2, doStore},
    {"Store of a new key", 0, 2, doStore},
    {"Swap", 1, 2, doSwap},
    {"CompareAndSwap", 1, 2, doCompareAndSwap},
    {"LoadOrStore", 0, 2, doLoadOrStore},
    {"Delete", 1, 0, doDelete},
    {"CompareAndDelete", 1, 0, doCompareAndDelete},
    {"Steal", 1, 0, doSteal},
    {"Compute", 1, 2, doCompute},
};
enum { writingCnt = sizeof writings / sizeof *writings };

/* What the threads share in a round. */
static hmap_sync *maps_[2];
static const void *keys[2];
static const writing *calls[2];
static size_t gate[maxThreads][16]; /* atomic; each on lines of its own */
static unsigned nThreads;
static bool seen[maxThreads][2]; /* whether a thread's loads of x and y saw the new state */
static bool over;                /* atomic */
static void (*part)(unsigned number);

static void act(int k)
{
  calls[k]->call(maps_[k], keys[k]);
}
static void look(unsigned number, int k)
{
  void *value;
  bool there = hmap_sync_load(maps_[k], keys[k], &value);
  seen[number][k] = (there ? (uintptr_t)value : 0) == calls[k]->after;
}
static void storeBuffering(unsigned number)
{
  act((int)number);
  look(number, !number);
}
static void loadBuffering(unsigned number)
{
  look(number, !number);
  act((int)number);
}
static void messagePassing(unsigned number)
{
  if (number == 0) {
    act(0);
    act(1);
  } else {
    look(1, 1);
    look(1, 0);
  }
}
static void iriw(unsigned number)
{
  if (number < 2) {
    act((int)number);
  } else {
    look(number, number == 3);
    look(number, number == 2);
  }
}

/* How often a thread has had to give the processor up because another one was not on any; with so many more than rounds, the
 * machine is busy, and more rounds would hardly run at once. Some rounds in a row are alike, so that the processor learns their
 * way. */
enum { mostYields = 1000, alike = 16, fewestRounds = alike * writingCnt * writingCnt };
static size_t yields;

/* All threads have come as far as this. */
static void meet(unsigned number, size_t round)
{
  STORE_SEQ(&gate[number][0], round); /* it is there before the look at the others, or the last one to come would go on first */
  for (unsigned i = 0; i < nThreads; i++)
    for (unsigned tries = 1; LOAD(&gate[i][0]) < round; tries++)
      if (tries % 2000 == 0) {
        __atomic_fetch_add(&yields, 1, __ATOMIC_RELAXED);
        sched_yield();
      }
}
/* Brings a key into the state that its call expects. */
static void prepare(int k)
{
  if (calls[k]->before)
    MUST(hmap_sync_store(maps_[k], keys[k], word(calls[k]->before)));
  else
    hmap_sync_delete(maps_[k], keys[k]);
}
/* Plays a thread's part in a round, numbered from 0. First it writes its own key and looks at the other one: what both have in
 * their caches takes longest to write, and the longer a store waits the more can pass it. Then it waits a little, each time
 * another while, because threads that always meet alike would always miss alike. */
static void play(unsigned number, size_t round)
{
  if (number < 2)
    prepare((int)number);
  meet(number, 4 * round + 2);
  look(number, !(number & 1));
  meet(number, 4 * round + 3);
  for (size_t wait = (round * 2654435761u >> (number ? 7 : 13)) % 16; wait; wait--)
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
  part(number);
  meet(number, 4 * round + 4);
}
/* Threads that share a processor see each other's stores in order: each gets one of its own, as far as there are some. */
static cpu_set_t allowed; /* processors of this process */

static void stay(unsigned number)
{
  unsigned left = number % (unsigned)CPU_COUNT(&allowed), i = 0;
  while (!CPU_ISSET(i, &allowed) || left--)
    i++;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(i, &one);
  pthread_setaffinity_np(pthread_self(), sizeof one, &one);
}
static void *runPart(void *arg)
{
  const unsigned number = (unsigned)(uintptr_t)arg;
  stay(number);
  for (size_t round = 0;; round++) {
    meet(number, 4 * round + 1);
    if (LOAD(&over))
      return NULL;
    play(number, round);
  }
}
/* Runs all pairs of calls in turn. forbidden looks at seen. */
static void litmus(unsigned threads, void (*p)(unsigned), bool (*forbidden)(void), size_t rounds)
{
  pthread_t ids[maxThreads];
  nThreads = threads;
  part = p;
  memset(gate, 0, sizeof gate);
  STORE(&over, false);
  STORE(&yields, 0);
  stay(0);
  for (uintptr_t i = 1; i < threads; i++)
    assert_int_equal(pthread_create(&ids[i], NULL, runPart, word(i)), 0);
  const writing *bad = NULL, *badToo = NULL;
  size_t n;
  for (n = 0; n < rounds && !bad && (n < fewestRounds || LOAD(&yields) < mostYields + n); n++) {
    calls[0] = &writings[n / alike % writingCnt];
    calls[1] = &writings[n / alike / writingCnt % writingCnt];
    meet(0, 4 * n + 1);
    play(0, n);
    if (forbidden())
      bad = calls[0], badToo = calls[1];
  }
  STORE(&over, true);
  STORE(&gate[0][0], SIZE_MAX);
  for (unsigned i = 1; i < threads; i++)
    pthread_join(ids[i], NULL);
  if (n < rounds && !bad)
    print_message("the machine is busy: %zu rounds instead of %zu\n", n, rounds);
  if (bad)
    fail_msg("no order of the calls explains what was seen with %s and %s in round %zu", bad->name, badToo->name, n);
}

static bool bothOld(void)
{
  return !seen[0][1] && !seen[1][0];
}
static bool bothNew(void)
{
  return seen[0][1] && seen[1][0];
}
static bool newThenOld(void)
{
  return seen[1][1] && !seen[1][0];
}
static bool disagree(void)
{
  return seen[2][0] && !seen[2][1] && seen[3][1] && !seen[3][0];
}

static size_t rounds(void)
{
  const char *text = getenv("HMAP_TEST_ROUNDS");
  return text ? 1000 * strtoul(text, NULL, 0) : times(20000);
}
static void ignoreValue(void *value)
{
  (void)value;
}
static void overMaps(unsigned threads, void (*p)(unsigned), bool (*forbidden)(void))
{
  static const uint64_t words[] = {1, 77777};
  static const char *const texts[] = {"the first", "another key, longer than the first"};
  const hmap_sync_type types[] = {{.key_size = 8}, {.kind = HMAP_STRING}, {.key_size = 8, .destroy = ignoreValue}};
  const size_t n = threads > 2 ? rounds() / 10 : rounds(); /* four threads are rarely on a processor at once */
  for (unsigned i = 0; i < 6; i++) {
    maps_[0] = maps_[1] = makeMap(types[i / 2]);
    if (i % 2)
      maps_[1] = makeMap(types[i / 2]);
    for (int k = 0; k < 2; k++)
      keys[k] = types[i / 2].kind == HMAP_STRING ? (const void *)texts[k] : &words[k];
    litmus(threads, p, forbidden, n);
    if (i % 2)
      hmap_sync_free(maps_[1]);
    hmap_sync_free(maps_[0]);
    settle();
  }
}
static void test_W_store_buffering(void **state)
{
  (void)state;
  overMaps(2, storeBuffering, bothOld);
}
static void test_W_load_buffering(void **state)
{
  (void)state;
  overMaps(2, loadBuffering, bothNew);
}
static void test_W_message_passing(void **state)
{
  (void)state;
  overMaps(2, messagePassing, newThenOld);
}
static void test_W_independent_reads_of_independent_writes(void **state)
{
  (void)state;
  overMaps(4, iriw, disagree);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_W_store_buffering),
      TEST(test_W_load_buffering),
      TEST(test_W_message_passing),
      TEST(test_W_independent_reads_of_independent_writes),
  };
  MUST(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
