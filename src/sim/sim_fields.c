#include "sim/sim_fields.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *at(void *base, size_t offset)
{
    return (char *)base + offset;
}

static void set_default(const struct field *field, void *base)
{
    void *to = at(base, field->offset);
    switch (field->kind) {
    case FIELD_DURATION:
        *(int64_t *)to = (int64_t)llround(field->fallback * SIM_US);
        break;
    case FIELD_NUMBER:
        *(double *)to = field->fallback;
        break;
    case FIELD_INTEGER:
    case FIELD_ENUM:
        *(int64_t *)to = (int64_t)field->fallback;
        break;
    case FIELD_FLAG:
        *(bool *)to = field->fallback != 0;
        break;
    case FIELD_DIST:
        *(struct sim_dist *)to = (struct sim_dist){.median_s = field->fallback};
        break;
    case FIELD_OBJECT:
        fields_default(field->table, base);
        break;
    case FIELD_LIST:
        *(size_t *)at(base, field->count_offset) = 0;
        break;
    case FIELD_TEXT:
        *(char **)to = NULL;
        break;
    case FIELD_MAP:
    case FIELD_HAND:
    case FIELD_KIND_COUNT:
        break;
    }
}

void fields_default(const struct field_table *table, void *base)
{
    for (size_t i = 0; i < table->count; i++) {
        set_default(&table->fields[i], base);
    }
}

static bool read_seconds(struct loader *loader, const json_t *json, const char *path, double min, double max,
                         double *ret_s)
{
    int64_t us = 0;
    const char *text = json_is_string(json) ? json_string_value(json) : "";
    bool negative = min < 0 && text[0] == '-';
    if (duration_parse(text + negative, &us) != DURATION_OK) {
        loader_error(loader, path, "must be a duration such as \"250ms\", \"30s\", \"5m\" or \"1h\"");
        return false;
    }
    double seconds = (negative ? -1 : 1) * (double)us / SIM_US;
    if (seconds < min || seconds > max) {
        loader_error(loader, path, "must be from %gs to %gs", min, max);
        return false;
    }
    *ret_s = seconds;
    return true;
}

static bool read_number(struct loader *loader, const json_t *json, const char *path, const struct field *field,
                        double *ret_number)
{
    bool whole = field->kind == FIELD_INTEGER;
    if (whole ? !json_is_integer(json) : !json_is_number(json)) {
        loader_error(loader, path, whole ? "must be a whole number" : "must be a number");
        return false;
    }
    *ret_number = json_number_value(json);
    if (*ret_number < field->min || *ret_number > field->max) {
        loader_error(loader, path, "must be from %.12g to %.12g", field->min, field->max);
        return false;
    }
    return true;
}

static void read_dist(struct loader *loader, const json_t *json, const char *path, struct sim_dist *dist)
{
    static const char *const keys[] = {"median", "sigma", "min", "max"};
    const char *key;
    json_t *value;
    char inner[POLICY_PATH_MAX];
    *dist = (struct sim_dist){0};
    if (!json_is_object(json)) {
        (void)read_seconds(loader, json, path, 0, 1e6, &dist->median_s);
        return;
    }
    double *values[] = {&dist->median_s, &dist->sigma, &dist->min_s, &dist->max_s};
    json_object_foreach ((json_t *)json, key, value) {
        size_t i = 0;
        while (i < 4 && strcmp(keys[i], key) != 0) {
            i++;
        }
        path_member(inner, path, key);
        if (i == 4) {
            loader_error_key(loader, inner, "unknown key; a duration has \"median\", \"sigma\", \"min\", \"max\"");
        } else if (i == 1) {
            struct field sigma = {.kind = FIELD_NUMBER, .min = 0, .max = 3};
            (void)read_number(loader, value, inner, &sigma, values[i]);
        } else {
            (void)read_seconds(loader, value, inner, 0, 1e6, values[i]);
        }
    }
    if (json_object_get(json, "median") == NULL) {
        loader_error(loader, path, "\"median\" is missing: half are shorter");
    }
}

