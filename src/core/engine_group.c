#include "core/engine_internal.h"

#include <stdlib.h>
#include <string.h>

/* Those held whose token should be there go before those who come now; and those whose token comes while this group is on
 * its way, or one that asks only now would find it first. */
static void recall_held(struct policy_slot *slot, int64_t now_us)
{
    struct pending *due[HOLD_MAX];
    size_t count = 0;
    int64_t until_us = slot->queue.count > 0 ? now_us + RECALL_AHEAD_US : now_us;
    while (count < HOLD_MAX && slot->held.first != NULL && slot->held.first->due_us <= until_us) {
        due[count++] = pending_pop(&slot->held);
    }
    pending_put_in_line(due, count);
    while (count > 0) {
        pending_push_front(&slot->queue, due[--count]);
    }
}

void engine_submit(struct hg_engine *engine, size_t policy, int64_t now_us)
{
    struct policy_slot *slot = engine->slots[policy];
    if (slot == NULL || slot->busy || slot->policy == NULL || engine->store_status != 0) {
        return;
    }
    recall_held(slot, now_us);
    if (slot->queue.count == 0 && !slot->tick_due) {
        return;
    }
    struct hg_effect *effect = effect_add(engine, HG_EFFECT_SUBMIT, policy);
    if (effect == NULL) {
        return; /* the next tick tries again */
    }
    effect->u.submit.group = &slot->group;
    slot->group.policy = slot->name;
    slot->group.seen_fence = engine->seen_fence[policy];
    slot->group.op_count = 0;
    if (slot->tick_due) {
        slot->tick_due = false;
        lead_add_ops(engine, policy, now_us);
    }
    while (slot->group.op_count < GROUP_OPS_MAX && slot->queue.count > 0) {
        struct pending *pending = pending_pop(&slot->queue);
        size_t at = slot->group.op_count++;
        slot->group.ops[at] = pending->request.op;
        slot->under_way[at] = pending;
        slot->own[at] = OWN_NONE;
        slot->own_text[at] = NULL;
    }
    if (slot->group.op_count == 0) {
        /* A tick with nothing to do; the SUBMIT may lie before log lines of that tick. */
        for (size_t i = engine->effect_count; i-- > 0;) {
            if (engine->effects[i].type == HG_EFFECT_SUBMIT && engine->effects[i].policy == policy) {
                memmove(&engine->effects[i], &engine->effects[i + 1],
                        (engine->effect_count - i - 1) * sizeof(engine->effects[0]));
                engine->effect_count--;
                break;
            }
        }
        return;
    }
    slot->busy = true;
    engine->counters.groups++;
    engine->counters.group_ops += (int64_t)slot->group.op_count;
}

struct op *group_add_own(struct policy_slot *slot, enum own_op own)
{
    if (slot->group.op_count == GROUP_OPS_MAX) {
        return NULL;
    }
    size_t at = slot->group.op_count++;
    memset(&slot->group.ops[at], 0, sizeof(slot->group.ops[at]));
    slot->under_way[at] = NULL;
    slot->own[at] = own;
    slot->own_text[at] = NULL;
    return &slot->group.ops[at];
}

/* Nothing is known of any of them: they are told to ask again, which is always safe. */
static void lose_group(struct hg_engine *engine, size_t policy, int status)
{
    struct policy_slot *slot = engine->slots[policy];
    engine->counters.store_losses++;
    for (size_t i = 0; i < slot->group.op_count; i++) {
        struct pending *pending = slot->under_way[i];
        slot->under_way[i] = NULL;
        free(slot->own_text[i]);
        slot->own_text[i] = NULL;
        if (slot->own[i] == OWN_NOTE && slot->policy != NULL) {
            lead_on_note(engine, policy, i, status);
        }
        slot->configure_due = slot->configure_due || (slot->own[i] == OWN_CONFIGURE && slot->leader != 0);
        if (pending != NULL) {
            (void)engine_refuse(engine, policy, pending->request.id, pending->request.item, status);
            free(pending);
        }
    }
}

void engine_on_store_reply(struct hg_engine *engine, size_t policy, struct group_reply *reply, int64_t now_us)
{
    struct policy_slot *slot = policy < engine->slot_count ? engine->slots[policy] : NULL;
    if (slot == NULL || !slot->busy) {
        return;
    }
    slot->busy = false;
    if (reply->status != 0 || reply->op_count != slot->group.op_count || slot->policy == NULL) {
        lose_group(engine, policy, reply->status != 0 ? reply->status : HG_E_STORE_AWAY);
    } else {
        slot_take_snapshot(slot, &reply->snapshot, now_us);
        if (reply->snapshot.fence > engine->seen_fence[policy]) {
            engine->seen_fence[policy] = reply->snapshot.fence;
        }
        for (size_t i = 0; i < slot->group.op_count; i++) {
            struct pending *pending = slot->under_way[i];
            slot->under_way[i] = NULL;
            if (pending != NULL) {
                engine_settle(engine, policy, pending, &reply->ops[i], now_us);
            } else {
                lead_on_reply(engine, policy, i, &reply->ops[i]);
                free(slot->own_text[i]);
                slot->own_text[i] = NULL;
            }
        }
        engine_recall(slot, now_us);
    }
    slot->group.op_count = 0;
    engine_submit(engine, policy, now_us);
}
