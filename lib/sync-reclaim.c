/* sync-reclaim.c: read sections, and how what has left a map goes when no reader can see it any more.
 *
 * Time is counted by domain.clock. A thread that opens a read section notes the clock in its record; what has been retired before
 * the clock went on to t + 1 can be seen only by sections that were opened at t or before. (Epoch-based reclamation: K. Fraser,
 * Practical lock-freedom, 2004.) Each thread keeps what it retires in its own record, in three piles:
 *
 *   fresh --seal: the clock goes on, its old value is noted--> old --no section is that old any more--> ready --> destroyed,
 * freed
 *
 * Who writes pays: after sealAt retirements the piles move on, and after payAfter of them up to payAtOnce of what is ready goes,
 * in the thread that writes and outside of all locks and sections. So no more than a few hundred wait for each thread, besides
 * what has been retired since the oldest open section began. What a thread leaves when it has no more to write goes by the
 * reaper, a thread that sleeps when nothing waits. Who finds another thread at the piles leaves them to it; but where much waits,
 * that thread has been interrupted in between, and is waited for.
 *
 * A section costs no fence: before sections are looked at, the kernel makes all running threads of the process pass one
 * (membarrier). Where it does not know that call, each section has a fence of its own. */
#include "sync.h"
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
  sealAt = 128,
  payAfter = 16,
  payAtOnce = 64,
  behind = 256, /* if more wait for a thread, or more than behindLarge large things, it waits for who is at them */
  behindLarge = 8,
  pooledReaders = 64,
  depthBits = 16,
  restMicroseconds = 10000
};

/* What a thread notes for others. Records stay; when a thread ends its record waits for the next one. */
typedef struct reader {
  _Alignas(
      cacheLine) uint64_t section;  /* atomic. 0, or the clock when it was opened, and in the low bits how deep it is nested */
  bool writing;                     /* atomic; whether a fork would find something half done */
  bool claimed;                     /* atomic; a thread has this record */
  bool dirty, paying, computing;    /* own: something was retired; destroy functions are running; so is one of compute */
  unsigned walks;                   /* own: Ranges under way */
  size_t retired, tendedAt, paidAt; /* own, but for statistics: so many so far; and at the last tend and pay */
  node *fresh;                      /* pile; atomic */
  bool busy;                        /* lock of what follows; atomic. Whoever takes it is writing */
  unsigned phase;                   /* of the barrier; atomic */
  node *old, *ready;                /* piles; the second atomic for a look without the lock */
  uint64_t stamp;                   /* of old: sections that begin later do not see it */
  size_t underWay[2];               /* batches taken off ready and not yet destroyed, by the phase when they were; atomic */
  node *batch;                      /* own: the rest of the one that the thread is destroying; a forked child finds it */
  size_t *batchCount;               /* own: where that is counted; or NULL */
  size_t freed;                     /* of those that were retired here; atomic */
  struct reader *next;
} reader;

static struct {
  _Alignas(cacheLine) uint64_t clock; /* atomic */
  bool asymmetric;                    /* membarrier is there */
  reader *readers;                    /* all records; atomic */
  pthread_once_t once;
  pthread_key_t key; /* tells when a thread ends */
  bool hasKey;
  size_t pooled; /* records of the pool in use; atomic */
} domain = {.clock = 1, .once = PTHREAD_ONCE_INIT};

static reader pool[pooledReaders];

/* A look at it is one instruction where a library may have memory of its own at a fixed distance of the thread's. */
#ifdef __GLIBC__
__attribute__((tls_model("initial-exec")))
#endif
static __thread reader *self;

static void forkHandlers(void);

/* All maps, for the barrier. */
static struct {
  pthread_mutex_t mutex;
  hmap_sync *first;
} maps = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* Threads that wait for the lock of a chain, see sync-table.c. */
static uint32_t waiters; /* atomic */

/* Orders what this thread has written before what it reads from here on, towards threads that pass heavyFence. */
ALWAYS_INLINE void lightFence(void)
{
  if (likely(domain.asymmetric))
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
  else
    SYNC_FENCE();
}
/* Returns false if the kernel will not do it (any more). */
static bool heavyFence(void)
{
  SYNC_FENCE();
  return !domain.asymmetric || syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}
