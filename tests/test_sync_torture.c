/* test_sync_torture.c: everything at once. Writers store, replace and delete values that know their key, the map grows, shrinks
 * and is cleared all the time, readers look whether each value that they find is whole and belongs to its key (B, D in
 * hmap-sync.h), walkers whether each key comes once (G), threads come and go, and the process forks. In the end each value has
 * been destroyed once.
 *
 * HMAP_TEST_ROUNDS says how long; make torture-sync takes minutes. */
static void delay(void);
#define HMAP_SYNC_POINT() delay()
#include "sync_testing.h"

enum { nKeys = 600, nThreads = 4, callsEach = 12000 };

/* A value. */
typedef struct object {
  uint64_t key, complement;
  enum { whole = 0x600d, gone = 0xdead } state;
} object;
static size_t made, destroyed; /* atomic */
static hmap_sync *map;
static bool strings;
static size_t round_;

static __thread uint64_t chance;
static void delay(void)
{
  if (nextRandom(&chance) % 997 == 0)
    sched_yield();
}

static object *makeObject(uint64_t key)
{
  object *o = malloc(sizeof *o);
  MUST(o);
  *o = (object){key, ~key, whole};
  ADD(made, 1);
  return o;
}
static void destroyObject(void *value)
{
  object *o = value;
  MUST(o->state == whole && o->complement == ~o->key);
  o->state = gone;
  free(o);
  ADD(destroyed, 1);
}
/* For objects that were never stored. */
static void unmake(object *o)
{
  ADD(made, (size_t)-1);
  free(o);
}
static void look(const object *o, uint64_t key)
{
  MUST(o->state == whole && o->key == key && o->complement == ~key);
}

/* A key, in the form of the map of this round. */
typedef struct keyForm {
  uint64_t number;
  char text[32];
} keyForm;
static const void *formOf(keyForm *k, uint64_t number)
{
  k->number = number;
  if (!strings)
    return &k->number;
  snprintf(k->text, sizeof k->text, "key number %" PRIu64, number);
  return k->text;
}
static uint64_t numberOf(const void *key)
{
  return strings ? strtoull((const char *)key + strlen("key number "), NULL, 10) : read64(key);
}

typedef struct seenKeys {
  unsigned char count[nKeys];
} seenKeys;
static bool note(const void *key, void *value, void *arg)
{
  uint64_t n = numberOf(key);
  look(value, n);
  MUST(n < nKeys && ++((seenKeys *)arg)->count[n] == 1);
  return true;
}
static void walkAll(void)
{
  seenKeys seen = {{0}};
  MUST(hmap_sync_range(map, note, &seen));
}

static void writeOne(uint64_t r, uint64_t number)
{
  keyForm k;
  const void *key = formOf(&k, number);
  void *found = NULL;
  object *o = makeObject(number);
  switch (r % 8) {
  case 0:
  case 1:
    MUST(hmap_sync_store(map, key, o));
    return;
  case 2:
    if (hmap_sync_swap(map, key, o, &found).outcome)
      look(found, number);
    return;
  case 3:
    if (hmap_sync_load_or_store(map, key, o, &found).outcome == 0)
      return;
    look(found, number);
    break;
  case 4:
    if (hmap_sync_load(map, key, &found) && hmap_sync_compare_and_swap(map, key, found, o).outcome)
      return;
    break;
  case 5:
    if (hmap_sync_load(map, key, &found))
      hmap_sync_compare_and_delete(map, key, found);
    break;
  default:
    if (hmap_sync_load_and_delete(map, key, &found))
      look(found, number);
  }
  unmake(o);
}
static void readOne(uint64_t number)
{
  keyForm k;
  void *found;
  if (hmap_sync_load(map, formOf(&k, number), &found))
    look(found, number);
}
/* Which keys are in use changes, so that the map grows and shrinks. */
static uint64_t someKey(uint64_t r, size_t i)
{
  return i / 3000 % 2 ? r % nKeys : r % 40;
}
static void *work(void *number)
{
  chance = round_ * nThreads + (uintptr_t)number;
  bool writes = (uintptr_t)number % 2;
  for (size_t i = 0; i < callsEach; i++) {
    uint64_t r = nextRandom(&chance);
    hmap_sync_read_lock(); /* what is found may be looked at until the end of it */
    if (r >> 32 & 1 && writes)
      writeOne(r >> 33, someKey(r & 0xffff, i));
    else
      readOne(someKey(r & 0xffff, i));
    if (r >> 40 == 0 || (i % 4000 == 1999 && writes))
      MUST(hmap_sync_clear(map));
    if (i % 2500 == 0)
      walkAll();
    hmap_sync_read_unlock();
  }
  return NULL;
}

