/* The fragile dependency: an HTTP server as they often are.
 *
 * The story of one request: the connection is accepted at once, whatever the load; the request joins one
 * queue that has no bound; one of a few workers takes it and is busy with it for the service time, which
 * grows when many requests are open (locks, caches, paging). Nobody looks whether the client is still there:
 * when it gave up meanwhile, the work is done all the same, and counted as wasted. GET /healthz is answered
 * beside the queue, with its length. */
#ifndef DEMO_DEPENDENCY_H
#define DEMO_DEPENDENCY_H

#include "demo/world.h"

/* Serves on world->dependency_port until it is killed. Returns only when it cannot: the exit code. */
int demo_dependency_run(struct demo_world *world);

#endif
