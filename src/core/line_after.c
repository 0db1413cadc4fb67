#include "core/line_after.h"

static int64_t outstanding(const struct snapshot_fleet *fleet)
{
    return fleet->lines[LINE_MAIN].waiting + fleet->lines[LINE_RETRY].waiting + fleet->in_flight + fleet->backoff;
}

static void watch(struct line_planner_fleet *fleet, const struct snapshot_fleet *snapshot, int64_t now_us)
{
    if (outstanding(snapshot) > 0) {
        if (fleet->quiet_from_us != 0 && now_us - fleet->quiet_from_us > AFTER_QUIET_US) {
            fleet->recovered_before = snapshot->recovered; /* a new crowd */
        }
        fleet->quiet_from_us = 0;
    } else if (fleet->quiet_from_us == 0) {
        fleet->quiet_from_us = now_us;
    }
}

/* Whether `fleet` is not back yet. Instances that have not asked are not known; so, while some of it are out, it counts
 * as back only when so many recovered, not when so few wait. */
static bool must_wait_for(const struct line_planner_fleet *fleet, const struct snapshot_fleet *snapshot, int64_t size,
                          int64_t share_permille, int64_t now_us, bool waits_already)
{
    int64_t need = size * share_permille / 1000;
    int64_t out = outstanding(snapshot);
    if (snapshot->recovered - fleet->recovered_before >= need) {
        return false;
    }
    if (out > size - need) {
        return true;
    }
    bool quiet = fleet->quiet_from_us != 0 && now_us - fleet->quiet_from_us > AFTER_QUIET_US;
    return waits_already && !quiet;
}

static bool must_wait(const struct line_planner *planner, const struct line_plan_input *input, size_t f)
{
    const struct hg_fleet *policy = &input->policy->fleets[f];
    const struct line_planner_fleet *fleet = &planner->fleets[f];
    for (size_t a = 0; a < policy->after_count; a++) {
        const struct hg_after *after = &policy->after[a];
        if (input->fleet_of[after->fleet] < 0) {
            continue;
        }
        bool late = after->at_latest_us > 0 && fleet->wait_from_us > 0 &&
                    input->now_us - fleet->wait_from_us >= after->at_latest_us;
        if (!late && must_wait_for(&planner->fleets[after->fleet],
                                   &input->snapshot->fleets[input->fleet_of[after->fleet]],
                                   input->policy->fleets[after->fleet].size, after->share_permille, input->now_us,
                                   fleet->held)) {
            return true;
        }
    }
    return false;
}

void line_after_step(struct line_planner *planner, const struct line_plan_input *input)
{
    for (size_t f = 0; f < input->policy->fleet_count; f++) {
        if (input->fleet_of[f] >= 0) {
            watch(&planner->fleets[f], &input->snapshot->fleets[input->fleet_of[f]], input->now_us);
        }
    }
    for (size_t f = 0; f < input->policy->fleet_count; f++) {
        struct line_planner_fleet *fleet = &planner->fleets[f];
        if (input->fleet_of[f] < 0 || input->policy->fleets[f].after_count == 0) {
            continue;
        }
        const struct snapshot_fleet *snapshot = &input->snapshot->fleets[input->fleet_of[f]];
        bool waits = snapshot->lines[LINE_MAIN].waiting + snapshot->lines[LINE_RETRY].waiting > 0;
        bool was_held = fleet->held;
        fleet->held = !fleet->let_go && must_wait(planner, input, f);
        if (fleet->held && waits && fleet->wait_from_us == 0) {
            fleet->wait_from_us = input->now_us;
        }
        /* Once let go, this crowd is not held again; the next one is. */
        fleet->let_go = (fleet->let_go || (was_held && !fleet->held)) && outstanding(snapshot) > 0;
        if (!fleet->held || !waits) {
            fleet->wait_from_us = fleet->held ? fleet->wait_from_us : 0;
        }
    }
}
