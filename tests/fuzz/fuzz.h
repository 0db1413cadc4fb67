/* What every fuzz target defines. Built with clang and -Dfuzz=true it is a libFuzzer program; otherwise
 * replay.c turns it into a test that runs the seeds, and the inputs that once broke it, in corpus/NAME. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program with the place: assert() that no build option takes away. */
#define FUZZ_CHECK(condition) ((condition) ? (void)0 : fuzz_fail(#condition, __FILE__, __LINE__))
void fuzz_fail(const char *condition, const char *file, int line) __attribute__((noreturn));

#endif
