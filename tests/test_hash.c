/* test_hash.c: the keyed hashes. Keys as programs have them, in a thousand tables with seeds of their own, must fill the
 * buckets as random keys would, and no two keys may share all 64 bits, whatever the seed. */
#include "testing.h"

/* mul128 once more, as it is compiled where there is no 128-bit integer. */
#undef __SIZEOF_INT128__
#undef HMAP_HASH_H
#define u128 u128Portable
#define mul128 mul128Portable
#define fold foldPortable
#define hashWords hashWordsPortable
#define lane lanePortable
#define sameSeed sameSeedPortable
#define finish finishPortable
#define runBits runBitsPortable
#define clumpBits clumpBitsPortable
#define rotationMask rotationMaskPortable
#define laneBytes laneBytesPortable
#define hashShort hashShortPortable
#define hashLong hashLongPortable
#define hashMiddle hashMiddlePortable
#define rotr64 rotr64Portable
#define unseeded unseededPortable
#define memhash64 memhash64Portable
#define mix32 mix32Portable
#define read64 read64Portable
#define read32 read32Portable
#define memhashLong memhashLongPortable
#define memhash memhashPortable
#define strhash strhashPortable
#define sameShort sameShortPortable
#define sameString sameStringPortable
#define rotl64 rotl64Portable
#define sipRound sipRoundPortable
#define sipInit sipInitPortable
#define siphash13 siphash13Portable
#include "../lib/hash.h"
#undef u128
#undef mul128
#undef fold
#undef hashWords
#undef lane
#undef sameSeed
#undef finish
#undef runBits
#undef clumpBits
#undef rotationMask
#undef laneBytes
#undef hashShort
#undef hashLong
#undef hashMiddle
#undef rotr64
#undef unseeded
#undef memhash64
#undef mix32
#undef read64
#undef read32
#undef memhashLong
#undef memhash
#undef strhash
#undef sameShort
#undef sameString
#undef rotl64
#undef sipRound
#undef sipInit
#undef siphash13

/* 256 buckets, filled to the moment before a table grows. At that load chance gives 20.9 overflow buckets per hundred buckets,
 * with a standard deviation from table to table of 1.7. */
enum { nBuckets = 256, nKeys = nBuckets * 13 / 2, slotsOfSet = 4096, seedCount = 1000, maxLength = 256 };
enum { mostChain = 20 }; /* buckets; 12 is the longest that 40,000 seeds a set have shown */
static const double chance = 20.9, deviation = 1.7, mostOverflow = 75, mostOutliers = 0.02;

/* What a set of keys came to, over all seeds. */
typedef struct figures {
  double sum, most;      /* % overflow */
  double squares;        /* sum of its squares */
  size_t outliers;       /* tables beyond six deviations */
  size_t chain;          /* buckets of the longest chain */
  size_t same40, same64; /* pairs of keys that share the tophash and the 32 bits that are stored; all bits */
} figures;

static void countCollisions(const uint64_t *hashes, figures *f)
{
  static uint64_t set[slotsOfSet];
  static bool full[slotsOfSet];
  memset(full, 0, sizeof full);
  for (size_t k = 0; k < nKeys; k++) {
    size_t i = hashes[k] % slotsOfSet;
    for (; full[i]; i = (i + 1) % slotsOfSet) {
      f->same40 += (uint32_t)set[i] == (uint32_t)hashes[k] && set[i] >> 56 == hashes[k] >> 56;
      f->same64 += set[i] == hashes[k];
    }
    full[i] = true;
    set[i] = hashes[k];
  }
}
/* Distributes hashes by eight of their bits. */
static void distribute(const uint64_t *hashes, unsigned shift, figures *f)
{
  unsigned n[nBuckets] = {0};
  size_t overflow = 0;
  for (size_t k = 0; k < nKeys; k++)
    n[hashes[k] >> shift & (nBuckets - 1)]++;
  for (size_t b = 0; b < nBuckets; b++) {
    size_t more = n[b] > 8 ? (n[b] - 1) / 8 : 0;
    overflow += more;
    if (more + 1 > f->chain)
      f->chain = more + 1;
  }
  double percent = 100.0 * (double)overflow / nBuckets;
  f->sum += percent;
  f->squares += percent * percent;
  f->outliers += percent > chance + 6 * deviation;
  if (percent > f->most)
    f->most = percent;
}

