#include "sim/sim_scenario.h"

#include "headgate/errors.h"
#include "sim/sim_scenario_tables.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#define EXTENDS_MAX 4

static const struct place top = {1, 1};

static void on_position_error(void *user_data, struct place place, const char *path, const char *message)
{
    loader_error_at(user_data, place, path, message);
}

/* Where the value at `place` begins and ends; the text is sound JSON. */
static void find_value(const char *text, size_t size, struct place place, size_t *ret_from, size_t *ret_to)
{
    size_t at = 0, depth = 0;
    for (int line = 1; line < place.line && at < size; at++) {
        line += text[at] == '\n';
    }
    at += (size_t)place.column - 1;
    *ret_from = at;
    bool quoted = false;
    for (; at < size; at++) {
        if (quoted) {
            at += text[at] == '\\';
            quoted = text[at] != '"';
        } else if (text[at] == '"') {
            quoted = true;
        } else if (text[at] == '{' || text[at] == '[') {
            depth++;
        } else if ((text[at] == '}' || text[at] == ']') && --depth == 0) {
            break;
        }
    }
    *ret_to = at < size ? at + 1 : size;
}

/* The same text with all but the policy blanked: every place stays where it is. */
static char *policy_alone(const struct loader *loader, const char *text, size_t size)
{
    struct position position = positions_find(&loader->positions, "$.policy");
    char *alone = malloc(size + 3);
    if (alone == NULL) {
        return NULL;
    }
    if (position.path == NULL || strcmp(position.path, "$.policy") != 0) {
        memcpy(alone, "{}", 3); /* it is in the file that this one extends */
        return alone;
    }
    size_t from = 0, to = 0;
    find_value(text, size, position.value, &from, &to);
    for (size_t i = 0; i < size; i++) {
        bool kept = (i >= from && i < to) || text[i] == '\n';
        alone[i] = kept ? text[i] : ' ';
    }
    alone[size] = '\0';
    return alone;
}

/* The policy's own loader, on its part of the document; the paths of what it finds are rooted back. */
static void read_policy(struct loader *loader, const json_t *json, const char *text, size_t size,
                        struct sim_scenario *scenario)
{
    struct loader inner = {.file = loader->file, .errors = loader->errors, .first_error = loader->errors->count};
    char *alone = policy_alone(loader, text, size);
    scenario->set->policies = calloc(1, sizeof(struct hg_policy));
    if (alone == NULL || scenario->set->policies == NULL ||
        positions_scan(&inner.positions, alone, strlen(alone), on_position_error, &inner) == HG_E_NOMEM) {
        loader->nomem = true;
    } else {
        scenario->set->policy_count = 1;
        scenario->policy = &scenario->set->policies[0];
        policy_read(&inner, json, &scenario->set->policies[0]);
        policy_check(&inner, scenario->policy);
    }
    for (size_t i = inner.first_error; i < loader->errors->count; i++) {
        char *path = NULL;
        if (asprintf(&path, "$.policy%s", loader->errors->errors[i].path + 1) >= 0) {
            free(loader->errors->errors[i].path);
            loader->errors->errors[i].path = path;
        }
    }
    positions_finish(&inner.positions);
    free(alone);
    loader->nomem = loader->nomem || inner.nomem;
}

static int find_dependency(const struct sim_scenario *scenario, const char *name)
{
    for (size_t d = 0; d < scenario->policy->dependency_count; d++) {
        if (strcmp(scenario->policy->dependencies[d].name, name) == 0) {
            return (int)d;
        }
    }
    return -1;
}

static int find_fleet(const struct sim_scenario *scenario, const char *name)
{
    for (size_t f = 0; f < scenario->policy->fleet_count; f++) {
        if (strcmp(scenario->policy->fleets[f].name, name) == 0) {
            return (int)f;
        }
    }
    return -1;
}

/* Each of the policy's dependencies (or fleets) is described, and nothing else is. */
static void read_map(struct loader *loader, const json_t *json, const char *path, bool dependencies,
                     struct sim_scenario *scenario)
{
    const char *name;
    json_t *value;
    char inner[POLICY_PATH_MAX];
    if (!json_is_object(json)) {
        if (json != NULL) {
            loader_error(loader, path, "must be an object: name -> what it is really like");
        }
        return;
    }
    json_object_foreach ((json_t *)json, name, value) {
        int found = dependencies ? find_dependency(scenario, name) : find_fleet(scenario, name);
        path_member(inner, path, name);
        if (found < 0) {
            loader_error(loader, inner, "not in this scenario's policy; add it there or remove it here");
        } else if (dependencies) {
            scenario->dependencies[found].given = true;
            fields_read(loader, value, inner, &sim_table_dependency, &scenario->dependencies[found]);
        } else {
            scenario->fleets[found].given = true;
            fields_read(loader, value, inner, &sim_table_fleet, &scenario->fleets[found]);
        }
    }
}

