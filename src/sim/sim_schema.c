/* The JSON Schema of scenario files, from the tables that read them. */
#include "sim/sim_scenario.h"
#include "sim/sim_scenario_tables.h"

#include <math.h>
#include <stdio.h>

#define DURATION_FORM "^-?[0-9]+(\\.[0-9]+)?(us|ms|s|m|h)$"

static json_t *object_schema(const struct field_table *table);

static void put(json_t *schema, const char *key, json_t *value)
{
    json_object_set_new(schema, key, value);
}

static json_t *number(double value)
{
    return floor(value) == value && fabs(value) < 1e15 ? json_integer((json_int_t)value) : json_real(value);
}

static json_t *duration_schema(void)
{
    json_t *schema = json_object();
    put(schema, "type", json_string("string"));
    put(schema, "pattern", json_string(DURATION_FORM));
    return schema;
}

static json_t *dist_schema(void)
{
    json_t *properties = json_object(), *sigma = json_object(), *object = json_object(), *schema = json_object();
    put(sigma, "type", json_string("number"));
    put(sigma, "minimum", json_integer(0));
    put(sigma, "maximum", json_integer(3));
    put(properties, "median", duration_schema());
    put(properties, "sigma", sigma);
    put(properties, "min", duration_schema());
    put(properties, "max", duration_schema());
    put(object, "type", json_string("object"));
    put(object, "properties", properties);
    put(object, "required", json_pack("[s]", "median"));
    put(object, "additionalProperties", json_false());
    put(schema, "oneOf", json_pack("[o, o]", duration_schema(), object));
    return schema;
}

static json_t *names_schema(const char *const *names)
{
    json_t *schema = json_object(), *list = json_array();
    for (size_t i = 0; names[i] != NULL; i++) {
        json_array_append_new(list, json_string(names[i]));
    }
    put(schema, "enum", list);
    return schema;
}

static json_t *number_schema(const struct field *field)
{
    json_t *schema = json_object();
    put(schema, "type", json_string(field->kind == FIELD_INTEGER ? "integer" : "number"));
    put(schema, "minimum", number(field->min));
    put(schema, "maximum", number(field->max));
    put(schema, "default", number(field->fallback));
    return schema;
}

static json_t *plain(const char *type)
{
    return json_pack("{s: s}", "type", type);
}

/* A scenario that extends another may leave out anything, and delete by null: only the loader can tell. */
static json_t *nullable(json_t *schema)
{
    return json_pack("{s: [o, {s: s}]}", "anyOf", schema, "type", "null");
}

static json_t *field_schema(const struct field *field)
{
    json_t *schema = NULL;
    switch (field->kind) {
    case FIELD_DURATION:
        schema = duration_schema();
        break;
    case FIELD_NUMBER:
    case FIELD_INTEGER:
        schema = number_schema(field);
        break;
    case FIELD_FLAG:
        schema = plain("boolean");
        put(schema, "default", json_boolean(field->fallback != 0));
        break;
    case FIELD_ENUM:
        schema = names_schema(field->names);
        put(schema, "default", json_string(field->names[(size_t)field->fallback]));
        break;
    case FIELD_TEXT:
        schema = plain("string");
        break;
    case FIELD_DIST:
        schema = dist_schema();
        break;
    case FIELD_OBJECT:
        schema = object_schema(field->table);
        break;
    case FIELD_LIST:
        schema = plain("array");
        put(schema, "maxItems", number(field->max));
        put(schema, "items", object_schema(field->table));
        break;
    case FIELD_MAP:
        schema = plain("object");
        put(schema, "additionalProperties", nullable(object_schema(field->table)));
        break;
    case FIELD_HAND:
    case FIELD_KIND_COUNT:
        schema = json_object();
        break;
    }
    put(schema, "description", json_string(field->doc));
    return schema;
}

static json_t *object_schema(const struct field_table *table)
{
    json_t *schema = json_object(), *properties = json_object();
    for (size_t i = 0; i < table->count; i++) {
        json_t *value = field_schema(&table->fields[i]);
        json_t *wrapped = nullable(value);
        put(wrapped, "description", json_string(table->fields[i].doc));
        put(properties, table->fields[i].key, wrapped);
    }
    put(schema, "type", json_string("object"));
    put(schema, "description", json_string(table->doc));
    put(schema, "properties", properties);
    put(schema, "additionalProperties", json_false());
    return schema;
}

void sim_schema_print(FILE *out)
{
    json_t *schema = object_schema(&sim_table_scenario);
    json_t *whole = json_pack("{s: s, s: s}", "$schema", "https://json-schema.org/draft/2020-12/schema", "title",
                              "Headgate scenario");
    json_object_update(whole, schema);
    put(whole, "required", json_pack("[s]", "scenario"));
    json_dumpf(whole, out, JSON_INDENT(1));
    fputc('\n', out);
    json_decref(schema);
    json_decref(whole);
}
