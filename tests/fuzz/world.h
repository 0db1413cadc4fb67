/* A whole controller without loop, sockets and clock: the api over the real engine and the reference store,
 * on a clock that the requests move. http_respond() is ours: it checks every answer. */
#ifndef TESTS_FUZZ_WORLD_H
#define TESTS_FUZZ_WORLD_H

#include <stddef.h>

struct world;

struct world *world_create(void);
void world_destroy(struct world *world);

/* One request and, however long it is held, its answer: exactly one, with a status that HTTP knows and a body
 * that is JSON with no member given twice. Returns the status. */
int world_request(struct world *world, const char *method, const char *path, const char *query,
                  const char *body, size_t body_size);

#endif
