/* alarm.c: what happens when the fast hash has been broken.
 *
 * A chain of more than maxChain buckets has come by 97 keys of one bucket, where 6.5 are to be expected. By chance that is one
 * table of 2^28 buckets in 2^40 at most, whatever the keys: even if all come in clumps of four neighbours (hash.h), it takes 25
 * clumps where 1.6 are to be expected. So somebody knows the seed and makes keys for it, and the next assignment sounds the
 * alarm: the table takes a new seed, from the secret of seed.c and not from the old seed, and SipHash, whose results tell nothing
 * of the seed. Then it is reseeding, which is a growth to an array of the same size whose entries may go anywhere:
 *
 *   a lookup looks into the old array, with the old seed's hash, if that bucket has not been evacuated; and then into the new
 * one; an entry that is added comes into the new array at once: old chains get no longer; every write moves the next two chains,
 * as in any growth (grow.c); an iterator follows entries by the hash that their old slots have been given, or by their keys
 * (iter.c).
 *
 * An alarm that is raised during a growth waits for its end, and the growth hurries. After clear, and when the last entry goes,
 * the table is as new. It is the one time that stored keys are read for hashing, and only in tables whose keys the library hashes
 * itself. Where there is no memory for the second array, each assignment tries again, which costs what a refusal costs; where
 * there is none for a chain, that chain waits. */

/* Gives a table a new seed and SipHash. Returns false, with nothing changed, where that has to wait: for the end of a growth, or
 * for memory. */
NOINLINE bool soundAlarm(hmap *h)
{
  if (growing(h))
    return false;
  const maptype *t = h->t->formats ? &h->t->formats[h->format] : h->t;
  hmap_seed *seed = malloc(sizeof *seed);
  bucketArray *buckets = seed ? makeEmptyArray(t, h->B) : NULL;
  if (!buckets) {
    free(seed);
    return false;
  }
  beginWrite(h);
  *seed = h->hash0;
  h->oldbuckets = h->buckets;
  h->oldbuckets->seed = seed;
  h->buckets = buckets;
  h->t = t;
  h->hash0 = alarmSeed();
  h->nevacuate = 0;
  h->noverflow = 0;
  h->easy = 0;
  h->seq++;
  setFlags(h, (flagsOf(h) & (uint8_t)~hashAlarm) | hashSip | reseeding | sameSizeGrow);
  formatsChanged(h);
  countAlarm(h);
  endWrite(h);
  return true;
}

/* What every assignment begins with that may not be of the easy kind. */
ALWAYS_INLINE void heedAlarm(hmap *h)
{
  if (unlikely(flagsOf(h) & hashAlarm))
    soundAlarm(h);
}
