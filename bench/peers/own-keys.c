/* own-keys.c: what somebody could send who knew a table's seed. Finds the numbers of peer.h's keys that all come to bucket 0 of
 * tables of up to 2^14 buckets under a known seed, and writes them to a file.
 * Arguments: seed, keys, size (how many) and to (the file). */
#include "engine.c"
#include "peer.h"

enum { bucketBits = 14 };

#ifdef STRINGS
static const hmap_type type = {HMAP_STRING, 0, 8, NULL, NULL};
/* A string that is forgotten before the next one. */
static key candidate(uint64_t i)
{
  static char s[maxLength];
  writeKey(s, i);
  return s;
}
#else
static const hmap_type type = {HMAP_BYTES, sizeof(key), 8, NULL, NULL};
static key candidate(uint64_t i)
{
  return newKey(i);
}
#endif

int main(int argc, char **argv)
{
  (void)argc;
  readArguments(argv);
  const hmap *h = hmap_make(&type, 0);
  FILE *f = fopen(argument(argv, "to", ""), "wb");
  if (!h || !f)
    fail("cannot write the numbers of keys");
  uint64_t i = 0;
  for (size_t n = 0; n < asked.size; i++) {
    key k = candidate(i);
    if ((hashKey(h, h->t, h->t->alg, &k) & bucketMask(bucketBits)) == 0)
      n += fwrite(&i, sizeof i, 1, f);
  }
  return fclose(f) != 0;
}
