/* Controllers: real engines, each with a link to the one shared store, which is the reference in src/store. */
#include "sim/sim_world.h"

#include "sim/sim_check.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_ZERO_US INT64_C(3600000000) /* what a controller's clock reads at the beginning */
#define LINK_US       INT64_C(200000)     /* until it notices that the store went or came */
#define WATCHDOG_US   INT64_C(1000000)    /* a group unanswered for so long is lost */

static int64_t own_clock_us(const struct sim_world *world, const struct sim_controller *controller)
{
    return world->now_us + CLOCK_ZERO_US + controller->ahead_us;
}

static void plan_tick(struct sim_world *world, uint32_t c)
{
    struct sim_controller *controller = &world->controllers[c];
    int64_t due_us = hg_engine_next_deadline(controller->engine);
    if (due_us == INT64_MAX) {
        return;
    }
    due_us -= CLOCK_ZERO_US + controller->ahead_us;
    due_us = due_us > world->now_us ? due_us : world->now_us;
    if (due_us < controller->tick_us) {
        controller->tick_us = due_us;
        sim_push(world, due_us, SIM_EVENT_TICK, c, 0, controller->life);
    }
}

static void submit(struct sim_world *world, uint32_t c, const struct group *group)
{
    struct sim_controller *controller = &world->controllers[c];
    assert(controller->under_way == NULL);
    controller->under_way = group;
    int64_t there_us = sim_draw_us(&world->rng_store, &world->scenario->store_latency) / 2;
    bool lost = sim_chance(&world->rng_store, world->scenario->store_loss);
    controller->lost = lost;
    if (lost && sim_chance(&world->rng_store, 0.5)) {
        sim_push(world, world->now_us + WATCHDOG_US, SIM_EVENT_REPLY, c, 0, controller->life); /* never arrives */
        return;
    }
    sim_push(world, world->now_us + there_us, SIM_EVENT_STORE, c, 0, controller->life);
}

static void tell_line(struct sim_world *world, uint32_t c, const struct hg_effect *effect)
{
    char line[900];
    bool kept = world->check != NULL;
    if (world->options->on_line == NULL && !kept) {
        return;
    }
    snprintf(line, sizeof(line), "%10.3f c%u %s %s", (double)(world->now_us - SIM_START_US) / SIM_US, (unsigned)c,
             effect->u.log.event, effect->u.log.text);
    if (world->options->on_line != NULL) {
        world->options->on_line(world->options->user_data, line);
    }
    if (kept) {
        sim_check_line(world, line);
    }
}

static void carry_out(struct sim_world *world, uint32_t c, const struct hg_effect *effect)
{
    switch (effect->type) {
    case HG_EFFECT_REPLY:
        sim_instance_on_answer(world, (uint32_t)effect->u.reply.id, effect->u.reply.item, &effect->u.reply.answer);
        break;
    case HG_EFFECT_SUBMIT:
        submit(world, c, effect->u.submit.group);
        break;
    case HG_EFFECT_LOG:
        tell_line(world, c, effect);
        break;
    case HG_EFFECT_START_PROBES:
        world->controllers[c].probing = true;
        for (size_t d = 0; d < HG_DEPENDENCIES_MAX; d++) {
            for (size_t p = 0; p < HG_PROBES_MAX; p++) {
                world->dependencies[d].probes[p].told = false;
            }
        }
        break;
    case HG_EFFECT_STOP_PROBES:
        world->controllers[c].probing = false;
        break;
    case HG_EFFECT_TYPE_COUNT:
        break;
    }
}

static void turn(struct sim_world *world, uint32_t c, struct hg_event *event)
{
    struct sim_controller *controller = &world->controllers[c];
    struct hg_effects effects;
    event->now_us = own_clock_us(world, controller);
    assert(!world->turning); /* no effect asks again at once */
    world->turning = true;
    if (hg_engine_step(controller->engine, event, &effects) != 0) {
        world->nomem = true;
    }
    for (size_t i = 0; i < effects.count; i++) {
        carry_out(world, c, &effects.effects[i]);
    }
    world->turning = false;
    plan_tick(world, c);
}