static hmap_seed anySeed(void)
{
  return (hmap_seed){random64(), random64()};
}

/* By how much the mean of so many tables differs from the mean of all, squared. */
static double errorOfMean(const figures *f, size_t tables)
{
  double mean = f->sum / (double)tables;
  return (f->squares / (double)tables - mean * mean) / (double)tables;
}

/* of says of which bits: those that choose the bucket, or those that make the tophash. by is what a function without structure
 * makes of the same keys. */
static void judgeSpread(const char *what, const char *of, const figures *f, const figures *by, size_t tables)
{
  double mean = f->sum / (double)tables, ideal = by->sum / (double)tables;
  if (getenv("HMAP_TEST_VERBOSE"))
    print_message("%-36s %-7s overflow %5.2f %%, at most %5.2f %%, in %zu tables beyond six deviations; chain %zu (ideal: %5.2f, "
                  "%5.2f, %zu, %zu)\n",
                  what, of, mean, f->most, f->outliers, f->chain, ideal, by->most, by->outliers, by->chain);
  if (mean > ideal * 1.1 && (mean - ideal) * (mean - ideal) > 9 * (errorOfMean(f, tables) + errorOfMean(by, tables)))
    fail_msg("%s: %s overflow %.2f %%, ideally %.2f", what, of, mean, ideal);
  if ((double)f->outliers > 1.5 * (double)by->outliers + mostOutliers * (double)tables + 2)
    fail_msg("%s: %s overflow beyond chance in %zu tables of %zu, ideally %zu", what, of, f->outliers, tables, by->outliers);
  if (f->most > mostOverflow)
    fail_msg("%s: one table has %s overflow %.2f %%", what, of, f->most);
  if (f->chain > mostChain)
    fail_msg("%s: %s chain of %zu buckets", what, of, f->chain);
}
static void judge(const char *what, const figures f[2], const figures by[2], size_t tables)
{
  judgeSpread(what, "bucket", &f[0], &by[0], tables);
  judgeSpread(what, "tophash", &f[1], &by[1], tables);
  if (f->same64)
    fail_msg("%s: %zu pairs of equal hashes", what, f->same64);
  if (f->same40 > tables / 100000 + 3) /* chance: 1.3e-6 pairs a table */
    fail_msg("%s: %zu pairs agree in the tophash and 32 bits", what, f->same40);
}
static void look(const uint64_t *hashes, figures f[2])
{
  distribute(hashes, 0, &f[0]);
  distribute(hashes, 56, &f[1]);
  countCollisions(hashes, f);
}

/* The measure itself: random numbers pass, and a hash that is only a multiplication does not. */
static void test_the_measure_tells_good_from_bad(void **state)
{
  (void)state;
  uint64_t hashes[nKeys];
  figures good = {0}, bad = {0};
  for (size_t s = 0; s < 300; s++) {
    for (size_t i = 0; i < nKeys; i++)
      hashes[i] = random64();
    distribute(hashes, 0, &good);
    countCollisions(hashes, &good);
    uint64_t k = random64() | 1;
    for (size_t i = 0; i < nKeys; i++)
      hashes[i] = 24 * i * k;
    distribute(hashes, 0, &bad);
  }
  assert_true(good.sum / 300 > chance - 0.5 && good.sum / 300 < chance + 0.5);
  assert_int_equal(good.outliers, 0);
  assert_in_range(good.chain, 3, 4);
  assert_int_equal(good.same64, 0);
  assert_int_equal(bad.outliers, 300);
  assert_true(bad.sum / 300 > chance * 2);
  hashes[1] = hashes[0];
  countCollisions(hashes, &bad);
  assert_true(bad.same64 > 0);
}

/* Key sets of 64-bit keys */

static uint64_t stride;

