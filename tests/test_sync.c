/* test_sync.c: the concurrent map's functions one by one: every return value that hmap-sync.h names, and its guarantees as far as
 * they can be told with few threads. Tests of a guarantee have its letter in front. */
#include "sync_testing.h"

/* Values that count: how often each was retained and destroyed. */
enum { maxValues = 4000 };
static int retained[maxValues], destroyed[maxValues];

static void retainValue(void *value)
{
  ADD(retained[(uintptr_t)value], 1);
}
static void destroyValue(void *value)
{
  ADD(destroyed[(uintptr_t)value], 1);
}
static int startCounting(void **state)
{
  memset(retained, 0, sizeof retained);
  memset(destroyed, 0, sizeof destroyed);
  return startTest(state);
}
#define COUNTING_TEST(f) cmocka_unit_test_setup(f, startCounting)

static hmap_sync *makeCounting(void)
{
  return makeMap((hmap_sync_type){.key_size = 8, .retain = retainValue, .destroy = destroyValue});
}
/* Of the values from 1 below n, each has been destroyed once. */
static void assertDestroyedOnce(int n)
{
  for (int i = 1; i < n; i++)
    assert_int_equal(destroyed[i], 1);
}

static void test_make_refuses(void **state)
{
  (void)state;
  const hmap_sync_type bad[] = {
      {.key_size = 0},
      {.key_size = (1 << 20) + 1},
      {.kind = HMAP_STRING, .key_size = 8},
      {.key_size = 8, .equal = equalWords},
      {.kind = (enum hmap_kind)7, .key_size = 8},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    errno = 0;
    assert_null(hmap_sync_make(&bad[i]));
    assert_int_equal(errno, EINVAL);
  }
  errno = 0;
  assert_null(hmap_sync_make(NULL));
  assert_int_equal(errno, EINVAL);
  hmap_sync_free(NULL);
  settle();
}

static void test_functions_of_a_map(void **state)
{
  (void)state;
  hmap_sync *m = makeWords();
  uint64_t key = 5, other = 6;
  void *v = word(77);
  assert_false(hmap_sync_load(m, &key, &v));
  assert_false(hmap_sync_load_and_delete(m, &key, &v));
  assert_false(hmap_sync_delete(m, &key));
  assert_int_equal(hmap_sync_compare_and_swap(m, &key, NULL, word(1)).outcome, 0);
  assert_false(hmap_sync_compare_and_delete(m, &key, NULL));
  assert_int_equal(hmap_sync_len(m), 0);
  assert_ptr_equal(v, word(77)); /* none of them touched it */
  assert_true(hmap_sync_store(m, &key, word(1)));
  assert_true(hmap_sync_load(m, &key, &v));
  assert_ptr_equal(v, word(1));
  assert_true(hmap_sync_load(m, &key, NULL));
  assert_false(hmap_sync_load(m, &other, &v));
  assert_int_equal(hmap_sync_load_or_store(m, &key, word(2), &v).outcome, 1);
  assert_ptr_equal(v, word(1));
  assert_int_equal(hmap_sync_load_or_store(m, &other, word(2), &v).outcome, 0);
  assert_ptr_equal(v, word(2));
  assert_int_equal(hmap_sync_len(m), 2);
  assert_int_equal(hmap_sync_swap(m, &key, word(3), &v).outcome, 1);
  assert_ptr_equal(v, word(1));
  assert_int_equal(hmap_sync_compare_and_swap(m, &key, word(1), word(4)).outcome, 0);
  assert_int_equal(get(m, key), 3);
  assert_int_equal(hmap_sync_compare_and_swap(m, &key, word(3), word(4)).outcome, 1);
  assert_int_equal(get(m, key), 4);
  assert_false(hmap_sync_compare_and_delete(m, &key, word(3)));
  assert_true(hmap_sync_compare_and_delete(m, &key, word(4)));
  assert_int_equal(get(m, key), 0);
  v = word(77);
  assert_int_equal(hmap_sync_swap(m, &key, NULL, &v).outcome, 0);
  assert_ptr_equal(v, word(77));
  assert_true(hmap_sync_load(m, &key, &v)); /* NULL is a value like any other */
  assert_null(v);
  assert_true(hmap_sync_load_and_delete(m, &other, &v));
  assert_ptr_equal(v, word(2));
  assert_true(hmap_sync_delete(m, &key));
  assert_int_equal(hmap_sync_len(m), 0);
  assertSound(m);
  hmap_sync_free(m);
  settle();
}

/* Keys of every kind, through all growths and back. */
static void comeAndGo(hmap_sync_type type, const void *(*key)(uint32_t n))
{
  const uint32_t all = type.hash == oneHash ? 300 : 3000;
  hmap_sync *m = makeMap(type);
  void *v;
  for (uint32_t n = 0; n < all; n++) {
    assert_int_equal(hmap_sync_load_or_store(m, key(n), word(n), NULL).outcome, 0);
    if (n % 97 == 0)
      assertSound(m);
  }
  assert_int_equal(hmap_sync_len(m), all);
  for (uint32_t n = 0; n < all; n++) {
    assert_true(hmap_sync_load(m, key(n), &v));
    assert_ptr_equal(v, word(n));
  }
  for (uint32_t n = 0; n < all; n++) {
    assert_true(hmap_sync_delete(m, key(n)));
    assert_false(hmap_sync_load(m, key(n), &v));
    if (n % 97 == 0)
      assertSound(m);
  }
  assert_int_equal(hmap_sync_len(m), 0);
  hmap_sync_free(m);
  settle();
}
static const void *bytesOf(uint32_t n)
{
  static unsigned char key[300];
  memcpy(key, &n, sizeof n);
  return key;
}
static const void *textOf(uint32_t n)
{
  static char text[64];
  snprintf(text, sizeof text, "%u%s", n, n % 3 ? "" : ", a longer one than most");
  return text;
}
static void test_keys_of_every_kind(void **state)
{
  (void)state;
  const size_t sizes[] = {4, 8, 16, 7, 300};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    comeAndGo((hmap_sync_type){.key_size = sizes[i]}, bytesOf);
  comeAndGo((hmap_sync_type){.kind = HMAP_STRING}, textOf);
}
/* golang/go#69534: keys of one hash were more than Go's trie had bits for. */
static void test_keys_of_one_hash(void **state)
{
  (void)state;
  comeAndGo((hmap_sync_type){.key_size = 8, .hash = oneHash, .equal = equalWords}, bytesOf);
}
static void test_strings_are_copied(void **state)
{
  (void)state;
  hmap_sync *m = makeMap((hmap_sync_type){.kind = HMAP_STRING});
  char text[] = "text";
  assert_true(hmap_sync_store(m, text, word(1)));
  assert_true(hmap_sync_store(m, "", word(2)));
  text[0] = 'n';
  assert_false(hmap_sync_load(m, text, NULL));
  assert_true(hmap_sync_load(m, "text", NULL));
  assert_true(hmap_sync_delete(m, ""));
  hmap_sync_free(m);
  settle();
}

