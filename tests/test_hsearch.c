/* test_hsearch.c: libhmap-search from inside: each row of what hsearch(3) does, and what only ours does: growth without limit,
 * entries that stay, every allocation failing, FINDs that write nothing. tests/side_hsearch.c compares with libc.
 *
 * The shim is compiled into this program with an allocator that counts and can refuse. No case depends on time; HMAP_SEED makes
 * the tables, which are the same in each run otherwise, others. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* The allocator */

enum { maxRegions = 1 << 14 };

static size_t larger(size_t a, size_t b)
{
  return a > b ? a : b;
}

static struct region {
  void *p;
  size_t size, live; /* bytes, and those of them that are still there: mappings are given back in pieces */
  bool pages;        /* whether its pages are nobody else's */
} regions[maxRegions];
static size_t nregions;

static size_t allocations;         /* asked for since begin() */
static size_t failFirst, failLast; /* which of them to refuse, counted from 1 */
static size_t badFrom, badTo;      /* those of so many bytes, but fewer than that, are refused */
static bool pagesWanted;
static size_t refused, largestMalloc;
static size_t comparisons; /* calls of strcmp */
static struct {
  size_t moved, touched, maps, freed, steps, entered, segments;
} did; /* what the engine counts */

static bool refuse(size_t n)
{
  allocations++;
  if ((allocations < failFirst || allocations > failLast) && (n < badFrom || n >= badTo))
    return false;
  refused++;
  errno = ENOMEM;
  return true;
}

/* Success may change errno, too. */
static void *record(void *p, size_t size, bool pages)
{
  errno = EBUSY;
  assert_true(nregions < maxRegions);
  regions[nregions++] = (struct region){p, size, size, pages};
  return p;
}

static size_t wholePages(size_t n)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return (n + page - 1) / page * page;
}

static void *newPages(size_t n)
{
  void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(p, MAP_FAILED);
  return record(p, n, true);
}

static void *testMalloc(size_t n)
{
  if (refuse(n))
    return NULL;
  if (n > largestMalloc)
    largestMalloc = n;
  void *p = pagesWanted ? newPages(wholePages(n)) : record(malloc(n), n, false);
  return memset(p, 0xa5, n); /* nobody may count on zeroes */
}

static void *testCalloc(size_t n, size_t size)
{
  void *p = testMalloc(n * size);
  return p ? memset(p, 0, n * size) : NULL;
}

static struct region *regionOf(void *p)
{
  for (struct region *b = regions + nregions; b-- > regions;)
    if ((char *)p >= (char *)b->p && (char *)p < (char *)b->p + b->size)
      return b;
  fail_msg("freed what was never allocated");
  return NULL;
}

static void testFree(void *p)
{
  if (!p)
    return;
  struct region *b = regionOf(p);
  assert_ptr_equal(b->p, p);
  if (b->pages)
    munmap(p, b->size);
  else
    free(p);
  *b = regions[--nregions];
  errno = EBUSY;
}

static void *testMmap(void *addr, size_t n, int prot, int flags, int fd, off_t offset)
{
  if (refuse(n))
    return MAP_FAILED;
  void *p = mmap(addr, n, prot, flags, fd, offset);
  assert_ptr_not_equal(p, MAP_FAILED);
  return record(p, wholePages(n), true);
}

static int testMunmap(void *p, size_t n)
{
  struct region *b = regionOf(p);
  n = wholePages(n);
  assert_true(b->pages && n <= b->live);
  b->live -= n;
  if (b->live == 0)
    *b = regions[--nregions];
  errno = EBUSY;
  return munmap(p, n);
}

static int countedStrcmp(const char *a, const char *b)
{
  __atomic_fetch_add(&comparisons, 1, __ATOMIC_RELAXED);
  return strcmp(a, b);
}

#define malloc(n) testMalloc(n)
#define calloc(n, size) testCalloc(n, size)
#define free(p) testFree(p)
#define mmap(...) testMmap(__VA_ARGS__)
#define munmap(p, n) testMunmap(p, n)
#undef strcmp
#define strcmp(a, b) countedStrcmp(a, b)
#define HMAP_COUNT(what, n) (did.what += (n))
#include "../compat/hsearch.c"
#undef malloc
#undef calloc
#undef free
#undef mmap
#undef munmap
#undef strcmp

/* Before and after each case */

