#include "sim/sim.h"

#include "sim/sim_check.h"
#include "sim/sim_world.h"

#include <stdlib.h>
#include <string.h>

#define PROGRESS_EVENTS   200000
#define LIMIT_IDEALS      10
#define LIMIT_MIN_US      (INT64_C(1800) * 1000000)

void sim_push(struct sim_world *world, int64_t at_us, enum sim_event_kind kind, uint32_t id, uint8_t tag, uint16_t life)
{
    struct sim_event event = {.at_us = at_us > world->now_us ? at_us : world->now_us,
                              .id = id,
                              .kind = (uint8_t)kind,
                              .tag = tag,
                              .life = life};
    world->nomem = !sim_heap_push(&world->heap, &event) || world->nomem;
}

void sim_answer_owner(struct sim_world *world, enum sim_owner kind, uint32_t owner, uint16_t life, uint8_t caller, bool ok)
{
    switch (kind) {
    case SIM_OWNER_INSTANCE:
        sim_relaunch_on_request(world, owner, life, ok);
        break;
    case SIM_OWNER_OPERATION:
        sim_background_on_request(world, owner, ok);
        break;
    case SIM_OWNER_CALL:
        sim_dependency_on_call(world, caller, owner, life, ok);
        break;
    }
}

static void note_times(struct sim_world *world)
{
    struct sim_result *result = world->result;
    double now_s = (double)(world->now_us - SIM_START_US) / SIM_US;
    if (result->t50_s <= 0 && world->able > 0 && world->back * 2 >= world->able) {
        result->t50_s = now_s;
    }
    if (result->t99_s <= 0 && world->able > 0 && (uint64_t)world->back * 100 >= (uint64_t)world->able * 99) {
        result->t99_s = now_s;
    }
}

static void on_step(struct sim_world *world)
{
    world->step++;
    for (size_t d = 0; d < world->scenario->policy->dependency_count; d++) {
        sim_dependency_step(world, d);
        const struct sim_dependency *dependency = &world->dependencies[d];
        world->law_context.inside[d] =
            (double)(dependency->queued + dependency->served_count + dependency->calling_count);
    }
    world->law_context.back_share = world->able == 0 ? 1 : (double)world->back / (double)world->able;
    sim_timeline_step(world);
    sim_check_step(world);
    sim_push(world, world->now_us + SIM_STEP_US, SIM_EVENT_STEP, 0, 0, 0);
}

static void happen(struct sim_world *world, const struct sim_event *event)
{
    uint32_t back = world->back;
    switch ((enum sim_event_kind)event->kind) {
    case SIM_EVENT_TICK:
    case SIM_EVENT_STORE:
    case SIM_EVENT_REPLY:
    case SIM_EVENT_LINK:
    case SIM_EVENT_RESTART:
    case SIM_EVENT_FAILOVER:
    case SIM_EVENT_CLOCK_STEP:
        sim_controller_on_event(world, event);
        break;
    case SIM_EVENT_PROBE:
        sim_probe_on_event(world, event->id, event->tag);
        break;
    case SIM_EVENT_INSTANCE:
        sim_instance_on_step(world, event->id, (enum sim_step)event->tag, event->life);
        break;
    case SIM_EVENT_SERVICE:
        sim_dependency_on_service(world, event->id, event->at_us);
        break;
    case SIM_EVENT_TIMEOUT:
        sim_dependency_on_timeout(world, event->id);
        break;
    case SIM_EVENT_OUTAGE:
        sim_dependency_on_outage(world, event->id, event->tag);
        break;
    case SIM_EVENT_REFUSED:
        sim_answer_owner(world, (enum sim_owner)(event->tag & 3), event->id, event->life, event->tag >> 2, false);
        break;
    case SIM_EVENT_BACKGROUND:
        sim_background_on_next(world, event->id);
        break;
    case SIM_EVENT_AGAIN:
        sim_background_on_again(world, event->id);
        break;
    case SIM_EVENT_BY_HAND:
        for (size_t d = 0; d < world->scenario->policy->dependency_count; d++) {
            sim_dependency_restart(world, d);
        }
        break;
    case SIM_EVENT_STEP:
        on_step(world);
        break;
    case SIM_EVENT_KIND_COUNT:
        break;
    }
    if (world->back != back) {
        note_times(world);
    }
}

static void turn(struct sim_world *world)
{
    const struct sim_options *options = world->options;
    struct sim_result *result = world->result;
    while (world->heap.count > 0 && !world->nomem && result->violation[0] == '\0') {
        struct sim_event event;
        if (!sim_heap_pop(&world->heap, &event)) {
            world->nomem = true;
            break;
        }
        if (event.at_us > world->end_us) {
            break;
        }
        world->now_us = event.at_us;
        happen(world, &event);
        result->events++;
        if (!options->no_fleet && world->settled == world->instance_count) {
            result->finished = true;
            break;
        }
        if (result->events % PROGRESS_EVENTS == 0 && options->on_progress != NULL) {
            double share = world->able == 0 ? 1 : (double)world->back / (double)world->able;
            if (!options->on_progress(options->user_data, (double)(world->now_us - SIM_START_US) / SIM_US, share)) {
                result->stopped = true;
                break;
            }
        }
    }
}