/* A user's hash function is called once an operation and never for a stored key: growth and Range do without. */
static size_t hashCalls;
static uint64_t countingHash(const void *key, const hmap_seed *seed)
{
  hashCalls++;
  return memhash64(read64(key), seed);
}
static bool noteEntry(const void *key, void *value, void *arg)
{
  (void)key, (void)value;
  ++*(size_t *)arg;
  return true;
}
static void test_hash_is_called_once_an_operation(void **state)
{
  (void)state;
  hmap_sync *m = makeMap((hmap_sync_type){.key_size = 8, .hash = countingHash, .equal = equalWords});
  size_t visited = 0;
  hashCalls = 0;
  for (uint64_t k = 0; k < 1000; k++)
    put(m, k, 1);
  assert_int_equal(hashCalls, 1000);
  assert_true(hmap_sync_range(m, noteEntry, &visited));
  assert_int_equal(visited, 1000);
  for (uint64_t k = 0; k < 1000; k++)
    assert_true(cut(m, k));
  assert_int_equal(hashCalls, 2000);
  hmap_sync_free(m);
  settle();
}

/* R: no load writes to the map: each works on pages that cannot be written to. */
static void test_R_loads_write_nothing(void **state)
{
  (void)state;
  hmap_sync *m = makeWords();
  for (uint64_t k = 1; k < 20000; k++)
    put(m, k, k);
  array *a = m->table;
  size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = bytesOfArray(a->mask + 1, a->shift);
  assert_true(bytes > maxHeapBytes && (uintptr_t)a % page == 0);
  assert_int_equal(mprotect(a, bytes, PROT_READ), 0);
  for (uint64_t k = 1; k < 25000; k++)
    assert_int_equal(get(m, k), k < 20000 ? k : 0);
  assert_int_equal(hmap_sync_len(m), 19999);
  assert_int_equal(mprotect(a, bytes, PROT_READ | PROT_WRITE), 0);
  hmap_sync_free(m);
  settle();
}
/* R: nor does one wait for a write that never ends: every chain is locked. */
static void test_R_loads_pass_locked_chains(void **state)
{
  (void)state;
  hmap_sync *m = makeWords();
  for (uint64_t k = 1; k < 100; k++)
    put(m, k, k);
  for (array *a = m->table; a; a = a->next)
    for (size_t i = 0; i <= a->mask; i++)
      lockChain(bucketNumber(a, i));
  for (uint64_t k = 1; k < 200; k++)
    assert_int_equal(get(m, k), k < 100 ? k : 0);
  assert_false(cut(m, 150)); /* a key that is not there is not deleted */
  for (array *a = m->table; a; a = a->next)
    for (size_t i = 0; i <= a->mask; i++)
      if (!(bucketNumber(a, i)->head & movedBit))
        unlockChain(bucketNumber(a, i));
  hmap_sync_free(m);
  settle();
}

/* Growth: one write evacuates two chains at most. */
static size_t leftOf(hmap_sync *m)
{
  return m->table->next ? m->table->left : 0;
}
static void test_growth_is_in_steps(void **state)
{
  (void)state;
  hmap_sync *m = makeWords();
  size_t before = 0, most = 0, growths = 0;
  for (uint64_t k = 0; k < 20000; k++) {
    put(m, k, 1);
    size_t left = leftOf(m);
    if (left > before)
      growths++;
    else if (before - left > most)
      most = before - left;
    before = left;
  }
  assert_int_equal(most, 2);
  assert_true(growths >= 8);
  assertSound(m);
  hmap_sync_free(m);
  settle();
}
/* C: deletion gives memory back. */
static void test_C_deletion_shrinks(void **state)
{
  (void)state;
  hmap_sync *m = makeWords();
  for (uint64_t k = 0; k < 20000; k++)
    put(m, k, 1);
  size_t large = m->table->mask;
  for (uint64_t k = 0; k < 19990; k++)
    assert_true(cut(m, k));
  for (int i = 0; i < 6000; i++) { /* what is under way ends */
    assert_true(cut(m, 19995));
    put(m, 19995, 1);
  }
  assert_true(large >= 4095 && m->table->mask < 64);
  assertSound(m);
  hmap_sync_barrier();
  assert_int_equal(memory.mapped, 0);
  assert_true(memory.live < 100);
  hmap_sync_free(m);
  settle();
}
static void test_empty_overflow_buckets_go(void **state)
{
  (void)state;
  hmap_sync *m = makeMap((hmap_sync_type){.key_size = 8, .hash = oneHash, .equal = equalWords});
  for (uint64_t k = 0; k < 30; k++)
    put(m, k, 1);
  hmap_sync_barrier();
  size_t before = memory.live;
  for (uint64_t k = 0; k < 29; k++)
    assert_true(cut(m, k));
  hmap_sync_barrier();
  assert_int_equal(before - memory.live, 29 + 3); /* the last key stands in the fifth bucket; the three before it go */
  hmap_sync_free(m);
  settle();
}

