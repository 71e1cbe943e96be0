/* layout.c: where things lie in the libraries' structures. The gdb printers have to know that by themselves, because there may be
 * no debug symbols. This file is only compiled to assembly; the Makefile takes the lines with "hmap-layout:" from that and
 * writes them into hmap-gdb.py. */
#ifdef LAYOUT_OF_HSEARCH
#include "../../compat/hsearch.c"
#else
#include "../../compat/ghash-alone.c"
#endif

#define NUMBER(name, value) __asm__ volatile(".ascii \"hmap-layout: " name " %0\"" : : "i"((int)(value)))
#define SIZE(structure) NUMBER(#structure, sizeof(structure))
#define FIELD(structure, member)                                              \
  do {                                                                        \
    NUMBER(#structure "." #member, offsetof(structure, member));              \
    NUMBER(#structure "." #member ".size", sizeof(((structure *)0)->member)); \
  } while (0)

void layoutLines(void);
void layoutLines(void)
{
#ifdef LAYOUT_OF_HSEARCH
  FIELD(searchTable, h);
  FIELD(ENTRY, key);
  FIELD(ENTRY, data);
#else
  FIELD(GHashTable, h);
  NUMBER("plainBits", plainBits);
  NUMBER("kindStr", kindStr);
  NUMBER("kindInt", kindInt);
  NUMBER("kindInt64", kindInt64);
  NUMBER("kindDouble", kindDouble);

  FIELD(hmap, count);
  FIELD(hmap, tag);
  FIELD(hmap, buckets);
  FIELD(hmap, oldbuckets);
  FIELD(hmap, t);
  FIELD(hmap, nevacuate);

  FIELD(bucketArray, t);
  FIELD(bucketArray, B);
  NUMBER("bucketArray.segments", offsetof(bucketArray, segments));

  SIZE(bmap);
  FIELD(bmap, tophash);
  FIELD(bmap, link);
  NUMBER("bucketWide", bucketWide);
  NUMBER("linkBits", linkBits);
  NUMBER("linkShift", linkShift);
  NUMBER("bucketCnt", bucketCnt);
  NUMBER("minTopHash", minTopHash);

  SIZE(maptype);
  FIELD(maptype, alg);
  FIELD(maptype, indirectkey);
  FIELD(maptype, indirectelem);
  FIELD(maptype, keysize);
  FIELD(maptype, elemsize);
  FIELD(maptype, slotoff);
  FIELD(maptype, elemoff);
  FIELD(maptype, slotsize);
  FIELD(maptype, blocksize);
  FIELD(maptype, segbits);
  FIELD(maptype, formats);
  NUMBER("nformats", nformats);
  NUMBER("algStr", algStr);
#endif
}
