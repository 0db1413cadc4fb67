#include "policy/policy_loader.h"

#include "core/bucket.h"

#include <stdlib.h>
#include <string.h>

static bool name_ok(const char *name)
{
    size_t size = strlen(name);
    bool first = (name[0] >= 'a' && name[0] <= 'z') || (name[0] >= '0' && name[0] <= '9');
    return first && size <= HG_NAME_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == size;
}

static char *read_name(struct loader *loader, const char *name, const char *path)
{
    if (!name_ok(name)) {
        loader_error(loader, path, "names have a-z, 0-9, '.', '_', '-', begin with a letter or digit, at most %d bytes",
                     HG_NAME_MAX);
    }
    return loader_copy(loader, name);
}

static void read_status(struct loader *loader, const json_t *json, const char *path, struct hg_probe *probe)
{
    int from = 200, to = 399, used = 0;
    const char *text = json == NULL ? "200-399" : json_is_string(json) ? json_string_value(json) : "";
    bool range = sscanf(text, "%3d-%3d%n", &from, &to, &used) == 2 && text[used] == '\0';
    bool single = !range && sscanf(text, "%3d%n", &from, &used) == 1 && text[used] == '\0';
    to = single ? from : to;
    if ((!range && !single) || from < 100 || to > 599 || from > to) {
        loader_error(loader, path, "must be a status such as \"200\" or a range such as \"200-399\"");
        return;
    }
    probe->status_min = from;
    probe->status_max = to;
}

static void read_words(struct loader *loader, const json_t *json, const char *path, struct hg_probe *probe)
{
    size_t count = json_is_array(json) ? json_array_size(json) : 0;
    if (count < 1 || count > 64) {
        loader_error(loader, path, "must be a list of 1 to 64 strings: command and arguments");
        return;
    }
    probe->argv = calloc(count + 1, sizeof(char *));
    if (probe->argv == NULL) {
        loader->nomem = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *word = json_array_get(json, i);
        if (!json_is_string(word)) {
            loader_error(loader, path, "must be a list of strings: command and arguments");
            return;
        }
        probe->argv[probe->argc++] = loader_copy(loader, json_string_value(word));
    }
}

/* Which of the five kinds it is, and that what it says belongs to that kind. */
static void read_kind(struct loader *loader, const json_t *json, const char *path, struct hg_probe *probe)
{
    static const char *const kinds[HG_PROBE_KIND_COUNT] = {"tcp", "http", "dns", "redis", "exec"};
    size_t found = 0;
    for (size_t kind = 0; kind < HG_PROBE_KIND_COUNT; kind++) {
        if (json_object_get(json, kinds[kind]) != NULL) {
            probe->kind = (enum hg_probe_kind)kind;
            found++;
        }
    }
    if (found != 1) {
        loader_error(loader, path, "must have exactly one of \"tcp\", \"http\", \"dns\", \"redis\", \"exec\"");
        return;
    }
    static const struct {
        const char *key;
        enum hg_probe_kind kind;
    } own[] = {{"status", HG_PROBE_HTTP}, {"gauge", HG_PROBE_HTTP}, {"min_addresses", HG_PROBE_DNS}, {"server", HG_PROBE_DNS}};
    char inner[POLICY_PATH_MAX];
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (own[i].kind != probe->kind && json_object_get(json, own[i].key) != NULL) {
            snprintf(inner, sizeof(inner), "%s.%s", path, own[i].key);
            loader_error(loader, inner, "belongs to a probe of kind \"%s\"; remove it", kinds[own[i].kind]);
        }
    }
    snprintf(inner, sizeof(inner), "%s.%s", path, kinds[probe->kind]);
    const json_t *target = json_object_get(json, kinds[probe->kind]);
    if (probe->kind == HG_PROBE_EXEC) {
        read_words(loader, target, inner, probe);
    } else if (json_is_string(target)) {
        const char *text = json_string_value(target);
        probe->target = loader_copy(loader, text);
        if (probe->kind == HG_PROBE_HTTP && strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0) {
            loader_error(loader, inner, "must be a URL that begins with http:// or https://");
        } else if (probe->kind == HG_PROBE_REDIS && strncmp(text, "redis://", 8) != 0) {
            loader_error(loader, inner, "must be a URL such as redis://host:6379/0");
        } else if (probe->kind == HG_PROBE_TCP && strrchr(text, ':') == NULL) {
            loader_error(loader, inner, "must be host:port");
        }
    }
}