static uint64_t arithmetic(size_t i)
{
  return i * stride;
}
static uint64_t fromSomewhere(size_t i)
{
  return 0x00007f3a5c1e9a40 + i * stride;
}
static uint64_t reversed(size_t i)
{
  return __builtin_bswap64(i * stride);
}
static uint64_t oneOrTwoBits(size_t i) /* differences of one bit and of two from some number */
{
  size_t a = i % 64, b = (a + i / 64) % 64;
  return 0x123456789abcdef0 ^ (uint64_t)1 << a ^ (a == b ? 0 : (uint64_t)1 << b);
}
static uint64_t twoHalves(size_t i) /* (a, b) and (b, a) */
{
  uint64_t a = i / 2 / 40, b = 41 + i / 2 % 40;
  return i & 1 ? a << 32 | b : b << 32 | a;
}
static uint64_t palindromes(size_t i) /* keys that are their own mirror image */
{
  return (uint64_t)i | __builtin_bswap64(i);
}
static uint64_t sameBytes(size_t i)
{
  return i * 0x0001000100010001;
}
static uint64_t doubles(size_t i)
{
  double d = (double)i;
  uint64_t u;
  memcpy(&u, &d, sizeof u);
  return u;
}
static uint64_t negatives(size_t i)
{
  return (uint64_t)0 - i * stride;
}

/* What memhash64 is to be: runs of 256 neighbours lie anywhere; in a run four share a bucket, and the next four have the next
 * one; and a run's keys differ in their tophash. SipHash says where. */
static uint64_t idealWord(uint64_t key, const hmap_seed *seed)
{
  unsigned shift = (seed->k0 - clumpBits) & 63;
  uint64_t turned = shift ? key >> shift | key << (64 - shift) : key, run = turned / 256, in = turned % 256;
  return (siphash13(&run, sizeof run, seed) + in / 4) ^ (in / 4 + in % 4 * 64) << 56;
}

static void tryWords(const char *what, uint64_t (*key)(size_t))
{
  uint64_t hashes[nKeys];
  figures f[2] = {{0}}, ideal[2] = {{0}};
  char name[64];
  snprintf(name, sizeof name, "%s, stride %llx", what, (unsigned long long)stride);
  for (size_t s = 0; s < times(seedCount); s++) {
    hmap_seed seed = anySeed();
    for (size_t i = 0; i < nKeys; i++)
      hashes[i] = memhash64(key(i), &seed);
    look(hashes, f);
    for (size_t i = 0; i < nKeys; i++)
      hashes[i] = idealWord(key(i), &seed);
    look(hashes, ideal);
  }
  judge(name, f, ideal, times(seedCount));
}
static const uint64_t strides[] = {1, 2, 3, 8, 16, 24, 64, 255, 256, 4096, 65537, 1 << 20, (uint64_t)1 << 32, (uint64_t)1 << 48};

static void test_memhash64_arithmetic_series(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof strides / sizeof *strides; i++) {
    stride = strides[i];
    tryWords("i x stride", arithmetic);
    tryWords("address + i x stride", fromSomewhere);
    tryWords("-i x stride", negatives);
  }
}
static void test_memhash64_byte_reversed_series(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof strides / sizeof *strides; i++) {
    stride = strides[i];
    tryWords("byte-reversed", reversed);
  }
}
static void test_memhash64_other_structures(void **state)
{
  (void)state;
  stride = 0;
  tryWords("single bits and pairs of bits", oneOrTwoBits);
  tryWords("swapped halves", twoHalves);
  tryWords("mirror images", palindromes);
  tryWords("the same 16 bits four times", sameBytes);
  tryWords("doubles", doubles);
}

/* An attacker who sees in which order a walk returns keys of his choice knows their buckets, more or less. Of a hash whose sums
 * follow those of the keys, second differences are nearly the same for all keys that have the bits in question clear; of a good
 * one they are as random numbers. Counts how many of 256 equal parts of the circle of bucket numbers the fullest one has of them.
 */