/* Range. seen counts by key; act is what f does besides. */
static int seen[maxValues];
static void (*act)(hmap_sync *m, uint64_t key);
static hmap_sync *walked;
static bool see(const void *key, void *value, void *arg)
{
  uint64_t k = read64(key);
  (void)arg;
  assert_ptr_equal(value, word(k));
  seen[k]++;
  if (act)
    act(walked, k);
  return true;
}
static void walk_with(hmap_sync *m, void (*what)(hmap_sync *m, uint64_t key))
{
  memset(seen, 0, sizeof seen);
  act = what;
  walked = m;
  assert_true(hmap_sync_range(m, see, NULL));
}
static hmap_sync *makeUpTo(uint64_t n)
{
  hmap_sync *m = makeWords();
  for (uint64_t k = 1; k <= n; k++)
    put(m, k, k);
  return m;
}
static void test_G_each_once(void **state)
{
  (void)state;
  for (uint64_t n = 0; n < 300; n++) {
    hmap_sync *m = makeUpTo(n);
    walk_with(m, NULL);
    for (uint64_t k = 1; k < 300; k++)
      assert_int_equal(seen[k], k <= n);
    hmap_sync_free(m);
  }
  settle();
}
static bool stopAtThree(const void *key, void *value, void *arg)
{
  (void)key, (void)value;
  return ++*(int *)arg < 3;
}
static void test_G_f_ends_the_walk(void **state)
{
  (void)state;
  hmap_sync *m = makeUpTo(100);
  int n = 0;
  assert_true(hmap_sync_range(m, stopAtThree, &n));
  assert_int_equal(n, 3);
  hmap_sync_free(m);
  settle();
}
static void addMore(hmap_sync *m, uint64_t key)
{
  if (key <= 100)
    for (uint64_t k = 0; k < 25; k++)
      put(m, 101 + key * 25 + k, 101 + key * 25 + k);
}
static void test_G_growth_during_a_walk(void **state)
{
  (void)state;
  hmap_sync *m = makeUpTo(100);
  walk_with(m, addMore);
  for (int k = 1; k < maxValues; k++)
    assert_true(k <= 100 ? seen[k] == 1 : seen[k] <= 1);
  assert_int_equal(hmap_sync_len(m), 2600);
  assertSound(m);
  walk_with(m, NULL);
  for (int k = 126; k < 2600; k++)
    assert_int_equal(seen[k], 1);
  hmap_sync_free(m);
  settle();
}
static void deleteMost(hmap_sync *m, uint64_t key)
{
  for (uint64_t k = 1; k <= 3000; k++)
    if (k != key && k % 100)
      cut(m, k);
}
static void test_G_shrinking_during_a_walk(void **state)
{
  (void)state;
  hmap_sync *m = makeUpTo(3000);
  walk_with(m, deleteMost);
  int others = 0;
  for (int k = 1; k <= 3000; k++)
    if (k % 100 == 0)
      assert_int_equal(seen[k], 1);
    else
      others += seen[k];
  assert_true(others <= 1); /* deleted before the walk came to it: never */
  assertSound(m);
  hmap_sync_free(m);
  settle();
}
static void deleteAndPutBack(hmap_sync *m, uint64_t key)
{
  for (uint64_t k = 1; k <= 100; k++)
    if (k != key || key % 2) {
      assert_true(cut(m, k));
      put(m, k, k);
    }
}
static void test_G_at_most_once_when_put_back(void **state)
{
  (void)state;
  hmap_sync *m = makeUpTo(100);
  walk_with(m, deleteAndPutBack);
  for (int k = 1; k <= 100; k++)
    assert_int_equal(seen[k], 1); /* within one chain's list, a key is there again when its turn comes */
  hmap_sync_free(m);
  settle();
}
static void clearIt(hmap_sync *m, uint64_t key)
{
  (void)key;
  assert_true(hmap_sync_clear(m));
  for (uint64_t k = 1; k <= 100; k++)
    put(m, k, k);
}
static void test_G_ends_after_clear(void **state)
{
  (void)state;
  hmap_sync *m = makeUpTo(100);
  walk_with(m, clearIt);
  int n = 0;
  for (int k = 1; k <= 100; k++)
    n += seen[k];
  assert_int_equal(n, 1);
  assert_int_equal(hmap_sync_len(m), 100);
  hmap_sync_free(m);
  settle();
}
static void walkInside(hmap_sync *m, uint64_t key)
{
  size_t n = 0;
  assert_true(hmap_sync_range(m, noteEntry, &n));
  assert_int_equal(n, 50);
  assert_int_equal(get(m, key), key);
}
static void test_G_walks_nest(void **state)
{
  (void)state;
  hmap_sync *m = makeUpTo(50);
  walk_with(m, walkInside);
  hmap_sync_free(m);
  settle();
}
static void test_G_long_chains(void **state)
{
  (void)state;
  hmap_sync *m = makeMap((hmap_sync_type){.key_size = 8, .hash = oneHash, .equal = equalWords});
  for (uint64_t k = 1; k <= 500; k++)
    put(m, k, k);
  walk_with(m, NULL);
  for (int k = 1; k <= 500; k++)
    assert_int_equal(seen[k], 1);
  memory.failAll = true;
  size_t n = 0;
  errno = 0;
  assert_false(hmap_sync_range(m, noteEntry, &n));
  assert_int_equal(errno, ENOMEM);
  memory.failAll = false;
  hmap_sync_free(m);
  settle();
}

