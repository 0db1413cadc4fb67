/* Virtual time: controllers (engines), one shared state as their store, and whoever asks them.
 *
 * The story of one request: a timer of the user's goes off; it calls world_request(); the engine's effects are carried
 * out: what it answers at once goes to on_answer(), a group travels to the state, is applied there at one instant of the
 * store's clock, and its reply travels back. Nothing happens between events, so an hour costs what its events cost, and
 * the same seed gives the same run.
 *
 * on_answer() and on_log() are called from inside; they may call world_at(), and nothing else that turns an engine. */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include "core/engine.h"
#include "core/rng.h"
#include "store/state.h"

#define WORLD_CONTROLLERS_MAX 4
#define WORLD_SECOND          INT64_C(1000000)

struct world;

struct world_user {
    void (*on_timer)(void *user_data, struct world *world, uint64_t id, int tag);
    void (*on_answer)(void *user_data, struct world *world, uint64_t id, uint32_t item, const struct hg_answer *answer);
    void (*on_log)(void *user_data, struct world *world, size_t controller, const char *event, const char *text);
    void *user_data; /* all may be NULL */
};

struct world_options {
    const char *policy;      /* JSON text; must be valid */
    size_t controllers;      /* 1..WORLD_CONTROLLERS_MAX */
    int64_t store_rtt_us;    /* to the state and back */
    uint64_t seed;
    bool learned;            /* nobody vouches for the empty store: it is learned, not trusted */
    struct world_user user;
};

/* One grant, by the store's clock. */
struct world_grant {
    int64_t at_us;
    int fleet; /* the policy's index */
};

struct world_event;

struct world_controller {
    struct hg_engine *engine;
    const struct group *under_way;
    struct group_reply *reply;
    bool dead;
    bool away;     /* cannot reach the store */
    bool probing;
    int64_t tick_us; /* next tick in the heap; INT64_MAX: none */
};

struct world {
    int64_t now_us;          /* the controllers' clock */
    int64_t store_offset_us; /* the store's clock is so far ahead; tests may move it */
    struct hg_policy_set *set;
    const struct hg_policy *policy; /* the first of the set */
    struct state *state;
    struct world_controller controllers[WORLD_CONTROLLERS_MAX];
    size_t controller_count;
    int64_t store_rtt_us;
    struct world_user user;
    struct rng rng;
    bool probe_up[HG_DEPENDENCIES_MAX];
    const char *probe_text[HG_DEPENDENCIES_MAX];
    struct snapshot snapshot; /* the last group's */
    struct world_grant *grants;
    size_t grant_count;
    size_t grant_capacity;
    int64_t in_flight_peak[HG_DEPENDENCIES_MAX];
    int64_t in_flight_over; /* groups after which more was in flight than the ceiling */
    int64_t held_peak;      /* bytes the engines held at most, between steps */
    struct world_event *heap;
    size_t heap_count;
    size_t heap_capacity;
    uint64_t seq;
};

/* Aborts without memory or with a bad policy: it serves tests only. */
struct world *world_create(const struct world_options *options);
void world_destroy(struct world *world);

/* user.on_timer(id, tag) when `at_us` has come. */
void world_at(struct world *world, int64_t at_us, uint64_t id, int tag);

/* One request to one controller; a dead one is not there: false. */
bool world_request(struct world *world, size_t controller, const struct hg_request *request);

/* Turns the world until `until_us` or until there is nothing left to do. */
void world_run(struct world *world, int64_t until_us);

void world_probe(struct world *world, size_t dependency, bool up, const char *text);
void world_kill(struct world *world, size_t controller);

/* It gives up every lock, and goes on answering. */
void world_resign(struct world *world, size_t controller);

/* The link between a controller and the store. */
void world_cut(struct world *world, size_t controller, bool cut);

/* A new policy for every controller; turns the world until no group under way points into the old one. */
void world_reload(struct world *world, const char *policy);

/* Most tokens over `burst + rate * t` in any window of all grants (cost 1), in micro-tokens; below 0: never over. */
int64_t world_excess(const struct world *world, int64_t rate_milli, int64_t burst);

#endif
