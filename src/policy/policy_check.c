/* What spans several values, and what no JSON Schema can say. */
#include "policy/policy_loader.h"

#include <string.h>

static void fleet_path(char *ret_path, const struct hg_fleet *fleet, const char *key, const char *name)
{
    path_member(ret_path, "$.fleets", fleet->name);
    path_member(ret_path, ret_path, key);
    if (name != NULL) {
        path_member(ret_path, ret_path, name);
    }
}

static void dependency_path(char *ret_path, const struct hg_dependency *dependency, const char *object,
                            const char *key)
{
    path_member(ret_path, "$.dependencies", dependency->name);
    path_member(ret_path, ret_path, object);
    if (key != NULL) {
        path_member(ret_path, ret_path, key);
    }
}

/* Whether a limit is as its author meant it: it was written well, or the object that could hold it is sound,
 * so that its default is meant. */
static bool limit_sound(const struct loader *loader, const struct hg_dependency *dependency,
                        const char *object, const char *key)
{
    char path[POLICY_PATH_MAX];
    path_member(path, "$.dependencies", dependency->name);
    bool sound = loader_clean_at(loader, path);
    dependency_path(path, dependency, object, key);
    if (!loader_given(loader, path)) {
        dependency_path(path, dependency, object, NULL);
    }
    return sound && loader_clean(loader, path);
}

static bool burst_sound(const struct loader *loader, const struct hg_dependency *dependency)
{
    return limit_sound(loader, dependency, "bucket", "burst") &&
           limit_sound(loader, dependency, "reserve", "burst");
}

static bool in_flight_sound(const struct loader *loader, const struct hg_dependency *dependency)
{
    return limit_sound(loader, dependency, "in_flight", "max") &&
           limit_sound(loader, dependency, "reserve", "in_flight");
}

static void check_reserve(struct loader *loader, const struct hg_dependency *dependency)
{
    char path[POLICY_PATH_MAX];
    if (dependency->reserve_burst >= dependency->burst && burst_sound(loader, dependency)) {
        dependency_path(path, dependency, "reserve", "burst");
        loader_error(loader, path,
                     "leaves nothing of a burst of %lld to the others; lower it or raise bucket.burst",
                     (long long)dependency->burst);
    }
    if (dependency->reserve_in_flight >= dependency->in_flight_max && in_flight_sound(loader, dependency)) {
        dependency_path(path, dependency, "reserve", "in_flight");
        loader_error(
            loader, path,
            "leaves nothing of an in-flight limit of %lld to the others; lower it or raise in_flight.max",
            (long long)dependency->in_flight_max);
    }
}

static void check_cost(struct loader *loader, const struct hg_dependency *dependency,
                       const struct hg_fleet *fleet, int64_t cost)
{
    char path[POLICY_PATH_MAX];
    fleet_path(path, fleet, "needs", dependency->name);
    if (cost > dependency->burst - dependency->reserve_burst && burst_sound(loader, dependency)) {
        loader_error(
            loader, path,
            "a cost of %lld never fits in a burst of %lld (%lld of it reserved); raise bucket.burst or "
            "lower the cost",
            (long long)cost, (long long)dependency->burst, (long long)dependency->reserve_burst);
    }
    if (cost > dependency->in_flight_max - dependency->reserve_in_flight &&
        in_flight_sound(loader, dependency)) {
        loader_error(loader, path,
                     "a cost of %lld never fits in an in-flight limit of %lld (%lld of it reserved); raise "
                     "in_flight.max or lower the cost",
                     (long long)cost, (long long)dependency->in_flight_max,
                     (long long)dependency->reserve_in_flight);
    }
}

static void check_costs(struct loader *loader, const struct hg_policy *policy, const struct hg_fleet *fleet)
{
    char path[POLICY_PATH_MAX];
    for (size_t n = 0; n < fleet->need_count; n++) {
        const struct hg_dependency *dependency = &policy->dependencies[fleet->needs[n].dependency];
        fleet_path(path, fleet, "needs", dependency->name);
        if (loader_clean(loader, path)) {
            check_cost(loader, dependency, fleet, fleet->needs[n].cost);
        }
    }
}

static void check_after(struct loader *loader, const struct hg_policy *policy, const struct hg_fleet *fleet)
{
    char path[POLICY_PATH_MAX];
    for (size_t a = 0; a < fleet->after_count; a++) {
        const struct hg_fleet *first = &policy->fleets[fleet->after[a].fleet];
        fleet_path(path, first, "size", NULL);
        if (first->size == 0 && loader_clean(loader, path)) {
            fleet_path(path, fleet, "after", first->name);
            loader_error_key(loader, path,
                             "its share cannot be told without a size; add \"size\" to fleet \"%s\"",
                             first->name);
        }
    }
}

struct circle {
    const struct hg_policy *policy;
    size_t start;
    bool seen[HG_FLEETS_MAX];
    size_t way[HG_FLEETS_MAX];
    size_t length;
};

/* Goes on from `from`, through fleets behind the start in the file only: each circle is then found once, from
 * its first fleet. */
static bool find_circle(struct circle *circle, size_t from)
{
    const struct hg_fleet *fleet = &circle->policy->fleets[from];
    circle->seen[from] = true;
    circle->way[circle->length++] = from;
    for (size_t a = 0; a < fleet->after_count; a++) {
        size_t next = fleet->after[a].fleet;
        if (next == circle->start ||
            (next > circle->start && !circle->seen[next] && find_circle(circle, next))) {
            return true;
        }
    }
    circle->length--;
    return false;
}

static void check_circle(struct loader *loader, const struct hg_policy *policy, size_t start)
{
    struct circle circle = {.policy = policy, .start = start};
    char path[POLICY_PATH_MAX], names[400] = "";
    if (!find_circle(&circle, start)) {
        return;
    }
    for (size_t i = 0; i <= circle.length; i++) {
        size_t used = strlen(names);
        const char *name = policy->fleets[circle.way[i % circle.length]].name;
        snprintf(names + used, sizeof(names) - used, "%s%s", i > 0 ? " after " : "", name);
    }
    fleet_path(path, &policy->fleets[start], "after", policy->fleets[circle.way[1 % circle.length]].name);
    if (circle.length == 1) {
        loader_error_key(loader, path, "a fleet cannot wait for itself (%s); remove this", names);
    } else {
        loader_error_key(loader, path, "these wait for each other: %s; remove one of them", names);
    }
}

static void check_backoff(struct loader *loader, const struct hg_fleet *fleet)
{
    char path[POLICY_PATH_MAX], inner[POLICY_PATH_MAX], base[32], max[32];
    fleet_path(path, fleet, "backoff", NULL);
    path_member(inner, path, "base");
    bool sound = loader_clean(loader, inner);
    path_member(inner, path, "max");
    if (fleet->backoff_base_us > fleet->backoff_max_us && sound && loader_clean(loader, inner)) {
        duration_format(fleet->backoff_base_us, base, sizeof(base));
        duration_format(fleet->backoff_max_us, max, sizeof(max));
        loader_error(loader, path,
                     "its base (%s) is longer than its max (%s); lower the base or raise the max", base, max);
    }
}

void policy_check(struct loader *loader, const struct hg_policy *policy)
{
    for (size_t d = 0; d < policy->dependency_count; d++) {
        check_reserve(loader, &policy->dependencies[d]);
    }
    for (size_t f = 0; f < policy->fleet_count; f++) {
        check_costs(loader, policy, &policy->fleets[f]);
        check_after(loader, policy, &policy->fleets[f]);
        check_circle(loader, policy, f);
        check_backoff(loader, &policy->fleets[f]);
    }
}
