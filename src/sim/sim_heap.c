#include "sim/sim_heap.h"

#include <stdlib.h>

#define SLOT_KEPT 1024
#define ARITY 4 /* shallower than 2, and its children share a cache line or two */

static bool earlier(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->seq < b->seq;
}

static bool make_room(struct sim_events *events)
{
    if (events->count < events->capacity) {
        return true;
    }
    size_t capacity = events->capacity == 0 ? 64 : 2 * events->capacity;
    struct sim_event *grown = realloc(events->items, capacity * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    events->items = grown;
    events->capacity = capacity;
    return true;
}

static bool heap_push(struct sim_events *heap, const struct sim_event *event)
{
    if (!make_room(heap)) {
        return false;
    }
    size_t at = heap->count++;
    while (at > 0 && earlier(event, &heap->items[(at - 1) / ARITY])) {
        heap->items[at] = heap->items[(at - 1) / ARITY];
        at = (at - 1) / ARITY;
    }
    heap->items[at] = *event;
    return true;
}

static struct sim_event heap_pop(struct sim_events *heap)
{
    struct sim_event first = heap->items[0], last = heap->items[--heap->count];
    size_t at = 0;
    for (size_t child = 1; child < heap->count; child = ARITY * at + 1) {
        size_t least = child, end = child + ARITY < heap->count ? child + ARITY : heap->count;
        for (size_t other = child + 1; other < end; other++) {
            least = earlier(&heap->items[other], &heap->items[least]) ? other : least;
        }
        if (!earlier(&heap->items[least], &last)) {
            break;
        }
        heap->items[at] = heap->items[least];
        at = least;
    }
    heap->items[at] = last;
    return first;
}

static bool place(struct sim_heap *heap, const struct sim_event *event)
{
    int64_t slot = event->at_us / SIM_SLOT_US;
    if (slot <= heap->slot) {
        return heap_push(&heap->now, event);
    }
    if (slot >= heap->slot + SIM_SLOTS) {
        return heap_push(&heap->far, event);
    }
    struct sim_events *events = &heap->slots[slot % SIM_SLOTS];
    if (!make_room(events)) {
        return false;
    }
    events->items[events->count++] = *event;
    return true;
}

bool sim_heap_push(struct sim_heap *heap, const struct sim_event *event)
{
    struct sim_event pushed = *event;
    pushed.seq = heap->seq++;
    heap->count++;
    return place(heap, &pushed);
}

/* The next slot becomes the present one; what came within the ring's reach by that moves there. */
static bool advance(struct sim_heap *heap)
{
    struct sim_events *events = &heap->slots[++heap->slot % SIM_SLOTS];
    for (size_t i = 0; i < events->count; i++) {
        if (!heap_push(&heap->now, &events->items[i])) {
            return false;
        }
    }
    events->count = 0;
    if (events->capacity > SLOT_KEPT) { /* or each slot would keep the room of its fullest second */
        free(events->items);
        *events = (struct sim_events){0};
    }
    while (heap->far.count > 0 && heap->far.items[0].at_us / SIM_SLOT_US < heap->slot + SIM_SLOTS) {
        struct sim_event event = heap_pop(&heap->far);
        if (!place(heap, &event)) {
            return false;
        }
    }
    return true;
}

bool sim_heap_pop(struct sim_heap *heap, struct sim_event *ret_event)
{
    while (heap->now.count == 0) {
        if (!advance(heap)) {
            return false;
        }
    }
    *ret_event = heap_pop(&heap->now);
    heap->count--;
    return true;
}

void sim_heap_finish(struct sim_heap *heap)
{
    for (size_t i = 0; i < SIM_SLOTS; i++) {
        free(heap->slots[i].items);
    }
    free(heap->now.items);
    free(heap->far.items);
    *heap = (struct sim_heap){0};
}

size_t sim_heap_bytes(const struct sim_heap *heap)
{
    size_t items = heap->now.capacity + heap->far.capacity;
    for (size_t i = 0; i < SIM_SLOTS; i++) {
        items += heap->slots[i].capacity;
    }
    return items * sizeof(struct sim_event);
}
