/* sync-example.c: two caches and a list of work for many threads.
 *
 * Users who are logged in, by name. An entry is counted: the map has one reference, each thread that looks a user up another, so
 * a user who logs out meanwhile stays whole for those who still look at it.
 *
 * Prices, by number. They are not counted: who looks at one does so in a read section, and until its end the map destroys nothing
 * that can have been found. That costs less where looks are short. They expire, and a typed map lets the compiler see mistakes.
 *
 * Jobs, by owner and number. Their keys own something too, the owner's name, which the map gives back when the key has gone. A
 * thread takes jobs out for itself, and looks several up at once.
 *
 *   cc sync-example.c $(pkg-config --cflags --libs hmap-sync) -lpthread */
#include <hmap-sync.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct user {
  unsigned references; /* atomic */
  char name[16];
  unsigned visits; /* atomic */
} user;

static void retainUser(void *value)
{
  user *u = value;
  __atomic_add_fetch(&u->references, 1, __ATOMIC_RELAXED);
}
static void releaseUser(void *value)
{
  user *u = value;
  if (__atomic_sub_fetch(&u->references, 1, __ATOMIC_ACQ_REL) == 0)
    free(u);
}

static hmap_sync *users;

/* Returns a user of that name, made if there is none, who is the caller's to release; or NULL. */
static user *logIn(const char *name)
{
  void *found;
  if (hmap_sync_load(users, name, &found))
    return found;
  user *u = calloc(1, sizeof *u);
  if (!u)
    return NULL;
  u->references = 1;
  snprintf(u->name, sizeof u->name, "%s", name);
  switch (hmap_sync_load_or_store(users, name, u, &found).outcome) {
  case HMAP_SYNC_ABSENT: /* u is the map's now, and found is u once more, for us */
    return found;
  case HMAP_SYNC_FOUND: /* another thread was faster */
    releaseUser(u);
    return found;
  default: /* no memory */
    releaseUser(u);
    return NULL;
  }
}

static void *visit(void *arg)
{
  static const char *const names[] = {"ann", "bob", "cleo"};
  (void)arg;
  for (int i = 0; i < 3000; i++) {
    user *u = logIn(names[i % 3]);
    if (!u)
      continue;
    __atomic_add_fetch(&u->visits, 1, __ATOMIC_RELAXED);
    releaseUser(u);
  }
  return NULL;
}

static bool print(const void *key, void *value, void *arg)
{
  const user *u = value;
  (void)arg;
  printf("%s: %u visits\n", (const char *)key, u->visits);
  return true;
}

typedef struct price {
  int cents, expires;
} price;
HMAP_SYNC_WORDS(prices, int, price *);

static bool setPrice(prices p, int number, int cents, int expires)
{
  price *new = malloc(sizeof *new);
  if (!new)
    return false;
  *new = (price){cents, expires};
  if (prices_store(p, number, new)) /* the old one, if any, is freed when nobody looks at it any more */
    return true;
  free(new);
  return false;
}
/* Returns a price, or -1. */
static int priceOf(prices p, int number, int now)
{
  price *found;
  int cents = -1;
  hmap_sync_read_lock();
  if (prices_load(p, number, &found) && found->expires > now)
    cents = found->cents;
  hmap_sync_read_unlock();
  return cents;
}
/* For hmap_sync_compute: no other thread can set the price between the look and the raise. */
static enum hmap_sync_action raise(bool found, void **value, void *arg)
{
  price *raised = arg;
  if (!found)
    return HMAP_SYNC_KEEP;
  *raised = *(price *)*value;
  raised->cents += 10;
  *value = raised;
  return HMAP_SYNC_SET;
}
static void raisePrice(prices p, int number)
{
  price *raised = malloc(sizeof *raised);
  if (!raised || hmap_sync_compute(p.map, &number, raise, raised).outcome != HMAP_SYNC_FOUND)
    free(raised);
}
static bool hasExpired(const void *key, void *value, void *arg)
{
  (void)key;
  return ((const price *)value)->expires <= *(const int *)arg;
}
static void usePrices(void)
{
  int now = 5;
  size_t expired = 0;
  prices p = prices_make(NULL, free);
  if (!p.map)
    return;
  for (int number = 0; number < 10; number++)
    if (!setPrice(p, number, 100 * number, number))
      perror("a price");
  raisePrice(p, 7);
  raisePrice(p, 70);
  printf("7 costs %d cents, 3 is not known: %d\n", priceOf(p, 7, now), priceOf(p, 3, now));
  if (hmap_sync_delete_if(p.map, hasExpired, &now, &expired))
    printf("%zu prices have expired, %zu are left\n", expired, prices_len(p));
  prices_free(p);
}

