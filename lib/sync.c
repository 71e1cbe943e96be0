/* sync.c: libhmap-sync, a concurrent map. This file is the whole library: it includes the others, as engine.c does.
 *
 *      hmap_sync            array                 buckets                  nodes
 *     +----------+     +-------------+      +--------------------+     +---------------------------+
 *     | table   -+-->  | buckets, mask -->  | tophashes, 6 slots -+-->  | value, owner?, hash?, key |
 *     | seed     |     | next        -+-+   | tophashes, 6 slots |     +---------------------------+
 *     | type     |     | gen         -+-|-+ | ...                +-->  overflow bucket
 *     +----------+     +-------------+  | | +--------------------+
 *                              array <--+ +-> generation: counts
 *
 * Like the engine it is an array of buckets with a tophash a slot, overflow buckets, and growth in steps: a growth allocates an
 * array, and each write evacuates its own chain and one more. What differs serves readers that take no lock:
 *
 *   1. A slot is a pointer to a node, and what it points to is there. A node's key never changes and a node never
 *      moves; only its value can be overwritten, by whoever holds the chain's lock. So there is nothing that a reader
 *      could see half done, and no reader waits for a writer that was stopped in the middle, as it would with a
 *      sequence lock around all that a write does. (A hash trie as Go 1.24's has nodes too, but five more of them in
 *      the way at 1e6 entries.)
 *   2. Where keys have eight bytes and nothing needs destruction, the entry itself is in the slot: a pair. That saves
 *      a cache miss, which made loads at 1e6 entries about twice as fast, and all memory management. A version a bucket tells a
 *      reader that a slot was used anew between its looks at tophash and value; then it begins again, once for each entry
 *      that was put there. A write that stands still holds nobody up: it raises the version before it touches a slot, whose
 *      tophash then says that it is empty.
 *   3. Entries stay in their slot while they are in an array. So a key that is there during a whole search is found;
 *      one that is not found was absent at some moment of the search, which is when the search counts as done.
 *   4. With nodes, tophashes are hints: set before the slot and never taken away, only overwritten. So whoever sees the
 *      slot sees the hint, and so does everybody who begins later. With pairs they say what is there: set last and
 *      taken away first.
 *   5. Evacuation copies pointers, or pairs, into chains in which nobody else looks for these keys yet, and then marks
 *      the old chain evacuated, once and for all. A reader that saw no mark searches the old chain as it was; one that
 *      sees it goes on to the next array. A writer that has the chain's lock looks for the mark again.
 *   6. A reader may thus come upon an entry that has been deleted, or whose copy has another value, since it began.
 *      Then it counts as done just before that.
 *   7. Clear exchanges the table for an empty one of a new generation. Calls that began in the old generation go on in
 *      it and count as done before the Clear.
 *
 * The moments when calls take effect: the store to a slot, or to a pair's tophash (insertion, deletion, replacement where
 * values are destroyed), the store to an entry's value (replacement elsewhere), the exchange of the table (Clear).
 * tests/model/ has models of 3 to 6, sync.pml with nodes and sync-pairs.pml with pairs, which take it that memory has one order;
 * and of the steps that depend on fences, weak.c, where it has not.
 *
 * Orders. A call must have taken effect for everybody before it returns, or the thread's next load could be done before it (store
 * buffering); and what one load has seen no later load of whatever thread may miss. For that
 *   - every load that a search makes is sequentially consistent, and so are the lock's compare-and-swap and the exchange of the
 * table;
 *   - the store by which a write takes effect (PUBLISH) and all before it are releases, and the unlocking that follows is a
 *     sequentially consistent exchange, with a fence behind it but on x86. Nothing that the thread loads later passes it.
 * x86: loads are plain; the exchange empties the store buffer before the next load. Memory has one order of stores, so readers
 * agree. ARM64: a store-release is not passed by a later load-acquire of either kind that the compiler makes of a seq_cst load
 * (LDAR waits for STLR; the fence, DMB ISH, is for LDAPR), and stores become visible to all others at once (multi-copy
 * atomicity). POWER: stores are not visible to all at once. There PUBLISH is a seq_cst store, so all moments when calls take
 * effect are in C11's one order S; each load has a hwsync before it, which makes what its thread has seen before known to
 * everybody (IRIW). The stores to a fresh node or pair, to tophashes of nodes, to versions and to links need release only: they
 * come before PUBLISH. doc/sync.md goes through every atomic.
 *
 * Locks: a bit in the head of a chain's first bucket, which a write needs anyway. Who waits spins for a moment and then sleeps in
 * the kernel. There is no priority inheritance: for that the lock would have to hold a thread's id, for which the head has no
 * room; a real-time thread that sleeps leaves the processor to the holder, which is what spinning did not. Nobody waits with a
 * lock for anything but the lock of a chain in the next array, and only to move its own key's chain, so there is no circle;
 * nothing of the user's but hash, equal and compute's function runs under one.
 *
 * Memory goes as sync-reclaim.c says. Six slots, because a bucket is then one cache line. */
