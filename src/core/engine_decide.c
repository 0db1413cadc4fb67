/* One leader's tick: each dependency's phase and limits, then the line plan, all into one fenced write. */
#include "core/engine_internal.h"

#include <stdio.h>
#include <string.h>

static void sum_fleets(const struct policy_slot *slot, size_t dependency, struct dependency_input *input)
{
    input->cost = 1;
    for (size_t f = 0; f < slot->policy->fleet_count; f++) {
        const struct hg_fleet *fleet = &slot->policy->fleets[f];
        for (size_t n = 0; n < fleet->need_count; n++) {
            if (fleet->needs[n].dependency != dependency || slot->fleet_of[f] < 0) {
                continue;
            }
            const struct snapshot_fleet *state = &slot->snapshot.fleets[slot->fleet_of[f]];
            input->size += fleet->size;
            input->cost = fleet->needs[n].cost > input->cost ? fleet->needs[n].cost : input->cost;
            input->silent += state->backoff;
            input->fleets[f] = (struct blame_fleet){.recovered = state->recovered,
                                                    .failed = state->failed + state->expired,
                                                    .retries = state->lines[LINE_RETRY].granted};
            for (size_t l = 0; l < LINE_COUNT; l++) {
                const struct snapshot_line *line = &state->lines[l];
                int64_t uncalled = line->tail > line->serving ? line->tail - line->serving : 0;
                int64_t here = uncalled + line->ready;
                here = here < line->waiting ? here : line->waiting;
                input->line += here;
                input->silent += line->waiting - here;
            }
        }
    }
}

static struct dependency_input input_of(struct hg_engine *engine, struct policy_slot *slot, size_t d, int64_t now_us)
{
    struct dependency_input input = {
        .now_us = now_us,
        .policy = &slot->policy->dependencies[d],
        .snapshot = &slot->snapshot.dependencies[slot->dependency_of[d]],
        .learning = slot->snapshot.learning_until_us > now_us,
        .recovery_number = &slot->recovery_number,
        .law = engine->law,
        .law_context = engine->law_context,
        .index = d,
        .rng = &engine->rng,
    };
    sum_fleets(slot, d, &input);
    return input;
}

static void tell_moves(struct hg_engine *engine, size_t policy, size_t d, bool was_open)
{
    struct policy_slot *slot = engine->slots[policy];
    const struct dependency *dependency = &slot->dependencies[d];
    const char *name = slot->policy->dependencies[d].name;
    if (dependency->phase != dependency->phase_before) {
        bool trouble = dependency->phase == PHASE_BLOCKED || dependency->phase == PHASE_FROZEN;
        effect_log(engine, policy, trouble ? 2 : 1, "phase",
                   "policy=%s dependency=%s from=%s to=%s cohort=%lld why=\"%s\"",
                   slot->name, name, phase_name(dependency->phase_before), phase_name(dependency->phase),
                   (long long)dependency->cohort, dependency->why);
    } else if (dependency->cohort != dependency->cohort_before && !dependency->sliced) {
        effect_log(engine, policy, 1, "limit", "policy=%s dependency=%s window=%lld pace=%lld cohort=%lld why=\"%s\"",
                   slot->name, name, (long long)dependency->limiter.window,
                   (long long)(dependency->limiter.paced ? dependency->limiter.pace_milli : -1),
                   (long long)dependency->cohort, dependency->why);
    }
    if (dependency->shed_moved) {
        effect_log(engine, policy, dependency->shed.unrecoverable ? 2 : 1, "shed",
                   "policy=%s dependency=%s unrecoverable=%s why=\"%s\"", slot->name, name,
                   dependency->shed.unrecoverable ? "true" : "false",
                   dependency->shed.unrecoverable ? "not recoverable by admission: shed background load"
                                                  : "recoverable again: the gauge is below its soft mark");
    }
    const struct recovery *recovery = &dependency->recovery;
    if (recovery->open != was_open) {
        effect_log(engine, policy, 1, "recovery", "policy=%s dependency=%s number=%lld state=%s seconds=%.1f",
                   slot->name, name, (long long)recovery->number, recovery->open ? "began" : "ended",
                   recovery->open ? 0.0 : (double)(recovery->ended_us - recovery->began_us) / 1e6);
    }
    snprintf(slot->why[d], sizeof(slot->why[d]), "%s", dependency->why);
}

