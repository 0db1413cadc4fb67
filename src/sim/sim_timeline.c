/* The run over time, for plots: one point a step at first; when there are too many, every other one goes. */
#include "sim/sim_world.h"

#include <stdlib.h>

#define PLOTTED 2

/* Where no store knows who relaunches. */
static void count_ungoverned(const struct sim_world *world, struct sim_point *point)
{
    for (uint32_t i = 0; i < world->instance_count; i++) {
        enum sim_instance_state state = (enum sim_instance_state)world->instances[i].state;
        point->waiting += state == SIM_INSTANCE_AWAY;
        if (state == SIM_INSTANCE_RELAUNCHING) {
            const struct hg_fleet *fleet = &world->scenario->policy->fleets[world->instances[i].fleet];
            for (size_t n = 0; n < fleet->need_count; n++) {
                if (fleet->needs[n].dependency < PLOTTED) {
                    point->dependencies[fleet->needs[n].dependency].in_flight += (double)fleet->needs[n].cost;
                }
            }
        }
    }
}

static void fill(const struct sim_world *world, struct sim_point *point)
{
    const struct hg_policy *policy = world->scenario->policy;
    int64_t since_us = world->now_us - SIM_START_US;
    point->time_s = (double)since_us / SIM_US;
    point->back_share = world->able == 0 ? 0 : (double)world->back / (double)world->able;
    for (size_t f = 0; world->snapshot != NULL && f < world->snapshot->fleet_count; f++) {
        const struct snapshot_fleet *fleet = &world->snapshot->fleets[f];
        point->waiting += (double)(fleet->lines[LINE_MAIN].waiting + fleet->lines[LINE_RETRY].waiting + fleet->backoff);
    }
    for (size_t d = 0; d < policy->dependency_count && d < PLOTTED; d++) {
        const struct sim_dependency *dependency = &world->dependencies[d];
        point->dependencies[d].queued = (double)dependency->queued;
        point->dependencies[d].capacity =
            dependency->outage >= 0 ? 0
                                    : (double)dependency->spec->servers / sim_dist_mean_s(&dependency->spec->service) *
                                          sim_dependency_pace(dependency->spec, since_us, dependency->cold_since_us,
                                                              dependency->cold_done);
        point->dependencies[d].served = (double)dependency->answered; /* made a rate at the end */
        point->dependencies[d].phase = PHASE_COUNT;
        if (world->snapshot != NULL && d < world->snapshot->dependency_count) {
            const struct snapshot_dependency *state = &world->snapshot->dependencies[d];
            point->dependencies[d].in_flight = (double)state->in_flight;
            point->dependencies[d].limit =
                (double)(state->window < state->in_flight_max ? state->window : state->in_flight_max);
            point->dependencies[d].phase = state->phase;
        }
    }
    point->granted_rate = (double)world->result->granted;
    if (world->snapshot == NULL) {
        count_ungoverned(world, point);
    }
}

void sim_timeline_step(struct sim_world *world)
{
    struct sim_result *result = world->result;
    if (world->now_us < SIM_START_US || world->step % world->timeline_every != 0) {
        return;
    }
    if (result->points == NULL) {
        result->points = calloc(SIM_TIMELINE_MAX, sizeof(*result->points));
        if (result->points == NULL) {
            world->nomem = true;
            return;
        }
    }
    if (result->point_count == SIM_TIMELINE_MAX) {
        for (size_t i = 0; i < SIM_TIMELINE_MAX / 2; i++) {
            result->points[i] = result->points[2 * i];
        }
        result->point_count = SIM_TIMELINE_MAX / 2;
        world->timeline_every *= 2;
    }
    struct sim_point *point = &result->points[result->point_count++];
    *point = (struct sim_point){0};
    fill(world, point);
}

/* Counts so far become rates since the point before. */
void sim_timeline_end(struct sim_result *result)
{
    for (size_t i = result->point_count; i-- > 0;) {
        struct sim_point *point = &result->points[i];
        const struct sim_point *before = i > 0 ? &result->points[i - 1] : NULL;
        double seconds = before == NULL ? 0 : point->time_s - before->time_s;
        point->granted_rate = seconds > 0 ? (point->granted_rate - before->granted_rate) / seconds : 0;
        for (size_t d = 0; d < PLOTTED; d++) {
            double served = before == NULL ? 0 : point->dependencies[d].served - before->dependencies[d].served;
            point->dependencies[d].served = seconds > 0 ? served / seconds : 0;
        }
    }
}
