#define main words_main
int words_main(int argc, char **argv);
#include "../wordfreq-hsearch/wordfreq.c"
