/* peer.h: what every adapter of the benchmark begins with: keys, the clock, the command line. An adapter, peer-NAME.c or .cc,
 * includes this, then defines one table for one type of key, and includes loops.h at its end, whose loops call the table's
 * functions inlined, as the table's users have them. Each adapter is compiled twice: with STRINGS its keys are strings, without
 * it 64-bit integers.
 *
 * An adapter defines, all static inline:
 *   typedef ... table;                            what tableMake returns a pointer to
 *   table *tableMake(size_t hint)                 an empty table, with room for hint entries where the peer can do that (0: none)
 *   void tablePut(table *t, key k, uintptr_t v)   adds k, or gives it another value
 *   uintptr_t tableGet(table *t, key k)           the value of k, 0 if it is absent
 *   void tableFree(table *t)
 * and, with a macro that is defined as true, what it has of
 *   HAS_GROWTH   tables may outgrow the hint
 *   HAS_HINT     tableMake heeds it
 *   HAS_DELETE   bool tableDelete(table *t, key k)              whether k was there
 *   HAS_WALK     size_t tableWalk(table *t, uintptr_t *sum)     visits all entries: how many; adds their values to sum
 *   HAS_BATCH    size_t tableGetMany(table *t, size_t n, const key *keys, uintptr_t *sum)    n lookups: how many were found
 *   HAS_REMOVAL  size_t tablePrune(table *t, uintptr_t most)    removes all with larger values in one walk: how many
 *                uintptr_t tableTake(table *t)                  removes any one entry: its value */
#ifndef PEER_H
#define PEER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef STRINGS
typedef const char *key;
#else
typedef uint64_t key;
#endif

/* What the driver asked for: NAME=VALUE arguments. */
static struct {
  const char *keys; /* the kind of keys */
  const char *mode; /* what to measure */
  const char *ops;  /* which operations, with a comma before and after each; "" for all */
  size_t size;      /* entries */
  size_t lookups;   /* at most so many different keys are looked up */
} asked;

static void fail(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  fprintf(stderr, "%s %s %zu: ", asked.mode, asked.keys, asked.size);
  vfprintf(stderr, format, args);
  fprintf(stderr, "\n");
  va_end(args);
  exit(1);
}

static void *allocate(size_t bytes)
{
  void *p = malloc(bytes ? bytes : 1);
  if (!p)
    fail("no memory for %zu bytes", bytes);
  return p;
}

static inline uint64_t timeOf(clockid_t clock)
{
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}
static inline uint64_t now(void)
{
  return timeOf(CLOCK_MONOTONIC);
}

