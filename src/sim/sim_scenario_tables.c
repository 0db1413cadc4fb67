#include "sim/sim_scenario_tables.h"

#include "sim/sim_scenario.h"

#include <stddef.h>

#define DAY_S         86400.0
#define LARGE         1e9
#define COUNT_OF(a)   (sizeof(a) / sizeof((a)[0]))
#define TABLE(rows)   rows, COUNT_OF(rows)
#define LIST_OF(type, field, counter, item_table)                                                                    \
    .offset = offsetof(struct type, field), .stride = sizeof(((struct type *)0)->field[0]),                          \
    .count_offset = offsetof(struct type, counter), .max = (double)COUNT_OF(((struct type *)0)->field),              \
    .table = item_table

static const char *const queues[] = {"fifo", "lifo", NULL};
static const char *const outage_kinds[] = {"refused", "silent", NULL};
static const char *const whens[] = {"end", "start", "spread", NULL};
static const char *const manners[] = {"honest", "noisy", "stuck", "lying", NULL};
static const char *const gauges[] = {"utilization", "queue", NULL};

#define SPAN(type)                                                                                                   \
    {"from", FIELD_DURATION, offsetof(struct type, from_us), 0, 30 * DAY_S, 0, .required = true,                     \
     .doc = "Since the herd arrived."},                                                                              \
    {"to", FIELD_DURATION, offsetof(struct type, to_us), 0, 30 * DAY_S, 0, .required = true, .doc = "The end of it."}

static const struct field brown_out_fields[] = {
    SPAN(sim_trouble),
    {"share", FIELD_NUMBER, offsetof(struct sim_trouble, share), 0.001, 10, 0.5,
     .doc = "Speed left meanwhile, 1 being all of it."},
};
static const struct field_table brown_out_table = {"brown-out", TABLE(brown_out_fields), "slower for a while"};

static const struct field outage_fields[] = {
    SPAN(sim_trouble),
    {"kind", FIELD_ENUM, offsetof(struct sim_trouble, kind), .names = outage_kinds,
     .doc = "refused: fails at once, and what is inside too; silent: nothing is answered until clients time out."},
};
static const struct field_table outage_table = {"outage", TABLE(outage_fields), "away for a while"};

static const struct field contention_fields[] = {
    {"knee", FIELD_NUMBER, offsetof(struct sim_dependency_spec, knee), 0, LARGE, 0,
     .doc = "Requests inside, waiting ones and abandoned ones too, from which they hinder each other; 0: never."},
    {"sigma", FIELD_NUMBER, offsetof(struct sim_dependency_spec, contention_sigma), 0, 100, 0.2,
     .doc = "Speed is 1/(1 + sigma (x-1) + kappa (x-1)^2) with x = inside/knee (Gunther's universal law)."},
    {"kappa", FIELD_NUMBER, offsetof(struct sim_dependency_spec, contention_kappa), 0, 100, 0.02, .doc = "See sigma."},
};
static const struct field_table contention_table = {"contention", TABLE(contention_fields), "crowding hurts"};

static const struct field cold_fields[] = {
    {"share", FIELD_NUMBER, offsetof(struct sim_dependency_spec, cold_share), 0.001, 1, 1,
     .doc = "Speed at the start; 1: not cold."},
    {"over", FIELD_DURATION, offsetof(struct sim_dependency_spec, cold_over_us), 0, DAY_S, 0,
     .doc = "Warm after so long, in a straight line; 0s: by work."},
    {"work", FIELD_NUMBER, offsetof(struct sim_dependency_spec, cold_work), 0, LARGE, 0,
     .doc = "Warm after so many requests answered, in a straight line."},
    {"again", FIELD_FLAG, offsetof(struct sim_dependency_spec, cold_again), .fallback = 1, .doc = "An outage cools it."},
};
static const struct field_table cold_table = {"cold", TABLE(cold_fields), "a cache that must fill"};

static const struct field dear_fields[] = {
    {"times", FIELD_NUMBER, offsetof(struct sim_dependency_spec, dear_times), 1, 1000, 1,
     .doc = "Requests take so much longer ..."},
    {"until", FIELD_NUMBER, offsetof(struct sim_dependency_spec, dear_until), 0, 1, 0,
     .doc = "... until this share of all instances is back."},
};
static const struct field_table dear_table = {"dear", TABLE(dear_fields), "dearer while few are back"};

