/* sync-glib.c: GLib's GHashTable under a GRWLock, for bench/sync.py. */
#include "sync-peer.h"
#include <glib.h>

static GHashTable *map;
static GRWLock lock;

static void makeMap(bool strings)
{
  map = strings ? g_hash_table_new(g_str_hash, g_str_equal) : g_hash_table_new(NULL, NULL);
}
static bool mapLoad(union mapKey key)
{
  g_rw_lock_reader_lock(&lock);
  bool found = g_hash_table_lookup(map, (void *)key.number) != NULL;
  g_rw_lock_reader_unlock(&lock);
  return found;
}
static void mapStore(union mapKey key, word value)
{
  g_rw_lock_writer_lock(&lock);
  g_hash_table_insert(map, (void *)key.number, (void *)value);
  g_rw_lock_writer_unlock(&lock);
}
static void mapDelete(union mapKey key)
{
  g_rw_lock_writer_lock(&lock);
  g_hash_table_remove(map, (void *)key.number);
  g_rw_lock_writer_unlock(&lock);
}
static void enterThread(void)
{
}
static void leaveThread(void)
{
}