static struct hsearch_data htab;

static int begin(void **state)
{
  (void)state;
  htab = (struct hsearch_data){0};
  nregions = 0;
  allocations = failFirst = failLast = refused = largestMalloc = 0;
  badFrom = badTo = 0;
  pagesWanted = false;
  return 0;
}

/* Nothing may be left. */
static int end(void **state)
{
  (void)state;
  hdestroy_r(&htab);
  hdestroy();
  return nregions == 0 ? 0 : -1;
}

/* Shorthands */

enum { untouched = 12345, keyBytes = 12 };

static searchTable *tableOf(const struct hsearch_data *d)
{
  searchTable *t;
  memcpy(&t, d, sizeof t);
  return t;
}

static searchData numbersOf(const struct hsearch_data *d)
{
  searchData numbers;
  memcpy(&numbers, d, sizeof numbers);
  return numbers;
}

static ENTRY item(const char *key, const void *data)
{
  return (ENTRY){.key = (char *)(uintptr_t)key, .data = (void *)(uintptr_t)data};
}

/* Calls hsearch_r and checks all that it says: an entry and errno as it was, or no entry and this errno. */
static ENTRY *look(struct hsearch_data *d, const char *key, const void *data, ACTION action, int error)
{
  ENTRY garbage, *e = &garbage;
  errno = untouched;
  int result = hsearch_r(item(key, data), action, &e, d);
  assert_int_equal(errno, error ? error : untouched);
  assert_int_equal(result, !error);
  assert_true((e == NULL) == (error != 0));
  return e;
}
static ENTRY *mustEnter(const char *key, const void *data)
{
  return look(&htab, key, data, ENTER, 0);
}
static ENTRY *mustFind(const char *key)
{
  return look(&htab, key, NULL, FIND, 0);
}
static void mustMiss(const char *key)
{
  look(&htab, key, NULL, FIND, ESRCH);
}
static void mustMake(size_t nel)
{
  errno = untouched;
  assert_int_equal(hcreate_r(nel, &htab), 1);
  assert_int_equal(errno, untouched);
}

static void checkTable(const struct hsearch_data *d)
{
  const char *broken = mapcheck(&tableOf(d)->h);
  if (broken)
    fail_msg("hmap_check: %s", broken);
  searchData numbers = numbersOf(d);
  assert_int_equal(numbers.filled, tableOf(d)->h.count);
  assert_true(numbers.filled < numbers.size);
}

/* n different keys of one length, which the caller frees. */
static char (*newKeys(size_t n))[keyBytes]
{
  char(*keys)[keyBytes] = malloc(n * keyBytes);
  assert_non_null(keys);
  for (size_t i = 0; i < n; i++)
    snprintf(keys[i], keyBytes, "key%08zx", i & 0xffffffff);
  return keys;
}

/* Enters n keys, with their own address as data. */
static void enterAll(char (*keys)[keyBytes], size_t n)
{
  for (size_t i = 0; i < n; i++)
    mustEnter(keys[i], keys[i]);
}
static void findAll(char (*keys)[keyBytes], size_t n)
{
  for (size_t i = 0; i < n; i++) {
    ENTRY *e = mustFind(keys[i]);
    assert_ptr_equal(e->key, keys[i]);
    assert_ptr_equal(e->data, keys[i]);
  }
}

/* Rows of the table of semantics */

static void test_sizeof_is_libcs(void **state)
{
  (void)state;
  assert_int_equal(sizeof(struct hsearch_data), sizeof(void *) + 2 * sizeof(unsigned));
  assert_int_equal(tableMark, (uint64_t)0x6863726165736d68);
  mustMake(1);
  assert_memory_equal(&tableOf(&htab)->mark, &tableMark, sizeof tableMark);
}

static void test_capacity_is_not_a_limit(void **state)
{
  (void)state;
  enum { n = 70000 };
  char(*keys)[keyBytes] = newKeys(n);
  mustMake(100);
  assert_int_equal(numbersOf(&htab).size, 101);
  enterAll(keys, n);
  findAll(keys, n);
  checkTable(&htab);
  assert_int_equal(numbersOf(&htab).filled, n);
  free(keys);
}

static void test_nel_zero(void **state)
{
  (void)state;
  char(*keys)[keyBytes] = newKeys(1000);
  mustMake(0);
  assert_int_equal(numbersOf(&htab).size, 3);
  mustMiss(keys[0]);
  enterAll(keys, 1000);
  findAll(keys, 1000);
  free(keys);
}

