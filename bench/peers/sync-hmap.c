/* sync-hmap.c: libhmap-sync, for bench/sync.py. */
#include "sync-peer.h"
#include <hmap-sync.h>

static hmap_sync *map;
static bool strings;

static void makeMap(bool s)
{
  const hmap_sync_type type = {s ? HMAP_STRING : HMAP_BYTES, s ? 0 : sizeof(word), NULL, NULL, NULL, NULL};
  strings = s;
  map = hmap_sync_make(&type);
}
static const void *bytesOf(const union mapKey *key)
{
  return strings ? (const void *)key->text : &key->number;
}
static bool mapLoad(union mapKey key)
{
  void *value = NULL;
  return hmap_sync_load(map, bytesOf(&key), &value) && value;
}
static void mapStore(union mapKey key, word value)
{
  if (!hmap_sync_store(map, bytesOf(&key), (void *)value))
    abort();
}
static void mapDelete(union mapKey key)
{
  hmap_sync_delete(map, bytesOf(&key));
}
static void enterThread(void)
{
}
static void leaveThread(void)
{
}
