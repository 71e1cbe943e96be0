/* A program with hsearch, for the tests of the command hmap: counts its arguments, and writes what it found to words.txt. Built
 * in one piece, or with WORDS_ONLY as a library and with MAIN_ONLY as the program that uses that. */
#include <search.h>
#include <stdio.h>
#include <stdlib.h>

void countWords(int n, char **words, FILE *out);

#ifndef MAIN_ONLY
void countWords(int n, char **words, FILE *out)
{
  if (!hcreate((size_t)n + 1))
    exit(1);
  for (int i = 0; i < n; i++) {
    ENTRY *entry = hsearch((ENTRY){words[i], NULL}, ENTER);
    entry->data = (char *)entry->data + 1;
  }
  for (int i = 0; i < n; i++)
    fprintf(out, "%s %zu\n", words[i], (size_t)hsearch((ENTRY){words[i], NULL}, FIND)->data);
  hdestroy();
}
#endif

#ifndef WORDS_ONLY
int main(int argc, char **argv)
{
  FILE *out = fopen("words.txt", "w");
  printf("this is %s\n", argv[0]);
  if (!out)
    return 1;
  countWords(argc - 1, argv + 1, out);
  return fclose(out) ? 1 : argc - 1;
}
#endif
