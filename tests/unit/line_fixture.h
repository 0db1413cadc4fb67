/* Two fleets on one dependency, and a snapshot to plan from. */
#ifndef TESTS_LINE_FIXTURE_H
#define TESTS_LINE_FIXTURE_H

#include "core/bucket.h"
#include "core/line_plan.h"

#include <string.h>

#define SECOND INT64_C(1000000)

static char name_db[] = "db", name_a[] = "a", name_b[] = "b";
static struct hg_dependency fixture_dependency;
static struct hg_fleet fixture_fleets[2];
static struct hg_policy fixture_policy;
static struct snapshot snapshot;
static struct plan plan;
static int fleet_of[2], dependency_of[1];
static bool fleet_paused[2];
static struct line_planner planner;
static struct line_plan_input input;

static void fixture_setup(void)
{
    memset(&snapshot, 0, sizeof(snapshot));
    memset(&plan, 0, sizeof(plan));
    memset(fleet_paused, 0, sizeof(fleet_paused));
    memset(fixture_fleets, 0, sizeof(fixture_fleets));
    fixture_dependency = (struct hg_dependency){.name = name_db, .rate_milli = 50000, .burst = 10, .in_flight_max = 1000};
    for (size_t f = 0; f < 2; f++) {
        fixture_fleets[f] = (struct hg_fleet){.name = f == 0 ? name_a : name_b, .size = 100, .weight = 1, .need_count = 1,
                                              .retry_share_permille = 100};
        fixture_fleets[f].needs[0].cost = 1;
        fleet_of[f] = (int)f;
        memcpy(snapshot.fleets[f].name, fixture_fleets[f].name, 2);
    }
    fixture_policy = (struct hg_policy){.dependencies = &fixture_dependency, .dependency_count = 1,
                                        .fleets = fixture_fleets, .fleet_count = 2};
    dependency_of[0] = 0;
    snapshot.now_us = 1000 * SECOND;
    snapshot.dependency_count = 1;
    snapshot.fleet_count = 2;
    memcpy(snapshot.dependencies[0].name, name_db, 3);
    snapshot.dependencies[0].rate_milli = 50000;
    snapshot.dependencies[0].burst = 10;
    snapshot.dependencies[0].in_flight_max = snapshot.dependencies[0].window = 1000;
    memcpy(plan.dependencies[0].name, name_db, 3);
    plan.dependencies[0].rate_milli = 50000;
    plan.dependencies[0].burst = 10;
    plan.dependencies[0].in_flight_max = plan.dependencies[0].window = 1000;
    plan.dependency_count = 1;
    input = (struct line_plan_input){.policy = &fixture_policy, .snapshot = &snapshot, .fleet_of = fleet_of,
                                     .dependency_of = dependency_of, .plan = &plan, .fleet_paused = fleet_paused};
    input.now_us = snapshot.now_us;
    line_planner_init(&planner, &input);
}

static void arrive(size_t fleet, enum line line, int64_t count)
{
    snapshot.fleets[fleet].lines[line].tail += count;
    snapshot.fleets[fleet].lines[line].waiting += count;
}

/* The store takes the plan over. */
static void written(void)
{
    for (size_t f = 0; f < plan.fleet_count; f++) {
        for (size_t l = 0; l < LINE_COUNT; l++) {
            struct snapshot_line *line = &snapshot.fleets[f].lines[l];
            const struct plan_line *out = &plan.fleets[f].lines[l];
            line->plan_base = out->base;
            line->plan_rate_milli = out->rate_milli;
            line->plan_from_us = out->from_us;
            line->plan_until_us = out->until_us;
        }
        snapshot.fleets[f].held = plan.fleets[f].held;
    }
}

/* Time passes; serving moves as the store would move it. */
static void pass(int64_t span_us)
{
    snapshot.now_us += span_us;
    input.now_us = snapshot.now_us;
    for (size_t f = 0; f < 2; f++) {
        for (size_t l = 0; l < LINE_COUNT; l++) {
            struct snapshot_line *line = &snapshot.fleets[f].lines[l];
            int64_t serving = line_serving(line, snapshot.now_us);
            line->serving = serving < line->tail ? serving : line->tail;
        }
    }
}

static void tick(int64_t span_us)
{
    pass(span_us);
    line_plan(&planner, &input, &plan);
    written();
}

#endif
