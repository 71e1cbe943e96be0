/* test_capi.c: libhmap as a program sees it: hmap.h and nothing else. Every function, and every return value that hmap.h names,
 * but for the end of memory in the middle of things, which test_oom.c brings about. */
#include <hmap.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs those above */
#include <cmocka.h>

static hmap *make(enum hmap_kind kind, size_t key, size_t elem, size_t hint)
{
  hmap_type type = {.kind = kind, .key_size = key, .elem_size = elem};
  hmap *h = hmap_make(&type, hint);
  assert_non_null(h);
  assert_null(hmap_check(h));
  return h;
}

static void test_make_and_free(void **state)
{
  (void)state;
  hmap_free(make(HMAP_BYTES, 8, 8, 0));
  hmap_free(make(HMAP_BYTES, 1, 0, 1000));
  hmap_free(make(HMAP_STRING, 0, 1, 10));
  hmap_free(make(HMAP_STRING, sizeof(char *), 1, 10));
  hmap_free(make(HMAP_BYTES, 1 << 20, 1 << 20, 10));
  hmap_free(NULL);
}
static void test_make_copies_the_type(void **state)
{
  (void)state;
  hmap_type type = {.kind = HMAP_BYTES, .key_size = 8, .elem_size = 4};
  hmap *h = hmap_make(&type, 0);
  memset(&type, 0xff, sizeof type);
  assert_non_null(hmap_assign_fast64(h, 1));
  assert_null(hmap_check(h));
  hmap_free(h);
}

static uint64_t anyHash(const void *key, const hmap_seed *seed)
{
  return *(const unsigned char *)key ^ seed->k0;
}
static bool anyEqual(const void *stored, const void *key)
{
  return *(const unsigned char *)stored == *(const unsigned char *)key;
}
static void test_make_refuses(void **state)
{
  (void)state;
  const hmap_type bad[] = {
      {.kind = HMAP_BYTES, .key_size = 0, .elem_size = 1},
      {.kind = HMAP_BYTES, .key_size = (1 << 20) + 1, .elem_size = 1},
      {.kind = HMAP_BYTES, .key_size = 1, .elem_size = (1 << 20) + 1},
      {.kind = HMAP_STRING, .key_size = 3},
      {.kind = HMAP_STRING, .hash = anyHash, .equal = anyEqual},
      {.kind = HMAP_BYTES, .key_size = 1, .hash = anyHash},
      {.kind = HMAP_BYTES, .key_size = 1, .equal = anyEqual},
      {.kind = (enum hmap_kind)7, .key_size = 1},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    errno = 0;
    assert_null(hmap_make(&bad[i], 0));
    assert_int_equal(errno, EINVAL);
  }
  errno = 0;
  assert_null(hmap_make(NULL, 0));
  assert_int_equal(errno, EINVAL);
  hmap_type good = {.kind = HMAP_BYTES, .key_size = 8, .elem_size = 8};
  errno = 0;
  assert_null(hmap_make(&good, SIZE_MAX));
  assert_int_equal(errno, ENOMEM);
}