static void test_nel_absurd(void **state)
{
  (void)state;
  const size_t absurd[] = {UINT_MAX - 3, UINT_MAX - 2, UINT_MAX, SIZE_MAX - 3, SIZE_MAX};
  for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++) {
    errno = untouched;
    assert_int_equal(hcreate_r(absurd[i], &htab), 0);
    assert_int_equal(errno, ENOMEM);
    assert_null(tableOf(&htab));
  }
  assert_int_equal(allocations, 0);
  errno = untouched;
  assert_int_equal(hcreate(SIZE_MAX), 0);
  assert_int_equal(errno, ENOMEM);
}

static void test_nel_that_memory_has_not(void **state)
{
  (void)state;
  badFrom = 32 * sizeof(void *), badTo = SIZE_MAX; /* the directory has 32 segments */
  errno = untouched;
  assert_int_equal(hcreate_r(1000000, &htab), 0);
  assert_int_equal(errno, ENOMEM);
  assert_null(tableOf(&htab));
  assert_int_equal(nregions, 0);
  badTo = 0;
  mustMake(1000000);
}

static void test_nel_large_takes_a_directory_only(void **state)
{
  (void)state;
  did.touched = 0;
  mustMake(10000000);
  assert_true(did.touched <= 1 << 10);
  size_t bytes = 0;
  for (size_t i = 0; i < nregions; i++)
    bytes += regions[i].size;
  assert_true(bytes <= 1 << 10);
  assert_int_equal(tableOf(&htab)->h.B, 13);
}

/* glibc's table of a million, with a thousand entries, takes 1.7 MB. */
static void test_nel_large_with_few_entries_is_small(void **state)
{
  (void)state;
  char(*keys)[keyBytes] = newKeys(1000);
  mustMake(1000000);
  enterAll(keys, 1000);
  size_t bytes = 0;
  for (size_t i = 0; i < nregions; i++)
    bytes += regions[i].size;
  assert_true(bytes <= 1 << 20);
  free(keys);
}

static void test_nel_is_room_without_growth(void **state)
{
  (void)state;
  char(*keys)[keyBytes] = newKeys(50000);
  mustMake(50000);
  uint8_t B = tableOf(&htab)->h.B;
  enterAll(keys, 50000);
  assert_int_equal(tableOf(&htab)->h.B, B);
  free(keys);
}

static void test_create_twice_keeps_the_table(void **state)
{
  (void)state;
  mustMake(10);
  ENTRY *e = mustEnter("key", "data");
  struct hsearch_data before = htab;
  const size_t nels[] = {0, 10, 20, SIZE_MAX};
  for (size_t i = 0; i < sizeof nels / sizeof *nels; i++) {
    errno = untouched;
    assert_int_equal(hcreate_r(nels[i], &htab), 0);
    assert_int_equal(errno, untouched);
    assert_memory_equal(&before, &htab, sizeof htab);
  }
  assert_ptr_equal(mustFind("key"), e);
  assert_int_equal(hcreate(10), 1);
  e = hsearch(item("key", "data"), ENTER);
  errno = untouched;
  assert_int_equal(hcreate(10), 0);
  assert_int_equal(errno, untouched);
  assert_ptr_equal(hsearch(item("key", NULL), FIND), e);
}

static void test_create_on_a_struct_that_is_not_zero(void **state)
{
  (void)state;
  struct hsearch_data garbage, before;
  memset(&garbage, 0x55, sizeof garbage);
  before = garbage;
  errno = untouched;
  assert_int_equal(hcreate_r(10, &garbage), 0);
  assert_int_equal(errno, untouched);
  assert_memory_equal(&before, &garbage, sizeof before);
}

static void test_null_struct(void **state)
{
  (void)state;
  errno = untouched;
  assert_int_equal(hcreate_r(10, NULL), 0);
  assert_int_equal(errno, EINVAL);
  errno = untouched;
  hdestroy_r(NULL);
  assert_int_equal(errno, EINVAL);
  look(NULL, "key", NULL, FIND, EINVAL);
  look(NULL, "key", NULL, ENTER, EINVAL);
}

