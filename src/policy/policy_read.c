#include "policy/policy_loader.h"

#include "core/bucket.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *read_name(struct loader *loader, const char *name, const char *path)
{
    if (!loader_matches(loader, name, NAME_PATTERN)) {
        loader_error_key(loader, path, "must be %s", NAME_FORM);
    }
    return loader_copy(loader, name);
}

static void read_dependency(struct loader *loader, const json_t *json, const char *path,
                            struct hg_dependency *dependency)
{
    char inner[POLICY_PATH_MAX];
    loader_defaults(&rule_tables[OBJECT_DEPENDENCY], dependency);
    loader_object(loader, json, path, OBJECT_DEPENDENCY, dependency);
    path_member(inner, path, "probes");
    probes_read(loader, json_object_get(json, "probes"), inner, dependency);
    if (dependency->burst == UNSET) {
        int64_t fifth = (dependency->rate_milli / 1000 + 4) / 5;
        dependency->burst = fifth < 2 ? 2 : fifth > BUCKET_BURST_MAX ? BUCKET_BURST_MAX : fifth;
    }
    if (dependency->reserve_burst == UNSET) {
        dependency->reserve_burst = dependency->burst / 10;
    }
    if (dependency->reserve_in_flight == UNSET) {
        dependency->reserve_in_flight = dependency->in_flight_max / 20;
    }
}

static void read_dependencies(struct loader *loader, const json_t *json, struct hg_policy *policy)
{
    const char *name;
    json_t *value;
    char path[POLICY_PATH_MAX];
    if (json == NULL ||
        !loader_map(loader, json, "$.dependencies", rule_find(&rule_tables[OBJECT_POLICY], "dependencies"))) {
        return;
    }
    policy->dependencies = calloc(json_object_size(json), sizeof(struct hg_dependency));
    if (policy->dependencies == NULL) {
        loader->nomem = true;
        return;
    }
    json_object_foreach((json_t *)json, name, value)
    {
        struct hg_dependency *dependency = &policy->dependencies[policy->dependency_count++];
        path_member(path, "$.dependencies", name);
        dependency->name = read_name(loader, name, path);
        read_dependency(loader, value, path, dependency);
    }
}

/* The index of the name, or `count`; *ret_near is the nearest one if it may be a slip. */
static size_t find_name(const char *name, const char *const *names, size_t count, const char **ret_near)
{
    int least = WORDS_APART;
    *ret_near = NULL;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
        int distance = words_distance(name, names[i]);
        if (distance < least) {
            least = distance;
            *ret_near = names[i];
        }
    }
    return count;
}

static void read_need(struct loader *loader, const char *name, const json_t *json, const char *path,
                      const struct hg_policy *policy, struct hg_fleet *fleet)
{
    const char *names[HG_DEPENDENCIES_MAX], *near;
    for (size_t d = 0; d < policy->dependency_count; d++) {
        names[d] = policy->dependencies[d].name;
    }
    size_t d = find_name(name, names, policy->dependency_count, &near);
    double cost = json_is_number(json) ? json_number_value(json) : 0;
    if (cost < 1 || cost > (double)BUCKET_BURST_MAX || cost != floor(cost)) {
        loader_error(loader, path, "a cost is a whole number from 1 to %lld", (long long)BUCKET_BURST_MAX);
    }
    if (d < policy->dependency_count) {
        fleet->needs[fleet->need_count++] =
            (struct hg_need){d, loader_clean(loader, path) ? (int64_t)cost : 1};
    } else if (near != NULL) {
        loader_error_key(loader, path, "no such dependency; did you mean \"%s\"?", near);
    } else if (policy->dependency_count > 0) { /* or the error is there */
        loader_error_key(loader, path, "no such dependency; add it under $.dependencies or remove this need");
    }
}

static void read_needs(struct loader *loader, const json_t *json, const char *path,
                       const struct hg_policy *policy, struct hg_fleet *fleet)
{
    const char *name;
    json_t *cost;
    char inner[POLICY_PATH_MAX];
    if (json == NULL || !loader_map(loader, json, path, rule_find(&rule_tables[OBJECT_FLEET], "needs"))) {
        return;
    }
    json_object_foreach((json_t *)json, name, cost)
    {
        path_member(inner, path, name);
        read_need(loader, name, cost, inner, policy, fleet);
    }
}

static void read_after(struct loader *loader, const json_t *json, const char *path,
                       const struct hg_policy *policy, struct hg_fleet *fleet)
{
    const char *name;
    json_t *value;
    char inner[POLICY_PATH_MAX];
    if (json == NULL || !loader_map(loader, json, path, rule_find(&rule_tables[OBJECT_FLEET], "after"))) {
        return;
    }
    json_object_foreach((json_t *)json, name, value)
    {
        struct hg_after *after = &fleet->after[fleet->after_count];
        const char *names[HG_FLEETS_MAX], *near;
        path_member(inner, path, name);
        loader_defaults(&rule_tables[OBJECT_AFTER], after);
        loader_object(loader, value, inner, OBJECT_AFTER, after);
        for (size_t i = 0; i < policy->fleet_count; i++) {
            names[i] = policy->fleets[i].name;
        }
        size_t f = find_name(name, names, policy->fleet_count, &near);
        if (f == policy->fleet_count && near != NULL) {
            loader_error_key(loader, inner, "no such fleet; did you mean \"%s\"?", near);
            continue;
        }
        if (f == policy->fleet_count) {
            loader_error_key(loader, inner, "no such fleet; add it under $.fleets or remove it here");
            continue;
        }
        after->fleet = f;
        fleet->after_count++;
    }
}

static void read_fleets(struct loader *loader, const json_t *json, struct hg_policy *policy)
{
    const char *name;
    json_t *value;
    char path[POLICY_PATH_MAX], inner[POLICY_PATH_MAX];
    if (json == NULL ||
        !loader_map(loader, json, "$.fleets", rule_find(&rule_tables[OBJECT_POLICY], "fleets"))) {
        return;
    }
    policy->fleets = calloc(json_object_size(json), sizeof(struct hg_fleet));
    if (policy->fleets == NULL) {
        loader->nomem = true;
        return;
    }
    json_object_foreach((json_t *)json, name, value)
    {
        path_member(path, "$.fleets", name);
        policy->fleets[policy->fleet_count++].name = read_name(loader, name, path);
    }
    size_t f = 0;
    json_object_foreach((json_t *)json, name, value)
    {
        struct hg_fleet *fleet = &policy->fleets[f++];
        path_member(path, "$.fleets", name);
        loader_defaults(&rule_tables[OBJECT_FLEET], fleet);
        loader_object(loader, value, path, OBJECT_FLEET, fleet);
        path_member(inner, path, "needs");
        read_needs(loader, json_object_get(value, "needs"), inner, policy, fleet);
        path_member(inner, path, "after");
        read_after(loader, json_object_get(value, "after"), inner, policy, fleet);
    }
}

void policy_read(struct loader *loader, const json_t *root, struct hg_policy *policy)
{
    loader_defaults(&rule_tables[OBJECT_POLICY], policy);
    policy->file = loader_copy(loader, loader->file);
    loader_object(loader, root, "$", OBJECT_POLICY, policy);
    if (!json_is_object(root)) {
        return;
    }
    read_dependencies(loader, json_object_get(root, "dependencies"), policy);
    read_fleets(loader, json_object_get(root, "fleets"), policy);
}