static void read_probes(struct loader *loader, const json_t *json, const char *path, struct hg_dependency *dependency)
{
    if (json == NULL) {
        return;
    }
    if (!json_is_array(json) || json_array_size(json) > HG_PROBES_MAX) {
        loader_error(loader, path, "must be a list of at most %d probes", HG_PROBES_MAX);
        return;
    }
    size_t count = json_array_size(json);
    dependency->probes = calloc(count + 1, sizeof(struct hg_probe));
    if (dependency->probes == NULL) {
        loader->nomem = true;
        return;
    }
    dependency->probe_count = count;
    for (size_t i = 0; i < count; i++) {
        struct hg_probe *probe = &dependency->probes[i];
        const json_t *item = json_array_get(json, i);
        char inner[POLICY_PATH_MAX], status[POLICY_PATH_MAX + 8];
        snprintf(inner, sizeof(inner), "%s[%zu]", path, i);
        loader_defaults(&rule_tables[OBJECT_PROBE], probe);
        loader_object(loader, item, inner, OBJECT_PROBE, probe);
        if (json_is_object(item)) {
            snprintf(status, sizeof(status), "%s.status", inner);
            read_status(loader, json_object_get(item, "status"), status, probe);
            read_kind(loader, item, inner, probe);
        }
        if (probe->timeout_us > probe->interval_us) {
            loader_error(loader, inner, "its timeout is longer than its interval; shorten it");
        }
    }
}

static void read_dependency(struct loader *loader, const json_t *json, const char *path,
                            struct hg_dependency *dependency)
{
    char inner[POLICY_PATH_MAX];
    loader_defaults(&rule_tables[OBJECT_DEPENDENCY], dependency);
    loader_object(loader, json, path, OBJECT_DEPENDENCY, dependency);
    snprintf(inner, sizeof(inner), "%s.probes", path);
    read_probes(loader, json_object_get(json, "probes"), inner, dependency);
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
    if (json == NULL || !loader_map(loader, json, "$.dependencies", rule_find(&rule_tables[OBJECT_POLICY], "dependencies"))) {
        return;
    }
    policy->dependencies = calloc(json_object_size(json), sizeof(struct hg_dependency));
    if (policy->dependencies == NULL) {
        loader->nomem = true;
        return;
    }
    json_object_foreach ((json_t *)json, name, value) {
        struct hg_dependency *dependency = &policy->dependencies[policy->dependency_count++];
        snprintf(path, sizeof(path), "$.dependencies.%s", name);
        dependency->name = read_name(loader, name, path);
        read_dependency(loader, value, path, dependency);
    }
}

static void read_need(struct loader *loader, const char *name, const json_t *cost, const char *path,
                      const struct hg_policy *policy, struct hg_fleet *fleet)
{
    const char *near = NULL;
    if (!json_is_integer(cost) || json_integer_value(cost) < 1 || json_integer_value(cost) > BUCKET_BURST_MAX) {
        loader_error(loader, path, "a cost is a whole number from 1 to %lld", (long long)BUCKET_BURST_MAX);
        return;
    }
    for (size_t d = 0; d < policy->dependency_count; d++) {
        if (strcmp(policy->dependencies[d].name, name) == 0) {
            fleet->needs[fleet->need_count++] = (struct hg_need){d, json_integer_value(cost)};
            return;
        }
        near = words_near(name, policy->dependencies[d].name) ? policy->dependencies[d].name : near;
    }
    if (near != NULL) {
        loader_error(loader, path, "no such dependency; did you mean \"%s\"?", near);
    } else {
        loader_error(loader, path, "no such dependency; add it under $.dependencies or remove this need");
    }
}

