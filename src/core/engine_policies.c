/* A new set of policies, all or nothing: what stays keeps its state, what is gone is drained by the store. */
#include "core/engine_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void slot_destroy(struct policy_slot *slot)
{
    if (slot == NULL) {
        return;
    }
    pending_list_clear(&slot->queue);
    pending_list_clear(&slot->held);
    for (size_t i = 0; i < GROUP_OPS_MAX; i++) {
        free(slot->under_way[i]);
        free(slot->own_text[i]);
    }
    for (size_t d = 0; d < HG_DEPENDENCIES_MAX; d++) {
        dependency_finish(&slot->dependencies[d]);
    }
    free(slot);
}

static struct policy_slot *find_slot(struct hg_engine *engine, const char *name)
{
    for (size_t i = 0; i < engine->slot_count; i++) {
        if (engine->slots[i] != NULL && strcmp(engine->slots[i]->name, name) == 0) {
            return engine->slots[i];
        }
    }
    return NULL;
}

/* A slot for a policy that has none: a free place, or a new one at the end. */
static struct policy_slot *new_slot(struct hg_engine *engine, const struct hg_policy *policy, int64_t now_us)
{
    struct policy_slot *slot = calloc(1, sizeof(*slot));
    if (slot == NULL) {
        return NULL;
    }
    memcpy(slot->name, policy->name, strnlen(policy->name, HG_NAME_MAX));
    slot->tick_us = now_us;
    for (size_t i = 0; i < engine->slot_count; i++) {
        struct policy_slot *old = engine->slots[i];
        if (old != NULL && old->policy == NULL && !old->busy) {
            slot_destroy(old);
            engine->slots[i] = slot;
            engine->seen_fence[i] = 0;
            return slot;
        }
    }
    if (engine->slot_count == SLOTS_MAX) {
        free(slot);
        return NULL;
    }
    engine->slots[engine->slot_count++] = slot;
    return slot;
}

/* Moves what the leader knows to the new policy's order of dependencies and fleets, by name. */
static int remap_leader(struct policy_slot *slot, const struct hg_policy *old, const struct hg_policy *policy)
{
    struct dependency *kept = malloc(sizeof(slot->dependencies));
    if (kept == NULL) {
        return HG_E_NOMEM;
    }
    memcpy(kept, slot->dependencies, sizeof(slot->dependencies));
    memset(slot->dependencies, 0, sizeof(slot->dependencies));
    for (size_t o = 0; o < old->dependency_count; o++) {
        size_t d = 0;
        while (d < policy->dependency_count &&
               strcmp(policy->dependencies[d].name, old->dependencies[o].name) != 0) {
            d++;
        }
        if (d < policy->dependency_count) {
            slot->dependencies[d] = kept[o];
            for (size_t p = 0; p < HG_PROBES_MAX; p++) {
                slot->dependencies[d].probes[p].state = PROBE_UNKNOWN; /* they start anew */
            }
        } else {
            dependency_finish(&kept[o]);
        }
    }
    free(kept);
    struct line_planner_fleet fleets[HG_FLEETS_MAX];
    memcpy(fleets, slot->planner.fleets, sizeof(fleets));
    memset(slot->planner.fleets, 0, sizeof(slot->planner.fleets));
    for (size_t f = 0; f < policy->fleet_count; f++) {
        for (size_t o = 0; o < old->fleet_count; o++) {
            if (strcmp(policy->fleets[f].name, old->fleets[o].name) == 0) {
                slot->planner.fleets[f] = fleets[o];
            }
        }
    }
    return 0;
}

/* Fleets that were and are no more: what they hold may still be completed. The oldest names are forgotten first. */
static void note_gone(struct policy_slot *slot, const struct hg_policy *old)
{
    for (size_t f = 0; f < old->fleet_count; f++) {
        if (slot_find_fleet(slot, old->fleets[f].name) < 0) {
            char *place = slot->gone[slot->gone_next++ % HG_FLEETS_MAX];
            snprintf(place, HG_NAME_MAX + 1, "%s", old->fleets[f].name);
        }
    }
}

/* Does not fail: the old policy may be gone the moment after. */
static void replace(struct hg_engine *engine, struct policy_slot *slot, const struct hg_policy *policy)
{
    size_t index = 0;
    while (engine->slots[index] != slot) {
        index++;
    }
    if (slot->policy != NULL && slot->initialized && remap_leader(slot, slot->policy, policy) != 0) {
        lead_lose(engine, index, "no memory to carry over what it knows"); /* the store knows it too */
    }
    const struct hg_policy *old = slot->policy;
    slot->policy = policy;
    if (old != NULL) {
        note_gone(slot, old);
    }
    slot->configure_due = slot->leader != 0;
    slot->tick_due = true;
    slot->older_told = false;
    slot->notes_known = false;
    memset(slot->fleet_paused, 0, sizeof(slot->fleet_paused));
    memset(slot->sweep, 0, sizeof(slot->sweep));
    memset(&slot->observed, 0, sizeof(slot->observed));
    memset(slot->phase_since_us, 0, sizeof(slot->phase_since_us));
    memset(slot->shut_since_us, 0, sizeof(slot->shut_since_us));
    slot->outlook_at_us = 0;
    if (slot->has_snapshot) {
        slot_map(slot);
    }
    if (slot->probing) {
        effect_add(engine, HG_EFFECT_STOP_PROBES, index);
        slot->probing = effect_add(engine, HG_EFFECT_START_PROBES, index) != NULL; /* if not, the next tick does */
    }
}

static bool in_set(const struct hg_policy_set *set, const char *name)
{
    for (size_t i = 0; i < set->policy_count; i++) {
        if (strcmp(set->policies[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

int engine_on_policies(struct hg_engine *engine, const struct hg_policy_set *set, int64_t now_us)
{
    int status = 0;
    for (size_t i = 0; i < engine->slot_count; i++) {
        struct policy_slot *slot = engine->slots[i];
        if (slot != NULL && slot->policy != NULL && !in_set(set, slot->name)) {
            lead_lose(engine, i, "the policy is gone");
            slot->policy = NULL;
            engine_answer_all(engine, i, &slot->queue, HG_E_NOT_FOUND);
            engine_answer_all(engine, i, &slot->held, HG_E_NOT_FOUND);
        }
    }
    for (size_t i = 0; i < set->policy_count; i++) {
        struct policy_slot *slot = find_slot(engine, set->policies[i].name);
        if (slot == NULL) {
            slot = new_slot(engine, &set->policies[i], now_us);
        }
        if (slot == NULL) {
            status = HG_E_NOMEM;
        } else {
            replace(engine, slot, &set->policies[i]);
        }
    }
    for (size_t i = 0; i < engine->slot_count; i++) {
        engine_submit(engine, i, now_us);
    }
    return status;
}