static void test_C_clear(void **state)
{
  (void)state;
  hmap_sync *m = makeUpTo(1000);
  assert_true(hmap_sync_clear(m));
  assert_int_equal(hmap_sync_len(m), 0);
  assert_int_equal(get(m, 5), 0);
  put(m, 5, 6);
  assert_int_equal(get(m, 5), 6);
  hmap_sync_barrier();
  assert_true(memory.live < 10); /* C: memory goes back */
  assertSound(m);
  hmap_sync_free(m);
  settle();
}

/* D: each value once. */
static void test_D_every_way_out_destroys_once(void **state)
{
  (void)state;
  hmap_sync *m = makeCounting();
  uint64_t key = 1, other = 2;
  put(m, key, 1);
  put(m, key, 2);                                                                       /* 1 goes */
  assert_int_equal(hmap_sync_swap(m, &key, word(3), NULL).outcome, 1);                  /* 2 */
  assert_int_equal(hmap_sync_compare_and_swap(m, &key, word(3), word(4)).outcome, 1);   /* 3 */
  assert_int_equal(hmap_sync_compare_and_swap(m, &key, word(3), word(100)).outcome, 0); /* not 100 */
  assert_int_equal(hmap_sync_load_or_store(m, &key, word(101), NULL).outcome, 1);       /* nor 101 */
  assert_true(hmap_sync_delete(m, &key));                                               /* 4 */
  assert_int_equal(hmap_sync_load_or_store(m, &key, word(5), NULL).outcome, 0);
  assert_true(hmap_sync_compare_and_delete(m, &key, word(5))); /* 5 */
  put(m, key, 6);
  assert_true(hmap_sync_load_and_delete(m, &key, NULL)); /* 6 */
  put(m, key, 7);
  put(m, other, 8);
  assert_true(hmap_sync_clear(m)); /* 7, 8 */
  hmap_sync_barrier();
  assertDestroyedOnce(9);
  put(m, key, 9);
  put(m, other, 10);
  hmap_sync_free(m); /* 9, 10 */
  settle();
  assertDestroyedOnce(11);
  assert_true(destroyed[100] == 0 && destroyed[101] == 0);
  for (int i = 1; i < 11; i++)
    assert_int_equal(retained[i], 0); /* nobody asked for one */
}
static void test_D_what_is_returned_is_retained(void **state)
{
  (void)state;
  hmap_sync *m = makeCounting();
  uint64_t key = 1;
  void *v;
  assert_int_equal(hmap_sync_load_or_store(m, &key, word(1), &v).outcome, 0);
  assert_int_equal(hmap_sync_load_or_store(m, &key, word(2), &v).outcome, 1);
  assert_true(hmap_sync_load(m, &key, &v));
  assert_int_equal(hmap_sync_swap(m, &key, word(2), &v).outcome, 1);
  assert_int_equal(retained[1], 4);
  assert_true(hmap_sync_load_and_delete(m, &key, &v));
  assert_int_equal(retained[2], 1);
  hmap_sync_free(m);
  settle();
  assertDestroyedOnce(3);
}
/* D: not before every read section that was open then has ended; and N: nobody waits for it. */
static void test_D_destroy_waits_for_read_sections(void **state)
{
  (void)state;
  hmap_sync *m = makeCounting();
  hmap_sync_read_lock();
  for (int i = 1; i < 10; i++)
    put(m, 1, (uintptr_t)i);
  assert_true(cut(m, 1));
  put(m, 2, 10);
  assert_true(hmap_sync_clear(m));
  put(m, 2, 11);
  hmap_sync_free(m);
  usleep(50000); /* in vain: it makes a mistake likely to show, and nothing depends on it */
  for (int i = 1; i < 12; i++)
    assert_int_equal(LOAD(&destroyed[i]), 0);
  hmap_sync_read_unlock();
  settle();
  assertDestroyedOnce(12);
}
static void ignoreWord(void *value)
{
  (void)value;
}
/* N: whatever is called while another thread is in a section returns. A call that waited would wait forever. */
static pthread_barrier_t inside;
static void *readAlong(void *arg)
{
  (void)arg;
  hmap_sync_read_lock();
  pthread_barrier_wait(&inside);
  pthread_barrier_wait(&inside); /* until all has been called */
  hmap_sync_read_unlock();
  return NULL;
}
static bool oddKey(const void *key, void *value, void *arg)
{
  (void)value, (void)arg;
  return read64(key) % 2;
}
static void callAll(hmap_sync *m)
{
  uint64_t key = 7;
  const void *const keys[] = {&key};
  void *value = NULL;
  bool found;
  size_t n = 0;
  for (uint64_t k = 0; k < 3000; k++)
    put(m, k, k + 1);
  assert_true(hmap_sync_swap(m, &key, word(70), &value).outcome == HMAP_SYNC_FOUND && value == word(8));
  assert_int_equal(hmap_sync_compare_and_swap(m, &key, word(70), word(71)).outcome, HMAP_SYNC_FOUND);
  assert_int_equal(hmap_sync_load_or_store(m, &key, word(72), &value).outcome, HMAP_SYNC_FOUND);
  assert_int_equal(hmap_sync_load_many(m, 1, keys, &value, &found), 1);
  assert_true(hmap_sync_load_and_delete(m, &key, &value) && value == word(71));
  key = 9;
  assert_true(hmap_sync_steal(m, &key, &value) && value == word(10));
  key = 11;
  assert_true(hmap_sync_compare_and_delete(m, &key, word(12)));
  assert_true(hmap_sync_delete_if(m, oddKey, NULL, &n) && n == 1497);
  assert_int_equal(hmap_sync_len(m), 1500);
  assert_true(hmap_sync_reserve(m, 20000) && hmap_sync_clear(m) && hmap_sync_reserve(m, 0));
}
static void test_N_calls_do_not_wait_for_readers(void **state)
{
  (void)state;
  pthread_t reading;
  pthread_barrier_init(&inside, NULL, 2);
  assert_int_equal(pthread_create(&reading, NULL, readAlong, NULL), 0);
  pthread_barrier_wait(&inside);
  for (int owned = 0; owned < 2; owned++) {
    hmap_sync *m = makeMap((hmap_sync_type){.key_size = 8, .destroy = owned ? ignoreWord : NULL});
    callAll(m);
    hmap_sync_free(m);
  }
  hmap_sync_statistics s;
  hmap_sync_stats(NULL, &s);
  assert_true(s.waiting > 1500); /* what the reader may see: each entry of the second map that was deleted, and more */
  pthread_barrier_wait(&inside);
  pthread_join(reading, NULL);
  pthread_barrier_destroy(&inside);
  settle();
}
/* D, N: a destroy function uses the map. */
static hmap_sync *ofDestroy;
static void destroyMore(void *value)
{
  uint64_t next = (uint64_t)(uintptr_t)value + 1;
  ADD(destroyed[next - 1], 1);
  if (next < 50)
    MUST(hmap_sync_load_and_delete(ofDestroy, &next, NULL));
}
static void test_D_destroy_functions_call_the_map(void **state)
{
  (void)state;
  ofDestroy = makeMap((hmap_sync_type){.key_size = 8, .destroy = destroyMore});
  for (uint64_t k = 1; k < 50; k++)
    put(ofDestroy, k, (uintptr_t)k);
  assert_true(cut(ofDestroy, 1));
  for (int i = 0; i < 100; i++) /* each takes two grace periods */
    hmap_sync_barrier();
  assertDestroyedOnce(50);
  assert_int_equal(hmap_sync_len(ofDestroy), 0);
  hmap_sync_free(ofDestroy);
  settle();
}

