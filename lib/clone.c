/* clone.c: copying a table. Its hashes are stored, or keys are their own: no user code runs, no pointer is followed. */

static void *memdup(const void *p, size_t n)
{
  void *copy = malloc(n);
  return copy ? memcpy(copy, p, n) : NULL;
}

/* Copies a slot with what it has behind pointers. Returns false, with nothing to free, if there is no memory. */
static bool cloneSlot(const maptype *t, unsigned char *to, unsigned char *from)
{
  memcpy(to, from, t->slotsize);
  void *key = t->indirectkey ? memdup(keyOf(t, from), t->keysize) : NULL;
  void *elem = t->indirectelem ? memdup(elemOf(t, from), t->elemsize) : NULL;
  if ((t->indirectkey && !key) || (t->indirectelem && !elem)) {
    free(key);
    free(elem);
    return false;
  }
  if (key)
    memcpy(to, &key, sizeof key);
  if (elem)
    memcpy(to + t->elemoff, &elem, sizeof elem);
  return true;
}

/* What is known of the key of an entry that a walk has come to. */
static keyhash walkedHash(const hmap *h, const place *p)
{
  uint64_t hash = slotHash(h, p->t, p->block, p->i), top = p->b->tophash[p->i];
  if (isReseeding(h) && p->a == h->oldbuckets)
    hash = h->t->rehash(p->t, slotOf(p->t, p->block, p->i), &h->hash0);
  else
    hash = (hash & UINT64_MAX >> 8) | top << 56;
  return (keyhash){hash, p->t->alg == algShim ? hashesOf(p->block)[p->i] : (uint32_t)hash, 0, 0};
}

/* Makes to a copy of from, with its seed. Returns false, with nothing to free, if there is no memory. */
static bool mapclone(hmap *to, const maptype *t, const hmap *from)
{
  mapwalk w = {0};
  place p = {0};
  if (!makemap(to, t, from->count))
    return false;
  to->hash0 = from->hash0;
  to->order = from->order;
  setFlags(to, flagsOf(to) | (flagsOf(from) & hashSip));
  while (walknext(from, t, &w, &p)) {
    p = walkHere(from, t, &w);
    keyhash k = walkedHash(from, &p);
    place at = mapbucket(to, t, k.hash), vacant = {0};
    if (!mapinsert(to, t, k, &at, &vacant, true)) {
      mapfree(to);
      return false;
    }
    if (!cloneSlot(t, slotOf(t, at.block, at.i), slotOf(t, p.block, p.i))) {
      mapdelete(to, &at);
      mapfree(to);
      return false;
    }
  }
  setFlags(to, flagsOf(to) & (uint8_t)~hashHinted); /* the room was for what is there */
  return true;
}
