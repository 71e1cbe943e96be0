/* sync-pairs.pml: the protocol of lib/sync.c for Spin, where entries are pairs in their slots; see sync.pml, which is the same
 * for nodes. Two writers and a reader use a bucket of two slots that is on its way to another. A tophash says what is in a
 * slot; before a slot is used anew the bucket's version is raised.
 *
 * BUG seeds a mistake, which must be found: 1 marks a chain evacuated too early, 2 does not raise the version, 3 raises it
 * after the pair has been written, 4 takes no lock. */
#ifndef BUG
#define BUG 0
#endif
#ifndef CALLS
#define CALLS 1 /* the second writer's; the first makes two */
#endif

#define SLOTS 2
#define NONE 0
#define K 1 /* keys, which are their own tophash */
#define L 2

byte table;                            /* the bucket where searches begin: 0, the old one, or 1 */
bit lock[2], moved[2];                 /* control bits of head */
byte version[2];
byte top[4], key[4], value[4];         /* slots of bucket b: 2 * b and 2 * b + 1 */
byte values = 1;                       /* stored so far */

byte now;   /* value of K; 0: absent */
short seen; /* bits: values of K since the reader's search began */

#define EFFECT(k, v) if :: k == K -> now = v; seen = seen | (1 << now) :: else fi

/* Puts a pair into an empty slot of bucket pb, which is locked. isNew: it was not there. */
inline putPair(pb, pk, pv, isNew) {
  atomic {
    i = 2 * pb;
    do
    :: top[i] == NONE -> break
    :: else -> i++; assert(i < 2 * pb + SLOTS)
    od
  };
#if BUG != 2 && BUG != 3
  version[pb]++;
#endif
  value[i] = pv;
  key[i] = pk;
#if BUG == 3
  version[pb]++;
#endif
  atomic {
    top[i] = pk;
    if
    :: isNew -> EFFECT(pk, pv)
    :: else
    fi
  }
}

/* Evacuates bucket 0, which is locked, and unlocks it. */
inline evacuate() {
#if BUG == 1
  moved[0] = 1;
#endif
  j = 0;
  do
  :: j < SLOTS && top[j] != NONE -> putPair(1, key[j], value[j], false); j++
  :: j < SLOTS && top[j] == NONE -> j++
  :: j == SLOTS -> break
  od;
  atomic { moved[0] = 1; lock[0] = 0 };
  table = 1
}

/* Locks bucket lb unless it has been evacuated, and says so in ok. */
inline lockChain(lb) {
#if BUG == 4
  ok = !moved[lb]
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
  byte b, i, j, k, found;
  bit ok;
  do
  :: calls == 0 -> break
  :: else ->
     atomic {
       calls--;
       if
       :: k = K
       :: k = L
       fi;
       b = table
     };
     lockChain(b);
     if
     :: ok && b == 0 -> evacuate(); b = 1; lockChain(b)
     :: ok /* there is no memory to evacuate */
     :: !ok -> b = 1; lockChain(b)
     fi;
     atomic { /* search: under the lock, nothing changes meanwhile */
       i = 2 * b; found = 0;
       do
       :: i == 2 * b + SLOTS -> break
       :: i < 2 * b + SLOTS && top[i] == k -> found = 1; break
       :: else -> i++
       od;
       values++
     };
     if
     :: !found -> putPair(b, k, values, true)
     :: found -> atomic { value[i] = values; EFFECT(k, values) }
     :: found -> atomic { top[i] = NONE; EFFECT(k, 0) }
     fi;
     atomic { lock[b] = 0; b = 0; i = 0; j = 0; k = 0; found = 0; ok = 0 }
  od
}

proctype Reader() {
  byte b, i, v, h[SLOTS], found;
  bit m;
  atomic { seen = 1 << now; b = table };
again:
  v = version[b];
  atomic { m = moved[b]; h[0] = top[2 * b]; h[1] = top[2 * b + 1] }; /* the head, in one piece */
  if
  :: m -> b = 1; goto again
  :: else
  fi;
  i = 0; found = 0;
  do
  :: i == SLOTS -> break
  :: i < SLOTS && h[i] == K ->
     if
     :: key[2 * b + i] == K ->
        found = value[2 * b + i];
        if
        :: version[b] != v -> goto again
        :: else -> break
        fi
     :: else -> i++
     fi
  :: else -> i++
  od;
  assert(seen & (1 << found))
}

init {
  atomic {
    if
    :: true -> top[0] = K; key[0] = K; value[0] = 1; now = 1
    :: true -> top[0] = L; key[0] = L; value[0] = 1
    :: true -> key[0] = K; value[0] = 1 /* deleted */
    fi;
    run Writer(2); run Writer(CALLS); run Reader()
  }
}
