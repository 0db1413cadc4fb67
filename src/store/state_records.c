#include "store/state_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 64

/* FNV-1a, 64 bits. */
static uint64_t hash_of(size_t fleet, const char *instance)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ fleet;
    hash *= UINT64_C(1099511628211);
    for (const unsigned char *at = (const unsigned char *)instance; *at != '\0'; at++) {
        hash = (hash ^ *at) * UINT64_C(1099511628211);
    }
    return hash ^ (hash >> 29);
}

struct record *record_find(const struct state *state, size_t fleet, const char *instance)
{
    if (state->bucket_count == 0) {
        return NULL;
    }
    struct record *record = state->buckets[hash_of(fleet, instance) & (state->bucket_count - 1)];
    while (record != NULL && (record->fleet != fleet || strcmp(record->instance, instance) != 0)) {
        record = record->next;
    }
    return record;
}

/* Doubles or halves the table; without memory it stays as it is, only slower. */
static void resize(struct state *state, size_t bucket_count)
{
    struct record **buckets = calloc(bucket_count, sizeof(struct record *));
    if (buckets == NULL) {
        return;
    }
    for (size_t i = 0; i < state->bucket_count; i++) {
        struct record *record = state->buckets[i];
        while (record != NULL) {
            struct record *next = record->next;
            struct record **to = &buckets[hash_of(record->fleet, record->instance) & (bucket_count - 1)];
            record->next = *to;
            *to = record;
            record = next;
        }
    }
    free(state->buckets);
    state->buckets = buckets;
    state->bucket_count = bucket_count;
}

/* Known and counted; not in a chain yet. */
static struct record *record_new(struct state *state, size_t fleet, const char *instance)
{
    size_t size = strlen(instance) + 1;
    struct record *record = state->bucket_count == 0 ? NULL : calloc(1, sizeof(*record) + size);
    if (record == NULL) {
        return NULL;
    }
    record->fleet = fleet;
    record->due_index = NO_DUE;
    record->outcome = record->done_outcome = OUTCOME_NONE;
    memcpy(record->instance, instance, size);
    state->record_count++;
    state->fleets[fleet].records++;
    return record;
}

struct record *record_create(struct state *state, size_t fleet, const char *instance)
{
    if (state->record_count >= state->bucket_count) {
        resize(state, state->bucket_count == 0 ? BUCKETS_MIN : 2 * state->bucket_count);
    }
    struct record *record = record_new(state, fleet, instance);
    if (record != NULL) {
        struct record **bucket = &state->buckets[hash_of(fleet, instance) & (state->bucket_count - 1)];
        record->next = *bucket;
        *bucket = record;
    }
    return record;
}

struct record *record_append(struct state *state, size_t fleet, const char *instance)
{
    struct record *record = record_new(state, fleet, instance);
    if (record != NULL) {
        struct record **at = &state->buckets[hash_of(fleet, instance) & (state->bucket_count - 1)];
        while (*at != NULL) {
            at = &(*at)->next;
        }
        *at = record;
    }
    return record;
}

static void record_free(struct record *record)
{
    for (size_t i = 0; i < REASONS_KEPT; i++) {
        free(record->reasons[i]);
    }
    free(record->boot_id);
    free(record->leases);
    free(record);
}

void record_delete(struct state *state, struct record *record)
{
    (void)record_set_due(state, record, 0);
    struct record **at = &state->buckets[hash_of(record->fleet, record->instance) & (state->bucket_count - 1)];
    while (*at != record) {
        at = &(*at)->next;
    }
    *at = record->next;
    state->record_count--;
    state->fleets[record->fleet].records--;
    record_free(record);
}

void record_fit(struct state *state)
{
    if (state->bucket_count > BUCKETS_MIN && state->record_count * 8 < state->bucket_count) {
        resize(state, state->bucket_count / 2);
    }
}

void record_free_all(struct state *state)
{
    for (size_t i = 0; i < state->bucket_count; i++) {
        while (state->buckets[i] != NULL) {
            struct record *next = state->buckets[i]->next;
            record_free(state->buckets[i]);
            state->buckets[i] = next;
        }
    }
    free(state->buckets);
    free(state->due);
}

/* Due time, then byte order of "fleet/instance", as a sorted set orders its members. */
static bool before(const struct state *state, const struct record *a, const struct record *b)
{
    if (a->due_us != b->due_us) {
        return a->due_us < b->due_us;
    }
    char member_a[HG_NAME_MAX + HG_INSTANCE_MAX + 3], member_b[HG_NAME_MAX + HG_INSTANCE_MAX + 3];
    snprintf(member_a, sizeof(member_a), "%s/%s", state->fleets[a->fleet].name, a->instance);
    snprintf(member_b, sizeof(member_b), "%s/%s", state->fleets[b->fleet].name, b->instance);
    return strcmp(member_a, member_b) < 0;
}

static void place(struct state *state, size_t index, struct record *record)
{
    state->due[index] = record;
    record->due_index = index;
}

static void sift_up(struct state *state, size_t index)
{
    struct record *record = state->due[index];
    while (index > 0 && before(state, record, state->due[(index - 1) / 2])) {
        place(state, index, state->due[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    place(state, index, record);
}

static void sift_down(struct state *state, size_t index)
{
    struct record *record = state->due[index];
    for (;;) {
        size_t child = 2 * index + 1;
        if (child + 1 < state->due_count && before(state, state->due[child + 1], state->due[child])) {
            child++;
        }
        if (child >= state->due_count || !before(state, state->due[child], record)) {
            break;
        }
        place(state, index, state->due[child]);
        index = child;
    }
    place(state, index, record);
}

static void take_out(struct state *state, struct record *record)
{
    size_t index = record->due_index;
    record->due_index = NO_DUE;
    state->due_count--;
    if (index < state->due_count) {
        struct record *moved = state->due[state->due_count];
        place(state, index, moved);
        sift_up(state, index);
        sift_down(state, moved->due_index);
    }
}

bool record_set_due(struct state *state, struct record *record, int64_t due_us)
{
    if (record->due_index != NO_DUE) {
        take_out(state, record);
    }
    record->due_us = due_us;
    if (due_us == 0) {
        return true;
    }
    if (state->due_count == state->due_capacity) {
        size_t capacity = state->due_capacity == 0 ? 64 : 2 * state->due_capacity;
        struct record **grown = realloc(state->due, capacity * sizeof(struct record *));
        if (grown == NULL) {
            return false;
        }
        state->due = grown;
        state->due_capacity = capacity;
    }
    place(state, state->due_count++, record);
    sift_up(state, record->due_index);
    return true;
}

bool record_set_text(char **text, const char *value)
{
    char *copy = value[0] == '\0' ? NULL : strdup(value);
    if (copy == NULL && value[0] != '\0') {
        return false;
    }
    free(*text);
    *text = copy;
    return true;
}
