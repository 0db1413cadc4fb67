/* A server that only looks like one: canned bytes for whoever connects. */
#ifndef TESTS_SUPPORT_CANNED_H
#define TESTS_SUPPORT_CANNED_H

#include "server.h"

/* Answers every connection to a free port with these bytes, after reading up to the end of the request's
 * headers, and closes it. server_stop() ends it. */
void canned_start(struct server *server, const char *answer, size_t size);

#endif
