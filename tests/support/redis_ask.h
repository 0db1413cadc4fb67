/* One inline command to a redis-server of the test, over a plain socket. */
#ifndef TESTS_SUPPORT_REDIS_ASK_H
#define TESTS_SUPPORT_REDIS_ASK_H

#include <stddef.h>
#include <stdint.h>

/* Sends `command` and gives back what came as raw text, cut at `size`. 0, or -1. */
int redis_ask(int port, const char *command, char *ret_text, size_t size);

/* A number of INFO, such as "used_memory"; -1 if it is not there. */
int64_t redis_info(int port, const char *field);

#endif
