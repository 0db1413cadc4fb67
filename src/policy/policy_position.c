#include "policy/policy_position.h"

#include "headgate/errors.h"
#include "policy/policy_lex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS    (2 * POLICY_VALUES_MAX)
#define HASH_SEED  UINT32_C(2166136261) /* FNV-1a */
#define HASH_PRIME UINT32_C(16777619)

struct scan {
    struct lex lex;
    struct positions *positions;
    const char *text;
    char *writable;
    char *key; /* room for the longest key */
    char path[POLICY_PATH_MAX];
    position_error_fn on_error;
    void *user_data;
    bool shadowed; /* inside the value of a key given twice */
    int status;
};

static struct place place_of(const struct scan *scan)
{
    return (struct place){scan->lex.line, lex_column(&scan->lex)};
}

/* Ends the walk with an error at the place where it stands. */
static void fail(struct scan *scan, const char *message)
{
    if (scan->status == 0) {
        scan->on_error(scan->user_data, place_of(scan), scan->path, message);
        scan->status = HG_E_POLICY;
    }
}

static void fail_expected(struct scan *scan, const char *message)
{
    const char *hint = lex_hint(&scan->lex);
    fail(scan, hint != NULL ? hint : message);
}

static uint32_t hash_step(uint32_t hash, char byte)
{
    return (hash ^ (unsigned char)byte) * HASH_PRIME;
}

/* The bucket that holds the path of `size` bytes, or the empty one where it belongs. */
static uint16_t *find_bucket(const struct positions *positions, const char *path, size_t size, uint32_t hash)
{
    size_t place = hash % BUCKETS;
    while (positions->buckets[place] != 0) {
        const char *other = positions->items[positions->buckets[place] - 1].path;
        if (strncmp(other, path, size) == 0 && other[size] == '\0') {
            break;
        }
        place = (place + 1) % BUCKETS;
    }
    return &positions->buckets[place];
}

static void report_twice(struct scan *scan, struct place key, const struct position *first)
{
    char message[96];
    snprintf(message, sizeof(message), "this key was given already on line %d; remove one of the two",
             first->key.line);
    scan->on_error(scan->user_data, key, scan->path, message);
    scan->shadowed = true;
}

