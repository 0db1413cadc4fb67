#include "store/state_internal.h"

#include <stdio.h>
#include <string.h>

static void fill_dependency(const struct state_dependency *dependency, struct snapshot_dependency *ret_out)
{
    memcpy(ret_out->name, dependency->name, sizeof(ret_out->name));
    ret_out->phase = dependency->phase;
    ret_out->cohort = dependency->cohort;
    ret_out->rate_milli = dependency->ceiling.rate_milli;
    ret_out->burst = dependency->ceiling.burst / TOKEN_MICRO;
    ret_out->in_flight_max = dependency->in_flight_max;
    ret_out->paced = dependency->paced;
    ret_out->pace_milli = dependency->paced ? dependency->pace.rate_milli : 0;
    ret_out->pace_burst = dependency->paced ? dependency->pace.burst : 0;
    ret_out->window = dependency->window;
    ret_out->excused_from_us = dependency->excused_from_us;
    ret_out->excused_to_us = dependency->excused_to_us;
    ret_out->tokens = dependency->ceiling.tokens;
    ret_out->in_flight = dependency->in_flight;
    ret_out->spilled = dependency->spilled;
    ret_out->granted = dependency->granted;
    ret_out->recovered = dependency->recovered;
    ret_out->failed = dependency->failed;
    ret_out->expired = dependency->expired;
    memcpy(ret_out->cohorts, dependency->cohorts, sizeof(ret_out->cohorts));
}

static void fill_fleet(const struct state_fleet *fleet, int64_t now_us, struct snapshot_fleet *ret_out)
{
    memcpy(ret_out->name, fleet->name, sizeof(ret_out->name));
    ret_out->paused = fleet->paused;
    ret_out->held = fleet->held;
    for (size_t l = 0; l < LINE_COUNT; l++) {
        const struct state_line *line = &fleet->lines[l];
        ret_out->lines[l] = (struct snapshot_line){
            .tail = line->tail,
            .serving = state_line_serving(line, now_us),
            .waiting = line->waiting,
            .ready = line->ready,
            .granted = line->granted,
            .plan_base = line->plan.base,
            .plan_rate_milli = line->plan.rate_milli,
            .plan_from_us = line->plan.from_us,
            .plan_until_us = line->plan.until_us,
        };
    }
    ret_out->in_flight = fleet->in_flight;
    ret_out->backoff = fleet->backoff;
    ret_out->quarantined = fleet->quarantined;
    ret_out->granted = fleet->granted;
    ret_out->recovered = fleet->recovered;
    ret_out->failed = fleet->failed;
    ret_out->expired = fleet->expired;
    ret_out->superseded = fleet->superseded;
}

void state_snapshot(const struct state *state, struct snapshot *ret_snapshot)
{
    memset(ret_snapshot, 0, sizeof(*ret_snapshot));
    bool led = state->leader_until_us > state->now_us;
    ret_snapshot->now_us = state->now_us;
    ret_snapshot->epoch = state->epoch;
    ret_snapshot->fence = state->fence;
    ret_snapshot->generation = state->generation;
    ret_snapshot->learning_until_us = state->learning_until_us;
    ret_snapshot->longest_lease_us = state->longest_lease_us;
    ret_snapshot->leader = led ? state->leader : 0;
    ret_snapshot->leader_until_us = led ? state->leader_until_us : 0;
    if (led) {
        memcpy(ret_snapshot->leader_id, state->leader_id, sizeof(ret_snapshot->leader_id));
    }
    ret_snapshot->notes_version = state->notes_version;
    ret_snapshot->dependency_count = state->dependency_count;
    for (size_t d = 0; d < state->dependency_count; d++) {
        fill_dependency(&state->dependencies[d], &ret_snapshot->dependencies[d]);
    }
    ret_snapshot->fleet_count = state->fleet_count;
    for (size_t f = 0; f < state->fleet_count; f++) {
        fill_fleet(&state->fleets[state->fleet_order[f]], state->now_us, &ret_snapshot->fleets[f]);
    }
}