static void futexWait(uint32_t *word, uint32_t value, const struct timespec *atMost)
{
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, atMost, NULL, 0);
}
static void futexWake(uint32_t *word)
{
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
static void sleepMicroseconds(long n)
{
  nanosleep(&(struct timespec){.tv_nsec = n * 1000}, NULL);
}

/* Gives the thread's record up; when the thread ends, or for as long as the reaper sleeps. */
static void release(void *record)
{
  reader *r = record;
  self = NULL;
  STORE(&r->section, 0); /* a thread may end within one */
  STORE(&r->writing, false);
  STORE(&r->claimed, false);
}
static void initDomain(void)
{
  domain.asymmetric = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
  domain.hasKey = pthread_key_create(&domain.key, release) == 0;
  forkHandlers();
}
/* Returns a record that no thread has had yet. */
static reader *newReader(void)
{
  size_t i = __atomic_fetch_add(&domain.pooled, 1, __ATOMIC_RELAXED);
  reader *r = &pool[i % pooledReaders];
  if (i >= pooledReaders) {
    __atomic_fetch_sub(&domain.pooled, 1, __ATOMIC_RELAXED);
    char *p = calloc(1, sizeof *r + cacheLine - 1);
    if (!p)
      fatal("libhmap-sync: no memory to make a thread known");
    r = (reader *)(void *)(p + -(uintptr_t)p % cacheLine);
  }
  r->claimed = true;
  r->next = LOAD(&domain.readers);
  while (!CAS(&domain.readers, &r->next, r))
    ;
  return r;
}
static reader *claimReader(void)
{
  for (reader *r = LOAD(&domain.readers); r; r = r->next) {
    bool claimed = LOAD(&r->claimed);
    if (!claimed && CAS(&r->claimed, &claimed, true))
      return r;
  }
  return newReader();
}
/* The first call of a thread. */
NOINLINE reader *enroll(void)
{
  pthread_once(&domain.once, initDomain);
  reader *r = claimReader();
  r->dirty = r->paying = r->computing = false;
  r->walks = 0;
  self = r;
  if (domain.hasKey)
    pthread_setspecific(domain.key, r); /* without memory for that, the record is not used again */
  return r;
}
ALWAYS_INLINE reader *me(void)
{
  reader *r = self;
  return likely(r != NULL) ? r : enroll();
}

/* The clock is read first, with what was written before it went on. Who looks for sections after a heavy fence either sees this
 * one, or has written all before this one reads anything. One store, so that a signal handler may have sections too. */
ALWAYS_INLINE reader *readLock(void)
{
  reader *r = me();
  uint64_t s = LOAD_RELAXED(&r->section);
  STORE_RELAXED(&r->section, likely(!s) ? LOAD(&domain.clock) << depthBits | 1 : s + 1);
  lightFence();
  return r;
}
ALWAYS_INLINE void readUnlock(reader *r)
{
  uint64_t s = LOAD_RELAXED(&r->section);
  HAPPENS_BEFORE(&gracePeriod);
  STORE(&r->section, likely((s & ((1 << depthBits) - 1)) == 1) ? 0 : s - 1);
}
ALWAYS_INLINE bool inSection(const reader *r)
{
  return LOAD_RELAXED(&r->section) != 0;
}

/* Fork. The child has this thread alone, so no other may be in the middle of a step then: each says when it is, and does not
 * begin one while a fork is under way. No code of the user's runs in between, but hash, equal and what compute calls. */
static struct {
  pthread_mutex_t mutex; /* held from before a fork until after it */
  bool forking;          /* atomic */
  reader *owner;         /* of the thread that forks; atomic */
  unsigned depth;        /* how often it asked: it may have called hmap_sync_before_fork itself */
} forks = {.mutex = PTHREAD_MUTEX_INITIALIZER};

NOINLINE void waitForFork(void)
{
  pthread_mutex_lock(&forks.mutex);
  pthread_mutex_unlock(&forks.mutex);
}
ALWAYS_INLINE void enter(reader *r)
{
  for (;;) {
    STORE_RELAXED(&r->writing, true);
    lightFence();
    if (likely(!LOAD(&forks.forking)) || LOAD(&forks.owner) == r)
      return;
    STORE(&r->writing, false);
    waitForFork();
  }
}
ALWAYS_INLINE void leave(reader *r)
{
  STORE(&r->writing, false);
}

/* Walks hold on to the entries whose turn is to come, without a section: f may take its time. */
enum { fewNodes = 64 };

/* A key that is listed: its node, or itself. */
typedef union listed {
  node *n; /* atomic */
  uint64_t key;
} listed;

typedef struct pins {
  listed *list; /* few, or memory of its own */
  size_t n;     /* nodes in list; atomic */
  struct pins *next, **before;
  reader *r; /* of the thread that walks */
  listed few[fewNodes];
} pins;

static struct {
  pthread_mutex_t mutex; /* of the chain of pins, and of the place of their lists */
  pins *first;
  size_t n; /* atomic */
} walks = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* Both between enter and leave. */
static void addPins(pins *p)
{
  pthread_mutex_lock(&walks.mutex);
  p->next = walks.first;
  p->before = &walks.first;
  if (p->next)
    p->next->before = &p->next;
  walks.first = p;
  __atomic_fetch_add(&walks.n, 1, __ATOMIC_SEQ_CST);
  pthread_mutex_unlock(&walks.mutex);
}
static void removePins(pins *p)
{
  pthread_mutex_lock(&walks.mutex);
  *p->before = p->next;
  if (p->next)
    p->next->before = p->before;
  __atomic_fetch_sub(&walks.n, 1, __ATOMIC_SEQ_CST);
  pthread_mutex_unlock(&walks.mutex);
}
NOINLINE bool isListed(const node *n)
{
  bool found = false;
  pthread_mutex_lock(&walks.mutex);
  for (pins *p = walks.first; p && !found; p = p->next) {
    size_t all = LOAD(&p->n);
    for (size_t i = 0; i < all && !found; i++)
      found = LOAD(&p->list[i].n) == n;
  }
  pthread_mutex_unlock(&walks.mutex);
  return found;
}
/* Of a node whose grace period is over, so walks that hold it have said so. */
ALWAYS_INLINE bool isPinned(const node *n)
{
  return unlikely(LOAD(&walks.n)) && isListed(n);
}

/* What is left of piles for all threads. */
static struct {
  node *pinned;          /* pile of nodes that a walk holds on to; atomic */
  node *large;           /* pile of things that go in steps; atomic */
  bool some;             /* there are such; atomic */
  size_t n;              /* such that have been retired and are not done yet; atomic */
  pthread_mutex_t mutex; /* held for each step */
  node *first;           /* the one whose steps are done, and those to follow */
} leftovers = {.mutex = PTHREAD_MUTEX_INITIALIZER};

ALWAYS_INLINE node *nextOfPile(const node *n)
{
  return (node *)(n->next & ~(uintptr_t)kindMask); // NOLINT(performance-no-int-to-ptr)
}
static void pushOn(node **pile, node *n, uintptr_t kind)
{
  node *top = LOAD_RELAXED(pile);
  do
    n->next = (uintptr_t)top | kind;
  while (!CAS(pile, &top, n));
}

/* Puts the nodes of one pile on another, both private or of a record that is busy. Returns how many there were. */
static size_t moveTo(node **to, node *pile)
{
  size_t n = 0;
  for (node *next; pile; pile = next, n++) {
    next = nextOfPile(pile);
    pushOn(to, pile, pile->next & kindMask);
  }
  return n;
}
static size_t inPile(const node *pile)
{
  size_t n = 0;
  for (; pile; pile = nextOfPile(pile))
    n++;
  return n;
}

/* Gives something up that nobody can find any more. In a read section and between enter and leave. */
static void retire(reader *r, node *n, uintptr_t kind)
{
  HAPPENS_BEFORE(&gracePeriod);
  pushOn(&r->fresh, n, kind);
  STORE_RELAXED(&r->retired, r->retired + 1);
  r->dirty = true;
  if (kind == isLarge) { /* which is worth the trouble at once */
    __atomic_fetch_add(&leftovers.n, 1, __ATOMIC_RELAXED);
    r->tendedAt = r->retired - sealAt;
    r->paidAt = r->retired - payAfter;
  }
}

/* Destroys what a node has, as its kind says, and frees it. */
static void freeNode(node *n, uintptr_t kind)
{
  if (kind) {
    const owner *o = *ownerOf(n);
    if (kind & ownsValue && o->destroy)
      o->destroy(LOAD(&n->value));
    if (kind & ownsKey && o->destroyKey)
      o->destroyKey((unsigned char *)n + o->keyoff);
  }
  free(n);
}
static void dispose(node *n, uintptr_t kind)
{
  if (kind == isLarge) {
    pushOn(&leftovers.large, n, kind);
    STORE_SEQ(&leftovers.some, true);
  } else if (isPinned(n))
    pushOn(&leftovers.pinned, n, kind);
  else
    freeNode(n, kind);
}
/* Destroys a thread's batch. Returns how many there were. */
static size_t disposeBatch(reader *r)
{
  size_t n = 0;
  bool nested = r->paying;
  HAPPENS_AFTER(&gracePeriod);
  r->paying = true;
  for (node *d; (d = r->batch); n++) {
    r->batch = nextOfPile(d);
    dispose(d, d->next & kindMask);
  }
  r->paying = nested;
  return n;
}

static size_t waitingOf(const reader *r)
{
  return LOAD(&r->retired) - LOAD(&r->freed);
}

/* The clock of the oldest section that is open, or of a time to come if none is; 0 if that cannot be told. A thread that is alone
 * needs no fence of others: who comes new, comes by an atomic operation after which it sees all that was written before. */
static uint64_t oldestSection(void)
{
  uint64_t oldest = UINT64_MAX;
  unsigned claimed = 0;
  SYNC_FENCE();
  for (reader *r = LOAD(&domain.readers); r; r = r->next)
    claimed += LOAD(&r->claimed);
  if (claimed > 1 && !heavyFence())
    return 0;
  for (reader *r = LOAD(&domain.readers); r; r = r->next) {
    uint64_t s = LOAD(&r->section) >> depthBits;
    if (s && s < oldest)
      oldest = s;
  }
  return oldest;
}

static bool tryBusy(reader *r)
{
  return !LOAD_RELAXED(&r->busy) && !EXCHANGE(&r->busy, true);
}
static void lockBusy(reader *r)
{
  for (unsigned tries = 1; !tryBusy(r); tries++)
    if (tries % 64 == 0)
      sleepMicroseconds(50);
}
static void unlockBusy(reader *r)
{
  STORE(&r->busy, false);
}

static void seal(reader *r)
{
  r->old = EXCHANGE(&r->fresh, NULL);
  if (r->old)
    r->stamp = __atomic_fetch_add(&domain.clock, 1, __ATOMIC_SEQ_CST);
}
/* Moves the piles of a record on. It is busy. */
static void tend(reader *r)
{
  if (!r->old)
    seal(r);
  if (r->old && !r->ready && r->stamp < oldestSection()) {
    STORE(&r->ready, r->old);
    seal(r);
  }
}
/* Takes up to n off what is ready, of a record that is busy. */
static node *takeReady(reader *r, unsigned n)
{
  node *first = r->ready, *last = first;
  if (!first)
    return NULL;
  while (--n && nextOfPile(last))
    last = nextOfPile(last);
  STORE(&r->ready, nextOfPile(last));
  last->next &= kindMask;
  return first;
}
/* Counts a thread's batch with a record, of which it has a lock that ends a phase too, until it has destroyed it. */
static void beginBatch(reader *own, reader *r)
{
  if (!own->batch)
    return;
  own->batchCount = &r->underWay[LOAD(&r->phase)];
  __atomic_fetch_add(own->batchCount, 1, __ATOMIC_SEQ_CST);
}
static size_t endBatch(reader *own)
{
  if (!own->batchCount)
    return 0;
  size_t n = disposeBatch(own);
  __atomic_fetch_sub(own->batchCount, 1, __ATOMIC_SEQ_CST);
  own->batchCount = NULL;
  return n;
}
/* Whether so much waits that a thread has to wait for another one that is at it. */
static bool isBehind(const reader *own)
{
  return waitingOf(own) > behind || LOAD_RELAXED(&leftovers.n) > behindLarge;
}
/* Moves a record's piles on, if asked to, and destroys up to n of what is ready there. Returns whether there was any. */
static bool payFor(reader *own, reader *r, bool tended, unsigned n)
{
  enter(own);
  if (own == r && isBehind(own))
    lockBusy(r);
  else if (!tryBusy(r)) {
    leave(own);
    return false;
  }
  if (tended)
    tend(r);
  own->batch = takeReady(r, n);
  beginBatch(own, r);
  unlockBusy(r);
  leave(own);
  size_t freed = endBatch(own);
  __atomic_fetch_add(&r->freed, freed, __ATOMIC_RELAXED);
  return freed != 0;
}

/* For a step of a large thing. Returns false if another thread is at one. */
static bool lockLarge(const reader *own)
{
  return isBehind(own) ? pthread_mutex_lock(&leftovers.mutex) == 0 : pthread_mutex_trylock(&leftovers.mutex) == 0;
}
/* Does a step of a large thing. Returns 0 if there is none, or another thread is at it; or one more than were destroyed. */
static size_t stepOfLarge(reader *own)
{
  if (!LOAD(&leftovers.some) || !lockLarge(own))
    return 0;
  enter(own);
  if (!leftovers.first) {
    STORE_SEQ(&leftovers.some, false); /* who pushes one now says so afterwards */
    leftovers.first = EXCHANGE(&leftovers.large, NULL);
    STORE_SEQ(&leftovers.some, leftovers.first != NULL || LOAD(&leftovers.large));
  }
  node *first = leftovers.first;
  if (first) {
    HAPPENS_AFTER(&gracePeriod);
    node *next = nextOfPile(first);
    bulk *l = containerOf(first, bulk, base);
    if (l->step(l, &own->batch)) {
      leftovers.first = next;
      l->done(l);
      __atomic_fetch_sub(&leftovers.n, 1, __ATOMIC_RELAXED);
    }
    beginBatch(own, own);
  }
  leave(own);
  pthread_mutex_unlock(&leftovers.mutex);
  size_t n = endBatch(own);
  return first ? 1 + n : 0;
}
/* Tries those again that walks hold on to. Returns whether there are such. */
static bool retryPinned(reader *own)
{
  if (!LOAD(&leftovers.pinned))
    return false;
  enter(own);
  own->batch = EXCHANGE(&leftovers.pinned, NULL);
  leave(own);
  disposeBatch(own);
  return LOAD(&leftovers.pinned) != NULL;
}

/* The last look before the reaper sleeps. Who retires looks for a sleeping reaper after putting something on fresh, which, unlike
 * the count, everybody sees by then. */
static bool anyWaits(void)
{
  for (reader *r = LOAD(&domain.readers); r; r = r->next)
    if (LOAD(&r->fresh) || waitingOf(r))
      return true;
  return LOAD(&leftovers.some) || LOAD(&leftovers.pinned);
}

/* The reaper. It has all signals blocked. A barrier ends it, so that a program that ends with one has no thread left. */
static struct {
  pthread_mutex_t mutex;                                /* of starting and ending it */
  enum { reaperGone, reaperAsleep, reaperAwake } state; /* atomic, and what it waits for when it sleeps */
  bool stop;                                            /* atomic */
  pthread_t thread;
} reaper = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* Does what there is to do. Returns whether something is left. */
static bool reapAll(reader *own)
{
  for (reader *r = LOAD(&domain.readers); r; r = r->next)
    for (bool tended = true; waitingOf(r) && (payFor(own, r, tended, payAtOnce) || (tended && LOAD(&r->ready)));)
      tended = !LOAD(&r->ready);
  while (!LOAD(&reaper.stop) && stepOfLarge(own))
    ;
  retryPinned(own);
  return anyWaits();
}
static void *reap(void *unused)
{
  (void)unused;
  while (!LOAD(&reaper.stop)) {
    sleepMicroseconds(restMicroseconds); /* those who write do most */
    bool left = reapAll(me());
    release(self);
    if (left)
      continue;
    STORE_SEQ(&reaper.state, reaperAsleep);
    while (LOAD(&reaper.state) == reaperAsleep && !anyWaits() && !LOAD(&reaper.stop))
      futexWait((uint32_t *)&reaper.state, reaperAsleep, NULL);
    STORE(&reaper.state, reaperAwake);
  }
  return NULL;
}
/* Without memory for a thread, those who write and the barrier do all; the next one who needs it tries again. */
static void startReaper(void)
{
  sigset_t all, before;
  pthread_mutex_lock(&reaper.mutex);
  if (LOAD(&reaper.state) == reaperGone) {
    STORE(&reaper.stop, false);
    STORE(&reaper.state, reaperAwake);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&reaper.thread, NULL, reap, NULL))
      STORE(&reaper.state, reaperGone);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
  pthread_mutex_unlock(&reaper.mutex);
}
static void stopReaper(void)
{
  pthread_mutex_lock(&reaper.mutex);
  if (LOAD(&reaper.state) != reaperGone) {
    STORE(&reaper.stop, true);
    STORE_SEQ(&reaper.state, reaperAwake);
    futexWake((uint32_t *)&reaper.state);
    pthread_join(reaper.thread, NULL);
    STORE(&reaper.state, reaperGone);
  }
  pthread_mutex_unlock(&reaper.mutex);
}
NOINLINE void wakeReaper(void)
{
  if (LOAD(&reaper.state) == reaperGone) {
    startReaper();
    return;
  }
  unsigned asleep = reaperAsleep;
  if (CAS((unsigned *)&reaper.state, &asleep, (unsigned)reaperAwake))
    futexWake((uint32_t *)&reaper.state);
}

