/* Other traffic: operations that arrive by themselves, retry a few times, and suffer from the fleet's load. */
#include "sim/sim_world.h"

#include <math.h>
#include <stdlib.h>

#define LATENCY_STEP 1.025
#define LATENCY_MIN_S 0.001

static uint32_t operation_create(struct sim_world *world)
{
    if (world->free_operation != SIM_NONE) {
        uint32_t operation = world->free_operation;
        world->free_operation = world->operations[operation].next_free;
        return operation;
    }
    if (world->operation_count == world->operation_capacity) {
        uint32_t capacity = world->operation_capacity == 0 ? 256 : 2 * world->operation_capacity;
        struct sim_operation *grown = realloc(world->operations, capacity * sizeof(*grown));
        if (grown == NULL) {
            world->nomem = true;
            return SIM_NONE;
        }
        world->operations = grown;
        world->operation_capacity = capacity;
    }
    return world->operation_count++;
}

static void plan_next(struct sim_world *world, uint32_t background)
{
    double wait_s = sim_exponential(&world->rng_background, world->scenario->backgrounds[background].rate);
    sim_push(world, world->now_us + (int64_t)(wait_s * SIM_US) + 1, SIM_EVENT_BACKGROUND, background, 0, 0);
}

void sim_background_begin(struct sim_world *world)
{
    world->free_operation = SIM_NONE;
    for (uint32_t background = 0; background < world->scenario->background_count; background++) {
        plan_next(world, background);
    }
}

static void try_once(struct sim_world *world, uint32_t operation)
{
    const struct sim_background_spec *spec = &world->scenario->backgrounds[world->operations[operation].background];
    world->operations[operation].tries++;
    sim_dependency_submit(world, (size_t)spec->dependency_index, SIM_OWNER_OPERATION, operation, 0, 0, 1);
}

void sim_background_on_next(struct sim_world *world, uint32_t background)
{
    plan_next(world, background);
    uint32_t operation = operation_create(world);
    if (operation == SIM_NONE) {
        return;
    }
    world->operations[operation] =
        (struct sim_operation){.began_us = world->now_us, .background = (uint8_t)background, .used = true};
    try_once(world, operation);
}

void sim_background_on_again(struct sim_world *world, uint32_t operation)
{
    try_once(world, operation);
}

void sim_background_on_request(struct sim_world *world, uint32_t operation, bool ok)
{
    struct sim_operation *done = &world->operations[operation];
    const struct sim_background_spec *spec = &world->scenario->backgrounds[done->background];
    if (!ok && done->tries <= spec->retries) {
        int64_t delay_us = sim_draw_us(&world->rng_background, &spec->retry_delay);
        /* Spread over half as much more, or those who failed together would come back together. */
        delay_us += (int64_t)(sim_uniform(&world->rng_background) * 0.5 * (double)delay_us);
        sim_push(world, world->now_us + delay_us, SIM_EVENT_AGAIN, operation, 0, 0);
        return;
    }
    if (done->began_us >= SIM_START_US) {
        struct sim_background_count *count = world->background_count;
        double latency_s = (double)(world->now_us - done->began_us) / SIM_US;
        double bucket = latency_s <= LATENCY_MIN_S ? 0 : log(latency_s / LATENCY_MIN_S) / log(LATENCY_STEP);
        count->operations++;
        count->errors += !ok;
        count->tries += done->tries;
        if (ok) {
            count->latency[bucket >= SIM_LATENCY_BUCKETS ? SIM_LATENCY_BUCKETS - 1 : (int)bucket]++;
        }
    }
    done->used = false;
    done->next_free = world->free_operation;
    world->free_operation = operation;
}

struct sim_background_result sim_background_end(const struct sim_world *world)
{
    const struct sim_background_count *count = world->background_count;
    struct sim_background_result result = {0};
    int64_t answered = count->operations - count->errors, errors = count->errors, open = 0, seen = 0;
    /* Those still trying after longer than any answer would take count as failed. */
    for (uint32_t operation = 0; operation < world->operation_count; operation++) {
        const struct sim_operation *trying = &world->operations[operation];
        open += trying->used && trying->tries > 1 && trying->began_us >= SIM_START_US;
    }
    double seconds = (double)(world->now_us - SIM_START_US) / SIM_US;
    if (answered + errors + open == 0 || seconds <= 0) {
        return result;
    }
    result.rate = (double)(answered + errors + open) / seconds;
    result.errors = (double)(errors + open) / (double)(answered + errors + open);
    for (int bucket = 0; bucket < SIM_LATENCY_BUCKETS && result.p99_s <= 0; bucket++) {
        seen += count->latency[bucket];
        if (answered > 0 && seen * 100 >= answered * 99) {
            result.p99_s = LATENCY_MIN_S * pow(LATENCY_STEP, bucket + 1);
        }
    }
    return result;
}