static const struct field probe_fields[] = {
    {"manner", FIELD_ENUM, offsetof(struct sim_dependency_spec, probe_manner), .names = manners,
     .doc = "honest: whether a cheap request would be answered in time; noisy; stuck; lying: always the contrary."},
    {"noise", FIELD_NUMBER, offsetof(struct sim_dependency_spec, probe_noise), 0, 1, 0.2,
     .doc = "noisy: so many answers are wrong."},
    {"stuck_from", FIELD_DURATION, offsetof(struct sim_dependency_spec, probe_stuck_from_us), 0, 30 * DAY_S, 0,
     .doc = "stuck: the answer of that moment, ever after."},
};
static const struct field_table probe_table = {"probe", TABLE(probe_fields), "what the policy's probes see"};

static const struct field gauge_fields[] = {
    {"what", FIELD_ENUM, offsetof(struct sim_dependency_spec, gauge_what), .names = gauges,
     .doc = "What the policy's gauge reads: busy share of the servers plus queue per server, or the queue's length."},
    {"delay", FIELD_DURATION, offsetof(struct sim_dependency_spec, gauge_delay_us), 0, 3600, 2, .doc = "Its age."},
    {"noise", FIELD_NUMBER, offsetof(struct sim_dependency_spec, gauge_noise), 0, 1, 0.1, .doc = "Relative, normal."},
};
static const struct field_table gauge_table = {"gauge", TABLE(gauge_fields), "what the policy's gauge reads"};

static const struct field dependency_fields[] = {
    {"servers", FIELD_INTEGER, offsetof(struct sim_dependency_spec, servers), 1, LARGE, 1, .required = true,
     .doc = "Requests served at once. Capacity is servers / mean service time."},
    {"service", FIELD_DIST, offsetof(struct sim_dependency_spec, service), .fallback = 1, .required = true,
     .doc = "What one request takes, warm and alone."},
    {"queue", FIELD_ENUM, offsetof(struct sim_dependency_spec, queue), .names = queues, .doc = "Who is served next."},
    {"queue_max", FIELD_INTEGER, offsetof(struct sim_dependency_spec, queue_max), 0, LARGE, 0,
     .doc = "Beyond so many waiting, requests are refused; 0: unbounded."},
    {"timeout", FIELD_DURATION, offsetof(struct sim_dependency_spec, timeout_us), 0, DAY_S, 0,
     .doc = "After which clients give a request up; 0s: never."},
    {"drops_abandoned", FIELD_FLAG, offsetof(struct sim_dependency_spec, drops_abandoned),
     .doc = "true: what is given up is not served; false: it is served for nobody."},
    {"contention", FIELD_OBJECT, .table = &contention_table, .doc = "Crowding slows everybody."},
    {"cold", FIELD_OBJECT, .table = &cold_table, .doc = "Slow until warm."},
    {"dear", FIELD_OBJECT, .table = &dear_table, .doc = "Requests are dearer while few are back."},
    {"brown_outs", FIELD_LIST, LIST_OF(sim_dependency_spec, brown_outs, brown_out_count, &brown_out_table),
     .doc = "Slower for a while."},
    {"outages", FIELD_LIST, LIST_OF(sim_dependency_spec, outages, outage_count, &outage_table), .doc = "Away for a while."},
    {"calls", FIELD_TEXT, offsetof(struct sim_dependency_spec, calls),
     .doc = "A dependency that each request calls, keeping its server, before it is answered."},
    {"probe", FIELD_OBJECT, .table = &probe_table, .doc = "How truthful the policy's probes are."},
    {"gauge", FIELD_OBJECT, .table = &gauge_table, .doc = "What the policy's gauge reads."},
};
const struct field_table sim_table_dependency = {"dependency", TABLE(dependency_fields),
                                                 "what the service is really like"};

