/* side_hsearch.c: what a program can see of hsearch(3), row by row. Linked once with libc alone and once with libhmap-search in
 * front of it; both must print the same. tests/hsearch.sh links it statically too, with glibc and with musl.
 *
 * With --expect-real or --expect-ours it also checks, before anything else, whose functions and tables it has, and exits 1 with a
 * message if they are the other's. With --beyond it goes through the rows where glibc crashes or is full and ours goes on, and
 * with --large N it makes a table of N entries. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <search.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { untouched = 12345 }; /* what errno is before each call */

/* Whether a table carries libhmap-search's mark. */
static int marked(const struct hsearch_data *htab)
{
  const void *table;
  memcpy(&table, htab, sizeof table);
  return memcmp(table, "hmsearch", 8) == 0 || memcmp(table, "hcraesmh", 8) == 0;
}

/* Returns 0 if functions and tables are those of the side that is expected, or else 1 after saying so. */
static int checkSide(int ours)
{
  struct hsearch_data htab = {0};
  Dl_info info;
  if (!hcreate_r(10, &htab) || !dladdr((void *)(uintptr_t)hcreate_r, &info))
    return fputs("side_hsearch: cannot tell whose hcreate_r this is\n", stderr), 1;
  int function = strstr(info.dli_fname, "libhmap-search") != NULL, table = marked(&htab);
  hdestroy_r(&htab);
  if (function == ours && table == ours)
    return 0;
  fprintf(stderr, "side_hsearch: hcreate_r is from %s, its table is %smarked\n", info.dli_fname, table ? "" : "not ");
  return 1;
}

/* The two numbers in glibc's struct, which other libcs have no names for. */
static unsigned number(const struct hsearch_data *htab, int which)
{
  struct {
    void *table;
    unsigned numbers[2];
  } d;
  memcpy(&d, htab, sizeof d);
  return d.numbers[which];
}
static unsigned sizeOf(const struct hsearch_data *htab)
{
  return number(htab, 0);
}
static unsigned filledOf(const struct hsearch_data *htab)
{
  return number(htab, 1);
}

static const char *errnoName(void)
{
  switch (errno) {
  case untouched:
    return "untouched";
  case EINVAL:
    return "EINVAL";
  case ENOMEM:
    return "ENOMEM";
  case ESRCH:
    return "ESRCH";
  default:
    return strerror(errno);
  }
}

static ENTRY item(const char *key, const char *data)
{
  return (ENTRY){.key = (char *)(uintptr_t)key, .data = (char *)(uintptr_t)data};
}

static void printEntry(const char *what, long result, const ENTRY *e)
{
  printf("  %s: %ld, errno %s, ", what, result, errnoName());
  if (e)
    printf("entry %s=%s\n", e->key, e->data ? (char *)e->data : "(nil)");
  else
    puts("no entry");
}

/* hsearch_r, printed. */
static ENTRY *look(const char *what, ENTRY wanted, ACTION action, struct hsearch_data *htab)
{
  ENTRY garbage = item("garbage", "garbage"), *e = &garbage;
  errno = untouched;
  int result = hsearch_r(wanted, action, &e, htab);
  printEntry(what, result, e);
  return e;
}

/* hsearch, printed. */
static ENTRY *lookGlobal(const char *what, ENTRY wanted, ACTION action)
{
  errno = untouched;
  ENTRY *e = hsearch(wanted, action);
  printEntry(what, e != NULL, e);
  return e;
}

static void make(const char *what, size_t nel, struct hsearch_data *htab)
{
  errno = untouched;
  int result = hcreate_r(nel, htab);
  printf("  %s: %d, errno %s\n", what, result, errnoName());
}

static void makeGlobal(const char *what, size_t nel)
{
  errno = untouched;
  int result = hcreate(nel);
  printf("  %s: %d, errno %s\n", what, result, errnoName());
}

static void unmake(const char *what, struct hsearch_data *htab)
{
  errno = untouched;
  hdestroy_r(htab);
  printf("  %s: errno %s", what, errnoName());
  if (htab) {
    static const void *none;
    printf(", table %s", memcmp(htab, &none, sizeof none) == 0 ? "NULL" : "there");
  }
  puts("");
}

static void sizeOfData(void)
{
  struct hsearch_data htab = {0};
  int most = 1;
  for (int n = 1; n <= 300; n++) {
    char keys[300][16];
    hcreate_r((size_t)n, &htab);
    for (int i = 0; i < n; i++) {
      ENTRY *e;
      snprintf(keys[i], sizeof keys[i], "k%d", i);
      most &= hsearch_r(item(keys[i], NULL), ENTER, &e, &htab) && e->key == keys[i];
      most &= (int)filledOf(&htab) == i + 1 && filledOf(&htab) <= sizeOf(&htab);
    }
    hdestroy_r(&htab);
  }
  printf("  struct hsearch_data: %zu bytes\n", sizeof htab);
  printf("  tables made for 1 to 300 entries take as many, and size and filled tell: %d\n", most);
}