/* F: a destroy function that writes while a fork is under way. The fork does not wait for it, and it goes on afterwards. */
static bool destroying, destroyedIt; /* atomic */
static void destroySlowly(void *value)
{
  STORE(&destroying, true);
  for (int i = 0; i < 50; i++)
    usleep(1000);
  put(ofDestroy, (uintptr_t)value, 7);
  STORE(&destroyedIt, true);
}
static void test_D_destroy_functions_write_while_a_fork_begins(void **state)
{
  (void)state;
  hmap_sync *m = makeMap((hmap_sync_type){.key_size = 8, .destroy = destroySlowly});
  ofDestroy = makeWords();
  put(m, 1, 5);
  assert_true(cut(m, 1));
  while (!LOAD(&destroying))
    sched_yield();
  hmap_sync_before_fork();
  assert_false(LOAD(&destroyedIt));
  hmap_sync_after_fork_parent();
  assert_true(hmap_sync_barrier());
  assert_true(LOAD(&destroyedIt));
  assert_int_equal(get(ofDestroy, 5), 7);
  hmap_sync_free(m);
  hmap_sync_free(ofDestroy);
  settle();
}

/* W: compute decides with the chain locked. */
typedef struct computing {
  bool found;
  void *seen, *set;
  enum hmap_sync_action action;
} computing;
static enum hmap_sync_action computeIt(bool found, void **value, void *arg)
{
  computing *c = arg;
  c->found = found;
  c->seen = *value;
  *value = c->set;
  return c->action;
}
static enum hmap_sync_outcome compute(hmap_sync *m, uint64_t key, computing *c)
{
  return hmap_sync_compute(m, &key, computeIt, c).outcome;
}
static void test_W_compute(void **state)
{
  (void)state;
  hmap_sync *m = makeCounting();
  computing c = {.set = word(1), .action = HMAP_SYNC_KEEP};
  assert_int_equal(compute(m, 5, &c), HMAP_SYNC_ABSENT);
  assert_true(!c.found && c.seen == NULL && hmap_sync_len(m) == 0);
  c.action = HMAP_SYNC_DELETE;
  assert_int_equal(compute(m, 5, &c), HMAP_SYNC_ABSENT);
  c.action = HMAP_SYNC_SET;
  assert_int_equal(compute(m, 5, &c), HMAP_SYNC_ABSENT);
  assert_int_equal(get(m, 5), 1);
  c.set = word(2);
  assert_int_equal(compute(m, 5, &c), HMAP_SYNC_FOUND);
  assert_true(c.found && c.seen == word(1) && get(m, 5) == 2);
  c.action = HMAP_SYNC_KEEP;
  c.set = word(3);
  assert_int_equal(compute(m, 5, &c), HMAP_SYNC_FOUND);
  assert_int_equal(get(m, 5), 2);
  memory.failAll = true;
  c.action = HMAP_SYNC_SET;
  c.seen = NULL;
  assert_int_equal(compute(m, 5, &c), HMAP_SYNC_FAILED);
  assert_null(c.seen); /* M: it has not been called */
  memory.failAll = false;
  c.action = HMAP_SYNC_DELETE;
  assert_int_equal(compute(m, 5, &c), HMAP_SYNC_FOUND);
  assert_int_equal(hmap_sync_len(m), 0);
  for (uint64_t k = 0; k < 200; k++) { /* a chain's overflow bucket that was made in vain goes */
    c.action = k % 2 ? HMAP_SYNC_SET : HMAP_SYNC_KEEP;
    c.set = word(10 + k);
    compute(m, k, &c);
  }
  assertSound(m);
  hmap_sync_free(m);
  settle();
  assert_true(destroyed[1] == 1 && destroyed[2] == 1 && destroyed[3] == 0 && destroyed[10] == 0 && destroyed[11] == 1);
}
static enum hmap_sync_action addOne(bool found, void **value, void *arg)
{
  (void)arg;
  *value = word(found ? (uintptr_t)*value + 1 : 1);
  return HMAP_SYNC_SET;
}
static hmap_sync *counted;
static void *countUp(void *unused)
{
  (void)unused;
  for (uint64_t i = 0; i < 3000; i++) {
    uint64_t key = i % 10;
    MUST(hmap_sync_compute(counted, &key, addOne, NULL).outcome != HMAP_SYNC_FAILED);
  }
  return NULL;
}
static void test_W_compute_counts(void **state)
{
  (void)state;
  counted = makeWords();
  inThreads(4, countUp);
  for (uint64_t k = 0; k < 10; k++)
    assert_int_equal(get(counted, k), 4 * 300);
  hmap_sync_free(counted);
  settle();
}
static void test_D_steal(void **state)
{
  (void)state;
  hmap_sync *m = makeCounting();
  uint64_t key = 1;
  void *v = NULL;
  assert_false(hmap_sync_steal(m, &key, &v));
  put(m, 1, 1);
  assert_true(hmap_sync_steal(m, &key, &v));
  assert_ptr_equal(v, word(1));
  assert_int_equal(hmap_sync_len(m), 0);
  hmap_sync_free(m);
  settle();
  assert_true(destroyed[1] == 0 && retained[1] == 0);
}
/* D: a key goes once, with its entry; a replacement keeps it. */
static int keysDestroyed[10];
static void destroyKey(void *key)
{
  ADD(keysDestroyed[read64(key)], 1);
}
static void test_D_keys(void **state)
{
  (void)state;
  memset(keysDestroyed, 0, sizeof keysDestroyed);
  hmap_sync *m = makeMap((hmap_sync_type){.key_size = 8, .destroy = destroyValue, .destroy_key = destroyKey});
  void *v;
  put(m, 1, 1);
  put(m, 1, 2);
  put(m, 2, 3);
  put(m, 3, 4);
  put(m, 4, 5);
  assert_true(hmap_sync_barrier());
  assert_int_equal(keysDestroyed[1], 0);
  assert_true(cut(m, 1));
  assert_true(hmap_sync_steal(m, &(uint64_t){2}, &v));
  assert_true(hmap_sync_barrier());
  assert_true(keysDestroyed[1] == 1 && keysDestroyed[2] == 1 && destroyed[3] == 0);
  assert_true(hmap_sync_clear(m));
  put(m, 5, 6);
  hmap_sync_free(m);
  m = makeMap((hmap_sync_type){.key_size = 8, .destroy_key = destroyKey});
  put(m, 6, 7);
  put(m, 6, 8);
  hmap_sync_free(m);
  settle();
  for (int k = 1; k <= 6; k++)
    assert_int_equal(keysDestroyed[k], 1);
  assert_true(destroyed[7] == 0 && destroyed[8] == 0 && destroyed[1] == 1 && destroyed[2] == 1 && destroyed[6] == 1);
}
static bool isOdd(const void *key, void *value, void *arg)
{
  uint64_t k = read64(key);
  assert_ptr_equal(value, word(k));
  if (k == 7)
    put(arg, 7, 8); /* it has another value by then, so it stays */
  return k % 2;
}
static void test_G_delete_if(void **state)
{
  (void)state;
  hmap_sync *m = makeUpTo(1000);
  size_t deleted = 0;
  assert_true(hmap_sync_delete_if(m, isOdd, m, &deleted));
  assert_int_equal(deleted, 499);
  assert_int_equal(hmap_sync_len(m), 501);
  for (uint64_t k = 1; k <= 1000; k++)
    assert_int_equal(get(m, k), k == 7 ? 8 : k % 2 ? 0 : k);
  assertSound(m);
  hmap_sync_free(m);
  settle();
}
static void test_load_many(void **state)
{
  (void)state;
  enum { many = 50 };
  hmap_sync *m = makeCounting();
  uint64_t numbers[many];
  const void *keys[many];
  void *values[many];
  bool found[many];
  for (uint64_t k = 0; k < many; k++) {
    numbers[k] = k;
    keys[k] = &numbers[k];
    if (k % 3)
      put(m, k, k);
  }
  assert_int_equal(hmap_sync_load_many(m, many, keys, values, found), 33);
  for (uint64_t k = 0; k < many; k++) {
    assert_int_equal(found[k], k % 3 != 0);
    assert_true(!found[k] || values[k] == word(k));
    assert_int_equal(retained[k], found[k]);
  }
  assert_int_equal(hmap_sync_load_many(m, many, keys, NULL, NULL), 33);
  assert_int_equal(hmap_sync_load_many(m, 0, NULL, NULL, NULL), 0);
  hmap_sync_free(m);
  settle();
}
static void test_reserve_and_stats(void **state)
{
  (void)state;
  hmap_sync *m = makeWords();
  hmap_sync_statistics s;
  for (uint64_t k = 0; k < 100; k++)
    put(m, k, 1);
  assert_true(hmap_sync_reserve(m, 20000));
  array *before = m->table;
  hmap_sync_stats(m, &s);
  assert_true(s.entries == 100 && s.moving == 0 && s.buckets * 6 > 20000 && s.bytes > s.buckets * 64);
  for (uint64_t k = 0; k < 15000; k++)
    put(m, k, 1);
  for (uint64_t k = 0; k < 15000; k++)
    assert_true(cut(m, k));
  assert_true(hmap_sync_clear(m));
  hmap_sync_stats(m, &s);
  assert_int_equal(s.buckets, before->mask + 1);
  assert_true(hmap_sync_reserve(m, 0));
  hmap_sync_stats(m, &s);
  assert_true(s.entries == 0 && s.buckets == minBuckets);
  memory.failAll = true;
  errno = 0;
  assert_false(hmap_sync_reserve(m, 20000));
  assert_int_equal(errno, ENOMEM);
  memory.failAll = false;
  assert_false(hmap_sync_reserve(m, SIZE_MAX));
  hmap_sync_stats(m, &s);
  assert_int_equal(s.buckets, minBuckets);
  hmap_sync_free(m);
  settle();
}
HMAP_SYNC_WORDS(numbers, uint32_t, int);
HMAP_SYNC_STRINGS(texts, const char *);
static void test_typed_maps(void **state)
{
  (void)state;
  numbers n = numbers_make(NULL, NULL);
  texts t = texts_make(NULL, NULL);
  int number = 0;
  const char *text = NULL;
  assert_true(numbers_store(n, 7, -70) && texts_store(t, "seven", "7"));
  assert_true(numbers_load(n, 7, &number) && number == -70);
  assert_true(texts_load(t, "seven", &text) && strcmp(text, "7") == 0);
  assert_int_equal(numbers_load_or_store(n, 7, 1, &number).outcome, HMAP_SYNC_FOUND);
  assert_int_equal(numbers_swap(n, 7, 71, &number).outcome, HMAP_SYNC_FOUND);
  assert_int_equal(number, -70);
  assert_int_equal(numbers_compare_and_swap(n, 7, 71, 72).outcome, HMAP_SYNC_FOUND);
  assert_true(numbers_load_and_delete(n, 7, &number) && number == 72);
  assert_false(numbers_delete(n, 7));
  assert_true(numbers_len(n) == 0 && texts_len(t) == 1);
  numbers_free(n);
  texts_free(t);
  settle();
}
/* Strings of every length, by the comparison that the length takes: they differ in one place. */
static void test_strings_of_every_length(void **state)
{
  (void)state;
  static char text[70000];
  const size_t lengths[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 65534, 65535, 65536, 69999};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    hmap_sync *m = makeMap((hmap_sync_type){.kind = HMAP_STRING});
    memset(text, 'a', lengths[i]);
    text[lengths[i]] = 0;
    assert_true(hmap_sync_store(m, text, word(1)));
    for (size_t at = 0; at<lengths[i]; at += lengths[i]> 200 ? 997 : 1) {
      node *n = nextNode(&(visit){bucketFor(m->table, hashOfKey(m, algStr, text)), 0, false});
      text[at] = 'b';
      assert_false(holds(m, algStr, n, *storedHash(m, n), text));
      assert_false(hmap_sync_load(m, text, NULL));
      text[at] = 'a';
      assert_true(hmap_sync_load(m, text, NULL));
    }
    hmap_sync_free(m);
  }
  settle();
}

