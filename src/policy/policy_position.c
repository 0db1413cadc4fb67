#include "policy/policy_position.h"

#include "headgate/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scan {
    struct positions *positions;
    const char *at;
    const char *end;
    const char *line_start;
    int line;
    char path[POLICY_PATH_MAX];
    position_error_fn on_error;
    void *user_data;
    int status;
};

static int column_of(const struct scan *scan)
{
    return (int)(scan->at - scan->line_start) + 1;
}

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end && strchr(" \t\r\n", *scan->at) != NULL && *scan->at != '\0') {
        if (*scan->at == '\n') {
            scan->line++;
            scan->line_start = scan->at + 1;
        }
        scan->at++;
    }
}

static void record(struct scan *scan)
{
    struct positions *positions = scan->positions;
    if (positions->count == POLICY_VALUES_MAX) {
        return;
    }
    if (positions->count == positions->capacity) {
        size_t capacity = positions->capacity == 0 ? 64 : 2 * positions->capacity;
        struct position *grown = realloc(positions->items, capacity * sizeof(*grown));
        if (grown == NULL) {
            scan->status = HG_E_NOMEM;
            return;
        }
        positions->items = grown;
        positions->capacity = capacity;
    }
    char *path = strdup(scan->path);
    if (path == NULL) {
        scan->status = HG_E_NOMEM;
        return;
    }
    positions->items[positions->count++] = (struct position){path, scan->line, column_of(scan)};
}

/* Leaves `at` behind the closing quote. */
static void skip_string(struct scan *scan)
{
    scan->at++;
    while (scan->at < scan->end && *scan->at != '"') {
        scan->at += *scan->at == '\\' ? 2 : 1;
    }
    scan->at++;
}

static void scan_value(struct scan *scan, int depth);

static void check_twice(struct scan *scan, size_t first, int line, int column)
{
    for (size_t i = first; i < scan->positions->count; i++) {
        if (strcmp(scan->positions->items[i].path, scan->path) == 0) {
            char message[96];
            snprintf(message, sizeof(message), "this key was given already on line %d; remove one of the two",
                     scan->positions->items[i].line);
            scan->on_error(scan->user_data, line, column, scan->path, message);
            return;
        }
    }
}

static void scan_object(struct scan *scan, int depth)
{
    size_t path_size = strlen(scan->path), first = scan->positions->count;
    scan->at++;
    skip_space(scan);
    while (scan->at < scan->end && *scan->at != '}' && scan->status == 0) {
        int line = scan->line, column = column_of(scan);
        const char *key = scan->at + 1;
        skip_string(scan);
        snprintf(scan->path + path_size, sizeof(scan->path) - path_size, ".%.*s", (int)(scan->at - 1 - key), key);
        check_twice(scan, first, line, column);
        skip_space(scan);
        scan->at++; /* colon */
        skip_space(scan);
        scan_value(scan, depth + 1);
        skip_space(scan);
        scan->at += scan->at < scan->end && *scan->at == ',';
        skip_space(scan);
    }
    scan->at++;
    scan->path[path_size] = '\0';
}

static void scan_array(struct scan *scan, int depth)
{
    size_t path_size = strlen(scan->path), index = 0;
    scan->at++;
    skip_space(scan);
    while (scan->at < scan->end && *scan->at != ']' && scan->status == 0) {
        snprintf(scan->path + path_size, sizeof(scan->path) - path_size, "[%zu]", index++);
        scan_value(scan, depth + 1);
        skip_space(scan);
        scan->at += scan->at < scan->end && *scan->at == ',';
        skip_space(scan);
    }
    scan->at++;
    scan->path[path_size] = '\0';
}

/* Recursion ends at POLICY_DEPTH_MAX: what is deeper is reported and not looked at. */
static void scan_value(struct scan *scan, int depth)
{
    record(scan);
    if (depth > POLICY_DEPTH_MAX) {
        scan->on_error(scan->user_data, scan->line, column_of(scan), scan->path, "nested too deep for a policy");
        scan->status = HG_E_POLICY;
        return;
    }
    switch (scan->at < scan->end ? *scan->at : '\0') {
    case '{':
        scan_object(scan, depth);
        break;
    case '[':
        scan_array(scan, depth);
        break;
    case '"':
        skip_string(scan);
        break;
    default:
        while (scan->at < scan->end && strchr(",]} \t\r\n", *scan->at) == NULL) {
            scan->at++;
        }
        break;
    }
}

int positions_scan(struct positions *positions, const char *text, size_t size, position_error_fn on_error,
                   void *user_data)
{
    struct scan scan = {.positions = positions,
                        .at = text,
                        .end = text + size,
                        .line_start = text,
                        .line = 1,
                        .path = "$",
                        .on_error = on_error,
                        .user_data = user_data};
    skip_space(&scan);
    scan_value(&scan, 0);
    return scan.status;
}

void positions_finish(struct positions *positions)
{
    for (size_t i = 0; i < positions->count; i++) {
        free(positions->items[i].path);
    }
    free(positions->items);
    memset(positions, 0, sizeof(*positions));
}

void positions_find(const struct positions *positions, const char *path, int *ret_line, int *ret_column)
{
    size_t best = 0;
    *ret_line = *ret_column = 1;
    for (size_t i = 0; i < positions->count; i++) {
        const char *here = positions->items[i].path;
        size_t size = strlen(here);
        bool parent = strncmp(here, path, size) == 0 && (path[size] == '\0' || path[size] == '.' || path[size] == '[');
        if (parent && size > best) {
            best = size;
            *ret_line = positions->items[i].line;
            *ret_column = positions->items[i].column;
        }
    }
}
