#include "sim/sim_heap.h"

#include <stdlib.h>

#define ARITY 4 /* shallower than 2, and its children share a cache line or two */

static bool earlier(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->seq < b->seq;
}

bool sim_heap_push(struct sim_heap *heap, const struct sim_event *event)
{
    if (heap->count == heap->capacity) {
        size_t capacity = heap->capacity == 0 ? 1024 : 2 * heap->capacity;
        struct sim_event *grown = realloc(heap->events, capacity * sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        heap->events = grown;
        heap->capacity = capacity;
    }
    struct sim_event pushed = *event;
    pushed.seq = heap->seq++;
    size_t at = heap->count++;
    while (at > 0 && earlier(&pushed, &heap->events[(at - 1) / ARITY])) {
        heap->events[at] = heap->events[(at - 1) / ARITY];
        at = (at - 1) / ARITY;
    }
    heap->events[at] = pushed;
    return true;
}

struct sim_event sim_heap_pop(struct sim_heap *heap)
{
    struct sim_event first = heap->events[0], last = heap->events[--heap->count];
    size_t at = 0;
    for (size_t child = 1; child < heap->count; child = ARITY * at + 1) {
        size_t least = child, end = child + ARITY < heap->count ? child + ARITY : heap->count;
        for (size_t other = child + 1; other < end; other++) {
            least = earlier(&heap->events[other], &heap->events[least]) ? other : least;
        }
        if (!earlier(&heap->events[least], &last)) {
            break;
        }
        heap->events[at] = heap->events[least];
        at = least;
    }
    heap->events[at] = last;
    return first;
}

void sim_heap_finish(struct sim_heap *heap)
{
    free(heap->events);
    *heap = (struct sim_heap){0};
}