/* M: each allocation of a workload fails once. */
static size_t refused;
static bool tryPut(hmap_sync *m, uint64_t key, uintptr_t value)
{
  uintptr_t before = get(m, key);
  errno = 0;
  if (hmap_sync_store(m, &key, word(value)))
    return true;
  assert_int_equal(errno, ENOMEM);
  assert_int_equal(get(m, key), before);
  refused++;
  return false;
}
static void workload(hmap_sync_type type)
{
  uintptr_t there[150] = {0};
  size_t present = 0;
  errno = 0;
  hmap_sync *m = hmap_sync_make(&type);
  if (!m) {
    assert_int_equal(errno, ENOMEM);
    refused++;
    return;
  }
  for (uintptr_t i = 1; i < 400; i++) {
    uint64_t k = i * 7 % 150, d = i * 11 % 150;
    if (tryPut(m, k, i)) {
      present += !there[k];
      there[k] = i;
    }
    if (i > 200) {
      assert_int_equal(cut(m, d), there[d] != 0);
      present -= there[d] != 0;
      there[d] = 0;
    }
    if (i % 8 == 0)
      assertSound(m);
  }
  assert_int_equal(hmap_sync_len(m), present);
  for (uint64_t k = 0; k < 150; k++)
    assert_int_equal(get(m, k), there[k]);
  if (!hmap_sync_clear(m)) {
    refused++;
    assert_int_equal(hmap_sync_len(m), present);
  }
  hmap_sync_free(m);
}
static void failEach(hmap_sync_type type, size_t least)
{
  size_t n = 0;
  refused = 0;
  do {
    memory.calls = 0;
    memory.failAt = n += quick() && n > 10 ? 20 : 1;
    workload(type);
  } while (memory.calls >= n);
  settle();
  assert_true(n >= least && refused > 1);
}
static void test_M_each_allocation_fails(void **state)
{
  (void)state;
  failEach((hmap_sync_type){.key_size = 8}, 8); /* only arrays and overflow buckets */
  failEach((hmap_sync_type){.key_size = 8, .hash = oneHash, .equal = equalWords}, 100);
}
static void ignoreValue(void *value)
{
  (void)value;
}
static void test_M_each_allocation_fails_with_destroy(void **state)
{
  (void)state;
  failEach((hmap_sync_type){.key_size = 8, .destroy = ignoreValue}, 100);
}
/* M: a failed call leaves the value with the caller. */
static void test_M_no_memory_at_all(void **state)
{
  (void)state;
  hmap_sync *m = makeCounting();
  uint64_t key = 1, other = 2;
  void *v;
  put(m, key, 1);
  memory.failAll = true;
  assert_false(hmap_sync_store(m, &key, word(2)));
  assert_false(hmap_sync_store(m, &other, word(2)));
  assert_int_equal(hmap_sync_swap(m, &key, word(2), &v).outcome, -1);
  assert_int_equal(hmap_sync_load_or_store(m, &other, word(2), &v).outcome, -1);
  assert_int_equal(hmap_sync_compare_and_swap(m, &key, word(1), word(2)).outcome, -1);
  assert_false(hmap_sync_clear(m));
  assert_null(hmap_sync_make(&(hmap_sync_type){.key_size = 8}));
  assert_int_equal(get(m, key), 1);
  assert_int_equal(hmap_sync_len(m), 1);
  assert_true(hmap_sync_delete(m, &key)); /* which needs none */
  hmap_sync_free(m);
  settle();
  assertDestroyedOnce(2);
  assert_int_equal(destroyed[2], 0);
}
/* M: an evacuation that fails half way puts all back; the map is used meanwhile, and grows when there is memory. */
static void test_M_growth_without_memory(void **state)
{
  (void)state;
  hmap_sync *m = makeWords();
  for (uint64_t k = 1; k <= 36; k++)
    put(m, k, k);
  startGrowth(m->table, 8); /* to the same size: as many as two overflow buckets a chain are needed */
  assert_non_null(m->table->next);
  memory.failAll = true;
  for (int i = 0; i < 100; i++)
    put(m, 1 + (uint64_t)i % 36, 1 + (uintptr_t)i % 36);
  assertSound(m);
  for (uint64_t k = 1; k <= 40; k++)
    assert_int_equal(get(m, k), k <= 36 ? k : 0);
  memory.failAll = false;
  for (int i = 0; i < 20; i++)
    put(m, 1, 1);
  assert_null(m->table->next);
  assertSound(m);
  for (uint64_t k = 1; k <= 36; k++)
    assert_int_equal(get(m, k), k);
  hmap_sync_free(m);
  settle();
}