static void missEverywhere(void)
{
  look(&htab, "key", NULL, FIND, ESRCH);
  look(&htab, "key", NULL, ENTER, ENOMEM);
  look(&htab, "key", NULL, (ACTION)2, ESRCH);
  errno = untouched;
  assert_null(hsearch(item("key", NULL), FIND));
  assert_int_equal(errno, ESRCH);
  errno = untouched;
  assert_null(hsearch(item("key", NULL), ENTER));
  assert_int_equal(errno, ENOMEM);
}

static void test_search_before_create_and_after_destroy(void **state)
{
  (void)state;
  missEverywhere();
  mustMake(10);
  assert_int_equal(hcreate(10), 1);
  mustEnter("key", "data");
  assert_non_null(hsearch(item("key", "data"), ENTER));
  hdestroy_r(&htab);
  hdestroy();
  missEverywhere();
}

static void test_null_key(void **state)
{
  (void)state;
  for (int made = 0; made < 2; made++) {
    look(&htab, NULL, NULL, FIND, EINVAL);
    look(&htab, NULL, NULL, ENTER, EINVAL);
    errno = untouched;
    assert_null(hsearch(item(NULL, NULL), ENTER));
    assert_int_equal(errno, EINVAL);
    if (!made)
      mustMake(10);
  }
  checkTable(&htab);
}

static void test_find_miss(void **state)
{
  (void)state;
  mustMake(10);
  mustMiss("key");
  mustEnter("key", "data");
  mustMiss("yek");
  mustMiss("");
  mustMiss("key ");
  assert_int_equal(numbersOf(&htab).filled, 1);
}

static void test_enter_existing_changes_nothing(void **state)
{
  (void)state;
  char key[] = "key", equal[] = "key", data[] = "data";
  mustMake(10);
  ENTRY *e = mustEnter(key, data);
  struct hsearch_data before = htab;
  assert_ptr_equal(mustEnter(equal, "other data"), e);
  assert_ptr_equal(e->key, key);
  assert_ptr_equal(e->data, data);
  assert_memory_equal(&before, &htab, sizeof htab);
}

static void test_enter_existing_needs_no_memory(void **state)
{
  (void)state;
  char(*keys)[keyBytes] = newKeys(firstSlab);
  mustMake(0);
  enterAll(keys, firstSlab); /* the slab is full */
  failFirst = 1;
  failLast = SIZE_MAX;
  for (size_t i = 0; i < firstSlab; i++)
    assert_ptr_equal(mustEnter(keys[i], NULL)->data, keys[i]);
  look(&htab, "one more", NULL, ENTER, ENOMEM);
  failLast = 0;
  mustEnter("one more", NULL);
  free(keys);
}

static void test_enter_without_memory_leaves_the_table(void **state)
{
  (void)state;
  char(*keys)[keyBytes] = newKeys(5000);
  size_t entered = 0;
  mustMake(10);
  enterAll(keys, 1000);
  failFirst = 1;
  failLast = SIZE_MAX;
  for (size_t i = 1000; i < 5000; i++) {
    ENTRY *e;
    errno = untouched;
    if (hsearch_r(item(keys[i], keys[i]), ENTER, &e, &htab)) {
      assert_int_equal(errno, untouched);
      entered++;
      continue;
    }
    assert_null(e);
    assert_int_equal(errno, ENOMEM);
    mustMiss(keys[i]);
  }
  assert_true(entered < 4000);
  assert_int_equal(numbersOf(&htab).filled, 1000 + entered);
  checkTable(&htab);
  findAll(keys, 1000);
  failLast = 0;
  enterAll(keys, 5000);
  findAll(keys, 5000);
  checkTable(&htab);
  free(keys);
}

static void test_invalid_action_finds(void **state)
{
  (void)state;
  const int actions[] = {2, 3, -1, INT_MAX};
  mustMake(10);
  ENTRY *e = mustEnter("key", "data");
  for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
    assert_ptr_equal(look(&htab, "key", NULL, (ACTION)actions[i], 0), e);
    look(&htab, "yek", NULL, (ACTION)actions[i], ESRCH);
  }
  assert_int_equal(numbersOf(&htab).filled, 1);
}

