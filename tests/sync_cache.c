/* sync_cache.c: a cache that four threads use, for sync-example.sh: a correct program, in which ThreadSanitizer finds nothing,
 * though the library that it is linked with was made without it. */
#include <hmap-sync.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static hmap_sync *m;
typedef struct item {
  int a, b;
  char text[16];
} item;
static void storeItem(const char *key, int i)
{
  item *n = malloc(sizeof *n);
  if (!n)
    return;
  n->a = n->b = i;
  strcpy(n->text, "text");
  if (!hmap_sync_store(m, key, n))
    free(n);
}
static void *work(void *arg)
{
  unsigned x = (unsigned)(uintptr_t)arg * 7919u + 1;
  for (int i = 0; i < 20000; i++) {
    x = x * 1103515245u + 12345u;
    char key[32];
    snprintf(key, sizeof key, "key-%u", (x >> 16) % 300);
    void *v;
    switch ((x >> 8) % 4) {
    case 0:
      storeItem(key, i);
      break;
    case 1:
      hmap_sync_delete(m, key);
      break;
    default:
      hmap_sync_read_lock();
      if (hmap_sync_load(m, key, &v) && (((item *)v)->a != ((item *)v)->b || strcmp(((item *)v)->text, "text") != 0))
        abort();
      hmap_sync_read_unlock();
    }
  }
  return NULL;
}
static void gone(void *v)
{
  ((item *)v)->a = -1;
  free(v);
}
int main(void)
{
  hmap_sync_type t = {.kind = HMAP_STRING, .destroy = gone};
  pthread_t th[4];
  m = hmap_sync_make(&t);
  for (uintptr_t i = 0; i < 4; i++)
    pthread_create(&th[i], NULL, work, (void *)i);
  for (int i = 0; i < 4; i++)
    pthread_join(th[i], NULL);
  hmap_sync_free(m);
  if (!hmap_sync_barrier())
    return 1;
  puts("done");
}
