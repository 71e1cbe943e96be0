/* sync.c: the concurrent map, by one thread, beside a plain array; what it destroys is counted. */
#include "../sync_testing.h"
#include "fuzz.h"

enum { nKeys = 400 };
static uintptr_t model[nKeys]; /* 0: not there */
static size_t count, stored, destroyed;
static hmap_sync *m;
static bool oneChain;

static void destroyValue(void *value)
{
  (void)value;
  destroyed++;
}
static uint64_t fewHashes(const void *key, const hmap_seed *seed)
{
  uint64_t k;
  (void)seed;
  memcpy(&k, key, sizeof k);
  return oneChain ? 99 : k % 7;
}
static void will(size_t k, uintptr_t value)
{
  count += (value != 0) - (size_t)(model[k] != 0);
  stored += value != 0;
  model[k] = value;
}
static uintptr_t fresh(void)
{
  return 1 + random64() % 3; /* few, so that comparisons find their value */
}

static bool seenKey[nKeys];
static size_t seenKeys, stopAfter;
static bool lookAt(const void *key, void *value, void *arg)
{
  uint64_t k;
  memcpy(&k, key, sizeof k);
  (void)arg;
  REQUIRE(k < nKeys && !seenKey[k] && model[k] == (uintptr_t)value);
  seenKey[k] = true;
  return ++seenKeys != stopAfter;
}
static bool isOdd(const void *key, void *value, void *arg)
{
  uint64_t k;
  memcpy(&k, key, sizeof k);
  (void)arg;
  REQUIRE(k < nKeys && model[k] == (uintptr_t)value);
  return k & 1;
}
static enum hmap_sync_action decide(bool found, void **value, void *arg)
{
  uintptr_t *wanted = arg;
  REQUIRE(found == (wanted[0] != 0) && (uintptr_t)*value == wanted[0]);
  *value = (void *)wanted[1];
  return (enum hmap_sync_action)wanted[2];
}

static void walkAll(size_t stop)
{
  memset(seenKey, 0, sizeof seenKey);
  seenKeys = 0;
  stopAfter = stop;
  REQUIRE(hmap_sync_range(m, lookAt, NULL));
  REQUIRE(seenKeys == (stop && stop < count ? stop : count));
}
static void deleteOdd(void)
{
  size_t deleted, odd = 0;
  for (size_t k = 1; k < nKeys; k += 2)
    odd += model[k] != 0;
  REQUIRE(hmap_sync_delete_if(m, isOdd, NULL, &deleted) && deleted == odd);
  for (size_t k = 1; k < nKeys; k += 2)
    will(k, 0);
}
static void compute(uint64_t k)
{
  uintptr_t was = model[k], arg[3] = {was, fresh(), byte() % 3};
  hmap_sync_result r = hmap_sync_compute(m, &k, decide, arg);
  REQUIRE(r.outcome == (was ? HMAP_SYNC_FOUND : HMAP_SYNC_ABSENT));
  if (arg[2] == HMAP_SYNC_SET)
    will(k, arg[1]);
  else if (arg[2] == HMAP_SYNC_DELETE)
    will(k, 0);
}
static void exchange(uint64_t k, unsigned how)
{
  void *old = NULL;
  uintptr_t was = model[k], value = fresh(), guess = fresh();
  enum hmap_sync_outcome found = was ? HMAP_SYNC_FOUND : HMAP_SYNC_ABSENT;
  switch (how) {
  case 0:
    REQUIRE(hmap_sync_swap(m, &k, word(value), &old).outcome == found && (uintptr_t)old == was);
    will(k, value);
    break;
  case 1:
    REQUIRE(hmap_sync_load_or_store(m, &k, word(value), &old).outcome == found);
    REQUIRE((uintptr_t)old == (was ? was : value));
    if (!was)
      will(k, value);
    break;
  case 2: {
    bool swaps = was && was == guess;
    REQUIRE(hmap_sync_compare_and_swap(m, &k, word(guess), word(value)).outcome == (swaps ? HMAP_SYNC_FOUND : HMAP_SYNC_ABSENT));
    if (swaps)
      will(k, value);
    break;
  }
  case 3:
    REQUIRE(hmap_sync_compare_and_delete(m, &k, word(guess)) == (was && was == guess));
    if (was == guess)
      will(k, 0);
    break;
  default:
    REQUIRE(hmap_sync_load_and_delete(m, &k, &old) == (was != 0) && (uintptr_t)old == was);
    will(k, 0);
  }
}

static void operate(void)
{
  unsigned op = byte(), n = 1;
  uint64_t k = (byte() | (op & 0x80u) << 1) % nKeys;
  void *value = NULL;
  switch (op & 15) {
  case 0:
  case 1:
    for (n += byte() & 63; n--; k = (k + 1) % nKeys) {
      uintptr_t v = fresh();
      REQUIRE(hmap_sync_store(m, &k, word(v)));
      will(k, v);
    }
    break;
  case 2:
    for (n += byte() & 63; n--; k = (k + 1) % nKeys) {
      REQUIRE(hmap_sync_delete(m, &k) == (model[k] != 0));
      will(k, 0);
    }
    break;
  case 3:
    REQUIRE(hmap_sync_load(m, &k, &value) == (model[k] != 0) && (uintptr_t)value == model[k]);
    break;
  case 4:
    walkAll(op & 16 ? 1 + byte() : 0);
    break;
  case 5:
    deleteOdd();
    break;
  case 6:
    if (op & 16)
      REQUIRE(hmap_sync_reserve(m, byte()));
    else
      REQUIRE(hmap_sync_barrier());
    break;
  case 7:
    if (op & 16) {
      REQUIRE(hmap_sync_clear(m));
      for (size_t i = 0; i < nKeys; i++)
        will(i, 0);
    }
    break;
  case 8:
    compute(k);
    break;
  default:
    exchange(k, (op & 15) - 9u);
  }
  REQUIRE(hmap_sync_len(m) == count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  void *none = NULL;
  startTest(&none);
  readInput(data, size);
  unsigned how = byte();
  hmap_sync_type type = {.key_size = 8, .destroy = destroyValue};
  if (how & 1) {
    type.hash = fewHashes;
    type.equal = equalWords;
    oneChain = how & 2;
  }
  memset(model, 0, sizeof model);
  count = stored = destroyed = 0;
  m = makeMap(type);
  while (more()) {
    operate();
    input.operations++;
  }
  walkAll(0);
  hmap_sync_free(m);
  settle();
  REQUIRE(destroyed == stored);
  return 0;
}
