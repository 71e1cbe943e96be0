/* engine.c: operations on a table of any type beside test_model.c's model, with hmap_check after each; with walks that go on
 * meanwhile, memory that is refused, and alarms. */
#define main modelsMain
#include "../test_model.c"
#undef main
#include "fuzz.h"

enum { nWalks = 2 };

/* A walk that is under way, and what it has yet to return and may return. */
typedef struct walk {
  hmap_iter it;
  bool due[maxKeys], may[maxKeys], on;
  bool grew, weak; /* it began during a growth; and an alarm came: then it may miss entries, see hmap_iter_init */
} walk;
static walk walks[nWalks];

static void came(size_t i)
{
  for (walk *w = walks; w < walks + nWalks; w++)
    w->may[i] = true;
}
static void went(size_t i)
{
  for (walk *w = walks; w < walks + nWalks; w++)
    w->may[i] = w->due[i] = false;
}
static void endWalk(walk *w)
{
  if (w->on)
    hmap_iter_end(&w->it);
  w->on = false;
}
static void beginWalk(const subject *s, walk *w)
{
  endWalk(w);
  hmap_iter_init(&w->it, s->h);
  w->on = true;
  w->grew = growing(s->h);
  w->weak = w->grew && flagsOf(s->h) & hashAlarm;
  memcpy(w->due, s->m.there, sizeof w->due);
  memcpy(w->may, s->m.there, sizeof w->may);
}
static void goOn(const subject *s, walk *w)
{
  if (!w->on)
    return;
  if (!hmap_iter_next(&w->it)) {
    REQUIRE(w->weak || !memchr(w->due, true, sizeof w->due));
    w->on = false;
    return;
  }
  size_t i = keyNumber(s, w->it.key);
  REQUIRE(i < s->keys && s->m.there[i] && w->may[i]);
  assertElem(w->it.elem, s->type.elem_size, s->m.elem[i]);
  w->due[i] = w->may[i] = false;
}

static void assignOne(subject *s, size_t i)
{
  if (!s->m.there[i])
    came(i);
  stepAssign(s, i);
}
/* Assigns with no memory to be had. */
static void assignPoor(subject *s, size_t i)
{
  memory.failAll = true;
  bool able = hmap_access(s->h, keyBytes(s, i, 1)) || hmap_assign(s->h, keyBytes(s, i, 0));
  memory.failAll = false;
  REQUIRE(able || (errno == ENOMEM && !s->m.there[i]));
  if (!able || s->m.there[i])
    return;
  came(i);
  s->m.there[i] = true;
  s->m.elem[i] = random64();
  writeElem(hmap_access(s->h, keyBytes(s, i, 1)), s->type.elem_size, s->m.elem[i]);
  s->m.count++;
}
static void deleteOne(subject *s, size_t i, bool poor)
{
  memory.failAll = poor;
  went(i);
  stepDelete(s, i);
  memory.failAll = false;
}
static void clearAll(subject *s)
{
  stepClear(s);
  for (size_t i = 0; i < maxKeys; i++)
    went(i);
}
static void cloneAll(subject *s)
{
  for (unsigned i = 0; i < nWalks; i++)
    endWalk(&walks[i]);
  stepClone(s);
}
static void alarmNow(subject *s)
{
  if (s->m.count == 0 || !s->h->t->rehash || flagsOf(s->h) & hashSip)
    return;
  setFlags(s->h, flagsOf(s->h) | hashAlarm);
  s->h->easy = 0;
  for (walk *w = walks; w < walks + nWalks; w++)
    w->weak |= w->grew;
}

static void operate(subject *s)
{
  unsigned op = byte(), n = 1;
  size_t i = (byte() | (op & 0x80u) << 1) % s->keys;
  switch (op & 15) {
  case 0:
  case 1:
    n += byte() & 63; /* a row */
    for (; n--; i = (i + 1) % s->keys)
      assignOne(s, i);
    break;
  case 2:
  case 3:
    n += byte() & 63;
    for (; n--; i = (i + 1) % s->keys)
      deleteOne(s, i, op & 16);
    break;
  case 4:
    assignOne(s, i);
    break;
  case 5:
    deleteOne(s, i, op & 16);
    break;
  case 6:
    stepAccess(s, i);
    break;
  case 7:
    op & 16 ? cloneAll(s) : clearAll(s);
    break;
  case 8:
    stepWalk(s);
    break;
  case 9:
    beginWalk(s, &walks[op >> 4 & 1]);
    break;
  case 10:
    endWalk(&walks[op >> 4 & 1]);
    break;
  case 11:
    alarmNow(s);
    break;
  case 12:
    assignPoor(s, i);
    break;
  case 13:
    memory.failAt = memory.calls + 1 + (op >> 5);
    n += byte() & 15;
    for (; n--; i = (i + 1) % s->keys)
      assignPoor(s, i);
    memory.failAt = 0;
    break;
  default:
    for (n += byte() & 31; n--;)
      goOn(s, &walks[op >> 4 & 1]);
  }
  assert_int_equal(hmap_len(s->h), s->m.count);
  ASSERT_SOUND(s->h);
}

static hmap_type typeOf(unsigned a, unsigned b)
{
  static uint64_t (*const hashes[])(const void *, const hmap_seed *) = {hashGood,      hashNumber,     hashConstant,  hashGroups,
                                                                        hashOneBucket, hashOneTophash, hashLowTophash};
  hmap_type t = {.key_size = sizes[1 + a % (nSizes - 1)], .elem_size = b % 8 ? sizes[b % 8 - 1] : 0};
  if (a >> 5 == 7)
    return (hmap_type){.kind = HMAP_STRING, .elem_size = b & 64 ? 8 : t.elem_size};
  if (a >> 5) {
    t.hash = hashes[a >> 5];
    t.equal = equalBytes;
  } else if (b & 64)
    t.key_size = t.elem_size = 8;
  return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static bool begun;
  if (!begun)
    makeStrings();
  begun = true;
  startInside();
  readInput(data, size);
  unsigned a = byte(), b = byte();
  subject s = {.type = typeOf(a, b), .keys = (a & 31) == 31 ? 12 : 400};
  hashedSize = s.type.key_size;
  s.h = hmap_make(&s.type, b & 8 ? byte() : 0);
  memset(walks, 0, sizeof walks);
  while (more()) {
    operate(&s);
    input.operations++;
  }
  compareAll(&s);
  for (unsigned i = 0; i < nWalks; i++)
    endWalk(&walks[i]);
  hmap_free(s.h);
  ASSERT_NOTHING_LEFT();
  return 0;
}