static void test_access(void **state)
{
  (void)state;
  hmap *h = make(HMAP_BYTES, 8, 8, 0);
  uint64_t key = 17;
  assert_null(hmap_access(h, &key));
  void *elem = hmap_assign(h, &key);
  assert_ptr_equal(hmap_access(h, &key), elem);
  key++;
  assert_null(hmap_access(h, &key));
  assert_null(hmap_access(NULL, &key));
  hmap_free(h);
}
static void test_assign(void **state)
{
  (void)state;
  hmap *h = make(HMAP_BYTES, 8, 8, 0);
  uint64_t key = 17, elem = 0x1122334455667788;
  void *p = hmap_assign(h, &key);
  assert_non_null(p);
  assert_true(*(uint64_t *)p == 0);
  memcpy(p, &elem, sizeof elem);
  assert_ptr_equal(hmap_assign(h, &key), p);
  assert_true(*(uint64_t *)p == elem);
  assert_int_equal(hmap_len(h), 1);
  errno = 0;
  assert_null(hmap_assign(NULL, &key));
  assert_int_equal(errno, EINVAL);
  hmap_free(h);
}
static void test_elems_of_no_size(void **state)
{
  (void)state;
  hmap *set = make(HMAP_BYTES, 4, 0, 0);
  for (uint32_t k = 0; k < 1000; k++)
    assert_non_null(hmap_assign(set, &k));
  for (uint32_t k = 0; k < 2000; k++)
    assert_int_equal(hmap_access(set, &k) != NULL, k < 1000);
  hmap_free(set);
}
static void test_delete(void **state)
{
  (void)state;
  hmap *h = make(HMAP_BYTES, 8, 0, 0);
  uint64_t key = 17;
  assert_false(hmap_delete(h, &key));
  hmap_assign(h, &key);
  assert_true(hmap_delete(h, &key));
  assert_false(hmap_delete(h, &key));
  assert_null(hmap_access(h, &key));
  assert_int_equal(hmap_len(h), 0);
  assert_false(hmap_delete(NULL, &key));
  hmap_free(h);
}
static void test_len(void **state)
{
  (void)state;
  hmap *h = make(HMAP_BYTES, 8, 0, 0);
  assert_int_equal(hmap_len(NULL), 0);
  for (uint64_t k = 0; k < 3000; k++) {
    assert_int_equal(hmap_len(h), k);
    hmap_assign(h, &k);
  }
  for (uint64_t k = 3000; k-- > 0;) {
    hmap_delete(h, &k);
    assert_int_equal(hmap_len(h), k);
  }
  hmap_free(h);
}
static void test_clear(void **state)
{
  (void)state;
  hmap *h = make(HMAP_BYTES, 8, 8, 0);
  hmap_clear(NULL);
  hmap_clear(h);
  for (int round = 0; round < 3; round++) {
    for (uint64_t k = 0; k < 500; k++)
      hmap_assign(h, &k);
    hmap_clear(h);
    assert_int_equal(hmap_len(h), 0);
    for (uint64_t k = 0; k < 500; k++)
      assert_null(hmap_access(h, &k));
    assert_null(hmap_check(h));
  }
  hmap_free(h);
}
static void test_clone(void **state)
{
  (void)state;
  hmap *h = make(HMAP_BYTES, 200, 300, 0);
  unsigned char key[200] = {0};
  for (int k = 0; k < 100; k++) {
    key[150] = (unsigned char)k;
    memset(hmap_assign(h, key), k, 300);
  }
  hmap *c = hmap_clone(h);
  assert_non_null(c);
  hmap_free(h);
  assert_int_equal(hmap_len(c), 100);
  for (int k = 0; k < 100; k++) {
    key[150] = (unsigned char)k;
    const unsigned char *elem = hmap_access(c, key);
    assert_non_null(elem);
    assert_int_equal(elem[299], k);
  }
  assert_null(hmap_check(c));
  hmap_free(c);
  errno = 0;
  assert_null(hmap_clone(NULL));
  assert_int_equal(errno, EINVAL);
  h = make(HMAP_STRING, 0, 0, 0);
  c = hmap_clone(h); /* of nothing */
  assert_int_equal(hmap_len(c), 0);
  hmap_free(c);
  hmap_free(h);
}

