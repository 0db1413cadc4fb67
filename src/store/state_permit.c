#include "core/backoff.h"
#include "core/histogram.h"
#include "core/rng.h"
#include "store/state_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct state_dependency *state_dependency_by_uid(struct state *state, int64_t uid)
{
    for (size_t d = 0; d < state->dependency_count; d++) {
        if (state->dependencies[d].uid == uid) {
            return &state->dependencies[d];
        }
    }
    return NULL;
}

int64_t state_remember_us(const struct state_fleet *fleet)
{
    return fleet->lease_us > REMEMBER_MIN_US ? fleet->lease_us : REMEMBER_MIN_US;
}

int64_t state_line_serving(const struct state_line *line, int64_t now_us)
{
    int64_t until_us = now_us < line->plan.until_us ? now_us : line->plan.until_us;
    int64_t span_us = until_us - line->plan.from_us;
    span_us = span_us < 0 ? 0 : span_us > PLAN_SPAN_US ? PLAN_SPAN_US : span_us;
    int64_t serving = line->plan.base + line->plan.rate_milli * span_us / 1000000000;
    return serving < line->tail ? serving : line->tail;
}

static bool dependency_excused(const struct state_dependency *dependency, int64_t at_us)
{
    return dependency != NULL && dependency->excused_from_us <= at_us && at_us <= dependency->excused_to_us;
}

bool state_excused(struct state *state, const struct record *record, int64_t at_us)
{
    for (size_t i = 0; i < record->lease_count; i++) {
        if (dependency_excused(state_dependency_by_uid(state, record->leases[i].dependency), at_us)) {
            return true;
        }
    }
    const struct state_fleet *fleet = &state->fleets[record->fleet];
    for (size_t n = 0; record->lease_count == 0 && n < fleet->need_count; n++) {
        if (dependency_excused(state_dependency_by_uid(state, fleet->needs[n].dependency), at_us)) {
            return true;
        }
    }
    return false;
}

static void count_again(struct cohort *cohort, int64_t failures)
{
    if (failures > 0) {
        cohort->again[failures < AGAIN_CLASSES ? failures - 1 : AGAIN_CLASSES - 1]++;
    }
}

static void count_cohort(struct cohort *cohort, enum outcome outcome, const struct record *record, bool excused,
                         int64_t now_us)
{
    if (excused) {
        cohort->excused++;
        return;
    }
    switch (outcome) {
    case OUTCOME_RECOVERED:
        cohort->recovered++;
        cohort->histogram[histogram_index(now_us - record->granted_us)]++;
        break;
    case OUTCOME_FAILED:
        cohort->failed++;
        count_again(cohort, record->failures);
        break;
    case OUTCOME_EXPIRED:
        cohort->expired++;
        count_again(cohort, record->failures);
        break;
    case OUTCOME_NONE:
    case OUTCOME_COUNT:
        break;
    }
}

void permit_free(struct state *state, struct record *record, enum outcome outcome, bool excused)
{
    for (size_t i = 0; i < record->lease_count; i++) {
        const struct lease *lease = &record->leases[i];
        struct state_dependency *dependency = state_dependency_by_uid(state, lease->dependency);
        if (dependency == NULL) {
            continue;
        }
        dependency->in_flight -= lease->cost < dependency->in_flight ? lease->cost : dependency->in_flight;
        dependency->recovered += outcome == OUTCOME_RECOVERED;
        dependency->failed += outcome == OUTCOME_FAILED;
        dependency->expired += outcome == OUTCOME_EXPIRED;
        for (size_t c = 0; c < COHORTS_KEPT; c++) {
            if (dependency->cohorts[c].id == lease->cohort && lease->cohort != 0) {
                count_cohort(&dependency->cohorts[c], outcome, record, excused, state->now_us);
            }
        }
    }
    free(record->leases);
    record->leases = NULL;
    record->lease_count = 0;
}

void permit_leave_state(struct state *state, struct record *record)
{
    struct state_fleet *fleet = &state->fleets[record->fleet];
    struct state_line *line = &fleet->lines[record->line];
    switch ((enum instance_state)record->state) {
    case INSTANCE_WAITING:
        line->waiting--;
        line->ready -= record->ready;
        record->ready = false;
        break;
    case INSTANCE_GRANTED:
        fleet->in_flight--;
        break;
    case INSTANCE_BACKOFF:
        fleet->backoff--;
        break;
    case INSTANCE_QUARANTINED:
        fleet->quarantined--;
        break;
    case INSTANCE_NONE:
    case INSTANCE_DONE:
    case INSTANCE_STATE_COUNT:
        break;
    }
}

