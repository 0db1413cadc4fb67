#include "metrics/engine_metrics.h"

#include <string.h>

struct family {
    const char *name;
    const char *type;
    const char *help;
    double (*of_dependency)(const struct hg_view *view, size_t d, const struct snapshot_dependency *state);
    double (*of_fleet)(const struct hg_view *view, size_t f, const struct snapshot_fleet *state);
};

#define DEPENDENCY(name, expression)                                                                         \
    static double name(const struct hg_view *view, size_t d, const struct snapshot_dependency *state)        \
    {                                                                                                        \
        (void)view;                                                                                          \
        (void)d;                                                                                             \
        (void)state;                                                                                         \
        return (double)(expression);                                                                         \
    }
#define FLEET(name, expression)                                                                              \
    static double name(const struct hg_view *view, size_t f, const struct snapshot_fleet *state)             \
    {                                                                                                        \
        (void)view;                                                                                          \
        (void)f;                                                                                             \
        (void)state;                                                                                         \
        return (double)(expression);                                                                         \
    }

DEPENDENCY(d_rate, (double)state->rate_milli / 1000)
DEPENDENCY(d_burst, state->burst)
DEPENDENCY(d_tokens, (double)state->tokens / 1e6)
DEPENDENCY(d_pace, (double)(state->paced ? state->pace_milli : state->rate_milli) / 1000)
DEPENDENCY(d_window, state->window)
DEPENDENCY(d_in_flight, state->in_flight)
DEPENDENCY(d_in_flight_max, state->in_flight_max)
DEPENDENCY(d_granted, state->granted)
DEPENDENCY(d_recovered, state->recovered)
DEPENDENCY(d_failed, state->failed)
DEPENDENCY(d_expired, state->expired)
DEPENDENCY(d_spilled, (double)state->spilled / 1e6)
DEPENDENCY(d_cohort, state->cohort)
DEPENDENCY(d_unrecoverable, view->unrecoverable[d])
DEPENDENCY(d_probe, view->probe_up[d])
FLEET(f_waiting, state->lines[LINE_MAIN].waiting)
FLEET(f_waiting_retry, state->lines[LINE_RETRY].waiting)
FLEET(f_ready, state->lines[LINE_MAIN].ready + state->lines[LINE_RETRY].ready)
FLEET(f_in_flight, state->in_flight)
FLEET(f_backoff, state->backoff)
FLEET(f_quarantined, state->quarantined)
FLEET(f_granted, state->granted)
FLEET(f_recovered, state->recovered)
FLEET(f_failed, state->failed)
FLEET(f_expired, state->expired)
FLEET(f_superseded, state->superseded)
FLEET(f_paused, state->paused)
FLEET(f_held, state->held)

static const struct family families[] = {
    {"headgate_dependency_rate_tokens", "gauge", "Ceiling in force, tokens per second.", d_rate, NULL},
    {"headgate_dependency_burst_tokens", "gauge", "Tokens the bucket holds.", d_burst, NULL},
    {"headgate_dependency_tokens", "gauge", "Tokens in the bucket now.", d_tokens, NULL},
    {"headgate_dependency_pace_tokens", "gauge", "What the limiter lets through, tokens per second.", d_pace,
     NULL},
    {"headgate_dependency_window", "gauge", "In-flight limit of the limiter, cost units.", d_window, NULL},
    {"headgate_dependency_in_flight", "gauge", "In flight, cost units.", d_in_flight, NULL},
    {"headgate_dependency_in_flight_max", "gauge", "In-flight ceiling in force, cost units.", d_in_flight_max,
     NULL},
    {"headgate_dependency_granted_total", "counter", "Permits granted.", d_granted, NULL},
    {"headgate_dependency_recovered_total", "counter", "Permits whose instance recovered.", d_recovered,
     NULL},
    {"headgate_dependency_failed_total", "counter", "Permits whose instance failed.", d_failed, NULL},
    {"headgate_dependency_expired_total", "counter", "Permits whose lease ran out.", d_expired, NULL},
    {"headgate_dependency_spilled_tokens_total", "counter",
     "Tokens lost over a full bucket while there was room.", d_spilled, NULL},
    {"headgate_dependency_unrecoverable", "gauge",
     "1: nothing is let in and it stays overloaded: shed its other traffic.", d_unrecoverable, NULL},
    {"headgate_dependency_cohort", "gauge", "Limiter generation.", d_cohort, NULL},
    {"headgate_dependency_probe_up", "gauge", "1 up, 0 down, -1 not known to this controller.", d_probe,
     NULL},
    {"headgate_fleet_waiting", "gauge", "Instances in line that have not failed before.", NULL, f_waiting},
    {"headgate_fleet_waiting_retry", "gauge", "Instances in the retry line.", NULL, f_waiting_retry},
    {"headgate_fleet_ready", "gauge", "Instances whose turn has come and that found no room.", NULL, f_ready},
    {"headgate_fleet_in_flight", "gauge", "Permits held.", NULL, f_in_flight},
    {"headgate_fleet_backoff", "gauge", "Instances that failed and wait.", NULL, f_backoff},
    {"headgate_fleet_quarantined", "gauge", "Instances in quarantine.", NULL, f_quarantined},
    {"headgate_fleet_granted_total", "counter", "Permits granted.", NULL, f_granted},
    {"headgate_fleet_recovered_total", "counter", "Instances that recovered.", NULL, f_recovered},
    {"headgate_fleet_failed_total", "counter", "Failures reported.", NULL, f_failed},
    {"headgate_fleet_expired_total", "counter", "Leases that ran out.", NULL, f_expired},
    {"headgate_fleet_superseded_total", "counter", "Permits lost to another life of the instance.", NULL,
     f_superseded},
    {"headgate_fleet_paused", "gauge", "1 while an operator paused it.", NULL, f_paused},
    {"headgate_fleet_held", "gauge", "1 while it waits for another fleet.", NULL, f_held},
};

