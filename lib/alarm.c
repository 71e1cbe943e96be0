/* alarm.c: what happens when the fast hash has been broken.
 *
 * A chain of more than maxChain buckets has come by 49 keys of one bucket, where 6.5 are to be expected. By chance that is one
 * table in 2^85, or one in 2^54 of the largest. So somebody knows the seed and makes keys for it, and the next assignment sounds
 * the alarm: the table takes a new seed, and SipHash, whose results tell nothing of the seed, and all its entries move to a new
 * array of the same size, at once. That takes as long as it takes to insert them, and happens once; after clear, and when the
 * last entry goes, the table is as new. It is the one time that stored keys are read for hashing, and only in tables whose keys
 * the library hashes itself.
 *
 * If there is no memory for the second array, the table stays as it is, and the next long chain raises the alarm again. While an
 * iterator pins an array that has been left, or is being left, the alarm waits: there it follows entries by their old hashes. */

/* Adds a copy of an entry of from to to. Returns false if there is no memory. */
static bool rehashEntry(hmap *to, const hmap *from, const place *p)
{
  uint64_t hash = from->t->rehash(p->t, slotOf(p->t, p->block, p->i), &to->hash0);
  keyhash k = {hash, (uint32_t)hash, 0};
  place at = mapbucket(to, to->t, hash), vacant = {0};
  if (!mapinsert(to, to->t, k, &at, &vacant, false))
    return false;
  uint32_t stored = k.stored;
  copyEntry(to, &at, p, p->i, NULL);
  if (to->t->stored)
    hashesOf(at.block)[at.i] = stored;
  return true;
}

/* Adds copies of all entries of from to to. Returns false if there is no memory. */
static bool rehashAll(hmap *to, const hmap *from)
{
  mapwalk w = {0};
  place p;
  while (walknext(from, from->t, &w, &p))
    if (!rehashEntry(to, from, &p))
      return false;
  return true;
}

/* Leaves in a slot of the old array, for iterators, that its entry has moved, and its new hash. */
static void forward(hmap *h, const place *p)
{
  if (p->t->stored)
    hashesOf(p->block)[p->i] = (uint32_t)h->t->rehash(p->t, slotOf(p->t, p->block, p->i), &h->hash0);
  p->b->tophash[p->i] = evacuatedX;
}

/* Gives the old array up. */
static void abandon(hmap *h, bucketArray *a)
{
  for (size_t i = 0; i < bucketShift(a->B); i++) {
    if (!hasSegment(a, i))
      continue;
    place p = bucketAt(a->t, a, i);
    do {
      for (slots full = pinned(a) ? matchFull(p.b) : 0; full; full &= full - 1) {
        p.i = firstSlot(full);
        forward(h, &p);
      }
      freeWide(h, &p);
    } while (nextInChain(&p));
  }
  retire(h, a);
}

/* Whether an iterator pins an array that is not the current one. */
static bool othersPinned(const hmap *h)
{
  bucketArray *a = h->retired;
  if (growing(h) && pinned(h->oldbuckets))
    return true;
  if (a)
    do
      if (pinned(a))
        return true;
    while ((a = a->next) != h->retired);
  return false;
}

/* Gives a table a new seed and SipHash, if there is memory for that. */
NOINLINE void soundAlarm(hmap *h)
{
  if (othersPinned(h))
    return;
  setFlags(h, flagsOf(h) & (uint8_t)~hashAlarm);
  while (growing(h))
    if (!evacuate(h))
      return;
  hmap to = {.t = h->t->formats ? &h->t->formats[h->format] : h->t, .flags = hashSip, .B = h->B, .mask = h->mask};
  to.hash0 = alarmSeed();
  to.buckets = makeEmptyArray(to.t, h->B);
  if (!to.buckets || !rehashAll(&to, h)) {
    freeBuckets(to.buckets);
    return;
  }
  beginWrite(h);
  bucketArray *old = h->buckets;
  h->t = to.t;
  h->buckets = to.buckets;
  h->hash0 = to.hash0;
  h->noverflow = to.noverflow;
  h->easy = 0;
  h->seq++;
  setFlags(h, flagsOf(h) | hashSip);
  abandon(h, old);
  formatsChanged(h);
  countAlarm(h);
  endWrite(h);
}

/* What every assignment begins with that may not be of the easy kind. */
ALWAYS_INLINE void heedAlarm(hmap *h)
{
  if (unlikely(flagsOf(h) & hashAlarm))
    soundAlarm(h);
}
