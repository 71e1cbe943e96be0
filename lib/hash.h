/* hash.h: the keyed hashes. What they need is a table's seed and nothing else.
 *
 * Both fold twice: the 128-bit product of two words that the seed blinds, its halves put together, and once more with factors
 * that both depend on the whole result. One fold would spread keys as well; but its sums and differences follow those of the
 * keys, and who sees in which order a walk returns keys of his choice reads the seed from them. tests/test_hash.c holds the
 * spread of structured keys over a thousand seeds against that of SipHash, and shows that second differences tell nothing.
 *
 * memhash64 keeps neighbours together, for real programs use numbers and heap pointers in the order in which they were made: only
 * where a run of 256 neighbours lies is hashed; in it, four share a bucket and the next four have the next one, and no two of a
 * run have one tophash and 32 bits in common. The lowest bits of a seed say by how much keys are rotated first. Clumps of four
 * make chains a little longer: filled with a row of numbers to the moment before it grows, a table has 24 overflow buckets a
 * hundred where 21 are chance.
 *
 * memhash takes 16 bytes at a time, each pair of words blinded with words of its own. Whoever does not know the seed knows of no
 * two strings that meet more often than chance would have it.
 *
 * siphash13 (Aumasson, Bernstein: SipHash, INDOCRYPT 2012; 1 and 3 rounds) makes what seeds come from, and the hashes of
 * a table that has had its alarm (alarm.c). */
#ifndef HMAP_HASH_H
#define HMAP_HASH_H

#include "map.h"

ALWAYS_INLINE uint64_t rotl64(uint64_t x, unsigned b)
{
  return x << b | x >> (64 - b);
}
ALWAYS_INLINE uint64_t rotr64(uint64_t x, unsigned b)
{
  return x >> b | x << (-b & 63);
}

typedef struct u128 {
  uint64_t lo, hi;
} u128;

ALWAYS_INLINE u128 mul128(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
  __extension__ typedef unsigned __int128 wide;
  wide p = (wide)a * b;
  return (u128){(uint64_t)p, (uint64_t)(p >> 64)};
#else
  uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
  uint64_t ll = al * bl, lh = al * bh, hl = ah * bl;
  uint64_t mid = (ll >> 32) + (uint32_t)lh + (uint32_t)hl;
  return (u128){mid << 32 | (uint32_t)ll, ah * bh + (lh >> 32) + (hl >> 32) + (mid >> 32)};
#endif
}
ALWAYS_INLINE uint64_t fold(uint64_t a, uint64_t b)
{
  u128 p = mul128(a, b);
  return p.lo ^ p.hi;
}
/* The first 64 bits of the fractional parts of the cube roots of the first primes, as in SHA-512. */
static const uint64_t hashWords[] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538, 0x59f111f1b605d019,
    0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3,
};

ALWAYS_INLINE bool sameSeed(const hmap_seed *a, const hmap_seed *b)
{
  return a->k0 == b->k0 && a->k1 == b->k1;
}

/* Two words, each blinded with half of the seed, and folded. */
ALWAYS_INLINE uint64_t lane(uint64_t a, uint64_t b, unsigned i, const hmap_seed *seed)
{
  return fold(a ^ (seed->k0 + hashWords[2 * i]), b ^ (seed->k1 + hashWords[2 * i + 1]));
}
/* The second fold: both of its factors depend on all of x, so that no difference between two keys becomes one of their hashes. */
ALWAYS_INLINE uint64_t finish(uint64_t x, const hmap_seed *seed)
{
  return fold(x ^ seed->k1, rotl64(x, 32));
}

/* Neighbours: 2^runBits keys make a run, 2^clumpBits of them share a bucket. */
enum { runBits = 8, clumpBits = 2, rotationMask = 63 };
/* Of a table that has none yet: neighbours are numbers that follow each other. */
static const hmap_seed unseeded = {clumpBits, 0};

ALWAYS_INLINE uint64_t memhash64(uint64_t x, const hmap_seed *seed)
{
  uint64_t key = rotr64(x, seed->k0 & rotationMask); /* the lowest bits of x at the top: those of a clump add up to one bucket */
  uint64_t run = key << clumpBits | ((1 << runBits) - 1);
  return (finish(fold(run ^ seed->k0, seed->k1), seed) + key) ^ key << 56;
}
/* Spreads a 32-bit hash that somebody else made. */
ALWAYS_INLINE uint64_t mix32(uint32_t x, const hmap_seed *seed)
{
  return memhash64(x, seed);
}

ALWAYS_INLINE uint64_t read64(const unsigned char *p)
{
  uint64_t v;
  memcpy(&v, p, sizeof v);
  return v;
}
ALWAYS_INLINE uint64_t read32(const unsigned char *p)
{
  uint32_t v;
  memcpy(&v, p, sizeof v);
  return v;
}

enum { laneBytes = 128 };

