/* sync.c: libhmap-sync, a concurrent map. This file is the whole library: it includes the others, as engine.c does.
 *
 *      hmap_sync            array                 buckets                  nodes
 *     +----------+     +-------------+      +--------------------+     +-------------------+
 *     | table   -+-->  | buckets, mask -->  | tophashes, 6 slots -+-->  | value, hash?, key |
 *     | seed     |     | next        -+-+   | tophashes, 6 slots |     +-------------------+
 *     | type     |     | gen         -+-|-+ | ...                +-->  overflow bucket
 *     +----------+     +-------------+  | | +--------------------+
 *                        array, larger <-+ +-> generation: counts, piles of retired nodes
 *
 * Like the engine it is an array of buckets with a tophash a slot, overflow buckets, and growth in steps: a growth allocates an
 * array, and each write evacuates its own chain and one more. What differs serves readers that take no lock:
 *
 *   1. A slot is a pointer to a node, and what it points to is there. A node's key never changes and a node never
 *      moves; only its value can be overwritten, by whoever holds the chain's lock. So there is nothing that a reader
 *      could see half done, and no reader waits for a writer that was stopped in the middle, as it would with a
 *      sequence lock around all that a write does. (A hash trie as Go 1.24's has nodes too, but five more of them in
 *      the way at 1e6 entries.)
 *   2. Where keys have eight bytes and values need no destruction, the entry itself is in the slot: a pair. That saves
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
 * tests/model/ has models of 3 to 6: sync.pml with nodes, sync-pairs.pml with pairs.
 *
 * Locks: a bit in the head of a chain's first bucket, which a write needs anyway. Nobody waits with a lock for anything but the
 * lock of a chain in the next array, so there is no circle; nothing of the user's but hash and equal runs under one.
 *
 * Memory goes by liburcu, see sync-memory.c. Six slots, because a bucket is then one cache line. */
#define _GNU_SOURCE                                /* secure_getenv */
#pragma GCC diagnostic ignored "-Wunused-function" /* hash.h and seed.c have more than this library uses */
#include "sync.h"
#include "seed.c"
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

hmap_sync *hmap_sync_make(const hmap_sync_type *type)
{
  if (!validSyncType(type)) {
    errno = EINVAL;
    return NULL;
  }
  urcu_bp_get_default_call_rcu_data(); /* starts liburcu's thread, so that no later call has to */
  hmap_sync *m = malloc(sizeof *m);
  if (!m)
    return NULL;
  *m = (hmap_sync){.seed = newSeed(), .alg = syncAlgOf(type), .keysize = (uint32_t)type->key_size};
  m->pairs = m->alg == alg64 && !type->destroy;
  m->keyoff =
      m->pairs ? offsetof(pair, key) : roundUp(sizeof(node) + (hashIsStored(m->alg) ? sizeof(uint64_t) : 0), alignOf(m->keysize));
  m->hash = type->hash;
  m->equal = type->equal;
  m->retain = type->retain;
  m->destroy = type->destroy;
  generation *gen = newGeneration(m);
  if (!gen) {
    free(m);
    return NULL;
  }
  m->table = gen->table;
  return m;
}

