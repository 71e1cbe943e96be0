/* tables.c PLUGIN local|deep|handle: tables of a program, of GLib and of a plugin travel through all that GObject and the dynamic
 * linker can carry them through, and everybody reads and changes them. Prints what was found; whose functions were called must
 * not show in it.
 *
 *   local   the plugin is loaded as plugins are
 *   deep    with RTLD_DEEPBIND: the libraries that it names itself come first
 *   handle  the same functions are also asked of a handle of libglib, as a language binding does */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <glib-object.h>
#include <stdio.h>
#include <string.h>

static struct {
  GHashTable *(*make)(void);
  int (*sum)(GHashTable *);
  void (*change)(GHashTable *);
} plugin;

/* What a reader finds in a table. By default the program's own functions; from a handle of libglib otherwise. */
static struct {
  guint (*size)(GHashTable *);
  gpointer (*lookup)(GHashTable *, gconstpointer);
  GList *(*keys)(GHashTable *);
  gboolean (*insert)(GHashTable *, gpointer, gpointer);
} reader = {g_hash_table_size, g_hash_table_lookup, g_hash_table_get_keys, g_hash_table_insert};

static void show(const char *name, GHashTable *t)
{
  GList *keys = g_list_sort(reader.keys(t), (GCompareFunc)(void (*)(void))strcmp);
  printf("%s: %u, sum %d:", name, reader.size(t), plugin.sum(t));
  for (GList *l = keys; l; l = l->next)
    printf(" %s=%s", (char *)l->data, (char *)reader.lookup(t, l->data));
  printf("\n");
  g_list_free(keys);
}

static GHashTable *programs(void)
{
  GHashTable *t = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  for (int i = 0; i < 26; i++)
    g_hash_table_insert(t, g_strdup_printf("%c", 'a' + i), g_strdup_printf("%d", i));
  return t;
}
static GHashTable *glibs(void)
{
  return g_uri_parse_params("a=1&b=2&c=3&d=4&e=5", -1, "&", G_URI_PARAMS_NONE, NULL);
}

/* GValue */

static void valueText(const GValue *from, GValue *to)
{
  g_value_take_string(to, g_strdup_printf("table of %u", g_hash_table_size(g_value_get_boxed(from))));
}

static void throughValues(GHashTable *t)
{
  GValue one = G_VALUE_INIT, two = G_VALUE_INIT, text = G_VALUE_INIT;
  g_value_init(&one, G_TYPE_HASH_TABLE);
  g_value_init(&two, G_TYPE_HASH_TABLE);
  g_value_init(&text, G_TYPE_STRING);
  g_value_set_boxed(&one, t);
  g_value_copy(&one, &two);
  g_value_unset(&one);
  printf("same table: %d\n", g_value_get_boxed(&two) == t);
  show("value", g_value_get_boxed(&two));
  GHashTable *copy = g_value_dup_boxed(&two);
  g_value_register_transform_func(G_TYPE_HASH_TABLE, G_TYPE_STRING, valueText);
  printf("transform %d: %s\n", g_value_transform(&two, &text), g_value_get_string(&text));
  g_value_unset(&text);
  g_value_unset(&two);
  show("boxed copy", copy);
  g_hash_table_unref(copy);
}

/* A class with a property and a signal, both of tables */

typedef struct {
  GObject parent;
  GHashTable *table;
} Keeper;
typedef GObjectClass KeeperClass;
G_DEFINE_TYPE(Keeper, keeper, G_TYPE_OBJECT)

