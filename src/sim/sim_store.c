/* The shared store's failover: remembered some time before it goes, and back from that memory. */
#include "sim/sim_world.h"

#include "sim/sim_check.h"

#include <stdlib.h>
#include <string.h>

#define PIECES_MAX (sizeof(((struct sim_copy *)0)->ends) / sizeof(size_t))

static int keep_piece(void *user_data, const unsigned char *data, size_t size)
{
    struct sim_copy *copy = user_data;
    if (copy->count == PIECES_MAX) {
        return HG_E_TOO_LARGE;
    }
    if (copy->size + size > copy->capacity) {
        size_t capacity = 2 * (copy->size + size);
        unsigned char *grown = realloc(copy->data, capacity);
        if (grown == NULL) {
            return HG_E_NOMEM;
        }
        copy->data = grown;
        copy->capacity = capacity;
    }
    memcpy(copy->data + copy->size, data, size);
    copy->size += size;
    copy->ends[copy->count++] = copy->size;
    return 0;
}

static int restore(struct sim_world *world)
{
    struct state *state = NULL;
    int status = state_create(&state);
    for (size_t piece = 0, from = 0; status == 0 && piece < world->copy->count; piece++) {
        status = state_load(state, world->copy->data + from, world->copy->ends[piece] - from);
        from = world->copy->ends[piece];
    }
    if (status != 0) {
        state_destroy(state);
        return status;
    }
    state_destroy(world->state);
    world->state = state;
    return 0;
}

void sim_store_failover(struct sim_world *world, uint32_t index, uint8_t tag)
{
    const struct sim_failover *failover = &world->scenario->failovers[index];
    if (tag == 0 && failover->lost_us > 0) {
        world->copy = world->copy != NULL ? world->copy : calloc(1, sizeof(*world->copy));
        if (world->copy != NULL) {
            world->copy->size = world->copy->count = 0;
        }
        world->nomem = world->copy == NULL || state_dump(world->state, keep_piece, world->copy) != 0 || world->nomem;
    } else if (tag == 1) {
        world->store_away = true;
    } else if (tag == 2) {
        world->store_away = false;
        if (failover->lost_us > 0 && world->copy != NULL) {
            world->nomem = restore(world) != 0 || world->nomem;
            sim_check_rollback(world, failover->lost_us);
        }
    }
}

void sim_store_finish(struct sim_world *world)
{
    if (world->copy != NULL) {
        free(world->copy->data);
        free(world->copy);
    }
    state_destroy(world->state);
}