static void test_strings(void **state)
{
  (void)state;
  hmap *h = make(HMAP_STRING, 0, sizeof(int), 0);
  static char words[200][16];
  for (int i = 0; i < 200; i++) {
    sprintf(words[i], "word%d", i);
    *(int *)hmap_assign_faststr(h, words[i]) = i;
  }
  for (int i = 0; i < 200; i++) {
    char copy[16];
    const char *p = copy;
    strcpy(copy, words[i]);
    assert_int_equal(*(int *)hmap_access_faststr(h, copy), i);
    assert_ptr_equal(hmap_access(h, &p), hmap_access_faststr(h, words[i]));
  }
  assert_null(hmap_access_faststr(h, ""));
  assert_non_null(hmap_assign_faststr(h, ""));
  assert_true(hmap_delete_faststr(h, ""));
  assert_false(hmap_delete_faststr(h, "no such word"));
  assert_true(hmap_delete_faststr(h, "word7"));
  assert_int_equal(hmap_len(h), 199);
  hmap_free(h);
}
static void test_numbers(void **state)
{
  (void)state;
  hmap *a = make(HMAP_BYTES, 4, 4, 0), *b = make(HMAP_BYTES, 8, 8, 0);
  for (uint32_t k = 0; k < 500; k++) {
    *(uint32_t *)hmap_assign_fast32(a, k * 77) = k;
    *(uint64_t *)hmap_assign_fast64(b, (uint64_t)k << 40) = k;
  }
  for (uint32_t k = 0; k < 500; k++) {
    assert_int_equal(*(uint32_t *)hmap_access_fast32(a, k * 77), k);
    assert_int_equal(*(uint64_t *)hmap_access_fast64(b, (uint64_t)k << 40), k);
    assert_null(hmap_access_fast32(a, k * 77 + 1));
    assert_null(hmap_access_fast64(b, k + 1));
  }
  assert_true(hmap_delete_fast32(a, 77));
  assert_false(hmap_delete_fast32(a, 77));
  assert_true(hmap_delete_fast64(b, 0));
  assert_false(hmap_delete_fast64(b, 0));
  hmap_free(a);
  hmap_free(b);
}

/* Keys that are equal without being the same bytes. */
static uint64_t caselessHash(const void *key, const hmap_seed *seed)
{
  uint64_t hash = seed->k0;
  for (const char *p = key; *p; p++)
    hash = (hash ^ (unsigned char)(*p | 32)) * 0x100000001b3;
  return hash;
}
static bool caselessEqual(const void *stored, const void *key)
{
  const char *a = stored, *b = key;
  while (*a && (*a | 32) == (*b | 32))
    a++, b++;
  return *a == *b;
}
static void test_functions_of_the_user(void **state)
{
  (void)state;
  hmap_type type = {HMAP_BYTES, 16, sizeof(int), caselessHash, caselessEqual};
  hmap *h = hmap_make(&type, 0);
  char key[16] = "Hello";
  *(int *)hmap_assign(h, key) = 1;
  strcpy(key, "hELLO");
  assert_int_equal(*(int *)hmap_assign(h, key), 1);
  assert_int_equal(hmap_len(h), 1);
  hmap_iter it;
  hmap_iter_init(&it, h);
  assert_true(hmap_iter_next(&it));
  assert_string_equal(it.key, "Hello");
  hmap_iter_end(&it);
  assert_true(hmap_delete(h, key));
  hmap_free(h);
}

