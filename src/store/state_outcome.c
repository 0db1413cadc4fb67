#include "store/state_internal.h"

#include <stdlib.h>
#include <string.h>

static int wrong_fence(const struct record *record, int64_t fence)
{
    return fence < record->fence ? HG_E_SUPERSEDED : HG_E_CONFLICT;
}

void op_renew(struct state *state, size_t fleet, const struct op *op, struct op_reply *reply)
{
    struct record *record = record_find(state, fleet, op->instance);
    if (record == NULL) {
        reply->status = HG_E_EXPIRED;
        return;
    }
    if (record->state != INSTANCE_GRANTED) {
        bool expired = record->fence == op->fence && record->outcome == OUTCOME_EXPIRED;
        reply->status = expired ? HG_E_EXPIRED
                        : record->fence == op->fence && record->superseded ? HG_E_SUPERSEDED : HG_E_CONFLICT;
    } else if (record->fence != op->fence) {
        reply->status = wrong_fence(record, op->fence);
    } else {
        int64_t until_us = state->now_us + state->fleets[fleet].lease_us;
        if (record_set_due(state, record, until_us)) {
            record->until_us = until_us;
        } else {
            reply->status = HG_E_STORE_FULL;
        }
    }
    permit_describe(record, reply);
}

static void finish(struct state *state, struct record *record)
{
    struct state_fleet *fleet = &state->fleets[record->fleet];
    record->failures = 0;
    record->failed_us = 0;
    record->outcome = OUTCOME_RECOVERED;
    record->superseded = false;
    permit_set_state(state, record, INSTANCE_DONE);
    record->until_us = state->now_us + state_remember_us(fleet);
    (void)record_set_due(state, record, record->until_us);
    fleet->recovered++;
}

static void complete_granted(struct state *state, struct record *record, const struct op *op, struct op_reply *reply)
{
    if (op->fence != 0 && op->fence != record->fence) {
        bool done = op->fence == record->done_fence && record->done_fence != 0;
        reply->already = done && op->outcome == (enum outcome)record->done_outcome;
        reply->status = reply->already ? 0 : done ? HG_E_CONFLICT : wrong_fence(record, op->fence);
    } else if (op->outcome == OUTCOME_RECOVERED) {
        permit_free(state, record, OUTCOME_RECOVERED, false);
        finish(state, record);
    } else {
        permit_fail(state, record, OUTCOME_FAILED, op->reason, false);
    }
}

static void complete_late(struct state *state, struct record *record, const struct op *op, struct op_reply *reply)
{
    bool own = record->fence != 0 && (op->fence == 0 || op->fence == record->fence);
    if (own && record->outcome == op->outcome) {
        reply->already = true;
    } else if (own && record->outcome == OUTCOME_EXPIRED) {
        if (op->outcome == OUTCOME_RECOVERED) {
            finish(state, record); /* late, and welcome */
        } else {
            reply->already = true;
        }
    } else if (!own && record->done_fence != 0 && op->fence == record->done_fence) {
        reply->already = op->outcome == (enum outcome)record->done_outcome;
        reply->status = reply->already ? 0 : HG_E_CONFLICT;
    } else {
        reply->status = HG_E_CONFLICT;
    }
}

void op_complete(struct state *state, size_t fleet, const struct op *op, struct op_reply *reply)
{
    struct record *record = record_find(state, fleet, op->instance);
    if (record == NULL) {
        reply->status = op->fence != 0 ? HG_E_EXPIRED : HG_E_NOT_FOUND;
        return;
    }
    if (record->state == INSTANCE_GRANTED) {
        complete_granted(state, record, op, reply);
    } else {
        complete_late(state, record, op, reply);
    }
    permit_describe(record, reply);
}

void op_leave(struct state *state, size_t fleet, const struct op *op, struct op_reply *reply)
{
    struct record *record = record_find(state, fleet, op->instance);
    if (record == NULL) {
        reply->already = true;
        return;
    }
    bool granted = record->state == INSTANCE_GRANTED;
    if (!granted && record->state != INSTANCE_WAITING) {
        reply->already = true;
        permit_describe(record, reply);
        return;
    }
    if (granted && op->fence != 0 && op->fence != record->fence) {
        reply->status = HG_E_SUPERSEDED;
        permit_describe(record, reply);
        return;
    }
    if (granted) {
        permit_free(state, record, OUTCOME_NONE, true);
    }
    if (record->failures == 0) {
        permit_leave_state(state, record);
        record_delete(state, record);
        return;
    }
    permit_set_state(state, record, INSTANCE_BACKOFF);
    record->until_us = state->now_us;
    (void)record_set_due(state, record, record->until_us + state_remember_us(&state->fleets[fleet]));
    permit_describe(record, reply);
}

void op_release(struct state *state, size_t fleet, const struct op *op, struct op_reply *reply)
{
    struct record *record = record_find(state, fleet, op->instance);
    if (record == NULL || record->state != INSTANCE_QUARANTINED) {
        reply->status = HG_E_NOT_FOUND;
        if (record != NULL) {
            permit_describe(record, reply);
        }
        return;
    }
    permit_leave_state(state, record);
    record_delete(state, record);
}
