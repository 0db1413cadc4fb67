#include "core/engine_internal.h"

#include <stdlib.h>
#include <string.h>

/* The snapshot's dependency index, as the policy's; -1 if the policy does not know it. */
static int own_dependency(const struct policy_slot *slot, int index)
{
    for (size_t d = 0; index >= 0 && d < slot->policy->dependency_count; d++) {
        if (slot->dependency_of[d] == index) {
            return (int)d;
        }
    }
    return -1;
}

static void explain(const struct policy_slot *slot, const struct op_reply *op, struct hg_answer *answer)
{
    answer->limit = op->limit;
    if (op->limit_dependency < 0 || (size_t)op->limit_dependency >= slot->snapshot.dependency_count) {
        return;
    }
    const struct snapshot_dependency *dependency = &slot->snapshot.dependencies[op->limit_dependency];
    answer->limit_dependency = own_dependency(slot, op->limit_dependency);
    answer->phase = dependency->phase;
    switch (op->limit) {
    case LIMIT_RATE:
        answer->limit_value = dependency->rate_milli;
        break;
    case LIMIT_PACE:
        answer->limit_value = dependency->pace_milli;
        break;
    case LIMIT_IN_FLIGHT:
        answer->limit_value = dependency->in_flight_max;
        answer->limit_used = dependency->in_flight;
        break;
    case LIMIT_WINDOW:
    case LIMIT_BLOCKED:
        answer->limit_value = dependency->window;
        answer->limit_used = dependency->in_flight;
        break;
    case LIMIT_NONE:
    case LIMIT_LINE:
    case LIMIT_PAUSED:
    case LIMIT_BACKOFF:
    case LIMIT_QUARANTINE:
    case LIMIT_AFTER:
    case LIMIT_STORE:
    case LIMIT_COUNT:
        break;
    }
}

/* Whether all the needs of a held request have room; takes it, or keeps what there is of it for it (`keep`). */
static bool take_room(const struct policy_slot *slot, const struct pending *pending, bool keep, int64_t *room)
{
    int f = slot_find_fleet(slot, pending->request.op.fleet);
    const struct hg_fleet *fleet = f < 0 ? NULL : &slot->policy->fleets[f];
    bool fits = fleet != NULL;
    for (size_t n = 0; fits && n < fleet->need_count; n++) {
        int d = slot->dependency_of[fleet->needs[n].dependency];
        fits = d < 0 || room[d] >= fleet->needs[n].cost;
    }
    for (size_t n = 0; fleet != NULL && (fits || keep) && n < fleet->need_count; n++) {
        int d = slot->dependency_of[fleet->needs[n].dependency];
        room[d < 0 ? 0 : d] -= d < 0 ? 0 : fleet->needs[n].cost;
    }
    return fits;
}

static int by_asked(const void *a, const void *b)
{
    const struct pending *const *x = a, *const *y = b;
    return ((*x)->asked_us > (*y)->asked_us) - ((*x)->asked_us < (*y)->asked_us);
}

void engine_recall(struct policy_slot *slot, int64_t now_us)
{
    int64_t room[HG_DEPENDENCIES_MAX];
    for (size_t d = 0; d < slot->snapshot.dependency_count; d++) {
        const struct snapshot_dependency *dependency = &slot->snapshot.dependencies[d];
        int64_t window = dependency->window < dependency->in_flight_max ? dependency->window : dependency->in_flight_max;
        room[d] = window - dependency->in_flight;
    }
    bool any = false;
    for (const struct pending *pending = slot->held.first; pending != NULL; pending = pending->next) {
        int d = pending->held_for;
        any = any || (d >= 0 && (size_t)d < slot->snapshot.dependency_count && room[d] > 0);
    }
    if (!any) {
        return;
    }
    struct pending *held[HOLD_MAX];
    size_t count = 0;
    while (count < HOLD_MAX && slot->held.first != NULL) {
        held[count++] = pending_pop(&slot->held);
    }
    qsort(held, count, sizeof(held[0]), by_asked);
    pending_put_in_line(held, count);
    bool kept[HG_FLEETS_MAX] = {0};
    for (size_t i = 0; i < count; i++) {
        int f = slot_find_fleet(slot, held[i]->request.op.fleet);
        if (held[i]->held_for >= 0 && f >= 0) {
            /* The first of a fleet that finds one need and not the other has the one kept for it, else those that
             * need one alone would always be faster. */
            if (take_room(slot, held[i], !kept[f], room)) {
                held[i]->due_us = now_us;
            } else {
                kept[f] = true;
            }
        }
        pending_insert_by_due(&slot->held, held[i]);
    }
}

/* Makes room for one: the last of those that stand behind it in its line is asked a last time, and then told to go. False
 * when there is none. */
static bool displace(struct policy_slot *slot, const struct pending *pending)
{
    struct pending_list others = slot->held;
    struct pending *last = NULL;
    for (struct pending *other = others.first; other != NULL; other = other->next) {
        bool behind = pending_stands_behind(other, pending);
        last = behind && (last == NULL || other->number > last->number) ? other : last;
    }
    if (last == NULL) {
        return false;
    }
    slot->held = (struct pending_list){0};
    for (struct pending *other = pending_pop(&others); other != NULL; other = pending_pop(&others)) {
        if (other != last) {
            pending_insert_by_due(&slot->held, other);
        }
    }
    last->request.may_hold = false;
    pending_push(&slot->queue, last);
    return true;
}

