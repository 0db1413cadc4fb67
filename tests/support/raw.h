/* Bytes over a socket, for requests that no HTTP library would send. */
#ifndef TESTS_SUPPORT_RAW_H
#define TESTS_SUPPORT_RAW_H

#include <stdbool.h>
#include <stddef.h>

#define RAW_TIMEOUT_MS 10000
#define RAW_TEXT_MAX   65536

struct raw_answer {
    int status;   /* of the first answer; 0: none came */
    bool closed;  /* the server closed */
    size_t count; /* answers that came: status lines at the begin of a line */
    size_t size;
    char text[RAW_TEXT_MAX + 1];
};

/* A connection to 127.0.0.1:port, or -1. */
int raw_connect(int port);

/* Sends all, as far as the server reads; false when it closed. */
bool raw_send(int fd, const void *bytes, size_t size);

/* Reads until the server closes, `answers` answers with their bodies are there, or RAW_TIMEOUT_MS passed. */
void raw_read(int fd, size_t answers, struct raw_answer *ret_answer);

/* All three, and closes. */
void raw_ask(int port, const void *bytes, size_t size, struct raw_answer *ret_answer);

#endif
