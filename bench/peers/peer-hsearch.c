/* peer-hsearch.c: hsearch_r, of glibc, musl or, where that is linked first, libhmap-search. glibc's tables cannot grow, so
 * all have room for a quarter more than what comes, as its manual has it. */
#include "peer.h"
#include <search.h>

typedef struct hsearch_data table;

static inline table *tableMake(size_t hint)
{
  table *t = (table *)calloc(1, sizeof *t);
  if (!t || !hcreate_r(hint + hint / 4, t))
    fail("no memory for a table");
  return t;
}
static inline ENTRY *find(table *t, key k, ACTION action)
{
  ENTRY *found, e = {(char *)(uintptr_t)k, NULL};
  return hsearch_r(e, action, &found, t) ? found : NULL;
}
static inline void tablePut(table *t, key k, uintptr_t v)
{
  ENTRY *e = find(t, k, ENTER);
  if (!e)
    fail("a table is full");
  e->data = (void *)v;
}
static inline uintptr_t tableGet(table *t, key k)
{
  ENTRY *e = find(t, k, FIND);
  return e ? (uintptr_t)e->data : 0;
}
static inline void tableFree(table *t)
{
  hdestroy_r(t);
  free(t);
}

#include "loops.h"
