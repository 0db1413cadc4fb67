#include "launch/units.h"

#include "headgate/errors.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const bool allowed[UNIT_STATE_COUNT][UNIT_STATE_COUNT] = {
    /* the last three from what a journal says */
    [UNIT_NEW] =
        {[UNIT_ASKED] = true, [UNIT_ENDED] = true, [UNIT_RECOVERED] = true, [UNIT_QUARANTINED] = true},
    [UNIT_ASKED] =
        {[UNIT_NEW] = true, [UNIT_WAITING] = true, [UNIT_GRANTED] = true, [UNIT_QUARANTINED] = true},
    [UNIT_WAITING] = {[UNIT_ASKED] = true},
    /* its permit may be lost before it has a place */
    [UNIT_GRANTED] =
        {[UNIT_RUNNING] = true, [UNIT_LEAVING] = true, [UNIT_WAITING] = true, [UNIT_ENDED] = true},
    [UNIT_RUNNING] = {[UNIT_ENDED] = true},
    [UNIT_ENDED] = {[UNIT_REPORTED] = true},
    [UNIT_REPORTED] = {[UNIT_ENDED] = true, [UNIT_WAITING] = true, [UNIT_RECOVERED] = true},
    [UNIT_LEAVING] = {[UNIT_NEW] = true},
};

int units_init(struct units *units, size_t count)
{
    memset(units, 0, sizeof(*units));
    units->all = calloc(count, sizeof(*units->all));
    units->waiting[0].at = calloc(count, sizeof(uint32_t));
    units->waiting[1].at = calloc(count, sizeof(uint32_t));
    if (units->all == NULL || units->waiting[0].at == NULL || units->waiting[1].at == NULL) {
        units_finish(units);
        return HG_E_NOMEM;
    }
    units->count = count;
    units->counts[UNIT_NEW] = (int64_t)count;
    units->granted = units->ended = (struct unit_queue){UNIT_NONE, UNIT_NONE, 0};
    return 0;
}

void units_finish(struct units *units)
{
    for (size_t i = 0; i < units->count; i++) {
        free(units->all[i].reason);
        free(units->all[i].output);
    }
    free(units->all);
    free(units->waiting[0].at);
    free(units->waiting[1].at);
    memset(units, 0, sizeof(*units));
}

static void push(struct units *units, struct unit_queue *queue, uint32_t index)
{
    units->all[index].next = UNIT_NONE;
    if (queue->last == UNIT_NONE) {
        queue->first = index;
    } else {
        units->all[queue->last].next = index;
    }
    queue->last = index;
    queue->count++;
}

/* Nearly always the first; one whose permit is lost may stand anywhere. */
static void take(struct units *units, struct unit_queue *queue, uint32_t index)
{
    uint32_t before = UNIT_NONE, at = queue->first;
    while (at != index) {
        assert(at != UNIT_NONE);
        before = at;
        at = units->all[at].next;
    }
    if (before == UNIT_NONE) {
        queue->first = units->all[index].next;
    } else {
        units->all[before].next = units->all[index].next;
    }
    if (queue->last == index) {
        queue->last = before;
    }
    queue->count--;
}

static bool is_earlier(const struct units *units, uint32_t a, uint32_t b)
{
    return units->all[a].due_us < units->all[b].due_us;
}

static void heap_push(const struct units *units, struct unit_heap *heap, uint32_t index)
{
    size_t at = heap->count++;
    while (at > 0 && is_earlier(units, index, heap->at[(at - 1) / 2])) {
        heap->at[at] = heap->at[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->at[at] = index;
}

static void heap_pop(const struct units *units, struct unit_heap *heap)
{
    uint32_t moved = heap->at[--heap->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < heap->count && is_earlier(units, heap->at[child + 1], heap->at[child])) {
            child++;
        }
        if (child >= heap->count || !is_earlier(units, heap->at[child], moved)) {
            break;
        }
        heap->at[at] = heap->at[child];
        at = child;
    }
    heap->at[at] = moved;
}

void unit_set_state(struct units *units, uint32_t index, enum unit_state state)
{
    struct unit *unit = &units->all[index];
    assert(allowed[unit->state][state]);
    if (unit->state == UNIT_GRANTED) {
        take(units, &units->granted, index);
    } else if (unit->state == UNIT_ENDED) {
        take(units, &units->ended, index);
    } else if (unit->state == UNIT_WAITING) {
        struct unit_heap *heap = &units->waiting[unit->backing_off];
        assert(heap->count > 0 && heap->at[0] == index);
        heap_pop(units, heap);
    }
    units->counts[unit->state]--;
    units->counts[state]++;
    unit->state = (uint8_t)state;
    if (state == UNIT_GRANTED) {
        push(units, &units->granted, index);
    } else if (state == UNIT_ENDED) {
        push(units, &units->ended, index);
    } else if (state == UNIT_WAITING) {
        heap_push(units, &units->waiting[unit->backing_off], index);
    } else if (state == UNIT_NEW && index < units->fresh) {
        units->fresh = index;
    }
}

void unit_set_backing_off(struct units *units, uint32_t index, bool backing_off)
{
    struct unit *unit = &units->all[index];
    assert(unit->state != UNIT_WAITING);
    units->backing_off += (int64_t)backing_off - (int64_t)unit->backing_off;
    unit->backing_off = backing_off;
}

void unit_set_reason(struct unit *unit, const char *reason)
{
    free(unit->reason);
    unit->reason = reason == NULL ? NULL : strndup(reason, UNIT_REASON_MAX);
}

uint32_t units_granted(const struct units *units)
{
    return units->granted.first;
}

uint32_t units_ended(const struct units *units)
{
    return units->ended.first;
}

uint32_t units_fresh(struct units *units)
{
    while (units->fresh < units->count && units->all[units->fresh].state != UNIT_NEW) {
        units->fresh++;
    }
    return units->fresh < units->count ? units->fresh : UNIT_NONE;
}

uint32_t units_due(const struct units *units, bool backing_off)
{
    const struct unit_heap *heap = &units->waiting[backing_off];
    return heap->count == 0 ? UNIT_NONE : heap->at[0];
}

int64_t units_settled(const struct units *units)
{
    return units->counts[UNIT_RECOVERED] + units->counts[UNIT_QUARANTINED];
}