#define _GNU_SOURCE                                /* secure_getenv */
#pragma GCC diagnostic ignored "-Wunused-function" /* hash.h and seed.c have more than this library uses */
#include "sync.h"
#include "seed.c"
#define HMAP_LIBRARY "libhmap-sync"
#include "counters.c"
#include "sync-reclaim.c"
#include "sync-memory.c"
#include "sync-table.c"
#include "sync-range.c"

static bool validSyncType(const hmap_sync_type *type)
{
  if (!type || (type->hash == NULL) != (type->equal == NULL))
    return false;
  if (type->kind == HMAP_STRING)
    return !type->hash && type->key_size == 0;
  return type->kind == HMAP_BYTES && type->key_size > 0 && type->key_size <= maxBytes;
}
static uint8_t syncAlgOf(const hmap_sync_type *type)
{
  if (type->hash)
    return algUser;
  if (type->kind == HMAP_STRING)
    return algStr;
  return type->key_size == 8 ? alg64 : type->key_size == 4 ? alg32 : algMem;
}
/* Where a node's key stands: behind its owner, if it has one, and its hash, if that is stored. */
static uint32_t keyOffset(const hmap_sync_type *type, uint8_t alg, bool owned)
{
  uint32_t n = sizeof(node) + (owned ? sizeof(owner *) : 0), align = alignOf((uint32_t)type->key_size);
  if (!hashIsStored(alg))
    return roundUp(n, align);
  return roundUp(n + (uint32_t)sizeof(uint64_t), align < sizeof(uint64_t) ? sizeof(uint64_t) : align);
}
static bool fillSyncMap(hmap_sync *m, const hmap_sync_type *type)
{
  const bool owned = type->destroy || type->destroy_key;
  *m = (hmap_sync){.seed = newSeed(), .alg = syncAlgOf(type), .keysize = (uint32_t)type->key_size, .least = minBuckets};
  m->pairs = m->alg == alg64 && !owned;
  m->keyoff = m->pairs ? offsetof(pair, key) : keyOffset(type, m->alg, owned);
  m->hash = type->hash;
  m->equal = type->equal;
  m->retain = type->retain;
  m->owner = owned ? ownerFor(type, m->keyoff) : NULL;
  if (owned && !m->owner)
    return false;
  generation *gen = newGeneration(m);
  if (gen)
    m->table = gen->table;
  return gen != NULL;
}

static void linkMap(hmap_sync *m)
{
  pthread_mutex_lock(&maps.mutex);
  m->nextMap = maps.first;
  m->before = &maps.first;
  if (m->nextMap)
    m->nextMap->before = &m->nextMap;
  maps.first = m;
  pthread_mutex_unlock(&maps.mutex);
}
static void unlinkMap(hmap_sync *m)
{
  pthread_mutex_lock(&maps.mutex);
  *m->before = m->nextMap;
  if (m->nextMap)
    m->nextMap->before = m->before;
  pthread_mutex_unlock(&maps.mutex);
}
static void finishResizes(reader *r)
{
  pthread_mutex_lock(&maps.mutex);
  for (hmap_sync *m = maps.first; m; m = m->nextMap)
    finishResize(m, r);
  pthread_mutex_unlock(&maps.mutex);
}

hmap_sync *hmap_sync_make(const hmap_sync_type *type)
{
  if (!validSyncType(type)) {
    errno = EINVAL;
    return NULL;
  }
  reader *r = me(); /* the first call of all sets up what is there once a process */
  hmap_sync *m = malloc(sizeof *m);
  if (!m || !fillSyncMap(m, type)) {
    free(m);
    return NULL;
  }
  enter(r);
  linkMap(m);
  leave(r);
  pthread_once(&counters.once, countersInit);
  countMaps(1, 0);
  return m;
}

