/* What the leader decides for one dependency: its phase and its limits.
 *
 * The story of one tick: dependency_step() looks at the operator's overrides, the probes, who waits, and what the
 * store counted for the present cohort; moves the phase along the table in phase.c; lets the limiter move its window;
 * and dependency_plan() writes it all into the plan. Every move says why, in `why` and in the recovery's timeline. */
#ifndef CORE_DEPENDENCY_H
#define CORE_DEPENDENCY_H

#include "core/blame.h"
#include "core/limiter.h"
#include "core/overrides.h"
#include "core/recovery.h"
#include "core/rng.h"
#include "core/shed.h"

#define WHY_MAX             REASON_MAX
#define CANARY_PACE_US      INT64_C(10000000) /* while blocked: one canary in so long, doubling */
#define CANARY_PACE_MAX_US  INT64_C(60000000)
#define GAUGE_KEPT          5  /* samples that are averaged */
#define GAUGE_OLD_US        INT64_C(10000000) /* a gauge this old says nothing; or three times its interval */
#define CANARIES_MIN        10 /* first window of a ramp, where the law does not say: so many, or 1 % of the fleets */
#define OVERRULE_MIN        3  /* canaries that came back well while a probe says down */
#define COOL_US             INT64_C(30000000) /* frozen: so long, doubling */
#define COOL_MAX_US         INT64_C(300000000)
#define QUIET_US            INT64_C(5000000)  /* nobody waits for so long: idle */
#define QUIET_SILENT_US     INT64_C(60000000) /* the same, while some called ones or some in backoff may still come; and
                                               * no crowd for so long: idle, although a few come and go */
#define EXCUSE_MERGE_US     INT64_C(60000000) /* troubles so close to each other are one */

enum probe_state { PROBE_UNKNOWN = -1, PROBE_DOWN = 0, PROBE_UP = 1 };

struct dependency_probe {
    enum probe_state state;
    char text[WHY_MAX + 1];
    double gauge[GAUGE_KEPT]; /* newest first, of its soft mark */
    int over[GAUGE_KEPT];     /* 1: at or above the hard mark */
    size_t gauges;
    int64_t gauge_us;         /* of the newest */
};

struct dependency {
    enum phase phase;
    enum phase phase_before; /* of the last step: differs when the phase moved */
    int64_t phase_since_us;
    int64_t cohort;
    int64_t cohort_before;
    bool sliced;             /* the last step opened a cohort and changed nothing else */
    bool taken_over;         /* not stepped yet: whose fault the present cohort's failures are is not known */
    struct blame blame;
    char why[WHY_MAX + 1];
    int64_t excused_from_us;
    int64_t excused_to_us;
    int64_t thaw_us;         /* frozen: until then */
    int64_t freezes;         /* in a row */
    int64_t busy_us;         /* when somebody last waited or was in flight */
    int64_t crowd_us;        /* when more than the first window were last there */
    struct shed shed;
    bool shed_moved;         /* in the last step */
    bool overruled;          /* the probes say down and are not believed */
    struct limiter limiter;
    struct dependency_probe probes[HG_PROBES_MAX];
    struct override override;
    struct recovery recovery;
};

struct dependency_input {
    int64_t now_us; /* the store's clock */
    const struct hg_dependency *policy;
    const struct snapshot_dependency *snapshot;
    int64_t size;      /* instances of the fleets that need it, as written; 0 unknown */
    int64_t cost;      /* dearest need of those fleets */
    int64_t line;      /* those not yet called, and those called and refused */
    int64_t silent;    /* called ones that did not come, and those in backoff: may come any moment */
    struct blame_fleet fleets[HG_FLEETS_MAX]; /* outcomes by fleet, in the policy's order */
    bool learning;     /* the store may have forgotten what is in flight */
    int64_t *recovery_number; /* last number given to a recovery; grows */
    struct rng *rng;
    const struct limiter_ops *law; /* in the place of the policy's; NULL: the policy's */
    void *law_context;
    size_t index; /* in the policy */
};

/* Takes over from what an earlier leader wrote. */
void dependency_init(struct dependency *dependency, const struct hg_dependency *policy,
                     const struct snapshot_dependency *snapshot, int64_t now_us);
void dependency_finish(struct dependency *dependency);

void dependency_on_probe(struct dependency *dependency, size_t probe, bool up, const char *text);

/* A gauge's sample, in micro-units as in the policy. */
void dependency_on_gauge(struct dependency *dependency, const struct hg_dependency *policy, size_t probe, int64_t gauge,
                         int64_t now_us);

/* PROBE_DOWN if any probe says so, PROBE_UP if all say up or there is none, else PROBE_UNKNOWN. */
enum probe_state dependency_probe_state(const struct dependency *dependency, const struct hg_dependency *policy);

/* After a reload: the fleets' order has changed. */
void dependency_forget_fleets(struct dependency *dependency);

/* One tick. */
void dependency_step(struct dependency *dependency, const struct dependency_input *input);

/* Writes phase and limits into the plan. */
void dependency_plan(const struct dependency *dependency, const struct dependency_input *input,
                     struct plan_dependency *ret_plan);

/* Ceilings in force, policy or override. */
int64_t dependency_rate_milli(const struct dependency *dependency, const struct hg_dependency *policy);
int64_t dependency_burst(const struct dependency *dependency, const struct hg_dependency *policy);
int64_t dependency_in_flight_max(const struct dependency *dependency, const struct hg_dependency *policy);

#endif