typedef struct jobKey {
  char *owner;
  int number;
} jobKey;
static uint64_t hashJob(const void *key, const hmap_seed *seed)
{
  const jobKey *k = key;
  uint64_t hash = seed->k0 ^ (uint64_t)k->number; /* FNV-1a: for keys that nobody crafts */
  for (const char *c = k->owner; *c; c++)
    hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
  return hash;
}
static bool sameJob(const void *stored, const void *key)
{
  const jobKey *a = stored, *b = key;
  return a->number == b->number && strcmp(a->owner, b->owner) == 0;
}
static void freeOwner(void *key)
{
  free(((jobKey *)key)->owner);
}
/* The map has the owner's name once the key is in it, and not if the key was there already. */
static bool addJob(hmap_sync *jobs, const char *owner, int number)
{
  jobKey key = {strdup(owner), number};
  int *job = malloc(sizeof *job);
  void *there;
  if (key.owner && job) {
    *job = number * number;
    if (hmap_sync_load_or_store(jobs, &key, job, &there).outcome == HMAP_SYNC_ABSENT)
      return true;
  }
  free(key.owner);
  free(job);
  return false;
}
static void useJobs(void)
{
  const hmap_sync_type type = {
      .key_size = sizeof(jobKey), .hash = hashJob, .equal = sameJob, .destroy = free, .destroy_key = freeOwner};
  hmap_sync *jobs = hmap_sync_make(&type);
  char ann[] = "ann";
  jobKey looked[] = {{ann, 1}, {ann, 77}, {ann, 9}};
  const void *const keys[] = {&looked[0], &looked[1], &looked[2]};
  void *found[3], *mine;
  bool there[3];
  hmap_sync_statistics s;
  if (!jobs)
    return;
  if (!hmap_sync_reserve(jobs, 1000)) /* so that the map does not grow on the way there */
    perror("room for jobs");
  for (int number = 0; number < 10; number++)
    if (!addJob(jobs, "ann", number) || !addJob(jobs, "bob", number))
      perror("a job");
  hmap_sync_read_lock(); /* until its end what is found stays */
  size_t n = hmap_sync_load_many(jobs, 3, keys, found, there);
  printf("%zu of 3 jobs are there, the last one is %d\n", n, there[2] ? *(int *)found[2] : -1);
  hmap_sync_read_unlock();
  if (hmap_sync_steal(jobs, &looked[2], &mine)) { /* no other thread gets it, and the map does not free it; but the key */
    hmap_sync_barrier();                          /* others who have found it have done with it */
    printf("took job %d\n", *(int *)mine);
    free(mine);
  }
  hmap_sync_stats(jobs, &s);
  printf("%zu jobs are left, %zu things wait to be freed\n", s.entries, s.waiting);
  hmap_sync_free(jobs);
}

int main(void)
{
  const hmap_sync_type type = {.kind = HMAP_STRING, .retain = retainUser, .destroy = releaseUser};
  pthread_t threads[4];
  users = hmap_sync_make(&type);
  if (!users) {
    perror("hmap_sync_make");
    return 1;
  }
  for (int i = 0; i < 4; i++)
    pthread_create(&threads[i], NULL, visit, NULL);
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  if (!hmap_sync_range(users, print, NULL))
    perror("hmap_sync_range");
  hmap_sync_delete(users, "bob");
  printf("%zu users are left\n", hmap_sync_len(users));
  hmap_sync_free(users);
  usePrices();
  useJobs();
  hmap_sync_barrier(); /* only so that a search for leaks finds none */
  return 0;
}