/* After a call that has retired something, when it holds nothing any more. */
NOINLINE void pay(reader *r)
{
  r->dirty = false;
  size_t n = 0, more;
  if (unlikely(LOAD(&reaper.state) != reaperAwake))
    wakeReaper();
  if ((r->retired - r->paidAt < payAfter && !LOAD(&leftovers.some)) || r->paying)
    return;
  if (inSection(r)) {
    r->dirty = true; /* its end pays */
    return;
  }
  bool tended = r->retired - r->tendedAt >= sealAt;
  r->paidAt = r->retired;
  if (tended)
    r->tendedAt = r->retired;
  if (tended || LOAD(&r->ready))
    payFor(r, r, tended, payAtOnce);
  while (n < payAtOnce && (more = stepOfLarge(r)))
    n += more + 7;
}

ALWAYS_INLINE reader *openWrite(void)
{
  reader *r = readLock();
  if (unlikely(r->computing))
    fatal("libhmap-sync: a write to a map from within a function of hmap_sync_compute");
  enter(r);
  return r;
}
ALWAYS_INLINE void closeSection(reader *r)
{
  readUnlock(r);
  if (unlikely(r->dirty || LOAD_RELAXED(&leftovers.some)))
    pay(r);
}
ALWAYS_INLINE void closeWrite(reader *r)
{
  leave(r);
  closeSection(r);
}

