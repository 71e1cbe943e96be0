/* iter.c: Go's iterator.
 *
 * It walks the array that was current when it started (the old one, if that was shrinking), from a random bucket and slot. Eight
 * neighbouring buckets (four, where a word has 32 bits) are visited at once, as other walks do (walk.c), then what has overflowed
 * from each. The slots that had entries when the walk came to such a group, or to an overflow bucket, are in hmap_iter.rest; each
 * is looked at again when its turn has come. What may happen to the table meanwhile, and what comes of it:
 *   - The table was already growing: a bucket that has not been evacuated is read in the old array, the others in the new one.
 *     The walk has the buckets of the larger of the two, one at a time, and in the other reads only the entries that belong to
 *     its bucket.
 *   - It grows later: keys never move within the old array and stay readable there, because the iterator pins it. An entry whose
 *     slot says evacuated is looked up in the table as it is now, by its stored hash and its key's bytes (never with the user's
 *     functions: the key may have been deleted and freed). What is not found there has been deleted.
 *   - It was reseeding (alarm.c): the walk reads what was left of the old array then, all of it, and of the new array the entries
 *     that have not come from there; their old hash tells.
 *   - It begins reseeding later: old slots get the new hash when their entries move. Arrays from before have but the old hash;
 *     while one is pinned, no entry moves.
 *   - It is cleared: the walk is over. */

enum { iterOver, iterInNew, iterInOld }; /* hmap_iter.state: which array the present group is in */

static void pin(bucketArray *a, int by)
{
  if (a)
    __atomic_fetch_add(&a->pins, (uint32_t)by, __ATOMIC_ACQ_REL);
}

static void mapiterinit(hmap_iter *it, const hmap *h)
{
  memset(it, 0, sizeof *it);
  if (!h || h->count == 0)
    return;
  uint64_t r = newRandom();
  it->h = h;
  it->buckets = h->buckets;
  it->oldbuckets = h->oldbuckets;
  it->B = growing(h) && shrinking(h) ? h->oldbuckets->B : h->B;
  it->plain = !growing(h) && !h->t->formats && !ownsMemory(h->t);
  it->group = growing(h) ? 0 : it->B < groupBits ? it->B : groupBits;
  it->nclear = h->nclear;
  it->seed = isReseeding(h) ? *h->oldbuckets->seed : h->hash0;
  it->reseeding = isReseeding(h);
  it->moved = h->nevacuate;
  it->start = (size_t)r & bucketMask(it->B) & ~bucketMask(it->group);
  it->offset = r >> 58 & ((bucketCnt << it->group) - 1);
  it->state = iterInNew;
  pin(it->buckets, 1);
  pin(it->oldbuckets, 1);
}

static void mapiterend(hmap_iter *it)
{
  if (it->state != iterOver) {
    pin(it->buckets, -1);
    pin(it->oldbuckets, -1);
  }
  it->state = iterOver;
  it->rest = 0;
  it->key = it->elem = NULL;
}

/* The number of the present group's first bucket. */
static size_t iterBucket(const hmap_iter *it)
{
  return (it->start + it->bucket - bucketShift(it->group)) & bucketMask(it->B);
}
/* The array that the present group is in, which may have fewer buckets than the walk. */
static bucketArray *iterArray(const hmap_iter *it)
{
  return it->state == iterInOld ? it->oldbuckets : it->buckets;
}

/* Goes to buckets whose slots are to be visited: the first bmap and block of them. */
ALWAYS_INLINE void iterVisit(hmap_iter *it, bmap *first, unsigned char *block, size_t full)
{
  it->first = first;
  it->block = block;
  it->rest = full >> it->offset | full << (-it->offset & (groupSlots - 1));
}
ALWAYS_INLINE size_t slotsToVisit(const bmap *b)
{
  return ~matchEmpty(b) & 0xff; /* those that were evacuated too */
}

