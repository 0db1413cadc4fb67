/* The gate's two sides: a real `headgate serve` with a policy made for the demo's dependency, and the few
 * requests by which an instance gets its permit and reports. */
#ifndef DEMO_GATE_H
#define DEMO_GATE_H

#include "demo/world.h"

#define DEMO_INSTANCE_NAME_MAX 32

struct demo_gate {
    pid_t pid;
    char directory[DEMO_PATH_MAX]; /* policy, journal and log; removed at the end */
};

/* What an operator would write down, and why. */
struct demo_limits {
    double rate; /* relaunches a second */
    int burst;
    int in_flight; /* relaunches at once */
};
struct demo_limits demo_gate_limits(const struct demo_config *config);

/* The policy that says so, as JSON; the caller frees it. NULL without memory. */
char *demo_gate_policy(const struct demo_world *world);

/* Writes the policy, starts the controller on world->gate_port, waits until it is ready. 0, or a negative
 * hg_error with the reason on stderr. */
int demo_gate_start(struct demo_world *world, struct demo_gate *ret_gate) __attribute__((warn_unused_result));
void demo_gate_stop(struct demo_gate *gate);

struct demo_permit {
    struct demo_world *world;
    int index;
    char instance[DEMO_INSTANCE_NAME_MAX];
    char ticket[64];
    int64_t fence;
};

void demo_permit_init(struct demo_permit *permit, struct demo_world *world, int index);

/* Asks until granted, sleeping as told. */
void demo_permit_acquire(struct demo_permit *permit);

/* Reports the outcome; returns how long to wait before asking again (after a failure). */
int64_t demo_permit_complete(struct demo_permit *permit, bool recovered);

#endif
