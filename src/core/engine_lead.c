/* Who leads a policy: one LEAD a tick; whoever holds the lock configures, decides and plans, fenced by its number. */
#include "core/engine_internal.h"

#include <string.h>

void lead_lose(struct hg_engine *engine, size_t policy, const char *why)
{
    struct policy_slot *slot = engine->slots[policy];
    if (slot->leader != 0) {
        effect_log(engine, policy, 1, "leader", "policy=%s leading=false number=%lld why=\"%s\"", slot->name,
                   (long long)slot->leader, why);
    }
    slot->leader = 0;
    slot->initialized = false;
    slot->recoveries_known = false;
    for (size_t d = 0; d < HG_DEPENDENCIES_MAX; d++) {
        dependency_finish(&slot->dependencies[d]);
    }
    if (slot->probing && effect_add(engine, HG_EFFECT_STOP_PROBES, policy) != NULL) {
        slot->probing = false;
    }
}

static void on_lead(struct hg_engine *engine, size_t policy, const struct op_reply *reply)
{
    struct policy_slot *slot = engine->slots[policy];
    if (reply->status != 0 || reply->leader == 0 || engine->resigned) {
        if (slot->leader != 0) {
            lead_lose(engine, policy, engine->resigned ? "shutting down" : "another controller leads");
        }
        bool older = slot->snapshot.generation > slot->policy->generation;
        if (older && !slot->older_told) {
            effect_log(engine, policy, 2, "generation",
                       "policy=%s generation=%lld in_force=%lld why=\"this controller's policy is older: it serves but "
                       "does not lead\"",
                       slot->name, (long long)slot->policy->generation, (long long)slot->snapshot.generation);
        }
        slot->older_told = older;
        return;
    }
    if (reply->leader == slot->leader) {
        return;
    }
    /* The same controller again, with nobody in between: what it knows still holds. */
    bool still_known = slot->leader != 0 && reply->leader == slot->leader + 1;
    if (slot->leader != 0 && !still_known) {
        lead_lose(engine, policy, "another controller led meanwhile");
    }
    slot->leader = reply->leader;
    slot->configure_due = true;
    slot->tick_due = true;
    effect_log(engine, policy, 1, "leader", "policy=%s leading=true number=%lld", slot->name,
               (long long)slot->leader);
}

static void on_configure(struct hg_engine *engine, size_t policy, const struct op_reply *reply)
{
    struct policy_slot *slot = engine->slots[policy];
    if (reply->status != 0) {
        lead_lose(engine, policy, hg_strerror(reply->status));
        return;
    }
    slot->configured_for = slot->leader;
    if (slot->initialized) {
        lead_refit(slot);
    } else {
        lead_take_over(engine, policy);
    }
    slot->tick_due = true;
}

void lead_on_reply(struct hg_engine *engine, size_t policy, size_t op, const struct op_reply *reply)
{
    struct policy_slot *slot = engine->slots[policy];
    switch (slot->own[op]) {
    case OWN_LEAD:
        on_lead(engine, policy, reply);
        break;
    case OWN_CONFIGURE:
        on_configure(engine, policy, reply);
        break;
    case OWN_PLAN:
        /* Not when the number is one of ours that has grown since, in the same group. */
        if (reply->status == HG_E_STALE && slot->plan.leader == slot->leader) {
            lead_lose(engine, policy, "a newer leader has written");
        }
        break;
    case OWN_OVERRIDES:
        lead_on_overrides(engine, policy, reply);
        break;
    case OWN_RECOVERIES:
        lead_on_recoveries(engine, policy, reply);
        break;
    case OWN_NOTE:
        lead_on_note(engine, policy, op, reply->status);
        break;
    case OWN_SWEEP:
    case OWN_NONE:
        break;
    }
}

static void add_leader_ops(struct hg_engine *engine, size_t policy, int64_t now_us)
{
    struct policy_slot *slot = engine->slots[policy];
    struct op *op;
    if (slot->configure_due && (op = group_add_own(slot, OWN_CONFIGURE)) != NULL) {
        op->kind = OP_CONFIGURE;
        op->leader = slot->leader;
        op->generation = slot->policy->generation;
        op->policy = slot->policy;
        op->fresh = engine->new_store && slot->configured_for == 0;
        slot->configure_due = false;
        return; /* what follows needs the configured snapshot: the next tick, at once */
    }
    if (!slot->initialized) {
        slot->configure_due = true; /* the answer to CONFIGURE was lost */
        return;
    }
    if (!slot->probing && effect_add(engine, HG_EFFECT_START_PROBES, policy) != NULL) {
        slot->probing = true;
    }
    if (slot->recoveries_known && slot->notes_known) {
        lead_decide(engine, policy, now_us);
        if ((op = group_add_own(slot, OWN_PLAN)) != NULL) {
            op->kind = OP_PLAN;
            op->leader = slot->leader;
            op->plan = &slot->plan;
        }
        lead_add_recoveries(slot);
        lead_add_sweep(slot);
    }
    if (!slot->recoveries_known && (op = group_add_own(slot, OWN_RECOVERIES)) != NULL) {
        op->kind = OP_NOTE_LIST;
        op->key = RECOVERY_PREFIX;
        op->count = LIST_PAGE_MAX;
    }
}

void lead_add_ops(struct hg_engine *engine, size_t policy, int64_t now_us)
{
    struct policy_slot *slot = engine->slots[policy];
    struct op *op;
    if ((!engine->resigned || slot->leader != 0) && (op = group_add_own(slot, OWN_LEAD)) != NULL) {
        op->kind = OP_LEAD;
        op->leader_id = engine->controller_id;
        op->lease_us = engine->resigned ? 0 : LEAD_LEASE_US; /* 0 gives the lock up at once */
        op->generation = slot->policy->generation;
    }
    bool unread = !slot->notes_known || slot->notes_version != slot->snapshot.notes_version;
    if (slot->has_snapshot && unread && (op = group_add_own(slot, OWN_OVERRIDES)) != NULL) {
        op->kind = OP_NOTE_LIST;
        op->key = OVERRIDE_PREFIX;
        op->count = LIST_PAGE_MAX;
    }
    if (slot->leader != 0 && !engine->resigned) {
        add_leader_ops(engine, policy, now_us);
    }
}
