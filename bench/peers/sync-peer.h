/* sync-peer.h: the loops that time a concurrent map. Each peer's program, sync-NAME, defines
 *
 *   void makeMap(bool strings)           an empty map; keys are words or C strings, which outlive it
 *   bool mapLoad(union mapKey)           whether the key is there (its value is read)
 *   void mapStore(union mapKey, word)    sets a value
 *   void mapDelete(union mapKey)
 *   void enterThread(), leaveThread()    around the work of a thread
 *
 * and includes this file. Called as PROGRAM words|strings ENTRIES SECONDS, it fills the map and prints a line for each number of
 * threads and share of reads: both, and millions of operations a second, all threads together. bench/peers/sync-go.go does the same.
 *
 * Half of the writes overwrite a value; the others delete a key and, the next time, put it back. */
#ifndef SYNC_PEER_H
#define SYNC_PEER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef uintptr_t word;
union mapKey {
  word number;
  const char *text;
};

static void makeMap(bool strings);
static bool mapLoad(union mapKey key);
static void mapStore(union mapKey key, word value);
static void mapDelete(union mapKey key);
static void enterThread(void);
static void leaveThread(void);

enum { textSize = 24, maxThreads = 2 };

/* Keys to store, and the same to look up and delete: texts elsewhere, as a program has them from somewhere. */
static union mapKey *keys, *others;
static uint64_t entries;

/* What the threads of a measurement share. */
static unsigned readPercent;
static bool stop; /* atomic */
static pthread_barrier_t ready;
static struct work {
  uint64_t number, operations, found;
  char apart[128];
} works[maxThreads];

static inline uint64_t nextRandom(uint64_t *x)
{
  *x ^= *x << 13;
  *x ^= *x >> 7;
  return *x ^= *x << 17;
}

/* Key i: a word that looks random, or a text of it. */
static union mapKey *makeKeys(bool strings)
{
  union mapKey *made = (union mapKey *)calloc(entries, sizeof *made);
  char *text = (char *)calloc(entries, textSize);
  for (uint64_t i = 0; i < entries; i++) {
    uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 29;
    if (strings) {
      snprintf(text + i * textSize, textSize, "key-%llx", (unsigned long long)(x >> 20));
      made[i].text = text + i * textSize;
    } else {
      made[i].number = (word)x;
    }
  }
  return made;
}

static inline void writeOne(uint64_t r, uint64_t k, union mapKey *deleted, bool *isDeleted)
{
  if (r & 1) {
    mapStore(keys[k], (word)r | 1);
  } else if (*isDeleted) {
    mapStore(*deleted, (word)r | 1);
    *isDeleted = false;
  } else {
    mapDelete(others[k]);
    *deleted = keys[k];
    *isDeleted = true;
  }
}
static void *runThread(void *arg)
{
  struct work *w = (struct work *)arg;
  uint64_t x = (w->number + 1) * UINT64_C(0x9e3779b97f4a7c15), n = 0, found = 0;
  union mapKey deleted = {0};
  bool isDeleted = false;
  enterThread();
  pthread_barrier_wait(&ready);
  for (; !__atomic_load_n(&stop, __ATOMIC_RELAXED); n += 64)
    for (int i = 0; i < 64; i++) {
      uint64_t r = nextRandom(&x);
      uint64_t k = (r >> 32) * entries >> 32;
      if ((r >> 8 & 0xffff) * 100 >> 16 < readPercent)
        found += mapLoad(others[k]);
      else
        writeOne(r, k, &deleted, &isDeleted);
    }
  if (isDeleted)
    mapStore(deleted, 1);
  leaveThread();
  w->operations = n;
  w->found = found;
  return NULL;
}

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
static void measure(unsigned threads, unsigned percent, double seconds)
{
  pthread_t ids[maxThreads];
  readPercent = percent;
  stop = false;
  pthread_barrier_init(&ready, NULL, threads + 1);
  for (unsigned i = 0; i < threads; i++) {
    works[i].number = i;
    pthread_create(&ids[i], NULL, runThread, &works[i]);
  }
  pthread_barrier_wait(&ready);
  double start = now(), operations = 0;
  struct timespec pause = {0, (long)(seconds * 1e9)};
  nanosleep(&pause, NULL);
  __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
  double took = now() - start;
  for (unsigned i = 0; i < threads; i++) {
    pthread_join(ids[i], NULL);
    operations += (double)works[i].operations;
    if (percent == 100 && works[i].found != works[i].operations)
      abort();
  }
  pthread_barrier_destroy(&ready);
  printf("%u %u %.3f\n", threads, percent, operations / took / 1e6);
}

int main(int argc, char **argv)
{
  static const unsigned shares[] = {100, 99, 90, 50};
  if (argc != 4)
    return 2;
  bool strings = strcmp(argv[1], "strings") == 0;
  entries = strtoull(argv[2], NULL, 10);
  keys = makeKeys(strings);
  others = strings ? makeKeys(strings) : keys;
  makeMap(strings);
  enterThread();
  for (uint64_t i = 0; i < entries; i++)
    mapStore(keys[i], (word)i + 1);
  leaveThread();
  for (unsigned s = 0; s < 4; s++)
    for (unsigned threads = 1; threads <= maxThreads; threads++)
      measure(threads, shares[s], strtod(argv[3], NULL));
  return 0;
}

#endif
