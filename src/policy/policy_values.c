#include "policy/policy_loader.h"

#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* A number of the struct, as a person writes it in a policy. */
void rule_format(enum rule_kind kind, int64_t value, char *ret_text, size_t size)
{
    if (kind == RULE_DURATION) {
        duration_format(value, ret_text, size);
    } else if (kind == RULE_RATE || kind == RULE_SHARE) {
        snprintf(ret_text, size, "%.15g", (double)value / 1000);
    } else if (kind == RULE_MICRO) {
        snprintf(ret_text, size, "%.15g", (double)value / 1e6);
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
        return "a text";
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

static void report_range(struct loader *loader, const char *path, const struct rule *rule)
{
    char min[40], max[40];
    rule_format(rule->kind, rule->min, min, sizeof(min));
    rule_format(rule->kind, rule->max, max, sizeof(max));
    loader_error(loader, path, "out of range; write a value from %s to %s", min, max);
}

static void read_number(struct loader *loader, const json_t *json, const char *path, const struct rule *rule,
                        void *base)
{
    double scale = rule->kind == RULE_INTEGER ? 1 : rule->kind == RULE_MICRO ? 1e6 : 1000;
    if (!json_is_number(json)) {
        loader_error(loader, path, "must be a number, is %s", type_name(json));
        return;
    }
    double number = json_number_value(json), rounded = nearbyint(number * scale);
    if (number < (double)rule->min / scale || number > (double)rule->max / scale) {
        report_range(loader, path, rule);
    } else if (rule->kind == RULE_INTEGER && number != rounded) {
        loader_error(loader, path, "must be a whole number");
    } else if (fabs(number * scale - rounded) > 1e-9 * (1 + fabs(rounded))) {
        loader_error(loader, path, "too fine; round it to a multiple of %g", 1 / scale);
    } else {
        int64_t value = (int64_t)rounded;
        memcpy((char *)base + rule->offset, &value, sizeof(value));
    }
}

static void read_duration(struct loader *loader, const json_t *json, const char *path,
                          const struct rule *rule, void *base)
{
    int64_t us;
    enum duration_verdict verdict =
        json_is_string(json) ? duration_parse(json_string_value(json), &us) : DURATION_MALFORMED;
    if (verdict == DURATION_MALFORMED) {
        loader_error(loader, path,
                     "must be a duration with a unit: a text such as \"250ms\", \"30s\", \"5m\", \"1h\"");
    } else if (verdict == DURATION_TOO_FINE) {
        loader_error(loader, path, "too fine; round it to whole milliseconds");
    } else if (us < rule->min || us > rule->max) {
        report_range(loader, path, rule);
    } else {
        memcpy((char *)base + rule->offset, &us, sizeof(us));
    }
}

static void read_enum(struct loader *loader, const json_t *json, const char *path, const struct rule *rule,
                      void *base)
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

bool loader_matches(struct loader *loader, const char *text, const char *pattern)
{
    regex_t compiled;
    if (regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        loader->nomem = true; /* the patterns are ours: nothing else can be wrong with them */
        return true;
    }
    int status = regexec(&compiled, text, 0, NULL, 0);
    regfree(&compiled);
    loader->nomem = loader->nomem || status == REG_ESPACE;
    return status != REG_NOMATCH;
}

static void read_string(struct loader *loader, const json_t *json, const char *path, const struct rule *rule,
                        void *base)
{
    if (!json_is_string(json)) {
        loader_error(loader, path, "must be a text in double quotes, is %s", type_name(json));
        return;
    }
    const char *text = json_string_value(json);
    int64_t size = (int64_t)strlen(text);
    if (rule->max > 0 && (size < rule->min || size > rule->max)) {
        loader_error(loader, path, "must have %lld to %lld bytes, has %lld", (long long)rule->min,
                     (long long)rule->max, (long long)size);
        return;
    }
    if (rule->pattern != NULL && !loader_matches(loader, text, rule->pattern)) {
        loader_error(loader, path, "must be %s", rule->form);
        return;
    }
    if (rule->offset != NO_OFFSET) {
        char **kept = (char **)(void *)((char *)base + rule->offset);
        free(*kept);
        *kept = loader_copy(loader, text);
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
        loader_error(loader, path, "must have %lld to %lld members, has %lld; %s", (long long)rule->min,
                     (long long)rule->max, (long long)count,
                     count < rule->min ? "add one" : "split the policy");
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

/* An object of this table that would know the key, or NULL. */
static const char *find_home(const struct rule_table *table, const char *key)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct rule *rule = &table->rules[i];
        if (rule->kind == RULE_OBJECT && rule_find(&rule_tables[rule->object], key) != NULL) {
            return rule->key;
        }
    }
    return NULL;
}

static void report_unknown(struct loader *loader, const char *path, const struct rule_table *table,
                           const char *key)
{
    char known[400] = "";
    const char *home = find_home(table, key), *near = rule_near(table, key);
    if (near != NULL) {
        loader_error_key(loader, path, "unknown key; did you mean \"%s\"?", near);
        return;
    }
    if (home != NULL) {
        loader_error_key(loader, path, "unknown key; it belongs inside \"%s\"", home);
        return;
    }
    for (size_t i = 0; i < table->count; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof(known) - used, "%s%s", i > 0 ? ", " : "", table->rules[i].key);
    }
    loader_error_key(loader, path, "unknown key; remove it (known here: %s)", known);
}

void loader_object(struct loader *loader, const json_t *json, const char *path, enum rule_object object,
                   void *base)
{
    const struct rule_table *table = &rule_tables[object];
    const char *key;
    json_t *value;
    char inner[POLICY_PATH_MAX];
    if (!json_is_object(json)) {
        loader_error(loader, path, "must be an object, is %s", type_name(json));
        return;
    }
    json_object_foreach((json_t *)json, key, value)
    {
        const struct rule *rule = rule_find(table, key);
        path_member(inner, path, key);
        if (rule != NULL) {
            read_value(loader, value, inner, rule, base);
        } else {
            report_unknown(loader, inner, table, key);
        }
    }
    for (size_t i = 0; i < table->count; i++) {
        if (table->rules[i].required && json_object_get(json, table->rules[i].key) == NULL) {
            loader_error(loader, path, "\"%s\" is missing; add it: %s", table->rules[i].key,
                         table->rules[i].doc);
        }
    }
}
