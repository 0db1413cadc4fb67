/* A real controller for tests, and servers that only pretend to be one.
 *
 * The story of one gate: gate_start() writes the policy into a scratch directory, starts the binary that
 * HEADGATE_BINARY names on a free port of 127.0.0.1, and returns once GET /readyz is 200; gate_stop() ends it
 * and removes the directory. */
#ifndef TESTS_SUPPORT_GATE_H
#define TESTS_SUPPORT_GATE_H

#include "server.h"

struct gate {
    struct server server;
    char url[64];        /* http://127.0.0.1:PORT */
    char directory[256]; /* scratch, with policy.json */
};

/* The binary under test: $HEADGATE_BINARY; the test ends when it is not set. */
const char *gate_binary(void);

/* Starts `serve` with the policy; `extra` arguments up to a NULL come last (NULL: "--store memory:
 * --new-store"). Ends the test when that fails. */
void gate_start(struct gate *gate, const char *policy, const char *const *extra);
void gate_stop(struct gate *gate);

/* The status of one GET on 127.0.0.1, 0 when nothing answers. */
int gate_get_status(int port, const char *path);

/* A server on a free port that answers every connection with these bytes, after reading up to the end of the
 * request's headers, and closes it. */
void canned_start(struct server *server, const char *answer, size_t size);

#endif
