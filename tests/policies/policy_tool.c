/* What test_policies.py asks of the validator.
 *
 *   policy_tool schema       the JSON Schema that the rule tables make
 *   policy_tool reference    the tables of policies/README.md that they make
 *   policy_tool verdicts     for every line of stdin, a document: a line with the list of its errors, [path,
 * message] policy_tool load PATH... loads them together; the errors and exit code 1 if there are any */
#include "policy/policy_rules.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define DURATION_PATTERN "^[0-9]+(\\.[0-9]+)?(ms|s|m|h)$"

static void put(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) {
        exit(EXIT_FAILURE);
    }
}

/* A bound or default as a JSON number. */
static json_t *number_of(const struct rule *rule, int64_t value)
{
    char text[40];
    json_error_t error;
    rule_format(rule->kind, value, text, sizeof(text));
    return json_loads(text, JSON_DECODE_ANY, &error);
}

static json_t *names_pattern(void)
{
    return json_pack("{s:s}", "pattern", NAME_PATTERN);
}

static json_t *reference_to(enum rule_object object)
{
    char text[80];
    snprintf(text, sizeof(text), "#/$defs/%s", rule_tables[object].name);
    return json_pack("{s:s}", "$ref", text);
}

static void put_number(json_t *schema, const struct rule *rule)
{
    put(schema, "type", json_string(rule->kind == RULE_INTEGER ? "integer" : "number"));
    put(schema, "minimum", number_of(rule, rule->min));
    put(schema, "maximum", number_of(rule, rule->max));
    if (rule->fallback >= rule->min && !rule->required) {
        put(schema, "default", number_of(rule, rule->fallback));
    }
}

static void put_duration(json_t *schema, const struct rule *rule)
{
    char text[700], min[40], max[40], fallback[40];
    rule_format(rule->kind, rule->min, min, sizeof(min));
    rule_format(rule->kind, rule->max, max, sizeof(max));
    rule_format(rule->kind, rule->fallback, fallback, sizeof(fallback));
    snprintf(text, sizeof(text), "%s A duration with a unit (ms, s, m, h), from %s to %s.", rule->doc, min,
             max);
    put(schema, "description", json_string(text));
    put(schema, "type", json_string("string"));
    put(schema, "pattern", json_string(DURATION_PATTERN));
    put(schema, "default", json_string(fallback));
}

static void put_text(json_t *schema, const struct rule *rule)
{
    put(schema, "type", json_string("string"));
    if (rule->max > 0) {
        put(schema, "minLength", json_integer(rule->min));
        put(schema, "maxLength", json_integer(rule->max));
    }
    if (rule->pattern != NULL) {
        put(schema, "pattern", json_string(rule->pattern));
    }
}

static void put_enum(json_t *schema, const struct rule *rule)
{
    json_t *names = json_array();
    for (size_t i = 0; rule->names[i] != NULL; i++) {
        bool again = false;
        for (size_t j = 0; j < i; j++) {
            again = again || strcmp(rule->names[i], rule->names[j]) == 0;
        }
        if (!again) {
            json_array_append_new(names, json_string(rule->names[i]));
        }
    }
    put(schema, "enum", names);
    put(schema, "default", json_string(rule->names[rule->fallback]));
}

static void put_map(json_t *schema, const struct rule *rule, json_t *value)
{
    put(schema, "type", json_string("object"));
    put(schema, "minProperties", json_integer(rule->min));
    put(schema, "maxProperties", json_integer(rule->max));
    put(schema, "propertyNames", names_pattern());
    put(schema, "additionalProperties", value);
}

