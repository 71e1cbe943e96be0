/* bare.c PLUGIN: a program that has never heard of GLib loads a plugin that uses it. */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
  void *plugin = argc > 1 ? dlopen(argv[1], RTLD_LAZY | RTLD_LOCAL) : NULL;
  int (*selfTest)(void) = plugin ? (int (*)(void))dlsym(plugin, "pluginSelfTest") : NULL;
  if (!selfTest) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  printf("%d\n", selfTest());
  return 0;
}
