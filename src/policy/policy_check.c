#include "policy/policy_loader.h"

#include <stdio.h>

static void check_costs(struct loader *loader, const struct hg_policy *policy, const struct hg_fleet *fleet)
{
    char path[POLICY_PATH_MAX];
    for (size_t n = 0; n < fleet->need_count; n++) {
        const struct hg_dependency *dependency = &policy->dependencies[fleet->needs[n].dependency];
        int64_t burst = dependency->burst - dependency->reserve_burst;
        int64_t room = dependency->in_flight_max - dependency->reserve_in_flight;
        snprintf(path, sizeof(path), "$.fleets.%s.needs.%s", fleet->name, dependency->name);
        if (fleet->needs[n].cost > burst) {
            loader_error(loader, path,
                         "a cost of %lld never fits in a burst of %lld (%lld of it reserved); raise bucket.burst or "
                         "lower the cost",
                         (long long)fleet->needs[n].cost, (long long)dependency->burst,
                         (long long)dependency->reserve_burst);
        }
        if (fleet->needs[n].cost > room) {
            loader_error(loader, path,
                         "a cost of %lld never fits in an in-flight limit of %lld (%lld of it reserved); raise "
                         "in_flight.max or lower the cost",
                         (long long)fleet->needs[n].cost, (long long)dependency->in_flight_max,
                         (long long)dependency->reserve_in_flight);
        }
    }
}

static void check_after(struct loader *loader, const struct hg_policy *policy, const struct hg_fleet *fleet)
{
    char path[POLICY_PATH_MAX];
    for (size_t a = 0; a < fleet->after_count; a++) {
        const struct hg_fleet *first = &policy->fleets[fleet->after[a].fleet];
        if (first->size == 0) {
            snprintf(path, sizeof(path), "$.fleets.%s.after.%s", fleet->name, first->name);
            loader_error(loader, path, "its share cannot be told without a size; add \"size\" to $.fleets.%s",
                         first->name);
        }
    }
}

/* Whether `from` waits for `to`, directly or through others. */
static bool waits_for(const struct hg_policy *policy, size_t from, size_t to, bool *seen)
{
    if (seen[from]) {
        return false;
    }
    seen[from] = true;
    for (size_t a = 0; a < policy->fleets[from].after_count; a++) {
        size_t next = policy->fleets[from].after[a].fleet;
        if (next == to || waits_for(policy, next, to, seen)) {
            return true;
        }
    }
    return false;
}

void policy_check(struct loader *loader, const struct hg_policy *policy)
{
    char path[POLICY_PATH_MAX];
    for (size_t f = 0; f < policy->fleet_count; f++) {
        const struct hg_fleet *fleet = &policy->fleets[f];
        bool seen[HG_FLEETS_MAX] = {false};
        check_costs(loader, policy, fleet);
        check_after(loader, policy, fleet);
        if (waits_for(policy, f, f, seen)) {
            snprintf(path, sizeof(path), "$.fleets.%s.after", fleet->name);
            loader_error(loader, path, "waits for itself, through other fleets or directly; break the circle");
        }
        if (fleet->backoff_base_us > fleet->backoff_max_us) {
            snprintf(path, sizeof(path), "$.fleets.%s.backoff", fleet->name);
            loader_error(loader, path, "its base is longer than its max; lower the base");
        }
        if (fleet->backoff_base_us % 1000 != 0 || fleet->backoff_max_us % 1000 != 0) {
            snprintf(path, sizeof(path), "$.fleets.%s.backoff", fleet->name);
            loader_error(loader, path, "base and max are whole milliseconds");
        }
    }
    for (size_t d = 0; d < policy->dependency_count; d++) {
        for (size_t p = 0; p < policy->dependencies[d].probe_count; p++) {
            const struct hg_probe *probe = &policy->dependencies[d].probes[p];
            if (probe->gauge_json != NULL && probe->gauge_soft >= probe->gauge_hard) {
                snprintf(path, sizeof(path), "$.dependencies.%s.probes[%zu].gauge", policy->dependencies[d].name, p);
                loader_error(loader, path, "soft must be below hard");
            }
        }
    }
}
