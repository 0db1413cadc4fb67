#include "world.h"

#include "core/bucket.h"
#include "held.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_DELAY_US INT64_C(20000)

enum kind { KIND_TICK, KIND_STORE, KIND_REPLY, KIND_PROBES, KIND_TIMER };

struct world_event {
    int64_t at_us;
    uint64_t seq;
    enum kind kind;
    int tag;
    uint64_t id; /* the controller, or the user's */
};

static void must(bool fine, const char *what)
{
    if (!fine) {
        fprintf(stderr, "world: %s\n", what);
        abort();
    }
}

static bool earlier(const struct world_event *a, const struct world_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->seq < b->seq;
}

static void push(struct world *world, int64_t at_us, enum kind kind, uint64_t id, int tag)
{
    if (world->heap_count == world->heap_capacity) {
        world->heap_capacity = world->heap_capacity == 0 ? 1024 : 2 * world->heap_capacity;
        world->heap = realloc(world->heap, world->heap_capacity * sizeof(*world->heap));
        must(world->heap != NULL, "no memory");
    }
    struct world_event event = {
        .at_us = at_us > world->now_us ? at_us : world->now_us, .seq = world->seq++, .kind = kind, .tag = tag, .id = id};
    size_t at = world->heap_count++;
    while (at > 0 && earlier(&event, &world->heap[(at - 1) / 2])) {
        world->heap[at] = world->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    world->heap[at] = event;
}

static struct world_event pop(struct world *world)
{
    struct world_event first = world->heap[0], last = world->heap[--world->heap_count];
    size_t at = 0;
    for (size_t child = 1; child < world->heap_count; child = 2 * at + 1) {
        if (child + 1 < world->heap_count && earlier(&world->heap[child + 1], &world->heap[child])) {
            child++;
        }
        if (!earlier(&world->heap[child], &last)) {
            break;
        }
        world->heap[at] = world->heap[child];
        at = child;
    }
    world->heap[at] = last;
    return first;
}

static void schedule_tick(struct world *world, size_t c)
{
    struct world_controller *controller = &world->controllers[c];
    int64_t due_us = hg_engine_next_deadline(controller->engine);
    if (due_us < controller->tick_us) {
        controller->tick_us = due_us > world->now_us ? due_us : world->now_us;
        push(world, controller->tick_us, KIND_TICK, c, 0);
    }
}

static void carry_out(struct world *world, size_t c, const struct hg_effect *effect)
{
    struct world_controller *controller = &world->controllers[c];
    switch (effect->type) {
    case HG_EFFECT_REPLY:
        if (world->user.on_answer != NULL) {
            world->user.on_answer(world->user.user_data, world, effect->u.reply.id, effect->u.reply.item,
                                  &effect->u.reply.answer);
        }
        break;
    case HG_EFFECT_SUBMIT:
        must(controller->under_way == NULL, "two groups of one policy under way");
        controller->under_way = effect->u.submit.group;
        push(world, world->now_us + world->store_rtt_us / 2, KIND_STORE, c, 0);
        break;
    case HG_EFFECT_LOG:
        if (world->user.on_log != NULL) {
            world->user.on_log(world->user.user_data, world, c, effect->u.log.event, effect->u.log.text);
        }
        break;
    case HG_EFFECT_START_PROBES:
        controller->probing = true;
        push(world, world->now_us + PROBE_DELAY_US, KIND_PROBES, c, 0);
        break;
    case HG_EFFECT_STOP_PROBES:
        controller->probing = false;
        break;
    case HG_EFFECT_TYPE_COUNT:
        break;
    }
}

static void turn(struct world *world, size_t c, const struct hg_event *event)
{
    struct hg_effects effects;
    held_enter();
    int status = hg_engine_step(world->controllers[c].engine, event, &effects);
    held_leave();
    must(status == 0 || status == HG_E_NOMEM, hg_strerror(status));
    if (status == HG_E_NOMEM && event->type == HG_EVENT_REQUEST && world->user.on_answer != NULL) {
        /* The driver's part: 503. */
        struct hg_answer answer = {.status = HG_E_NOMEM, .retry_after_us = WORLD_SECOND};
        const struct hg_request *request = &event->u.request.request;
        world->user.on_answer(world->user.user_data, world, request->id, request->item, &answer);
    }
    world->held_peak = held_bytes() > world->held_peak ? held_bytes() : world->held_peak;
    for (size_t i = 0; i < effects.count; i++) {
        carry_out(world, c, &effects.effects[i]);
    }
    schedule_tick(world, c);
}

static void note_grant(struct world *world, const struct op *op)
{
    if (world->grant_count == world->grant_capacity) {
        world->grant_capacity = world->grant_capacity == 0 ? 1024 : 2 * world->grant_capacity;
        world->grants = realloc(world->grants, world->grant_capacity * sizeof(*world->grants));
        must(world->grants != NULL, "no memory");
    }
    struct world_grant *grant = &world->grants[world->grant_count++];
    grant->at_us = world->snapshot.now_us;
    grant->fleet = -1;
    for (size_t f = 0; f < world->policy->fleet_count; f++) {
        grant->fleet = strcmp(world->policy->fleets[f].name, op->fleet) == 0 ? (int)f : grant->fleet;
    }
}

static void on_store(struct world *world, size_t c)
{
    struct world_controller *controller = &world->controllers[c];
    if (controller->dead) {
        return; /* the group died with it, on its way */
    }
    if (controller->away) {
        controller->reply->status = HG_E_STORE_AWAY;
        controller->reply->op_count = 0;
    } else {
        const struct group *group = controller->under_way;
        state_apply(world->state, world->now_us + world->store_offset_us, group, controller->reply);
        world->snapshot = controller->reply->snapshot;
        for (size_t i = 0; i < group->op_count; i++) {
            const struct op_reply *reply = &controller->reply->ops[i];
            if (group->ops[i].kind == OP_ACQUIRE && reply->state == INSTANCE_GRANTED && !reply->already) {
                note_grant(world, &group->ops[i]);
            }
        }
        for (size_t d = 0; d < world->snapshot.dependency_count; d++) {
            const struct snapshot_dependency *dependency = &world->snapshot.dependencies[d];
            if (dependency->in_flight > world->in_flight_peak[d]) {
                world->in_flight_peak[d] = dependency->in_flight;
            }
            world->in_flight_over += dependency->in_flight > dependency->in_flight_max;
        }
    }
    push(world, world->now_us + world->store_rtt_us / 2, KIND_REPLY, c, 0);
}

static void on_reply(struct world *world, size_t c)
{
    struct world_controller *controller = &world->controllers[c];
    if (!controller->dead) {
        struct hg_event event = {.type = HG_EVENT_STORE_REPLY, .now_us = world->now_us};
        event.u.store_reply.reply = controller->reply;
        controller->under_way = NULL;
        turn(world, c, &event);
    }
    group_reply_clear(controller->reply);
}

static void tell_probes(struct world *world, size_t c)
{
    for (size_t d = 0; d < world->policy->dependency_count; d++) {
        for (size_t p = 0; p < world->policy->dependencies[d].probe_count; p++) {
            struct hg_event event = {.type = HG_EVENT_PROBE, .now_us = world->now_us};
            event.u.probe.dependency = d;
            event.u.probe.probe = p;
            event.u.probe.up = world->probe_up[d];
            event.u.probe.text = world->probe_text[d];
            if (world->controllers[c].probing && !world->controllers[c].dead) {
                turn(world, c, &event);
            }
        }
    }
}

static void happen(struct world *world, const struct world_event *event)
{
    size_t c = (size_t)event->id;
    switch (event->kind) {
    case KIND_TICK:
        if (!world->controllers[c].dead && event->at_us == world->controllers[c].tick_us) {
            struct hg_event tick = {.type = HG_EVENT_TICK, .now_us = world->now_us};
            world->controllers[c].tick_us = INT64_MAX;
            turn(world, c, &tick);
        }
        break;
    case KIND_STORE:
        on_store(world, c);
        break;
    case KIND_REPLY:
        on_reply(world, c);
        break;
    case KIND_PROBES:
        tell_probes(world, c);
        break;
    case KIND_TIMER:
        if (world->user.on_timer != NULL) {
            world->user.on_timer(world->user.user_data, world, event->id, event->tag);
        }
        break;
    }
}

static struct hg_policy_set *parse(const char *text)
{
    struct hg_policy_set *set = NULL;
    struct hg_policy_errors errors;
    if (hg_policy_set_parse("policy.json", text, strlen(text), &set, &errors) != 0) {
        hg_policy_errors_print(&errors, stderr);
        must(false, "bad policy");
    }
    hg_policy_errors_finish(&errors);
    return set;
}

static void tell_store(struct world *world, size_t c, int status)
{
    struct hg_event event = {.type = HG_EVENT_STORE_STATE, .now_us = world->now_us};
    event.u.store_state.status = status;
    event.u.store_state.text = status == 0 ? "in the world" : "cut";
    turn(world, c, &event);
}

struct world *world_create(const struct world_options *options)
{
    struct world *world = calloc(1, sizeof(*world));
    must(world != NULL && state_create(&world->state) == 0, "no memory");
    held_reset();
    world->now_us = WORLD_SECOND;
    world->store_offset_us = INT64_C(1700000000) * WORLD_SECOND;
    world->set = parse(options->policy);
    world->policy = &world->set->policies[0];
    world->controller_count = options->controllers;
    world->store_rtt_us = options->store_rtt_us;
    world->user = options->user;
    rng_init(&world->rng, options->seed);
    for (size_t d = 0; d < HG_DEPENDENCIES_MAX; d++) {
        world->probe_up[d] = true;
        world->probe_text[d] = "answers";
    }
    for (size_t c = 0; c < world->controller_count; c++) {
        char id[16];
        snprintf(id, sizeof(id), "c%zu", c);
        struct hg_engine_options engine = {
            .controller_id = id, .seed = options->seed + c, .new_store = !options->learned};
        struct world_controller *controller = &world->controllers[c];
        held_enter();
        int status = hg_engine_create(&engine, &controller->engine);
        held_leave();
        controller->reply = calloc(1, sizeof(*controller->reply));
        must(status == 0 && controller->reply != NULL, "no memory");
        controller->tick_us = INT64_MAX;
        struct hg_event event = {.type = HG_EVENT_POLICIES, .now_us = world->now_us};
        event.u.policies.set = world->set;
        turn(world, c, &event);
        tell_store(world, c, 0);
    }
    return world;
}

void world_destroy(struct world *world)
{
    for (size_t c = 0; c < world->controller_count; c++) {
        group_reply_clear(world->controllers[c].reply);
        free(world->controllers[c].reply);
        held_enter();
        hg_engine_destroy(world->controllers[c].engine);
        held_leave();
    }
    state_destroy(world->state);
    hg_policy_set_destroy(world->set);
    free(world->grants);
    free(world->heap);
    free(world);
}

void world_at(struct world *world, int64_t at_us, uint64_t id, int tag)
{
    push(world, at_us, KIND_TIMER, id, tag);
}

bool world_request(struct world *world, size_t controller, const struct hg_request *request)
{
    if (world->controllers[controller].dead) {
        return false;
    }
    struct hg_event event = {.type = HG_EVENT_REQUEST, .now_us = world->now_us};
    event.u.request.request = *request;
    turn(world, controller, &event);
    return true;
}

void world_run(struct world *world, int64_t until_us)
{
    while (world->heap_count > 0 && world->heap[0].at_us <= until_us) {
        struct world_event event = pop(world);
        world->now_us = event.at_us;
        happen(world, &event);
    }
    world->now_us = until_us > world->now_us ? until_us : world->now_us;
}

void world_probe(struct world *world, size_t dependency, bool up, const char *text)
{
    world->probe_up[dependency] = up;
    world->probe_text[dependency] = text;
    for (size_t c = 0; c < world->controller_count; c++) {
        tell_probes(world, c);
    }
}

void world_kill(struct world *world, size_t controller)
{
    world->controllers[controller].dead = true;
}

void world_resign(struct world *world, size_t controller)
{
    struct hg_event event = {.type = HG_EVENT_RESIGN, .now_us = world->now_us};
    turn(world, controller, &event);
}

void world_cut(struct world *world, size_t controller, bool cut)
{
    world->controllers[controller].away = cut;
    tell_store(world, controller, cut ? HG_E_STORE_AWAY : 0);
}

void world_reload(struct world *world, const char *policy)
{
    struct hg_policy_set *before = world->set;
    world->set = parse(policy);
    world->policy = &world->set->policies[0];
    for (size_t c = 0; c < world->controller_count; c++) {
        struct hg_event event = {.type = HG_EVENT_POLICIES, .now_us = world->now_us};
        event.u.policies.set = world->set;
        turn(world, c, &event);
    }
    world_run(world, world->now_us + 2 * world->store_rtt_us); /* groups under way point into the old one */
    hg_policy_set_destroy(before);
}

int64_t world_excess(const struct world *world, int64_t rate_milli, int64_t burst)
{
    int64_t least = INT64_MAX, excess = INT64_MIN;
    for (size_t i = 0; i < world->grant_count; i++) {
        /* What the windows that begin with this grant had before it, less what the bucket gained by then. */
        int64_t gained = rate_milli * (world->grants[i].at_us - world->grants[0].at_us) / 1000;
        int64_t before = (int64_t)i * TOKEN_MICRO - gained;
        least = before < least ? before : least;
        int64_t over = before + TOKEN_MICRO - least - burst * TOKEN_MICRO;
        excess = over > excess ? over : excess;
    }
    return excess;
}