/* A called one that finds no token for a moment is held rather than sent away. False if it is not. */
static bool hold(struct policy_slot *slot, struct pending *pending, const struct op_reply *op, int64_t now_us)
{
    if (pending->request.op.kind != OP_ACQUIRE || !pending->request.may_hold || !op->called ||
        op->limit_dependency < 0 || (size_t)op->limit_dependency >= slot->snapshot.dependency_count ||
        op->limit == LIMIT_PAUSED || op->limit == LIMIT_BLOCKED) {
        return false;
    }
    pending->line = op->line;
    pending->number = op->number;
    if (slot->held.count >= HOLD_MAX && !displace(slot, pending)) {
        return false;
    }
    const struct snapshot_dependency *dependency = &slot->snapshot.dependencies[op->limit_dependency];
    int64_t deadline_us = pending->asked_us + HOLD_US;
    if (op->limit == LIMIT_RATE || op->limit == LIMIT_PACE) {
        int64_t rate_milli = op->limit == LIMIT_PACE ? dependency->pace_milli : dependency->rate_milli;
        if (op->wait_us <= 0 || rate_milli <= 0) {
            return false;
        }
        int64_t ahead = 0; /* held ones that wait for the same tokens and do not stand behind it */
        for (const struct pending *other = slot->held.first; other != NULL; other = other->next) {
            ahead += other->held_for < 0 && !pending_stands_behind(other, pending);
        }
        pending->due_us = now_us + op->wait_us + ahead * INT64_C(1000000000) / rate_milli;
        pending->held_for = -1;
    } else if (op->limit == LIMIT_IN_FLIGHT || op->limit == LIMIT_WINDOW) {
        bool moving = dependency->phase != PHASE_FROZEN && dependency->window > 0;
        pending->due_us = moving ? now_us + HOLD_STEP_US : INT64_MAX;
        pending->held_for = op->limit_dependency;
    } else {
        return false;
    }
    if (pending->due_us > deadline_us) {
        return false;
    }
    pending_insert_by_due(&slot->held, pending);
    return true;
}

static void settle_backoff(struct hg_engine *engine, struct policy_slot *slot, const struct pending *pending,
                           const struct op_reply *op, int64_t now_us, struct hg_answer *answer)
{
    int64_t left_us = op->until_us - slot_store_now(slot, now_us);
    if (left_us > 0) {
        /* Later than its end by up to a tenth, never earlier: those who failed together come back apart. */
        answer->retry_after_us = left_us + rng_between(&engine->rng, 0, left_us / 10);
        answer->limit = LIMIT_BACKOFF;
        return;
    }
    int fleet = slot_find_fleet(slot, pending->request.op.fleet);
    if (fleet >= 0 && slot->fleet_of[fleet] >= 0) {
        const struct snapshot_line *line = &slot->snapshot.fleets[slot->fleet_of[fleet]].lines[LINE_MAIN];
        struct advice_input advice = {
            .fleet = fleet, .line = LINE_MAIN, .number = line->tail + 1, .now_us = now_us};
        struct hg_answer again = *answer;
        engine_advise(engine, slot, &advice, &again);
        answer->retry_after_us = again.retry_after_us;
    }
}

void engine_settle(struct hg_engine *engine, size_t policy, struct pending *pending, const struct op_reply *op,
                   int64_t now_us)
{
    struct policy_slot *slot = engine->slots[policy];
    struct hg_answer answer = {.status = op->status, .op = op, .state = op->state, .phase = PHASE_COUNT,
                               .limit_dependency = -1, .eta_us = -1, .limit_value = -1, .limit_used = -1};
    explain(slot, op, &answer);
    if (op->state == INSTANCE_GRANTED) {
        int64_t left_us = op->until_us - slot_store_now(slot, now_us);
        answer.lease_us = left_us > 0 ? left_us : 0;
    } else if (op->state == INSTANCE_BACKOFF) {
        settle_backoff(engine, slot, pending, op, now_us, &answer);
    } else if (op->state == INSTANCE_WAITING) {
        if (op->status == 0 && hold(slot, pending, op, now_us)) {
            engine->counters.held++;
            return;
        }
        struct advice_input advice = {.fleet = slot_find_fleet(slot, pending->request.op.fleet),
                                      .line = op->line,
                                      .number = op->number,
                                      .called = op->called,
                                      .asks = pending->asks + 1,
                                      .now_us = now_us};
        if (advice.fleet >= 0) {
            engine_advise(engine, slot, &advice, &answer);
        }
    } else if (op->status == HG_E_STORE_FULL || op->status == HG_E_NOT_READY) {
        answer.retry_after_us = rng_between(&engine->rng, OVERLOAD_RETRY_US, 2 * OVERLOAD_RETRY_US);
    }
    engine_answer(engine, policy, pending, &answer);
}
