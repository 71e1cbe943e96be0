/* glib-list.c: GList. Every function also takes a node from the middle of a list, as GLib's do. */

/* Makes a node between two others, either of which may be NULL. */
static void placeBetween(GList *prev, GList *node, GList *next)
{
  node->prev = prev;
  node->next = next;
  if (prev)
    prev->next = node;
  if (next)
    next->prev = node;
}

static GList *newBetween(GList *prev, gpointer data, GList *next)
{
  GList *node = g_new(GList, 1);
  node->data = data;
  placeBetween(prev, node, next);
  return node;
}

/* Making and freeing */

GList *g_list_alloc(void)
{
  return newBetween(NULL, NULL, NULL);
}

void g_list_free(GList *list)
{
  while (list) {
    GList *next = list->next;
    g_free(list);
    list = next;
  }
}

void g_list_free_1(GList *list)
{
  g_free(list);
}

void g_list_free_full(GList *list, GDestroyNotify free_func)
{
  for (GList *l = list, *next; l; l = next) {
    next = l->next;
    free_func(l->data);
  }
  g_list_free(list);
}

void g_clear_list(GList **list_ptr, GDestroyNotify destroy)
{
  GList *list = *list_ptr;
  *list_ptr = NULL;
  if (destroy)
    g_list_free_full(list, destroy);
  else
    g_list_free(list);
}

/* Putting in */

GList *g_list_append(GList *list, gpointer data)
{
  GList *node = newBetween(g_list_last(list), data, NULL);
  return list ? list : node;
}

GList *g_list_prepend(GList *list, gpointer data)
{
  return newBetween(list ? list->prev : NULL, data, list);
}

GList *g_list_insert(GList *list, gpointer data, gint position)
{
  if (position == 0)
    return g_list_prepend(list, data);
  GList *next = position > 0 ? g_list_nth(list, (guint)position) : NULL;
  if (!next)
    return g_list_append(list, data);
  newBetween(next->prev, data, next);
  return list;
}

/* Where the list begins after node was put before sibling or, without one, at the end. */
static GList *startAfterInsert(GList *list, const GList *sibling, GList *node)
{
  return !list || (sibling && !node->prev) ? node : list;
}

GList *g_list_insert_before(GList *list, GList *sibling, gpointer data)
{
  if (!list) {
    list = newBetween(NULL, data, NULL);
    g_return_val_if_fail(sibling == NULL, list);
    return list;
  }
  GList *node = newBetween(sibling ? sibling->prev : g_list_last(list), data, sibling);
  return startAfterInsert(list, sibling, node);
}

GList *g_list_insert_before_link(GList *list, GList *sibling, GList *link_)
{
  g_return_val_if_fail(link_ != NULL, list);
  g_return_val_if_fail(link_->prev == NULL, list);
  g_return_val_if_fail(link_->next == NULL, list);
  if (!list)
    g_return_val_if_fail(sibling == NULL, list);
  placeBetween(sibling ? sibling->prev : g_list_last(list), link_, sibling);
  return startAfterInsert(list, sibling, link_);
}

/* A comparison function with or without user data. */
typedef struct order {
  GCompareFunc plain; /* or NULL, and then the other */
  GCompareDataFunc func;
  gpointer data;
} order;
ALWAYS_INLINE gint compare(const order *o, gconstpointer a, gconstpointer b)
{
  return o->plain ? o->plain(a, b) : o->func(a, b, o->data);
}

static GList *g_list_insert_sorted_real(GList *list, gpointer data, GCompareFunc func, const order *o)
{
  GList *last = NULL, *next = list;
  g_return_val_if_fail(func != NULL, list);
  while (next && compare(o, data, next->data) > 0) {
    last = next;
    next = next->next;
  }
  GList *node = newBetween(next ? next->prev : last, data, next);
  return next == list ? node : list;
}

/* What a check for NULL is to see of a function of either type. */
static GCompareFunc asFunc(GCompareDataFunc func)
{
  return (GCompareFunc)(void (*)(void))func;
}

GList *g_list_insert_sorted(GList *list, gpointer data, GCompareFunc func)
{
  return g_list_insert_sorted_real(list, data, func, &(order){.plain = func});
}

GList *g_list_insert_sorted_with_data(GList *list, gpointer data, GCompareDataFunc func, gpointer user_data)
{
  return g_list_insert_sorted_real(list, data, asFunc(func), &(order){.func = func, .data = user_data});
}

GList *g_list_concat(GList *list1, GList *list2)
{
  GList *last = g_list_last(list1);
  if (list2)
    list2->prev = last;
  if (last && list2)
    last->next = list2;
  return list1 ? list1 : list2;
}

/* Taking out */

