/* What `headgate simulate` says: a table, JSON, or one page with plots. */
#ifndef CLI_SIMULATE_REPORT_H
#define CLI_SIMULATE_REPORT_H

#include "sim/sim.h"

struct report_run {
    const char *law;
    int64_t seed;
    double wall_s; /* what the run took, by a real clock; in no report, or two runs would differ */
    struct sim_result result;
    struct sim_background_result alone; /* the other traffic without the fleet */
};

struct report_scenario {
    char *name;
    char *story;
    char *dependencies[2]; /* those that are plotted */
    struct report_run *runs;
    size_t run_count;
};

struct report {
    struct report_scenario *scenarios;
    size_t scenario_count;
};

/* Takes the run's result over. Runs of one scenario come one after the other. False without memory. */
bool report_add(struct report *report, const struct sim_scenario *scenario, const struct report_run *run);
void report_finish(struct report *report);

/* Of the runs of one law in one scenario, from `first`; over its seeds. */
struct report_sum {
    const char *law;
    size_t runs;
    size_t finished;
    double ideal_s;
    double over_median; /* time to 99 % over the ideal, of those that got there; 0: none did */
    double over_most;
    double back;        /* least share back */
    double goodput;     /* medians from here on */
    double wasted;      /* share of all service that was for nobody */
    double queue_peak;  /* per server */
    double errors;      /* of the other traffic, above what it has alone */
    double p99_s;
    double p99_alone_s;
    double requests;    /* per instance */
};
/* Returns the index after its last run. */
size_t report_sum(const struct report_scenario *scenario, size_t first, struct report_sum *ret_sum);

void report_table(const struct report *report, FILE *out);
void report_json(const struct report *report, FILE *out);
void report_html(const struct report *report, FILE *out);

#endif
