#!/bin/sh
# copies.sh: a process may hold several copies of a library (dlmopen, an archive beside a shared library), and a table may go from one
# to the other. What one copy has put there the others find, write to and free; and their seeds have nothing in common.

. "$abs_top_srcdir/tests/tap.sh"
[ -z "$SANITIZED" ] || skip_all "a sanitizer's library is there but once"
scratch copies

# The shared library, once more in a namespace of its own, and the engine in the program. Seeds are looked at where lib/map.h says
# they are.
cat >copies.c <<'END'
#define _GNU_SOURCE
#define HMAP_API static
#include "lib/engine.c"
#include <dlfcn.h>
#include <stdio.h>

typedef hmap *maker(const hmap_type *, size_t);
typedef void *assigner(hmap *, const void *);
typedef void *accessor(const hmap *, const void *);
typedef bool deleter(hmap *, const void *);
typedef const char *checker(const hmap *);
typedef void freer(hmap *);

typedef struct copy {
  maker *make;
  assigner *assign;
  accessor *access;
  deleter *del;
  checker *check;
  freer *free;
} copy;

static copy load(const char *name, bool anew)
{
  void *lib = anew ? dlmopen(LM_ID_NEWLM, name, RTLD_NOW) : dlopen(name, RTLD_NOW);
  if (!lib) {
    puts(dlerror());
    exit(2);
  }
  return (copy){(maker *)dlsym(lib, "hmap_make"), (assigner *)dlsym(lib, "hmap_assign"), (accessor *)dlsym(lib, "hmap_access"),
                (deleter *)dlsym(lib, "hmap_delete"), (checker *)dlsym(lib, "hmap_check"), (freer *)dlsym(lib, "hmap_free")};
}

enum { n = 20000 };
static char names[2 * n][16];
static void need(bool there, const char *what, size_t i)
{
  if (there)
    return;
  printf("%s %zu\n", what, i);
  exit(1);
}
static void *keyOfKind(bool strings, size_t i, uint64_t *word)
{
  *word = i;
  if (strings)
    *(const char **)(void *)word = names[i];
  return word;
}
/* Filled by one copy, and read by the other, which then thins it, fills it up and frees it, unless it may only read. */
static void handOver(const copy *a, const copy *b, bool strings, size_t hint, bool readOnly)
{
  hmap_type type = {.kind = strings ? HMAP_STRING : HMAP_BYTES, .key_size = strings ? 0 : 8, .elem_size = 8};
  hmap *h = a->make(&type, hint);
  uint64_t key;
  for (size_t i = 0; i < n; i++)
    *(uint64_t *)a->assign(h, keyOfKind(strings, i, &key)) = i;
  for (size_t i = 0; i < n; i++) {
    uint64_t *elem = b->access(h, keyOfKind(strings, i, &key));
    need(elem && *elem == i, "not found", i);
  }
  if (readOnly) {
    a->free(h);
    return;
  }
  for (size_t i = 0; i < n - 10; i++)
    need(b->del(h, keyOfKind(strings, i, &key)), "not deleted", i);
  need(!a->check(h) && !b->check(h), "check", 0);
  for (size_t i = n; i < 2 * n; i++)
    *(uint64_t *)b->assign(h, keyOfKind(strings, i, &key)) = i;
  need(!a->check(h) && !b->check(h), "check", 1);
  for (size_t i = n - 10; i < 2 * n; i++) {
    uint64_t *elem = a->access(h, keyOfKind(strings, i, &key));
    need(elem && *elem == i, "not found after", i);
  }
  b->free(h);
}
static hmap_seed firstSeed(const copy *c)
{
  hmap_type type = {.kind = HMAP_BYTES, .key_size = 8, .elem_size = 8};
  hmap *h = c->make(&type, 0);
  uint64_t key = 1;
  c->assign(h, &key);
  hmap_seed seed = h->hash0;
  c->free(h);
  return seed;
}

int main(int argc, char **argv)
{
  copy copies[] = {load(argv[1], false), load(argv[1], true),
                   {hmap_make, hmap_assign, hmap_access, hmap_delete, hmap_check, hmap_free}};
  hmap_seed seeds_[3];
  for (size_t i = 0; i < 2 * n; i++)
    snprintf(names[i], sizeof names[i], "name %zu", i);
  for (int i = 0; i < 3; i++)
    seeds_[i] = firstSeed(&copies[i]);
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < i; j++)
      need(seeds_[i].k0 != seeds_[j].k0 && seeds_[i].k1 != seeds_[j].k1, "the same seed", (size_t)i);
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++)
      for (int how = 0; i != j && how < 4; how++) /* what dlmopen loads has a malloc of its own */
        handOver(&copies[i], &copies[j], how & 1, how & 2 ? 300000 : 0, i == 1 || j == 1);
  (void)argc;
  return 0;
}
END

library=$builddir/lib/.libs/libhmap.so.1
[ -e "$library" ] || skip_all "no shared library"
# shellcheck disable=SC2086 # options
check "compiles" $CC $CFLAGS -fno-lto -w -I"$abs_top_srcdir" -I"$abs_top_srcdir/include" -I"$abs_top_srcdir/lib" copies.c -o copies -ldl -lpthread
check "tables go from copy to copy, and seeds are each copy's own" ./copies "$library"

done_testing
