/* The leader's notes in the store: overrides it obeys, recoveries it records. */
#include "core/engine_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lead_on_overrides(struct hg_engine *engine, size_t policy, const struct op_reply *reply)
{
    struct policy_slot *slot = engine->slots[policy];
    if (reply->status != 0) {
        return;
    }
    for (size_t d = 0; d < slot->policy->dependency_count; d++) {
        override_read(&slot->dependencies[d].override, reply->notes, reply->note_count, true,
                      slot->policy->dependencies[d].name);
    }
    for (size_t f = 0; f < slot->policy->fleet_count; f++) {
        struct override override;
        override_read(&override, reply->notes, reply->note_count, false, slot->policy->fleets[f].name);
        slot->fleet_paused[f] = override.paused;
    }
    slot->notes_known = true;
    slot->notes_version = slot->snapshot.notes_version;
}

void lead_on_recoveries(struct hg_engine *engine, size_t policy, const struct op_reply *reply)
{
    struct policy_slot *slot = engine->slots[policy];
    if (reply->status != 0) {
        return;
    }
    slot->recovery_count = reply->note_count;
    slot->recovery_oldest = 0;
    for (size_t i = 0; i < reply->note_count; i++) {
        const struct note *note = &reply->notes[i];
        int64_t number = strtoll(note->key + strlen(RECOVERY_PREFIX), NULL, 10);
        slot->recovery_number = number > slot->recovery_number ? number : slot->recovery_number;
        if (slot->recovery_oldest == 0 || number < slot->recovery_oldest) {
            slot->recovery_oldest = number;
        }
        for (size_t d = 0; d < slot->policy->dependency_count; d++) {
            struct recovery *recovery = &slot->dependencies[d].recovery;
            if (!recovery->open && slot->dependency_of[d] >= 0 &&
                recovery_resume(recovery, note->value, &slot->snapshot.dependencies[slot->dependency_of[d]])) {
                recovery->dirty = false;
            }
        }
    }
    slot->recoveries_known = true;
    slot->tick_due = true;
}

static void note_key(struct policy_slot *slot, struct op *op, int64_t number)
{
    char *key = slot->own_key[slot->group.op_count - 1];
    snprintf(key, NOTE_KEY_MAX, RECOVERY_PREFIX "%010lld", (long long)number);
    op->kind = OP_NOTE_PUT;
    op->leader = slot->leader;
    op->key = key;
    op->until_us = TIME_NEVER_US;
}

static void add_one(struct policy_slot *slot, size_t d)
{
    struct recovery *recovery = &slot->dependencies[d].recovery;
    char *text = recovery_format(recovery, slot->name, &slot->snapshot.dependencies[slot->dependency_of[d]]);
    struct op *op = text == NULL ? NULL : group_add_own(slot, OWN_NOTE);
    if (op == NULL) {
        free(text);
        return; /* stays dirty */
    }
    note_key(slot, op, recovery->number);
    op->value = text;
    slot->own_text[slot->group.op_count - 1] = text;
    slot->own_number[slot->group.op_count - 1] = recovery->number;
    recovery->dirty = false;
}

void lead_on_note(struct hg_engine *engine, size_t policy, size_t op, int status)
{
    struct policy_slot *slot = engine->slots[policy];
    struct recovery *recovery = NULL;
    for (size_t d = 0; d < slot->policy->dependency_count && slot->own_number[op] > 0; d++) {
        if (slot->dependencies[d].recovery.number == slot->own_number[op]) {
            recovery = &slot->dependencies[d].recovery;
        }
    }
    if (recovery == NULL) {
        return;
    }
    if (status == HG_E_STORE_FULL) {
        effect_log(engine, policy, 2, "recovery", "policy=%s number=%lld why=\"the record was not kept: %s\"",
                   slot->name, (long long)recovery->number, hg_strerror(status));
    } else if (status != 0) {
        recovery->dirty = true;
    } else if (!recovery->open && !recovery->dirty) {
        slot->recovery_count++;
        recovery_finish(recovery);
    }
}

void lead_add_recoveries(struct policy_slot *slot)
{
    for (size_t d = 0; d < slot->policy->dependency_count; d++) {
        if (slot->dependencies[d].recovery.dirty && slot->dependency_of[d] >= 0) {
            add_one(slot, d);
        }
    }
    if (slot->recovery_count > RECOVERIES_KEPT && slot->recovery_oldest > 0) {
        struct op *op = group_add_own(slot, OWN_NOTE);
        if (op != NULL) {
            slot->own_number[slot->group.op_count - 1] = 0;
            note_key(slot, op, slot->recovery_oldest++);
            slot->recovery_count--;
        }
    }
}