static void noEntriesAsked(void)
{
  struct hsearch_data htab = {0};
  make("hcreate_r(0)", 0, &htab);
  look("enter 1", item("1", "one"), ENTER, &htab);
  look("enter 2", item("2", "two"), ENTER, &htab);
  look("enter 3", item("3", "three"), ENTER, &htab);
  look("find 1", item("1", NULL), FIND, &htab);
  unmake("hdestroy_r", &htab);
}

static void absurdSizes(void)
{
  struct hsearch_data htab = {0};
  make("SIZE_MAX", SIZE_MAX, &htab);
#if SIZE_MAX > UINT_MAX
  make("half of that", SIZE_MAX / 2 + 1, &htab);
  make("2^33", (size_t)1 << 33, &htab);
#endif
  make("UINT_MAX", UINT_MAX, &htab);
  make("UINT_MAX - 2", UINT_MAX - 2, &htab);
  make("UINT_MAX - 3", UINT_MAX - 3, &htab);
  printf("  size %u, filled %u\n", sizeOf(&htab), filledOf(&htab));
  makeGlobal("hcreate(SIZE_MAX)", SIZE_MAX);
}

static void twice(void)
{
  struct hsearch_data htab = {0}, garbage;
  makeGlobal("hcreate", 10);
  lookGlobal("enter", item("key", "data"), ENTER);
  makeGlobal("hcreate again", 20);
  lookGlobal("find", item("key", NULL), FIND);
  hdestroy();
  make("hcreate_r", 10, &htab);
  look("enter", item("key", "data"), ENTER, &htab);
  make("hcreate_r again", 20, &htab);
  make("hcreate_r again, absurd", SIZE_MAX, &htab);
  look("find", item("key", NULL), FIND, &htab);
  unmake("hdestroy_r", &htab);
  memset(&garbage, 0x55, sizeof garbage);
  make("hcreate_r on a struct that is not zero", 10, &garbage);
  make("hcreate_r on NULL", 10, NULL);
}

static void hitsAndMisses(void)
{
  struct hsearch_data htab = {0};
  char data[] = "data", other[] = "other";
  makeGlobal("hcreate", 10);
  lookGlobal("find in an empty table", item("key", NULL), FIND);
  lookGlobal("enter", item("key", data), ENTER);
  lookGlobal("enter again", item("key", other), ENTER);
  lookGlobal("find", item("key", other), FIND);
  lookGlobal("find what is not there", item("yek", other), FIND);
  lookGlobal("enter the empty string", item("", data), ENTER);
  lookGlobal("find the empty string", item("", NULL), FIND);
  hdestroy();
  make("hcreate_r", 10, &htab);
  look("find in an empty table", item("key", NULL), FIND, &htab);
  look("enter", item("key", data), ENTER, &htab);
  look("enter again", item("key", other), ENTER, &htab);
  look("find", item("key", other), FIND, &htab);
  look("find what is not there", item("yek", other), FIND, &htab);
  look("action 2 on what is there", item("key", other), (ACTION)2, &htab);
  look("action 2 on what is not", item("yek", other), (ACTION)2, &htab);
  look("action -1 on what is not", item("yek", other), (ACTION)-1, &htab);
  look("find it still", item("yek", NULL), FIND, &htab);
  unmake("hdestroy_r", &htab);
}

/* Keys that differ in their last, first or only byte, have bytes over 127, or are long. */
static void keysOfAllKinds(void)
{
  static char keys[600][700];
  struct hsearch_data htab = {0};
  ENTRY *e;
  int n = 0, added = 0, found = 0;
  for (int length = 0; length < 300; length++) {
    memset(keys[n], 'a' + length % 26, (size_t)length);
    n++;
    memset(keys[n], 200 + length % 50, (size_t)length + 350);
    n++;
  }
  make("hcreate_r", 600, &htab);
  for (int i = 0; i < n; i++)
    added += hsearch_r(item(keys[i], keys[i]), ENTER, &e, &htab) && e->key == keys[i];
  for (int i = 0; i < n; i++) {
    char copy[700];
    memcpy(copy, keys[i], sizeof copy);
    found += hsearch_r(item(copy, NULL), FIND, &e, &htab) && e->data == keys[i];
  }
  printf("  %d keys, %d added, %d found, filled %u\n", n, added, found, filledOf(&htab));
  unmake("hdestroy_r", &htab);
}

