/* seed.c: where the seeds come from.
 *
 * The kernel gives every process 16 random bytes (AT_RANDOM). They also make the stack protector's canary, so they are used
 * only as the key of SipHash: what it returns tells nothing about them. No system call is made, so no seccomp filter can object;
 * nothing is made in a constructor, because libraries use tables before ours would run.
 *
 * Each copy of the library in a process, of which there may be several, has a secret of its own, from those bytes and its
 * address. A table's seed is drawn from that secret and a count by the rounds of SipHash-1-3, once for all three results: so no
 * seed tells anything of another, and what an order shows (hmap.order) nothing of the seed. What a table hashes with is its seed
 * and nothing else, so every copy of the library finds what one of them has put there. */
#include "hash.h"
#include <pthread.h>
#include <sys/auxv.h>

/* What newSeed draws. */
typedef struct tableSeed {
  hmap_seed hash0;
  uint64_t order; /* where walks begin */
} tableSeed;

static struct {
  pthread_once_t once;
  bool fixed;       /* HMAP_SEED is set: */
  tableSeed given;  /* and this is every table's seed */
  hmap_seed secret; /* this copy's; the key of all seeds */
  uint64_t counter; /* draws so far */
} seeds = {.once = PTHREAD_ONCE_INIT};

static hmap_seed sipSeed(const void *data, size_t n, const hmap_seed *key)
{
  hmap_seed other = {~key->k0, key->k1};
  return (hmap_seed){siphash13(data, n, key), siphash13(data, n, &other)};
}

/* The text that fixes all seeds, or NULL. A build that must be reproducible sets SOURCE_DATE_EPOCH; programs that know nothing
 * of hmap get fixed seeds from that too. */
static const char *fixedSeedText(void)
{
  const char *s = secure_getenv("HMAP_SEED");
#ifdef HMAP_SHIM
  if (!s)
    s = secure_getenv("SOURCE_DATE_EPOCH");
#endif
  return s;
}

/* The lowest bits of a seed are no secret: by so many bits memhash64 rotates keys. */
ALWAYS_INLINE hmap_seed withShift(hmap_seed seed, unsigned shift)
{
  return (hmap_seed){(seed.k0 & ~(uint64_t)shiftMask) | shift, seed.k1};
}

/* SipHash-1-3's rounds over one word, with as many results as a table needs. purpose tells draws of different kinds apart. */
static tableSeed sipDraw(uint64_t word, uint64_t purpose, const hmap_seed *key)
{
  uint64_t v[4], out[3];
  sipInit(v, key);
  v[3] ^= word;
  sipRound(v);
  v[0] ^= word;
  v[2] ^= purpose;
  for (unsigned i = 0; i < 3; i++) {
    sipRound(v), sipRound(v), sipRound(v);
    out[i] = v[0] ^ v[1] ^ v[2] ^ v[3];
    v[1] ^= 0xdd;
  }
  return (tableSeed){withShift((hmap_seed){out[0], out[1]}, 0), out[2]};
}
enum { forTable = 0xee, forAlarm = 0xef, forWalk = 0xf0 };

static void seedInit(void)
{
  static const hmap_seed zero;
  const char *text = fixedSeedText();
  const void *random = (const void *)getauxval(AT_RANDOM), *here = &seeds;
  hmap_seed key = zero;
  if (text)
    key = sipSeed(text, strlen(text), &zero);
  else if (random)
    memcpy(&key, random, sizeof key);
  seeds.secret = sipSeed("hmap", 4, &key);
  seeds.given = sipDraw(0, forTable, &seeds.secret);
  seeds.fixed = text != NULL;
  if (!text)
    seeds.secret = sipSeed(&here, sizeof here, &seeds.secret); /* without AT_RANDOM, where the loader put us has to do */
}

/* A word that no other draw has had; all are the same where seeds are fixed. */
static uint64_t nextWord(void)
{
  pthread_once(&seeds.once, seedInit);
  return seeds.fixed ? 0 : __atomic_add_fetch(&seeds.counter, 1, __ATOMIC_RELAXED);
}

/* Returns a seed for a table. */
static tableSeed drawSeed(void)
{
  uint64_t word = nextWord();
  return seeds.fixed ? seeds.given : sipDraw(word, forTable, &seeds.secret);
}
static hmap_seed newSeed(void)
{
  return drawSeed().hash0;
}

/* Gives an empty table a seed. By how much its keys are rotated stays. */
static void seedTable(hmap *h)
{
  tableSeed s = drawSeed();
  h->hash0 = withShift(s.hash0, h->hash0.k0 & shiftMask);
  h->order = (uint32_t)s.order;
}

/* Chooses by how much an empty table's keys are rotated, by the first: addresses come from malloc in steps of 16. */
static void chooseShift(hmap *h, uint64_t key)
{
  h->hash0 = withShift(h->hash0, key < 4096 || key & 15 ? 0 : 4);
}

/* Returns a seed for a table whose present one somebody may know. */
static hmap_seed alarmSeed(void)
{
  uint64_t word = nextWord();
  return sipDraw(word, forAlarm, &seeds.secret).hash0;
}

/* Returns 64 bits that are hard to foresee; safe in concurrent readers. */
static uint64_t newRandom(void)
{
  static uint64_t walks;
  nextWord();
  return sipDraw(__atomic_add_fetch(&walks, 1, __ATOMIC_RELAXED), forWalk, &seeds.secret).order;
}
