/* iter.c: Go's iterator.
 *
 * It walks the array that was current when it started (the old one, if that was shrinking), from a random bucket and slot;
 * overflow buckets come right after their bucket. What may happen to the table meanwhile, and what comes of it:
 *   - The table was already growing: a bucket that has not been evacuated is read in the old array, the others in the new one.
 *     The walk has the buckets of the larger of the two, and in the other reads only the entries that belong to its bucket.
 *   - It grows later: keys never move within the old array and stay readable there, because the iterator pins it. An entry whose
 *     slot says evacuated is looked up in the table as it is now, by its stored hash and its key's bytes (never with the user's
 *     functions: the key may have been deleted and freed). What is not found there has been deleted.
 *   - It was reseeding (alarm.c): the walk reads what was left of the old array then, all of it, and of the new array the entries
 *     that have not come from there; their old hash tells.
 *   - It begins reseeding later: old slots get the new hash when their entries move. Arrays from before have but the old hash;
 *     while one is pinned, no entry moves.
 *   - It is cleared: the walk is over. */

enum { iterOver, iterInNew, iterInOld }; /* hmap_iter.state: which array the present chain is in */

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
  it->nclear = h->nclear;
  it->seed = isReseeding(h) ? *h->oldbuckets->seed : h->hash0;
  it->reseeding = isReseeding(h);
  it->moved = h->nevacuate;
  it->start = (size_t)r & bucketMask(it->B);
  it->offset = r >> 61;
  it->i = bucketCnt;
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
  it->key = it->elem = NULL;
}

/* The number of the present chain. */
static size_t iterBucket(const hmap_iter *it)
{
  return (it->start + it->bucket - 1) & bucketMask(it->B);
}

/* The present bucket. One of the two arrays may have fewer than the walk. */
static place iterPlace(const hmap_iter *it, const maptype *t)
{
  bucketArray *a = it->state == iterInOld ? it->oldbuckets : it->buckets;
  place p = bucketAt(t, a, iterBucket(it) & bucketMask(a->B));
  if (it->overflow)
    toOverflow(t, &p, it->overflow);
  return p;
}

/* Enters the next chain. Returns false if all have been visited. */
static bool iterChain(hmap_iter *it)
{
  const hmap *h = it->h;
  bool both = it->reseeding && it->state == iterInOld; /* the new array's chain of that number is still to come */
  if (!both && it->bucket > bucketMask(it->B))
    return false;
  it->bucket += !both;
  it->overflow = NULL;
  it->i = 0;
  it->state = iterInNew;
  if (it->reseeding ? !both && iterBucket(it) >= it->moved
                    : growing(h) && h->oldbuckets == it->oldbuckets && !bucketEvacuated(h, iterBucket(it) & oldbucketmask(h)))
    it->state = iterInOld;
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

/* Whether the entry in slot p belongs to the present chain, and not to another one of the larger array. */
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

/* Visits the next slot of the present bucket that has an entry of this walk. Returns false if there is none. */
static bool iterSlot(hmap_iter *it, const maptype *t, place *p)
{
  place here = *p;
  while (it->i < bucketCnt) {
    here.i = (it->i++ + it->offset) & (bucketCnt - 1);
    uint8_t top = here.b->tophash[here.i];
    if (isEmpty(top) || top == evacuatedEmpty || !iterBelongs(it, t, here))
      continue;
    *p = here;
    if ((top >= minTopHash || followEvacuated(it, t, p)) && !comesFromOld(it, t, *p))
      return true;
  }
  return false;
}

static bool mapiternext(hmap_iter *it)
{
  const hmap *h = it->h;
  if (it->state == iterOver)
    return false;
  while (h->nclear == it->nclear && (it->bucket || iterChain(it))) {
    place p = iterPlace(it, h->t), found = p;
    if (iterSlot(it, h->t, &found)) {
      unsigned char *slot = slotOf(h->t, found.block, found.i);
      it->key = keyOf(h->t, slot);
      it->elem = elemOf(h->t, slot);
      return true;
    }
    it->i = 0;
    it->overflow = overflowOf(p.b);
    if (!it->overflow && !iterChain(it))
      break;
  }
  mapiterend(it);
  return false;
}