static void keeperSet(GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  Keeper *k = (Keeper *)object;
  (void)id, (void)spec;
  g_clear_pointer(&k->table, g_hash_table_unref);
  k->table = g_value_dup_boxed(value);
}
static void keeperGet(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  (void)id, (void)spec;
  g_value_set_boxed(value, ((Keeper *)object)->table);
}
static void keeperFinalize(GObject *object)
{
  g_clear_pointer(&((Keeper *)object)->table, g_hash_table_unref);
  G_OBJECT_CLASS(keeper_parent_class)->finalize(object);
}
static void keeper_class_init(KeeperClass *class)
{
  class->set_property = keeperSet;
  class->get_property = keeperGet;
  class->finalize = keeperFinalize;
  g_object_class_install_property(class, 1, g_param_spec_boxed("table", "", "", G_TYPE_HASH_TABLE, G_PARAM_READWRITE));
  g_signal_new("arrived", G_TYPE_FROM_CLASS(class), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_HASH_TABLE, 1,
               G_TYPE_HASH_TABLE);
}
static void keeper_init(Keeper *k)
{
  (void)k;
}

static GHashTable *onArrived(GObject *object, GHashTable *t, gpointer data)
{
  (void)object;
  show("signal", t);
  g_hash_table_replace(t, g_strdup(data), g_strdup("7"));
  return g_hash_table_ref(t);
}

static void throughObjects(GHashTable *t)
{
  GObject *object = g_object_new(keeper_get_type(), "table", t, NULL);
  GHashTable *got = NULL, *returned = NULL;
  g_object_get(object, "table", &got, NULL);
  show("property", got);
  g_signal_connect(object, "arrived", G_CALLBACK(onArrived), (gpointer)(guintptr) "handler");
  g_signal_emit_by_name(object, "arrived", got, &returned);
  g_hash_table_unref(got);
  show("returned", returned);
  g_hash_table_unref(returned);
  g_object_unref(object);
}

/* Closures */

static void onClosure(gpointer instance, GHashTable *t, gpointer data)
{
  (void)instance;
  show(data, t);
}
static void throughClosure(GHashTable *t, GClosureMarshal marshal)
{
  GClosure *closure = g_cclosure_new(G_CALLBACK(onClosure), (gpointer)(guintptr) "closure", NULL);
  GValue arguments[2] = {G_VALUE_INIT, G_VALUE_INIT};
  g_closure_ref(closure);
  g_closure_sink(closure);
  g_closure_set_marshal(closure, marshal);
  g_value_init(&arguments[0], G_TYPE_POINTER);
  g_value_init(&arguments[1], G_TYPE_HASH_TABLE);
  g_value_set_boxed(&arguments[1], t);
  g_closure_invoke(closure, NULL, 2, arguments, NULL);
  g_value_unset(&arguments[1]);
  g_closure_unref(closure);
}

static void travel(const char *name, GHashTable *t)
{
  printf("== %s\n", name);
  show("made", t);
  throughValues(t);
  throughObjects(t);
  throughClosure(t, g_cclosure_marshal_VOID__BOXED);
  throughClosure(t, g_cclosure_marshal_generic);
  plugin.change(t);
  reader.insert(t, g_strdup("reader"), g_strdup("3"));
  show("changed by the plugin", t);
  g_hash_table_unref(t);
}

static void *symbol(void *handle, const char *name)
{
  void *found = handle ? dlsym(handle, name) : NULL;
  if (!found)
    g_error("%s", dlerror());
  return found;
}

int main(int argc, char **argv)
{
  if (argc != 3)
    return 2;
  void *handle = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL | (strcmp(argv[2], "deep") == 0 ? RTLD_DEEPBIND : 0));
  *(void **)&plugin.make = symbol(handle, "pluginMake");
  *(void **)&plugin.sum = symbol(handle, "pluginSum");
  *(void **)&plugin.change = symbol(handle, "pluginChange");
  if (strcmp(argv[2], "handle") == 0) {
    void *glib = dlopen("libglib-2.0.so.0", RTLD_NOW);
    *(void **)&reader.size = symbol(glib, "g_hash_table_size");
    *(void **)&reader.lookup = symbol(glib, "g_hash_table_lookup");
    *(void **)&reader.keys = symbol(glib, "g_hash_table_get_keys");
    *(void **)&reader.insert = symbol(glib, "g_hash_table_insert");
  }
  travel("the program's", programs());
  travel("GLib's", glibs());
  travel("the plugin's", plugin.make());
  return 0;
}
