/* What happens next: events by time, and at one time in the order in which they were made. */
#ifndef SIM_SIM_HEAP_H
#define SIM_SIM_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_event {
    int64_t at_us;
    uint64_t seq;
    uint32_t id;
    uint8_t kind; /* enum sim_event_kind */
    uint8_t tag;
    uint16_t life; /* of the instance: an event of an earlier life is stale */
};

struct sim_heap {
    struct sim_event *events;
    size_t count;
    size_t capacity;
    uint64_t seq;
};

/* False without memory. `event->seq` is set here. */
bool sim_heap_push(struct sim_heap *heap, const struct sim_event *event) __attribute__((warn_unused_result));
/* The heap must not be empty. */
struct sim_event sim_heap_pop(struct sim_heap *heap);
void sim_heap_finish(struct sim_heap *heap);

#endif
