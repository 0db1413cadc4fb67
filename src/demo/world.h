/* What the demo's processes share: a configuration that never changes after the fork, and counters. */
#ifndef DEMO_WORLD_H
#define DEMO_WORLD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define DEMO_INSTANCES_MIN 20
#define DEMO_INSTANCES_MAX 3000
#define DEMO_WORKERS_MAX   128
#define DEMO_PATH_MAX      512
#define DEMO_EXIT_LOST     75 /* an instance's lease is lost: restart it */

/* Times are scaled by --time-scale. */
struct demo_config {
    int instances;
    int requests; /* one relaunch makes so many, one after the other */
    int workers;
    int knee;       /* open requests beyond which serving one takes longer */
    int slow_max;   /* so many times longer at worst */
    int background; /* clients */
    int64_t service_us;
    int64_t request_timeout_us;
    int64_t boot_us; /* an instance's own start-up, before it needs the dependency */
    int64_t renew_us;
    int64_t background_period_us;
    int64_t backoff_base_us;
    int64_t backoff_max_us;
    int64_t settle_us;
    int64_t outage_us;
    int64_t deadline_us; /* after the dependency's return; then a run is reported as not finished */
    double time_scale;
    bool run_herd;
    bool run_gate;
    bool json;
    const char *headgate; /* program to start as the controller */
};

enum demo_state { DEMO_DOWN, DEMO_WAITING, DEMO_LOADING, DEMO_UP, DEMO_STATE_COUNT };

struct demo_slot {
    _Atomic int state;    /* enum demo_state */
    _Atomic int attempts; /* at loading, since the dependency's return */
    _Atomic int asked;    /* requests to the gate, since then */
};

struct demo_world {
    struct demo_config config;
    bool gated;
    int dependency_port;
    int gate_port;
    /* The dependency's own counters. */
    _Atomic int64_t queue;
    _Atomic int64_t busy;
    _Atomic int64_t queue_peak;
    _Atomic int64_t served;
    _Atomic int64_t wasted; /* worked on for a client that had gone */
    /* The background clients'. */
    _Atomic int64_t background_asked;
    _Atomic int64_t background_errors;
    /* The instances'. */
    _Atomic int64_t lost_again; /* leases lost after the dependency's return */
    struct demo_slot slots[];
};

/* The demo's setting for a fleet of that size; which runs and how to show them is left to the caller. */
void demo_config_init(struct demo_config *config, int instances, double time_scale);

/* Zeroed memory that children share; NULL when there is none. */
struct demo_world *demo_world_create(const struct demo_config *config);
void demo_world_destroy(struct demo_world *world);

/* Counting begins anew: the dependency is back. */
void demo_world_reset_counters(struct demo_world *world);

/* Instances in `state`. */
int demo_world_count(const struct demo_world *world, enum demo_state state);

/* A loopback TCP port nobody listens on, outside the range from which the kernel takes ports for clients: a
 * client must never be given the port of a server that is down for a moment. 0 when none is found. */
int demo_find_port(void);

/* Forks a child that dies with its parent, has default signal handlers and no terminal input. As fork(). */
pid_t demo_fork(void);

/* Ends a child by its pid and waits for it; harmless for 0. */
void demo_kill(pid_t *pid);

void demo_sleep_us(int64_t delay_us);

#endif
