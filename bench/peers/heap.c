/* heap.c: preloaded when memory is measured; counts what malloc and mmap hand out. For programs of one thread. */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Under these names glibc exports its own. */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);
extern void __libc_free(void *p);

extern struct heapUse {
  size_t now, peak;
} heapCount;
struct heapUse heapCount;

static void add(size_t bytes)
{
  heapCount.now += bytes;
  if (heapCount.now > heapCount.peak)
    heapCount.peak = heapCount.now;
}
/* With the word in front of it. */
static size_t sizeOf(void *p)
{
  return p ? malloc_usable_size(p) + sizeof(size_t) : 0;
}
static void *counted(void *p)
{
  add(sizeOf(p));
  return p;
}

void *malloc(size_t n)
{
  return counted(__libc_malloc(n));
}
void *calloc(size_t n, size_t size)
{
  return counted(__libc_calloc(n, size));
}
void *memalign(size_t alignment, size_t n)
{
  return counted(__libc_memalign(alignment, n));
}
void *aligned_alloc(size_t alignment, size_t n)
{
  return counted(__libc_memalign(alignment, n));
}
int posix_memalign(void **p, size_t alignment, size_t n)
{
  *p = counted(__libc_memalign(alignment, n));
  return *p ? 0 : ENOMEM;
}
void free(void *p)
{
  heapCount.now -= sizeOf(p);
  __libc_free(p);
}
/* A large block grows in place or moves without being copied: never counted twice. */
void *realloc(void *p, size_t n)
{
  size_t before = sizeOf(p);
  void *moved = __libc_realloc(p, n);
  if (moved || n == 0) {
    heapCount.now -= before;
    add(sizeOf(moved));
  }
  return moved;
}

void *mmap(void *address, size_t n, int protection, int flags, int fd, off_t offset)
{
  void *p = (void *)syscall(SYS_mmap, address, n, protection, flags, fd, offset);
  if (p != MAP_FAILED)
    add(n);
  return p;
}
int munmap(void *p, size_t n)
{
  int failed = (int)syscall(SYS_munmap, p, n);
  if (!failed)
    heapCount.now -= n;
  return failed;
}
