#include "store/state_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool state_leads(const struct state *state, int64_t leader)
{
    return leader != 0 && leader == state->leader && state->now_us < state->leader_until_us;
}

void op_lead(struct state *state, const struct op *op, struct op_reply *reply)
{
    bool held = state->now_us < state->leader_until_us;
    bool mine = strcmp(state->leader_id, op->leader_id) == 0;
    bool newer = op->generation > state->leader_generation;
    if (op->generation < state->generation || (held && !mine && !newer)) {
        return; /* reply->leader stays 0 */
    }
    if (!held || !mine) {
        state->leader++;
    }
    snprintf(state->leader_id, sizeof(state->leader_id), "%s", op->leader_id);
    state->leader_until_us = state->now_us + op->lease_us;
    state->leader_generation = op->generation;
    reply->leader = state->leader;
}

static struct state_dependency new_dependency(struct state *state, const struct hg_dependency *policy, bool fresh)
{
    struct state_dependency dependency = {.uid = ++state->next_uid};
    int64_t burst = policy->burst * TOKEN_MICRO;
    snprintf(dependency.name, sizeof(dependency.name), "%s", policy->name);
    bucket_init(&dependency.ceiling, policy->rate_milli, burst, fresh ? burst : 0, state->now_us);
    bucket_init(&dependency.pace, 0, 0, 0, state->now_us);
    return dependency;
}

static void configure_dependencies(struct state *state, const struct hg_policy *policy, bool fresh)
{
    struct state_dependency next[HG_DEPENDENCIES_MAX];
    memset(next, 0, sizeof(next));
    for (size_t d = 0; d < policy->dependency_count; d++) {
        const struct hg_dependency *shape = &policy->dependencies[d];
        bool kept = false;
        for (size_t old = 0; old < state->dependency_count && !kept; old++) {
            kept = strcmp(state->dependencies[old].name, shape->name) == 0;
            if (kept) {
                next[d] = state->dependencies[old];
                bucket_reconfigure(&next[d].ceiling, shape->rate_milli, shape->burst * TOKEN_MICRO, state->now_us);
            }
        }
        if (!kept) {
            next[d] = new_dependency(state, shape, fresh);
        }
        next[d].in_flight_max = shape->in_flight_max;
        next[d].reserve_burst = shape->reserve_burst;
        next[d].reserve_in_flight = shape->reserve_in_flight;
        if (next[d].window > shape->in_flight_max) {
            next[d].window = shape->in_flight_max;
        }
    }
    memcpy(state->dependencies, next, sizeof(next));
    state->dependency_count = policy->dependency_count;
}

