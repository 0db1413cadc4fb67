/* The limiter of a dependency: a law that moves the in-flight window and the pace.
 *
 * The story of one change: once a tick the leader hands the law what the store counted for the present cohort
 * (limiter generation: what was granted since the last change) and those before. The law keeps its limits, changes them -
 * which opens a new cohort, so that nothing granted before is ever held against them - passes the canaries, or asks for
 * a freeze. A law judges by permits granted after its last change only.
 *
 * Implementations: limiter_fixed_ops, limiter_slow_start_ops, limiter_adaptive_ops. */
#ifndef CORE_LIMITER_H
#define CORE_LIMITER_H

#include "core/group.h"
#include "core/limiter_adaptive.h"

#define LIMITER_WHY_MAX 160

enum limiter_verdict {
    LIMITER_KEEP,
    LIMITER_CHANGE, /* window or pace moved: open a new cohort */
    LIMITER_SLICE,  /* open a new cohort only, to tell grant times apart; a why says that the window has moved since */
    LIMITER_PASS,   /* the canaries came back well: ramp */
    LIMITER_AGAIN,  /* the canaries say too little: send others */
    LIMITER_FREEZE, /* the ramp hurts: close */
    LIMITER_VERDICT_COUNT
};

/* The dependency's own word on its load. */
struct limiter_gauge {
    bool known;
    double load;  /* 1: at the soft mark; mean of the last few */
    bool over;    /* the mean and the last two are at or above the hard mark */
    double age_s;
};

struct limiter_input {
    int64_t now_us;               /* the store's clock */
    const struct cohort *cohort;  /* the present one; NULL before the store has seen it */
    const struct cohort *cohorts; /* COHORTS_KEPT, newest first */
    int64_t cohort_id;            /* of the present one */
    int64_t explained;            /* at most so many failures since the last change are not the load's fault: blame.h */
    int64_t explained_fleets;     /* of those, by fleets that fail anyway */
    int64_t start_window;         /* canaries, cost units */
    int64_t window_max;           /* ceiling of the normal lane, cost units */
    int64_t rate_milli;           /* ceiling */
    int64_t cost;                 /* the dearest need of its fleets, cost units */
    int64_t in_flight;            /* cost units */
    bool waiting;                 /* somebody is in line */
    int64_t size;                 /* permits wanted in all: the fleets as written, or who waits */
    int64_t request_timeout_us;   /* after which the dependency's clients give up; 0: unknown */
    struct limiter_gauge gauge;
    bool fresh;                   /* start: nobody waited before, what was known may be old */
    size_t dependency;            /* index in the policy */
    void *context;                /* of a law under study: hg_engine_options.law_context */
};

struct limiter;

struct limiter_ops {
    const char *name;
    bool ramps; /* canaries and a ramp; otherwise straight to the ceiling */
    int64_t first_permits; /* at once before anything is known; 0: 10, or one in a hundred of the fleets */
    int64_t first_least;   /* of them, in small fleets: one in a thousand, and so many; 0: first_permits */
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
    int64_t canaries;   /* more at once were too many; 0: as many as the law begins with */
    int64_t cool_us;    /* how long a freeze that it asks for lasts; 0: as the phase has it */
    struct adaptive adaptive;
};

extern const struct limiter_ops limiter_fixed_ops;
extern const struct limiter_ops limiter_slow_start_ops;
extern const struct limiter_ops limiter_adaptive_ops;

const struct limiter_ops *limiter_ops_of(enum hg_limiter_mode mode);

#endif