static void read_needs(struct loader *loader, const json_t *json, const char *path, const struct hg_policy *policy,
                       struct hg_fleet *fleet)
{
    const char *name;
    json_t *cost;
    char inner[POLICY_PATH_MAX];
    if (json == NULL || !loader_map(loader, json, path, rule_find(&rule_tables[OBJECT_FLEET], "needs"))) {
        return;
    }
    json_object_foreach ((json_t *)json, name, cost) {
        snprintf(inner, sizeof(inner), "%s.%s", path, name);
        read_need(loader, name, cost, inner, policy, fleet);
    }
}

static void read_after(struct loader *loader, const json_t *json, const char *path, const struct hg_policy *policy,
                       struct hg_fleet *fleet)
{
    const char *name;
    json_t *value;
    char inner[POLICY_PATH_MAX];
    if (json == NULL || !loader_map(loader, json, path, rule_find(&rule_tables[OBJECT_FLEET], "after"))) {
        return;
    }
    json_object_foreach ((json_t *)json, name, value) {
        struct hg_after *after = &fleet->after[fleet->after_count];
        size_t f = 0;
        snprintf(inner, sizeof(inner), "%s.%s", path, name);
        loader_defaults(&rule_tables[OBJECT_AFTER], after);
        loader_object(loader, value, inner, OBJECT_AFTER, after);
        while (f < policy->fleet_count && strcmp(policy->fleets[f].name, name) != 0) {
            f++;
        }
        if (f == policy->fleet_count) {
            loader_error(loader, inner, "no such fleet; add it under $.fleets or remove it here");
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
    char path[POLICY_PATH_MAX], inner[POLICY_PATH_MAX + 8];
    if (json == NULL || !loader_map(loader, json, "$.fleets", rule_find(&rule_tables[OBJECT_POLICY], "fleets"))) {
        return;
    }
    policy->fleets = calloc(json_object_size(json), sizeof(struct hg_fleet));
    if (policy->fleets == NULL) {
        loader->nomem = true;
        return;
    }
    json_object_foreach ((json_t *)json, name, value) {
        snprintf(path, sizeof(path), "$.fleets.%s", name);
        policy->fleets[policy->fleet_count++].name = read_name(loader, name, path);
    }
    size_t f = 0;
    json_object_foreach ((json_t *)json, name, value) {
        struct hg_fleet *fleet = &policy->fleets[f++];
        snprintf(path, sizeof(path), "$.fleets.%s", name);
        loader_defaults(&rule_tables[OBJECT_FLEET], fleet);
        loader_object(loader, value, path, OBJECT_FLEET, fleet);
        snprintf(inner, sizeof(inner), "%s.needs", path);
        read_needs(loader, json_object_get(value, "needs"), inner, policy, fleet);
        snprintf(inner, sizeof(inner), "%s.after", path);
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
    if (policy->name != NULL && !name_ok(policy->name)) {
        loader_error(loader, "$.policy", "names have a-z, 0-9, '.', '_', '-' and begin with a letter or digit");
    }
    read_dependencies(loader, json_object_get(root, "dependencies"), policy);
    read_fleets(loader, json_object_get(root, "fleets"), policy);
}

static void finish_dependency(struct hg_dependency *dependency)
{
    for (size_t p = 0; p < dependency->probe_count; p++) {
        struct hg_probe *probe = &dependency->probes[p];
        free(probe->target);
        free(probe->dns_server);
        free(probe->gauge_json);
        for (size_t i = 0; i < probe->argc; i++) {
            free(probe->argv[i]);
        }
        free(probe->argv);
    }
    free(dependency->probes);
    free(dependency->name);
}

void policy_finish(struct hg_policy *policy)
{
    for (size_t d = 0; d < policy->dependency_count; d++) {
        finish_dependency(&policy->dependencies[d]);
    }
    for (size_t f = 0; f < policy->fleet_count; f++) {
        free(policy->fleets[f].name);
    }
    free(policy->dependencies);
    free(policy->fleets);
    free(policy->name);
    free(policy->file);
}
