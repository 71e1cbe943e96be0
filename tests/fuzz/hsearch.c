/* hsearch.c: libhmap-search and the C library's own in one process, asked the same. The C library's tables have room for all. */
#define TESTED "../compat/hsearch.c"
#include "../inside.h"
#include "fuzz.h"
#include <dlfcn.h>

enum { nKeys = 512, nTables = 2 };
static char keys[2][nKeys][24];
static struct {
  __typeof__(hcreate_r) *create;
  __typeof__(hsearch_r) *search;
  __typeof__(hdestroy_r) *destroy;
} libcs;
static struct {
  struct hsearch_data ours, theirs;
  bool made;
} tables[nTables];

static searchTable *tableOf(const struct hsearch_data *d)
{
  searchTable *t;
  memcpy(&t, d, sizeof t);
  return t;
}

static void begin(void)
{
  for (unsigned copy = 0; copy < 2; copy++)
    for (unsigned i = 0; i < nKeys; i++)
      snprintf(keys[copy][i], sizeof keys[copy][i], "%.*s%u", (int)(i % 17), "a common prefix ..", i);
  *(void **)&libcs.create = dlsym(RTLD_NEXT, "hcreate_r");
  *(void **)&libcs.search = dlsym(RTLD_NEXT, "hsearch_r");
  *(void **)&libcs.destroy = dlsym(RTLD_NEXT, "hdestroy_r");
  REQUIRE(libcs.create && libcs.search && libcs.destroy && libcs.search != hsearch_r);
}

static void ask(unsigned which, unsigned k, bool enter)
{
  void *data = (void *)(uintptr_t)(1 + random64() % 1000);
  ENTRY item = {keys[enter][k], data}, *ours, *theirs;
  errno = 0;
  int theirResult = libcs.search(item, enter ? ENTER : FIND, &theirs, &tables[which].theirs), theirErrno = errno;
  errno = 0;
  int ourResult = hsearch_r(item, enter ? ENTER : FIND, &ours, &tables[which].ours);
  REQUIRE(ourResult == theirResult && errno == theirErrno);
  REQUIRE(!ourResult || (ours->key == theirs->key && ours->data == theirs->data));
  if (ourResult && k % 5 == 0)
    ours->data = theirs->data = (void *)(uintptr_t)k; /* the caller may */
}

static void operate(void)
{
  unsigned op = byte(), which = op & 1, k = (byte() | (op & 0x80u) << 1) % nKeys, n = 1;
  if (!tables[which].made) {
    REQUIRE(hcreate_r(op & 2 ? k : 0, &tables[which].ours) && libcs.create(nKeys, &tables[which].theirs));
    tables[which].made = true;
    return;
  }
  switch (op >> 1 & 7) {
  case 0:
    hdestroy_r(&tables[which].ours);
    libcs.destroy(&tables[which].theirs);
    tables[which].made = false;
    return;
  case 1:
  case 2:
    n += byte() & 63; /* a row */
    break;
  default:
    break;
  }
  for (; n--; k = (k + 1) % nKeys, input.operations++)
    ask(which, k, op & 16);
  const char *broken = mapcheck(&tableOf(&tables[which].ours)->h);
  if (broken)
    fail_msg("mapcheck: %s", broken);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (!libcs.create)
    begin();
  startInside();
  readInput(data, size);
  while (more())
    operate();
  for (unsigned i = 0; i < nTables; i++)
    if (tables[i].made) {
      hdestroy_r(&tables[i].ours);
      libcs.destroy(&tables[i].theirs);
    }
  memset(tables, 0, sizeof tables);
  ASSERT_NOTHING_LEFT();
  return 0;
}
