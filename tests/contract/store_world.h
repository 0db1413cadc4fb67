/* One store of a kind, with a clock that the test moves, for the contract suite and the differential test.
 *
 * The story of one group: world_group() hands it to the store and turns the loop until it is answered (or a deadline fails
 * the test); the reply stays the world's until the next one. Each world uses a policy name of its own, so that one
 * redis-server serves all of them. */
#ifndef TESTS_CONTRACT_STORE_WORLD_H
#define TESTS_CONTRACT_STORE_WORLD_H

#include "store/store.h"

enum world_kind { WORLD_MEMORY, WORLD_JOURNAL, WORLD_REDIS, WORLD_KIND_COUNT };

#define WORLD_BEGIN_US INT64_C(1700000000000000)

struct world {
    enum world_kind kind;
    uv_loop_t loop;
    struct store *store;
    char policy[HG_NAME_MAX + 1];
    char url[512];
    char directory[256]; /* WORLD_JOURNAL: removed at the end */
    int64_t compact_bytes;
    bool real_clock;
    int64_t clock_us; /* what the store reads */
    int state_status; /* 1 until the store has spoken */
    char state_text[512];
    bool answered;
    bool closed;
    struct group group;
    struct group_reply reply; /* the last one */
};

const char *world_name(enum world_kind kind);

/* Starts the redis-server of this program, once, before the tests fork; 0, or 77 when it is not installed. */
int world_start_redis(void);
void world_stop_redis(void);

/* A store of the kind, empty, ready. The world is the caller's and may be garbage. */
void world_init(struct world *world, enum world_kind kind);
/* Opens the store that `world->url` names; world_init() and world_restart() call it. */
void world_open(struct world *world);
void world_close(struct world *world);
/* As a controller that stops and starts again: memory only keeps its state by not doing it. */
void world_restart(struct world *world);
void world_finish(struct world *world);

/* Submits `group` and waits; the status of submit(), or of the reply. */
int world_group_status(struct world *world, struct group *group);
/* The same, and the test fails unless it is 0. */
const struct group_reply *world_group(struct world *world, struct group *group);
/* One operation. */
const struct op_reply *world_one(struct world *world, struct op op);

void world_run_until(struct world *world, const bool *flag, const char *what);

#endif
