/* libhmap-search with a fault, for tests/demo.sh: what was entered is not found again. Everything else, counting included, is the
 * real thing. */
#define hsearch real_hsearch
#define hsearch_r real_hsearch_r
#include "../../compat/hsearch.c"
#undef hsearch
#undef hsearch_r

ENTRY *hsearch(ENTRY item, ACTION action)
{
  ENTRY *found = real_hsearch(item, action);
  return action == FIND ? NULL : found;
}

int hsearch_r(ENTRY item, ACTION action, ENTRY **found, struct hsearch_data *table)
{
  int good = real_hsearch_r(item, action, found, table);
  if (action == ENTER)
    return good;
  *found = NULL;
  return 0;
}
