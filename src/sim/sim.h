/* The simulator: a world in virtual time, governed by the very engine that runs in production.
 *
 * The story of one relaunch: the event heap (sim_heap.h) gives the next moment. An instance comes up and asks
 * (sim_instance.c); a controller's engine takes the request (sim_controller.c); its group travels to the shared store,
 * the reference of src/store, is applied there at one instant of the store's clock, looked over by the checkers
 * (sim_check.h), and travels back; the engine's effects hold the answer. Told to wait, the instance sleeps as its manners
 * are; granted, it relaunches (sim_relaunch.c): it boots and loads the dependencies its fleet needs
 * (sim_dependency.c), which also serve other traffic (sim_background.c), are seen by probes and gauges (sim_probe.c)
 * and have their troubles. It reports, or fails, or hangs. What came of it all is counted against the ideal
 * (sim_ideal.c) and drawn over time (sim_timeline.c).
 *
 * Nothing happens between events, no clock is read, and every draw comes from streams seeded by `seed`: the same
 * scenario, law and seed give the same run to the last byte. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "core/group.h"
#include "sim/sim_scenario.h"

#define SIM_TIMELINE_MAX   2048 /* points kept; with more, every other one goes */
#define SIM_VIOLATION_MAX  400
#define SIM_TRACE_KEPT     60   /* decision lines before a violation */

struct sim_law;

typedef void (*sim_line_fn)(void *user_data, const char *line);

struct sim_options {
    const struct sim_law *law; /* NULL: the policy's own limiter */
    uint64_t seed;
    bool no_fleet;             /* the other traffic alone, for `until_us` */
    int64_t until_us;          /* 0: as the scenario says */
    bool checks;               /* run the checkers after every step */
    sim_line_fn on_line;       /* every decision; NULL: none */
    /* Every so many events, for a progress report; false stops the run. NULL: none. */
    bool (*on_progress)(void *user_data, double time_s, double back_share);
    void *user_data;
};

struct sim_point {
    double time_s;
    double granted_rate;  /* permits a second since the point before */
    double back_share;
    double waiting;       /* instances not yet granted, or backing off */
    struct {
        double in_flight;
        double limit;     /* in-flight limit in force */
        double queued;    /* in the dependency */
        double capacity;  /* requests a second that it could answer uncrowded */
        double served;    /* requests a second answered in time */
        enum phase phase;
    } dependencies[2];    /* the first two */
};

struct sim_background_result {
    double rate;      /* operations a second */
    double errors;    /* share of operations that failed for good */
    double p99_s;
};

struct sim_result {
    bool finished;          /* everybody is back, or quarantined for good cause, or gone for ever */
    bool stopped;           /* by on_progress */
    double t50_s;           /* half of those who can are back; 0: never */
    double t99_s;
    double end_s;
    double ideal_s;         /* for 99 %, see sim_ideal.c */
    int64_t instances;
    int64_t able;           /* can come back */
    int64_t back;
    int64_t quarantined;
    int64_t relaunches;     /* begun by those who can come back */
    int64_t recovered;      /* of those */
    int64_t requests;       /* asked of the controllers */
    int64_t granted;
    int64_t overtaken;      /* at most so many younger ones went before one that was called, came and found no room */
    double useful_s;        /* service for somebody, all dependencies */
    double wasted_s;        /* for nobody: its client had given up */
    double queue_peak;      /* per server, the worst dependency */
    struct sim_background_result background;
    struct sim_point *points;
    size_t point_count;
    char violation[SIM_VIOLATION_MAX]; /* "" if the checkers found nothing */
    char *trace[SIM_TRACE_KEPT];       /* decision lines before it, oldest first */
    size_t trace_count;
    int64_t events;
    size_t bytes;           /* held by the world's own tables */
};

/* HG_E_NOMEM. A violation is no error: it stands in the result. */
int sim_run(const struct sim_scenario *scenario, const struct sim_options *options, struct sim_result *ret_result)
    __attribute__((warn_unused_result));
void sim_result_finish(struct sim_result *result);

#endif