/* Goes to the next overflow bucket of the present group. Returns false if there is none. */
static bool iterOverflow(hmap_iter *it, const maptype *t)
{
  for (; it->bucket && it->chain < bucketShift(it->group); it->chain++, it->overflow = NULL) {
    bucketArray *a = iterArray(it);
    const bmap *b = it->overflow;
    it->overflow = overflowOf(b ? b : bucketAt(t, a, (iterBucket(it) & bucketMask(a->B)) + it->chain).b);
    if (it->overflow) {
      iterVisit(it, it->overflow, (unsigned char *)it->overflow + sizeof(bmap), slotsToVisit(it->overflow));
      return true;
    }
  }
  return false;
}

/* Enters the next group. Returns false if all have been visited. */
static bool iterGroup(hmap_iter *it, const maptype *t)
{
  const hmap *h = it->h;
  bool both = it->reseeding && it->state == iterInOld; /* the new array's chain of that number is still to come */
  if (!both && it->bucket > bucketMask(it->B))
    return false;
  HMAP_COUNT(entered, 1);
  it->bucket += both ? 0 : bucketShift(it->group);
  it->state = iterInNew;
  if (it->reseeding ? !both && iterBucket(it) >= it->moved
                    : growing(h) && h->oldbuckets == it->oldbuckets && !bucketEvacuated(h, iterBucket(it) & oldbucketmask(h)))
    it->state = iterInOld;
  const bucketArray *a = iterArray(it);
  const size_t i = iterBucket(it) & bucketMask(a->B), n = bucketShift(it->group);
  unsigned char *segment = a->segments[i >> t->segbits];
  uint64_t links = 0;
  size_t full = 0;
  for (unsigned c = 0; c < n; c++) {
    const bmap *b = bmapIn(segment, (i & segmentMask(t)) + c);
    full |= slotsToVisit(b) << (c << bucketCntBits);
    links |= b->link;
  }
  it->chain = addressIn(links) ? 0 : (uint8_t)n;
  iterVisit(it, bmapIn(segment, i & segmentMask(t)), blockAt(t, a, i), full);
  if (full && a->B > groupBits && n == groupCnt) {
    prefetchGroup(t, it->block);
    if (addressIn(links))
      prefetchOverflow(t, it->first, groupCnt);
  }
  if (n == groupCnt && isNoSegment(segment))
    it->bucket += segmentMask(t) + 1 - n - (i & segmentMask(t));
  return true;
}

/* The hash of a key with the seed that a walk began with, before the alarm. */
static uint64_t fastHash(const hmap_iter *it, const maptype *t, unsigned char *slot)
{
  const void *key = keyOf(t, slot);
  switch (t->alg) {
  case alg64:
    return memhash64(read64(key), &it->seed);
  case alg32:
    return memhash64(read32(key), &it->seed);
  case algStr:
    return strhash(*(char *const *)key, &it->seed);
  default:
    return memhash(key, t->keysize, &it->seed);
  }
}

/* The chain in which the entry is that a slot says was evacuated. */
static place evacuatedTo(const hmap_iter *it, const maptype *t, const place *p)
{
  const hmap *h = it->h;
  if (isReseeding(h) && p->a != h->oldbuckets) {
    uint64_t hash = t->stored ? hashesOf(p->block)[p->i] : fastHash(it, t, slotOf(t, p->block, p->i));
    if (!bucketEvacuated(h, (size_t)hash & oldbucketmask(h)))
      return oldBucketAt(h, t, (size_t)hash & oldbucketmask(h));
  }
  return mapbucket(h, t, slotHash(h, t, p->block, p->i));
}

/* Moves p from the slot that an entry was evacuated from to where the entry is now. Returns false if it has been deleted. */
static bool followEvacuated(const hmap_iter *it, const maptype *t, place *p)
{
  unsigned char *key = slotOf(t, p->block, p->i);
  size_t size = t->indirectkey ? sizeof(void *) : t->keysize;
  place q = evacuatedTo(it, t, p);
  do {
    for (slots full = matchFull(q.b); full; full &= full - 1) {
      q.i = firstSlot(full);
      if (t->stored && hashesOf(q.block)[q.i] != hashesOf(p->block)[p->i])
        continue;
      if (memcmp(slotOf(t, q.block, q.i), key, size) == 0) {
        *p = q;
        return true;
      }
    }
  } while (nextInChain(&q));
  return false;
}

