/* A scenario: one JSON file that describes a world and the policy it is governed by; tests/sim/README.md tells its
 * words, tests/sim/scenario.schema.json its grammar, and both come from the tables in sim_scenario_tables.c.
 *
 * `extends` names another scenario, relative to this one, of which this is a JSON merge patch (RFC 7386): so that a
 * variant says only what differs. All durations are microseconds from the moment the herd arrives. */
#ifndef SIM_SIM_SCENARIO_H
#define SIM_SIM_SCENARIO_H

#include "headgate/policy.h"
#include "sim/sim_random.h"

#define SIM_TROUBLES_MAX    16 /* brown-outs, outages, restarts, ... of one thing */
#define SIM_CLASSES_MAX     8
#define SIM_BACKGROUNDS_MAX 8
#define SIM_CONTROLLERS_MAX 4

enum sim_queue { SIM_QUEUE_FIFO, SIM_QUEUE_LIFO, SIM_QUEUE_COUNT };
enum sim_outage_kind { SIM_OUTAGE_REFUSED, SIM_OUTAGE_SILENT, SIM_OUTAGE_KIND_COUNT };
enum sim_work_when { SIM_WORK_END, SIM_WORK_START, SIM_WORK_SPREAD, SIM_WORK_WHEN_COUNT };
enum sim_probe_manner { SIM_PROBE_HONEST, SIM_PROBE_NOISY, SIM_PROBE_STUCK, SIM_PROBE_LYING, SIM_PROBE_MANNER_COUNT };
enum sim_gauge_what { SIM_GAUGE_UTILIZATION, SIM_GAUGE_QUEUE, SIM_GAUGE_WHAT_COUNT };

/* Something that lasts: a brown-out to `share` of the capacity, an outage. */
struct sim_trouble {
    int64_t from_us;
    int64_t to_us;
    double share;
    int64_t kind; /* enum sim_outage_kind */
};

struct sim_dependency_spec {
    bool given; /* described in the scenario */
    int64_t servers;          /* requests served at once */
    struct sim_dist service;  /* of one request, warm and alone */
    int64_t queue;            /* enum sim_queue */
    int64_t queue_max;        /* beyond it requests are refused; 0: unbounded */
    int64_t timeout_us;       /* after which clients give a request up; 0: never */
    bool drops_abandoned;     /* a request given up is not served; false: served for nobody */
    double knee;              /* requests inside from which they hinder each other; 0: never */
    double contention_sigma;  /* speed 1/(1 + sigma (x-1) + kappa (x-1)^2), x = inside / knee */
    double contention_kappa;
    double cold_share;        /* speed at the start; 1: not cold */
    int64_t cold_over_us;     /* warm after so long, in a straight line */
    double cold_work;         /* or: warm after so many requests served */
    bool cold_again;          /* an outage cools it */
    double dear_times;        /* service times longer ... */
    double dear_until;        /* ... until this share of the fleets is back */
    struct sim_trouble brown_outs[SIM_TROUBLES_MAX];
    size_t brown_out_count;
    struct sim_trouble outages[SIM_TROUBLES_MAX];
    size_t outage_count;
    char *calls;              /* a dependency that each request calls before it is answered; NULL: none */
    int calls_index;          /* -1: none */
    int64_t probe_manner;     /* enum sim_probe_manner */
    double probe_noise;       /* noisy: so many answers are wrong */
    int64_t probe_stuck_from_us; /* stuck: the last answer before, ever after */
    int64_t gauge_what;       /* enum sim_gauge_what */
    int64_t gauge_delay_us;
    double gauge_noise;       /* relative, normal */
};

struct sim_class {
    double share;
    double boot_times;
    double work_times;
};

