/* fuzz.h: what the fuzzers share. Each is a libFuzzer target: its input is a table's type and then operations, each of a byte and
 * what that needs. An input that ends early goes on with zeroes until the operation is over. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
  const uint8_t *at, *end;
  unsigned long long inputs, operations; /* so far */
} input;

static inline void readInput(const uint8_t *data, size_t size)
{
  input.at = data;
  input.end = data + size;
  input.inputs++;
}
static inline bool more(void)
{
  return input.at < input.end;
}
static inline unsigned byte(void)
{
  return more() ? *input.at++ : 0;
}

/* Ends the run as a crash, which a failure of cmocka's is not. */
#define REQUIRE(condition)                                                    \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      abort();                                                                \
    }                                                                         \
  } while (0)
static inline __attribute__((constructor)) void failuresAreCrashes(void)
{
  setenv("CMOCKA_TEST_ABORT", "1", 1);
}

static inline __attribute__((destructor)) void printOperations(void)
{
  fprintf(stderr, "%llu inputs, %llu operations\n", input.inputs, input.operations);
}

#endif