enum { circle = 15, trials = 4096 };
static unsigned fullestPart(uint64_t (*hash)(uint64_t, const hmap_seed *), unsigned i, unsigned j, const hmap_seed *seed)
{
  unsigned n[256] = {0}, most = 0;
  for (unsigned k = 0; k < trials; k++) {
    uint64_t x = random64() & ~((uint64_t)1 << i | (uint64_t)1 << j), a = (uint64_t)1 << i, b = (uint64_t)1 << j;
    uint64_t d = hash(x | a | b, seed) - hash(x | a, seed) - hash(x | b, seed) + hash(x, seed);
    unsigned part = (unsigned)(d >> (circle - 8)) & 255;
    if (++n[part] > most)
      most = n[part];
  }
  return most;
}
static uint64_t oneFold(uint64_t x, const hmap_seed *seed) /* for comparison: what one fold gives away */
{
  return fold(x + seed->k0, __builtin_bswap64(x) ^ seed->k1);
}
static uint64_t word64(uint64_t x, const hmap_seed *seed)
{
  return memhash64(x, seed);
}
static uint64_t string64(uint64_t x, const hmap_seed *seed)
{
  return memhash(&x, sizeof x, seed);
}
static uint64_t long64(uint64_t x, const hmap_seed *seed)
{
  uint64_t words[6] = {1, 2, x, 4, 5, 6};
  return memhash(words, sizeof words, seed);
}
static unsigned worstPart(uint64_t (*hash)(uint64_t, const hmap_seed *))
{
  unsigned most = 0;
  for (size_t s = 0; s < times(20); s++) {
    hmap_seed seed = anySeed();
    seed.k0 = (seed.k0 & ~(uint64_t)63) | clumpBits; /* not rotated: which bits are a neighbour's is known */
    for (unsigned i = 8; i < 64; i += 5)
      for (unsigned j = 8; j < i; j += 5) {
        unsigned n = fullestPart(hash, i, j, &seed);
        most = n > most ? n : most;
      }
  }
  return most;
}
static void test_second_differences_tell_nothing(void **state)
{
  (void)state;
  const unsigned chance_ = 50; /* of 4096 random numbers 16 are expected; 50 come once in 10^8 */
  if (getenv("HMAP_TEST_VERBOSE"))
    print_message("the fullest part, of 16 expected: one fold %u, memhash64 %u, memhash of 8 bytes %u, of 48 %u\n",
                  worstPart(oneFold), worstPart(word64), worstPart(string64), worstPart(long64));
  assert_true(worstPart(oneFold) > 4 * chance_);
  assert_in_range(worstPart(word64), 1, chance_);
  assert_in_range(worstPart(string64), 1, chance_);
  assert_in_range(worstPart(long64), 1, chance_);
}

/* Key sets of byte strings. Each writes key i of some length to p and returns its length. */

static size_t length;

static void writeNumber(unsigned char *p, size_t i)
{
  uint16_t n = (uint16_t)i;
  memcpy(p, &n, sizeof n);
}
static size_t commonPrefix(unsigned char *p, size_t i)
{
  memset(p, 'x', length);
  writeNumber(p + length - 2, i);
  return length;
}
static size_t commonSuffix(unsigned char *p, size_t i)
{
  memset(p, 0, length);
  writeNumber(p, i);
  return length;
}
static size_t inTheMiddle(unsigned char *p, size_t i)
{
  memset(p, 0xff, length);
  writeNumber(p + length / 2 - 1, i);
  return length;
}
static size_t bigEndian(unsigned char *p, size_t i)
{
  memset(p, 0, length);
  p[length - 1] = (unsigned char)i;
  p[length - 2] = (unsigned char)(i >> 8);
  return length;
}
static size_t bitsInZeroes(unsigned char *p, size_t i) /* one bit, or two */
{
  size_t bits = 8 * length, a = i % bits, b = (a + i / bits) % bits;
  memset(p, 0, length);
  p[a / 8] ^= (unsigned char)(1 << a % 8);
  if (a != b)
    p[b / 8] ^= (unsigned char)(1 << b % 8);
  return length;
}
static size_t decimals(unsigned char *p, size_t i)
{
  return (size_t)sprintf((char *)p, "%zu", i);
}
static size_t paths(unsigned char *p, size_t i)
{
  return (size_t)sprintf((char *)p, "/usr/share/doc/package-%zu/examples/file%zu.html", i / 40, i % 40);
}
static size_t zeroes(unsigned char *p, size_t i) /* nothing but the length differs */
{
  memset(p, 0, nKeys);
  return i;
}
/* Orders of seven blocks; block is their length. */
static size_t block;
static size_t swappedBlocks(unsigned char *p, size_t i)
{
  unsigned left[7] = {0, 1, 2, 3, 4, 5, 6};
  i = i * 3; /* 5,040 orders, of which every third */
  for (unsigned n = 7; n > 0; n--) {
    unsigned k = (unsigned)(i % n);
    i /= n;
    for (size_t b = 0; b < block; b++)
      p[(7 - n) * block + b] = (unsigned char)(left[k] * 31 + b);
    left[k] = left[n - 1];
  }
  return 7 * block;
}
static size_t swappedPairs(unsigned char *p, size_t i) /* ab and ba, blocks of any length */
{
  memset(p, 0, 2 * block);
  writeNumber(p, i & 1 ? 1 + i / 2 : 30000);
  writeNumber(p + block, i & 1 ? 30000 : 1 + i / 2);
  return 2 * block;
}