static void write_dependencies(struct metrics_text *text, const struct family *family,
                               const struct hg_view *view)
{
    for (size_t d = 0; d < view->policy->dependency_count; d++) {
        for (size_t s = 0; view->snapshot != NULL && s < view->snapshot->dependency_count; s++) {
            const struct snapshot_dependency *state = &view->snapshot->dependencies[s];
            if (strcmp(state->name, view->policy->dependencies[d].name) == 0) {
                struct metrics_label labels[] = {
                    {"policy", view->policy->name}, {"dependency", state->name}, {NULL, NULL}};
                metrics_sample(text, family->name, labels, family->of_dependency(view, d, state));
            }
        }
    }
}

static void write_fleets(struct metrics_text *text, const struct family *family, const struct hg_view *view)
{
    for (size_t f = 0; f < view->policy->fleet_count; f++) {
        for (size_t s = 0; view->snapshot != NULL && s < view->snapshot->fleet_count; s++) {
            const struct snapshot_fleet *state = &view->snapshot->fleets[s];
            if (strcmp(state->name, view->policy->fleets[f].name) == 0) {
                struct metrics_label labels[] = {
                    {"policy", view->policy->name}, {"fleet", state->name}, {NULL, NULL}};
                metrics_sample(text, family->name, labels, family->of_fleet(view, f, state));
            }
        }
    }
}

/* A state set: one sample a phase, 1 for the one it is in. */
static void write_phases(struct metrics_text *text, const struct hg_view *views, size_t view_count)
{
    metrics_family(text, "headgate_dependency_phase", "gauge", "1 for the phase the dependency is in.");
    for (size_t v = 0; v < view_count; v++) {
        for (size_t s = 0; views[v].snapshot != NULL && s < views[v].snapshot->dependency_count; s++) {
            const struct snapshot_dependency *state = &views[v].snapshot->dependencies[s];
            for (int phase = 0; phase < PHASE_COUNT; phase++) {
                struct metrics_label labels[] = {{"policy", views[v].policy->name},
                                                 {"dependency", state->name},
                                                 {"phase", phase_name((enum phase)phase)},
                                                 {NULL, NULL}};
                metrics_sample(text, "headgate_dependency_phase", labels, state->phase == (enum phase)phase);
            }
        }
    }
}

static void write_policies(struct metrics_text *text, const struct hg_view *views, size_t view_count)
{
    static const char *const names[] = {"headgate_policy_leading",           "headgate_policy_ready",
                                        "headgate_policy_learning",          "headgate_policy_held_requests",
                                        "headgate_policy_queued_operations", "headgate_policy_generation"};
    static const char *const helps[] = {"1 while this controller leads.",        "1 while it can answer.",
                                        "1 while the store is not trusted yet.", "Requests held for a token.",
                                        "Operations waiting for the store.",     "Generation in force."};
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        metrics_family(text, names[n], "gauge", helps[n]);
        for (size_t v = 0; v < view_count; v++) {
            const struct snapshot *snapshot = views[v].snapshot;
            struct metrics_label labels[] = {{"policy", views[v].policy->name}, {NULL, NULL}};
            double values[] = {views[v].leading,
                               views[v].ready,
                               snapshot != NULL && snapshot->learning_until_us > snapshot->now_us,
                               (double)views[v].held,
                               (double)views[v].queued,
                               snapshot == NULL ? -1 : (double)snapshot->generation};
            metrics_sample(text, names[n], labels, values[n]);
        }
    }
}

static void write_counters(struct metrics_text *text, const struct hg_engine_counters *counters)
{
    const struct {
        const char *name;
        const char *help;
        int64_t value;
    } list[] = {
        {"headgate_requests_total", "Requests to the engine.", counters->requests},
        {"headgate_requests_local_total", "Answered without the store.", counters->answered_locally},
        {"headgate_store_groups_total", "Groups taken to the store.", counters->groups},
        {"headgate_store_operations_total", "Operations in them.", counters->group_ops},
        {"headgate_requests_held_total", "Requests held for a token.", counters->held},
        {"headgate_overloads_total", "Requests refused for a full queue.", counters->overloads},
        {"headgate_store_losses_total", "Groups whose reply was lost.", counters->store_losses},
    };
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        metrics_family(text, list[i].name, "counter", list[i].help);
        metrics_sample(text, list[i].name, NULL, (double)list[i].value);
    }
}

void engine_metrics_write(struct metrics_text *text, const struct hg_view *views, size_t view_count,
                          const struct hg_engine_counters *counters)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        metrics_family(text, families[i].name, families[i].type, families[i].help);
        for (size_t v = 0; v < view_count; v++) {
            if (families[i].of_dependency != NULL) {
                write_dependencies(text, &families[i], &views[v]);
            } else {
                write_fleets(text, &families[i], &views[v]);
            }
        }
    }
    write_phases(text, views, view_count);
    write_policies(text, views, view_count);
    write_counters(text, counters);
}
