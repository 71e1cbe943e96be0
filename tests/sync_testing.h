/* sync_testing.h: what the tests of the concurrent map share. Each of them contains it. */
#ifndef SYNC_TESTING_H
#define SYNC_TESTING_H

#define TESTED "../lib/sync.c"
#include "inside.h"

#define TEST(f) cmocka_unit_test_setup(f, startTest)
static inline int startTest(void **state)
{
  (void)state;
  while (inSection(me())) /* left open by a test that failed; nothing would ever be freed */
    readUnlock(me());
  me()->walks = 0;
  errno = 0;
  startInside();
  return 0;
}

/* All that is to be destroyed and freed has been. */
static inline void settle(void)
{
  assert_true(hmap_sync_barrier());
  ASSERT_NOTHING_LEFT();
}

/* A pointer-sized word as a value. */
static inline void *word(uintptr_t x)
{
  return (void *)x;
}

/* Hash and equality functions of a user's. */
static inline uint64_t oneHash(const void *key, const hmap_seed *seed)
{
  (void)key, (void)seed;
  return 99;
}
static inline bool equalWords(const void *stored, const void *key)
{
  return memcmp(stored, key, sizeof(uint64_t)) == 0;
}

static inline hmap_sync *makeMap(hmap_sync_type type)
{
  hmap_sync *m = hmap_sync_make(&type);
  assert_non_null(m);
  return m;
}
static inline hmap_sync *makeWords(void)
{
  return makeMap((hmap_sync_type){.key_size = 8});
}
static inline void put(hmap_sync *m, uint64_t key, uintptr_t value)
{
  assert_true(hmap_sync_store(m, &key, word(value)));
}
static inline bool cut(hmap_sync *m, uint64_t key)
{
  return hmap_sync_delete(m, &key);
}
/* A key's value, or 0 if it is absent. */
static inline uintptr_t get(hmap_sync *m, uint64_t key)
{
  void *value = NULL;
  return hmap_sync_load(m, &key, &value) ? (uintptr_t)value : 0;
}

/* For other threads than the test's own, where cmocka's asserts do not work. */
#define MUST(condition)                                                       \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      abort();                                                                \
    }                                                                         \
  } while (0)

/* Every invariant of a map that no call is under way on. */
static inline size_t assertSoundChain(hmap_sync *m, const array *a, size_t i)
{
  visit v = {bucketNumber(a, i), 0, m->pairs};
  size_t found = 0;
  for (node *n; (n = nextNode(&v)); found++) {
    uint64_t hash = hashOfNode(m, n);
    assert_int_equal(hash & a->mask, i);
    assert_int_equal(v.b->head >> 8 * v.i & 0xff, topOf(hash));
    void *value = NULL;
    assert_non_null(lookUp(m, m->alg, m->pairs, hash, keyOfNode(m, n), &value));
    assert_ptr_equal(value, n->value);
  }
  for (bucket *b = bucketNumber(a, i)->overflow; b; b = b->overflow)
    assert_int_equal(b->head & 0xff, 0);
  return found;
}
static inline void assertSound(hmap_sync *m)
{
  size_t found = 0;
  hmap_sync_read_lock();
  for (array *a = m->table; a; a = a->next) {
    size_t left = 0;
    for (size_t i = 0; i <= a->mask; i++) {
      assert_int_equal(bucketNumber(a, i)->head & lockBit, 0);
      if (bucketNumber(a, i)->head & movedBit)
        continue;
      found += assertSoundChain(m, a, i);
      left++;
    }
    assert_int_equal(left, a->left);
    assert_true(left > 0);
  }
  assert_int_equal(found, hmap_sync_len(m));
  hmap_sync_read_unlock();
}

/* Starts n threads on f, each with its number, and waits for them. */
static inline void inThreads(unsigned n, void *(*f)(void *number))
{
  pthread_t threads[16];
  assert_true(n <= 16);
  for (uintptr_t i = 0; i < n; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, f, word(i)), 0);
  for (unsigned i = 0; i < n; i++)
    pthread_join(threads[i], NULL);
}

#endif
