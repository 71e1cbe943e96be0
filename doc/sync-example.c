/* sync-example.c: users who are logged in, kept by name, for many threads. An entry is counted: the map has one reference, each
 * thread that looks a user up another, so a user who logs out meanwhile stays whole for those who still look at it.
 *
 *   cc sync-example.c $(pkg-config --cflags --libs hmap-sync) -lpthread */
#include <hmap-sync.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct user {
  unsigned references; /* atomic */
  char name[16];
  unsigned visits; /* atomic */
} user;

static void retainUser(void *value)
{
  user *u = value;
  __atomic_add_fetch(&u->references, 1, __ATOMIC_RELAXED);
}
static void releaseUser(void *value)
{
  user *u = value;
  if (__atomic_sub_fetch(&u->references, 1, __ATOMIC_ACQ_REL) == 0)
    free(u);
}

static hmap_sync *users;

/* Returns a user of that name, made if there is none, who is the caller's to release; or NULL. */
static user *logIn(const char *name)
{
  void *found;
  if (hmap_sync_load(users, name, &found))
    return found;
  user *u = calloc(1, sizeof *u);
  if (!u)
    return NULL;
  u->references = 1;
  snprintf(u->name, sizeof u->name, "%s", name);
  switch (hmap_sync_load_or_store(users, name, u, &found)) {
  case 0: /* u is the map's now, and found is u once more, for us */
    return found;
  case 1: /* another thread was faster */
    releaseUser(u);
    return found;
  default: /* no memory */
    releaseUser(u);
    return NULL;
  }
}

static void *visit(void *arg)
{
  static const char *const names[] = {"ann", "bob", "cleo"};
  (void)arg;
  for (int i = 0; i < 3000; i++) {
    user *u = logIn(names[i % 3]);
    if (!u)
      continue;
    __atomic_add_fetch(&u->visits, 1, __ATOMIC_RELAXED);
    releaseUser(u);
  }
  return NULL;
}

static bool print(const void *key, void *value, void *arg)
{
  const user *u = value;
  (void)arg;
  printf("%s: %u visits\n", (const char *)key, u->visits);
  return true;
}

int main(void)
{
  const hmap_sync_type type = {.kind = HMAP_STRING, .retain = retainUser, .destroy = releaseUser};
  pthread_t threads[4];
  users = hmap_sync_make(&type);
  if (!users) {
    perror("hmap_sync_make");
    return 1;
  }
  for (int i = 0; i < 4; i++)
    pthread_create(&threads[i], NULL, visit, NULL);
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  hmap_sync_range(users, print, NULL);
  hmap_sync_delete(users, "bob");
  printf("%zu users are left\n", hmap_sync_len(users));
  hmap_sync_free(users);
  hmap_sync_barrier(); /* only so that a search for leaks finds none */
  return 0;
}