struct sim_fleet_spec {
    bool given;
    int64_t arrive_at_us;
    int64_t arrive_over_us;
    struct sim_dist boot;       /* without what the dependency takes */
    int64_t requests;           /* of a relaunch, to each dependency that the fleet needs */
    int64_t when;               /* enum sim_work_when */
    bool parallel;              /* all at once */
    struct sim_dist think;      /* between two requests */
    int64_t retries;            /* of a request, within the relaunch */
    struct sim_dist retry_delay;
    bool phase_report;          /* complete when the load is over, not when booted */
    double report_lost;
    double report_late;         /* share */
    struct sim_dist report_late_by;
    double report_twice;
    double fails_share;         /* of the instances: fail always */
    int64_t fails_after_us;
    double hangs_share;         /* of the relaunches: never report */
    int64_t hangs_for_us;       /* then something restarts them */
    double late_share;          /* of the asks: come later than told */
    struct sim_dist late_by;
    double poll_share;          /* of the instances: ask every ... whatever they are told */
    int64_t poll_every_us;
    double never_share;         /* of the instances: leave after their first ask and never return */
    bool classes_in_order;      /* heavy ones last: classes take the instances in turn, not at random */
    struct sim_class classes[SIM_CLASSES_MAX];
    size_t class_count;
};

struct sim_background_spec {
    char *dependency;
    int dependency_index;
    double rate; /* operations a second */
    int64_t retries;
    struct sim_dist retry_delay;
};

struct sim_failover {
    int64_t at_us;
    int64_t for_us;  /* nobody reaches the store meanwhile */
    int64_t lost_us; /* so much of what was written before is gone */
};

struct sim_clock_step {
    int64_t at_us;
    int64_t by_us;
};

struct sim_restart {
    int64_t controller;
    int64_t at_us;
    int64_t for_us;
};

struct sim_controller_spec {
    int64_t ahead_us; /* its clock, of true time */
};

/* What people do in the end where nothing controls the return: restart the dependencies, which empties their queues, and
 * let relaunches in by hand. */
struct sim_by_hand {
    int64_t at_us; /* 0: never */
    double rate;   /* relaunches a second */
};

struct sim_scenario {
    char *name;
    char *story;
    int64_t time_limit_us; /* 0: ten times the ideal, at least 30 min */
    struct hg_policy_set *set;
    const struct hg_policy *policy;
    struct sim_dependency_spec dependencies[HG_DEPENDENCIES_MAX]; /* by the policy's index */
    struct sim_fleet_spec fleets[HG_FLEETS_MAX];
    struct sim_background_spec backgrounds[SIM_BACKGROUNDS_MAX];
    size_t background_count;
    int64_t controllers;
    struct sim_controller_spec controller[SIM_CONTROLLERS_MAX];
    size_t controller_count;
    struct sim_restart restarts[SIM_TROUBLES_MAX];
    size_t restart_count;
    struct sim_dist store_latency; /* there and back */
    double store_loss;             /* groups whose answer does not come */
    struct sim_failover failovers[SIM_TROUBLES_MAX];
    size_t failover_count;
    struct sim_clock_step clock_steps[SIM_TROUBLES_MAX];
    size_t clock_step_count;
    struct sim_by_hand by_hand;
};

/* HG_E_POLICY with at least one error listed, HG_E_NOMEM. `ret_errors` is always initialised and must be finished. */
int sim_scenario_load(const char *file, struct sim_scenario **ret_scenario, struct hg_policy_errors *ret_errors)
    __attribute__((warn_unused_result));
int sim_scenario_parse(const char *file, const char *text, size_t size, struct sim_scenario **ret_scenario,
                       struct hg_policy_errors *ret_errors) __attribute__((warn_unused_result));
void sim_scenario_destroy(struct sim_scenario *scenario); /* NULL is fine */

/* Fleets' sizes times `scale`, at least 1 each; for shrinking what failed. */
void sim_scenario_scale(struct sim_scenario *scenario, double scale);

/* The JSON Schema of scenario files. */
void sim_schema_print(FILE *out);

#endif
