/* test_map.c: what Go's map does, one behaviour a test, seen from inside. */
#include "testing.h"

/* The place of a 64-bit key. */
static bool find(const hmap *h, uint64_t key, place *p)
{
  return mapaccess(h, h->t, (keyhash){memhash64(key, &h->hash0), 0, 0, 0}, (const void *)&key, equal64, p);
}
static uint64_t keyAt(const hmap *h, place p)
{
  return read64(slotOf(h->t, p.block, p.i));
}
static bool oneSeed(hmap_seed a, hmap_seed b)
{
  return a.k0 == b.k0 && a.k1 == b.k1;
}

/* Buckets */

static void test_low_bits_choose_the_bucket_top_bits_the_tophash(void **state)
{
  (void)state;
  hmap *h = makeInts(100);
  assert_int_equal(h->B, 4);
  putRange(h, 0, 100);
  for (uint64_t k = 0; k < 100; k++) {
    uint64_t hash = memhash64(k, &h->hash0);
    place p;
    assert_true(find(h, k, &p));
    assert_ptr_equal(p.head, bucketOf(h->buckets, hash & 15));
    assert_int_equal(p.b->tophash[p.i], hash >> 56 < 5 ? 5 : hash >> 56);
    assert_true(keyAt(h, p) == k);
  }
  hmap_free(h);
}

/* Eight tophash bytes are compared at once; here one at a time. Values are close together, because a carry from a slot to the
 * next is what could go wrong. */
static void test_matching_eight_tophashes_at_once(void **state)
{
  (void)state;
  for (size_t n = 0; n < 100000; n++) {
    bmap b = {.link = random64()};
    uint8_t base = (uint8_t)random64(), range = (uint8_t)(1 + randomBelow(n & 1 ? 3 : 255)),
            top = (uint8_t)tophash((uint64_t)base << 56);
    slots same = 0, empty = 0, full = 0;
    for (unsigned i = 0; i < bucketCnt; i++) {
      b.tophash[i] = (uint8_t)(n & 2 ? randomBelow(range) : base + randomBelow(range));
      same |= (slots)(b.tophash[i] == top) << i;
      empty |= (slots)isEmpty(b.tophash[i]) << i;
      full |= (slots)(b.tophash[i] >= minTopHash) << i;
    }
    assert_int_equal(matchTophash(&b, (uint64_t)base << 56), same);
    assert_int_equal(matchEmpty(&b), empty);
    assert_int_equal(matchFull(&b), full);
  }
}

static void test_a_table_has_no_buckets_before_its_first_entry(void **state)
{
  (void)state;
  memory.calls = 0;
  hmap *h = makeInts(0);
  assert_int_equal(memory.calls, 1); /* the table itself */
  assert_null(h->buckets);
  assert_false(has(h, 1));
  assert_false(cut(h, 1));
  assert_null(h->buckets);
  put(h, 1, 1);
  assert_non_null(h->buckets);
  assert_int_equal(h->B, 0);
  hmap_free(h);
}

/* An array has none at first; then as many as Go's has from the start, one for 16 buckets, and then twice as many each time, but
 * not more than fill a segment. */