static void test_a_million_entries_stay_in_place(void **state)
{
  (void)state;
  enum { n = 1000000 };
  char(*keys)[keyBytes] = newKeys(n);
  ENTRY **entries = calloc(n, sizeof(ENTRY *));
  size_t mostFreed = 0, mostTouched = 0;
  mustMake(0);
  for (size_t i = 0; i < n; i++) {
    did.freed = did.touched = 0;
    entries[i] = mustEnter(keys[i], keys[i]);
    mostFreed = larger(mostFreed, did.freed);
    mostTouched = larger(mostTouched, did.touched);
  }
  for (size_t i = 0; i < n; i++) {
    assert_ptr_equal(mustFind(keys[i]), entries[i]);
    assert_ptr_equal(entries[i]->key, keys[i]);
    assert_ptr_equal(entries[i]->data, keys[i]);
  }
  assert_int_equal(numbersOf(&htab).filled, n);
  checkTable(&htab);
  assert_true(mostFreed <= 2 * hugePage && mostTouched <= 64 << 10 && largestMalloc <= 64 << 10);
  free(entries);
  free(keys);
}

static void test_entries_may_be_written_to(void **state)
{
  (void)state;
  char(*keys)[keyBytes] = newKeys(10000), (*equal)[keyBytes] = newKeys(10000);
  mustMake(10);
  enterAll(keys, 100);
  for (size_t i = 0; i < 100; i++) {
    ENTRY *e = mustFind(keys[i]);
    e->key = equal[i];
    e->data = equal[i];
  }
  memset(keys, 'x', 100 * keyBytes); /* nobody may need the old keys now */
  enterAll(keys + 100, 9900);
  findAll(equal, 100);
  free(equal);
  free(keys);
}

static void test_keys_are_not_copied_or_freed(void **state)
{
  (void)state;
  char stackKey[] = "key";
  mustMake(10);
  assert_ptr_equal(mustEnter(stackKey, NULL)->key, stackKey);
  assert_ptr_equal(mustEnter("literal", NULL)->data, NULL);
  hdestroy_r(&htab); /* would free either */
  assert_string_equal(stackKey, "key");
}

static void test_key_changed_in_the_table(void **state)
{
  (void)state;
  char key[] = "key";
  mustMake(10);
  ENTRY *e = mustEnter(key, "data");
  key[0] = 'K';
  mustMiss("key");
  mustMiss("Key");
  ENTRY *other = mustEnter("key", "new");
  assert_ptr_not_equal(other, e);
  key[0] = 'k';
  assert_ptr_equal(mustFind("key"), e);
  checkTable(&htab);
}

/* Keys on a page that cannot be read any more. */
static void test_keys_gone_during_growth(void **state)
{
  (void)state;
  enum { n = 50000, gone = 300 };
  size_t page = wholePages(gone * keyBytes);
  char(*keys)[keyBytes] = newKeys(n);
  char(*lost)[keyBytes] = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mustMake(0);
  for (size_t i = 0; i < gone; i++) {
    snprintf(lost[i], keyBytes, "lost%zu", i);
    mustEnter(lost[i], NULL);
  }
  assert_int_equal(mprotect(lost, page, PROT_NONE), 0);
  enterAll(keys, n);
  findAll(keys, n);
  checkTable(&htab);
  assert_int_equal(numbersOf(&htab).filled, n + gone);
  munmap(lost, page);
  free(keys);
}

static void test_destroy_does_nothing_without_a_table(void **state)
{
  (void)state;
  for (int i = 0; i < 2; i++) {
    errno = untouched;
    hdestroy_r(&htab);
    hdestroy();
    assert_int_equal(errno, untouched);
    assert_null(tableOf(&htab));
  }
}

static void test_create_again_after_destroy(void **state)
{
  (void)state;
  char(*keys)[keyBytes] = newKeys(1000);
  for (int i = 0; i < 5; i++) {
    mustMake((size_t)i * 100);
    mustMiss(keys[0]);
    assert_int_equal(numbersOf(&htab).filled, 0);
    enterAll(keys, 1000);
    errno = untouched;
    hdestroy_r(&htab);
    assert_int_equal(errno, untouched);
    assert_null(tableOf(&htab));
    assert_int_equal(nregions, 0);
  }
  free(keys);
}

