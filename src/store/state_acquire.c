#include "store/state_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a failure that turned out to be the dependency's fault is worth: nothing. */
static void forgive(struct state *state, struct record *record)
{
    const struct state_fleet *fleet = &state->fleets[record->fleet];
    if (record->failed_us != 0 && state_excused(state, record, record->failed_us)) {
        record->failures -= record->failures > 0;
        record->failed_us = 0;
    }
    if (record->failed_us != 0 && state->now_us - record->failed_us > fleet->forget_us) {
        record->failures = 0;
    }
}

bool permit_quarantine(struct state *state, struct record *record)
{
    const struct state_fleet *fleet = &state->fleets[record->fleet];
    forgive(state, record);
    if (record->failures < fleet->attempts || fleet->quarantined >= fleet->quarantine_max) {
        return false;
    }
    permit_set_state(state, record, INSTANCE_QUARANTINED);
    (void)record_set_due(state, record, 0);
    return true;
}

static void enqueue(struct state *state, struct record *record, const char *boot_id)
{
    struct state_fleet *fleet = &state->fleets[record->fleet];
    if (record->state == INSTANCE_DONE) {
        record->done_fence = record->fence;
        record->done_outcome = record->outcome;
    }
    permit_leave_state(state, record);
    record->state = INSTANCE_NONE; /* left: the line it counts in may change now */
    record->line = record->failures > 0 ? LINE_RETRY : LINE_MAIN;
    permit_set_state(state, record, INSTANCE_WAITING);
    record->number = ++fleet->lines[record->line].tail;
    (void)record_set_due(state, record, 0);
    (void)record_set_text(&record->boot_id, boot_id);
}

struct hurdle {
    enum limit limit;
    int64_t dependency; /* uid; 0: none */
    int64_t wait_us;
};

static enum limit in_flight_limit(const struct state_dependency *dependency, int64_t cost, bool priority)
{
    int64_t reserve = priority ? 0 : reserve_in_force(dependency->reserve_in_flight, dependency->in_flight_max);
    int64_t max = dependency->in_flight_max - reserve;
    if (dependency->in_flight + cost > max) {
        return LIMIT_IN_FLIGHT;
    }
    return !priority && dependency->in_flight + cost > dependency->window ? LIMIT_WINDOW : LIMIT_NONE;
}

/* The first limit of one dependency that does not hold; adds to the longest wait for tokens. */
static enum limit check_need(const struct state_dependency *dependency, int64_t cost, bool priority, int64_t *wait_us)
{
    enum limit limit = in_flight_limit(dependency, cost, priority);
    if (limit != LIMIT_NONE) {
        *wait_us = INT64_MAX;
    }
    int64_t tokens = cost * TOKEN_MICRO;
    int64_t burst = dependency->ceiling.burst / TOKEN_MICRO;
    int64_t reserve = priority ? 0 : reserve_in_force(dependency->reserve_burst, burst) * TOKEN_MICRO;
    int64_t lacks = 0;
    if (dependency->paced && !priority && !bucket_can_take(&dependency->pace, tokens, 0)) {
        limit = limit == LIMIT_NONE ? LIMIT_PACE : limit;
        lacks = bucket_wait_us(&dependency->pace, tokens, 0);
    }
    if (!bucket_can_take(&dependency->ceiling, tokens, reserve)) {
        limit = limit == LIMIT_NONE ? LIMIT_RATE : limit;
        int64_t ceiling_us = bucket_wait_us(&dependency->ceiling, tokens, reserve);
        lacks = ceiling_us > lacks ? ceiling_us : lacks;
    }
    *wait_us = lacks > *wait_us ? lacks : *wait_us;
    if (limit != LIMIT_NONE && dependency->phase == PHASE_PAUSED) {
        return LIMIT_PAUSED;
    }
    return limit != LIMIT_NONE && dependency->phase == PHASE_BLOCKED ? LIMIT_BLOCKED : limit;
}

static struct hurdle find_hurdle(struct state *state, const struct state_fleet *fleet, bool priority)
{
    struct hurdle hurdle = {.limit = LIMIT_NONE};
    for (size_t n = 0; n < fleet->need_count; n++) {
        const struct state_dependency *dependency = state_dependency_by_uid(state, fleet->needs[n].dependency);
        if (dependency == NULL) {
            continue;
        }
        enum limit limit = check_need(dependency, fleet->needs[n].cost, priority, &hurdle.wait_us);
        if (hurdle.limit == LIMIT_NONE && limit != LIMIT_NONE) {
            hurdle.limit = limit;
            hurdle.dependency = dependency->uid;
        }
    }
    if (hurdle.wait_us == INT64_MAX) {
        hurdle.wait_us = 0;
    }
    return hurdle;
}

static void take(struct bucket *bucket, int64_t cost)
{
    int64_t tokens = cost * TOKEN_MICRO;
    bucket_take(bucket, tokens < bucket->tokens ? tokens : bucket->tokens);
}

