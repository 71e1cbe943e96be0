/* glib-array.c: GPtrArray. Names in checks (rarray, some functions) are GLib's, because its criticals quote them. */

typedef struct __attribute__((may_alias)) realPtrArray {
  gpointer *pdata; /* these two are GPtrArray */
  guint len;
  guint alloc; /* pointers that there is room for */
  gatomicrefcount ref_count;
  GDestroyNotify element_free_func; /* or NULL */
} realPtrArray;

static void makeRoom(realPtrArray *a, guint more)
{
  enum { smallest = 16, largest = 1u << 31 };
  if (unlikely(more > G_MAXUINT - a->len))
    g_error("adding %u to array would overflow", more);
  guint wanted = a->len + more;
  if (wanted <= a->alloc)
    return;
  guint alloc = MAX(a->alloc, smallest);
  while (alloc < wanted)
    alloc = alloc < (guint)largest ? 2 * alloc : G_MAXUINT;
  a->pdata = g_renew(gpointer, a->pdata, alloc);
  a->alloc = alloc;
}

static void freeElements(const realPtrArray *a, gpointer *from, guint n)
{
  for (guint i = 0; a->element_free_func && i < n; i++)
    a->element_free_func(from[i]);
}

/* Making and freeing */

GPtrArray *g_ptr_array_new_full(guint reserved_size, GDestroyNotify element_free_func)
{
  realPtrArray *a = g_new(realPtrArray, 1);
  *a = (realPtrArray){.element_free_func = element_free_func};
  g_atomic_ref_count_init(&a->ref_count);
  if (reserved_size > 0)
    makeRoom(a, reserved_size);
  return (GPtrArray *)a;
}

GPtrArray *g_ptr_array_new(void)
{
  return g_ptr_array_new_full(0, NULL);
}

GPtrArray *g_ptr_array_sized_new(guint reserved_size)
{
  return g_ptr_array_new_full(reserved_size, NULL);
}

GPtrArray *g_ptr_array_new_with_free_func(GDestroyNotify element_free_func)
{
  return g_ptr_array_new_full(0, element_free_func);
}

GPtrArray *g_ptr_array_ref(GPtrArray *array)
{
  g_return_val_if_fail(array, NULL);
  g_atomic_ref_count_inc(&((realPtrArray *)array)->ref_count);
  return array;
}

gpointer *g_ptr_array_steal(GPtrArray *array, gsize *len)
{
  realPtrArray *rarray = (realPtrArray *)array;
  g_return_val_if_fail(array != NULL, NULL);
  gpointer *pointers = rarray->pdata;
  if (len)
    *len = rarray->len;
  rarray->pdata = NULL;
  rarray->len = rarray->alloc = 0;
  return pointers;
}

/* The array is empty before the pointers are freed. */
gpointer *g_ptr_array_free(GPtrArray *array, gboolean free_segment)
{
  realPtrArray *rarray = (realPtrArray *)array;
  gsize n;
  g_return_val_if_fail(rarray, NULL);
  realPtrArray old = *rarray;
  bool last = g_atomic_ref_count_dec(&rarray->ref_count);
  gpointer *pointers = g_ptr_array_steal(array, &n);
  if (free_segment) {
    freeElements(&old, pointers, (guint)n);
    g_free(pointers);
    pointers = NULL;
  }
  if (last)
    g_free(rarray);
  return pointers;
}

void g_ptr_array_unref(GPtrArray *array)
{
  realPtrArray *rarray = (realPtrArray *)array;
  g_return_if_fail(array);
  if (!g_atomic_ref_count_dec(&rarray->ref_count))
    return;
  g_atomic_ref_count_init(&rarray->ref_count);
  g_ptr_array_free(array, TRUE);
}

void g_ptr_array_set_free_func(GPtrArray *array, GDestroyNotify element_free_func)
{
  g_return_if_fail(array);
  ((realPtrArray *)array)->element_free_func = element_free_func;
}

/* Putting in */

void g_ptr_array_insert(GPtrArray *array, gint index_, gpointer data)
{
  realPtrArray *rarray = (realPtrArray *)array;
  g_return_if_fail(rarray);
  g_return_if_fail(index_ >= -1);
  g_return_if_fail(index_ <= (gint)rarray->len);
  makeRoom(rarray, 1);
  guint i = index_ < 0 ? rarray->len : (guint)index_;
  gpointer *at = rarray->pdata + i;
  memmove(at + 1, at, (rarray->len - i) * sizeof *at);
  *at = data;
  rarray->len++;
}

void g_ptr_array_add(GPtrArray *array, gpointer data)
{
  realPtrArray *rarray = (realPtrArray *)array;
  g_return_if_fail(rarray);
  makeRoom(rarray, 1);
  rarray->pdata[rarray->len++] = data;
}

void g_ptr_array_set_size(GPtrArray *array, gint length)
{
  realPtrArray *rarray = (realPtrArray *)array;
  g_return_if_fail(rarray);
  g_return_if_fail(length >= 0);
  guint n = (guint)length;
  if (n < rarray->len) {
    g_ptr_array_remove_range(array, n, rarray->len - n);
    return;
  }
  makeRoom(rarray, n - rarray->len);
  while (rarray->len < n)
    rarray->pdata[rarray->len++] = NULL;
}