static unsigned char keyBytes[nKeys][7 * 128];
static size_t keyLengths[nKeys];

static void tryBytes(const char *what, size_t (*key)(unsigned char *, size_t))
{
  uint64_t hashes[nKeys];
  static unsigned char longKey[nKeys + 1];
  figures f[2] = {{0}}, ideal[2] = {{0}};
  char name[64];
  bool big = key == zeroes;
  snprintf(name, sizeof name, "%s, %zu bytes", what, key == swappedBlocks || key == swappedPairs ? block : length);
  for (size_t i = 0; i < nKeys; i++)
    keyLengths[i] = key(big ? longKey : keyBytes[i], i);
  for (size_t s = 0; s < times(big ? seedCount / 10 : seedCount); s++) {
    hmap_seed seed = anySeed();
    for (size_t i = 0; i < nKeys; i++)
      hashes[i] = memhash(big ? longKey : keyBytes[i], keyLengths[i], &seed);
    look(hashes, f);
    for (size_t i = 0; i < nKeys; i++)
      hashes[i] = random64();
    look(hashes, ideal);
  }
  judge(name, f, ideal, times(big ? seedCount / 10 : seedCount));
}
static const size_t lengths[] = {2, 3, 5, 7, 8, 9, 12, 15, 16, 17, 20, 24, 31, 32, 33, 48, 64, 127, 128, 129, 144, 200, 256};

static void forLengths(const char *what, size_t (*key)(unsigned char *, size_t), size_t least)
{
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
    if ((length = lengths[i]) >= least)
      tryBytes(what, key);
}
static void test_memhash_common_prefixes(void **state)
{
  (void)state;
  forLengths("common prefix", commonPrefix, 2);
}
static void test_memhash_common_suffixes(void **state)
{
  (void)state;
  forLengths("common suffix", commonSuffix, 2);
}
static void test_memhash_numbers_in_the_middle_and_byte_reversed(void **state)
{
  (void)state;
  forLengths("in the middle", inTheMiddle, 3);
  forLengths("byte-reversed", bigEndian, 2);
}
static void test_memhash_single_bit_differences(void **state)
{
  (void)state;
  forLengths("single bits", bitsInZeroes, 12);
}
static void test_memhash_swapped_blocks(void **state)
{
  (void)state;
  const size_t blocks[] = {1, 2, 4, 8, 16, 18, 32, 128};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
    block = blocks[i];
    tryBytes("orders of seven blocks", swappedBlocks);
  }
  for (block = 2; block <= maxLength / 2; block += block < 20 ? 1 : 13)
    tryBytes("swapped pairs", swappedPairs);
}
static void test_memhash_texts(void **state)
{
  (void)state;
  length = 0;
  tryBytes("decimal numbers", decimals);
  tryBytes("paths", paths);
}
static void test_memhash_zeroes_of_all_lengths(void **state)
{
  (void)state;
  length = 0;
  tryBytes("zeroes of all lengths", zeroes);
}

