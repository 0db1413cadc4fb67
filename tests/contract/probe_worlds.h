/* What each kind of probe is pointed at: a real dependency that can be raised, lowered, and be silent. */
#ifndef TESTS_CONTRACT_PROBE_WORLDS_H
#define TESTS_CONTRACT_PROBE_WORLDS_H

#include "probe/probe.h"
#include "server.h"

#define WORLD_TIMEOUT_MS 2000

struct world {
    struct server server;
    char program[256];
    char directory[256];
    int port;
    int silent_fds[4]; /* -1: none */
    char target[320];
    char resolver[64];
    char *argv[4];
    char script[320];
    struct hg_probe probe;
};

struct world_ops {
    const char *name;
    enum probe_verdict down;   /* what it says when lowered */
    enum probe_verdict silent; /* and when silent */
    /* False when the server it needs is not installed. Leaves the world lowered. */
    bool (*init)(struct world *world);
    void (*raise)(struct world *world);
    void (*lower)(struct world *world);
    void (*be_silent)(struct world *world); /* before the probe is made; the world is not raised */
};

extern const struct world_ops world_ops[HG_PROBE_KIND_COUNT];

void world_finish(struct world *world);

/* The tests' HTTP server on world->port, with TLS when a certificate and its key are named. */
void world_start_http(struct world *world, const char *certificate, const char *key);

#endif