void hmap_sync_free(hmap_sync *m)
{
  if (!m)
    return;
  reader *r = openWrite();
  unlinkMap(m);
  countMaps(-1, entriesOf(LOAD(&m->table)->gen));
  retireGeneration(r, LOAD(&m->table));
  closeWrite(r);
  free(m);
}

/* Hands a value to the caller, if it asked for it. In the read section in which the value was seen. */
ALWAYS_INLINE void hand(const hmap_sync *m, void *value, void **result)
{
  if (!result)
    return;
  if (m->retain)
    m->retain(value);
  *result = value;
}
ALWAYS_INLINE bool loadHashed(hmap_sync *m, uint8_t alg, bool pairs, uint64_t hash, const void *key, void **value)
{
  void *found;
  reader *r = readLock();
  bool there = lookUp(m, alg, pairs, hash, key, &found) != NULL;
  if (there)
    hand(m, found, value);
  readUnlock(r);
  return there;
}
ALWAYS_INLINE bool loadAs(hmap_sync *m, uint8_t alg, bool pairs, const void *key, void **value)
{
  return loadHashed(m, alg, pairs, hashOfKey(m, alg, key), key, value);
}
/* One function for each kind of map, which so has registers for all. */
NOINLINE bool loadWord(hmap_sync *m, const void *key, void **value)
{
  return loadAs(m, alg64, true, key, value);
}
NOINLINE bool loadText(hmap_sync *m, const void *key, void **value)
{
  return loadAs(m, algStr, false, key, value);
}
NOINLINE bool loadOther(hmap_sync *m, const void *key, void **value)
{
  return loadAs(m, m->alg, false, key, value);
}
bool hmap_sync_load(hmap_sync *m, const void *key, void **value)
{
  return m->pairs ? loadWord(m, key, value) : m->alg == algStr ? loadText(m, key, value) : loadOther(m, key, value);
}

/* A write to a key, from here to closeSection: all is ready for the key to be set, if prepare says so. Returns false if there is
 * no memory for that. */
typedef struct keyWrite {
  hmap_sync *m;
  reader *r;
  entry e;
  node *fresh;
  bool found;
  void *old; /* the value, if the key is there */
} keyWrite;

ALWAYS_INLINE void beginKey(keyWrite *w, hmap_sync *m, uint8_t alg, bool pairs, uint64_t hash, const void *key)
{
  w->m = m;
  w->r = openWrite();
  lockEntry(m, alg, pairs, w->r, hash, key, &w->e);
  w->found = w->e.s.n != NULL;
  w->old = w->found ? LOAD_RELAXED(&w->e.s.n->value) : NULL;
}
/* Sets the key. Returns false, and nothing has changed, if there is no memory. */
ALWAYS_INLINE bool setKey(keyWrite *w, bool pairs, const void *key, void *value)
{
  if (!prepareEntry(w->m, pairs, &w->e, key, &w->fresh))
    return false;
  if (w->found)
    replaceEntry(w->m, pairs, &w->e, value, w->fresh);
  else
    insertEntry(pairs, &w->e, key, value, w->fresh);
  return true;
}
ALWAYS_INLINE void endKey(keyWrite *w, bool pairs)
{
  unlockEntry(w->m, pairs, w->r, &w->e);
  leave(w->r);
}
/* What a write returns that says whether its key was there. */
static hmap_sync_result resultOf(bool done, bool found)
{
  return (hmap_sync_result){!done ? HMAP_SYNC_FAILED : found ? HMAP_SYNC_FOUND : HMAP_SYNC_ABSENT};
}

ALWAYS_INLINE hmap_sync_result swapAs(hmap_sync *m, uint8_t alg, bool pairs, const void *key, void *value, void **previous)
{
  keyWrite w;
  beginKey(&w, m, alg, pairs, hashOfKey(m, alg, key), key);
  bool done = setKey(&w, pairs, key, value);
  endKey(&w, pairs);
  if (w.found && done)
    hand(m, w.old, previous);
  closeSection(w.r);
  return resultOf(done, w.found);
}
hmap_sync_result hmap_sync_swap(hmap_sync *m, const void *key, void *value, void **previous)
{
  if (m->pairs)
    return swapAs(m, alg64, true, key, value, previous);
  if (m->alg == algStr)
    return swapAs(m, algStr, false, key, value, previous);
  return swapAs(m, m->alg, false, key, value, previous);
}
bool hmap_sync_store(hmap_sync *m, const void *key, void *value)
{
  return hmap_sync_swap(m, key, value, NULL).outcome != HMAP_SYNC_FAILED;
}