/* Threads and fork do not go together under the thread sanitizer, nor under gcc 12's address sanitizer: its malloc leaves the
 * child whatever locks other threads held. */
#if !defined __SANITIZE_THREAD__ && !defined __SANITIZE_ADDRESS__
static bool countOne(const void *key, void *value, void *arg)
{
  look(value, numberOf(key));
  ++*(size_t *)arg;
  return true;
}
/* In the child there is only this thread: what can be found is destroyed, once, when the map goes. */
static void checkChild(void)
{
  size_t live = 0;
  for (uint64_t n = 0; n < nKeys; n++) {
    hmap_sync_read_lock();
    writeOne(n, n);
    hmap_sync_read_unlock();
  }
  hmap_sync_barrier();
  MUST(hmap_sync_range(map, countOne, &live) && live == hmap_sync_len(map));
  size_t before = destroyed;
  hmap_sync_free(map);
  hmap_sync_barrier();
  MUST(destroyed - before == live);
}
static void forkNow(void)
{
  int status;
  hmap_sync_before_fork();
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    hmap_sync_after_fork_child();
    checkChild();
    _exit(0);
  }
  hmap_sync_after_fork_parent();
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
}
#else
static void forkNow(void)
{
}
#endif

static void oneRound(hmap_sync_type type)
{
  pthread_t threads[nThreads];
  made = destroyed = 0;
  type.destroy = destroyObject;
  strings = type.kind == HMAP_STRING;
  map = makeMap(type);
  round_++;
  for (uintptr_t i = 0; i < nThreads; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, work, word(i)), 0);
  for (int i = 0; i < 3; i++)
    forkNow();
  for (unsigned i = 0; i < nThreads; i++)
    pthread_join(threads[i], NULL);
  assertSound(map);
  hmap_sync_barrier();
  assert_int_equal(__atomic_load_n(&made, __ATOMIC_RELAXED) - destroyed, hmap_sync_len(map));
  hmap_sync_free(map);
  settle();
  assert_int_equal(made, destroyed);
  assert_true(quick() || made > callsEach / 4);
}
static size_t rounds(void)
{
  const char *text = getenv("HMAP_TEST_ROUNDS");
  return text ? strtoul(text, NULL, 0) : times(30);
}
static void test_words(void **state)
{
  (void)state;
  for (size_t i = 0; i < rounds(); i++)
    oneRound((hmap_sync_type){.key_size = 8});
}
static void test_strings(void **state)
{
  (void)state;
  for (size_t i = 0; i < rounds(); i++)
    oneRound((hmap_sync_type){.kind = HMAP_STRING});
}
static uint64_t fewHashes(const void *key, const hmap_seed *seed)
{
  (void)seed;
  return read64(key) % 5;
}
static void test_few_hashes(void **state)
{
  (void)state;
  for (size_t i = 0; i < rounds(); i++)
    oneRound((hmap_sync_type){.key_size = 8, .hash = fewHashes, .equal = equalWords});
}

/* L: of a map that never holds more than one key, no thread sees a length that it never had. */
static size_t storing; /* atomic */
static void *storeOne(void *number)
{
  chance = (uintptr_t)number;
  for (size_t i = 0; i < times(200000); i++)
    put(map, 1, 1);
  ADD(storing, (size_t)-1);
  return NULL;
}
static void *deleteOne(void *number)
{
  chance = (uintptr_t)number;
  while (LOAD(&storing)) {
    cut(map, 1);
    MUST(hmap_sync_len(map) <= 1);
  }
  return NULL;
}
static void test_len(void **state)
{
  (void)state;
  pthread_t threads[4];
  map = makeWords();
  storing = 2;
  for (uintptr_t i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, i % 2 ? storeOne : deleteOne, word(i)), 0);
  for (unsigned i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  hmap_sync_free(map);
  settle();
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_words),
      TEST(test_strings),
      TEST(test_few_hashes),
      TEST(test_len),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
