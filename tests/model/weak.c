/* weak.c: the steps of lib/sync*.c that depend on fences, for CBMC, which knows processors with store buffers: --mm tso (x86: a
 * load may be done before a store that stands before it) and --mm pso (and a store before another one). One function without static
 * a step; each statement is one access of the source, by the macros below. (J. Alglave, D. Kroening, M. Tautschnig, Partial orders
 * for efficient bounded model checking of concurrent software, 2013.)
 *
 * WITHOUT=n leaves out the n-th of the fences that a step depends on: tests/weak-memory.sh sees that CBMC misses it then.
 *
 * Both keep loads in order, as x86 does and ARM64 and POWER do not; lib/sync.c says what orders them there. */
#ifndef WITHOUT
#define WITHOUT 0
#endif

typedef unsigned char byte;
_Bool nondet_bool(void);

#define FENCE() __CPROVER_fence("WWfence", "RRfence", "RWfence", "WRfence", "WWcumul", "RRcumul", "RWcumul", "WRcumul")
#define STORE_RELAXED(p, v) (*(p) = (v))
#define STORE(p, v) (__CPROVER_fence("WWfence", "RWfence"), *(p) = (v)) /* a release */

/* What x86 has as one instruction with lock, which is a full fence. */
static byte exchange(byte *p, byte v)
{
  FENCE();
  __CPROVER_atomic_begin();
  byte old = *p;
  *p = v;
  __CPROVER_atomic_end();
  FENCE();
  return old;
}
static byte add(byte *p, byte n)
{
  FENCE();
  __CPROVER_atomic_begin();
  byte old = *p;
  *p = old + n;
  __CPROVER_atomic_end();
  FENCE();
  return old;
}
/* Only runs that get the lock are of interest. */
static void lock(byte *head)
{
  FENCE();
  __CPROVER_atomic_begin();
  __CPROVER_assume(*head == 0);
  *head = 1;
  __CPROVER_atomic_end();
  FENCE();
}
/* unlockWith: an exchange, because it orders what the call has written before what the thread reads in its next one. */
static void unlock(byte *head)
{
#if WITHOUT == 1
  STORE(head, 0);
#elif WITHOUT == 2
  STORE_RELAXED(head, 0);
#else
  exchange(head, 0);
#endif
}

/* All threads have ended, and what they wrote is there. */
static byte ended[2];
#define END(i) (FENCE(), ended[i] = 1)
#define JOIN() (__CPROVER_assume(ended[0] && ended[1]), FENCE())

/* Store buffering: two threads each overwrite a value in place (replaceEntry) and then load the other's. */
static byte heads[2], values[2], seen[2];

static void overwriteAndLoad(byte i)
{
  lock(&heads[i]);
  STORE(&values[i], 1);
  unlock(&heads[i]);
  seen[i] = values[1 - i];
  END(i);
}
void overwriting(void)
{
__CPROVER_ASYNC_1:
  overwriteAndLoad(0);
__CPROVER_ASYNC_2:
  overwriteAndLoad(1);
  JOIN();
  __CPROVER_assert(seen[0] || seen[1], "one of the two calls was first");
}

/* Publishing a node: its value, its tophash, its slot (fillSlot); and a reader that finds it. */
static byte nodeValue, tophash, slot;

static void publishNode(void)
{
  STORE_RELAXED(&nodeValue, 1);
#if WITHOUT == 3
  STORE_RELAXED(&tophash, 1);
  STORE_RELAXED(&slot, 1);
#elif WITHOUT == 4
  STORE(&slot, 1);
  STORE(&tophash, 1);
#else
  STORE(&tophash, 1);
  STORE(&slot, 1);
#endif
  END(0);
}
static void findNode(void)
{
  byte there = slot;
  if (there) {
    byte hint = tophash, value = nodeValue;
    __CPROVER_assert(hint, "whoever sees a slot sees its tophash");
    __CPROVER_assert(value, "and the node as it was made");
  }
  END(1);
}
void publishing(void)
{
__CPROVER_ASYNC_1:
  publishNode();
__CPROVER_ASYNC_2:
  findNode();
}

/* A pair's slot is used anew: its version, its value, its key, its tophash; and a reader that looks for the key that was there. */
static byte version, pairTop = 1, pairKey = 1, pairValue = 1;