static void entriesStay(void)
{
  enum { n = 1000 };
  static char keys[n][16];
  static ENTRY *entries[n];
  struct hsearch_data htab = {0};
  int stayed = 0;
  make("hcreate_r", n, &htab);
  for (int i = 0; i < n; i++) {
    snprintf(keys[i], sizeof keys[i], "k%d", i);
    hsearch_r(item(keys[i], NULL), ENTER, &entries[i], &htab);
  }
  for (int i = 0; i < n; i++) {
    ENTRY *e;
    stayed += hsearch_r(item(keys[i], NULL), i % 2 ? FIND : ENTER, &e, &htab) && e == entries[i] && e->key == keys[i];
  }
  printf("  %d of %d entries are where they were\n", stayed, n);
  unmake("hdestroy_r", &htab);
}

static void writingToEntries(void)
{
  struct hsearch_data htab = {0};
  char *key = strdup("key"), equal[] = "key", wanted[] = "key";
  make("hcreate_r", 10, &htab);
  ENTRY *e = look("enter", item(key, "data"), ENTER, &htab);
  printf("  the key is the caller's: %d\n", e->key == key);
  e->data = wanted;
  look("find other data", item(wanted, NULL), FIND, &htab);
  e->key = equal;
  free(key);
  e = look("find by an equal key", item(wanted, NULL), FIND, &htab);
  printf("  the key is the other: %d\n", e->key == equal);
  equal[0] = 'K';
  look("find the key that it was", item("key", NULL), FIND, &htab);
  look("find the key that it is", item("Key", NULL), FIND, &htab);
  look("enter the key that it was", item("key", "new"), ENTER, &htab);
  equal[0] = 'k';
  look("find what is there twice now", item("key", NULL), FIND, &htab);
  unmake("hdestroy_r", &htab);
}

static void destroying(void)
{
  struct hsearch_data htab = {0};
  errno = untouched;
  hdestroy();
  hdestroy();
  printf("  hdestroy without a table: errno %s\n", errnoName());
  unmake("hdestroy_r without a table", &htab);
  unmake("hdestroy_r on NULL", NULL);
  make("hcreate_r", 10, &htab);
  look("enter", item("key", "data"), ENTER, &htab);
  unmake("hdestroy_r", &htab);
  unmake("hdestroy_r again", &htab);
  make("hcreate_r anew", 10, &htab);
  look("find what the old one had", item("key", NULL), FIND, &htab);
  look("enter", item("key", "new data"), ENTER, &htab);
  unmake("hdestroy_r", &htab);
  for (int i = 0; i < 2; i++) {
    makeGlobal("hcreate", 5);
    lookGlobal("find", item("key", NULL), FIND);
    lookGlobal("enter", item("key", "data"), ENTER);
    hdestroy();
  }
}

static void structMoves(void)
{
  struct hsearch_data *htab = calloc(1, sizeof *htab), copy;
  make("hcreate_r", 10, htab);
  ENTRY *e = look("enter", item("key", "data"), ENTER, htab);
  htab = realloc(htab, 4096);
  printf("  after realloc the same: %d\n", look("find", item("key", NULL), FIND, htab) == e);
  look("enter", item("key 2", "data 2"), ENTER, htab);
  memcpy(&copy, htab, sizeof copy);
  memset(htab, 0xff, sizeof *htab);
  free(htab);
  printf("  after memcpy the same: %d\n", look("find", item("key", NULL), FIND, &copy) == e);
  look("enter", item("key 3", "data 3"), ENTER, &copy);
  printf("  filled %u\n", filledOf(&copy));
  unmake("hdestroy_r", &copy);
}

static void tablesAtOnce(void)
{
  enum { n = 100 };
  static struct hsearch_data tables[n];
  int right = 0;
  for (int i = 0; i < n; i++)
    hcreate_r((size_t)i, &tables[i]);
  for (int i = 0; i < n; i++) {
    ENTRY *e;
    hsearch_r(item("key", (char *)&tables[i]), ENTER, &e, &tables[i]);
  }
  for (int i = 0; i < n; i++) {
    ENTRY *e;
    right += hsearch_r(item("key", NULL), FIND, &e, &tables[i]) && e->data == &tables[i];
    hdestroy_r(&tables[i]);
  }
  printf("  %d of %d tables have their own entry\n", right, n);
}

/* Where glibc crashes or is full */

/* Enters n keys of 11 characters, and looks all of them up again. Prints how many were entered, are where they were, and hold
 * what was put into them. Returns whether all did. */