/* Threads that come, use a map, and go; nothing is left of them. */
static hmap_sync *shared;
static void *useAndGo(void *number)
{
  for (uint64_t k = 1; k <= 200; k++) {
    put(shared, k, (uintptr_t)k);
    MUST(get(shared, k) == k);
    uint64_t own = 1000 + k + 1000 * (uintptr_t)number;
    MUST(hmap_sync_load_or_store(shared, &own, word(1), NULL).outcome == 0);
    MUST(hmap_sync_delete(shared, &own));
  }
  return NULL;
}
static void test_threads_come_and_go(void **state)
{
  (void)state;
  shared = makeWords();
  for (size_t i = 0; i < times(40); i++)
    inThreads(3, useAndGo);
  assert_int_equal(hmap_sync_len(shared), 200);
  assertSound(shared);
  hmap_sync_free(shared);
  settle();
}

/* B: what a thread wrote before it stored a pointer is there for whoever loads it. (The thread sanitizer sees it if not.) */
static uint64_t message;
static void *sendOrReceive(void *number)
{
  uint64_t key = 1;
  void *v;
  if (!number) {
    message = 42;
    put(shared, key, (uintptr_t)&message);
    return NULL;
  }
  while (!hmap_sync_load(shared, &key, &v))
    sched_yield();
  MUST(*(uint64_t *)v == 42);
  return NULL;
}
static void test_B_store_comes_before_load(void **state)
{
  (void)state;
  for (int i = 0; i < 50; i++) {
    message = 0;
    shared = makeWords();
    inThreads(2, sendOrReceive);
    hmap_sync_free(shared);
  }
  settle();
}