/* Taking out */

static gpointer ptr_array_remove_index(GPtrArray *array, guint index_, bool fast, bool notify)
{
  realPtrArray *rarray = (realPtrArray *)array;
  g_return_val_if_fail(rarray, NULL);
  g_return_val_if_fail(index_ < rarray->len, NULL);
  gpointer data = rarray->pdata[index_];
  if (notify)
    freeElements(rarray, &data, 1);
  gpointer *at = rarray->pdata + index_, *last = rarray->pdata + (rarray->len - 1);
  if (fast)
    *at = *last;
  else
    memmove(at, at + 1, (gsize)(last - at) * sizeof *at);
  rarray->len--;
  return data;
}

gpointer g_ptr_array_remove_index(GPtrArray *array, guint index_)
{
  return ptr_array_remove_index(array, index_, false, true);
}

gpointer g_ptr_array_remove_index_fast(GPtrArray *array, guint index_)
{
  return ptr_array_remove_index(array, index_, true, true);
}

gpointer g_ptr_array_steal_index(GPtrArray *array, guint index_)
{
  return ptr_array_remove_index(array, index_, false, false);
}

gpointer g_ptr_array_steal_index_fast(GPtrArray *array, guint index_)
{
  return ptr_array_remove_index(array, index_, true, false);
}

static bool removeFirst(GPtrArray *array, gconstpointer data, bool fast)
{
  guint i;
  if (!g_ptr_array_find(array, data, &i))
    return false;
  ptr_array_remove_index(array, i, fast, true);
  return true;
}

gboolean g_ptr_array_remove(GPtrArray *array, gpointer data)
{
  g_return_val_if_fail(array, FALSE);
  return removeFirst(array, data, false);
}

gboolean g_ptr_array_remove_fast(GPtrArray *array, gpointer data)
{
  GPtrArray *rarray = array;
  g_return_val_if_fail(rarray, FALSE);
  return removeFirst(array, data, true);
}

GPtrArray *g_ptr_array_remove_range(GPtrArray *array, guint index_, guint length)
{
  realPtrArray *rarray = (realPtrArray *)array;
  g_return_val_if_fail(rarray != NULL, NULL);
  g_return_val_if_fail(index_ <= rarray->len, NULL);
  g_return_val_if_fail(length <= rarray->len - index_, NULL);
  if (length == 0)
    return array;
  gpointer *at = rarray->pdata + index_;
  freeElements(rarray, at, length);
  memmove(at, at + length, (rarray->len - index_ - length) * sizeof *at);
  rarray->len -= length;
  return array;
}

/* Sorting: as lists are, by merging. Functions get pointers to pointers. */

static void sortPointers(gpointer *a, guint n, gpointer *scratch, const order *o)
{
  guint half = n / 2, i = 0, j = half, k = 0;
  if (n < 2)
    return;
  sortPointers(a, half, scratch, o);
  sortPointers(a + half, n - half, scratch, o);
  memcpy(scratch, a, half * sizeof *a);
  while (i < half && j < n)
    a[k++] = compare(o, &scratch[i], &a[j]) <= 0 ? scratch[i++] : a[j++];
  memcpy(a + k, scratch + i, (half - i) * sizeof *a);
}

static void sortArray(GPtrArray *array, const order *o)
{
  if (array->len < 2)
    return;
  gpointer *scratch = g_new(gpointer, array->len / 2);
  sortPointers(array->pdata, array->len, scratch, o);
  g_free(scratch);
}

void g_ptr_array_sort(GPtrArray *array, GCompareFunc compare_func)
{
  g_return_if_fail(array != NULL);
  sortArray(array, &(order){.plain = compare_func});
}

void g_ptr_array_sort_with_data(GPtrArray *array, GCompareDataFunc compare_func, gpointer user_data)
{
  g_return_if_fail(array != NULL);
  sortArray(array, &(order){.func = compare_func, .data = user_data});
}

/* Looking */

void g_ptr_array_foreach(GPtrArray *array, GFunc func, gpointer user_data)
{
  g_return_if_fail(array);
  for (guint i = 0; i < array->len; i++)
    func(array->pdata[i], user_data);
}

gboolean g_ptr_array_find_with_equal_func(GPtrArray *haystack, gconstpointer needle, GEqualFunc equal_func, guint *index_)
{
  g_return_val_if_fail(haystack != NULL, FALSE);
  for (guint i = 0; i < haystack->len; i++) {
    gpointer data = haystack->pdata[i];
    if (equal_func ? equal_func(data, needle) : data == needle) {
      if (index_)
        *index_ = i;
      return TRUE;
    }
  }
  return FALSE;
}

gboolean g_ptr_array_find(GPtrArray *haystack, gconstpointer needle, guint *index_)
{
  return g_ptr_array_find_with_equal_func(haystack, needle, NULL, index_);
}