void hmap_sync_free(hmap_sync *m)
{
  if (!m)
    return;
  writeLock();
  retireGeneration(LOAD(&m->table));
  readUnlock();
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

ALWAYS_INLINE bool loadAs(hmap_sync *m, uint8_t alg, bool pairs, const void *key, void **value)
{
  uint64_t hash = hashOfKey(m, alg, key);
  void *found;
  readLock();
  bool there = lookUp(m, alg, pairs, hash, key, &found);
  if (there)
    hand(m, found, value);
  readUnlock();
  return there;
}
bool hmap_sync_load(hmap_sync *m, const void *key, void **value)
{
  if (m->pairs)
    return loadAs(m, alg64, true, key, value);
  if (m->alg == algStr)
    return loadAs(m, algStr, false, key, value);
  return loadAs(m, m->alg, false, key, value);
}

int hmap_sync_swap(hmap_sync *m, const void *key, void *value, void **previous)
{
  writeLock();
  entry e;
  lockEntry(m, hashOfKey(m, m->alg, key), key, &e);
  int found = e.s.n != NULL;
  void *old = found ? LOAD_RELAXED(&e.s.n->value) : NULL;
  bool done = found ? setEntry(m, &e, value) : addEntry(m, &e, key, value);
  unlockEntry(m, &e);
  if (found && done)
    hand(m, old, previous);
  readUnlock();
  return done ? found : -1;
}
bool hmap_sync_store(hmap_sync *m, const void *key, void *value)
{
  return hmap_sync_swap(m, key, value, NULL) >= 0;
}

int hmap_sync_load_or_store(hmap_sync *m, const void *key, void *value, void **actual)
{
  if (hmap_sync_load(m, key, actual))
    return 1;
  writeLock();
  entry e;
  lockEntry(m, hashOfKey(m, m->alg, key), key, &e);
  int found = e.s.n != NULL;
  if (found)
    value = LOAD_RELAXED(&e.s.n->value);
  bool done = found || addEntry(m, &e, key, value);
  unlockEntry(m, &e);
  if (done)
    hand(m, value, actual);
  readUnlock();
  return done ? found : -1;
}

int hmap_sync_compare_and_swap(hmap_sync *m, const void *key, void *old, void *value)
{
  writeLock();
  entry e;
  lockEntry(m, hashOfKey(m, m->alg, key), key, &e);
  bool same = e.s.n && LOAD_RELAXED(&e.s.n->value) == old;
  bool done = !same || setEntry(m, &e, value);
  unlockEntry(m, &e);
  readUnlock();
  return done ? same : -1;
}

/* Deletes a key; where expected is not NULL, only if it has that value. */
static bool deleteKey(hmap_sync *m, const void *key, void *const *expected, void **value)
{
  uint64_t hash = hashOfKey(m, m->alg, key);
  writeLock();
  void *old;
  bool done = lookUp(m, m->alg, m->pairs, hash, key, &old);
  if (done) {
    entry e;
    lockEntry(m, hash, key, &e);
    old = e.s.n ? LOAD_RELAXED(&e.s.n->value) : NULL;
    done = e.s.n && (!expected || old == *expected);
    if (done)
      removeEntry(m, &e);
    unlockEntry(m, &e);
    if (done)
      hand(m, old, value);
  }
  readUnlock();
  return done;
}
bool hmap_sync_load_and_delete(hmap_sync *m, const void *key, void **value)
{
  return deleteKey(m, key, NULL, value);
}
bool hmap_sync_delete(hmap_sync *m, const void *key)
{
  return deleteKey(m, key, NULL, NULL);
}
bool hmap_sync_compare_and_delete(hmap_sync *m, const void *key, void *old)
{
  return deleteKey(m, key, &old, NULL);
}

bool hmap_sync_range(hmap_sync *m, bool (*f)(const void *key, void *value, void *arg), void *arg)
{
  writeLock();
  array *a = LOAD(&m->table);
  walk w = {.m = m, .gen = a->gen, .f = f, .arg = arg, .list = w.few, .room = fewNodes};
  for (size_t i = 0; i <= a->mask && visitChain(&w, a, bucketNumber(a, i), i, a->mask); i++)
    ;
  if (w.list != w.few)
    free(w.list);
  readUnlock();
  if (w.failed)
    errno = ENOMEM;
  return !w.failed;
}

bool hmap_sync_clear(hmap_sync *m)
{
  generation *gen = newGeneration(m);
  if (!gen)
    return false;
  writeLock();
  retireGeneration(EXCHANGE(&m->table, gen->table));
  readUnlock();
  return true;
}

size_t hmap_sync_len(hmap_sync *m)
{
  readLock();
  size_t n = entriesOf(LOAD(&m->table)->gen);
  readUnlock();
  return n;
}

void hmap_sync_read_lock(void)
{
  writeLock();
}
void hmap_sync_read_unlock(void)
{
  readUnlock();
}

/* Two rounds: what was piled up before the first is waited for in the second. */
void hmap_sync_barrier(void)
{
  urcu_bp_synchronize_rcu(); /* a thread that has put the first node on a pile has asked for the callback then */
  urcu_bp_barrier();
  urcu_bp_barrier();
  HAPPENS_AFTER(&gracePeriod);
}

void hmap_sync_before_fork(void)
{
  pthread_mutex_lock(&forks.mutex);
  urcu_bp_call_rcu_before_fork(); /* waits for destroy functions under way, so while writes, theirs too, still go on */
  STORE(&forks.forking, true);
  urcu_bp_synchronize_rcu();
  urcu_bp_before_fork();
}
static void afterFork(void)
{
  STORE(&forks.forking, false);
  pthread_mutex_unlock(&forks.mutex);
}
void hmap_sync_after_fork_parent(void)
{
  urcu_bp_after_fork_parent();
  urcu_bp_call_rcu_after_fork_parent();
  afterFork();
}
void hmap_sync_after_fork_child(void)
{
  urcu_bp_after_fork_child();
  urcu_bp_call_rcu_after_fork_child();
  afterFork();
}
