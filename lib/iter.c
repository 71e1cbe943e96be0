/* iter.c: Go's iterator.
 *
 * It walks the array that was current when it started (the old one, if that was shrinking), from a random bucket and slot;
 * overflow buckets come right after their bucket. What may happen to the table meanwhile, and what comes of it:
 *   - The table was already growing: a bucket that has not been evacuated is read in the old array, the others in the new one.
 *     The walk has the buckets of the larger of the two, and in the other reads only the entries that belong to its bucket.
 *   - It grows later: keys never move within the old array and stay readable there, because the iterator pins it. An entry whose
 *     slot says evacuated is looked up in the table as it is now, by its stored hash and its key's bytes (never with the user's
 *     functions: the key may have been deleted and freed). What is not found there has been deleted.
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
  if (it->bucket > bucketMask(it->B))
    return false;
  it->bucket++;
  it->overflow = NULL;
  it->i = 0;
  it->state = iterInNew;
  if (growing(h) && h->oldbuckets == it->oldbuckets && !bucketEvacuated(h, iterBucket(it) & oldbucketmask(h)))
    it->state = iterInOld;
  return true;
}

/* Moves p from the slot that an entry was evacuated from to where the entry is now. Returns false if it has been deleted. */
static bool followEvacuated(const hmap *h, const maptype *t, place *p)
{
  unsigned char *key = slotOf(t, p->block, p->i);
  size_t size = t->indirectkey ? sizeof(void *) : t->keysize;
  place q = mapbucket(h, t, slotHash(h, t, p->block, p->i));
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
  return p.a->B == it->B || (slotHash(it->h, t, p.block, p.i) & bucketMask(it->B)) == iterBucket(it);
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
    if (top >= minTopHash || followEvacuated(it->h, t, p))
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
