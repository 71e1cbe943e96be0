/* sync.pml: the protocol of lib/sync.c for Spin: two writers, one reader, an array of two buckets on its way to another such.
 *
 * Two keys share a chain of two slots. The writers store and delete them and evacuate; the reader looks for the first key
 * (once, at any moment). Each statement is one atomic access of the source. When a call takes effect the model notes it:
 * now is the value that a map of one thread would have, and seen the values that it has had since the reader's search
 * began. The search must return one of these: then there is a moment in it when its answer was right, so the calls are
 * linearizable.
 *
 * Spin tries every order of steps. What it takes for granted: memory is sequentially consistent (lib/sync.c uses acquire
 * and release, which on the paths modelled here order the same), and nodes are not reused (lib/sync-reclaim.c's part).
 *
 * BUG seeds a mistake, which must be found: 1 marks a chain evacuated too early, 2 does not look for the mark again after
 * it has waited for a lock, 3 sets the tophash after the slot, 4 takes no lock. */
#ifndef BUG
#define BUG 0
#endif

#ifndef CALLS
#define CALLS 1 /* the second writer's; the first makes two. 2 takes a minute and a gigabyte. */
#endif
#define SLOTS 2  /* a bucket's */
#define BUCKETS 4 /* 0 and 1: the old array; 2 and 3: the new one */
#define NODES 8
#define NONE 0

/* Keys, which are their own tophash. Both belong to the first chain of each array. */
#define K 1
#define L 2

byte table;                      /* the first bucket of the array where searches begin */
bit lock[BUCKETS], moved[BUCKETS]; /* control bits of head */
byte hint[8], slot[8];           /* of bucket b: 2 * b and 2 * b + 1 */
byte left = 2;                   /* buckets of the old array not yet evacuated */
byte keyOf[NODES], value[NODES]; /* of nodes, from 1 */
byte nodes, values;              /* used so far */

byte now;   /* value of K; 0: absent */
short seen; /* bits: values of K since the reader's search began */

#define EFFECT(v) now = v; seen = seen | (1 << now)

inline takeLock(tb) {
#if BUG == 4
  skip
#else
  atomic { lock[tb] == 0 -> lock[tb] = 1 }
#endif
}

/* Puts node pn into the first empty slot of bucket pb, which is locked. isNew: it was not there. */
inline putNode(pb, pn, isNew) {
  atomic {
    i = 2 * pb;
    do
    :: slot[i] == NONE -> break
    :: else -> i++; assert(i < 2 * pb + SLOTS)
    od;
#if BUG != 3
    hint[i] = keyOf[pn]
#endif
  };
  atomic {
    slot[i] = pn;
    if
    :: isNew && keyOf[pn] == K -> EFFECT(value[pn])
    :: else
    fi
  }
#if BUG == 3
  hint[i] = keyOf[pn];
#endif
}

/* Sets j to the first slot from number from on that is full in bucket nb, which is locked. */
inline nextFull(nb, from) {
  atomic {
    j = from;
    do
    :: j < SLOTS && slot[2 * nb + j] == NONE -> j++
    :: else -> break
    od
  }
}

/* Evacuates bucket eb of the old array, which is locked, and unlocks it. */
inline evacuate(eb) {
#if BUG == 1
  moved[eb] = 1;
#endif
  nextFull(eb, 0);
  do
  :: j < SLOTS ->
     takeLock(2 + eb);
     putNode(2 + eb, slot[2 * eb + j], false);
     atomic { lock[2 + eb] = 0; nextFull(eb, j + 1) }
  :: else -> break
  od;
  atomic {
    moved[eb] = 1;
    lock[eb] = 0
  };
  atomic {
    left--;
    if
    :: left == 0 -> table = 2
    :: else
    fi
  }
}

/* Locks bucket lb unless it has been evacuated, and says so in ok. */
inline lockChain(lb) {
#if BUG == 4
  ok = !moved[lb]
#elif BUG == 2
  if
  :: moved[lb] -> ok = 0
  :: else -> takeLock(lb); ok = 1
  fi
#else
  atomic {
    if
    :: moved[lb] -> ok = 0
    :: !moved[lb] && !lock[lb] -> lock[lb] = 1; ok = 1
    fi
  }
#endif
}

proctype Writer(byte calls) {
  byte b, i, j, key, n;
  bit ok;
  do
  :: calls == 0 -> break
  :: else ->
     calls--;
     /* helpGrowth: one chain, any */
     if
     :: table == 0 ->
        if
        :: b = 0
        :: b = 1
        fi;
        lockChain(b);
        if
        :: ok && !moved[b] -> evacuate(b)
        :: ok && moved[b] -> lock[b] = 0 /* only with a mistake */
        :: else
        fi
     :: else
     fi;
     /* lockEntry */
     atomic {
       if
       :: key = K
       :: key = L
       fi;
       b = table
     };
     lockChain(b);
     if
     :: ok && b == 0 && !moved[b] -> evacuate(0); b = 2; lockChain(b)
     :: ok
     :: !ok -> b = 2; lockChain(b)
     fi;
     assert(ok || BUG != 0);
     atomic { /* search: under the lock, nothing changes meanwhile */
       i = 2 * b;
       do
       :: i == 2 * b + SLOTS -> n = NONE; break
       :: i < 2 * b + SLOTS && hint[i] == key && slot[i] != NONE && keyOf[slot[i]] == key -> n = slot[i]; break
       :: else -> i++
       od
     };
     if
     :: n == NONE -> /* addEntry */
        atomic { nodes++; values++; n = nodes; keyOf[n] = key; value[n] = values }
        putNode(b, n, true)
     :: n != NONE -> /* setEntry in place */
        atomic {
          values++;
          value[n] = values;
          if
          :: key == K -> EFFECT(values)
          :: else
          fi
        }
     :: n != NONE -> /* setEntry with a new node */
        atomic { nodes++; values++; n = nodes; keyOf[n] = key; value[n] = values }
        atomic {
          slot[i] = n;
          if
          :: key == K -> EFFECT(values)
          :: else
          fi
        }
     :: n != NONE -> /* removeEntry */
        atomic {
          slot[i] = NONE;
          if
          :: key == K -> EFFECT(0)
          :: else
          fi
        }
     fi;
     atomic { lock[b] = 0; b = 0; i = 0; j = 0; n = 0; key = 0; ok = 0 }
  od
}

proctype Reader() {
  byte b, i, n, h[SLOTS], found;
  bit m;
  atomic { seen = 1 << now; b = table };
  do
  :: atomic { m = moved[b]; h[0] = hint[2 * b]; h[1] = hint[2 * b + 1] } /* the head, in one piece */
     if
     :: m -> b = 2
     :: else -> break
     fi
  od;
  i = 0; found = 0;
  do
  :: i == SLOTS -> break
  :: i < SLOTS && h[i] == K ->
     n = slot[2 * b + i];
     if
     :: n != NONE && keyOf[n] == K -> found = value[n]; break
     :: else -> i++
     fi
  :: else -> i++
  od;
  assert(seen & (1 << found))
}

init {
  atomic {
    if
    :: true -> nodes = 1; values = 1; keyOf[1] = K; value[1] = 1; hint[0] = K; slot[0] = 1; now = 1
    :: true -> nodes = 1; values = 1; keyOf[1] = L; value[1] = 1; hint[0] = L; slot[0] = 1
    :: true -> hint[0] = K; hint[1] = L /* hints of keys that were deleted */
    fi;
    run Writer(2); run Writer(CALLS); run Reader()
  }
}