/* Makes a neighbour of a node, which knows of it through *link, know of another one. */
static void relink(GList **link, const GList *node, GList *other)
{
  if (*link == node)
    *link = other;
  else
    g_warning("corrupted double-linked list detected");
}

GList *g_list_remove_link(GList *list, GList *llink)
{
  if (!llink)
    return list;
  if (list == llink)
    list = list->next;
  if (llink->prev)
    relink(&llink->prev->next, llink, llink->next);
  if (llink->next)
    relink(&llink->next->prev, llink, llink->prev);
  llink->prev = llink->next = NULL;
  return list;
}

GList *g_list_delete_link(GList *list, GList *link_)
{
  list = g_list_remove_link(list, link_);
  g_free(link_);
  return list;
}

GList *g_list_remove(GList *list, gconstpointer data)
{
  return g_list_delete_link(list, g_list_find(list, data));
}

GList *g_list_remove_all(GList *list, gconstpointer data)
{
  for (GList *l = list, *next; l; l = next) {
    next = l->next;
    if (l->data == data)
      list = g_list_delete_link(list, l);
  }
  return list;
}

/* The whole list */

GList *g_list_reverse(GList *list)
{
  GList *first = NULL;
  while (list) {
    first = list;
    list = first->next;
    first->next = first->prev;
    first->prev = list;
  }
  return first;
}

/* Joins two sorted lists by their next nodes. Of equals, those of the first come first. */
static GList *merge(GList *a, GList *b, const order *o)
{
  GList *first, **end = &first;
  while (a && b) {
    GList **smaller = compare(o, a->data, b->data) <= 0 ? &a : &b;
    *end = *smaller;
    end = &(*smaller)->next;
    *smaller = *end;
  }
  *end = a ? a : b;
  return first;
}

/* Takes the first n nodes off *rest and returns them sorted, linked by their next nodes. */
static GList *sortFirst(GList **rest, guint n, const order *o)
{
  if (n == 1) {
    GList *node = *rest;
    *rest = node->next;
    node->next = NULL;
    return node;
  }
  GList *a = sortFirst(rest, n / 2, o);
  GList *b = sortFirst(rest, n - n / 2, o);
  return merge(a, b, o);
}

static GList *sortBy(GList *list, const order *o)
{
  GList *rest = list, *prev = NULL;
  if (!list)
    return NULL;
  list = sortFirst(&rest, g_list_length(list), o);
  for (GList *l = list; l; l = l->next) {
    l->prev = prev;
    prev = l;
  }
  return list;
}

GList *g_list_sort(GList *list, GCompareFunc compare_func)
{
  return sortBy(list, &(order){.plain = compare_func});
}

GList *g_list_sort_with_data(GList *list, GCompareDataFunc compare_func, gpointer user_data)
{
  return sortBy(list, &(order){.func = compare_func, .data = user_data});
}

GList *g_list_copy_deep(GList *list, GCopyFunc func, gpointer user_data)
{
  GList *first = NULL, *last = NULL;
  for (; list; list = list->next) {
    last = newBetween(last, func ? func(list->data, user_data) : list->data, NULL);
    if (!first)
      first = last;
  }
  return first;
}

GList *g_list_copy(GList *list)
{
  return g_list_copy_deep(list, NULL, NULL);
}

void g_list_foreach(GList *list, GFunc func, gpointer user_data)
{
  for (GList *next; list; list = next) {
    next = list->next;
    func(list->data, user_data);
  }
}

/* Finding */

GList *g_list_nth(GList *list, guint n)
{
  for (; list && n > 0; n--)
    list = list->next;
  return list;
}

GList *g_list_nth_prev(GList *list, guint n)
{
  for (; list && n > 0; n--)
    list = list->prev;
  return list;
}

gpointer g_list_nth_data(GList *list, guint n)
{
  const GList *node = g_list_nth(list, n);
  return node ? node->data : NULL;
}

GList *g_list_find(GList *list, gconstpointer data)
{
  while (list && list->data != data)
    list = list->next;
  return list;
}

GList *g_list_find_custom(GList *list, gconstpointer data, GCompareFunc func)
{
  g_return_val_if_fail(func != NULL, list);
  while (list && func(list->data, data) != 0)
    list = list->next;
  return list;
}

GList *g_list_last(GList *list)
{
  while (list && list->next)
    list = list->next;
  return list;
}

GList *g_list_first(GList *list)
{
  while (list && list->prev)
    list = list->prev;
  return list;
}

gint g_list_position(GList *list, GList *llink)
{
  gint i = 0;
  for (; list && list != llink; list = list->next)
    i++;
  return list ? i : -1;
}

gint g_list_index(GList *list, gconstpointer data)
{
  return g_list_position(list, g_list_find(list, data));
}

guint g_list_length(GList *list)
{
  guint n = 0;
  for (; list; list = list->next)
    n++;
  return n;
}