static void tell_link(struct sim_world *world, uint32_t c)
{
    struct hg_event event = {.type = HG_EVENT_STORE_STATE};
    event.u.store_state.status = world->store_away ? HG_E_STORE_AWAY : 0;
    event.u.store_state.text = world->store_away ? "it does not answer" : "simulated";
    turn(world, c, &event);
}

static bool start(struct sim_world *world, uint32_t c, bool first)
{
    struct sim_controller *controller = &world->controllers[c];
    char id[16];
    snprintf(id, sizeof(id), "c%u", (unsigned)c);
    struct hg_engine_options options = {
        .controller_id = id,
        .seed = world->options->seed * 1000 + c + controller->life,
        .new_store = first,
        .law = world->law == NULL ? NULL : world->law->ops,
        .law_context = &world->law_context,
    };
    if (hg_engine_create(&options, &controller->engine) != 0) {
        return false;
    }
    controller->under_way = NULL;
    controller->probing = false;
    controller->tick_us = INT64_MAX;
    struct hg_event event = {.type = HG_EVENT_POLICIES};
    event.u.policies.set = world->scenario->set;
    turn(world, c, &event);
    tell_link(world, c);
    return true;
}

bool sim_controllers_init(struct sim_world *world)
{
    const struct sim_scenario *scenario = world->scenario;
    for (uint32_t c = 0; c < scenario->controllers; c++) {
        struct sim_controller *controller = &world->controllers[c];
        controller->reply = calloc(1, sizeof(*controller->reply));
        controller->ahead_us = c < scenario->controller_count ? scenario->controller[c].ahead_us : 0;
        if (controller->reply == NULL || !start(world, c, true)) {
            return false;
        }
    }
    for (uint32_t r = 0; r < scenario->restart_count; r++) {
        int64_t at_us = scenario->restarts[r].at_us + SIM_START_US;
        sim_push(world, at_us, SIM_EVENT_RESTART, r, 0, 0);
        sim_push(world, at_us + scenario->restarts[r].for_us, SIM_EVENT_RESTART, r, 1, 0);
    }
    for (uint32_t f = 0; f < scenario->failover_count; f++) {
        int64_t at_us = scenario->failovers[f].at_us + SIM_START_US;
        sim_push(world, at_us - scenario->failovers[f].lost_us, SIM_EVENT_FAILOVER, f, 0, 0);
        sim_push(world, at_us, SIM_EVENT_FAILOVER, f, 1, 0);
        sim_push(world, at_us + scenario->failovers[f].for_us, SIM_EVENT_FAILOVER, f, 2, 0);
    }
    for (uint32_t s = 0; s < scenario->clock_step_count; s++) {
        sim_push(world, scenario->clock_steps[s].at_us + SIM_START_US, SIM_EVENT_CLOCK_STEP, s, 0, 0);
    }
    return true;
}

void sim_controllers_finish(struct sim_world *world)
{
    for (uint32_t c = 0; c < SIM_CONTROLLERS_MAX; c++) {
        hg_engine_destroy(world->controllers[c].engine);
        if (world->controllers[c].reply != NULL) {
            group_reply_clear(world->controllers[c].reply);
            free(world->controllers[c].reply);
        }
    }
}

bool sim_controller_ask(struct sim_world *world, uint32_t i, const struct op *op, const char *ticket, uint32_t what)
{
    uint32_t count = (uint32_t)world->scenario->controllers;
    uint32_t first = count == 1 ? 0 : (uint32_t)rng_between(&world->rng_client, 0, count - 1);
    for (uint32_t n = 0; n < count; n++) {
        uint32_t c = (first + n) % count;
        if (world->controllers[c].engine == NULL) {
            continue;
        }
        struct hg_event event = {.type = HG_EVENT_REQUEST};
        event.u.request.request = (struct hg_request){
            .id = i, .item = what, .op = *op, .ticket = ticket, .may_hold = op->kind == OP_ACQUIRE};
        world->result->requests++;
        turn(world, c, &event);
        return true;
    }
    return false;
}

