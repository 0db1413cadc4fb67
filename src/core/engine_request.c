#include "core/engine_internal.h"

#include <stdlib.h>
#include <string.h>

#define LOCAL_AGE_US    INT64_C(2000000)  /* a snapshot older than this answers nobody */
#define LOCAL_WAIT_US   INT64_C(10000000) /* only those whose turn is at least so far are answered without the store */

int engine_refuse(struct hg_engine *engine, size_t policy, uint64_t id, uint32_t item, int status)
{
    struct hg_effect *effect = effect_add(engine, HG_EFFECT_REPLY, policy);
    if (effect == NULL) {
        return HG_E_NOMEM;
    }
    int64_t retry_us = status == HG_E_STORE_AWAY ? AWAY_RETRY_US : OVERLOAD_RETRY_US;
    effect->u.reply.id = id;
    effect->u.reply.item = item;
    struct hg_answer *answer = &effect->u.reply.answer;
    answer->status = status;
    answer->phase = PHASE_COUNT;
    answer->limit_dependency = -1;
    answer->eta_us = answer->limit_value = answer->limit_used = -1;
    answer->retry_after_us = rng_between(&engine->rng, retry_us, 2 * retry_us);
    engine->counters.overloads += status == HG_E_OVERLOAD;
    return 0;
}

void engine_answer(struct hg_engine *engine, size_t policy, struct pending *pending, const struct hg_answer *answer)
{
    struct hg_effect *effect = effect_add(engine, HG_EFFECT_REPLY, policy);
    if (effect == NULL) {
        /* No memory to answer with: the question is asked again, which is always safe. */
        pending_push_front(&engine->slots[policy]->queue, pending);
        return;
    }
    effect->u.reply.id = pending->request.id;
    effect->u.reply.item = pending->request.item;
    effect->u.reply.answer = *answer;
    pending->next = engine->done;
    engine->done = pending;
}

void engine_answer_all(struct hg_engine *engine, size_t policy, struct pending_list *list, int status)
{
    struct pending *pending;
    while ((pending = pending_pop(list)) != NULL) {
        (void)engine_refuse(engine, policy, pending->request.id, pending->request.item, status);
        free(pending);
    }
}

/* An instance whose turn is far is told so from the ticket it brings, without the store: a lie hurts only the liar, who
 * is not granted earlier and keeps his place. */
static bool answer_from_ticket(struct hg_engine *engine, size_t policy, const struct hg_request *request,
                               int64_t asks, enum line line, int64_t number, int64_t now_us)
{
    struct policy_slot *slot = engine->slots[policy];
    int fleet = slot_find_fleet(slot, request->op.fleet);
    if (fleet < 0 || slot->fleet_of[fleet] < 0 || now_us - slot->snapshot_at_us > LOCAL_AGE_US ||
        slot->policy->mode == HG_POLICY_OBSERVE) {
        return false;
    }
    const struct snapshot_line *seen = &slot->snapshot.fleets[slot->fleet_of[fleet]].lines[line];
    int64_t serving = line_serving(seen, slot_store_now(slot, now_us));
    if (number <= serving || number > seen->tail) {
        return false;
    }
    struct hg_answer answer = {.state = INSTANCE_WAITING, .limit = LIMIT_LINE, .limit_dependency = -1,
                               .phase = PHASE_COUNT, .limit_value = -1, .limit_used = -1};
    struct advice_input advice = {
        .fleet = fleet, .line = line, .number = number, .asks = asks + 1, .now_us = now_us};
    engine_advise(engine, slot, &advice, &answer);
    if (answer.eta_us >= 0 && answer.eta_us < LOCAL_WAIT_US) {
        return false;
    }
    struct hg_effect *effect = effect_add(engine, HG_EFFECT_REPLY, policy);
    if (effect == NULL) {
        return false;
    }
    effect->u.reply.id = request->id;
    effect->u.reply.item = request->item;
    effect->u.reply.answer = answer;
    engine->counters.answered_locally++;
    return true;
}

int engine_on_request(struct hg_engine *engine, size_t policy, const struct hg_request *request, int64_t now_us)
{
    struct policy_slot *slot = policy < engine->slot_count ? engine->slots[policy] : NULL;
    engine->counters.requests++;
    if (slot == NULL || slot->policy == NULL) {
        return engine_refuse(engine, policy, request->id, request->item, HG_E_NOT_FOUND);
    }
    if (engine->store_status != 0) {
        return engine_refuse(engine, policy, request->id, request->item, engine->store_status);
    }
    if (!slot->has_snapshot || slot->snapshot.generation < 0) {
        return engine_refuse(engine, policy, request->id, request->item, HG_E_NOT_READY);
    }
    if (slot->queue.count >= PENDING_MAX) {
        return engine_refuse(engine, policy, request->id, request->item, HG_E_OVERLOAD);
    }
    enum line line = LINE_MAIN;
    int64_t number = 0, asks = 0;
    bool ticket = request->op.kind == OP_ACQUIRE && request->ticket != NULL &&
                  ticket_parse(request->ticket, &line, &number, &asks);
    if (ticket && !request->op.priority && answer_from_ticket(engine, policy, request, asks, line, number, now_us)) {
        return 0;
    }
    struct pending *pending = pending_create(request, now_us);
    if (pending == NULL) {
        return HG_E_NOMEM;
    }
    pending->asks = asks;
    pending->request.op.observe = request->op.kind == OP_ACQUIRE && slot->policy->mode == HG_POLICY_OBSERVE;
    pending_push(&slot->queue, pending);
    engine_submit(engine, policy, now_us);
    return 0;
}