static void charge(struct state *state, struct state_dependency *dependency, int64_t cost)
{
    take(&dependency->ceiling, cost);
    if (dependency->paced) {
        take(&dependency->pace, cost);
    }
    dependency->in_flight += cost;
    dependency->granted++;
    struct cohort *cohort = &dependency->cohorts[0];
    if (cohort->id == dependency->cohort && cohort->id != 0) {
        cohort->granted++;
        cohort->first_us = cohort->first_us == 0 ? state->now_us : cohort->first_us;
        cohort->last_us = state->now_us;
    }
}

static bool grant(struct state *state, struct record *record)
{
    struct state_fleet *fleet = &state->fleets[record->fleet];
    struct lease *leases = calloc(fleet->need_count, sizeof(*leases));
    if (leases == NULL || !record_set_due(state, record, state->now_us + fleet->lease_us)) {
        free(leases);
        return false;
    }
    size_t count = 0;
    for (size_t n = 0; n < fleet->need_count; n++) {
        struct state_dependency *dependency = state_dependency_by_uid(state, fleet->needs[n].dependency);
        if (dependency != NULL) {
            leases[count++] = (struct lease){dependency->uid, fleet->needs[n].cost, dependency->cohort};
            charge(state, dependency, fleet->needs[n].cost);
        }
    }
    free(record->leases);
    record->leases = leases;
    record->lease_count = (uint8_t)count;
    fleet->lines[record->line].granted++;
    fleet->granted++;
    permit_set_state(state, record, INSTANCE_GRANTED);
    state->fence = state->fence + 1 > state->now_us ? state->fence + 1 : state->now_us;
    record->fence = state->fence;
    record->granted_us = state->now_us;
    record->until_us = state->now_us + fleet->lease_us;
    record->outcome = OUTCOME_NONE;
    record->superseded = false;
    return true;
}

/* Somebody in line shows up: a permit if number, tokens and windows allow it. */
static void try_grant(struct state *state, struct record *record, const struct op *op, struct op_reply *reply)
{
    struct state_fleet *fleet = &state->fleets[record->fleet];
    struct state_line *line = &fleet->lines[record->line];
    bool called = record->number <= state_line_serving(line, state->now_us) && !fleet->paused && !fleet->held;
    struct hurdle hurdle = {.limit = LIMIT_NONE};
    if (called || op->priority) {
        hurdle = find_hurdle(state, fleet, op->priority);
    } else {
        hurdle.limit = fleet->paused ? LIMIT_PAUSED : fleet->held ? LIMIT_AFTER : LIMIT_LINE;
    }
    reply->limit = hurdle.limit;
    reply->limit_dependency = (int)hurdle.dependency; /* a uid until the group is done */
    if (hurdle.limit == LIMIT_NONE || op->observe) {
        if (!grant(state, record)) {
            reply->status = HG_E_STORE_FULL;
        }
        return;
    }
    reply->called = called || op->priority;
    reply->wait_us = hurdle.wait_us;
    if (called && !record->ready) {
        record->ready = true;
        line->ready++;
    }
}

/* Another life of the instance: the old permit has failed. False when it is the same one. */
static bool superseded(struct state *state, struct record *record, const struct op *op)
{
    const char *known = record->boot_id == NULL ? "" : record->boot_id;
    if (known[0] == '\0' || op->boot_id[0] == '\0' || strcmp(known, op->boot_id) == 0) {
        if (known[0] == '\0') {
            (void)record_set_text(&record->boot_id, op->boot_id);
        }
        return false;
    }
    char reason[REASON_MAX + 1];
    snprintf(reason, sizeof(reason), "superseded by boot_id %s", op->boot_id);
    permit_fail(state, record, OUTCOME_FAILED, reason, true);
    state->fleets[record->fleet].superseded++;
    return true;
}

/* True if the backoff is over and the record may go back into the line. */
static bool leave_backoff(struct state *state, struct record *record)
{
    if (state->now_us < record->until_us) {
        return false;
    }
    return !permit_quarantine(state, record);
}

void op_acquire(struct state *state, size_t fleet, const struct op *op, struct op_reply *reply)
{
    struct record *record = record_find(state, fleet, op->instance);
    if (record == NULL) {
        record = state->fleets[fleet].gone ? NULL : record_create(state, fleet, op->instance);
        if (record == NULL) {
            reply->status = state->fleets[fleet].gone ? HG_E_NOT_FOUND : HG_E_STORE_FULL;
            return;
        }
        enqueue(state, record, op->boot_id);
    } else if (record->state == INSTANCE_GRANTED && !superseded(state, record, op)) {
        reply->already = true;
    } else if (state->fleets[fleet].gone) {
        reply->status = HG_E_NOT_FOUND;
        permit_describe(record, reply);
        return;
    } else if (record->state == INSTANCE_DONE ||
               (record->state == INSTANCE_BACKOFF && leave_backoff(state, record))) {
        enqueue(state, record, op->boot_id);
    }
    if (record->state == INSTANCE_BACKOFF) {
        reply->limit = LIMIT_BACKOFF;
    } else if (record->state == INSTANCE_QUARANTINED) {
        reply->limit = LIMIT_QUARANTINE;
    } else if (record->state == INSTANCE_WAITING) {
        if (op->boot_id[0] != '\0') { /* the life that asked last is the one that is granted */
            (void)record_set_text(&record->boot_id, op->boot_id);
        }
        try_grant(state, record, op, reply);
    }
    permit_describe(record, reply);
}