/* Whether the entry in slot p belongs to the present bucket, and not to another one of the larger array. */
static bool iterBelongs(const hmap_iter *it, const maptype *t, place p)
{
  if (p.a->B == it->B)
    return true;
  bool fast = !t->stored && !sameSeed(&it->seed, &it->h->hash0); /* there has been an alarm since */
  uint64_t hash = fast ? fastHash(it, t, slotOf(t, p.block, p.i)) : slotHash(it->h, t, p.block, p.i);
  return (hash & bucketMask(it->B)) == iterBucket(it);
}
/* Whether an entry that a walk finds in the new array of a table that was reseeding comes to it in the old one too: if it has a
 * slot there. */
static bool comesFromOld(const hmap_iter *it, const maptype *t, place p)
{
  if (!it->reseeding || it->state != iterInNew)
    return false;
  unsigned char *key = slotOf(t, p.block, p.i);
  size_t i = (size_t)fastHash(it, t, key) & bucketMask(it->B), size = t->indirectkey ? sizeof(void *) : t->keysize;
  if (i < it->moved)
    return false;
  place old = bucketAt(t, it->oldbuckets, i);
  do
    for (unsigned k = 0; k < bucketCnt; k++) {
      uint8_t top = old.b->tophash[k];
      if ((top >= minTopHash || top == evacuatedX) && memcmp(slotOf(t, old.block, k), key, size) == 0)
        return true;
    }
  while (nextInChain(&old));
  return false;
}

/* Whether slot p has an entry of this walk. Then it is moved to where that entry is now. */
static bool iterFinds(const hmap_iter *it, const maptype *t, place *p)
{
  uint8_t top = p->b->tophash[p->i];
  p->a = iterArray(it);
  resolveBlock(t, p);
  return !isEmpty(top) && top != evacuatedEmpty && iterBelongs(it, t, *p) && (top >= minTopHash || followEvacuated(it, t, p)) &&
         !comesFromOld(it, t, *p);
}

/* The next of the slots that are left of the present buckets. */
ALWAYS_INLINE place iterSlot(const hmap_iter *it, const maptype *t)
{
  const unsigned i = ((unsigned)__builtin_ctzl(it->rest) + it->offset) & (groupSlots - 1), c = i >> bucketCntBits;
  return (place){.b = (bmap *)it->first - c,
                 .block = (unsigned char *)it->block + (size_t)c * t->blocksize,
                 .t = t,
                 .i = i & (bucketCnt - 1)};
}

/* mapiternext where that is not all there is to do. */
NOINLINE bool iterNext(hmap_iter *it)
{
  const hmap *h = it->h;
  if (it->state == iterOver)
    return false;
  while (h->nclear == it->nclear) {
    if (it->rest) {
      place p = iterSlot(it, h->t);
      it->rest &= it->rest - 1;
      if (iterFinds(it, h->t, &p)) {
        unsigned char *slot = slotOf(p.t, p.block, p.i);
        it->key = keyOf(p.t, slot);
        it->elem = elemOf(p.t, slot);
        return true;
      }
    } else if (!iterOverflow(it, h->t) && !iterGroup(it, h->t))
      break;
  }
  mapiterend(it);
  return false;
}

/* Moves to the next entry: where nothing is known to have moved, to what is in the next slot. Returns false at the end. */
ALWAYS_INLINE bool mapiternext(hmap_iter *it)
{
  const hmap *h = it->h;
  if (unlikely(!it->rest || !it->plain || h->nclear != it->nclear))
    return iterNext(it);
  const place p = iterSlot(it, h->t);
  if (unlikely(p.b->tophash[p.i] < minTopHash))
    return iterNext(it);
  unsigned char *slot = slotOf(p.t, p.block, p.i);
  it->rest &= it->rest - 1;
  it->key = slot;
  it->elem = slot + p.t->elemoff;
  return true;
}