static void check_spans(struct loader *loader, const char *path, const struct sim_trouble *troubles, size_t count)
{
    char inner[POLICY_PATH_MAX];
    for (size_t i = 0; i < count; i++) {
        if (troubles[i].to_us <= troubles[i].from_us) {
            snprintf(inner, sizeof(inner), "%s[%zu].to", path, i);
            loader_error(loader, inner, "must be later than \"from\"");
        }
    }
}

static void check_dependency(struct loader *loader, struct sim_scenario *scenario, size_t d)
{
    struct sim_dependency_spec *spec = &scenario->dependencies[d];
    char path[POLICY_PATH_MAX], inner[POLICY_PATH_MAX + 16];
    snprintf(path, sizeof(path), "$.dependencies.%s", scenario->policy->dependencies[d].name);
    if (!spec->given) {
        loader_error(loader, "$.dependencies", "\"%s\" is missing: say what it is really like",
                     scenario->policy->dependencies[d].name);
        return;
    }
    spec->calls_index = spec->calls == NULL ? -1 : find_dependency(scenario, spec->calls);
    snprintf(inner, sizeof(inner), "%s.calls", path);
    if (spec->calls != NULL && spec->calls_index < 0) {
        loader_error(loader, inner, "no such dependency in this scenario's policy");
    } else if (spec->calls != NULL && scenario->dependencies[spec->calls_index].calls != NULL) {
        loader_error(loader, inner, "a chain has two links: \"%s\" calls another itself", spec->calls);
    }
    snprintf(inner, sizeof(inner), "%s.brown_outs", path);
    check_spans(loader, inner, spec->brown_outs, spec->brown_out_count);
    snprintf(inner, sizeof(inner), "%s.outages", path);
    check_spans(loader, inner, spec->outages, spec->outage_count);
}

static void check_scenario(struct loader *loader, struct sim_scenario *scenario)
{
    char path[POLICY_PATH_MAX];
    for (size_t d = 0; d < scenario->policy->dependency_count; d++) {
        check_dependency(loader, scenario, d);
    }
    for (size_t f = 0; f < scenario->policy->fleet_count; f++) {
        const struct hg_fleet *fleet = &scenario->policy->fleets[f];
        if (!scenario->fleets[f].given) {
            loader_error(loader, "$.fleets", "\"%s\" is missing: say what its instances are really like", fleet->name);
        }
        if (fleet->size <= 0) {
            snprintf(path, sizeof(path), "$.policy.fleets.%s", fleet->name);
            loader_error(loader, path, "\"size\" is missing: so many instances are simulated");
        }
    }
    for (size_t b = 0; b < scenario->background_count; b++) {
        struct sim_background_spec *spec = &scenario->backgrounds[b];
        spec->dependency_index = spec->dependency == NULL ? -1 : find_dependency(scenario, spec->dependency);
        snprintf(path, sizeof(path), "$.background[%zu].dependency", b);
        if (spec->dependency != NULL && spec->dependency_index < 0) {
            loader_error(loader, path, "no such dependency in this scenario's policy");
        }
    }
}

static char *read_file(const char *file, size_t *ret_size)
{
    FILE *in = fopen(file, "rb");
    char *text = in == NULL ? NULL : malloc(POLICY_FILE_MAX + 1);
    if (text != NULL) {
        *ret_size = fread(text, 1, POLICY_FILE_MAX + 1, in);
        if (ferror(in)) {
            free(text);
            text = NULL;
        }
    }
    if (in != NULL) {
        fclose(in);
    }
    return text;
}

/* RFC 7386. Both are borrowed; the result is new. */
static json_t *merge(const json_t *base, const json_t *patch)
{
    const char *key;
    json_t *value;
    if (!json_is_object(patch)) {
        return json_deep_copy(patch);
    }
    json_t *merged = json_is_object(base) ? json_copy((json_t *)base) : json_object();
    json_object_foreach ((json_t *)patch, key, value) {
        if (json_is_null(value)) {
            json_object_del(merged, key);
        } else {
            json_object_set_new(merged, key, merge(json_object_get(merged, key), value));
        }
    }
    return merged;
}

/* What `json` extends, with `json` laid over it; a new reference, or NULL after an error. */
static json_t *extend(struct loader *loader, const char *file, json_t *json, int depth)
{
    const json_t *extends = json_object_get(json, "extends");
    char path[4096], *copy = NULL, *text = NULL;
    size_t size = 0;
    json_error_t error;
    if (extends == NULL) {
        return json_incref(json);
    }
    if (!json_is_string(extends) || depth == EXTENDS_MAX || (copy = strdup(file)) == NULL) {
        loader_error(loader, "$.extends", "must name a scenario file; at most %d in a row", EXTENDS_MAX);
        return NULL;
    }
    snprintf(path, sizeof(path), "%s/%s", dirname(copy), json_string_value(extends));
    free(copy);
    text = read_file(path, &size);
    json_t *base = text == NULL ? NULL : json_loadb(text, size, 0, &error);
    if (base == NULL) {
        loader_error(loader, "$.extends", "%s: %s", path, text == NULL ? strerror(errno) : error.text);
        free(text);
        return NULL;
    }
    free(text);
    json_t *whole = extend(loader, path, base, depth + 1);
    json_t *merged = whole == NULL ? NULL : merge(whole, json);
    json_decref(whole);
    json_decref(base);
    if (merged != NULL) {
        json_object_del(merged, "extends");
    }
    return merged;
}