static json_t *schema_of(const struct rule *rule)
{
    json_t *schema = json_pack("{s:s}", "description", rule->doc);
    switch (rule->kind) {
    case RULE_INTEGER:
    case RULE_RATE:
    case RULE_SHARE:
    case RULE_MICRO:
        put_number(schema, rule);
        break;
    case RULE_DURATION:
        put_duration(schema, rule);
        break;
    case RULE_ENUM:
        put_enum(schema, rule);
        break;
    case RULE_STRING:
        put_text(schema, rule);
        break;
    case RULE_OBJECT:
        json_object_update_new(schema, reference_to(rule->object));
        break;
    case RULE_MAP:
        put_map(schema, rule, reference_to(rule->object));
        break;
    case RULE_COSTS:
        put_map(schema, rule,
                json_pack("{s:s, s:i, s:i}", "type", "integer", "minimum", 1, "maximum", 1000000));
        break;
    case RULE_LIST:
        put(schema, "type", json_string("array"));
        put(schema, "maxItems", json_integer(rule->max));
        put(schema, "items", reference_to(rule->object));
        break;
    case RULE_WORDS:
        put(schema, "type", json_string("array"));
        put(schema, "minItems", json_integer(rule->min));
        put(schema, "maxItems", json_integer(rule->max));
        put(schema, "prefixItems", json_pack("[{s:s, s:i}]", "type", "string", "minLength", 1));
        put(schema, "items", json_pack("{s:s}", "type", "string"));
        break;
    case RULE_KIND_COUNT:
        break;
    }
    return schema;
}

static void put_table(json_t *schema, const struct rule_table *table)
{
    json_t *properties = json_object(), *required = json_array();
    for (size_t i = 0; i < table->count; i++) {
        put(properties, table->rules[i].key, schema_of(&table->rules[i]));
        if (table->rules[i].required) {
            json_array_append_new(required, json_string(table->rules[i].key));
        }
    }
    put(schema, "type", json_string("object"));
    put(schema, "properties", properties);
    put(schema, "additionalProperties", json_false());
    if (json_array_size(required) > 0) {
        put(schema, "required", required);
    } else {
        json_decref(required);
    }
}

/* What a probe's members ask of each other: exactly one kind, and what belongs to another kind stays out. */
static void put_probe_kinds(json_t *schema)
{
    static const char *const kinds[] = {"tcp", "http", "dns", "redis", "exec"};
    json_t *one_of = json_array();
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        json_array_append_new(one_of, json_pack("{s:[s]}", "required", kinds[i]));
    }
    put(schema, "oneOf", one_of);
    put(schema, "dependentRequired",
        json_pack("{s:[s], s:[s], s:[s], s:[s]}", "status", "http", "gauge", "http", "min_addresses", "dns",
                  "server", "dns"));
}