static bool policy_has(const struct hg_policy *policy, const char *name)
{
    for (size_t f = 0; f < policy->fleet_count; f++) {
        if (strcmp(policy->fleets[f].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the policy's fleets fit beside those that drain. */
static bool fleets_fit(const struct state *state, const struct hg_policy *policy)
{
    size_t count = policy->fleet_count;
    for (size_t f = 0; f < STATE_FLEETS_MAX; f++) {
        const struct state_fleet *fleet = &state->fleets[f];
        count += fleet->used && fleet->records > 0 && !policy_has(policy, fleet->name);
    }
    return count <= STATE_FLEETS_MAX;
}

/* Those the policy no longer has drain, and are forgotten once they are empty. */
static void retire_fleets(struct state *state, const struct hg_policy *policy)
{
    for (size_t f = 0; f < STATE_FLEETS_MAX; f++) {
        struct state_fleet *fleet = &state->fleets[f];
        if (fleet->used && !policy_has(policy, fleet->name)) {
            fleet->gone = true;
            if (fleet->records == 0) {
                memset(fleet, 0, sizeof(*fleet));
            }
        }
    }
}

/* The fleet's place, by name; a free one for a new fleet. */
static size_t fleet_place(struct state *state, const char *name)
{
    size_t place = state_find_fleet(state, name);
    for (size_t f = 0; f < STATE_FLEETS_MAX && place == STATE_FLEETS_MAX; f++) {
        if (!state->fleets[f].used) {
            place = f;
            memset(&state->fleets[f], 0, sizeof(state->fleets[f]));
            snprintf(state->fleets[f].name, sizeof(state->fleets[f].name), "%s", name);
        }
    }
    assert(place < STATE_FLEETS_MAX); /* fleets_fit() has counted */
    return place;
}

static void shape_fleet(struct state *state, struct state_fleet *fleet, const struct hg_fleet *shape)
{
    fleet->used = true;
    fleet->gone = false;
    fleet->need_count = shape->need_count;
    for (size_t n = 0; n < shape->need_count; n++) {
        fleet->needs[n] =
            (struct state_need){state->dependencies[shape->needs[n].dependency].uid, shape->needs[n].cost};
    }
    fleet->lease_us = shape->lease_us;
    fleet->base_ms = shape->backoff_base_us / 1000;
    fleet->max_ms = shape->backoff_max_us / 1000;
    fleet->jitter = shape->backoff_jitter;
    fleet->attempts = shape->attempts;
    fleet->forget_us = shape->forget_us;
    fleet->quarantine_max = shape->quarantine_max;
    if (shape->lease_us > state->longest_lease_us) {
        state->longest_lease_us = shape->lease_us;
    }
}

static void configure_fleets(struct state *state, const struct hg_policy *policy)
{
    retire_fleets(state, policy);
    state->longest_lease_us = 0;
    state->fleet_count = policy->fleet_count;
    for (size_t f = 0; f < policy->fleet_count; f++) {
        state->fleet_order[f] = fleet_place(state, policy->fleets[f].name);
        shape_fleet(state, &state->fleets[state->fleet_order[f]], &policy->fleets[f]);
    }
}

void op_configure(struct state *state, const struct op *op, struct op_reply *reply)
{
    if (!state_leads(state, op->leader) || op->generation < state->generation) {
        reply->status = HG_E_STALE;
        return;
    }
    if (!fleets_fit(state, op->policy)) {
        reply->status = HG_E_STORE_FULL;
        return;
    }
    bool first = state->generation < 0;
    configure_dependencies(state, op->policy, op->fresh);
    configure_fleets(state, op->policy);
    state->generation = op->generation;
    if (first && state->epoch == 0) {
        state->epoch = 1;
    }
    if (op->fresh) {
        state->learning_until_us = 0;
    } else if (first) {
        state->learning_until_us = state->now_us + state->longest_lease_us;
    }
}

static void open_cohort(struct state_dependency *dependency, int64_t id)
{
    if (id <= dependency->cohort) {
        return;
    }
    dependency->cohort = id;
    memmove(&dependency->cohorts[1], &dependency->cohorts[0], (COHORTS_KEPT - 1) * sizeof(dependency->cohorts[0]));
    memset(&dependency->cohorts[0], 0, sizeof(dependency->cohorts[0]));
    dependency->cohorts[0].id = id;
}

static void plan_pace(struct state_dependency *dependency, const struct plan_dependency *plan, int64_t now_us)
{
    if (plan->paced && !dependency->paced) {
        int64_t first = plan->pace_burst < TOKEN_MICRO ? plan->pace_burst : TOKEN_MICRO;
        bucket_init(&dependency->pace, plan->pace_milli, plan->pace_burst, first, now_us);
    } else if (plan->paced &&
               (plan->pace_milli != dependency->pace.rate_milli || plan->pace_burst != dependency->pace.burst)) {
        bucket_reconfigure(&dependency->pace, plan->pace_milli, plan->pace_burst, now_us);
    }
    dependency->paced = plan->paced;
}

static int64_t bounded_time(int64_t time_us)
{
    return time_us > TIME_NEVER_US ? TIME_NEVER_US : time_us;
}

static void plan_dependency(struct state *state, const struct plan_dependency *plan)
{
    for (size_t d = 0; d < state->dependency_count; d++) {
        struct state_dependency *dependency = &state->dependencies[d];
        if (strcmp(dependency->name, plan->name) != 0) {
            continue;
        }
        int64_t burst = plan->burst * TOKEN_MICRO;
        if (plan->rate_milli != dependency->ceiling.rate_milli || burst != dependency->ceiling.burst) {
            bucket_reconfigure(&dependency->ceiling, plan->rate_milli, burst, state->now_us);
        }
        dependency->phase = plan->phase;
        dependency->in_flight_max = plan->in_flight_max;
        dependency->window = plan->window;
        dependency->excused_from_us = bounded_time(plan->excused_from_us);
        dependency->excused_to_us = bounded_time(plan->excused_to_us);
        open_cohort(dependency, plan->cohort);
        plan_pace(dependency, plan, state->now_us);
    }
}

void op_plan(struct state *state, const struct op *op, struct op_reply *reply)
{
    const struct plan *plan = op->plan;
    if (state->generation < 0) {
        reply->status = HG_E_NOT_READY;
        reply->limit = LIMIT_STORE;
        return;
    }
    if (!state_leads(state, plan->leader)) {
        reply->status = HG_E_STALE;
        return;
    }
    for (size_t d = 0; d < plan->dependency_count; d++) {
        plan_dependency(state, &plan->dependencies[d]);
    }
    for (size_t p = 0; p < plan->fleet_count; p++) {
        for (size_t f = 0; f < state->fleet_count; f++) {
            struct state_fleet *fleet = &state->fleets[state->fleet_order[f]];
            if (strcmp(fleet->name, plan->fleets[p].name) == 0) {
                fleet->paused = plan->fleets[p].paused;
                fleet->held = plan->fleets[p].held;
                for (size_t line = 0; line < LINE_COUNT; line++) {
                    fleet->lines[line].plan = plan->fleets[p].lines[line];
                    fleet->lines[line].plan.from_us = bounded_time(plan->fleets[p].lines[line].from_us);
                    fleet->lines[line].plan.until_us = bounded_time(plan->fleets[p].lines[line].until_us);
                }
            }
        }
    }
}
