#include "policy/policy_loader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *unit;
    int64_t us;
} units[] = {{"us", 1}, {"ms", 1000}, {"s", 1000000}, {"m", 60000000}, {"h", INT64_C(3600000000)}};

bool duration_parse(const char *text, int64_t *ret_us)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    double number = strtod(text, &end);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        double us = number * (double)units[i].us;
        if (strcmp(end, units[i].unit) == 0 && us < 9e15 && us == floor(us)) {
            *ret_us = (int64_t)us;
            return true;
        }
    }
    return false;
}

static void format_duration(int64_t us, char *ret_text, size_t size)
{
    size_t best = 0;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        best = us % units[i].us == 0 && us != 0 ? i : best;
    }
    best = us == 0 ? 2 : best;
    snprintf(ret_text, size, "%lld%s", (long long)(us / units[best].us), units[best].unit);
}

/* A number of the struct, as a person writes it in a policy. */
static void format_bound(enum rule_kind kind, int64_t value, char *ret_text, size_t size)
{
    if (kind == RULE_DURATION) {
        format_duration(value, ret_text, size);
    } else if (kind == RULE_RATE || kind == RULE_SHARE) {
        snprintf(ret_text, size, "%g", (double)value / 1000);
    } else if (kind == RULE_MICRO) {
        snprintf(ret_text, size, "%g", (double)value / 1e6);
    } else {
        snprintf(ret_text, size, "%lld", (long long)value);
    }
}

