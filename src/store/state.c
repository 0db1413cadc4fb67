#include "store/state_internal.h"

#include <stdlib.h>
#include <string.h>

int state_create(struct state **ret_state)
{
    struct state *state = calloc(1, sizeof(*state));
    if (state == NULL) {
        return HG_E_NOMEM;
    }
    state->generation = -1;
    *ret_state = state;
    return 0;
}

void state_destroy(struct state *state)
{
    if (state == NULL) {
        return;
    }
    record_free_all(state);
    for (size_t i = 0; i < state->note_count; i++) {
        free(state->notes[i].key);
        free(state->notes[i].value);
    }
    free(state->notes);
    free(state);
}

size_t state_record_count(const struct state *state)
{
    return state->record_count;
}

int64_t state_fence(const struct state *state)
{
    return state->fence;
}

/* now = max(last, clock): a step back freezes the store's clock for at most CLOCK_STEP_CAP_US. */
static void read_clock(struct state *state, int64_t raw_now_us)
{
    int64_t now_us = raw_now_us + state->offset_us;
    if (now_us < state->last_us) {
        int64_t back_us = state->last_us - now_us;
        if (back_us > CLOCK_STEP_CAP_US) {
            state->offset_us += back_us;
        }
        now_us = state->last_us;
    }
    if (state->last_us != 0 && now_us - state->last_us > STORE_GAP_US) {
        state->returned_us = now_us;
    }
    state->now_us = state->last_us = now_us;
}

static void notice_lost_writes(struct state *state, int64_t seen_fence)
{
    if (seen_fence == SEEN_RETURN) {
        state->returned_us = state->now_us;
    }
    if (seen_fence > state->fence) {
        state->epoch++;
        state->fence = seen_fence;
        state->learning_until_us = state->now_us + state->longest_lease_us;
    }
}

static void settle(struct state *state)
{
    for (size_t d = 0; d < state->dependency_count; d++) {
        struct state_dependency *dependency = &state->dependencies[d];
        int64_t ceiling = bucket_settle(&dependency->ceiling, state->now_us);
        int64_t pace = dependency->paced ? bucket_settle(&dependency->pace, state->now_us) : 0;
        int64_t room = dependency->window < dependency->in_flight_max ? dependency->window : dependency->in_flight_max;
        if (dependency->in_flight < room) {
            dependency->spilled = (dependency->spilled + (dependency->paced ? pace : ceiling)) % SPILLED_MODULUS;
        }
    }
}

/* Those due when the group begins; what becomes due by this waits for the next group. */
static void take_due(struct state *state)
{
    struct record *records[DUE_STEP_MAX];
    size_t count = 0;
    while (count < DUE_STEP_MAX && state->due_count > 0 && state->due[0]->due_us <= state->now_us) {
        records[count] = state->due[0];
        (void)record_set_due(state, records[count++], 0);
    }
    for (size_t i = 0; i < count; i++) {
        permit_due(state, records[i]);
    }
    notes_drop_expired(state);
}

/* Gone fleets drain: they are found, but get no new permits. */
size_t state_find_fleet(const struct state *state, const char *name)
{
    for (size_t f = 0; f < STATE_FLEETS_MAX; f++) {
        if (state->fleets[f].used && strcmp(state->fleets[f].name, name) == 0) {
            return f;
        }
    }
    return STATE_FLEETS_MAX;
}

static void op_get(struct state *state, size_t fleet, const struct op *op, struct op_reply *reply)
{
    struct record *record = record_find(state, fleet, op->instance);
    if (record == NULL) {
        return;
    }
    permit_describe(record, reply);
    if (record->state == INSTANCE_WAITING) {
        const struct state_fleet *shape = &state->fleets[fleet];
        reply->called = record->number <= state_line_serving(&shape->lines[record->line], state->now_us) &&
                        !shape->paused && !shape->held;
        reply->limit = reply->called ? LIMIT_NONE : shape->paused ? LIMIT_PAUSED : shape->held ? LIMIT_AFTER : LIMIT_LINE;
    }
}

static void apply_to_fleet(struct state *state, const struct op *op, struct op_reply *reply)
{
    if (state->generation < 0) {
        reply->status = HG_E_NOT_READY;
        reply->limit = LIMIT_STORE;
        return;
    }
    size_t fleet = state_find_fleet(state, op->fleet);
    if (fleet == STATE_FLEETS_MAX) {
        reply->status = HG_E_NOT_FOUND;
        return;
    }
    switch (op->kind) {
    case OP_ACQUIRE:
        op_acquire(state, fleet, op, reply);
        break;
    case OP_RENEW:
        op_renew(state, fleet, op, reply);
        break;
    case OP_COMPLETE:
        op_complete(state, fleet, op, reply);
        break;
    case OP_LEAVE:
        op_leave(state, fleet, op, reply);
        break;
    case OP_GET:
        op_get(state, fleet, op, reply);
        break;
    case OP_RELEASE:
        op_release(state, fleet, op, reply);
        break;
    case OP_LIST:
        op_list(state, fleet, op, reply);
        break;
    case OP_SWEEP:
        op_sweep(state, fleet, op, reply);
        break;
    case OP_LEAD:
    case OP_CONFIGURE:
    case OP_PLAN:
    case OP_NOTE_PUT:
    case OP_NOTE_LIST:
    case OP_KIND_COUNT:
        reply->status = HG_E_INVALID;
        break;
    }
}

static void apply(struct state *state, const struct op *op, struct op_reply *reply)
{
    switch (op->kind) {
    case OP_LEAD:
        op_lead(state, op, reply);
        break;
    case OP_CONFIGURE:
        op_configure(state, op, reply);
        break;
    case OP_PLAN:
        op_plan(state, op, reply);
        break;
    case OP_NOTE_PUT:
        op_note_put(state, op, reply);
        break;
    case OP_NOTE_LIST:
        op_note_list(state, op, reply);
        break;
    case OP_ACQUIRE:
    case OP_RENEW:
    case OP_COMPLETE:
    case OP_LEAVE:
    case OP_GET:
    case OP_RELEASE:
    case OP_LIST:
    case OP_SWEEP:
    case OP_KIND_COUNT:
        apply_to_fleet(state, op, reply);
        break;
    }
}

/* A CONFIGURE may have moved the dependencies since the operation before it was told its limit. */
static void number_limits(struct state *state, struct group_reply *reply)
{
    for (size_t i = 0; i < reply->op_count; i++) {
        struct op_reply *op = &reply->ops[i];
        const struct state_dependency *dependency =
            op->limit_dependency > 0 ? state_dependency_by_uid(state, op->limit_dependency) : NULL;
        op->limit_dependency = dependency == NULL ? -1 : (int)(dependency - state->dependencies);
    }
}

void state_apply(struct state *state, int64_t raw_now_us, const struct group *group, struct group_reply *ret_reply)
{
    read_clock(state, raw_now_us);
    notice_lost_writes(state, group->seen_fence);
    settle(state);
    take_due(state);
    ret_reply->status = 0;
    ret_reply->op_count = group->op_count;
    for (size_t i = 0; i < group->op_count; i++) {
        memset(&ret_reply->ops[i], 0, sizeof(ret_reply->ops[i]));
        ret_reply->ops[i].outcome = OUTCOME_NONE;
        apply(state, &group->ops[i], &ret_reply->ops[i]);
    }
    number_limits(state, ret_reply);
    record_fit(state);
    state_snapshot(state, &ret_reply->snapshot);
}