static int fill(size_t n, const char *format, struct hsearch_data *htab)
{
  enum { keyBytes = 12 };
  char(*keys)[keyBytes] = malloc(n * sizeof *keys);
  ENTRY **entries = calloc(n, sizeof *entries), *e;
  size_t entered = 0, inPlace = 0, whole = 0;
  for (size_t i = 0; i < n; i++) {
    snprintf(keys[i], sizeof *keys, format, (unsigned)i);
    entered += hsearch_r(item(keys[i], keys[i]), ENTER, &entries[i], htab) == 1;
  }
  for (size_t i = 0; i < n; i++) {
    char key[keyBytes];
    memcpy(key, keys[i], sizeof key);
    inPlace += hsearch_r(item(key, NULL), FIND, &e, htab) && e == entries[i];
    whole += entries[i] && entries[i]->key == keys[i] && entries[i]->data == keys[i];
  }
  printf("  %zu entered, %zu in place, %zu whole, filled %u, size larger: %d\n", entered, inPlace, whole, filledOf(htab),
         filledOf(htab) < sizeOf(htab));
  free(entries);
  free(keys);
  return entered == n && inPlace == n && whole == n;
}

static void moreThanAskedFor(void)
{
  struct hsearch_data htab = {0};
  make("hcreate_r(100)", 100, &htab);
  fill(70000, "key%08x", &htab);
  unmake("hdestroy_r", &htab);
  make("hcreate_r(0)", 0, &htab);
  fill(1000, "key%08x", &htab);
  unmake("hdestroy_r", &htab);
}

static void withoutATable(void)
{
  struct hsearch_data htab = {0};
  for (int i = 0; i < 2; i++) {
    lookGlobal("hsearch FIND", item("key", NULL), FIND);
    lookGlobal("hsearch ENTER", item("key", NULL), ENTER);
    look("hsearch_r FIND", item("key", NULL), FIND, &htab);
    look("hsearch_r ENTER", item("key", NULL), ENTER, &htab);
    makeGlobal("hcreate", 10);
    make("hcreate_r", 10, &htab);
    hdestroy();
    unmake("hdestroy_r", &htab);
  }
  look("hsearch_r on NULL", item("key", NULL), ENTER, NULL);
}

static void withoutAKey(void)
{
  struct hsearch_data htab = {0};
  make("hcreate_r", 10, &htab);
  look("find", item(NULL, NULL), FIND, &htab);
  look("enter", item(NULL, NULL), ENTER, &htab);
  printf("  filled %u\n", filledOf(&htab));
  unmake("hdestroy_r", &htab);
}

struct row {
  const char *name;
  void (*print)(void);
};
static const struct row rows[] = {
    {"sizeof struct hsearch_data, capacity", sizeOfData},
    {"nel=0", noEntriesAsked},
    {"nel huge", absurdSizes},
    {"hcreate twice, on a struct that is not zero, on NULL", twice},
    {"hits, misses, invalid action", hitsAndMisses},
    {"keys of all kinds", keysOfAllKinds},
    {"ENTRY* stability", entriesStay},
    {"writing through ENTRY*, key ownership, key changed", writingToEntries},
    {"hdestroy without a table, twice, recreate", destroying},
    {"memcpy and realloc of struct hsearch_data", structMoves},
    {"several tables", tablesAtOnce},
};
static const struct row beyond[] = {
    {"more entries than asked for", moreThanAskedFor},
    {"no table", withoutATable},
    {"no key", withoutAKey},
};

static int printRows(const struct row *from, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    puts(from[i].name);
    from[i].print();
  }
  return 0;
}

static int large(const char *text)
{
  struct hsearch_data htab = {0};
  if (!hcreate_r(10, &htab) || !fill(strtoul(text, NULL, 10), "key%08x", &htab))
    return 1;
  hdestroy_r(&htab);
  return 0;
}

int main(int argc, char **argv)
{
  const char *option = argc > 1 ? argv[1] : "";
  int ours = strcmp(option, "--expect-ours") == 0, real = strcmp(option, "--expect-real") == 0;
  if (argc == 2 && strcmp(option, "--beyond") == 0)
    return printRows(beyond, sizeof beyond / sizeof *beyond);
  if (argc == 3 && strcmp(option, "--large") == 0)
    return large(argv[2]);
  if (argc > 2 || (argc == 2 && !ours && !real))
    return fputs("usage: side_hsearch [--expect-ours | --expect-real | --beyond | --large N]\n", stderr), 2;
  if (argc == 2 && checkSide(ours) != 0)
    return 1;
  return printRows(rows, sizeof rows / sizeof *rows);
}