/* The barrier. What waits in records is taken over; batches that other threads took off before that have to end, which is what
 * the phases tell, and may leave nodes that walks hold. */
static pthread_mutex_t barrierMutex = PTHREAD_MUTEX_INITIALIZER;

static void finishResizes(reader *own);

/* Takes a record's piles over, as if all had been retired by own just now, and lets it begin another phase. */
static void takeAll(reader *own, reader *r)
{
  enter(own);
  lockBusy(r);
  node *piles[] = {EXCHANGE(&r->fresh, NULL), r->old, r->ready};
  r->old = NULL;
  STORE(&r->ready, NULL);
  STORE(&r->phase, r->phase ^ 1);
  size_t n = 0;
  for (unsigned i = 0; i < 3; i++)
    n += moveTo(&own->batch, piles[i]);
  __atomic_fetch_add(&r->freed, n, __ATOMIC_RELAXED);
  STORE_RELAXED(&own->retired, own->retired + n);
  unlockBusy(r);
  leave(own);
}
/* Waits for the batches that were taken before the last phase began. */
static void waitForBatches(void)
{
  for (reader *r = LOAD(&domain.readers); r; r = r->next)
    while (LOAD(&r->underWay[r->phase ^ 1]))
      sleepMicroseconds(100);
}
static void nextPhase(reader *own)
{
  pthread_mutex_lock(&leftovers.mutex);
  enter(own);
  for (reader *r = LOAD(&domain.readers); r; r = r->next) {
    lockBusy(r);
    STORE(&r->phase, r->phase ^ 1);
    unlockBusy(r);
  }
  leave(own);
  pthread_mutex_unlock(&leftovers.mutex);
}
/* Waits until all sections have ended that are open. Returns false if that cannot be told. */
static bool waitForSections(void)
{
  uint64_t stamp = __atomic_fetch_add(&domain.clock, 1, __ATOMIC_SEQ_CST), oldest;
  for (long pause = 20; (oldest = oldestSection()) <= stamp; pause = pause < 2000 ? 2 * pause : pause) {
    if (!oldest) {
      errno = ENOSYS;
      return false;
    }
    sleepMicroseconds(pause);
  }
  return true;
}
static bool destroyAllOld(reader *own)
{
  for (reader *r = LOAD(&domain.readers); r; r = r->next)
    takeAll(own, r);
  if (!waitForSections()) {
    moveTo(&own->fresh, own->batch);
    own->batch = NULL;
    return false;
  }
  __atomic_fetch_add(&own->freed, disposeBatch(own), __ATOMIC_RELAXED);
  waitForBatches();
  while (LOAD(&leftovers.some))
    if (!stepOfLarge(own))
      sleepMicroseconds(100);
  nextPhase(own); /* what others took of large things */
  waitForBatches();
  while (retryPinned(own))
    sleepMicroseconds(1000);
  HAPPENS_AFTER(&gracePeriod);
  return true;
}
bool hmap_sync_barrier(void)
{
  reader *own = me();
  if (inSection(own) || own->paying || own->walks || own->computing) {
    errno = EDEADLK;
    return false;
  }
  pthread_mutex_lock(&barrierMutex);
  finishResizes(own);
  stopReaper();
  bool done = destroyAllOld(own);
#ifdef __GLIBC__
  malloc_trim(0); /* glibc gives small pieces back to the system only when asked */
#endif
  pthread_mutex_unlock(&barrierMutex);
  return done;
}