static void test_struct_may_move_while_the_table_grows(void **state)
{
  (void)state;
  enum { n = 3000 };
  char(*keys)[keyBytes] = newKeys(n);
  ENTRY *entries[n];
  mustMake(0);
  for (size_t i = 0; i < n; i++) {
    struct hsearch_data *moved = malloc(sizeof *moved);
    *moved = htab;
    memset(&htab, 0xff, sizeof htab);
    entries[i] = look(moved, keys[i], keys[i], ENTER, 0);
    htab = *moved;
    memset(moved, 0xff, sizeof *moved);
    free(moved);
  }
  for (size_t i = 0; i < n; i++)
    assert_ptr_equal(mustFind(keys[i]), entries[i]);
  checkTable(&htab);
  free(keys);
}

static void test_many_tables_at_once(void **state)
{
  (void)state;
  enum { n = 1000 };
  static struct hsearch_data tables[n];
  char(*keys)[keyBytes] = newKeys(n);
  for (size_t i = 0; i < n; i++)
    assert_int_equal(hcreate_r(i, &tables[i]), 1);
  for (size_t k = 0; k < 40; k++)
    for (size_t i = 0; i < n; i++)
      look(&tables[i], keys[(i + k) % n], &tables[i], ENTER, 0);
  for (size_t i = 0; i < n; i++) {
    for (size_t k = 0; k < 40; k++)
      assert_ptr_equal(look(&tables[i], keys[(i + k) % n], NULL, FIND, 0)->data, &tables[i]);
    look(&tables[i], keys[(i + 40) % n], NULL, FIND, ESRCH);
    checkTable(&tables[i]);
    hdestroy_r(&tables[i]);
  }
  free(keys);
}

/* What the shim promises beyond libc */

/* Whether all regions are whole pages, none of which has been given back. */
static bool sealable(void)
{
  for (size_t i = 0; i < nregions; i++)
    if (!regions[i].pages || regions[i].live != regions[i].size)
      return false;
  return true;
}

/* Makes all that was allocated read-only, or writable again. */
static void seal(bool sealed)
{
  for (size_t i = 0; i < nregions; i++)
    assert_int_equal(mprotect(regions[i].p, regions[i].size, PROT_READ | (sealed ? 0 : PROT_WRITE)), 0);
}

enum { sealedKeys = 4000 };
struct reader {
  const struct hsearch_data *htab;
  char (*keys)[keyBytes];
  size_t entered, right;
};

/* FINDs all keys, of which those after the entered are not there. */
static void *readAll(void *arg)
{
  struct reader *r = arg;
  for (size_t i = 0; i < sealedKeys; i++) {
    ENTRY *e;
    int result = hsearch_r(item(r->keys[i], NULL), FIND, &e, (struct hsearch_data *)(uintptr_t)r->htab);
    r->right += i < r->entered ? result == 1 && e->key == r->keys[i] : result == 0 && !e && errno == ESRCH;
  }
  return NULL;
}

static void readInThreads(const struct hsearch_data *d, char (*keys)[keyBytes], size_t entered)
{
  enum { n = 4 };
  pthread_t threads[n];
  struct reader readers[n];
  for (size_t i = 0; i < n; i++) {
    readers[i] = (struct reader){d, keys, entered, 0};
    assert_int_equal(pthread_create(&threads[i], NULL, readAll, &readers[i]), 0);
  }
  for (size_t i = 0; i < n; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(readers[i].right, sealedKeys);
  }
}

/* In every state that a table has on its way to 4000 entries: growing, from a small and from a mapped array, or not. */
static void test_find_never_writes(void **state)
{
  (void)state;
  char(*keys)[keyBytes] = newKeys(sealedKeys);
  pagesWanted = true;
  struct hsearch_data *sealed = testMalloc(sizeof *sealed);
  size_t growths = 0;
  memset(sealed, 0, sizeof *sealed);
  assert_int_equal(hcreate_r(0, sealed), 1);
  for (size_t i = 0; i < sealedKeys; i++) {
    const bucketArray *old = tableOf(sealed)->h.oldbuckets;
    look(sealed, keys[i], keys[i], ENTER, 0);
    bool began = !old && growing(&tableOf(sealed)->h);
    if ((!began && i % 64) || !sealable())
      continue;
    growths += began;
    seal(true);
    readInThreads(sealed, keys, i + 1);
    seal(false);
  }
  assert_int_equal(growths, 9 - directB); /* 3328 entries fill 2^9 buckets, and up to 2^directB move within one call */
  hdestroy_r(sealed);
  testFree(sealed);
  free(keys);
}