static void test_iteration(void **state)
{
  (void)state;
  hmap *h = make(HMAP_BYTES, 4, 4, 0);
  unsigned char seen[1000] = {0};
  hmap_iter it;
  size_t n = 0;
  hmap_iter_init(&it, h);
  assert_null(it.key);
  assert_false(hmap_iter_next(&it));
  for (uint32_t k = 0; k < 1000; k++)
    *(uint32_t *)hmap_assign_fast32(h, k) = ~k;
  hmap_iter_init(&it, h);
  assert_null(it.key);
  assert_null(it.elem);
  for (; hmap_iter_next(&it); n++) {
    uint32_t k = *(const uint32_t *)it.key;
    assert_int_equal(*(uint32_t *)it.elem, ~k);
    assert_int_equal(seen[k]++, 0);
  }
  assert_int_equal(n, 1000);
  assert_null(it.key);
  assert_null(it.elem);
  assert_false(hmap_iter_next(&it));
  hmap_iter_end(&it);
  hmap_iter_init(&it, NULL);
  assert_false(hmap_iter_next(&it));
  hmap_free(h);
}
static void test_writing_through_an_iterator(void **state)
{
  (void)state;
  hmap *h = make(HMAP_BYTES, 4, 4, 0);
  hmap_iter it;
  for (uint32_t k = 0; k < 100; k++)
    hmap_assign_fast32(h, k);
  for (hmap_iter_init(&it, h); hmap_iter_next(&it);)
    *(uint32_t *)it.elem = *(const uint32_t *)it.key + 1;
  for (uint32_t k = 0; k < 100; k++)
    assert_int_equal(*(uint32_t *)hmap_access_fast32(h, k), k + 1);
  for (hmap_iter_init(&it, h); hmap_iter_next(&it);)
    assert_true(hmap_delete(h, it.key));
  assert_int_equal(hmap_len(h), 0);
  hmap_free(h);
}
static void test_ending_an_iteration(void **state)
{
  (void)state;
  hmap *h = make(HMAP_BYTES, 4, 4, 0);
  hmap_iter it;
  for (uint32_t k = 0; k < 100; k++)
    hmap_assign_fast32(h, k);
  hmap_iter_init(&it, h);
  assert_true(hmap_iter_next(&it));
  hmap_iter_end(&it);
  assert_null(it.key);
  hmap_iter_end(&it);
  assert_false(hmap_iter_next(&it));
  hmap_iter_init(&it, h);
  hmap_clear(h);
  assert_false(hmap_iter_next(&it));
  hmap_free(h);
}

static void test_getstats(void **state)
{
  (void)state;
  hmap_stats s;
  memset(&s, 0xff, sizeof s);
  hmap_getstats(NULL, &s);
  assert_true(s.len == 0 && s.nbuckets == 0 && s.noverflow == 0 && s.noldbuckets == 0 && s.nevacuated == 0);
  assert_true(s.longest_chain == 0 && s.bytes == 0 && s.load == 0);
  hmap *h = make(HMAP_BYTES, 8, 8, 0);
  hmap_getstats(h, &s);
  assert_true(s.len == 0 && s.nbuckets == 0 && s.longest_chain == 0 && s.bytes == 0);
  size_t grewAt = 0;
  for (uint64_t k = 0; k < 10000; k++) {
    hmap_assign(h, &k);
    hmap_getstats(h, &s);
    assert_int_equal(s.len, k + 1);
    assert_true(s.noldbuckets == 0 || s.noldbuckets == s.nbuckets / 2);
    assert_true(s.nevacuated == 0 || s.nevacuated < s.noldbuckets);
    assert_true(s.longest_chain >= 1 && s.bytes >= s.len * 16);
    assert_true(s.load == (double)s.len / (double)s.nbuckets);
    grewAt += s.noldbuckets != 0;
  }
  assert_true(grewAt > 100);
  assert_int_equal(s.nbuckets, 2048);
  hmap_free(h);
}
static void test_check(void **state)
{
  (void)state;
  assert_null(hmap_check(NULL));
  hmap *h = make(HMAP_BYTES, 8, 8, 0);
  for (uint64_t k = 0; k < 1000; k++) {
    hmap_assign(h, &k);
    assert_null(hmap_check(h));
  }
  hmap_free(h);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_make_and_free),
      cmocka_unit_test(test_make_copies_the_type),
      cmocka_unit_test(test_make_refuses),
      cmocka_unit_test(test_access),
      cmocka_unit_test(test_assign),
      cmocka_unit_test(test_elems_of_no_size),
      cmocka_unit_test(test_delete),
      cmocka_unit_test(test_len),
      cmocka_unit_test(test_clear),
      cmocka_unit_test(test_clone),
      cmocka_unit_test(test_strings),
      cmocka_unit_test(test_numbers),
      cmocka_unit_test(test_functions_of_the_user),
      cmocka_unit_test(test_iteration),
      cmocka_unit_test(test_writing_through_an_iterator),
      cmocka_unit_test(test_ending_an_iteration),
      cmocka_unit_test(test_getstats),
      cmocka_unit_test(test_check),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