static const struct field class_fields[] = {
    {"share", FIELD_NUMBER, offsetof(struct sim_class, share), 0, 1, 0, .required = true, .doc = "Of the instances."},
    {"boot_times", FIELD_NUMBER, offsetof(struct sim_class, boot_times), 0.01, 1000, 1, .doc = "Boots so much longer."},
    {"work_times", FIELD_NUMBER, offsetof(struct sim_class, work_times), 0.01, 1000, 1,
     .doc = "Its requests take so much longer."},
};
static const struct field_table class_table = {"class", TABLE(class_fields), "instances of another kind"};

static const struct field arrive_fields[] = {
    {"at", FIELD_DURATION, offsetof(struct sim_fleet_spec, arrive_at_us), 0, 30 * DAY_S, 0, .doc = "The first asks."},
    {"over", FIELD_DURATION, offsetof(struct sim_fleet_spec, arrive_over_us), 0, 30 * DAY_S, 5,
     .doc = "All have asked so much later."},
};
static const struct field_table arrive_table = {"arrive", TABLE(arrive_fields), "when the instances come up and ask"};

static const struct field work_fields[] = {
    {"requests", FIELD_INTEGER, offsetof(struct sim_fleet_spec, requests), 1, 1000, 1,
     .doc = "Of a relaunch, to each dependency it needs."},
    {"when", FIELD_ENUM, offsetof(struct sim_fleet_spec, when), .names = whens,
     .doc = "Before the boot, after it, or spread over it."},
    {"parallel", FIELD_FLAG, offsetof(struct sim_fleet_spec, parallel), .doc = "All at once, not one after the other."},
    {"think", FIELD_DIST, offsetof(struct sim_fleet_spec, think), .doc = "Between two requests."},
    {"retries", FIELD_INTEGER, offsetof(struct sim_fleet_spec, retries), 0, 1000, 0,
     .doc = "Of one request, before the relaunch has failed."},
    {"retry_delay", FIELD_DIST, offsetof(struct sim_fleet_spec, retry_delay), .fallback = 1, .doc = "Before each."},
};
static const struct field_table work_table = {"work", TABLE(work_fields), "the load that a relaunch puts on"};

static const struct field report_fields[] = {
    {"phase", FIELD_FLAG, offsetof(struct sim_fleet_spec, phase_report),
     .doc = "complete is sent when the load is over, not when booted."},
    {"lost", FIELD_NUMBER, offsetof(struct sim_fleet_spec, report_lost), 0, 1, 0, .doc = "Share that never arrives."},
    {"late", FIELD_NUMBER, offsetof(struct sim_fleet_spec, report_late), 0, 1, 0, .doc = "Share that arrives late."},
    {"late_by", FIELD_DIST, offsetof(struct sim_fleet_spec, report_late_by), .fallback = 30, .doc = "How late."},
    {"twice", FIELD_NUMBER, offsetof(struct sim_fleet_spec, report_twice), 0, 1, 0, .doc = "Share that arrives twice."},
};
static const struct field_table report_table = {"report", TABLE(report_fields), "how outcomes are told"};

static const struct field fails_fields[] = {
    {"share", FIELD_NUMBER, offsetof(struct sim_fleet_spec, fails_share), 0, 1, 0,
     .doc = "Instances that fail whatever the load."},
    {"after", FIELD_DURATION, offsetof(struct sim_fleet_spec, fails_after_us), 0, DAY_S, 1, .doc = "How soon."},
};
static const struct field_table fails_table = {"fails", TABLE(fails_fields), "broken instances"};

static const struct field hangs_fields[] = {
    {"share", FIELD_NUMBER, offsetof(struct sim_fleet_spec, hangs_share), 0, 1, 0,
     .doc = "Relaunches that never report and do nothing."},
    {"for", FIELD_DURATION, offsetof(struct sim_fleet_spec, hangs_for_us), 0, 30 * DAY_S, 900,
     .doc = "Then something restarts the instance."},
};
static const struct field_table hangs_table = {"hangs", TABLE(hangs_fields), "relaunches that hang"};

