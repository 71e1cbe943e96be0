/* seed.c: where the seeds come from.
 *
 * The kernel gives every process 16 random bytes (AT_RANDOM). They also make the stack protector's canary, so they are used
 * only as the key of SipHash: what it returns tells nothing about them. No system call is made, so no seccomp filter can object;
 * nothing is made in a constructor, because libraries use tables before ours would run.
 *
 * Each copy of the library in a process, of which there may be several, has a secret of its own, from those bytes and its
 * address; and each child of a fork one that is made from its parent's and how many it has forked. What a table hashes with is
 * its seed and nothing else, so every copy of the library finds what one of them has put there.
 *
 * Most tables are small and live shortly, so a seed must not cost more than their entries do. ChaCha8 (Bernstein, ChaCha, a
 * variant of Salsa20, 2008; eight rounds) makes 512 bytes at a time, of which the first 32 are the key of the next, and each seed
 * is the next 20: a key that has been used is gone, and so is a seed that has been handed out. So who knows any number of seeds,
 * or sees what an order shows (hmap.order), would have to tell ChaCha8 from chance to learn anything of another, or of the seed
 * that goes with that order; and who reads the process's memory learns nothing of tables that have been. No thread waits for
 * another: one that comes while another is at it draws by the rounds of SipHash-1-3, from the secret and a count. */
#include "hash.h"
#include <pthread.h>
#include <sys/auxv.h>

enum { keyWords = 8, blockWords = 16, streamWords = 128, seedWords = 5 };

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
  uint64_t counter; /* draws by SipHash so far */
  uint64_t forks;   /* so many children were begun */
  bool busy;        /* a thread is at what follows; atomic */
  uint32_t key[8];  /* of the next 512 bytes */
  uint32_t left;    /* words of stream that have not been handed out, its first ones; of these, the very first made the key */
  uint32_t stream[streamWords];
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
ALWAYS_INLINE hmap_seed withRotation(hmap_seed seed, uint64_t bits)
{
  return (hmap_seed){(seed.k0 & ~(uint64_t)rotationMask) | (bits & rotationMask), seed.k1};
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
  return (tableSeed){withRotation((hmap_seed){out[0], out[1]}, clumpBits), out[2]};
}
enum { forTable = 0xee, forAlarm = 0xef, forWalk = 0xf0 };

/* A block of ChaCha8: out becomes what belongs to a key and a number. */
static void chacha8(const uint32_t *key, uint32_t number, uint32_t *out)
{
  typedef uint32_t row __attribute__((vector_size(16)));
  const row first = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, last = {number};
  row a = first, b, c, d = last, k[2];
  memcpy(k, key, sizeof k);
  b = k[0], c = k[1];
#ifdef __clang__
#define TURN(x, n) __builtin_shufflevector(x, x, n, (n + 1) & 3, (n + 2) & 3, (n + 3) & 3)
#else
#define TURN(x, n) __builtin_shuffle(x, (row){n, (n + 1) & 3, (n + 2) & 3, (n + 3) & 3})
#endif
#define ADD_XOR_ROTATE(x, y, z, bits) x += y, z ^= x, z = z << bits | z >> (32 - bits)
#define CHACHA_ROUND                                        \
  ADD_XOR_ROTATE(a, b, d, 16), ADD_XOR_ROTATE(c, d, b, 12); \
  ADD_XOR_ROTATE(a, b, d, 8), ADD_XOR_ROTATE(c, d, b, 7)
  for (unsigned i = 0; i < 4; i++) {
    CHACHA_ROUND;
    b = TURN(b, 1), c = TURN(c, 2), d = TURN(d, 3);
    CHACHA_ROUND;
    b = TURN(b, 3), c = TURN(c, 2), d = TURN(d, 1);
  }
  const row sum[] = {a + first, b + k[0], c + k[1], d + last};
  memcpy(out, sum, sizeof sum);
}

/* Begins a stream with a key from the secret. */
static void startStream(void)
{
  for (uint64_t i = 0; i < keyWords / 2; i++) {
    uint64_t word = siphash13(&i, sizeof i, &seeds.secret);
    memcpy(seeds.key + 2 * i, &word, sizeof word);
  }
  seeds.left = 0;
}
/* Makes the next 512 bytes, and their successors' key. */
NOINLINE void fillStream(void)
{
  for (uint32_t i = 0; i < streamWords / blockWords; i++)
    chacha8(seeds.key, i, seeds.stream + i * blockWords);
  memcpy(seeds.key, seeds.stream, sizeof seeds.key);
  memset(seeds.stream, 0, sizeof seeds.key);
  seeds.left = streamWords;
}
/* Takes the next n words of the stream. */
ALWAYS_INLINE void takeWords(uint32_t *w, uint32_t n)
{
  if (unlikely(seeds.left < keyWords + n))
    fillStream();
  uint32_t *from = seeds.stream + (seeds.left -= n);
  memcpy(w, from, n * sizeof *w);
  memset(from, 0, n * sizeof *w);
}

static void beforeFork(void)
{
  __atomic_add_fetch(&seeds.forks, 1, __ATOMIC_RELAXED);
}
static void inForkedChild(void)
{
  seeds.secret = sipSeed(&seeds.forks, sizeof seeds.forks, &seeds.secret);
  startStream();
  __atomic_clear(&seeds.busy, __ATOMIC_RELEASE); /* whoever was at it is not here */
}

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
  if (!text) {
    seeds.secret = sipSeed(&here, sizeof here, &seeds.secret); /* without AT_RANDOM, where the loader put us has to do */
    pthread_atfork(beforeFork, NULL, inForkedChild);           /* if it fails, children have their parent's seeds */
  }
  startStream();
}

/* A word that no other draw has had; all are the same where seeds are fixed. */
static uint64_t nextWord(void)
{
  pthread_once(&seeds.once, seedInit);
  return seeds.fixed ? 0 : __atomic_add_fetch(&seeds.counter, 1, __ATOMIC_RELAXED);
}

/* Returns a seed for a table; or, if n is 1, but the place where walks begin. */
ALWAYS_INLINE tableSeed drawWords(uint32_t n)
{
  pthread_once(&seeds.once, seedInit);
  if (seeds.fixed)
    return seeds.given;
  if (unlikely(__atomic_test_and_set(&seeds.busy, __ATOMIC_ACQUIRE)))
    return sipDraw(nextWord(), forTable, &seeds.secret);
  uint32_t w[seedWords] = {0};
  takeWords(w, n);
  __atomic_clear(&seeds.busy, __ATOMIC_RELEASE);
  return (tableSeed){withRotation((hmap_seed){w[1] | (uint64_t)w[2] << 32, w[3] | (uint64_t)w[4] << 32}, clumpBits), w[0]};
}
static tableSeed drawSeed(void)
{
  return drawWords(seedWords);
}
static hmap_seed newSeed(void)
{
  return drawSeed().hash0;
}

/* Chooses by how much an empty table's keys are rotated, by the first: addresses come from malloc in steps of 16. */
static void chooseShift(hmap *h, uint64_t key)
{
  h->hash0 = withRotation(h->hash0, clumpBits + (key < 4096 || key & 15 ? 0 : 4));
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
