/* seed.c: where the seeds come from.
 *
 * The kernel gives every process 16 random bytes (AT_RANDOM). They also make the stack protector's canary, so they are used
 * only as the key of SipHash: what it returns tells nothing about them. No system call is made, so no seccomp filter can object;
 * nothing is made in a constructor, because libraries use tables before ours would run. */
#include "hash.h"
#include <pthread.h>
#include <sys/auxv.h>

static struct {
  pthread_once_t once;
  hmap_seed secret; /* the process's; the key of all seeds */
  bool fixed;       /* HMAP_SEED is set: secret is every table's seed */
  size_t counter;   /* seeds made so far */
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

static void seedInit(void)
{
  static const hmap_seed zero;
  const char *text = fixedSeedText();
  const void *random = (const void *)getauxval(AT_RANDOM);
  if (text) {
    seeds.fixed = true;
    seeds.secret = sipSeed(text, strlen(text), &zero);
  } else {
    const void *address = &seeds; /* without AT_RANDOM, where the loader put us has to do */
    hmap_seed key;
    memcpy(&key, random ? random : &address, random ? sizeof key : 0);
    if (!random)
      key = sipSeed(&address, sizeof address, &zero);
    seeds.secret = sipSeed("hmap", 4, &key);
  }
  for (uint64_t i = 0; i < nhWords; i++)
    nhKey[i] = siphash13(&i, sizeof i, &seeds.secret);
}

/* Returns a seed for a table, and sees to it that the hashes' keys are made. */
static hmap_seed newSeed(void)
{
  pthread_once(&seeds.once, seedInit);
  if (seeds.fixed)
    return seeds.secret;
  uint64_t n[2] = {__atomic_fetch_add(&seeds.counter, 1, __ATOMIC_RELAXED), nhWords};
  return sipSeed(n, sizeof n, &seeds.secret);
}

/* Returns 64 bits that are hard to foresee; safe in concurrent readers. */
static uint64_t newRandom(void)
{
  uint64_t n[2] = {__atomic_fetch_add(&seeds.counter, 1, __ATOMIC_RELAXED), 0};
  return siphash13(n, sizeof n, &seeds.secret);
}