void lead_decide(struct hg_engine *engine, size_t policy, int64_t now_us)
{
    struct policy_slot *slot = engine->slots[policy];
    int64_t store_now_us = slot_store_now(slot, now_us);
    memset(&slot->plan, 0, sizeof(slot->plan));
    slot->plan.leader = slot->leader;
    for (size_t d = 0; d < slot->policy->dependency_count; d++) {
        if (slot->dependency_of[d] < 0) {
            continue;
        }
        struct dependency_input input = input_of(engine, slot, d, store_now_us);
        bool was_open = slot->dependencies[d].recovery.open;
        dependency_step(&slot->dependencies[d], &input);
        tell_moves(engine, policy, d, was_open);
        dependency_plan(&slot->dependencies[d], &input, &slot->plan.dependencies[d]);
    }
    slot->plan.dependency_count = slot->policy->dependency_count;
    struct line_plan_input input = {
        .now_us = store_now_us,
        .policy = slot->policy,
        .snapshot = &slot->snapshot,
        .fleet_of = slot->fleet_of,
        .dependency_of = slot->dependency_of,
        .plan = &slot->plan,
        .fleet_paused = slot->fleet_paused,
    };
    line_plan(&slot->planner, &input, &slot->plan);
}

static void init_planner(struct policy_slot *slot, bool refit)
{
    struct line_plan_input input = {
        .now_us = slot->snapshot.now_us,
        .policy = slot->policy,
        .snapshot = &slot->snapshot,
        .fleet_of = slot->fleet_of,
        .dependency_of = slot->dependency_of,
    };
    if (refit) {
        line_planner_refit(&slot->planner, &input);
    } else {
        line_planner_init(&slot->planner, &input);
    }
}

static void init_dependency(struct policy_slot *slot, size_t d)
{
    if (slot->dependency_of[d] >= 0) {
        dependency_finish(&slot->dependencies[d]);
        dependency_init(&slot->dependencies[d], &slot->policy->dependencies[d],
                        &slot->snapshot.dependencies[slot->dependency_of[d]], slot->snapshot.now_us);
    }
}

void lead_refit(struct policy_slot *slot)
{
    for (size_t d = 0; d < slot->policy->dependency_count; d++) {
        if (slot->dependencies[d].limiter.ops == NULL) {
            init_dependency(slot, d); /* new with this policy */
        } else {
            dependency_forget_fleets(&slot->dependencies[d]);
        }
    }
    init_planner(slot, true);
}

void lead_take_over(struct hg_engine *engine, size_t policy)
{
    struct policy_slot *slot = engine->slots[policy];
    for (size_t d = 0; d < slot->policy->dependency_count; d++) {
        init_dependency(slot, d);
    }
    init_planner(slot, false);
    slot->initialized = true;
    slot->notes_known = false;
    slot->recoveries_known = false;
}

/* Places called long ago that nobody came to take are dropped, a few at a time. Not while called ones are kept
 * waiting: they have come, and hold their places. */
void lead_add_sweep(struct policy_slot *slot)
{
    int64_t now_us = slot->snapshot.now_us;
    if (now_us - slot->sweep_at_us < SWEEP_US || slot->policy->fleet_count == 0) {
        return;
    }
    slot->sweep_at_us = now_us;
    size_t f = slot->sweep_fleet++ % slot->policy->fleet_count;
    if (slot->fleet_of[f] < 0) {
        return;
    }
    const struct snapshot_fleet *fleet = &slot->snapshot.fleets[slot->fleet_of[f]];
    int64_t lease_us = slot->policy->fleets[f].lease_us;
    int64_t grace_us = lease_us > REMEMBER_MIN_US ? lease_us : REMEMBER_MIN_US;
    bool kept_waiting = fleet->lines[LINE_MAIN].ready + fleet->lines[LINE_RETRY].ready > 0 || fleet->held ||
                        fleet->paused;
    if (kept_waiting || slot->sweep[f].marked_us == 0 || now_us - slot->sweep[f].marked_us >= grace_us) {
        for (size_t l = 0; l < LINE_COUNT; l++) {
            slot->sweep[f].serving[l] = kept_waiting ? 0 : slot->sweep[f].serving_next[l];
            slot->sweep[f].serving_next[l] = fleet->lines[l].serving;
        }
        slot->sweep[f].marked_us = now_us;
    }
    bool any = slot->sweep[f].serving[LINE_MAIN] > 0 || slot->sweep[f].serving[LINE_RETRY] > 0;
    struct op *op = any && !kept_waiting ? group_add_own(slot, OWN_SWEEP) : NULL;
    if (op != NULL) {
        op->kind = OP_SWEEP;
        op->fleet = slot->policy->fleets[f].name;
        op->leader = slot->leader;
        op->number = slot->sweep[f].serving[LINE_MAIN];
        op->number_retry = slot->sweep[f].serving[LINE_RETRY];
    }
}
