#define main gwords_main
int gwords_main(int argc, char **argv);
#include "../wordfreq-glib/wordfreq.c"
