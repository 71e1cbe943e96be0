/* test_align.c: memory that is aligned as little as malloc may, and addresses with a tag in the top byte where the processor
 * ignores that. Every block has guard bytes right behind it, and no block is used twice. */
#define _GNU_SOURCE
#include <stdlib.h>

static void *alignedMalloc(size_t n);
static void *alignedCalloc(size_t n, size_t size);
static void alignedFree(void *p);
#define malloc(n) alignedMalloc(n)
#define calloc(n, size) alignedCalloc(n, size)
#define free(p) alignedFree(p)
#define HMAP_API static
#include "../lib/engine.c"
#undef malloc
#undef calloc
#undef free

#include <setjmp.h>
#include <stdarg.h>
/* cmocka.h needs those above */
#include <cmocka.h>

enum { guard = 16, arenaBytes = 64 << 20 };
static size_t align, live; /* blocks begin at an odd multiple of align; those not freed */
static _Alignas(64) unsigned char arena[arenaBytes];
static size_t arenaUsed;

static void *tagged(void *p)
{
#ifdef __aarch64__
  static unsigned n;
  return (void *)((uintptr_t)p | (uintptr_t)(1 + n++ % 255) << 56);
#else
  return p;
#endif
}
static unsigned char *untagged(void *p)
{
#ifdef __aarch64__
  return (unsigned char *)((uintptr_t)p << 8 >> 8);
#else
  return p;
#endif
}

static void *alignedMalloc(size_t n)
{
  size_t start = (arenaUsed + sizeof n + 2 * align - 1) / (2 * align) * (2 * align) + align % 16;
  if (start + n + guard > arenaBytes)
    return NULL;
  memcpy(arena + start - sizeof n, &n, sizeof n);
  memset(arena + start, 0xa5, n + guard);
  arenaUsed = start + n + guard;
  live++;
  return tagged(arena + start);
}
static void *alignedCalloc(size_t n, size_t size)
{
  void *p = alignedMalloc(n * size);
  return p ? memset(p, 0, n * size) : NULL;
}
static void alignedFree(void *p)
{
  size_t n;
  unsigned char *block = untagged(p);
  if (!p)
    return;
  memcpy(&n, block - sizeof n, sizeof n);
  for (size_t i = 0; i < guard; i++)
    assert_int_equal(block[n + i], 0xa5);
  live--;
}

/* Fills tables of one type to every size up to 300, and deletes what is in them. */
static void fill(enum hmap_kind kind, size_t keySize, size_t elemSize)
{
  hmap_type type = {.kind = kind, .key_size = keySize, .elem_size = elemSize};
  static char strings[300][8];
  size_t entryAlign = alignOf((uint32_t)elemSize);
  for (size_t n = 1; n <= 300; n += 1 + n / 8) {
    hmap *h = hmap_make(&type, 0);
    unsigned char key[64] = {0};
    for (size_t i = 0; i < n; i++) {
      const char *s = strings[i];
      snprintf(strings[i], sizeof strings[i], "%zu", i);
      if (kind == HMAP_STRING)
        memcpy(key, &s, sizeof s);
      else
        memcpy(key, &(uint16_t){(uint16_t)i}, 2);
      void *elem = hmap_assign(h, key);
      assert_non_null(elem);
      assert_int_equal((uintptr_t)elem % (entryAlign < 16 ? entryAlign : 16), 0);
      memset(elem, (int)i, elemSize);
      assert_ptr_equal(hmap_access(h, key), elem);
    }
    assert_null(hmap_check(h));
    for (size_t i = 0; i < n / 2; i++) {
      const char *s = strings[i];
      if (kind == HMAP_STRING)
        memcpy(key, &s, sizeof s);
      else
        memcpy(key, &(uint16_t){(uint16_t)i}, 2);
      assert_true(hmap_delete(h, key));
    }
    assert_null(hmap_check(h));
    assert_int_equal(hmap_len(h), n - n / 2);
    hmap_free(h);
  }
}
static void fillAll(size_t least)
{
  static const size_t sizes[][2] = {{4, 4}, {8, 8}, {4, 0}, {2, 1}, {8, 4}, {8, 16}, {16, 16}, {16, 32}, {24, 40}, {3, 5}};
  align = least;
  arenaUsed = 64;
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    fill(HMAP_BYTES, sizes[i][0], sizes[i][1]);
  fill(HMAP_STRING, 0, 8);
  fill(HMAP_STRING, 0, 16);
  assert_int_equal(live, 0);
}

static void test_malloc_that_aligns_to_8(void **state)
{
  (void)state;
  fillAll(8);
}
static void test_malloc_that_aligns_to_16(void **state)
{
  (void)state;
  fillAll(16);
}
static void test_malloc_that_aligns_to_32(void **state)
{
  (void)state;
  fillAll(32);
}

/* Chains, however long, of the tags and the addresses that there are. */
static void test_every_overflow_bucket_fits_its_link(void **state)
{
  (void)state;
  align = 16;
  arenaUsed = 64;
  hmap_type type = {.kind = HMAP_BYTES, .key_size = 8, .elem_size = 8};
  hmap *h = hmap_make(&type, 0);
  for (uint64_t k = 0; k < 100000; k++) {
    uint64_t *elem = hmap_assign(h, &k);
    assert_non_null(elem);
    *elem = k;
  }
  assert_null(hmap_check(h));
  for (uint64_t k = 0; k < 100000; k++)
    assert_int_equal(*(uint64_t *)hmap_access(h, &k), k);
  hmap_free(h);
  assert_int_equal(live, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_malloc_that_aligns_to_8),
      cmocka_unit_test(test_malloc_that_aligns_to_16),
      cmocka_unit_test(test_malloc_that_aligns_to_32),
      cmocka_unit_test(test_every_overflow_bucket_fits_its_link),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