hmap_sync_result hmap_sync_load_or_store(hmap_sync *m, const void *key, void *value, void **actual)
{
  uint64_t hash = hashOfKey(m, m->alg, key);
  if (loadHashed(m, m->alg, m->pairs, hash, key, actual))
    return resultOf(true, true);
  keyWrite w;
  beginKey(&w, m, m->alg, m->pairs, hash, key);
  bool done = w.found || setKey(&w, m->pairs, key, value);
  endKey(&w, m->pairs);
  if (done)
    hand(m, w.found ? w.old : value, actual);
  closeSection(w.r);
  return resultOf(done, w.found);
}

hmap_sync_result hmap_sync_compare_and_swap(hmap_sync *m, const void *key, void *old, void *value)
{
  keyWrite w;
  beginKey(&w, m, m->alg, m->pairs, hashOfKey(m, m->alg, key), key);
  bool same = w.found && w.old == old;
  bool done = !same || setKey(&w, m->pairs, key, value);
  endKey(&w, m->pairs);
  closeSection(w.r);
  return resultOf(done, same);
}

hmap_sync_result hmap_sync_compute(hmap_sync *m, const void *key, hmap_sync_update *f, void *arg)
{
  keyWrite w;
  beginKey(&w, m, m->alg, m->pairs, hashOfKey(m, m->alg, key), key);
  bool done = prepareEntry(m, m->pairs, &w.e, key, &w.fresh);
  if (done) {
    void *value = w.old;
    w.r->computing = true;
    enum hmap_sync_action action = f(w.found, &value, arg);
    w.r->computing = false;
    if (action == HMAP_SYNC_SET && w.found)
      replaceEntry(m, m->pairs, &w.e, value, w.fresh);
    else if (action == HMAP_SYNC_SET)
      insertEntry(m->pairs, &w.e, key, value, w.fresh);
    else
      free(w.fresh);
    if (action == HMAP_SYNC_DELETE && w.found)
      removeEntry(m, m->pairs, &w.e, false);
    if (action != HMAP_SYNC_SET && !w.found)
      dropEmpty(w.r, w.e.first, m->pairs);
  }
  endKey(&w, m->pairs);
  closeSection(w.r);
  return resultOf(done, w.found);
}

/* Deletes a key; where expected is not NULL, only if it has that value. A key that is absent is found so without a lock. */
ALWAYS_INLINE bool deleteAs(hmap_sync *m, uint8_t alg, bool pairs, const void *key, void *const *expected, bool steal,
                            void **value)
{
  uint64_t hash = hashOfKey(m, alg, key);
  if (!loadHashed(m, alg, pairs, hash, key, NULL))
    return false;
  keyWrite w;
  beginKey(&w, m, alg, pairs, hash, key);
  bool done = w.found && (!expected || w.old == *expected);
  if (done)
    removeEntry(m, pairs, &w.e, steal);
  endKey(&w, pairs);
  if (done && steal)
    *value = w.old;
  else if (done)
    hand(m, w.old, value);
  closeSection(w.r);
  return done;
}
static bool deleteKey(hmap_sync *m, const void *key, void *const *expected, bool steal, void **value)
{
  if (m->pairs)
    return deleteAs(m, alg64, true, key, expected, steal, value);
  if (m->alg == algStr)
    return deleteAs(m, algStr, false, key, expected, steal, value);
  return deleteAs(m, m->alg, false, key, expected, steal, value);
}
bool hmap_sync_load_and_delete(hmap_sync *m, const void *key, void **value)
{
  return deleteKey(m, key, NULL, false, value);
}
bool hmap_sync_steal(hmap_sync *m, const void *key, void **value)
{
  return deleteKey(m, key, NULL, true, value);
}
bool hmap_sync_delete(hmap_sync *m, const void *key)
{
  return deleteKey(m, key, NULL, false, NULL);
}
bool hmap_sync_compare_and_delete(hmap_sync *m, const void *key, void *old)
{
  return deleteKey(m, key, &old, false, NULL);
}