void hmap_sync_before_fork(void)
{
  reader *own = me();
  if (LOAD(&forks.owner) == own) {
    forks.depth++;
    return;
  }
  pthread_mutex_lock(&forks.mutex);
  STORE(&forks.owner, own);
  forks.depth = 1;
  STORE_SEQ(&forks.forking, true);
  if (!heavyFence())
    sleepMicroseconds(1000);
  for (reader *r = LOAD(&domain.readers); r; r = r->next)
    while (r != own && LOAD(&r->writing))
      sleepMicroseconds(20);
}
static void afterFork(void)
{
  STORE(&forks.owner, NULL);
  STORE(&forks.forking, false);
  pthread_mutex_unlock(&forks.mutex);
}
void hmap_sync_after_fork_parent(void)
{
  if (--forks.depth == 0)
    afterFork();
}
/* What other threads had begun to destroy is destroyed in the child too, but for the one value that each was at. */
static void forgetThread(reader *own, reader *r)
{
  r->underWay[0] = r->underWay[1] = 0;
  if (r == own)
    return;
  STORE_RELAXED(&own->retired, own->retired + moveTo(&own->fresh, r->batch));
  r->batch = NULL;
  r->section = 0;
  r->claimed = false;
}
static void recount(reader *r)
{
  r->freed = r->retired - inPile(r->fresh) - inPile(r->old) - inPile(r->ready) - inPile(r->batch);
}
static void forgetWalks(const reader *own)
{
  pins *p = walks.first;
  walks.first = NULL;
  walks.n = 0;
  for (pins *next; p; p = next) {
    next = p->next;
    if (p->r == own)
      addPins(p);
  }
}
void hmap_sync_after_fork_child(void)
{
  reader *own = me();
  pthread_mutex_t *const mutexes[] = {&walks.mutex, &leftovers.mutex, &reaper.mutex, &barrierMutex, &maps.mutex};
  if (--forks.depth)
    return;
  for (unsigned i = 0; i < sizeof mutexes / sizeof *mutexes; i++)
    *mutexes[i] = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
  forgetWalks(own);
  for (reader *r = domain.readers; r; r = r->next)
    forgetThread(own, r);
  for (reader *r = domain.readers; r; r = r->next)
    recount(r);
  if (own->batchCount)
    *own->batchCount = 1;
  reaper.state = reaperGone;
  own->dirty = true;
  waiters = 0;
  afterFork();
}
static void forkHandlers(void)
{
  pthread_atfork(hmap_sync_before_fork, hmap_sync_after_fork_parent, hmap_sync_after_fork_child);
}
