/* What happens next: events by time, and at one time in the order in which they were made.
 *
 * Most events of a large fleet lie minutes ahead, and a heap of a million of them is one cache miss after another. So only
 * the events of the present second stand in the heap; those of the seconds after it lie unsorted in a ring of slots, and what
 * is further still in one heap of its own. */
#ifndef SIM_SIM_HEAP_H
#define SIM_SIM_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_SLOT_US   INT64_C(1048576) /* about a second */
#define SIM_SLOTS     2048

struct sim_event {
    int64_t at_us;
    uint64_t seq;
    uint32_t id;
    uint8_t kind; /* enum sim_event_kind */
    uint8_t tag;
    uint16_t life; /* of the instance: an event of an earlier life is stale */
};

struct sim_events {
    struct sim_event *items;
    size_t count;
    size_t capacity;
};

struct sim_heap {
    struct sim_events now; /* heap: of slot `slot` and before */
    struct sim_events far; /* heap: of slot + SIM_SLOTS and later */
    struct sim_events slots[SIM_SLOTS];
    int64_t slot; /* number of the present one: at_us / SIM_SLOT_US */
    size_t count; /* of all */
    uint64_t seq;
};

/* False without memory. `event->seq` is set here; at_us must not be negative. */
bool sim_heap_push(struct sim_heap *heap, const struct sim_event *event) __attribute__((warn_unused_result));
/* The heap must not be empty. False without memory. */
bool sim_heap_pop(struct sim_heap *heap, struct sim_event *ret_event) __attribute__((warn_unused_result));
void sim_heap_finish(struct sim_heap *heap);
size_t sim_heap_bytes(const struct sim_heap *heap);

#endif