static const struct field client_fields[] = {
    {"late", FIELD_NUMBER, offsetof(struct sim_fleet_spec, late_share), 0, 1, 0.2, .doc = "Asks that come late."},
    {"late_by", FIELD_DIST, offsetof(struct sim_fleet_spec, late_by), .fallback = 2, .doc = "How late."},
    {"poll", FIELD_NUMBER, offsetof(struct sim_fleet_spec, poll_share), 0, 1, 0,
     .doc = "Instances that ask at their own pace whatever they are told."},
    {"poll_every", FIELD_DURATION, offsetof(struct sim_fleet_spec, poll_every_us), 0.01, DAY_S, 10, .doc = "That pace."},
    {"never", FIELD_NUMBER, offsetof(struct sim_fleet_spec, never_share), 0, 1, 0,
     .doc = "Instances that ask once and never return."},
};
static const struct field_table client_table = {"client", TABLE(client_fields), "how instances do what they are told"};

static const struct field fleet_fields[] = {
    {"arrive", FIELD_OBJECT, .table = &arrive_table, .doc = "When the instances come up and ask."},
    {"boot", FIELD_DIST, offsetof(struct sim_fleet_spec, boot), .fallback = 15,
     .doc = "A relaunch without what the dependencies take."},
    {"work", FIELD_OBJECT, .table = &work_table, .doc = "The load that a relaunch puts on."},
    {"report", FIELD_OBJECT, .table = &report_table, .doc = "How outcomes are told."},
    {"fails", FIELD_OBJECT, .table = &fails_table, .doc = "Broken instances."},
    {"hangs", FIELD_OBJECT, .table = &hangs_table, .doc = "Relaunches that hang."},
    {"client", FIELD_OBJECT, .table = &client_table, .doc = "How instances do what they are told."},
    {"classes", FIELD_LIST, LIST_OF(sim_fleet_spec, classes, class_count, &class_table),
     .doc = "Instances of other kinds; the rest are plain."},
    {"classes_in_order", FIELD_FLAG, offsetof(struct sim_fleet_spec, classes_in_order),
     .doc = "Plain ones arrive first, then the classes in turn; false: mixed."},
};
const struct field_table sim_table_fleet = {"fleet", TABLE(fleet_fields), "what its instances are really like"};

static const struct field background_fields[] = {
    {"dependency", FIELD_TEXT, offsetof(struct sim_background_spec, dependency), .required = true, .doc = "Whom it asks."},
    {"rate", FIELD_NUMBER, offsetof(struct sim_background_spec, rate), 0.001, LARGE, 1, .required = true,
     .doc = "Operations a second, Poisson."},
    {"retries", FIELD_INTEGER, offsetof(struct sim_background_spec, retries), 0, 1000, 2, .doc = "Of an operation."},
    {"retry_delay", FIELD_DIST, offsetof(struct sim_background_spec, retry_delay), .fallback = 1, .doc = "Before each."},
};
static const struct field_table background_table = {"background", TABLE(background_fields), "other traffic"};

static const struct field clock_fields[] = {
    {"ahead", FIELD_DURATION, offsetof(struct sim_controller_spec, ahead_us), -3600, 3600, 0, .doc = "Of true time."},
};
static const struct field_table clock_table = {"clock", TABLE(clock_fields), "one controller's clock"};
static const struct field restart_fields[] = {
    {"controller", FIELD_INTEGER, offsetof(struct sim_restart, controller), 0, SIM_CONTROLLERS_MAX - 1, 0,
     .doc = "Which, from 0."},
    {"at", FIELD_DURATION, offsetof(struct sim_restart, at_us), 0, 30 * DAY_S, 0, .required = true, .doc = "It is killed."},
    {"for", FIELD_DURATION, offsetof(struct sim_restart, for_us), 0, 30 * DAY_S, 5, .doc = "Until it is back, empty."},
};
static const struct field_table restart_table = {"restart", TABLE(restart_fields), "a controller is killed"};
static const struct field controllers_fields[] = {
    {"count", FIELD_INTEGER, offsetof(struct sim_scenario, controllers), 1, SIM_CONTROLLERS_MAX, 1,
     .doc = "All on one store."},
    {"clocks", FIELD_LIST, LIST_OF(sim_scenario, controller, controller_count, &clock_table), .doc = "In turn."},
    {"restarts", FIELD_LIST, LIST_OF(sim_scenario, restarts, restart_count, &restart_table), .doc = "Killed, and back."},
};
static const struct field_table controllers_table = {"controllers", TABLE(controllers_fields), "who serves the policy"};