static bool init(struct sim_world *world)
{
    const struct sim_scenario *scenario = world->scenario;
    const struct sim_options *options = world->options;
    world->background_count = calloc(1, sizeof(*world->background_count));
    if (world->background_count == NULL || state_create(&world->state) != 0) {
        return false;
    }
    sim_stream(&world->rng_instance, options->seed, 1);
    sim_stream(&world->rng_client, options->seed, 2);
    sim_stream(&world->rng_background, options->seed, 3);
    sim_stream(&world->rng_store, options->seed, 4);
    sim_stream(&world->rng_probe, options->seed, 5);
    world->law_context.scenario = scenario;
    world->law_context.law = options->law;
    world->law_context.start_us = SIM_EPOCH_US + SIM_START_US;
    world->timeline_every = 1;
    for (size_t d = 0; d < scenario->policy->dependency_count; d++) {
        if (!sim_dependency_init(world, d)) {
            return false;
        }
    }
    double ideal_s = sim_ideal_s(scenario);
    int64_t limit_us = (int64_t)(ideal_s * LIMIT_IDEALS * SIM_US);
    limit_us = limit_us < LIMIT_MIN_US ? LIMIT_MIN_US : limit_us;
    limit_us = scenario->time_limit_us > 0 ? scenario->time_limit_us : limit_us;
    world->end_us = SIM_START_US + (options->until_us > 0 ? options->until_us : limit_us);
    world->result->ideal_s = ideal_s;
    bool governed = !options->no_fleet && (options->law == NULL || options->law->kind == SIM_LAW_ENGINE);
    if (options->checks && governed && !sim_check_init(world)) {
        return false;
    }
    if (governed && !sim_controllers_init(world)) {
        return false;
    }
    if (!governed && scenario->by_hand.at_us > 0) {
        world->by_hand_us = scenario->by_hand.at_us + SIM_START_US;
        sim_push(world, world->by_hand_us, SIM_EVENT_BY_HAND, 0, 0, 0);
    }
    sim_background_begin(world);
    sim_probes_begin(world);
    sim_push(world, 0, SIM_EVENT_STEP, 0, 0, 0);
    return sim_instances_init(world);
}

static void sum_up(struct sim_world *world)
{
    struct sim_result *result = world->result;
    result->end_s = (double)(world->now_us - SIM_START_US) / SIM_US;
    result->instances = world->instance_count;
    result->able = world->able;
    result->back = world->back;
    for (uint32_t i = 0; i < world->instance_count; i++) {
        result->quarantined += world->instances[i].state == SIM_INSTANCE_QUARANTINED;
    }
    for (size_t d = 0; d < world->scenario->policy->dependency_count; d++) {
        const struct sim_dependency *dependency = &world->dependencies[d];
        double peak = (double)dependency->queue_peak / (double)dependency->spec->servers;
        result->useful_s += dependency->useful_s;
        result->wasted_s += dependency->wasted_s;
        result->queue_peak = peak > result->queue_peak ? peak : result->queue_peak;
        result->bytes += dependency->job_capacity * sizeof(struct sim_job);
    }
    result->bytes += world->instance_count * sizeof(struct sim_instance);
    result->bytes += sim_heap_bytes(&world->heap);
    result->background = sim_background_end(world);
    sim_timeline_end(result);
}

static void finish(struct sim_world *world)
{
    sim_controllers_finish(world);
    sim_check_finish(world);
    sim_store_finish(world);
    for (size_t d = 0; d < HG_DEPENDENCIES_MAX; d++) {
        sim_dependency_finish(&world->dependencies[d]);
    }
    sim_law_context_finish(&world->law_context);
    sim_heap_finish(&world->heap);
    free(world->instances);
    free(world->operations);
    free(world->background_count);
    free(world);
}

int sim_run(const struct sim_scenario *scenario, const struct sim_options *options, struct sim_result *ret_result)
{
    memset(ret_result, 0, sizeof(*ret_result));
    struct sim_world *world = calloc(1, sizeof(*world));
    if (world == NULL) {
        return HG_E_NOMEM;
    }
    world->scenario = scenario;
    world->options = options;
    world->law = options->law;
    world->result = ret_result;
    if (init(world)) {
        turn(world);
        sum_up(world);
    } else {
        world->nomem = true;
    }
    int status = world->nomem ? HG_E_NOMEM : 0;
    finish(world);
    if (status != 0) {
        sim_result_finish(ret_result);
    }
    return status;
}

void sim_result_finish(struct sim_result *result)
{
    for (size_t i = 0; i < result->trace_count; i++) {
        free(result->trace[i]);
    }
    free(result->points);
    result->points = NULL;
    result->trace_count = result->point_count = 0;
}