static void read_scenario(struct loader *loader, const json_t *json, const char *text, size_t size,
                          struct sim_scenario *scenario)
{
    fields_default(&sim_table_scenario, scenario);
    for (size_t d = 0; d < HG_DEPENDENCIES_MAX; d++) {
        fields_default(&sim_table_dependency, &scenario->dependencies[d]);
        scenario->dependencies[d].calls_index = -1;
    }
    for (size_t f = 0; f < HG_FLEETS_MAX; f++) {
        fields_default(&sim_table_fleet, &scenario->fleets[f]);
    }
    fields_read(loader, json, "$", &sim_table_scenario, scenario);
    const json_t *policy = json_object_get(json, "policy");
    size_t before = loader->errors->count;
    if (policy != NULL) {
        read_policy(loader, policy, text, size, scenario);
    }
    if (scenario->policy == NULL || loader->nomem || loader->errors->count > before) {
        return;
    }
    read_map(loader, json_object_get(json, "dependencies"), "$.dependencies", true, scenario);
    read_map(loader, json_object_get(json, "fleets"), "$.fleets", false, scenario);
    if (loader->errors->count == before) {
        check_scenario(loader, scenario);
    }
}

static void parse(struct loader *loader, const char *text, size_t size, struct sim_scenario *scenario)
{
    json_error_t error = {.line = 1, .column = 1};
    char *own = size > POLICY_FILE_MAX ? NULL : malloc(size + 1);
    if (own == NULL) {
        loader->nomem = size <= POLICY_FILE_MAX;
        if (!loader->nomem) {
            loader_error_at(loader, top, "$", "longer than 1 MiB");
        }
        return;
    }
    memcpy(own, text, size);
    own[size] = '\0';
    int status = positions_scan(&loader->positions, own, size, on_position_error, loader);
    json_t *json = status == 0 ? json_loadb(own, size, JSON_DECODE_ANY, &error) : NULL;
    if (json == NULL && status == 0) {
        loader_error_at(loader, (struct place){error.line, error.column}, "$", error.text);
    }
    loader->nomem = loader->nomem || status == HG_E_NOMEM;
    json_t *whole = json == NULL ? NULL : extend(loader, loader->file, json, 0);
    if (whole != NULL) {
        read_scenario(loader, whole, own, size, scenario);
    }
    json_decref(whole);
    json_decref(json);
    free(own);
}

int sim_scenario_parse(const char *file, const char *text, size_t size, struct sim_scenario **ret_scenario,
                       struct hg_policy_errors *ret_errors)
{
    memset(ret_errors, 0, sizeof(*ret_errors));
    struct loader loader = {.file = file, .errors = ret_errors};
    struct sim_scenario *scenario = calloc(1, sizeof(*scenario));
    if (scenario == NULL || (scenario->set = calloc(1, sizeof(*scenario->set))) == NULL) {
        free(scenario);
        return HG_E_NOMEM;
    }
    parse(&loader, text, size, scenario);
    positions_finish(&loader.positions);
    errors_sort(ret_errors);
    if (loader.nomem || ret_errors->count > 0 || scenario->policy == NULL) {
        sim_scenario_destroy(scenario);
        return loader.nomem ? HG_E_NOMEM : HG_E_POLICY;
    }
    *ret_scenario = scenario;
    return 0;
}

int sim_scenario_load(const char *file, struct sim_scenario **ret_scenario, struct hg_policy_errors *ret_errors)
{
    size_t size = 0;
    char *text = read_file(file, &size);
    if (text == NULL) {
        memset(ret_errors, 0, sizeof(*ret_errors));
        struct loader loader = {.file = file, .errors = ret_errors};
        char message[256];
        snprintf(message, sizeof(message), "cannot be read: %s", strerror(errno));
        loader_error_at(&loader, top, "$", message);
        return HG_E_POLICY;
    }
    int status = sim_scenario_parse(file, text, size, ret_scenario, ret_errors);
    free(text);
    return status;
}

void sim_scenario_destroy(struct sim_scenario *scenario)
{
    if (scenario == NULL) {
        return;
    }
    fields_finish(&sim_table_scenario, scenario);
    for (size_t d = 0; d < HG_DEPENDENCIES_MAX; d++) {
        fields_finish(&sim_table_dependency, &scenario->dependencies[d]);
    }
    hg_policy_set_destroy(scenario->set);
    free(scenario);
}

void sim_scenario_scale(struct sim_scenario *scenario, double scale)
{
    struct hg_policy *policy = &scenario->set->policies[0];
    for (size_t f = 0; f < policy->fleet_count; f++) {
        int64_t size = (int64_t)((double)policy->fleets[f].size * scale);
        policy->fleets[f].size = size < 1 ? 1 : size;
    }
}