static const struct field failover_fields[] = {
    {"at", FIELD_DURATION, offsetof(struct sim_failover, at_us), 0, 30 * DAY_S, 0, .required = true, .doc = "It is gone."},
    {"for", FIELD_DURATION, offsetof(struct sim_failover, for_us), 0, 30 * DAY_S, 0, .doc = "Until it is back."},
    {"lost", FIELD_DURATION, offsetof(struct sim_failover, lost_us), 0, DAY_S, 0, .doc = "Of what was written before."},
};
static const struct field_table failover_table = {"failover", TABLE(failover_fields), "the store goes and comes back"};
static const struct field step_fields[] = {
    {"at", FIELD_DURATION, offsetof(struct sim_clock_step, at_us), 0, 30 * DAY_S, 0, .required = true, .doc = "When."},
    {"by", FIELD_DURATION, offsetof(struct sim_clock_step, by_us), -3600, 3600, 0, .required = true, .doc = "How far."},
};
static const struct field_table step_table = {"clock step", TABLE(step_fields), "the store's clock jumps"};
static const struct field store_fields[] = {
    {"latency", FIELD_DIST, offsetof(struct sim_scenario, store_latency), .fallback = 0.002, .doc = "There and back."},
    {"loss", FIELD_NUMBER, offsetof(struct sim_scenario, store_loss), 0, 0.9, 0,
     .doc = "Groups that are lost on the way there or back, half and half."},
    {"failovers", FIELD_LIST, LIST_OF(sim_scenario, failovers, failover_count, &failover_table),
     .doc = "Goes, and comes back without its last writes."},
    {"clock_steps", FIELD_LIST, LIST_OF(sim_scenario, clock_steps, clock_step_count, &step_table),
     .doc = "Its clock jumps."},
};
static const struct field_table store_table = {"store", TABLE(store_fields), "the controllers' shared store"};

static const struct field by_hand_fields[] = {
    {"at", FIELD_DURATION, offsetof(struct sim_scenario, by_hand.at_us), 0, 30 * DAY_S, 0, .required = true,
     .doc = "Dependencies are restarted, which empties their queues ..."},
    {"rate", FIELD_NUMBER, offsetof(struct sim_scenario, by_hand.rate), 0.001, LARGE, 1, .required = true,
     .doc = "... and so many relaunches a second are let in."},
};
static const struct field_table by_hand_table = {"by hand", TABLE(by_hand_fields),
                                                 "what people do under laws that ask no controller"};

static const struct field scenario_fields[] = {
    {"$schema", FIELD_HAND, .doc = "For editors; not read."},
    {"extends", FIELD_HAND, .doc = "Another scenario, relative to this one, of which this is a JSON merge patch."},
    {"scenario", FIELD_TEXT, offsetof(struct sim_scenario, name), .required = true, .doc = "Its name."},
    {"story", FIELD_TEXT, offsetof(struct sim_scenario, story), .doc = "What happens, in a sentence or two."},
    {"time_limit", FIELD_DURATION, offsetof(struct sim_scenario, time_limit_us), 0, 30 * DAY_S, 0,
     .doc = "Unfinished after so long; 0s: ten times the ideal, at least 30 min."},
    {"policy", FIELD_HAND, .required = true, .doc = "As in a policy file."},
    {"dependencies", FIELD_MAP, .table = &sim_table_dependency, .required = true,
     .doc = "What each dependency of the policy is really like, by name."},
    {"fleets", FIELD_MAP, .table = &sim_table_fleet, .required = true,
     .doc = "What each fleet's instances are really like, by name."},
    {"background", FIELD_LIST, LIST_OF(sim_scenario, backgrounds, background_count, &background_table),
     .doc = "Other traffic."},
    {"by_hand", FIELD_OBJECT, .table = &by_hand_table, .doc = "What people do under laws that ask no controller."},
    {"controllers", FIELD_OBJECT, .table = &controllers_table, .doc = "Who serves the policy."},
    {"store", FIELD_OBJECT, .table = &store_table, .doc = "The controllers' shared store."},
};
const struct field_table sim_table_scenario = {"scenario", TABLE(scenario_fields), "a scenario"};
