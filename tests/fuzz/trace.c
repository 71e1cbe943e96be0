/* trace.c: any bytes as a trace, for the reader of hmap replay. It ends with a line or gives records that can be done. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static jmp_buf ended;
static struct {
  const unsigned char *bytes;
  size_t size;
} file;

/* What the reader does not free, because its process ends. */
static struct block {
  struct block *next, *last;
  size_t size;
} * blocks;
static void *keep(struct block *b, size_t size)
{
  if (!b)
    return NULL;
  *b = (struct block){blocks, NULL, size};
  if (blocks)
    blocks->last = b;
  blocks = b;
  return b + 1;
}
static void forget(void *p)
{
  if (!p)
    return;
  struct block *b = (struct block *)p - 1;
  if (b->next)
    b->next->last = b->last;
  *(b->last ? &b->last->next : &blocks) = b->next;
  free(b);
}
static void *keepMalloc(size_t n)
{
  return keep(malloc(n + sizeof(struct block)), n);
}
static void *keepCalloc(size_t n, size_t size)
{
  return keep(calloc(1, n * size + sizeof(struct block)), n * size);
}
static void *keepRealloc(void *old, size_t n)
{
  void *p = keepMalloc(n);
  size_t had = old ? ((struct block *)old - 1)->size : 0;
  if (p && old)
    memcpy(p, old, had < n ? had : n);
  forget(old);
  return p;
}

#define malloc keepMalloc
#define calloc keepCalloc
#define realloc keepRealloc
#define free forget
#define exit(status) longjmp(ended, 1)
#define fopen(name, mode) fmemopen((void *)(uintptr_t)file.bytes, file.size, mode)
#define vfprintf(...) ((void)0)
#define fputc(...) ((void)0)
#define fprintf(...) ((void)0)
#include "../../tools/trace/read.c"
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef exit
#undef fopen
#undef vfprintf
#undef fputc
#undef fprintf
#include "fuzz.h"

static void nothing(void *p)
{
  (void)p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  record r;
  readInput(data, size);
  file.bytes = data;
  file.size = size;
  memset(&in, 0, sizeof in);
  memset(&arena, 0, sizeof arena);
  if (size && !setjmp(ended)) {
    openTrace("input");
    while (readRecord(&r))
      input.operations++;
  }
  if (in.file)
    fclose(in.file);
  tdestroy(in.made, nothing);
  if (arena.base)
    munmap(arena.base, arena.size);
  while (blocks)
    forget(blocks + 1);
  return 0;
}