static void test_enter_that_cannot_grow_leaves_errno(void **state)
{
  (void)state;
  char(*keys)[keyBytes] = newKeys(4000);
  mustMake(0);
  badFrom = bytesOfSegment(&entryType) - 500, badTo = badFrom + 2000; /* not entries; of overflow buckets some can be had */
  enterAll(keys, 4000);
  assert_true(refused > 0);
  checkTable(&htab);
  badTo = 0;
  findAll(keys, 4000);
  free(keys);
}

/* Makes a table and enters n keys while memory fails; whatever is refused succeeds at once where memory is back. Returns whether
 * anything was refused. */
static bool enterWhileMemoryFails(char (*keys)[keyBytes], size_t n, size_t first, size_t howMany)
{
  ENTRY **entries = calloc(n, sizeof(ENTRY *));
  begin(NULL);
  failFirst = first;
  failLast = first + howMany - 1;
  errno = untouched;
  if (!hcreate_r(20, &htab)) {
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(nregions, 0);
    failFirst = failLast = 0;
    mustMake(20);
  }
  for (size_t i = 0; i < n; i++) {
    if (hsearch_r(item(keys[i], keys[i]), ENTER, &entries[i], &htab))
      continue;
    assert_int_equal(errno, ENOMEM);
    assert_null(entries[i]);
    checkTable(&htab);
    findAll(keys, i);
    mustMiss(keys[i]);
    failFirst = failLast = 0;
    entries[i] = mustEnter(keys[i], keys[i]);
  }
  checkTable(&htab);
  for (size_t i = 0; i < n; i++)
    assert_ptr_equal(mustFind(keys[i]), entries[i]);
  hdestroy_r(&htab);
  assert_int_equal(nregions, 0);
  free(entries);
  return refused > 0;
}

static void test_every_allocation_fails_once(void **state)
{
  (void)state;
  char(*keys)[keyBytes] = newKeys(8000);
  size_t nth = 1;
  while (enterWhileMemoryFails(keys, 8000, nth, 1))
    nth++;
  assert_true(nth > 20);
  free(keys);
}

static void test_memory_fails_from_each_allocation_on(void **state)
{
  (void)state;
  char(*keys)[keyBytes] = newKeys(8000);
  size_t nth = 1;
  while (enterWhileMemoryFails(keys, 8000, nth, SIZE_MAX / 2))
    nth++;
  assert_true(nth > 20);
  free(keys);
}

static unsigned glibcHash(const char *key)
{
  unsigned h = (unsigned)strlen(key);
  for (size_t i = strlen(key); i-- > 0;)
    h = (h << 4) + (unsigned)key[i];
  return h;
}

static void test_strings_that_collide_in_glibc(void **state)
{
  (void)state;
  enum { n = 100000 };
  char(*keys)[96] = malloc(n * sizeof *keys); /* long, so that comparing them is strcmp */
  mustMake(n);
  comparisons = 0;
  for (unsigned i = 0; i < n; i++) {
    snprintf(keys[i], sizeof *keys, "8letters%080u", i);
    assert_int_equal(glibcHash(keys[i]), glibcHash(keys[0]));
    mustEnter(keys[i], NULL);
  }
  assert_true(comparisons <= 100);
  for (unsigned i = 0; i < n; i++)
    mustFind(keys[i]);
  assert_true(comparisons >= n && comparisons <= n + 200);
  free(keys);
}

static void test_misuse_is_looked_for_when_asked(void **state)
{
  (void)state;
  int fds[2], status;
  char said[200] = "";
  mustMake(10);
  assert_false(flagsOf(&tableOf(&htab)->h) & hashChecked);
  hdestroy_r(&htab);
  setenv("HMAP_CHECK", "1", 1);
  mustMake(10);
  unsetenv("HMAP_CHECK");
  mustEnter("key", NULL);
  assert_true(flagsOf(&tableOf(&htab)->h) & hashChecked);
  assert_int_equal(pipe(fds), 0);
  pid_t child = fork();
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);
    dup2(fds[1], STDERR_FILENO);
    beginWrite(&tableOf(&htab)->h);
    hsearch_r(item("key", NULL), FIND, &(ENTRY *){NULL}, &htab);
    _exit(0);
  }
  close(fds[1]);
  for (size_t n = 0, got = 1; got; n += got)
    got = (size_t)read(fds[0], said + n, sizeof said - 1 - n);
  close(fds[0]);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  static const char fatalError[] = "hmap: fatal error: hsearch FIND during ENTER\n";
  assert_memory_equal(said, fatalError, sizeof fatalError - 1); /* an emulator has something to say after it */
  mustFind("key");
}