/* L: len counts what has returned, whoever did it. */
static void *addOwn(void *number)
{
  for (uint64_t k = 0; k < 3000; k++)
    put(shared, k << 8 | (uintptr_t)number, 1);
  for (uint64_t k = 0; k < 1000; k++)
    MUST(cut(shared, k << 8 | (uintptr_t)number));
  MUST(hmap_sync_len(shared) >= 2000);
  return NULL;
}
static void test_L_len(void **state)
{
  (void)state;
  shared = makeWords();
  inThreads(4, addOwn);
  assert_int_equal(hmap_sync_len(shared), 4 * 2000);
  assertSound(shared);
  hmap_sync_free(shared);
  settle();
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_make_refuses),
      TEST(test_functions_of_a_map),
      TEST(test_keys_of_every_kind),
      TEST(test_keys_of_one_hash),
      TEST(test_strings_are_copied),
      TEST(test_hash_is_called_once_an_operation),
      TEST(test_R_loads_write_nothing),
      TEST(test_R_loads_pass_locked_chains),
      TEST(test_growth_is_in_steps),
      TEST(test_empty_overflow_buckets_go),
      TEST(test_W_compute_counts),
      TEST(test_G_delete_if),
      TEST(test_reserve_and_stats),
      TEST(test_typed_maps),
      TEST(test_strings_of_every_length),
      COUNTING_TEST(test_W_compute),
      COUNTING_TEST(test_D_steal),
      COUNTING_TEST(test_D_keys),
      COUNTING_TEST(test_load_many),
      TEST(test_G_each_once),
      TEST(test_G_f_ends_the_walk),
      TEST(test_G_growth_during_a_walk),
      TEST(test_G_shrinking_during_a_walk),
      TEST(test_G_at_most_once_when_put_back),
      TEST(test_G_ends_after_clear),
      TEST(test_G_walks_nest),
      TEST(test_G_long_chains),
      TEST(test_C_clear),
      TEST(test_C_deletion_shrinks),
      COUNTING_TEST(test_D_every_way_out_destroys_once),
      COUNTING_TEST(test_D_what_is_returned_is_retained),
      COUNTING_TEST(test_D_destroy_waits_for_read_sections),
      TEST(test_N_calls_do_not_wait_for_readers),
      COUNTING_TEST(test_D_destroy_functions_call_the_map),
      TEST(test_D_destroy_functions_write_while_a_fork_begins),
      TEST(test_M_each_allocation_fails),
      TEST(test_M_each_allocation_fails_with_destroy),
      COUNTING_TEST(test_M_no_memory_at_all),
      TEST(test_M_growth_without_memory),
      TEST(test_threads_come_and_go),
      TEST(test_B_store_comes_before_load),
      TEST(test_L_len),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