size_t hmap_sync_load_many(hmap_sync *m, size_t n, const void *const *keys, void **values, bool *found)
{
  enum { atOnce = 16 };
  uint64_t hash[atOnce];
  size_t all = 0;
  for (size_t from = 0; from < n; from += atOnce) {
    const size_t part = n - from < atOnce ? n - from : atOnce;
    for (size_t i = 0; i < part; i++)
      hash[i] = hashOfKey(m, m->alg, keys[from + i]);
    reader *r = readLock();
    array *a = LOAD(&m->table);
    for (size_t i = 0; i < part; i++)
      __builtin_prefetch(bucketFor(a, hash[i]));
    for (size_t i = 0; i < part; i++) {
      void *value;
      bool there = lookUp(m, m->alg, m->pairs, hash[i], keys[from + i], &value) != NULL;
      if (there)
        hand(m, value, values ? &values[from + i] : NULL);
      if (found)
        found[from + i] = there;
      all += there;
    }
    readUnlock(r);
  }
  return all;
}

bool hmap_sync_range(hmap_sync *m, bool (*f)(const void *key, void *value, void *arg), void *arg)
{
  reader *r = openWrite();
  walk w = {.m = m, .gen = LOAD(&m->table)->gen->number, .room = fewNodes};
  w.p.list = w.p.few;
  w.p.r = r;
  addPins(&w.p);
  r->walks++;
  closeWrite(r);
  int step;
  while ((step = listNext(&w, r)) > 0 && callForListed(&w, f, arg))
    ;
  enter(r);
  removePins(&w.p);
  r->walks--;
  leave(r);
  if (w.p.list != w.p.few)
    free(w.p.list);
  if (step < 0)
    errno = ENOMEM;
  return step >= 0;
}
/* For hmap_sync_delete_if. */
typedef struct deletion {
  hmap_sync *m;
  bool (*f)(const void *key, void *value, void *arg);
  void *arg;
  size_t deleted;
} deletion;

static bool deleteIf(const void *key, void *value, void *arg)
{
  deletion *d = arg;
  if (d->f(key, value, d->arg))
    d->deleted += hmap_sync_compare_and_delete(d->m, key, value);
  return true;
}
bool hmap_sync_delete_if(hmap_sync *m, bool (*f)(const void *key, void *value, void *arg), void *arg, size_t *deleted)
{
  deletion d = {m, f, arg, 0};
  bool done = hmap_sync_range(m, deleteIf, &d);
  if (deleted)
    *deleted = d.deleted;
  return done;
}

bool hmap_sync_clear(hmap_sync *m)
{
  generation *gen = newGeneration(m);
  if (!gen)
    return false;
  reader *r = openWrite();
  array *old = EXCHANGE(&m->table, gen->table);
  countMaps(0, entriesOf(old->gen));
  retireGeneration(r, old);
  closeWrite(r);
  return true;
}

bool hmap_sync_reserve(hmap_sync *m, size_t entries)
{
  size_t buckets = minBuckets;
  while (buckets < SIZE_MAX / 4 && buckets * 9 / 2 < entries)
    buckets *= 2;
  reader *r = me();
  finishResize(m, r);
  openWrite();
  array *a = LOAD(&m->table);
  bool done = a->mask + 1 >= buckets || LOAD(&a->next) || startGrowth(a, buckets);
  if (done)
    STORE(&m->least, buckets);
  closeWrite(r);
  finishResize(m, r);
  return done;
}

size_t hmap_sync_len(hmap_sync *m)
{
  reader *r = readLock();
  size_t n = entriesOf(LOAD(&m->table)->gen);
  readUnlock(r);
  return n;
}

void hmap_sync_stats(hmap_sync *m, hmap_sync_statistics *s)
{
  *s = (hmap_sync_statistics){0};
  for (reader *r = LOAD(&domain.readers); r; r = r->next)
    s->waiting += waitingOf(r);
  if (!m)
    return;
  reader *r = readLock();
  array *a = LOAD(&m->table);
  s->entries = entriesOf(a->gen);
  for (array *b = a; b; b = LOAD(&b->next)) {
    s->buckets += b->mask + 1;
    s->bytes += bytesOfArray(b->mask + 1, b->shift);
    if (LOAD(&b->next))
      s->moving += LOAD(&b->left);
  }
  readUnlock(r);
}

void hmap_sync_read_lock(void)
{
  readLock();
}
void hmap_sync_read_unlock(void)
{
  reader *r = me();
  readUnlock(r);
  if (unlikely(r->dirty && !inSection(r)))
    pay(r);
}