static void on_store(struct sim_world *world, uint32_t c)
{
    struct sim_controller *controller = &world->controllers[c];
    if (world->store_away) {
        controller->lost = true;
        sim_push(world, world->now_us + WATCHDOG_US, SIM_EVENT_REPLY, c, 0, controller->life);
        return;
    }
    state_apply(world->state, world->now_us + SIM_EPOCH_US + world->store_offset_us, controller->under_way,
                controller->reply);
    world->snapshot = &controller->reply->snapshot;
    sim_law_on_group(world, controller->under_way, controller->reply);
    sim_check_group(world, controller->under_way, controller->reply);
    int64_t back_us = sim_draw_us(&world->rng_store, &world->scenario->store_latency) / 2;
    /* Lost on the way back: applied, and nobody hears of it. */
    sim_push(world, world->now_us + (controller->lost ? WATCHDOG_US : back_us), SIM_EVENT_REPLY, c, 0, controller->life);
}

static void on_reply(struct sim_world *world, uint32_t c)
{
    struct sim_controller *controller = &world->controllers[c];
    struct hg_event event = {.type = HG_EVENT_STORE_REPLY};
    event.u.store_reply.reply = controller->reply;
    if (controller->lost) {
        group_reply_clear(controller->reply);
        controller->reply->status = HG_E_STORE_AWAY;
    }
    controller->under_way = NULL;
    turn(world, c, &event);
    group_reply_clear(controller->reply); /* the next group is on its way at most, not there */
}

static void on_restart(struct sim_world *world, const struct sim_event *event)
{
    uint32_t c = (uint32_t)world->scenario->restarts[event->id].controller;
    struct sim_controller *controller = &world->controllers[c];
    if (event->tag == 0 && controller->engine != NULL) {
        hg_engine_destroy(controller->engine);
        controller->engine = NULL;
        controller->under_way = NULL;
        controller->life++;
        group_reply_clear(controller->reply);
    } else if (event->tag == 1 && controller->engine == NULL && c < world->scenario->controllers) {
        world->nomem = !start(world, c, false) || world->nomem;
    }
}

void sim_controller_on_event(struct sim_world *world, const struct sim_event *event)
{
    struct sim_controller *controller = &world->controllers[event->id % SIM_CONTROLLERS_MAX];
    if (event->kind == SIM_EVENT_RESTART) {
        on_restart(world, event);
    } else if (event->kind == SIM_EVENT_FAILOVER) {
        sim_store_failover(world, event->id, event->tag);
        for (uint32_t c = 0; event->tag > 0 && c < world->scenario->controllers; c++) {
            sim_push(world, world->now_us + LINK_US, SIM_EVENT_LINK, c, 0, world->controllers[c].life);
        }
    } else if (event->kind == SIM_EVENT_CLOCK_STEP) {
        world->store_offset_us += world->scenario->clock_steps[event->id].by_us;
    } else if (controller->engine == NULL || event->life != controller->life) {
        return; /* died meanwhile */
    } else if (event->kind == SIM_EVENT_TICK && event->at_us == controller->tick_us) {
        struct hg_event tick = {.type = HG_EVENT_TICK};
        controller->tick_us = INT64_MAX;
        turn(world, event->id, &tick);
    } else if (event->kind == SIM_EVENT_STORE) {
        on_store(world, event->id);
    } else if (event->kind == SIM_EVENT_REPLY) {
        on_reply(world, event->id);
    } else if (event->kind == SIM_EVENT_LINK) {
        tell_link(world, event->id);
    }
}

void sim_controller_probe(struct sim_world *world, size_t d, size_t p, bool changed, bool has_gauge, double gauge,
                          double latency_s)
{
    for (uint32_t c = 0; c < world->scenario->controllers; c++) {
        if (world->controllers[c].engine == NULL || !world->controllers[c].probing || (!changed && !has_gauge)) {
            continue;
        }
        bool up = world->dependencies[d].probes[p].up;
        struct hg_event event = {.type = HG_EVENT_PROBE};
        event.u.probe.dependency = d;
        event.u.probe.probe = p;
        event.u.probe.up = up;
        event.u.probe.has_gauge = has_gauge;
        event.u.probe.gauge = (int64_t)(gauge * 1e6);
        event.u.probe.latency_us = (int64_t)(latency_s < 3600 ? latency_s * SIM_US : 3600 * SIM_US);
        event.u.probe.text = up ? "simulated: answers" : "simulated: does not answer in time";
        turn(world, c, &event);
    }
}
