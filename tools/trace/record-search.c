/* record-search.c: stands in front of libc while hmap record runs a program: it has the functions of search.h's tables, tells
 * record.c of each call, and hands it on to libc's. */
#define _GNU_SOURCE
#include "record.h"
#include <dlfcn.h>
#include <errno.h>
#include <search.h>

/* The table of hcreate, hsearch and hdestroy. A struct hsearch_data may be copied, so a table is known by what it points to. */
static struct hsearch_data global;

/* libc's function. */
#define REAL(function) ((__typeof__(&function))real(#function))
static void *real(const char *name)
{
  return dlsym(RTLD_NEXT, name);
}

static void created(const void *table, size_t nel)
{
  hmap_record_lock();
  hmap_record_create(table, traceSearch, 0, nel, NULL);
  hmap_record_unlock();
}

static void searched(const void *table, ENTRY item, ACTION action, unsigned before, unsigned after, bool found)
{
  const tracedKey key = {.pointer = item.key};
  hmap_record_lock();
  traced *t = item.key ? hmap_record_find(table) : NULL;
  if (t && action != ENTER)
    hmap_record_key(t, opFind, found, &key);
  else if (t && !found)
    hmap_record_key(t, opEnterFull, false, &key);
  else if (t)
    hmap_record_store(t, opEnter, before != after, &key, item.data);
  hmap_record_unlock();
}

static void destroyed(const void *table)
{
  hmap_record_lock();
  traced *t = hmap_record_find(table);
  if (t)
    hmap_record_unref(t, opDestroy);
  hmap_record_unlock();
}

int hcreate_r(size_t nel, struct hsearch_data *htab)
{
  int done = REAL(hcreate_r)(nel, htab);
  int error = errno;
  if (done)
    created(htab->table, nel);
  errno = error;
  return done;
}

int hsearch_r(ENTRY item, ACTION action, ENTRY **retval, struct hsearch_data *htab)
{
  unsigned before = htab->filled;
  int done = REAL(hsearch_r)(item, action, retval, htab);
  int error = errno;
  searched(htab->table, item, action, before, htab->filled, done != 0);
  errno = error;
  return done;
}

void hdestroy_r(struct hsearch_data *htab)
{
  if (htab)
    destroyed(htab->table);
  REAL(hdestroy_r)(htab);
}

int hcreate(size_t nel)
{
  return hcreate_r(nel, &global);
}

ENTRY *hsearch(ENTRY item, ACTION action)
{
  ENTRY *found = NULL;
  hsearch_r(item, action, &found, &global);
  return found;
}

void hdestroy(void)
{
  hdestroy_r(&global);
}
