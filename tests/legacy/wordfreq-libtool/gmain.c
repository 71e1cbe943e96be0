#include <gio/gio.h>

int gwords_main(int argc, char **argv);

int main(int argc, char **argv)
{
    g_set_prgname("wordfreq");
    g_object_unref(g_file_new_for_path("."));
    return gwords_main(argc, argv);
}
