/* way.c: any text as what hmap run has written down of a program, after two first lines that are right. Says that it holds only
 * if it came to "end". */
#define _GNU_SOURCE
#include "../../tools/way.c"
#include "fuzz.h"

char *identity(void)
{
  return "hmap 0 /";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct stat status;
  Way way = {0};
  char *record = malloc(size + 512);
  readInput(data, size);
  REQUIRE(record && !stat("/", &status));
  int n = sprintf(record, "%s\nfile %llx %llx %llx %llx %llx /\n", identity(), (unsigned long long)status.st_dev,
                  (unsigned long long)status.st_ino, (unsigned long long)status.st_size,
                  (unsigned long long)nanoseconds(status.st_mtim), (unsigned long long)nanoseconds(status.st_ctim));
  memcpy(record + n, data, size);
  record[n + (int)size] = 0;
  bool ends = strncmp(record + n, "end\n", 4) == 0 || strstr(record + n, "\nend\n") || strcmp(record + n, "end") == 0 ||
              (strlen(record + n) >= 4 && strcmp(record + n + strlen(record + n) - 4, "\nend") == 0);
  if (recordHolds(record, "/", &way))
    REQUIRE(ends);
  input.operations++;
  free(record);
  return 0;
}
