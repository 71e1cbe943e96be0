/* format.h: what stands in a trace; hmap-trace(5) describes it. Written by record.c, read by read.c. */
#ifndef HMAP_TRACE_FORMAT_H
#define HMAP_TRACE_FORMAT_H
#include <stdbool.h>
#include <stdint.h>

/* A header: these bytes (the last line ends show what a transfer as text does to a file), then as varints the version, the flags
 * and the bits of a word, then the program's name as a string. */
#define TRACE_MAGIC "hmaptrc\x1a\r\n"
enum { traceMagicSize = sizeof TRACE_MAGIC - 1, traceVersion = 1, traceHidden = 1 };

/* How a table's keys are hashed and compared. */
#define EACH_TRACE_KIND(X) X(Direct) X(Str) X(Int) X(Int64) X(Double) X(Own) X(Search)
#define TRACE_KIND(K) trace##K,
enum { EACH_TRACE_KIND(TRACE_KIND) traceKinds };
#define TRACE_NAME(K) #K,

/* A table's flags: it has functions to free keys and values with; it was made by g_hash_table_new_similar. */
enum { traceFreesKeys = 1, traceFreesValues = 2, traceSimilar = 4 };

/* What a record is. */
#define EACH_TRACE_OP(X)                                                                                                       \
  X(Nothing)                                                                                                                   \
  X(End)                                                                                                                       \
  X(Thread) X(Blob) X(Hidden) X(Create) X(Forget) X(Ref) X(Unref) X(Destroy) X(Insert) X(InsertSelf) X(Replace) X(ReplaceSelf) \
      X(Add) X(Lookup) X(LookupExtended) X(Contains) X(Remove) X(Steal) X(StealExtended) X(RemoveAll) X(StealAll)              \
          X(StealAllKeys) X(StealAllValues) X(Size) X(GetKeys) X(GetValues) X(KeysArray) X(KeysPtrArray) X(ValuesPtrArray)     \
              X(Walk) X(Enter) X(EnterFull) X(Find)
#define TRACE_OP(name) op##name,
#define TRACE_OP_NAME(name) #name,
enum { EACH_TRACE_OP(TRACE_OP) traceOps };

/* The first byte of a record: what it is, whether the call's result was true, and whether the table is the last record's. */
enum { traceSame = 1, traceTrue = 2, traceOpShift = 2 };

/* Why a trace ends. */
enum { endExit, endLimit, endMemory };

/* A walk: by what it was done, what was done with the entries that are listed, and its flags. */
enum { walkIter, walkForeach, walkFind, walkForeachRemove, walkForeachSteal, traceWalks };
enum { actNone, actRemove, actSteal, actReplace, traceActs };
enum { walkComplete = 1, walkAll = 2 };

/* The hash of g_str_hash, for strings that are hidden: two that collide there collide in the trace. */
static inline uint32_t strHash(const unsigned char *p, uint64_t n)
{
  uint32_t h = 5381;
  for (uint64_t i = 0; i < n; i++)
    h = h * 33 + (uint32_t)(signed char)p[i];
  return h;
}

/* What the end of a trace tells of all bytes before it: FNV-1a, which begins with traceSumStart. */
static const uint64_t traceSumStart = 0xcbf29ce484222325;
static inline uint64_t traceSum(uint64_t sum, unsigned char byte)
{
  return (sum ^ byte) * 0x100000001b3;
}

static inline uint64_t zigzag(uint64_t delta)
{
  return delta << 1 ^ (uint64_t)((int64_t)delta >> 63);
}
static inline uint64_t unzigzag(uint64_t z)
{
  return z >> 1 ^ -(z & 1);
}
#endif
