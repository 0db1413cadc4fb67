/* The line plan: how far each fleet's line is called, by the leader.
 *
 * The story of one tick: each dependency's supply (what its bucket and window let through now) is divided among the
 * fleets that wait (line_share), corrected by virtual time so that a fleet is charged for what it was granted, not
 * for what was called. Each line is called at its rate, faster or slower as its pool of called-but-refused runs short
 * or over; and tokens that spilled while somebody waited become credit that calls further numbers, since idle tokens
 * prove that the called are not there. The plan is written some seconds ahead, so that a leader's death stalls nobody.
 *
 * Calling too many is safe: a called instance takes its tokens when it shows up. */
#ifndef CORE_LINE_PLAN_H
#define CORE_LINE_PLAN_H

#include "core/group.h"
#include "core/line_share.h"

#define PLAN_AHEAD_US    INT64_C(3000000)
#define DURATION_SHORT_S 1.0 /* of a relaunch, where nothing is known yet: rather too short, so that nobody oversleeps */

struct line_planner_line {
    double serving; /* numbers called, with the fraction */
    int64_t granted;
    double rate;    /* grants per second, smoothed */
    double called;  /* numbers called per second by the last plan */
};

struct line_planner_fleet {
    bool known; /* its lines were taken over: what follows may be carried over a reload */
    struct line_planner_line lines[LINE_COUNT];
    double virtual_time; /* seconds of the dominant dependency, by weight */
    bool active;
    bool held;
    bool let_go;           /* `after` is fulfilled for this crowd */
    int64_t wait_from_us;  /* since when it waits for another fleet; 0: it does not */
    int64_t quiet_from_us; /* since when nobody of it is outstanding; 0: somebody is */
    int64_t recovered_before; /* its counter when its crowd began */
};

struct line_planner {
    int64_t at_us; /* of the last plan; 0: none yet */
    struct line_planner_fleet fleets[HG_FLEETS_MAX];
    int64_t spilled[HG_DEPENDENCIES_MAX];
    double rate[HG_DEPENDENCIES_MAX]; /* cost units granted per second, smoothed */
    double supply[HG_DEPENDENCIES_MAX];
};

struct line_plan_input {
    int64_t now_us; /* the store's clock */
    const struct hg_policy *policy;
    const struct snapshot *snapshot;
    const int *fleet_of;      /* policy's fleet -> snapshot's, -1 if not there */
    const int *dependency_of;
    const struct plan *plan;  /* limits about to be written, by the policy's dependencies */
    const bool *fleet_paused; /* by the policy's fleets */
};

/* Takes over what an earlier leader planned. */
void line_planner_init(struct line_planner *planner, const struct line_plan_input *input);

/* After a reload: the same, but who waits for whom, since when, and what each was charged, goes on. */
void line_planner_refit(struct line_planner *planner, const struct line_plan_input *input);

/* Fills in the fleets of `plan`, in the policy's order. */
void line_plan(struct line_planner *planner, const struct line_plan_input *input, struct plan *plan);

/* serving() of CONTRACT.md before it is clamped to the numbers given out. */
int64_t line_serving(const struct snapshot_line *line, int64_t now_us);

/* How long a relaunch is in flight, seconds: the median of the newest cohort that tells; 0 if none does. */
double line_duration_s(const struct snapshot_dependency *dependency);

/* Cost units that may be in flight now: the limiter's window or the ceiling, whichever is less. */
int64_t line_window(const struct snapshot_dependency *dependency);

/* What a dependency lets through: its bucket's rate, or what its window does, which is the window by the time a relaunch
 * takes (Little's law) or what was measured, `rate`, and what it takes to fill the free room soon. */
double line_supply(const struct snapshot_dependency *dependency, double rate);

#endif