static const char *type_name(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

char *loader_copy(struct loader *loader, const char *text)
{
    char *copy = strdup(text);
    loader->nomem = loader->nomem || copy == NULL;
    return copy;
}

static void set_number(struct loader *loader, const char *path, const struct rule *rule, int64_t value, void *base)
{
    if (value < rule->min || value > rule->max) {
        char min[40], max[40];
        format_bound(rule->kind, rule->min, min, sizeof(min));
        format_bound(rule->kind, rule->max, max, sizeof(max));
        loader_error(loader, path, "out of range; write a value from %s to %s", min, max);
        return;
    }
    memcpy((char *)base + rule->offset, &value, sizeof(value));
}

static void read_number(struct loader *loader, const json_t *json, const char *path, const struct rule *rule,
                        void *base)
{
    double scale = rule->kind == RULE_INTEGER ? 1 : rule->kind == RULE_MICRO ? 1e6 : 1000;
    if (!json_is_number(json)) {
        loader_error(loader, path, "must be a number, is %s", type_name(json));
        return;
    }
    double scaled = json_number_value(json) * scale;
    double rounded = nearbyint(scaled);
    if (fabs(scaled) > 9e15) {
        rounded = scaled > 0 ? 9e15 : -9e15;
    } else if (fabs(scaled - rounded) > 1e-6 * (1 + fabs(scaled)) * 1e-3) {
        loader_error(loader, path, rule->kind == RULE_INTEGER ? "must be a whole number" : "must be a multiple of %g",
                     1 / scale);
        return;
    }
    set_number(loader, path, rule, (int64_t)rounded, base);
}

static void read_duration(struct loader *loader, const json_t *json, const char *path, const struct rule *rule,
                          void *base)
{
    int64_t value_us;
    if (!json_is_string(json) || !duration_parse(json_string_value(json), &value_us)) {
        loader_error(loader, path, "must be a duration with a unit: a string such as \"250ms\", \"30s\", \"5m\", \"1h\"");
        return;
    }
    set_number(loader, path, rule, value_us, base);
}

static void read_enum(struct loader *loader, const json_t *json, const char *path, const struct rule *rule, void *base)
{
    char choices[128] = "";
    const char *text = json_is_string(json) ? json_string_value(json) : "";
    for (int64_t i = 0; rule->names[i] != NULL; i++) {
        if (strcmp(text, rule->names[i]) == 0) {
            int value = (int)(i % rule->name_count);
            memcpy((char *)base + rule->offset, &value, sizeof(value));
            return;
        }
        size_t used = strlen(choices);
        if (i < rule->name_count) {
            snprintf(choices + used, sizeof(choices) - used, "%s\"%s\"", i > 0 ? ", " : "", rule->names[i]);
        }
    }
    loader_error(loader, path, "must be one of %s", choices);
}

static void read_string(struct loader *loader, const json_t *json, const char *path, const struct rule *rule,
                        void *base)
{
    if (!json_is_string(json)) {
        loader_error(loader, path, "must be a string, is %s", type_name(json));
        return;
    }
    int64_t size = (int64_t)strlen(json_string_value(json));
    if (rule->max > 0 && (size < rule->min || size > rule->max)) {
        loader_error(loader, path, "must have %lld to %lld bytes, has %lld", (long long)rule->min, (long long)rule->max,
                     (long long)size);
        return;
    }
    if (rule->offset != NO_OFFSET) {
        char **text = (char **)(void *)((char *)base + rule->offset);
        free(*text);
        *text = loader_copy(loader, json_string_value(json));
    }
}

bool loader_map(struct loader *loader, const json_t *json, const char *path, const struct rule *rule)
{
    if (!json_is_object(json)) {
        loader_error(loader, path, "must be an object of names, is %s", type_name(json));
        return false;
    }
    int64_t count = (int64_t)json_object_size(json);
    if (count < rule->min || count > rule->max) {
        loader_error(loader, path, "must have %lld to %lld members, has %lld", (long long)rule->min,
                     (long long)rule->max, (long long)count);
        return false;
    }
    return true;
}

static void read_value(struct loader *loader, const json_t *json, const char *path, const struct rule *rule,
                       void *base)
{
    switch (rule->kind) {
    case RULE_INTEGER:
    case RULE_RATE:
    case RULE_SHARE:
    case RULE_MICRO:
        read_number(loader, json, path, rule, base);
        break;
    case RULE_DURATION:
        read_duration(loader, json, path, rule, base);
        break;
    case RULE_ENUM:
        read_enum(loader, json, path, rule, base);
        break;
    case RULE_STRING:
        read_string(loader, json, path, rule, base);
        break;
    case RULE_OBJECT:
        loader_object(loader, json, path, rule->object, base);
        break;
    case RULE_MAP:
    case RULE_COSTS:
    case RULE_LIST:
    case RULE_WORDS:
    case RULE_KIND_COUNT:
        break; /* by the reader of the object that holds them */
    }
}

void loader_defaults(const struct rule_table *table, void *base)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct rule *rule = &table->rules[i];
        if (rule->kind == RULE_OBJECT) {
            loader_defaults(&rule_tables[rule->object], base);
        } else if (rule->kind == RULE_ENUM) {
            int value = (int)rule->fallback;
            memcpy((char *)base + rule->offset, &value, sizeof(value));
        } else if (rule->kind != RULE_STRING && rule->offset != NO_OFFSET) {
            memcpy((char *)base + rule->offset, &rule->fallback, sizeof(rule->fallback));
        }
    }
}

void loader_object(struct loader *loader, const json_t *json, const char *path, enum rule_object object, void *base)
{
    const struct rule_table *table = &rule_tables[object];
    const char *key;
    json_t *value;
    char inner[POLICY_PATH_MAX];
    if (!json_is_object(json)) {
        loader_error(loader, path, "must be an object, is %s", type_name(json));
        return;
    }
    json_object_foreach ((json_t *)json, key, value) {
        snprintf(inner, sizeof(inner), "%s.%s", path, key);
        const struct rule *rule = rule_find(table, key);
        const char *near = rule == NULL ? rule_near(table, key) : NULL;
        if (rule != NULL) {
            read_value(loader, value, inner, rule, base);
        } else if (near != NULL) {
            loader_error(loader, inner, "unknown key; did you mean \"%s\"?", near);
        } else {
            loader_error(loader, inner, "unknown key; remove it (known in a %s: see policies/README.md)", table->name);
        }
    }
    for (size_t i = 0; i < table->count; i++) {
        if (table->rules[i].required && json_object_get(json, table->rules[i].key) == NULL) {
            loader_error(loader, path, "\"%s\" is missing: %s", table->rules[i].key, table->rules[i].doc);
        }
    }
}