/* Notes the value that begins here; a path noted already keeps its first place, and is an error. */
static void record(struct scan *scan, struct place key)
{
    struct positions *positions = scan->positions;
    uint32_t hash = HASH_SEED;
    size_t size = strlen(scan->path);
    for (size_t i = 0; i < size; i++) {
        hash = hash_step(hash, scan->path[i]);
    }
    uint16_t *bucket = find_bucket(positions, scan->path, size, hash);
    if (*bucket != 0 && !scan->shadowed) {
        report_twice(scan, key, &positions->items[*bucket - 1]);
    }
    if (*bucket != 0) {
        return;
    }
    if (positions->count == POLICY_VALUES_MAX) {
        char message[96];
        snprintf(message, sizeof(message), "more than %d values; split it into several policies",
                 POLICY_VALUES_MAX);
        fail(scan, message);
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
    positions->items[positions->count++] = (struct position){path, place_of(scan), key};
    *bucket = (uint16_t)positions->count;
}

static void scan_value(struct scan *scan, const struct place *key, int depth);

static void scan_member(struct scan *scan, int depth)
{
    struct place key = place_of(scan);
    if (scan->lex.at == scan->lex.end || *scan->lex.at != '"') {
        fail_expected(scan, "a key in double quotes belongs here");
        return;
    }
    const char *wrong = lex_string(&scan->lex, scan->key);
    if (wrong != NULL) {
        fail(scan, wrong);
        return;
    }
    path_member(scan->path, scan->path, scan->key);
    lex_space(&scan->lex);
    if (*scan->lex.at != ':') {
        fail_expected(scan, "a colon is missing before this");
        return;
    }
    scan->lex.at++;
    lex_space(&scan->lex);
    scan_value(scan, &key, depth + 1);
}

/* Behind a member or item: true if another one follows. */
static bool scan_separator(struct scan *scan, char close)
{
    char message[96];
    lex_space(&scan->lex);
    if (*scan->lex.at == ',') {
        scan->lex.at++;
        lex_space(&scan->lex);
        if (*scan->lex.at != close || scan->lex.at == scan->lex.end) {
            return true;
        }
        fail(scan, "a comma too many before this; remove it");
    } else if (*scan->lex.at != close) {
        snprintf(message, sizeof(message), "a comma or '%c' is missing before this", close);
        fail_expected(scan, message);
    }
    return false;
}

/* `at` is on '{' or '['. */
static void scan_container(struct scan *scan, int depth)
{
    bool object = *scan->lex.at == '{';
    char close = object ? '}' : ']';
    size_t path_size = strlen(scan->path);
    struct place open = place_of(scan);
    scan->lex.at++;
    lex_space(&scan->lex);
    bool more = *scan->lex.at != close;
    for (size_t index = 0; more && scan->status == 0; index++) {
        if (scan->lex.at == scan->lex.end) {
            break;
        }
        if (object) {
            scan_member(scan, depth);
        } else {
            path_item(scan->path, scan->path, index);
            scan_value(scan, NULL, depth + 1);
        }
        if (scan->status == 0) {
            scan->path[path_size] = '\0';
            lex_space(&scan->lex);
            if (scan->lex.at == scan->lex.end) {
                break;
            }
            more = scan_separator(scan, close);
        }
    }
    if (scan->status == 0 && scan->lex.at == scan->lex.end) {
        char message[96];
        snprintf(message, sizeof(message),
                 "the file ends, but '%c' of line %d, column %d is not closed; add '%c'", object ? '{' : '[',
                 open.line, open.column, close);
        fail(scan, message);
    }
    scan->lex.at += scan->status == 0;
}

/* Recursion ends at POLICY_DEPTH_MAX. `key` is NULL for what is no member. */
static void scan_value(struct scan *scan, const struct place *key, int depth)
{
    if (scan->lex.at == scan->lex.end) {
        fail(scan, "the file ends where a value belongs");
        return;
    }
    bool outside = !scan->shadowed;
    record(scan, key != NULL ? *key : place_of(scan));
    if (scan->status != 0) {
        return;
    }
    if (depth > POLICY_DEPTH_MAX) {
        fail(scan, "nested too deep; a policy has at most 8 levels");
        return;
    }
    const char *wrong = NULL;
    if (*scan->lex.at == '{' || *scan->lex.at == '[') {
        scan_container(scan, depth);
    } else if (*scan->lex.at == '"') {
        wrong = lex_string(&scan->lex, NULL);
    } else if (*scan->lex.at == ',' || *scan->lex.at == '}' || *scan->lex.at == ']' || *scan->lex.at == ':') {
        wrong = "a value is missing before this";
    } else {
        wrong = lex_hint(&scan->lex);
        wrong = wrong != NULL ? wrong : lex_scalar(&scan->lex, scan->text, scan->writable);
    }
    if (wrong != NULL) {
        fail(scan, wrong);
    }
    scan->shadowed = scan->shadowed && !outside;
}

static void scan_document(struct scan *scan)
{
    if (scan->lex.end - scan->lex.at >= 3 && memcmp(scan->lex.at, "\xef\xbb\xbf", 3) == 0) {
        fail(scan, "begins with a byte order mark; save it as UTF-8 without one");
        return;
    }
    lex_space(&scan->lex);
    if (scan->lex.at == scan->lex.end) {
        fail(scan, "the file is empty; write a policy, as in policies/one-dependency.json");
        return;
    }
    scan_value(scan, NULL, 0);
    lex_space(&scan->lex);
    if (scan->status == 0 && scan->lex.at < scan->lex.end) {
        fail_expected(scan, "the policy ended before this; remove what follows");
    }
}

int positions_scan(struct positions *positions, char *text, size_t size, position_error_fn on_error,
                   void *user_data)
{
    struct scan scan = {.lex = {.at = text, .end = text + size, .line_start = text, .line = 1},
                        .positions = positions,
                        .text = text,
                        .writable = text,
                        .path = "$",
                        .on_error = on_error,
                        .user_data = user_data};
    positions->buckets = calloc(BUCKETS, sizeof(positions->buckets[0]));
    scan.key = malloc(size + 1);
    if (positions->buckets == NULL || scan.key == NULL) {
        free(scan.key);
        return HG_E_NOMEM;
    }
    scan_document(&scan);
    free(scan.key);
    return scan.status;
}

void positions_finish(struct positions *positions)
{
    for (size_t i = 0; i < positions->count; i++) {
        free(positions->items[i].path);
    }
    free(positions->items);
    free(positions->buckets);
    memset(positions, 0, sizeof(*positions));
}

struct position positions_find(const struct positions *positions, const char *path)
{
    struct position found = {.value = {1, 1}, .key = {1, 1}};
    uint32_t hash = HASH_SEED;
    for (size_t i = 0; positions->buckets != NULL && path[i] != '\0'; i++) {
        hash = hash_step(hash, path[i]);
        if (path[i + 1] == '\0' || path[i + 1] == '.' || path[i + 1] == '[') {
            uint16_t bucket = *find_bucket(positions, path, i + 1, hash);
            if (bucket != 0) {
                found = positions->items[bucket - 1];
            }
        }
    }
    return found;
}