/* The same in a real table, which need not be what memhash64 promises. */
static void test_a_table_of_structured_keys_has_short_chains(void **state)
{
  (void)state;
  for (size_t s = 0; s < sizeof strides / sizeof *strides; s++) {
    hmap *h = makeInts(0);
    hmap_stats st;
    for (uint64_t i = 0; i < capacity(12); i++)
      put(h, i * strides[s], 0);
    settle(h);
    hmap_getstats(h, &st);
    assert_int_equal(st.nbuckets, 4096);
    assert_in_range(st.noverflow, 0, 4096 * 30 / 100);
    assert_in_range(st.longest_chain, 1, 8);
    hmap_free(h);
  }
}

/* Every length */

/* Strings of all lengths up to two pages' ends, with nothing readable behind, against others that differ in a byte or end early:
 * sameString compares words, and may not read on where a page ends. */
static void test_sameString_at_the_end_of_a_page(void **state)
{
  (void)state;
  enum { most = 100 };
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), key[2 * most];
  assert_ptr_not_equal(pages, MAP_FAILED);
  assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
  for (size_t n = 0; n < most; n++) {
    memset(key, 'k', n);
    key[n] = 0;
    for (size_t room = 0; room < 130; room = room < 70 ? room + 1 : room + 13) { /* bytes between the string and the page's end */
      char *stored = pages + page - room - n - 1;
      memset(stored, 'k', n);
      stored[n] = 0;
      memset(stored + n + 1, 'x', room);
      assert_true(sameString(stored, key, n));
      for (size_t i = 0; i<n; i += n> 20 && i > 3 && i < n - 18 ? 3 : 1) {
        stored[i] = 'K';
        assert_false(sameString(stored, key, n));
        stored[i] = 0;
        assert_false(sameString(stored, key, n));
        stored[i] = 'k';
      }
      key[n] = 'k', key[n + 1] = 0; /* the stored one ends before it */
      assert_false(sameString(stored, key, n + 1));
      key[n] = 0;
      if (n > 0) { /* and goes on after it */
        key[n - 1] = 0;
        assert_false(sameString(stored, key, n - 1));
        key[n - 1] = 'k';
      }
    }
  }
  munmap(pages, 2 * page);
}