static void read_enum(struct loader *loader, const json_t *json, const char *path, const struct field *field,
                      int64_t *value)
{
    char known[256] = "";
    for (int64_t i = 0; field->names[i] != NULL; i++) {
        if (json_is_string(json) && strcmp(json_string_value(json), field->names[i]) == 0) {
            *value = i;
            return;
        }
        size_t used = strlen(known);
        snprintf(known + used, sizeof(known) - used, "%s\"%s\"", i == 0 ? "" : ", ", field->names[i]);
    }
    loader_error(loader, path, "must be one of %s", known);
}

static void read_list(struct loader *loader, const json_t *json, const char *path, const struct field *field,
                      void *base)
{
    size_t *count = at(base, field->count_offset);
    if (!json_is_array(json) || json_array_size(json) > (size_t)field->max) {
        loader_error(loader, path, "must be a list of at most %.0f objects", field->max);
        return;
    }
    for (size_t i = 0; i < json_array_size(json); i++) {
        char inner[POLICY_PATH_MAX];
        void *item = at(base, field->offset + i * field->stride);
        path_item(inner, path, i);
        fields_default(field->table, item);
        fields_read(loader, json_array_get(json, i), inner, field->table, item);
        (*count)++;
    }
}

static void read_field(struct loader *loader, const json_t *json, const char *path, const struct field *field,
                       void *base)
{
    void *to = at(base, field->offset);
    double number = 0;
    switch (field->kind) {
    case FIELD_DURATION:
        if (read_seconds(loader, json, path, field->min, field->max, &number)) {
            *(int64_t *)to = (int64_t)llround(number * SIM_US);
        }
        break;
    case FIELD_NUMBER:
        (void)read_number(loader, json, path, field, to);
        break;
    case FIELD_INTEGER:
        if (read_number(loader, json, path, field, &number)) {
            *(int64_t *)to = (int64_t)number;
        }
        break;
    case FIELD_FLAG:
        if (!json_is_boolean(json)) {
            loader_error(loader, path, "must be true or false");
        }
        *(bool *)to = json_is_true(json);
        break;
    case FIELD_ENUM:
        read_enum(loader, json, path, field, to);
        break;
    case FIELD_TEXT:
        if (!json_is_string(json)) {
            loader_error(loader, path, "must be a string");
        } else {
            *(char **)to = loader_copy(loader, json_string_value(json));
        }
        break;
    case FIELD_DIST:
        read_dist(loader, json, path, to);
        break;
    case FIELD_OBJECT:
        fields_read(loader, json, path, field->table, base);
        break;
    case FIELD_LIST:
        read_list(loader, json, path, field, base);
        break;
    case FIELD_MAP:
    case FIELD_HAND:
    case FIELD_KIND_COUNT:
        break;
    }
}

void fields_read(struct loader *loader, const json_t *json, const char *path, const struct field_table *table,
                 void *base)
{
    const char *key;
    json_t *value;
    char inner[POLICY_PATH_MAX];
    if (!json_is_object(json)) {
        loader_error(loader, path, "must be an object: %s", table->doc);
        return;
    }
    json_object_foreach ((json_t *)json, key, value) {
        size_t i = 0;
        const char *near = NULL;
        while (i < table->count && strcmp(table->fields[i].key, key) != 0) {
            near = words_distance(key, table->fields[i].key) < WORDS_APART ? table->fields[i].key : near;
            i++;
        }
        path_member(inner, path, key);
        if (i < table->count) {
            read_field(loader, value, inner, &table->fields[i], base);
        } else if (near != NULL) {
            loader_error_key(loader, inner, "unknown key; did you mean \"%s\"?", near);
        } else {
            loader_error_key(loader, inner, "unknown key; remove it (known in a %s: see tests/sim/README.md)", table->name);
        }
    }
    for (size_t i = 0; i < table->count; i++) {
        if (table->fields[i].required && json_object_get(json, table->fields[i].key) == NULL) {
            loader_error(loader, path, "\"%s\" is missing: %s", table->fields[i].key, table->fields[i].doc);
        }
    }
}

void fields_finish(const struct field_table *table, void *base)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct field *field = &table->fields[i];
        if (field->kind == FIELD_TEXT) {
            free(*(char **)at(base, field->offset));
        } else if (field->kind == FIELD_OBJECT) {
            fields_finish(field->table, base);
        } else if (field->kind == FIELD_LIST) {
            for (size_t item = 0; item < *(size_t *)at(base, field->count_offset); item++) {
                fields_finish(field->table, at(base, field->offset + item * field->stride));
            }
        }
    }
}
