#include "store/state_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill_item(const struct record *record, struct list_item *ret_item)
{
    memset(ret_item, 0, sizeof(*ret_item));
    snprintf(ret_item->instance, sizeof(ret_item->instance), "%s", record->instance);
    ret_item->fence = record->fence;
    ret_item->attempt = record->failures + 1;
    ret_item->since_us = record->since_us;
    bool ends = record->state != INSTANCE_WAITING && record->state != INSTANCE_QUARANTINED;
    ret_item->until_us = ends ? record->until_us : 0;
    for (size_t i = 0; i < REASONS_KEPT && record->reasons[i] != NULL; i++) {
        snprintf(ret_item->reasons[i], sizeof(ret_item->reasons[i]), "%s", record->reasons[i]);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct record *const *)a)->instance, (*(const struct record *const *)b)->instance);
}

/* In byte order of the names, those behind the cursor. */
void op_list(struct state *state, size_t fleet, const struct op *op, struct op_reply *reply)
{
    size_t found = 0;
    struct record **matches = malloc((state->record_count + 1) * sizeof(struct record *));
    int64_t want = op->count < 1 ? 1 : op->count > LIST_PAGE_MAX ? LIST_PAGE_MAX : op->count;
    for (size_t b = 0; matches != NULL && b < state->bucket_count; b++) {
        for (struct record *record = state->buckets[b]; record != NULL; record = record->next) {
            if (record->fleet == fleet && record->state == op->state && strcmp(record->instance, op->instance) > 0) {
                matches[found++] = record;
            }
        }
    }
    size_t count = found < (size_t)want ? found : (size_t)want;
    struct list_item *items = count == 0 ? NULL : malloc(count * sizeof(*items));
    if (matches == NULL || (count > 0 && items == NULL)) {
        free(matches);
        free(items);
        reply->status = HG_E_STORE_FULL;
        return;
    }
    qsort(matches, found, sizeof(struct record *), by_name);
    for (size_t i = 0; i < count; i++) {
        fill_item(matches[i], &items[i]);
    }
    if (found > count) {
        snprintf(reply->cursor, sizeof(reply->cursor), "%s", items[count - 1].instance);
    }
    reply->items = items;
    reply->item_count = count;
    free(matches);
}

static bool abandoned(const struct record *record, size_t fleet, const struct op *op)
{
    int64_t upto = record->line == LINE_RETRY ? op->number_retry : op->number;
    return record->fleet == fleet && record->state == INSTANCE_WAITING && record->number <= upto;
}

void op_sweep(struct state *state, size_t fleet, const struct op *op, struct op_reply *reply)
{
    if (!state_leads(state, op->leader)) {
        reply->status = HG_E_STALE;
        return;
    }
    /* Whole hash buckets, so that the cursor stays valid whatever is deleted. */
    size_t looked = 0;
    for (size_t step = 0; step < state->bucket_count && looked < SWEEP_STEP; step++) {
        struct record *record = state->buckets[state->sweep_cursor++ & (state->bucket_count - 1)];
        while (record != NULL) {
            struct record *next = record->next;
            looked++;
            if (abandoned(record, fleet, op)) {
                permit_leave_state(state, record);
                record_delete(state, record);
                reply->dropped++;
            }
            record = next;
        }
    }
}

static size_t note_place(const struct state *state, const char *key)
{
    size_t low = 0, high = state->note_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(state->notes[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void note_drop(struct state *state, size_t at)
{
    free(state->notes[at].key);
    free(state->notes[at].value);
    state->note_count--;
    memmove(&state->notes[at], &state->notes[at + 1], (state->note_count - at) * sizeof(state->notes[0]));
    state->notes_version++;
}

void notes_drop_expired(struct state *state)
{
    for (size_t i = state->note_count; i-- > 0;) {
        if (state->notes[i].until_us <= state->now_us) {
            note_drop(state, i);
        }
    }
}

static int64_t note_until(const struct op *op)
{
    return op->until_us > TIME_NEVER_US ? TIME_NEVER_US : op->until_us;
}

static bool note_insert(struct state *state, size_t at, const struct op *op)
{
    if (state->notes == NULL) {
        state->notes = calloc(NOTES_MAX, sizeof(*state->notes));
    }
    if (state->notes == NULL || state->note_count == NOTES_MAX) {
        return false;
    }
    struct note note = {.key = strdup(op->key), .value = strdup(op->value), .until_us = note_until(op)};
    if (note.key == NULL || note.value == NULL) {
        free(note.key);
        free(note.value);
        return false;
    }
    memmove(&state->notes[at + 1], &state->notes[at], (state->note_count - at) * sizeof(state->notes[0]));
    state->notes[at] = note;
    state->note_count++;
    return true;
}

void op_note_put(struct state *state, const struct op *op, struct op_reply *reply)
{
    if (op->leader != 0 && !state_leads(state, op->leader)) {
        reply->status = HG_E_STALE;
        return;
    }
    size_t at = note_place(state, op->key);
    bool there = at < state->note_count && strcmp(state->notes[at].key, op->key) == 0;
    if (op->value == NULL) {
        if (there) {
            note_drop(state, at);
        }
    } else if (there) {
        char *value = strdup(op->value);
        if (value == NULL) {
            reply->status = HG_E_STORE_FULL;
            return;
        }
        free(state->notes[at].value);
        state->notes[at].value = value;
        state->notes[at].until_us = note_until(op);
        state->notes_version++;
    } else if (note_insert(state, at, op)) {
        state->notes_version++;
    } else {
        reply->status = HG_E_STORE_FULL;
    }
}

void op_note_list(struct state *state, const struct op *op, struct op_reply *reply)
{
    size_t prefix = strlen(op->key), first = note_place(state, op->key), count = 0;
    while (first + count < state->note_count && strncmp(state->notes[first + count].key, op->key, prefix) == 0 &&
           (int64_t)count < op->count) {
        count++;
    }
    struct note *notes = count == 0 ? NULL : calloc(count, sizeof(*notes));
    if (count > 0 && notes == NULL) {
        reply->status = HG_E_STORE_FULL;
        return;
    }
    reply->notes = notes;
    reply->note_count = count;
    for (size_t i = 0; i < count; i++) {
        notes[i].key = strdup(state->notes[first + i].key);
        notes[i].value = strdup(state->notes[first + i].value);
        notes[i].until_us = state->notes[first + i].until_us;
        if (notes[i].key == NULL || notes[i].value == NULL) {
            reply->status = HG_E_STORE_FULL;
            return;
        }
    }
}