/* A bijection that looks random: SplitMix64's. */
static inline uint64_t mix(uint64_t x)
{
  x += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

/* A permutation of 0 to n - 1 that looks random, another one for each salt: a bijection of the next power of two, repeated
 * until it leads below n. */
static inline size_t permute(size_t i, size_t n, uint64_t salt)
{
  unsigned bits = n < 4 ? 2 : 64 - (unsigned)__builtin_clzll(n - 1);
  uint64_t mask = ((uint64_t)1 << bits) - 1, x = i;
  do
    for (unsigned round = 0; round < 3; round++) {
      x = (x + mix(salt + round)) * 0xd1342543de82ef95 & mask;
      x ^= x >> (bits + 1) / 2;
    }
  while (x >= n);
  return (size_t)x;
}

/* Keys. Number i of each kind is another key than every other number's. */
#ifdef STRINGS
enum { maxLength = 64 };
static const char pathPrefix[] = "/home/users/projects/hmap/objects/releases/";

/* n characters that tell 5n bits of x. */
static void writeText(char *s, unsigned n, uint64_t x)
{
  for (unsigned i = 0; i < n; i++, x >>= 5)
    s[i] = "abcdefghijklmnopqrstuvwxyz234567"[x & 31];
}
/* 12 characters: 60 bits, spread by a bijection of 60 bits. */
static void writeShort(char *s, uint64_t i)
{
  const uint64_t mask = ((uint64_t)1 << 60) - 1;
  uint64_t x = (i + 0x5851f42d4c957f2d) * 0xd1342543de82ef95 & mask;
  x = (x ^ x >> 31) * 0xbf58476d1ce4e5b9 & mask;
  writeText(s, 12, x ^ x >> 29);
}
/* 32 characters with one g_str_hash, 33h + c, for all: sixteen times one of three pairs that count the same. */
static void writeCrafted(char *s, uint64_t i)
{
  for (unsigned pair = 0; pair < 16; pair++, i /= 3)
    memcpy(s + 2 * pair, &"EzFYG8"[2 * (i % 3)], 2);
}
static unsigned writeKey(char *s, uint64_t i)
{
  unsigned n = 12;
  switch (asked.keys[0]) {
  case 's': /* short */
    writeShort(s, i);
    break;
  case 'p': /* path */
    n = sizeof pathPrefix - 1 + 12;
    memcpy(s, pathPrefix, sizeof pathPrefix - 1);
    writeShort(s + n - 12, i);
    break;
  case 't': /* text32 */
    n = 32;
    writeShort(s, i);
    writeText(s + 12, 10, mix(i));
    writeText(s + 22, 10, mix(~i));
    break;
  case 'c': /* crafted */
    n = 32;
    writeCrafted(s, i);
    break;
  default:
    fail("no such kind of strings");
  }
  s[n] = 0;
  return n;
}
/* A string of its own, as g_strdup would make it. */
static key newKey(uint64_t i)
{
  char s[maxLength], *copy;
  unsigned n = writeKey(s, i);
  copy = (char *)allocate(n + 1);
  memcpy(copy, s, n + 1);
  return copy;
}
/* A key to look up: equal to what newKey returned, at another address, which the processor has seen just before, because a
 * program has its key from somewhere. */
static key lookupKey(uint64_t i)
{
  enum { chunk = 1 << 20 };
  static char *next, *end;
  if (end - next < maxLength) {
    next = (char *)allocate(chunk);
    end = next + chunk;
  }
  key k = next;
  next += writeKey(next, i) + 1;
  return k;
}
/* Whether keys are used in the order of their numbers. */
static bool inOrder(void)
{
  return false;
}
#else
static bool inOrder(void)
{
  return strchr("ipg", asked.keys[0]) != NULL;
}
/* The address of the i-th of many objects of 24 to 200 bytes, in the order in which malloc gave them. They stay. */
static key addressOf(uint64_t i)
{
  static key *addresses;
  static size_t n, room;
  for (; n <= i; n++) {
    if (n == room) {
      room = 2 * room + 1000;
      addresses = (key *)realloc(addresses, room * sizeof *addresses);
      if (!addresses)
        fail("no memory for %zu addresses", room);
    }
    addresses[n] = (uintptr_t)allocate(24 + 8 * (mix(n) % 23));
  }
  return addresses[i];
}
static key newKey(uint64_t i)
{
  switch (asked.keys[0]) {
  case 'r': /* random */
    return mix(i);
  case 's': /* sequential */
    return i;
  case 'm': /* mod32: equal modulo 2^32 */
    return i << 32 | 0x1234567;
  case 'i': /* ids: 0, 1, 2, ..., used in order */
    return i;
  case 'p': /* pointers: addresses from malloc, used in order */
    return addressOf(i);
  case 'g': /* gaps: growing by 1 to 15, 8 in the mean, used in order */
    return 8 * i + (mix(i) & 7);
  }
  fail("no such kind of integers");
  return 0;
}
static key lookupKey(uint64_t i)
{
  return newKey(i);
}
#endif

/* The number of entry i's key, and of the key that is absent in its place. */
static uint64_t present(size_t i)
{
  return i;
}
static uint64_t absent(size_t i)
{
  return asked.size + i;
}

/* The value of the argument NAME=VALUE, or what is given where there is none. */
static const char *argument(char **argv, const char *name, const char *otherwise)
{
  size_t n = strlen(name);
  while (*++argv)
    if (strncmp(*argv, name, n) == 0 && (*argv)[n] == '=')
      return *argv + n + 1;
  return otherwise;
}

static void readArguments(char **argv)
{
  asked.keys = argument(argv, "keys", "");
  asked.mode = argument(argv, "mode", "speed");
  asked.ops = argument(argv, "ops", "");
  asked.size = strtoull(argument(argv, "size", "1000"), NULL, 10);
  asked.lookups = strtoull(argument(argv, "lookups", "1000000"), NULL, 10);
}

#endif