static void test_slabs_of_overflow_buckets(void **state)
{
  (void)state;
  hmap *h = makeInts(0);
  for (uint8_t B = 0; B < 16; B++) {
    bucketArray *a = makeBucketArray(h->t, B, SIZE_MAX);
    size_t n = B < 4 ? 1 : (size_t)1 << (B - 4);
    assert_null(a->slabs);
    assert_null(a->filling);
    for (size_t i = 0, taken = 0; i < 9; i++, n *= 2) {
      if (n > 128)
        n = 128; /* as many as fill a segment of 144-byte buckets */
      assert_true(reserveOverflow(a, 1));
      assert_int_equal(slabsIn(a), i + 1);
      bmap *first = takeOverflow(a);
      assert_int_equal(a->filling->n, n);
      for (taken = 1; taken < n; taken++)
        assert_ptr_equal(takeOverflow(a), (unsigned char *)first + taken * (sizeof(bmap) + h->t->blocksize));
      assert_int_equal(first->link, 0);
      for (unsigned k = 0; k < bucketCnt; k++)
        assert_int_equal(first->tophash[k], emptyRest);
    }
    freeBuckets(a);
  }
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

static void test_overflow_buckets_are_linked_in_order(void **state)
{
  (void)state;
  hmap *h = makeInts(capacity(5)); /* 32 buckets */
  bucketArray *a = h->buckets;
  bmap *head = bucketOf(a, 7);
  memory.calls = 0;
  for (int i = 0; i < 8; i++)
    put(h, keyWith(h, 7, 31), 0);
  assert_int_equal(memory.calls, 0);
  assert_null(overflowOf(head));
  for (int i = 0; i < 16; i++)
    put(h, keyWith(h, 7, 31), 0);
  assert_int_equal(memory.calls, 1); /* two, at once */
  bmap *second = overflowOf(head), *third = overflowOf(second);
  assert_ptr_equal(second, overflowIn(a->t, a->slabs, 0));
  assert_ptr_equal(third, overflowIn(a->t, a->slabs, 1));
  assert_null(overflowOf(third));
  put(h, keyWith(h, 7, 31), 0);
  assert_int_equal(memory.calls, 2);
  assert_ptr_equal(overflowOf(third), overflowIn(a->t, a->slabs->next, 0));
  assert_int_equal(a->slabs->next->n, 4);
  ASSERT_SOUND(h);
  hmap_free(h);
}

/* An address has 48 bits in bmap.link, and the highest of them stands for those above; or, where addresses have tags, its lowest
 * four bits are zero and the eighth byte is kept. */
static void test_addresses_that_a_link_can_hold(void **state)
{
  (void)state;
  if (sizeof(void *) == 4)
    skip(); /* all do */
  const struct {
    uint64_t address;
    bool fits;
  } cases[] = {{0, true},
               {16, true},
               {0x7fffffffffff, true},
               {0x7ffffffffff0, true},
               {0x800000000000, false},
               {0xfffffffffff0, false},
               {0x1000000000000, false},
               {0x00ff000000000010, false},
               {0x8000000000000000, false},
               {0x8000000000001000, false},
               {0xff00000000001000, false},
               {0xffff7ffffffffff0, false},
               {0xffff800000000000, true},
               {0xfffffffffffffff0, true}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    void *p = (void *)(uintptr_t)cases[i].address;
    bool fits = linkBits == linkShift ? cases[i].fits : (cases[i].address & 0x00ff00000000000f) == 0;
    assert_int_equal(fitsLink(p), fits);
    bmap b = {.link = linkTo(p) | bucketWide | bucketHalf | 0xff};
    assert_int_equal(overflowOf(&b) == p, fits);
    assert_int_equal(filterOf(&b), 0xff);
    assert_true(isWide(&b) && isHalf(&b));
  }
}

static void test_noverflow_counts_overflow_buckets(void **state)
{
  (void)state;
  hmap *h = makeInts(capacity(5));
  uint64_t keys[40];
  for (unsigned i = 0; i < 40; i++) {
    put(h, keys[i] = keyWith(h, 3, 31), i);
    assert_int_equal(h->noverflow, i / 8);
  }
  for (unsigned i = 0; i < 40; i++)
    assert_true(cut(h, keys[i]));
  assert_int_equal(h->noverflow, 4); /* they stay with their chain */
  hmap_clear(h);
  assert_int_equal(h->noverflow, 0);
  hmap_free(h);
}

static void test_many_slabs_of_overflow_buckets(void **state)
{
  (void)state;
  hmap *h = makeInts(capacity(8));
  uint64_t keys[1600]; /* 200 buckets in one chain */
  noAlarm(h);
  for (size_t i = 0; i < 1600; i++) {
    put(h, keys[i] = keyWith(h, 9, 255), i);
    if (i % 100 == 0)
      ASSERT_SOUND(h);
  }
  assert_int_equal(h->noverflow, 199);
  for (size_t i = 0; i < 1600; i++)
    assert_true(get(h, keys[i]) == i);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

/* In a chain, emptyRest is what is empty with nothing after it, and emptyOne is what is empty otherwise. */
static void assertEmptiness(const hmap *h)
{
  for (size_t i = 0; i < bucketShift(h->B); i++) {
    uint8_t tops[256];
    size_t n = 0;
    place p = bucketAt(h->t, h->buckets, i);
    do {
      assert_true(n + 8 <= sizeof tops);
      memcpy(tops + n, p.b->tophash, 8);
      n += 8;
    } while (nextInChain(&p));
    bool rest = true;
    while (n--) {
      rest = rest && isEmpty(tops[n]);
      assert_true(rest ? tops[n] == emptyRest : tops[n] != emptyRest);
    }
  }
}
static void test_deletion_tells_emptyOne_from_emptyRest(void **state)
{
  (void)state;
  enum { n = 60 };
  for (int round = 0; round < 20; round++) {
    hmap *h = makeInts(capacity(4));
    uint64_t keys[n];
    for (unsigned i = 0; i < n; i++)
      put(h, keys[i] = keyWith(h, i & 1, 15), i);
    for (unsigned left = n; left > 1; left--) {
      size_t k = randomBelow(left);
      assert_true(cut(h, keys[k]));
      keys[k] = keys[left - 1];
      assertEmptiness(h);
      ASSERT_SOUND(h);
    }
    hmap_free(h);
  }
}

static void test_a_deleted_slot_is_used_again(void **state)
{
  (void)state;
  hmap *h = makeInts(capacity(4));
  uint64_t keys[20];
  for (unsigned i = 0; i < 20; i++)
    put(h, keys[i] = keyWith(h, 2, 15), ~0ull);
  place before, after;
  assert_true(find(h, keys[3], &before));
  assert_true(cut(h, keys[3]));
  uint64_t k = keyWith(h, 2, 15);
  const uint64_t *elem = hmap_assign(h, &k);
  assert_true(*elem == 0); /* and it is zero, whatever was there before */
  assert_true(find(h, k, &after));
  assert_ptr_equal(before.b, after.b);
  assert_int_equal(before.i, after.i);
  hmap_free(h);
}

static void test_filter_lets_a_miss_skip_the_chain(void **state)
{
  (void)state;
  hmap *h = makeInts(capacity(4));
  uint64_t keys[9];
  for (unsigned i = 0; i < 9; i++) /* tophash 0x80: filter bit 0 */
    put(h, keys[i] = keyWith(h, 2 | (uint64_t)0x80 << 56, 15 | (uint64_t)0xff << 56), i);
  assert_int_equal(filterOf(bucketOf(h->buckets, 2)), 1);
  assert_true(cut(h, keys[8])); /* the one behind: nothing is there any more */
  assert_int_equal(filterOf(bucketOf(h->buckets, 2)), 0);
  for (unsigned i = 0; i < 8; i++)
    assert_true(get(h, keys[i]) == i);
  assert_false(has(h, keys[8]));
  hmap_free(h);
}

/* Growth */

static void test_growth_begins_beyond_six_and_a_half_entries_a_bucket(void **state)
{
  (void)state;
  hmap *h = makeInts(0);
  for (uint64_t k = 0; k < 100000; k++) {
    uint8_t B = 0;
    while (k + 1 > capacity(B))
      B++;
    put(h, k, k);
    assert_int_equal(h->B, B);
  }
  hmap_free(h);
}

static void test_a_hint_makes_room_for_that_many(void **state)
{
  (void)state;
  for (size_t hint = 1; hint < 60000; hint = hint * 3 / 2 + 1) {
    hmap *h = makeInts(hint);
    const bucketArray *buckets = h->buckets;
    assert_non_null(buckets);
    putRange(h, 0, hint);
    assert_ptr_equal(h->buckets, buckets);
    assert_true(h->B == 0 || hint > capacity((uint8_t)(h->B - 1))); /* and for no more than needed */
    hmap_free(h);
  }
}

static void test_hashGrow_only_allocates(void **state)
{
  (void)state;
  hmap *h = fullTable(10);
  const bucketArray *buckets = h->buckets;
  size_t n = hmap_len(h);
  h->count = capacity(10);
  resetCounts();
  memory.calls = 0;
  assert_true(hashGrow(h));
  assert_int_equal(memory.calls, 1);
  assert_int_equal(counted.moved, 0);
  assert_int_equal(counted.touched, h->buckets->bytes); /* the directory */
  assert_true(h->buckets->bytes <= sizeof(bucketArray) + 2 * (2048 / 128) * sizeof(void *) + sizeof(arrayTail));
  assert_int_equal(segmentsIn(h->buckets), 0);
  assert_int_equal(counted.freed, 0);
  assert_int_equal(h->nevacuate, 0);
  assert_ptr_equal(h->oldbuckets, buckets);
  assert_int_equal(h->B, 11);
  for (size_t i = 0; i < 1024; i++)
    assert_false(bucketEvacuated(h, i));
  ASSERT_SOUND(h);
  assertRange(h, 0, n);
  hmap_free(h);
}

static void test_too_many_overflow_buckets_make_it_grow_at_the_same_size(void **state)
{
  (void)state;
  hmap *h = makeInts(capacity(4));
  uint64_t last[16], key = 0;
  for (unsigned b = 0; b < 16; b++) {
    uint64_t first[8];
    for (unsigned i = 0; i < 8; i++)
      put(h, first[i] = keyWith(h, b, 15), 0);
    put(h, last[b] = keyWith(h, b, 15), b);
    for (unsigned i = 0; i < 8; i++)
      assert_true(cut(h, first[i]));
    assert_int_equal(h->noverflow, b + 1);
    assert_false(growing(h));
  }
  const bucketArray *buckets = h->buckets;
  put(h, key, 77);
  assert_true(growing(h));
  assert_true(flagsOf(h) & sameSizeGrow);
  assert_int_equal(h->B, 4);
  assert_ptr_equal(h->oldbuckets, buckets);
  ASSERT_SOUND(h);
  settle(h);
  ASSERT_SOUND(h);
  assert_int_equal(h->noverflow, 0);
  assert_int_equal(flagsOf(h) & sameSizeGrow, 0);
  for (unsigned b = 0; b < 16; b++)
    assert_true(get(h, last[b]) == b);
  assert_true(get(h, key) == 77);
  hmap_free(h);
}

static void test_evacuation_leaves_entries_in_their_old_slots(void **state)
{
  (void)state;
  hmap *h = fullTable(7);
  const maptype *t = h->t;
  bmap before[128];
  unsigned char *blocks = malloc(128 * t->blocksize);
  for (size_t b = 0; b < 128; b++) {
    before[b] = *bucketOf(h->buckets, b);
    memcpy(blocks + b * t->blocksize, blockOf(h->buckets, b), t->blocksize);
  }
  assert_true(hashGrow(h));
  for (size_t b = 0; b < 128; b++) {
    evacuate(h);
    if (!growing(h)) /* the last one */
      break;
    assert_int_equal(h->nevacuate, b + 1);
    assert_memory_equal(blockOf(h->oldbuckets, b), blocks + b * t->blocksize, t->blocksize);
    for (unsigned i = 0; i < 8; i++) {
      uint8_t was = before[b].tophash[i], is = bucketOf(h->oldbuckets, b)->tophash[i];
      if (isEmpty(was)) {
        assert_int_equal(is, evacuatedEmpty);
        continue;
      }
      uint64_t key = read64(slotOf(t, blockOf(h->oldbuckets, b), i));
      bool y = memhash64(key, &h->hash0) & 128;
      place p;
      assert_int_equal(is, y ? evacuatedY : evacuatedX);
      assert_true(find(h, key, &p));
      assert_ptr_equal(p.head, bucketOf(h->buckets, b + (y ? 128 : 0)));
      assert_int_equal(p.b->tophash[p.i], was);
    }
    ASSERT_SOUND(h);
  }
  assert_false(growing(h));
  free(blocks);
  hmap_free(h);
}

static void test_same_size_evacuation_marks_all_X(void **state)
{
  (void)state;
  hmap *h = fullTable(5);
  for (uint64_t k = 0; k < 100; k++)
    cut(h, k);
  assert_true(hashGrow(h));
  assert_true(flagsOf(h) & sameSizeGrow);
  for (size_t b = 0; b < 31; b++) {
    evacuate(h);
    const uint8_t *tops = bucketOf(h->oldbuckets, b)->tophash;
    for (unsigned i = 0; i < 8; i++)
      assert_true(tops[i] == evacuatedX || tops[i] == evacuatedEmpty);
  }
  assertRange(h, 100, capacity(5));
  hmap_free(h);
}

static size_t evacuatedCount(const hmap *h)
{
  size_t n = 0;
  for (size_t i = 0; growing(h) && i < noldbuckets(h); i++)
    n += bucketEvacuated(h, i);
  return n;
}
/* The next two, whichever key it adds or removes, there or not. */
static void test_a_write_evacuates_two_buckets(void **state)
{
  (void)state;
  for (int kind = 0; kind < 3; kind++) {
    hmap *h = growingTable(7);
    size_t writes = 0;
    for (; growing(h); writes++) {
      assert_int_equal(h->nevacuate, 2 * writes);
      assert_int_equal(evacuatedCount(h), 2 * writes);
      if (kind == 0)
        put(h, 100000 + writes, 1);
      else
        assert_int_equal(cut(h, kind == 1 ? writes : 100000), kind == 1);
    }
    assert_int_equal(writes, 64);
    ASSERT_SOUND(h);
    hmap_free(h);
  }
}

/* A key that is there is assigned where it is: no growth begins or goes on, nothing is freed, the elem stays in its place. */
static void test_assigning_an_existing_key_moves_nothing(void **state)
{
  (void)state;
  hmap *h = growingTable(10);
  const uint64_t n = hmap_len(h);
  for (size_t at = 0; growing(h); at += 97) {
    evacuateTo(h, at);
    size_t nevacuate = h->nevacuate;
    bool was = growing(h);
    uint32_t seq = h->seq;
    resetCounts();
    memory.calls = 0;
    for (uint64_t k = 0; k < n; k++) {
      const void *elem = hmap_access(h, &k);
      assert_ptr_equal(hmap_assign(h, &k), elem);
    }
    assert_int_equal(counted.moved + counted.touched + counted.freed + memory.calls, 0);
    assert_true(h->nevacuate == nevacuate && growing(h) == was && h->seq == seq && hmap_len(h) == n);
  }
  hmap_free(h);
  h = fullTable(6); /* the next insertion begins a growth, this is none */
  assert_non_null(hmap_assign(h, &(uint64_t){5}));
  assert_false(growing(h));
  hmap_free(h);
}

/* Wherever the growth is, and whatever of the old array has gone. */
static void test_entries_are_found_at_every_nevacuate(void **state)
{
  (void)state;
  for (uint8_t B = 1; B < 11; B++) { /* one bucket is copied at once */
    hmap *h = growingTable(B);
    uint64_t n = hmap_len(h);
    const size_t old = noldbuckets(h), step = B > 6 ? (size_t)1 << (B - 6) : 1;
    for (size_t at = 0; growing(h); at += step) {
      evacuateTo(h, at);
      while (growing(h) && releaseSegment(h->oldbuckets, h->nevacuate >> h->t->segbits))
        ;
      for (size_t i = 0; growing(h) && i < old; i++)
        assert_int_equal(bucketEvacuated(h, i), i < at);
      assertRange(h, 0, n);
      for (uint64_t k = n; k < n + 100; k++)
        assert_false(has(h, k));
      ASSERT_SOUND(h);
    }
    assert_int_equal(h->B, B + 1);
    hmap_free(h);
  }
  ASSERT_NOTHING_LEFT();
}

/* A table that has fewer entries than buckets takes a smaller array, with room for what may come before it is in use. */
static void test_mass_deletion_shrinks_it(void **state)
{
  (void)state;
  for (uint8_t B = minShrinkB; B < 14; B++) {
    uint64_t last;
    hmap_stats full, after;
    hmap *h = thinTable(B, &last);
    hmap_getstats(h, &full);
    assert_true(cut(h, last));
    uint8_t smaller = h->B;
    assert_true(growing(h) ? shrinking(h) && h->nevacuate > 0 : B == minShrinkB);
    assert_true(last + bucketShift(B) / (shrinkPace / shrinkEntryCost) <= capacity(smaller));
    assert_true(smaller == minShrinkB - 1 || last + bucketShift(B) / 16 > capacity((uint8_t)(smaller - 1)));
    for (uint64_t k = 1000000; growing(h); k++) { /* as many insertions as there may be */
      put(h, k, k);
      if (k % 16 == 0)
        ASSERT_SOUND(h);
    }
    assert_int_equal(h->B, smaller);
    ASSERT_SOUND(h);
    assertRange(h, 0, last);
    assert_false(has(h, last));
    while (h->retired)
      put(h, 0, 0), assert_true(cut(h, 0)), put(h, 0, 0);
    hmap_getstats(h, &after);
    const size_t all = bucketBytes(h->t, bucketShift(B));                      /* neighbours leave segments that are not there */
    assert_true(after.bytes < (full.bytes > all ? full.bytes : all) / 2 + 64); /* the array's own size is no half */
    hmap_free(h);
  }
  ASSERT_NOTHING_LEFT();
}
/* Down to nothing: whatever is deleted, the array follows, and an emptied table is a small one. */
static void test_the_array_follows_the_entries_down(void **state)
{
  (void)state;
  hmap *h = makeInts(0);
  const uint64_t n = times(50000);
  putRange(h, 0, n);
  for (uint64_t k = 0; k < n; k++) {
    assert_true(cut(h, k));
    assert_true(h->B <= minShrinkB || growing(h) || bucketShift(h->B) <= n - k + 16);
  }
  assert_int_equal(hmap_len(h), 0);
  assert_in_range(h->B, 0, quick() ? 8 : 6);
  ASSERT_SOUND(h);
  putRange(h, 0, n);
  assertRange(h, 0, n);
  hmap_free(h);
}
/* Room that was asked for stays, until it has been outgrown; and what a clone has is not more than it needs. */
static void test_a_hint_keeps_it_from_shrinking(void **state)
{
  (void)state;
  hmap *h = makeInts(capacity(9));
  putRange(h, 0, 10);
  assert_true(cut(h, 9));
  put(h, 9, 9);
  assert_false(growing(h));
  assert_int_equal(h->B, 9);
  hmap *copy = hmap_clone(h);
  assert_int_equal(copy->B, 1);
  hmap_free(copy);
  putRange(h, 0, capacity(9) + 1);
  assert_true(growing(h));
  for (uint64_t k = capacity(9); k > 5; k--)
    assert_true(cut(h, k));
  settle(h);
  assert_true(h->B < 9);
  ASSERT_SOUND(h);
  assertRange(h, 0, 6);
  hmap_free(h);
}
/* Removals that are part of a walk move nothing; the insertion after it begins to shrink the table. */
static void test_an_insertion_shrinks_what_a_walk_has_emptied(void **state)
{
  (void)state;
  uint64_t last, kept = 0;
  hmap *h = thinTable(8, &last);
  mapwalk w = {0};
  place p = {0};
  bucketArray *a = h->buckets;
  while (walknext(h, h->t, &w, &p)) {
    place at = walkHere(h, h->t, &w);
    if (read64(slotOf(at.t, at.block, at.i)) != kept)
      mapdelete(h, &at);
  }
  assert_ptr_equal(h->buckets, a);
  assert_false(growing(h));
  put(h, 77, 77);
  assert_true(h->B < 8);
  settle(h);
  assert_true(get(h, kept) == kept && get(h, 77) == 77);
  ASSERT_SOUND(h);
  hmap_free(h);
}
/* Chains of one bucket's keys come together in one bucket of the smaller array. */
static void test_chains_that_are_joined(void **state)
{
  (void)state;
  for (unsigned n = 1; n < 40; n += 3) {
    hmap *h = makeInts(capacity(9));
    noAlarm(h);
    uint64_t keys[4][40];
    for (unsigned c = 0; c < 4; c++)
      for (unsigned i = 0; i < n; i++)
        put(h, keys[c][i] = keyWith(h, 5 + 128 * c, 511), c);
    put(h, 1, 1);
    setFlags(h, flagsOf(h) & (uint8_t)~hashHinted);
    assert_true(hashGrow(h) && shrinking(h));
    assert_true(h->B <= 7);
    while (growing(h)) {
      assert_true(evacuate(h));
      ASSERT_SOUND(h);
    }
    for (unsigned c = 0; c < 4; c++)
      for (unsigned i = 0; i < n; i++)
        assert_true(get(h, keys[c][i]) == c);
    for (unsigned i = 0; i < 100; i++)
      assert_false(has(h, keyWith(h, 5, 127)));
    for (unsigned c = 0; c < 4; c++)
      for (unsigned i = 0; i < n; i++)
        assert_true(cut(h, keys[c][i]));
    ASSERT_SOUND(h);
    hmap_free(h);
  }
  ASSERT_NOTHING_LEFT();
}
static void test_reads_evacuate_nothing(void **state)
{
  (void)state;
  hmap *h = growingTable(7);
  size_t before = evacuatedCount(h);
  hmap_iter it;
  hmap_stats s;
  assertRange(h, 0, hmap_len(h));
  assert_false(has(h, 1000000));
  for (hmap_iter_init(&it, h); hmap_iter_next(&it);)
    ;
  hmap_getstats(h, &s);
  assert_int_equal(s.nevacuated, h->nevacuate);
  assert_int_equal(evacuatedCount(h), before);
  hmap_free(h);
}

/* Many keys looked up at once say what one after the other does, whatever the number and the state of the table. */
static void assertMany(const hmap *h, const void *keys, size_t size, size_t n)
{
  void *elems[100];
  size_t there = 0;
  assert_true(n < 100);
  memset(elems, 0xa5, sizeof elems);
  size_t found = hmap_get_many(h, n, keys, elems);
  for (size_t i = 0; i < n; i++) {
    void *elem = hmap_access(h, (const unsigned char *)keys + i * size);
    assert_ptr_equal(elems[i], elem);
    there += elem != NULL;
  }
  assert_int_equal(found, there);
  void *untouched;
  memset(&untouched, 0xa5, sizeof untouched);
  assert_ptr_equal(elems[n], untouched);
}
static void test_get_many(void **state)
{
  (void)state;
  enum { most = 70 };
  const size_t sizes[][2] = {{8, 8}, {8, 4}, {4, 8}, {16, 8}, {200, 8}, {8, 200}};
  static unsigned char keys[most * 200];
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
    for (int hint = 0; hint < 2; hint++) {
      const size_t size = sizes[s][0];
      hmap *h = makeTable(HMAP_BYTES, size, sizes[s][1], hint ? 100000 : 0);
      for (uint32_t k = 0; k < 400; k++) {
        unsigned char key[200] = {0};
        for (uint32_t i = 0; i < most; i++) {
          uint32_t number = (uint32_t)randomBelow(500);
          memset(keys + i * size, 0, size);
          memcpy(keys + i * size, &number, sizeof number);
        }
        assertMany(h, keys, size, k % most);
        memcpy(key, &k, sizeof k);
        assert_non_null(hmap_assign(h, key));
      }
      hmap_free(h);
    }
  assert_int_equal(hmap_get_many(NULL, 0, keys, NULL), 0);
}
static void test_get_many_strings(void **state)
{
  (void)state;
  enum { most = 70 };
  static char text[500][80];
  const char *keys[most];
  for (size_t elem = 4; elem <= 8; elem += 4) {
    hmap *h = makeTable(HMAP_STRING, 0, elem, 0);
    for (size_t i = 0; i < 500; i++)
      snprintf(text[i], sizeof text[i], "%.*s%zu", (int)(i % 60),
               "something to begin with, of sixty bytes or a little more or so", i);
    for (size_t n = 0; n < 400; n++) {
      for (size_t i = 0; i < most; i++)
        keys[i] = text[randomBelow(500)];
      if (n % 3 == 0)
        keys[randomBelow(most)] = NULL;
      assertMany(h, keys, sizeof *keys, n % most);
      assert_non_null(hmap_assign_faststr(h, text[n]));
    }
    hmap_free(h);
  }
  ASSERT_NOTHING_LEFT();
}

/* Tables made for many entries: a segment comes when one of its buckets is first written to */

static void test_a_hint_takes_a_directory_only(void **state)
{
  (void)state;
  hmap *h = makeInts(capacity(14));
  assert_int_equal(memory.live, 2);
  assert_int_equal(segmentsIn(h->buckets), 0);
  assert_int_equal(nsegments(h->buckets), 128);
  assert_false(has(h, 1));
  assert_false(cut(h, 1));
  ASSERT_SOUND(h);
  hmap_stats s;
  hmap_getstats(h, &s);
  assert_true(s.len == 0 && s.nbuckets == 1 << 14 && s.longest_chain <= 1 && s.bytes < 4096);
  bool there[128] = {false};
  for (uint64_t k = 0; k < 40; k++) {
    size_t i = (memhash64(k, &h->hash0) & bucketMask(14)) >> h->t->segbits, n = segmentsIn(h->buckets);
    assert_int_equal(hasSegment(h->buckets, i << h->t->segbits), there[i]);
    put(h, k, k);
    assert_int_equal(segmentsIn(h->buckets), n + !there[i]);
    there[i] = true;
    assert_int_equal(memory.live, 2 + n + (segmentsIn(h->buckets) - n));
    for (uint64_t absent = 1000; absent < 1300; absent++) { /* in segments that are not there, too */
      assert_false(has(h, absent));
      assert_false(cut(h, absent));
    }
    assertRange(h, 0, k + 1);
    ASSERT_SOUND(h);
  }
  size_t live = memory.live;
  for (uint64_t k = 0; k < 40; k++)
    assert_true(cut(h, k));
  assert_int_equal(memory.live, live); /* segments stay */
  ASSERT_SOUND(h);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

static void test_a_clone_and_a_clear_of_a_table_that_is_mostly_not_there(void **state)
{
  (void)state;
  for (uint64_t n = 0; n < 60; n += 12)
    for (int at = 0; at < 4; at++) { /* settled; growing: nothing, half and all but one evacuated */
      hmap *h = makeInts(capacity(13));
      putRange(h, 0, n);
      if (at > 0)
        growNow(h);
      evacuateTo(h, at == 2 ? bucketShift(12) : at == 3 ? bucketShift(13) - 1 : 0);
      ASSERT_SOUND(h);
      hmap *c = hmap_clone(h);
      assert_int_equal(hmap_len(c), n);
      assertRange(c, 0, n);
      ASSERT_SOUND(c);
      hmap_stats s;
      hmap_getstats(h, &s);
      assert_int_equal(s.noldbuckets, at ? 1 << 13 : 0);
      hmap_clear(h);
      assert_int_equal(hmap_len(h), 0);
      for (uint64_t k = 0; k < n; k++)
        assert_false(has(h, k));
      ASSERT_SOUND(h);
      putRange(h, 0, 500);
      assertRange(h, 0, 500);
      hmap_free(h);
      assertRange(c, 0, n);
      putRange(c, n, 500);
      assertRange(c, 0, 500);
      hmap_free(c);
      ASSERT_NOTHING_LEFT();
    }
}

/* An old array without most of its segments is evacuated; entries come and go meanwhile, also to old buckets in segments that are
 * not there yet. */
static void test_growth_of_a_table_that_is_mostly_not_there(void **state)
{
  (void)state;
  for (int sameSize = 0; sameSize < 2; sameSize++)
    for (uint64_t n = 0; n < 40; n = n * 2 + 1) {
      hmap *h = makeInts(capacity(12));
      bool in[4000] = {false};
      for (uint64_t k = 0; k < n; k++)
        put(h, k, k), in[k] = true;
      if (sameSize)
        assert_true(hashGrow(h));
      else
        growNow(h);
      setFlags(h, flagsOf(h) | hashHinted); /* it has not outgrown the hint, and is not to shrink */
      for (size_t step = 0; growing(h); step++) {
        uint64_t k = randomBelow(4000);
        if (randomBelow(3))
          put(h, k, k), in[k] = true;
        else
          assert_int_equal(cut(h, k), in[k]), in[k] = false;
        if (step % (quick() ? 500 : 25) == 0)
          ASSERT_SOUND(h);
      }
      assert_int_equal(h->B, sameSize ? 12 : 13);
      for (uint64_t k = 0; k < 4000; k++)
        assert_int_equal(has(h, k), in[k]);
      ASSERT_SOUND(h);
      hmap_free(h);
      ASSERT_NOTHING_LEFT();
    }
}

/* Directories that come from the system. Large blocks make for many segments: eight buckets each. */

enum { largeB = sizeof(void *) == 8 ? 16 : 17 };

static hmap *largeDirectory(uint64_t n)
{
  hmap *h = makeTable(HMAP_BYTES, 128, 128, capacity(largeB));
  unsigned char key[128] = {0};
  assert_int_equal(h->t->segbits, 3);
  assert_int_equal(h->B, largeB);
  assert_true(h->buckets->mapped && h->buckets->bytes > maxHeapArray);
  for (uint64_t k = 0; k < n; k++) {
    memcpy(key, &k, sizeof k);
    memcpy(hmap_assign(h, key), &k, sizeof k);
  }
  return h;
}
static void assertLarge(const hmap *h, uint64_t n)
{
  unsigned char key[128] = {0};
  assert_int_equal(hmap_len(h), n);
  for (uint64_t k = 0; k < n; k++) {
    memcpy(key, &k, sizeof k);
    const void *elem = hmap_access(h, key);
    assert_non_null(elem);
    assert_memory_equal(elem, &k, sizeof k);
  }
}
/* One deletion of what is not there. */
static void miss(hmap *h)
{
  unsigned char key[128] = "not there";
  assert_false(hmap_delete(h, key));
}

static void test_large_directories_go_in_pieces(void **state)
{
  (void)state;
  const size_t realPage = (size_t)sysconf(_SC_PAGESIZE), sizes[] = {0, 16 << 10, 64 << 10};
  segmentsFromMalloc(true);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    memory.page = sizes[i];
    const size_t page = sizes[i] ? sizes[i] : realPage;
    const size_t piece = page > 32 << 10 ? page : 32 << 10;
    hmap *h = largeDirectory(300);
    const size_t directory = memory.mapped;
    assert_true(directory > 64 << 10);
    assert_true(hashGrow(h)); /* to the same size */
    bucketArray *old = h->oldbuckets;
    evacuateTo(h, bucketShift(largeB));
    assert_false(growing(h));
    assert_ptr_equal(h->retired, old);
    assertLarge(h, 300);
    ASSERT_SOUND(h);
    size_t last = memory.mapped, pieces = 0;
    while (h->retired) {
      hmap_stats s;
      miss(h);
      if (memory.mapped == last)
        continue;
      hmap_getstats(h, &s); /* reads nothing that has gone */
      ASSERT_SOUND(h);
      assert_in_range(last - memory.mapped, 0, piece + 2 * realPage);
      pieces++;
      last = memory.mapped;
    }
    assert_true(pieces >= directory / (piece + 2 * realPage) && pieces > 1);
    assert_int_equal(memory.mapped, directory); /* the new one */
    assertLarge(h, 300);
    hmap_free(h);
    ASSERT_NOTHING_LEFT();
  }
  segmentsFromMalloc(false);
}
static void test_a_large_directory_in_use(void **state)
{
  (void)state;
  hmap *h = largeDirectory(100), *c = hmap_clone(h);
  assertLarge(c, 100);
  growNow(h);
  assert_true(h->buckets->mapped && h->oldbuckets->mapped);
  evacuateTo(h, 1000);
  assertLarge(h, 100);
  ASSERT_SOUND(h);
  hmap_free(c);
  c = hmap_clone(h);
  assertLarge(c, 100);
  hmap_clear(h);
  assert_int_equal(memory.mapped, 0);
  assertLarge(h, 0);
  ASSERT_SOUND(h);
  hmap_free(h);
  hmap_free(c);
  ASSERT_NOTHING_LEFT();
}
/* A walk pins the two, while the table is cleared, filled again, and the walk ends. */
static void test_a_large_directory_that_a_walk_pins(void **state)
{
  (void)state;
  hmap *h = largeDirectory(100);
  hmap_iter it;
  growNow(h);
  evacuateTo(h, 5000);
  hmap_iter_init(&it, h);
  assert_true(hmap_iter_next(&it));
  const size_t both = memory.mapped;
  hmap_clear(h);
  for (int i = 0; i < 50; i++) {
    miss(h);
    unsigned char key[128] = {(unsigned char)i};
    assert_non_null(hmap_assign(h, key));
  }
  assert_int_equal(memory.mapped, both);
  assert_false(hmap_iter_next(&it));
  ASSERT_SOUND(h);
  for (int i = 0; h->retired && i < 60000; i++)
    miss(h);
  assert_null(h->retired);
  assert_int_equal(memory.mapped, 0);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

/* Seeds */

static void test_deleting_the_last_entry_takes_a_new_seed(void **state)
{
  (void)state;
  hmap *h = makeInts(0);
  putRange(h, 0, 10);
  hmap_seed seed = h->hash0;
  for (uint64_t k = 0; k < 9; k++) {
    cut(h, k);
    assert_true(oneSeed(seed, h->hash0));
  }
  cut(h, 9);
  assert_false(oneSeed(seed, h->hash0));
  putRange(h, 0, 10);
  assertRange(h, 0, 10);
  ASSERT_SOUND(h);
  hmap_free(h);
}

static void test_deleting_the_last_entry_during_growth(void **state)
{
  (void)state;
  hmap *h = fullTable(4);
  for (uint64_t k = 1; k < capacity(4); k++)
    cut(h, k);
  assert_true(hashGrow(h));
  hmap_seed seed = h->hash0;
  cut(h, 0);
  assert_true(growing(h));
  assert_false(oneSeed(seed, h->hash0));
  putRange(h, 0, 20);
  assertRange(h, 0, 20);
  ASSERT_SOUND(h);
  hmap_free(h);
}

/* Numbers one after the other, and addresses as malloc gives them: four share a bucket, and the next four have the next one. */
static void test_neighbours_stay_together(void **state)
{
  (void)state;
  static const uint64_t starts[] = {0x1000, 0x7f0000001000}, steps[] = {1, 16};
  for (int i = 0; i < 2; i++) {
    hmap *h = makeInts(0);
    put(h, i ? starts[i] : 1, 0);
    for (uint64_t k = 0; k < 5000; k++)
      put(h, starts[i] + k * steps[i], k);
    for (uint64_t k = 0; k < 5000; k++) {
      uint64_t first = memhash64(starts[i] + (k & ~(uint64_t)255) * steps[i], &h->hash0),
               hash = memhash64(starts[i] + k * steps[i], &h->hash0);
      assert_int_equal((hash - first) & h->mask, ((k & 255) / 4) & h->mask);
    }
    ASSERT_SOUND(h);
    hmap_free(h);
  }
}

static void test_clear_takes_a_new_seed(void **state)
{
  (void)state;
  hmap *h = growingTable(12);
  hmap_seed seed = h->hash0;
  hmap_clear(h);
  assert_false(oneSeed(seed, h->hash0));
  assert_int_equal(hmap_len(h), 0);
  assert_int_equal(memory.live, 1);
  assert_int_equal(memory.mapped, 0);
  ASSERT_SOUND(h);
  for (uint64_t k = 0; k < capacity(12); k++)
    assert_false(has(h, k));
  putRange(h, 0, 1000);
  assertRange(h, 0, 1000);
  hmap_free(h);
}

static void test_each_table_has_its_own_seed(void **state)
{
  (void)state;
  enum { n = 100 };
  hmap *h[n];
  for (int i = 0; i < n; i++) {
    h[i] = makeInts(0);
    put(h[i], 1, 1);
    for (int j = 0; j < i; j++)
      assert_true(h[i]->hash0.k0 != h[j]->hash0.k0 && h[i]->hash0.k1 != h[j]->hash0.k1);
  }
  for (int i = 0; i < n; i++)
    hmap_free(h[i]);
}

static void test_a_clone_keeps_the_seed_and_is_independent(void **state)
{
  (void)state;
  for (int mid = 0; mid < 2; mid++) {
    hmap *h = mid ? growingTable(6) : fullTable(6), *c = hmap_clone(h);
    const uint64_t n = hmap_len(h);
    assert_true(oneSeed(h->hash0, c->hash0));
    assert_int_equal(hmap_len(c), n);
    ASSERT_SOUND(c);
    assertRange(c, 0, n);
    for (uint64_t k = 0; k < n; k += 2)
      cut(h, k);
    put(h, 1, 100);
    assertRange(c, 0, n);
    hmap_clear(c);
    assert_true(get(h, 1) == 100);
    assert_int_equal(hmap_len(h), n / 2);
    hmap_free(h);
    hmap_free(c);
    ASSERT_NOTHING_LEFT();
  }
}

/* Keys and elems */

static void test_assigning_an_existing_key_keeps_the_stored_one(void **state)
{
  (void)state;
  char first[] = "a key", second[] = "a key";
  hmap *h = makeTable(HMAP_STRING, 0, 4, 0);
  uint32_t *elem = hmap_assign_faststr(h, first);
  *elem = 5;
  assert_ptr_equal(hmap_assign_faststr(h, second), elem);
  assert_int_equal(*elem, 5);
  assert_int_equal(hmap_len(h), 1);
  hmap_iter it;
  hmap_iter_init(&it, h);
  assert_true(hmap_iter_next(&it));
  assert_ptr_equal(*(const char *const *)it.key, first);
  hmap_iter_end(&it);
  hmap_free(h);
}

static void test_large_keys_and_elems_stand_behind_pointers(void **state)
{
  (void)state;
  enum { n = 500 };
  static unsigned char key[200];
  hmap *h = makeTable(HMAP_BYTES, sizeof key, 300, 0);
  void *elems[n];
  assert_true(h->t->indirectkey && h->t->indirectelem);
  assert_int_equal(h->t->slotsize, 2 * sizeof(void *));
  for (uint32_t i = 0; i < n; i++) {
    memcpy(key + 100, &i, sizeof i);
    elems[i] = hmap_assign(h, key);
    memset(elems[i], (int)i, 300);
  }
  assert_true(memory.live > 2 * n);
  for (uint32_t i = 0; i < n; i++) {
    memcpy(key + 100, &i, sizeof i);
    assert_ptr_equal(hmap_access(h, key), elems[i]); /* growth moved only the pointers */
    assert_int_equal(((unsigned char *)elems[i])[299], i & 255);
    assert_true(hmap_delete(h, key));
  }
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

static void test_sizes_up_to_128_stand_in_the_bucket(void **state)
{
  (void)state;
  for (size_t size = 1; size < 140; size++) {
    hmap *h = makeTable(HMAP_BYTES, size, size, 0);
    assert_int_equal(h->t->indirectkey, size > 128);
    assert_int_equal(h->t->indirectelem, size > 128);
    hmap_free(h);
  }
}

/* What is wrong with a type, or right */
static void test_types_that_are_not_allowed(void **state)
{
  (void)state;
  uint64_t (*hash)(const void *, const hmap_seed *) = (uint64_t(*)(const void *, const hmap_seed *))abort;
  bool (*equal)(const void *, const void *) = equalInts;
  const hmap_type bad[] = {
      {HMAP_BYTES, 0, 8, NULL, NULL},
      {HMAP_BYTES, maxBytes + 1, 8, NULL, NULL},
      {HMAP_BYTES, 8, maxBytes + 1, NULL, NULL},
      {HMAP_BYTES, SIZE_MAX, 8, NULL, NULL},
      {HMAP_BYTES, 8, SIZE_MAX, NULL, NULL},
      {HMAP_BYTES, 8, 8, hash, NULL},
      {HMAP_BYTES, 8, 8, NULL, equal},
      {HMAP_STRING, 1, 8, NULL, NULL},
      {HMAP_STRING, 2 * sizeof(char *), 8, NULL, NULL},
      {HMAP_STRING, 0, 8, hash, equal},
      {(enum hmap_kind)2, 8, 8, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    errno = 0;
    assert_null(hmap_make(&bad[i], 0));
    assert_int_equal(errno, EINVAL);
  }
  errno = 0;
  assert_null(hmap_make(NULL, 0));
  assert_int_equal(errno, EINVAL);
  hmap_free(makeTable(HMAP_BYTES, 1 << 20, 1 << 20, 0));
  hmap_free(makeTable(HMAP_STRING, sizeof(char *), 0, 0));
  ASSERT_NOTHING_LEFT();
}

static void test_hints_beyond_all_memory(void **state)
{
  (void)state;
  const hmap_type type = {.key_size = 128, .elem_size = 128};
  const size_t hints[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 13 * 2, (size_t)7 << (sizeof(size_t) == 8 ? 40 : 28)};
  for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
    errno = 0;
    assert_null(hmap_make(&type, hints[i]));
    assert_int_equal(errno, ENOMEM);
  }
  ASSERT_NOTHING_LEFT();
}

/* The user's functions */

static size_t hashCalls, equalCalls;

static uint64_t countingHash(const void *key, const hmap_seed *seed)
{
  (void)seed;
  hashCalls++;
  return *(const uint64_t *)key / 4; /* four keys share each hash */
}
static bool countingEqual(const void *stored, const void *key)
{
  equalCalls++;
  return equalInts(stored, key);
}
static hmap *makeUser(uint64_t (*hash)(const void *, const hmap_seed *), bool (*equal)(const void *, const void *))
{
  hmap_type type = {HMAP_BYTES, 8, 8, hash, equal};
  hmap *h = hmap_make(&type, 0);
  assert_non_null(h);
  return h;
}

static void test_a_user_hash_is_called_once_an_operation(void **state)
{
  (void)state;
  hmap *h = makeUser(countingHash, countingEqual);
  hashCalls = 0;
  for (uint64_t k = 0; k < 5000; k++) { /* through a dozen growths */
    put(h, k, k);
    assert_int_equal(hashCalls, k + 1);
  }
  for (uint64_t k = 0; k < 10000; k++) {
    hashCalls = 0;
    assert_int_equal(has(h, k), k < 5000);
    assert_int_equal(hashCalls, 1);
    if (k % 3 == 0)
      assert_int_equal(cut(h, k), k < 5000);
    assert_int_equal(hashCalls, 1 + (k % 3 == 0));
  }
  hmap_free(h);
}

static void test_a_user_hash_never_sees_stored_keys(void **state)
{
  (void)state;
  hmap *h = makeUser(countingHash, countingEqual);
  hmap_iter it;
  hmap_stats s;
  putRange(h, 0, capacity(8) + 1);
  assert_true(growing(h));
  hashCalls = equalCalls = 0;
  for (hmap_iter_init(&it, h); hmap_iter_next(&it);)
    ;
  hmap *c = hmap_clone(h);
  ASSERT_SOUND(c);
  hmap_getstats(h, &s);
  while (growing(h))
    evacuate(h);
  ASSERT_SOUND(h);
  hmap_clear(h);
  assert_int_equal(hashCalls, 0);
  assert_int_equal(equalCalls, 0);
  hmap_free(h);
  hmap_free(c);
}

static const void *askedFor; /* the key of the operation under way */
static hmap *subject;

static bool strictEqual(const void *stored, const void *key)
{
  uint64_t a = *(const uint64_t *)stored / 4, b = *(const uint64_t *)key / 4;
  equalCalls++;
  assert_ptr_equal(key, askedFor);
  assert_ptr_not_equal(stored, askedFor);
  assert_int_equal((uint32_t)memhash64(a, &subject->hash0), (uint32_t)memhash64(b, &subject->hash0));
  return equalInts(stored, key);
}
static void test_equal_sees_the_stored_key_first_and_only_where_hashes_agree(void **state)
{
  (void)state;
  uint64_t key;
  askedFor = &key;
  hmap *h = subject = makeUser(countingHash, strictEqual);
  for (key = 0; key < 20000; key++)
    assert_non_null(hmap_assign(h, &key));
  equalCalls = 0;
  for (key = 0; key < 20000; key++)
    assert_non_null(hmap_access(h, &key));
  assert_in_range(equalCalls, 20000, 4 * 20000); /* itself, and at most the three that share its hash */
  equalCalls = 0;
  for (key = 20000; key < 80000; key++)
    assert_null(hmap_access(h, &key));
  assert_int_equal(equalCalls, 0);
  for (key = 0; key < 20000; key++)
    assert_true(hmap_delete(h, &key));
  hmap_free(h);
}

/* Callbacks that do what they should not */

static jmp_buf out;
static int doings; /* how often the callback still does something */
static void (*doing)(void);

static uint64_t constantHash(const void *key, const hmap_seed *seed)
{
  (void)key, (void)seed;
  return 1;
}
static bool doingEqual(const void *stored, const void *key)
{
  bool same = equalInts(stored, key);
  if (doings > 0) {
    doings--;
    doing();
  }
  return same;
}
static void doAccess(void)
{
  assert_true(get(subject, 3) == 3);
}
static void doAssign(void)
{
  static uint64_t next = 1000;
  put(subject, next++, 0);
}
static void doDelete(void)
{
  for (uint64_t k = 0; k < 20; k++)
    if (cut(subject, k))
      return;
}
static void doClear(void)
{
  hmap_clear(subject);
}
static void doEmpty(void)
{
  for (uint64_t k = 0; k < 3000; k++)
    cut(subject, k);
}
static void doGrow(void)
{
  putRange(subject, 2000, 2200);
}
static void doJump(void)
{
  longjmp(out, 1);
}

static void test_an_equal_that_looks_up_in_its_table(void **state)
{
  (void)state;
  hmap *h = subject = makeUser(constantHash, doingEqual);
  doings = 0;
  doing = doAccess;
  putRange(h, 0, 30);
  doings = 40;
  assertRange(h, 0, 30);
  assert_int_equal(doings, 0);
  doings = 5;
  put(h, 30, 30);
  doings = 5;
  assert_true(cut(h, 12));
  ASSERT_SOUND(h);
  hmap_free(h);
}

/* Whatever a comparison does to the table, the table stays sound, and the operation does what it says on what it is then. */
static void test_an_equal_that_writes_to_its_table(void **state)
{
  (void)state;
  void (*const all[])(void) = {doAssign, doDelete, doClear, doEmpty, doGrow};
  for (size_t d = 0; d < sizeof all / sizeof *all; d++)
    for (uint64_t n = 1; n < 40; n += 1)
      for (int op = 0; op < 3; op++)
        for (int often = 1; often < 4; often++) {
          hmap *h = subject = makeUser(constantHash, doingEqual);
          uint64_t key = n > 4 ? 4 : 50;
          doings = 0;
          putRange(h, 0, n);
          doing = all[d];
          doings = often;
          if (op == 0)
            assert_non_null(hmap_assign(h, &key));
          else if (op == 1)
            hmap_delete(h, &key);
          else
            hmap_access(h, &key);
          doings = 0;
          ASSERT_SOUND(h);
          if (op < 2)
            assert_int_equal(has(h, key), op == 0);
          putRange(h, 0, n);
          assertRange(h, 0, n);
          ASSERT_SOUND(h);
          hmap_free(h);
        }
  ASSERT_NOTHING_LEFT();
}

static void jumpOutOf(hmap *h, int op)
{
  doing = doJump;
  doings = 1;
  if (setjmp(out) == 0) {
    if (op == 0)
      put(h, 4, 4);
    else if (op == 1)
      cut(h, 4);
    else
      has(h, 4);
    fail_msg("no comparison");
  }
  doings = 0;
}
static void test_a_longjmp_out_of_equal_leaves_the_table_usable(void **state)
{
  (void)state;
  for (int op = 0; op < 3; op++)
    for (uint64_t n = 5; n < 60; n++) { /* settled and growing */
      hmap *h = subject = makeUser(constantHash, doingEqual);
      doings = 0;
      putRange(h, 0, n);
      jumpOutOf(h, op);
      assert_int_equal(flagsOf(h) & hashWriting, 0);
      ASSERT_SOUND(h);
      assertRange(h, 0, n);
      put(h, n, n);
      assert_true(cut(h, 4));
      ASSERT_SOUND(h);
      hmap_free(h);
    }
  ASSERT_NOTHING_LEFT();
}

static uint64_t jumpingHash(const void *key, const hmap_seed *seed)
{
  (void)seed;
  if (doings > 0) {
    doings--;
    longjmp(out, 1);
  }
  return *(const uint64_t *)key;
}
static void test_a_longjmp_out_of_hash_leaves_the_table_usable(void **state)
{
  (void)state;
  for (int op = 0; op < 3; op++) {
    hmap *h = makeUser(jumpingHash, equalInts);
    doings = 0;
    putRange(h, 0, 105);
    assert_true(growing(h));
    jumpOutOf(h, op);
    assert_int_equal(flagsOf(h) & hashWriting, 0);
    ASSERT_SOUND(h);
    assertRange(h, 0, 105);
    putRange(h, 0, 300);
    hmap_free(h);
  }
}

/* Keys that stand in the table itself */

static void test_a_key_argument_may_stand_in_the_table(void **state)
{
  (void)state;
  const size_t keySizes[] = {4, 8, 16, 24, 200};
  for (size_t s = 0; s < sizeof keySizes / sizeof *keySizes; s++) {
    hmap *h = makeTable(HMAP_BYTES, keySizes[s], 16, 0);
    unsigned char key[200] = {0};
    size_t writesWhileGrowing = 0;
    for (uint32_t k = 0; k < 30000; k++) {
      memcpy(key, &k, sizeof k);
      memcpy(hmap_assign(h, key), &k, sizeof k);
      for (int again = 0; again < 2; again++) { /* a walk of one step, so nothing is pinned when the key is used */
        uint32_t number;
        hmap_iter it;
        hmap_iter_init(&it, h);
        assert_true(hmap_iter_next(&it));
        const void *inside = it.key;
        memcpy(&number, inside, sizeof number);
        hmap_iter_end(&it);
        writesWhileGrowing += growing(h);
        assert_memory_equal(hmap_assign(h, inside), &number, sizeof number);
      }
    }
    assert_int_equal(hmap_len(h), 30000);
    assert_true(writesWhileGrowing > 1000);
    ASSERT_SOUND(h);
    for (size_t n = 30000; n > 0; n--) {
      hmap_iter it;
      hmap_iter_init(&it, h);
      assert_true(hmap_iter_next(&it));
      const void *inside = it.key;
      hmap_iter_end(&it);
      assert_true(hmap_delete(h, inside));
    }
    assert_int_equal(hmap_len(h), 0);
    hmap_free(h);
    ASSERT_NOTHING_LEFT();
  }
}

/* What the system refuses */

/* A settled table of integers that has outgrown 2^B buckets. */
static hmap *grown(uint8_t B)
{
  hmap *h = makeInts(0);
  putRange(h, 0, capacity(B) + 1);
  settle(h);
  assert_int_equal(h->B, B + 1);
  return h;
}
static void freeGrown(hmap *h)
{
  ASSERT_SOUND(h);
  assertRange(h, 0, hmap_len(h));
  hmap_free(h);
}
/* Large arrays have their segments in pages, those of a size from malloc once a table of that size has gone. */
static void test_where_segments_come_from(void **state)
{
  (void)state;
  segmentsFromMalloc(false);
  hmap *h = grown(8), *twin;
  assert_false(h->buckets->paged); /* 64 KiB */
  freeGrown(h);
  h = grown(9), twin = grown(9);
  assert_true(h->buckets->paged && twin->buckets->paged && !onHugePages(h->buckets));
  freeGrown(h);
  h = grown(9);
  assert_false(h->buckets->paged);
  putRange(h, hmap_len(h), capacity(10) + 1); /* to an array that nobody has freed yet */
  assert_true(growing(h) && h->buckets->paged);
  freeGrown(h);
  freeGrown(twin);
  h = makeInts(capacity(16));
  assert_false(h->buckets->paged); /* nobody knows whether it will be filled */
  hmap_free(h);
  h = grown(11);
  assert_true(h->buckets->paged && hashGrow(h));
  assert_false(h->buckets->paged); /* of the same size */
  settle(h);
  freeGrown(h);
  for (int i = 0; i < 2; i++) { /* what is on huge pages always is */
    h = makeInts(0);
    bucketArray *a = makeBucketArray(h->t, 16, HMAP_HUGE);
    assert_true(a->paged && onHugePages(a));
    assert_int_equal((uintptr_t)tailOf(a)->pages % hugePage, 0);
    freeBuckets(a);
    hmap_free(h);
  }
  ASSERT_NOTHING_LEFT();
  segmentsFromMalloc(false);
}
/* Where the system has no pages, segments come from malloc. */
static void test_a_system_without_pages(void **state)
{
  (void)state;
  segmentsFromMalloc(false);
  memory.failLarge = 128 << 10;
  hmap *h = grown(12);
  assert_false(h->buckets->paged);
  memory.failLarge = 0;
  freeGrown(h);
  ASSERT_NOTHING_LEFT();
}

static void test_a_system_that_takes_no_pages_back(void **state)
{
  (void)state;
  memory.keepPages = true;
  hmap *h = largeDirectory(200);
  assert_true(hashGrow(h));
  evacuateTo(h, bucketShift(largeB));
  assert_non_null(h->retired);
  while (h->retired)
    miss(h);
  assertLarge(h, 200);
  ASSERT_SOUND(h);
  hmap_free(h);
  memory.keepPages = false;
  assert_true(memory.mapped > 0);
  memory.mapped = 0;
}

/* Environment */

static void startAnew(void)
{
  pthread_once_t once = PTHREAD_ONCE_INIT;
  seeds.once = once;
  seeds.fixed = false;
}
static void printSeed(const hmap *h)
{
  fprintf(stderr, "%016" PRIx64 "%016" PRIx64 "\n", h->hash0.k0, h->hash0.k1);
}
static void showSeeds(void)
{
  startAnew();
  hmap *a = makeInts(0), *b = makeInts(0);
  put(a, 1, 1);
  put(b, 1, 1);
  printSeed(a);
  printSeed(b);
  hmap_clear(a);
  put(a, 1, 1);
  printSeed(a);
  cut(b, 1);
  printSeed(b);
  hmap_free(a);
  hmap_free(b);
}
static void test_HMAP_SEED_fixes_all_seeds(void **state)
{
  (void)state;
  char one[400], same[400], two[400], none[400];
  setenv("HMAP_SEED", "17", 1);
  assert_int_equal(runChild(showSeeds, one, sizeof one), 0);
  assert_int_equal(runChild(showSeeds, same, sizeof same), 0);
  setenv("HMAP_SEED", "18", 1);
  assert_int_equal(runChild(showSeeds, two, sizeof two), 0);
  unsetenv("HMAP_SEED");
  assert_int_equal(runChild(showSeeds, none, sizeof none), 0);
  assert_int_equal(strlen(one), 4 * 33);
  assert_string_equal(one, same);
  for (int i = 1; i < 4; i++) {
    assert_memory_equal(one, one + 33 * i, 33);
    assert_memory_not_equal(none, none + 33 * i, 33);
  }
  assert_memory_not_equal(one, two, 33);
  assert_memory_not_equal(one, none, 33);
}

/* As published for a key and a nonce of zeros (Strombergson: Test Vectors for the Stream Cipher ChaCha). */
static void test_chacha8_gives_the_published_results(void **state)
{
  (void)state;
  static const unsigned char want[] = {0x3e, 0x00, 0xef, 0x2f, 0x89, 0x5f, 0x40, 0xd6, 0x7f, 0x5b, 0xb8, 0xe8, 0x1f,
                                       0x09, 0xa5, 0xa1, 0x2c, 0x84, 0x0e, 0xc3, 0xce, 0x9a, 0x7f, 0x3b, 0x18, 0x1b,
                                       0xe1, 0x88, 0xef, 0x71, 0x1a, 0x1e, 0x98, 0x4c, 0xe1, 0x72, 0xb9, 0x21, 0x6f,
                                       0x41, 0x9f, 0x44, 0x53, 0x67, 0x45, 0x6d, 0x56, 0x19, 0x31, 0x4a, 0x42, 0xa3,
                                       0xda, 0x86, 0xb0, 0x01, 0x38, 0x7b, 0xfd, 0xb8, 0x0e, 0x0c, 0xfe, 0x42};
  static const uint32_t key[keyWords];
  uint32_t block[blockWords];
  chacha8(key, 0, block);
  for (unsigned i = 0; i < sizeof want; i++)
    assert_int_equal(block[i / 4] >> i % 4 * 8 & 0xff, want[i]);
}

/* What has been handed out is no more in memory, and neither is the key that made it. */
static void test_seeds_are_forgotten(void **state)
{
  (void)state;
  uint32_t key[keyWords], fill[streamWords], again[blockWords];
  startStream();
  memcpy(key, seeds.key, sizeof key);
  for (unsigned i = 0; i < 2 * streamWords / seedWords; i++) {
    hmap_seed s = newSeed();
    memcpy(fill, seeds.stream, sizeof fill);
    for (unsigned k = 0; k < streamWords; k++)
      assert_true((fill[k] == 0) == (k < keyWords || k >= seeds.left));
    assert_false(oneSeed(s, newSeed()));
    assert_memory_not_equal(key, seeds.key, sizeof key);
  }
  startStream();
  assert_memory_equal(key, seeds.key, sizeof key);
  newSeed();
  chacha8(key, 0, again);
  assert_memory_equal(again, seeds.key, sizeof seeds.key);
}

/* A thread that comes while another one is at the stream draws by itself. */
static void test_seeds_while_another_thread_draws(void **state)
{
  (void)state;
  hmap_seed a = newSeed();
  uint32_t left = seeds.left;
  seeds.busy = true;
  hmap_seed b = newSeed(), c = newSeed();
  seeds.busy = false;
  assert_int_equal(seeds.left, left);
  assert_false(oneSeed(a, b) || oneSeed(b, c) || oneSeed(a, c));
}

static void showNext(void)
{
  hmap_seed s = newSeed();
  fprintf(stderr, "%016" PRIx64 "%016" PRIx64 "\n", s.k0, s.k1);
}
static void test_children_of_a_fork_have_seeds_of_their_own(void **state)
{
  (void)state;
  char one[100], two[100], own[100];
  newSeed();
  seeds.busy = true; /* as if another thread were drawing */
  assert_int_equal(runChild(showNext, one, sizeof one), 0);
  seeds.busy = false;
  assert_int_equal(runChild(showNext, two, sizeof two), 0);
  hmap_seed s = newSeed();
  snprintf(own, sizeof own, "%016" PRIx64 "%016" PRIx64 "\n", s.k0, s.k1);
  assert_int_equal(strlen(one), strlen(own));
  assert_string_not_equal(one, two);
  assert_string_not_equal(one, own);
  assert_string_not_equal(two, own);
}

/* Statistics */

static void test_statistics(void **state)
{
  (void)state;
  memory.asked = 0;
  hmap *h = makeInts(capacity(5));
  hmap_stats s;
  for (unsigned i = 0; i < 24; i++)
    put(h, keyWith(h, 7, 31), 0);
  hmap_getstats(h, &s);
  assert_int_equal(s.len, 24);
  assert_int_equal(s.nbuckets, 32);
  assert_int_equal(s.noverflow, 2);
  assert_int_equal(s.noldbuckets, 0);
  assert_int_equal(s.nevacuated, 0);
  assert_int_equal(s.longest_chain, 3);
  assert_true(s.load == 0.75);
  assert_int_equal(s.bytes, memory.asked - sizeof(table));
  for (uint64_t k = 0; !growing(h); k++)
    put(h, k, k);
  hmap_getstats(h, &s);
  assert_int_equal(s.noldbuckets, 32);
  assert_int_equal(s.nbuckets, 64);
  assert_int_equal(s.nevacuated, h->nevacuate);
  hmap_free(h);
  hmap_getstats(NULL, &s);
  assert_true(s.len == 0 && s.nbuckets == 0 && s.bytes == 0 && s.load == 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_low_bits_choose_the_bucket_top_bits_the_tophash),
      TEST(test_matching_eight_tophashes_at_once),
      TEST(test_a_table_has_no_buckets_before_its_first_entry),
      TEST(test_slabs_of_overflow_buckets),
      TEST(test_overflow_buckets_are_linked_in_order),
      TEST(test_addresses_that_a_link_can_hold),
      TEST(test_noverflow_counts_overflow_buckets),
      TEST(test_many_slabs_of_overflow_buckets),
      TEST(test_deletion_tells_emptyOne_from_emptyRest),
      TEST(test_a_deleted_slot_is_used_again),
      TEST(test_filter_lets_a_miss_skip_the_chain),
      TEST(test_growth_begins_beyond_six_and_a_half_entries_a_bucket),
      TEST(test_a_hint_makes_room_for_that_many),
      TEST(test_hashGrow_only_allocates),
      TEST(test_too_many_overflow_buckets_make_it_grow_at_the_same_size),
      TEST(test_evacuation_leaves_entries_in_their_old_slots),
      TEST(test_same_size_evacuation_marks_all_X),
      TEST(test_a_write_evacuates_two_buckets),
      TEST(test_mass_deletion_shrinks_it),
      TEST(test_the_array_follows_the_entries_down),
      TEST(test_a_hint_keeps_it_from_shrinking),
      TEST(test_an_insertion_shrinks_what_a_walk_has_emptied),
      TEST(test_chains_that_are_joined),
      TEST(test_reads_evacuate_nothing),
      TEST(test_assigning_an_existing_key_moves_nothing),
      TEST(test_entries_are_found_at_every_nevacuate),
      TEST(test_get_many),
      TEST(test_get_many_strings),
      TEST(test_a_hint_takes_a_directory_only),
      TEST(test_a_clone_and_a_clear_of_a_table_that_is_mostly_not_there),
      TEST(test_growth_of_a_table_that_is_mostly_not_there),
      TEST(test_large_directories_go_in_pieces),
      TEST(test_a_large_directory_in_use),
      TEST(test_a_large_directory_that_a_walk_pins),
      TEST(test_deleting_the_last_entry_takes_a_new_seed),
      TEST(test_deleting_the_last_entry_during_growth),
      TEST(test_clear_takes_a_new_seed),
      TEST(test_each_table_has_its_own_seed),
      TEST(test_a_clone_keeps_the_seed_and_is_independent),
      TEST(test_assigning_an_existing_key_keeps_the_stored_one),
      TEST(test_large_keys_and_elems_stand_behind_pointers),
      TEST(test_sizes_up_to_128_stand_in_the_bucket),
      TEST(test_types_that_are_not_allowed),
      TEST(test_hints_beyond_all_memory),
      TEST(test_a_user_hash_is_called_once_an_operation),
      TEST(test_a_user_hash_never_sees_stored_keys),
      TEST(test_equal_sees_the_stored_key_first_and_only_where_hashes_agree),
      TEST(test_an_equal_that_looks_up_in_its_table),
      TEST(test_an_equal_that_writes_to_its_table),
      TEST(test_a_longjmp_out_of_equal_leaves_the_table_usable),
      TEST(test_a_longjmp_out_of_hash_leaves_the_table_usable),
      TEST(test_a_key_argument_may_stand_in_the_table),
      TEST(test_where_segments_come_from),
      TEST(test_a_system_without_pages),
      TEST(test_a_system_that_takes_no_pages_back),
      TEST(test_neighbours_stay_together),
      TEST(test_HMAP_SEED_fixes_all_seeds),
      TEST(test_chacha8_gives_the_published_results),
      TEST(test_seeds_are_forgotten),
      TEST(test_seeds_while_another_thread_draws),
      TEST(test_children_of_a_fork_have_seeds_of_their_own),
      TEST(test_statistics),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