/* A random program against an array of entries by number. */

static uint64_t randomState = 1;
static uint64_t nextRandom(void)
{
  randomState ^= randomState << 13;
  randomState ^= randomState >> 7;
  randomState ^= randomState << 17;
  return randomState;
}

enum { modelKeys = 1500 };
struct model {
  char (*keys)[keyBytes];
  ENTRY *entries[modelKeys]; /* NULL: not in the table */
  void *data[modelKeys];
  size_t filled;
};

static void modelEnter(struct model *m, size_t i)
{
  ENTRY *e = mustEnter(m->keys[i], &m->data[i]);
  if (!m->entries[i]) {
    m->filled++;
    m->entries[i] = e;
    m->data[i] = &m->data[i];
    assert_ptr_equal(e->key, m->keys[i]);
  }
  assert_ptr_equal(e, m->entries[i]);
}

static void modelFind(struct model *m, size_t i)
{
  ACTION action = nextRandom() % 8 ? FIND : (ACTION)2;
  ENTRY *e = look(&htab, m->keys[i], NULL, action, m->entries[i] ? 0 : ESRCH);
  assert_ptr_equal(e, m->entries[i]);
  if (!e)
    return;
  assert_ptr_equal(e->data, m->data[i]);
  if (nextRandom() % 4 == 0)
    e->data = m->data[i] = &m->entries[nextRandom() % modelKeys];
}

static void modelRecreate(struct model *m)
{
  hdestroy_r(&htab);
  mustMake(nextRandom() % 3 ? 0 : nextRandom() % (2 * modelKeys));
  memset(m->entries, 0, sizeof m->entries);
  m->filled = 0;
}

static void test_model(void **state)
{
  (void)state;
  static struct model m;
  m.keys = newKeys(modelKeys);
  modelRecreate(&m);
  for (int step = 0; step < 20000; step++) {
    size_t i = nextRandom() % modelKeys;
    if (nextRandom() % 4000 == 0)
      modelRecreate(&m);
    else if (nextRandom() % 2)
      modelEnter(&m, i);
    else
      modelFind(&m, i);
    checkTable(&htab);
    assert_int_equal(numbersOf(&htab).filled, m.filled);
  }
  free(m.keys);
}

#define CASE(name) cmocka_unit_test_setup_teardown(test_##name, begin, end)

int main(void)
{
  const struct CMUnitTest tests[] = {
      CASE(sizeof_is_libcs),
      CASE(capacity_is_not_a_limit),
      CASE(nel_zero),
      CASE(nel_absurd),
      CASE(nel_that_memory_has_not),
      CASE(nel_large_takes_a_directory_only),
      CASE(nel_large_with_few_entries_is_small),
      CASE(nel_is_room_without_growth),
      CASE(create_twice_keeps_the_table),
      CASE(create_on_a_struct_that_is_not_zero),
      CASE(null_struct),
      CASE(search_before_create_and_after_destroy),
      CASE(null_key),
      CASE(find_miss),
      CASE(enter_existing_changes_nothing),
      CASE(enter_existing_needs_no_memory),
      CASE(enter_without_memory_leaves_the_table),
      CASE(invalid_action_finds),
      CASE(a_million_entries_stay_in_place),
      CASE(entries_may_be_written_to),
      CASE(keys_are_not_copied_or_freed),
      CASE(key_changed_in_the_table),
      CASE(keys_gone_during_growth),
      CASE(destroy_does_nothing_without_a_table),
      CASE(create_again_after_destroy),
      CASE(struct_may_move_while_the_table_grows),
      CASE(many_tables_at_once),
      CASE(find_never_writes),
      CASE(enter_that_cannot_grow_leaves_errno),
      CASE(every_allocation_fails_once),
      CASE(memory_fails_from_each_allocation_on),
      CASE(strings_that_collide_in_glibc),
      CASE(misuse_is_looked_for_when_asked),
      CASE(model),
  };
  setenv("HMAP_SEED", "test_hsearch", 0);
  unsetenv("HMAP_CHECK");
  unsetenv("HMAP_STATS");
  return cmocka_run_group_tests(tests, NULL, NULL);
}