static int print_schema(void)
{
    json_t *definitions = json_object();
    json_t *schema =
        json_pack("{s:s, s:s, s:s, s:s}", "$schema", "https://json-schema.org/draft/2020-12/schema", "$id",
                  "https://headgate.dev/schemas/headgate-policy.schema.json", "title", "Headgate policy",
                  "description", rule_tables[OBJECT_POLICY].doc);
    put_table(schema, &rule_tables[OBJECT_POLICY]);
    for (size_t i = 0; i < OBJECT_COUNT; i++) {
        json_t *definition = json_pack("{s:s}", "description", rule_tables[i].doc);
        if (i == OBJECT_POLICY) {
            json_decref(definition);
            continue;
        }
        put_table(definition, &rule_tables[i]);
        if (i == OBJECT_PROBE) {
            put_probe_kinds(definition);
        }
        put(definitions, rule_tables[i].name, definition);
    }
    put(schema, "$defs", definitions);
    json_dumpf(schema, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    printf("\n");
    json_decref(schema);
    return EXIT_SUCCESS;
}

static void print_type(const struct rule *rule)
{
    static const char *const types[RULE_KIND_COUNT] = {
        [RULE_INTEGER] = "whole number", [RULE_RATE] = "number",   [RULE_DURATION] = "duration",
        [RULE_SHARE] = "number",         [RULE_MICRO] = "number",  [RULE_ENUM] = "one of",
        [RULE_STRING] = "text",          [RULE_OBJECT] = "object", [RULE_MAP] = "objects by name",
        [RULE_COSTS] = "costs by name",  [RULE_LIST] = "list",     [RULE_WORDS] = "list of texts"};
    printf("| `%s` | %s", rule->key, types[rule->kind]);
}

static void print_range(const struct rule *rule)
{
    char min[40], max[40];
    rule_format(rule->kind, rule->min, min, sizeof(min));
    rule_format(rule->kind, rule->max, max, sizeof(max));
    if (rule->kind == RULE_ENUM) {
        for (int64_t i = 0; i < rule->name_count; i++) {
            printf("%s`%s`", i > 0 ? ", " : " | ", rule->names[i]);
        }
    } else if (rule->kind == RULE_OBJECT) {
        printf(" | [%s](#%s)", rule_tables[rule->object].name, rule_tables[rule->object].name);
    } else if (rule->kind == RULE_STRING) {
        printf(rule->max > 0 ? " | %s to %s bytes" : " | any", min, max);
    } else if (rule->kind == RULE_MAP || rule->kind == RULE_LIST) {
        printf(" | %s to %s [%s](#%s)", min, max, rule_tables[rule->object].name,
               rule_tables[rule->object].name);
    } else if (rule->kind == RULE_COSTS) {
        printf(" | %s to %s; each 1 to 1000000", min, max);
    } else {
        printf(" | %s to %s", min, max);
    }
}

static void print_default(const struct rule *rule)
{
    char text[40];
    if (rule->required) {
        printf(" | required");
    } else if (rule->kind == RULE_ENUM) {
        printf(" | `%s`", rule->names[rule->fallback]);
    } else if (rule->kind == RULE_OBJECT || rule->kind == RULE_STRING || rule->fallback == UNSET ||
               (rule->fallback < rule->min && rule->kind == RULE_INTEGER)) {
        printf(" | -");
    } else {
        rule_format(rule->kind, rule->fallback, text, sizeof(text));
        printf(" | %s", text);
    }
}

static int print_reference(void)
{
    for (size_t t = 0; t < OBJECT_COUNT; t++) {
        printf("### %s\n\n%s\n\n| key | type | range | default | meaning |\n|---|---|---|---|---|\n",
               rule_tables[t].name, rule_tables[t].doc);
        for (size_t i = 0; i < rule_tables[t].count; i++) {
            const struct rule *rule = &rule_tables[t].rules[i];
            print_type(rule);
            print_range(rule);
            print_default(rule);
            printf(" | %s |\n", rule->doc);
        }
        printf("\n");
    }
    return EXIT_SUCCESS;
}

static int print_verdicts(void)
{
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t size = getline(&line, &capacity, stdin); size > 0; size = getline(&line, &capacity, stdin)) {
        struct hg_policy_set *set = NULL;
        struct hg_policy_errors errors;
        json_t *verdict = json_array();
        int status = hg_policy_set_parse("stdin", line, (size_t)size, &set, &errors);
        for (size_t i = 0; i < errors.count; i++) {
            json_array_append_new(verdict,
                                  json_pack("[s, s]", errors.errors[i].path, errors.errors[i].message));
        }
        if ((status == 0) != (errors.count == 0)) {
            return EXIT_FAILURE;
        }
        json_dumpf(verdict, stdout, JSON_COMPACT);
        printf("\n");
        json_decref(verdict);
        hg_policy_set_destroy(set);
        hg_policy_errors_finish(&errors);
    }
    free(line);
    return EXIT_SUCCESS;
}

static int load(const char *const *paths, size_t count)
{
    struct hg_policy_set *set = NULL;
    struct hg_policy_errors errors;
    int status = hg_policy_set_load(paths, count, &set, &errors);
    hg_policy_errors_print(&errors, stderr);
    printf("%zu policies\n", status == 0 ? set->policy_count : 0);
    hg_policy_set_destroy(set);
    hg_policy_errors_finish(&errors);
    return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "schema") == 0) {
        return print_schema();
    }
    if (strcmp(command, "reference") == 0) {
        return print_reference();
    }
    if (strcmp(command, "verdicts") == 0) {
        return print_verdicts();
    }
    if (strcmp(command, "load") == 0 && argc > 2) {
        return load((const char *const *)argv + 2, (size_t)argc - 2);
    }
    fprintf(stderr, "usage: %s schema|reference|verdicts|load PATH...\n", argv[0]);
    return 64;
}