void permit_set_state(struct state *state, struct record *record, enum instance_state to)
{
    struct state_fleet *fleet = &state->fleets[record->fleet];
    permit_leave_state(state, record);
    record->state = (uint8_t)to;
    record->final = false;
    record->since_us = state->now_us;
    fleet->in_flight += to == INSTANCE_GRANTED;
    fleet->backoff += to == INSTANCE_BACKOFF;
    fleet->quarantined += to == INSTANCE_QUARANTINED;
    fleet->lines[record->line].waiting += to == INSTANCE_WAITING;
}

static void push_reason(struct record *record, const char *reason)
{
    char *copy = strdup(reason[0] == '\0' ? "no reason given" : reason);
    if (copy == NULL) {
        return; /* the failure counts all the same */
    }
    free(record->reasons[REASONS_KEPT - 1]);
    memmove(&record->reasons[1], &record->reasons[0], (REASONS_KEPT - 1) * sizeof(record->reasons[0]));
    record->reasons[0] = copy;
}

static int64_t delay_us(const struct state_fleet *fleet, const struct record *record)
{
    static const enum backoff_jitter jitters[HG_JITTER_COUNT] = {BACKOFF_JITTER_NONE, BACKOFF_JITTER_EQUAL,
                                                                 BACKOFF_JITTER_FULL};
    struct backoff backoff = {.base_ms = fleet->base_ms, .max_ms = fleet->max_ms, .jitter = jitters[fleet->jitter]};
    return backoff_delay_ms(&backoff, record->failures, draw_from_fence(record->fence)) * 1000;
}

void permit_fail(struct state *state, struct record *record, enum outcome outcome, const char *reason, bool superseded)
{
    struct state_fleet *fleet = &state->fleets[record->fleet];
    bool excused = state_excused(state, record, state->now_us);
    permit_free(state, record, outcome, excused);
    push_reason(record, reason);
    fleet->failed += outcome == OUTCOME_FAILED;
    fleet->expired += outcome == OUTCOME_EXPIRED;
    record->outcome = (uint8_t)outcome;
    record->superseded = superseded;
    permit_set_state(state, record, INSTANCE_BACKOFF);
    if (excused) {
        record->until_us = state->now_us;
        record->failed_us = 0;
        (void)record_set_due(state, record, record->until_us + state_remember_us(fleet));
        return;
    }
    record->failures++;
    record->failed_us = state->now_us;
    record->until_us = state->now_us + delay_us(fleet, record);
    record->final = record->failures >= fleet->attempts;
    (void)record_set_due(state, record, record->final ? record->until_us : record->until_us + state_remember_us(fleet));
}

void permit_due(struct state *state, struct record *record)
{
    struct state_fleet *fleet = &state->fleets[record->fleet];
    if (record->state == INSTANCE_GRANTED) {
        int64_t grace_us = fleet->lease_us < RETURN_GRACE_US ? fleet->lease_us : RETURN_GRACE_US;
        if (state->returned_us != 0 && state->returned_us + grace_us > state->now_us) {
            record->until_us = state->returned_us + grace_us;
            (void)record_set_due(state, record, record->until_us);
        } else {
            permit_fail(state, record, OUTCOME_EXPIRED, "the lease ran out", false);
        }
        return;
    }
    if (!record->final) {
        permit_leave_state(state, record);
        record_delete(state, record);
        return;
    }
    if (!permit_quarantine(state, record)) {
        record->final = false;
        (void)record_set_due(state, record, state->now_us + state_remember_us(fleet));
    }
}

void permit_describe(const struct record *record, struct op_reply *ret_reply)
{
    ret_reply->state = (enum instance_state)record->state;
    ret_reply->line = (enum line)record->line;
    ret_reply->number = record->state == INSTANCE_WAITING ? record->number : 0;
    ret_reply->fence = record->fence;
    ret_reply->attempt = record->failures + 1;
    ret_reply->since_us = record->since_us;
    ret_reply->until_us = record->state == INSTANCE_WAITING || record->state == INSTANCE_QUARANTINED ? 0
                                                                                                   : record->until_us;
    ret_reply->outcome = (enum outcome)record->outcome;
    for (size_t i = 0; i < REASONS_KEPT && record->reasons[i] != NULL; i++) {
        snprintf(ret_reply->reasons[i], sizeof(ret_reply->reasons[i]), "%s", record->reasons[i]);
    }
}