/* 0 to 16 bytes as one lane: which pair of words tells the bytes, given the length. */
ALWAYS_INLINE uint64_t hashShort(const unsigned char *p, size_t n, const hmap_seed *seed)
{
  if (n >= 8)
    return lane(read64(p), read64(p + n - 8), 0, seed);
  if (n >= 4)
    return lane(read32(p), read32(p + n - 4), 0, seed);
  if (n == 0)
    return lane(0, 0, 0, seed);
  return lane((uint64_t)p[0] << 16 | (uint64_t)p[n / 2] << 8 | p[n - 1], 0, 0, seed);
}
/* 17 to 128 bytes, the sum of their lanes; the last 16 may overlap those before. */
ALWAYS_INLINE uint64_t hashLong(const unsigned char *p, size_t n, const hmap_seed *seed)
{
  uint64_t sum = lane(read64(p + n - 16), read64(p + n - 8), laneBytes / 16, seed);
  for (unsigned i = 0; n > 16; i++, p += 16, n -= 16)
    sum += lane(read64(p), read64(p + 8), i, seed);
  return sum;
}
NOINLINE uint64_t memhashLong(const unsigned char *p, size_t n, const hmap_seed *seed)
{
  uint64_t sum = n;
  for (; n > laneBytes; p += laneBytes, n -= laneBytes)
    sum = finish(sum + hashLong(p, laneBytes, seed), seed);
  return finish(sum + (n > 16 ? hashLong(p, n, seed) : hashShort(p, n, seed)), seed);
}
/* 17 to 64 bytes: hashLong without the loop. */
ALWAYS_INLINE uint64_t hashMiddle(const unsigned char *p, size_t n, const hmap_seed *seed)
{
  uint64_t sum = lane(read64(p + n - 16), read64(p + n - 8), laneBytes / 16, seed) + lane(read64(p), read64(p + 8), 0, seed);
  if (n > 32)
    sum += lane(read64(p + 16), read64(p + 24), 1, seed);
  if (n > 48)
    sum += lane(read64(p + 32), read64(p + 40), 2, seed);
  return sum;
}
ALWAYS_INLINE uint64_t memhash(const void *key, size_t n, const hmap_seed *seed)
{
  const unsigned char *p = key;
  if (likely(n <= 16))
    return finish(hashShort(p, n, seed) + n, seed);
  if (likely(n <= 64))
    return finish(hashMiddle(p, n, seed) + n, seed);
  return memhashLong(p, n, seed);
}
ALWAYS_INLINE uint64_t strhash(const char *s, const hmap_seed *seed)
{
  return memhash(s, strlen(s), seed);
}

/* Whether n bytes of a and b, and the NUL that ends b there, are the same. */
ALWAYS_INLINE bool sameShort(const unsigned char *a, const unsigned char *b, size_t n)
{
  if (n > 16) {
    for (size_t i = 0; i < n - 16; i += 16)
      if ((read64(a + i) ^ read64(b + i)) | (read64(a + i + 8) ^ read64(b + i + 8)))
        return false;
    return !((read64(a + n - 16) ^ read64(b + n - 16)) | (read64(a + n - 8) ^ read64(b + n - 8))) && a[n] == 0;
  }
  if (n >= 8)
    return read64(a) == read64(b) && read64(a + n - 8) == read64(b + n - 8) && a[n] == 0;
  if (n >= 4)
    return read32(a) == read32(b) && read32(a + n - 4) == read32(b + n - 4) && a[n] == 0;
  return strcmp((const char *)a, (const char *)b) == 0;
}
/* Whether a stored string is the one of length n that is looked for. Their hashes agree in 32 bits, so it is, but for one time in
 * four billion; only then can a word that is read of a short one reach past its end, though not to another page. */
ALWAYS_INLINE bool sameString(const char *stored, const char *key, size_t n)
{
  const uintptr_t page = 4096; /* or more */
  if (likely(n <= 64 && ((uintptr_t)stored & (page - 1)) < page - 64))
    return sameShort((const unsigned char *)stored, (const unsigned char *)key, n);
  return strcmp(stored, key) == 0;
}

ALWAYS_INLINE void sipRound(uint64_t v[4])
{
  v[0] += v[1], v[2] += v[3];
  v[1] = rotl64(v[1], 13) ^ v[0], v[3] = rotl64(v[3], 16) ^ v[2];
  v[0] = rotl64(v[0], 32);
  v[2] += v[1], v[0] += v[3];
  v[1] = rotl64(v[1], 17) ^ v[2], v[3] = rotl64(v[3], 21) ^ v[0];
  v[2] = rotl64(v[2], 32);
}
ALWAYS_INLINE void sipInit(uint64_t v[4], const hmap_seed *key)
{
  v[0] = key->k0 ^ 0x736f6d6570736575, v[1] = key->k1 ^ 0x646f72616e646f6d;
  v[2] = key->k0 ^ 0x6c7967656e657261, v[3] = key->k1 ^ 0x7465646279746573;
}
static uint64_t siphash13(const void *data, size_t n, const hmap_seed *key)
{
  const unsigned char *p = data;
  uint64_t v[4];
  sipInit(v, key);
  uint64_t last = (uint64_t)n << 56;
  for (; n >= 8; p += 8, n -= 8) {
    uint64_t m = 0;
    for (unsigned i = 0; i < 8; i++)
      m |= (uint64_t)p[i] << 8 * i;
    v[3] ^= m;
    sipRound(v);
    v[0] ^= m;
  }
  for (unsigned i = 0; i < n; i++)
    last |= (uint64_t)p[i] << 8 * i;
  v[3] ^= last;
  sipRound(v);
  v[0] ^= last;
  v[2] ^= 0xff;
  sipRound(v), sipRound(v), sipRound(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