static void test_memhash_depends_on_nothing_but_the_bytes(void **state)
{
  (void)state;
  enum { most = 300 };
  unsigned char bytes[most];
  hmap_seed seed = anySeed();
  for (int i = 0; i < most; i++)
    bytes[i] = (unsigned char)random64();
  for (size_t n = 0; n <= most; n++) {
    uint64_t want = memhash(bytes, n, &seed);
    for (size_t offset = 0; offset < 17; offset++) {
      unsigned char around[most + 64];
      memset(around, (int)offset * 15, sizeof around);
      memcpy(around + offset, bytes, n);
      assert_true(memhash(around + offset, n, &seed) == want);
    }
    unsigned char *exact = malloc(n ? n : 1); /* a sanitizer would see a byte too many being read */
    memcpy(exact, bytes, n);
    assert_true(memhash(exact, n, &seed) == want);
    free(exact);
  }
}
static void test_memhash_depends_on_every_bit(void **state)
{
  (void)state;
  unsigned char bytes[300] = {0};
  for (size_t n = 1; n <= sizeof bytes; n++) {
    hmap_seed seed = anySeed();
    uint64_t want = memhash(bytes, n, &seed);
    size_t sameLow = 0;
    for (size_t bit = 0; bit < 8 * n; bit++) {
      bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
      uint64_t other = memhash(bytes, n, &seed);
      assert_true(other != want);
      sameLow += (other & 0xff) == (want & 0xff);
      bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    assert_in_range(sameLow, 0, n / 8 + 12); /* chance: 8n / 256 */
    for (size_t i = 0; i < n; i++)
      bytes[i] = (unsigned char)random64();
  }
}
static void test_memhash_depends_on_the_length(void **state)
{
  (void)state;
  static unsigned char zeroed[601];
  uint64_t hashes[601];
  hmap_seed seed = anySeed();
  for (size_t n = 0; n <= 600; n++) {
    hashes[n] = memhash(zeroed, n, &seed);
    for (size_t m = 0; m < n; m++)
      assert_true(hashes[m] != hashes[n]);
  }
}
static void test_hashes_depend_on_both_halves_of_the_seed(void **state)
{
  (void)state;
  unsigned char bytes[200];
  memset(bytes, 7, sizeof bytes);
  for (size_t n = 0; n <= sizeof bytes; n++)
    for (int bit = 0; bit < 64; bit++) {
      hmap_seed seed = anySeed(), a = seed, b = seed;
      a.k0 ^= (uint64_t)1 << bit;
      b.k1 ^= (uint64_t)1 << bit;
      uint64_t want = memhash(bytes, n, &seed), word = memhash64(n, &seed);
      assert_true(memhash(bytes, n, &a) != want);
      assert_true(memhash(bytes, n, &b) != want);
      assert_true(memhash64(n, &a) != word);
      assert_true(memhash64(n, &b) != word);
    }
}
static void test_strhash_is_memhash_up_to_the_NUL(void **state)
{
  (void)state;
  char text[201];
  hmap_seed seed = anySeed();
  memset(text, 'a', sizeof text);
  for (size_t n = 0; n <= 200; n++) {
    char *s = strndup(text, n);
    assert_true(strhash(s, &seed) == memhash(text, n, &seed));
    free(s);
  }
}
/* Over all seeds, each bit of a key changes each bit of its hash often, and often not. */
static void test_memhash64_avalanche(void **state)
{
  (void)state;
  enum { rounds = 2000 };
  for (int in = 0; in < 64; in++) {
    unsigned flips[64] = {0};
    for (int r = 0; r < rounds; r++) {
      hmap_seed seed = anySeed();
      uint64_t x = random64(), d = memhash64(x, &seed) ^ memhash64(x ^ (uint64_t)1 << in, &seed);
      for (int out = 0; out < 64; out++)
        flips[out] += d >> out & 1;
    }
    for (int out = 0; out < 64; out++)
      assert_in_range(flips[out], rounds / 4, rounds * 3 / 4);
  }
}

/* The parts */

/* 64 x 64 bits by hand, in digits of 16 bits. */
static void multiply(uint64_t a, uint64_t b, uint64_t *lo, uint64_t *hi)
{
  uint32_t digits[8] = {0};
  for (int i = 0; i < 4; i++) {
    uint32_t carry = 0;
    for (int j = 0; j < 4; j++) {
      uint32_t t = digits[i + j] + (uint32_t)(a >> 16 * i & 0xffff) * (uint32_t)(b >> 16 * j & 0xffff) + carry;
      digits[i + j] = t & 0xffff;
      carry = t >> 16;
    }
    digits[i + 4] = carry;
  }
  *lo = *hi = 0;
  for (int i = 3; i >= 0; i--) {
    *lo = *lo << 16 | digits[i];
    *hi = *hi << 16 | digits[i + 4];
  }
}
static void test_mul128_with_and_without_128_bit_integers(void **state)
{
  (void)state;
  const uint64_t edges[] = {
      0, 1, 2, 0xffff, 0x10000, 0xffffffff, 0x100000000, 0x1ffffffff, (uint64_t)1 << 63, UINT64_MAX - 1, UINT64_MAX};
  enum { n = sizeof edges / sizeof *edges };
  for (size_t i = 0; i < 200000; i++) {
    uint64_t a = i < n * n ? edges[i / n] : random64() >> randomBelow(64), b = i < n * n ? edges[i % n] : random64(), lo, hi;
    multiply(a, b, &lo, &hi);
    u128 p = mul128(a, b);
    u128Portable q = mul128Portable(a, b);
    assert_true(p.lo == lo && p.hi == hi);
    assert_true(q.lo == lo && q.hi == hi);
  }
}
/* The published results of SipHash-1-3 for the key 00 01 ... 0f and the messages of 0, 1, ... 63 bytes 00 01 02 ..., as in the
 * tests of Rust's core library (library/coretests/tests/hash/sip.rs). */
static const uint64_t sip13[64] = {
    0xabac0158050fc4dc, 0xc9f49bf37d57ca93, 0x82cb9b024dc7d44d, 0x8bf80ab8e7ddf7fb, 0xcf75576088d38328, 0xdef9d52f49533b67,
    0xc50d2b50c59f22a7, 0xd3927d989bb11140, 0x369095118d299a8e, 0x25a48eb36c063de4, 0x79de85ee92ff097f, 0x70c118c1f94dc352,
    0x78a384b157b4d9a2, 0x306f760c1229ffa7, 0x605aa111c0f95d34, 0xd320d86d2a519956, 0xcc4fdd1a7d908b66, 0x9cf2689063dbd80c,
    0x8ffc389cb473e63e, 0xf21f9de58d297d1c, 0xc0dc2f46a6cce040, 0xb992abfe2b45f844, 0x7ffe7b9ba320872e, 0x525a0e7fdae6c123,
    0xf464aeb267349c8c, 0x45cd5928705b0979, 0x3a3e35e3ca9913a5, 0xa91dc74e4ade3b35, 0xfb0bed02ef6cd00d, 0x88d93cb44ab1e1f4,
    0x540f11d643c5e663, 0x2370dd1f8c21d1bc, 0x81157b6c16a7b60d, 0x4d54b9e57a8ff9bf, 0x759f12781f2a753e, 0xcea1a3bebf186b91,
    0x2cf508d3ada26206, 0xb6101c2da3c33057, 0xb3f47496ae3a36a1, 0x626b57547b108392, 0xc1d2363299e41531, 0x667cc1923f1ad944,
    0x65704ffec8138825, 0x24f280d1c28949a6, 0xc2ca1cedfaf8876b, 0xc2164bfc9f042196, 0xa16e9c9368b1d623, 0x49fb169c8b5114fd,
    0x9f3143f8df074c46, 0xc6fdaf2412cc86b3, 0x7eaf49d10a52098f, 0x1cf313559d292f9a, 0xc44a30dda2f41f12, 0x36fae98943a71ed0,
    0x318fb34c73f0bce6, 0xa27abf3670a7e980, 0xb4bcc0db243c6d75, 0x23f8d852fdb71513, 0x8f035f4da67d8a08, 0xd89cd0e5b7e8f148,
    0xf6f4e6bcf7a644ee, 0xaec59ad80f1837f2, 0xc3b2f6154b6694e0, 0x9d199062b7bbb3a8,
};
static void test_siphash13_gives_the_published_results(void **state)
{
  (void)state;
  const hmap_seed key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
  unsigned char message[64];
  for (size_t n = 0; n < 64; n++) {
    message[n] = (unsigned char)n;
    assert_true(siphash13(message, n, &key) == sip13[n]);
    assert_true(siphash13Portable(message, n, &key) == sip13[n]);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_second_differences_tell_nothing),
      TEST(test_the_measure_tells_good_from_bad),
      TEST(test_memhash64_arithmetic_series),
      TEST(test_memhash64_byte_reversed_series),
      TEST(test_memhash64_other_structures),
      TEST(test_memhash_common_prefixes),
      TEST(test_memhash_common_suffixes),
      TEST(test_memhash_numbers_in_the_middle_and_byte_reversed),
      TEST(test_memhash_single_bit_differences),
      TEST(test_memhash_swapped_blocks),
      TEST(test_memhash_texts),
      TEST(test_memhash_zeroes_of_all_lengths),
      TEST(test_a_table_of_structured_keys_has_short_chains),
      TEST(test_memhash_depends_on_nothing_but_the_bytes),
      TEST(test_memhash_depends_on_every_bit),
      TEST(test_memhash_depends_on_the_length),
      TEST(test_hashes_depend_on_both_halves_of_the_seed),
      TEST(test_strhash_is_memhash_up_to_the_NUL),
      TEST(test_sameString_at_the_end_of_a_page),
      TEST(test_memhash64_avalanche),
      TEST(test_mul128_with_and_without_128_bit_integers),
      TEST(test_siphash13_gives_the_published_results),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
