#include "policy/policy_loader.h"

#include <stdlib.h>
#include <string.h>

static const char *const kinds[HG_PROBE_KIND_COUNT] = {"tcp", "http", "dns", "redis", "exec"};

/* The pattern of the rule has been checked; "200" or "200-399" it is, if it is anything. */
static void read_status(struct loader *loader, const json_t *json, const char *path, struct hg_probe *probe)
{
    char *end;
    const char *text = json_is_string(json) ? json_string_value(json) : "200-399";
    if (!loader_clean(loader, path)) {
        return;
    }
    probe->status_min = probe->status_max = strtol(text, &end, 10);
    if (*end == '-') {
        probe->status_max = strtol(end + 1, NULL, 10);
    }
    if (probe->status_min > probe->status_max) {
        loader_error(loader, path, "begins above its end; swap the two");
    }
}

static void read_words(struct loader *loader, const json_t *json, const char *path, const struct rule *rule,
                       struct hg_probe *probe)
{
    size_t count = json_is_array(json) ? json_array_size(json) : 0;
    if ((int64_t)count < rule->min || (int64_t)count > rule->max) {
        loader_error(loader, path, "must be a list of %lld to %lld texts: command and arguments",
                     (long long)rule->min, (long long)rule->max);
        return;
    }
    probe->argv = calloc(count + 1, sizeof(char *));
    if (probe->argv == NULL) {
        loader->nomem = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *word = json_array_get(json, i);
        char inner[POLICY_PATH_MAX];
        path_item(inner, path, i);
        if (!json_is_string(word)) {
            loader_error(loader, inner, "must be a text: put it in double quotes");
        } else if (i == 0 && json_string_length(word) == 0) {
            loader_error(loader, inner, "must be a command, is empty");
        } else {
            probe->argv[probe->argc++] = loader_copy(loader, json_string_value(word));
        }
    }
}

/* What it says must belong to its kind. */
static void check_foreign(struct loader *loader, const json_t *json, const char *path,
                          const struct hg_probe *probe)
{
    static const struct {
        const char *key;
        enum hg_probe_kind kind;
    } own[] = {{"status", HG_PROBE_HTTP},
               {"gauge", HG_PROBE_HTTP},
               {"min_addresses", HG_PROBE_DNS},
               {"server", HG_PROBE_DNS}};
    char inner[POLICY_PATH_MAX];
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (own[i].kind != probe->kind && json_object_get(json, own[i].key) != NULL) {
            path_member(inner, path, own[i].key);
            loader_error_key(loader, inner, "belongs to a probe of kind \"%s\"; remove it",
                             kinds[own[i].kind]);
        }
    }
}

static void read_kind(struct loader *loader, const json_t *json, const char *path, struct hg_probe *probe)
{
    size_t found = 0;
    char inner[POLICY_PATH_MAX];
    for (size_t kind = 0; kind < HG_PROBE_KIND_COUNT; kind++) {
        if (json_object_get(json, kinds[kind]) != NULL) {
            probe->kind = (enum hg_probe_kind)kind;
            found++;
        }
    }
    if (found != 1) {
        loader_error(loader, path,
                     "must have exactly one of \"tcp\", \"http\", \"dns\", \"redis\", \"exec\"");
        return;
    }
    check_foreign(loader, json, path, probe);
    const char *kind = kinds[probe->kind];
    const json_t *target = json_object_get(json, kind);
    path_member(inner, path, kind);
    if (probe->kind == HG_PROBE_EXEC) {
        read_words(loader, target, inner, rule_find(&rule_tables[OBJECT_PROBE], kind), probe);
    } else if (json_is_string(target)) {
        probe->target = loader_copy(loader, json_string_value(target));
    }
}

static void read_probe(struct loader *loader, const json_t *json, const char *path, struct hg_probe *probe)
{
    char inner[POLICY_PATH_MAX];
    loader_defaults(&rule_tables[OBJECT_PROBE], probe);
    loader_object(loader, json, path, OBJECT_PROBE, probe);
    if (!json_is_object(json)) {
        return;
    }
    path_member(inner, path, "status");
    read_status(loader, json_object_get(json, "status"), inner, probe);
    read_kind(loader, json, path, probe);
    if (json_object_get(json, "timeout") == NULL && probe->timeout_us > probe->interval_us) {
        probe->timeout_us = probe->interval_us;
    }
    path_member(inner, path, "interval");
    bool sound = loader_clean(loader, inner);
    path_member(inner, path, "timeout");
    if (probe->timeout_us > probe->interval_us && sound && loader_clean(loader, inner)) {
        loader_error(loader, inner, "longer than the interval; shorten it, or lengthen \"interval\"");
    }
    path_member(inner, path, "gauge");
    if (probe->gauge_json != NULL && probe->gauge_soft >= probe->gauge_hard && loader_clean(loader, inner)) {
        loader_error(loader, inner, "\"soft\" must be below \"hard\"; lower it");
    }
}

void probes_read(struct loader *loader, const json_t *json, const char *path,
                 struct hg_dependency *dependency)
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
        char inner[POLICY_PATH_MAX];
        path_item(inner, path, i);
        read_probe(loader, json_array_get(json, i), inner, &dependency->probes[i]);
    }
}