static void replacePair(void)
{
  STORE(&pairTop, 0); /* clearSlot, and the unlocking that follows */
  FENCE();
  STORE_RELAXED(&version, 1);
#if WITHOUT == 5
  STORE_RELAXED(&pairValue, 2);
#else
  STORE(&pairValue, 2);
#endif
  STORE(&pairKey, 2);
  STORE(&pairTop, 1); /* keys share it */
  END(0);
}
static void findPair(void)
{
  byte before = version, top = pairTop;
  if (top) {
    byte key = pairKey, value = pairValue, after = version;
    if (key == 1 && before == after)
      __CPROVER_assert(value == 1, "a key is found with a value of its own");
  }
  END(1);
}
void pairs(void)
{
__CPROVER_ASYNC_1:
  replacePair();
__CPROVER_ASYNC_2:
  findPair();
}

/* Reclaiming: a reader announces its section (readLock) and finds a node; a writer takes it out, lets the clock go on, looks for
 * sections (oldestSection) and frees it. membarrier makes the reader pass a fence at whatever step it is while the call lasts. */
static byte clock = 1, section, found = 1, freed, asked, passed;

/* Between any two steps of the reader. */
static void interrupt(void)
{
#ifdef MEMBARRIER
  if (asked && nondet_bool()) {
    FENCE();
    passed = 1;
    FENCE();
  }
#endif
}
static void read(void)
{
  interrupt();
  byte now = clock;
  interrupt();
  STORE_RELAXED(&section, now);
  interrupt();
#if !defined MEMBARRIER && WITHOUT != 6
  FENCE(); /* lightFence, where membarrier is not there */
#endif
  byte node = found;
  interrupt();
  if (node) {
    byte gone = freed;
    interrupt();
    __CPROVER_assert(!gone, "a node that was found in a section stays until its end");
  }
  STORE(&section, 0);
  interrupt();
  END(0);
#ifdef MEMBARRIER
  if (asked)
    passed = 1; /* the thread is not on a processor any more */
#endif
}
static void reclaim(void)
{
  STORE(&found, 0);
  FENCE(); /* the chain's unlocking */
  byte stamp = add(&clock, 1);
  FENCE();
#if defined MEMBARRIER && WITHOUT != 6
  asked = 1;
  FENCE();
  __CPROVER_assume(passed);
  FENCE();
#endif
  byte oldest = section;
  if (!oldest || oldest > stamp)
    freed = 1;
  END(1);
}
void reclaiming(void)
{
__CPROVER_ASYNC_1:
  read();
__CPROVER_ASYNC_2:
  reclaim();
}

/* The lock is handed over: what its holder wrote plainly, the next one reads. */
static byte chain, plain;

static void addOne(byte i)
{
  lock(&chain);
  byte n = plain;
  STORE_RELAXED(&plain, n + 1);
  unlock(&chain);
  END(i);
}
void handing(void)
{
__CPROVER_ASYNC_1:
  addOne(0);
__CPROVER_ASYNC_2:
  addOne(1);
  JOIN();
  __CPROVER_assert(plain == 2, "nothing of what either holder wrote is lost");
}

/* Nobody sleeps beside a lock that is free: who waits (park) counts itself and then looks at the lock, who unlocks looks for
 * waiters. The kernel lets sleep only while the turn is what was read before. */
static byte waiters, turn, asleepAt = 255;

static void park(void)
{
#if WITHOUT == 7
  STORE_RELAXED(&waiters, 1);
#else
  add(&waiters, 1);
#endif
  byte mine = turn, head = chain;
  if (head) {
    FENCE(); /* futex */
    asleepAt = mine;
  }
  END(0);
}
static void unlockAndUnpark(void)
{
  unlock(&chain);
  byte some = waiters;
  if (some)
    add(&turn, 1);
  END(1);
}
void waiting(void)
{
  chain = 1;
  FENCE();
__CPROVER_ASYNC_1:
  park();
__CPROVER_ASYNC_2:
  unlockAndUnpark();
  JOIN();
  __CPROVER_assert(asleepAt != turn, "a thread sleeps that nobody wakes");
}

/* The reaper goes to sleep when nothing waits (reap); who retires something (retire, pay) wakes it. */
static byte fresh, retired, reaperAsleep;

static void retire(void)
{
  add(&fresh, 1); /* pushOn */
  STORE_RELAXED(&retired, 1);
  byte asleep = reaperAsleep;
  if (asleep)
    exchange(&reaperAsleep, 0);
  END(0);
}
static void goToSleep(void)
{
#if WITHOUT == 8
  STORE(&reaperAsleep, 1);
#else
  exchange(&reaperAsleep, 1);
#endif
#if WITHOUT == 9
  byte some = retired;
#else
  byte some = fresh;
#endif
  if (some)
    exchange(&reaperAsleep, 0);
  END(1);
}
void reaping(void)
{
__CPROVER_ASYNC_1:
  retire();
__CPROVER_ASYNC_2:
  goToSleep();
  JOIN();
  __CPROVER_assert(!reaperAsleep, "the reaper sleeps while something waits");
}
