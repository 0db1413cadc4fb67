/* The limiter of a dependency: a law that moves the in-flight window and the pace.
 *
 * The story of one change: once a tick the leader hands the law what the store counted for the present cohort
 * (limiter generation: what was granted since the last change). The law keeps its limits, changes them - which
 * opens a new cohort, so that nothing granted before is ever held against them - passes the canaries, or asks for a
 * freeze. A law judges by permits granted after its last change only.
 *
 * Implementations: limiter_fixed_ops, limiter_slow_start_ops. */
#ifndef CORE_LIMITER_H
#define CORE_LIMITER_H

#include "core/group.h"

#define LIMITER_WHY_MAX 160

enum limiter_verdict {
    LIMITER_KEEP,
    LIMITER_CHANGE, /* window or pace moved: open a new cohort */
    LIMITER_PASS,   /* the canaries came back well: ramp */
    LIMITER_AGAIN,  /* the canaries say too little: send others */
    LIMITER_FREEZE, /* the ramp hurts: close */
    LIMITER_VERDICT_COUNT
};

struct limiter_input {
    int64_t now_us;               /* the store's clock */
    const struct cohort *cohort;  /* the present one; NULL before the store has seen it */
    int64_t explained;            /* at most so many of the cohort's failures are not the load's fault: blame.h */
    int64_t start_window;         /* canaries, cost units */
    int64_t window_max;           /* ceiling of the normal lane, cost units */
    int64_t rate_milli;           /* ceiling */
    int64_t cost;                 /* the dearest need of its fleets, cost units */
    int64_t in_flight;            /* cost units */
    bool waiting;                 /* somebody is in line */
    size_t dependency;            /* index in the policy */
    void *context;                /* of a law under study: hg_engine_options.law_context */
};

struct limiter;

struct limiter_ops {
    const char *name;
    bool ramps; /* canaries and a ramp; otherwise straight to the ceiling */
    int64_t first_permits; /* at once before anything is known; 0: 10, or one in a hundred of the fleets */
    /* Before the first grant of a ramp. */
    void (*start)(struct limiter *limiter, const struct limiter_input *input);
    /* While probing: PASS, AGAIN, FREEZE or KEEP. */
    enum limiter_verdict (*judge_canaries)(struct limiter *limiter, const struct limiter_input *input, char *ret_why);
    /* While ramping or steady: CHANGE, FREEZE or KEEP. */
    enum limiter_verdict (*judge)(struct limiter *limiter, const struct limiter_input *input, char *ret_why);
};

struct limiter {
    const struct limiter_ops *ops;
    int64_t window;     /* cost units */
    bool paced;
    int64_t pace_milli; /* milli-tokens per second */
    int64_t pace_burst; /* micro-tokens */
    int64_t threshold;  /* slow start: window that hurt, halved; grow gently beyond it */
};

extern const struct limiter_ops limiter_fixed_ops;
extern const struct limiter_ops limiter_slow_start_ops;

const struct limiter_ops *limiter_ops_of(enum hg_limiter_mode mode);

#endif
