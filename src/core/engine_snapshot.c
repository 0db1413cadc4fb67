#include "core/engine_internal.h"

#include <string.h>

#define MEASURE_US INT64_C(200000) /* shortest span that a rate is measured over */
#define SMOOTH_S   3.0

static int find(const struct policy_slot *slot, const char *name, bool fleet)
{
    const struct snapshot *snapshot = &slot->snapshot;
    size_t count = fleet ? snapshot->fleet_count : snapshot->dependency_count;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fleet ? snapshot->fleets[i].name : snapshot->dependencies[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

void slot_map(struct policy_slot *slot)
{
    for (size_t d = 0; d < slot->policy->dependency_count; d++) {
        slot->dependency_of[d] = find(slot, slot->policy->dependencies[d].name, false);
    }
    for (size_t f = 0; f < slot->policy->fleet_count; f++) {
        slot->fleet_of[f] = find(slot, slot->policy->fleets[f].name, true);
    }
}

static void measure(struct policy_slot *slot)
{
    int64_t span_us = slot->snapshot.now_us - slot->observed.at_us;
    if (span_us >= 0 && span_us < MEASURE_US) {
        return;
    }
    double dt = (double)span_us / 1e6, granted[HG_DEPENDENCIES_MAX] = {0};
    bool first = slot->observed.at_us == 0 || span_us < 0;
    for (size_t f = 0; f < slot->policy->fleet_count; f++) {
        if (slot->fleet_of[f] < 0) {
            continue;
        }
        int64_t total = slot->snapshot.fleets[slot->fleet_of[f]].granted;
        const struct hg_fleet *fleet = &slot->policy->fleets[f];
        for (size_t n = 0; n < fleet->need_count && !first; n++) {
            int64_t gained = total > slot->observed.granted[f] ? total - slot->observed.granted[f] : 0;
            granted[fleet->needs[n].dependency] += (double)gained * (double)fleet->needs[n].cost;
        }
        slot->observed.granted[f] = total;
    }
    for (size_t d = 0; d < slot->policy->dependency_count && !first; d++) {
        slot->observed.rate[d] += (granted[d] / dt - slot->observed.rate[d]) * dt / (dt + SMOOTH_S);
    }
    slot->observed.at_us = slot->snapshot.now_us;
}

/* What a forecast rests on is another: limits, phases, or which dependencies there are. */
static bool limits_moved(const struct snapshot *old, const struct snapshot *snapshot)
{
    bool moved = old->dependency_count != snapshot->dependency_count;
    for (size_t d = 0; d < snapshot->dependency_count && !moved; d++) {
        const struct snapshot_dependency *a = &old->dependencies[d], *b = &snapshot->dependencies[d];
        moved = a->window != b->window || a->in_flight_max != b->in_flight_max || a->rate_milli != b->rate_milli ||
                a->phase != b->phase || a->paced != b->paced || a->pace_milli != b->pace_milli;
    }
    return moved;
}

void slot_take_snapshot(struct policy_slot *slot, const struct snapshot *snapshot, int64_t now_us)
{
    if (limits_moved(&slot->snapshot, snapshot)) {
        slot->outlook_at_us = 0;
    }
    slot->snapshot = *snapshot;
    slot->snapshot_at_us = now_us;
    slot->has_snapshot = true;
    slot_map(slot);
    for (size_t d = 0; d < slot->policy->dependency_count; d++) {
        if (slot->dependency_of[d] >= 0) {
            enum phase phase = snapshot->dependencies[slot->dependency_of[d]].phase;
            if (slot->phase_since_us[d] == 0 || phase != slot->phase_seen[d]) {
                slot->phase_seen[d] = phase;
                slot->phase_since_us[d] = snapshot->now_us;
            }
        }
    }
    for (size_t f = 0; f < slot->policy->fleet_count; f++) {
        const struct snapshot_fleet *fleet = slot->fleet_of[f] < 0 ? NULL : &snapshot->fleets[slot->fleet_of[f]];
        bool shut = fleet != NULL && (fleet->paused || fleet->held);
        slot->shut_since_us[f] = !shut ? 0 : slot->shut_since_us[f] == 0 ? snapshot->now_us : slot->shut_since_us[f];
    }
    measure(slot);
}
