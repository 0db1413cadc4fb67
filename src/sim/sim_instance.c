/* Instances as clients: they come up, ask, do what they are told in their own manner, and report. */
#include "sim/sim_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SILENCE_US       INT64_C(8000000) /* no answer within so long: the client asks again */
#define NO_CONTROLLER_US INT64_C(2000000)
#define BACKOFF_BASE_S   1.0
#define BACKOFF_MAX_S    60.0
#define NAME_SIZE        16

static const struct sim_fleet_spec *spec_of(const struct sim_world *world, uint32_t i)
{
    return &world->scenario->fleets[world->instances[i].fleet];
}

/* The class of the n-th instance of a fleet of `size`. */
static uint8_t draw_kind(struct sim_world *world, const struct sim_fleet_spec *spec, double place)
{
    double at = spec->classes_in_order ? place : sim_uniform(&world->rng_instance);
    double from = 1;
    for (size_t k = 0; k < spec->class_count; k++) {
        from -= spec->classes[k].share;
    }
    for (size_t k = 0; k < spec->class_count; k++) {
        if (at >= from && at < from + spec->classes[k].share) {
            return (uint8_t)(k + 1);
        }
        from += spec->classes[k].share;
    }
    return 0;
}

static void init_instance(struct sim_world *world, uint32_t i, size_t f, double place)
{
    const struct sim_fleet_spec *spec = &world->scenario->fleets[f];
    struct sim_instance *instance = &world->instances[i];
    *instance = (struct sim_instance){.fleet = (uint8_t)f};
    instance->kind = draw_kind(world, spec, place);
    instance->flags |= sim_chance(&world->rng_instance, spec->fails_share) ? SIM_IS_BROKEN : 0;
    instance->flags |= sim_chance(&world->rng_instance, spec->poll_share) ? SIM_IS_POLLER : 0;
    instance->flags |= sim_chance(&world->rng_instance, spec->never_share) ? SIM_IS_LEAVER : 0;
    world->able += (instance->flags & (SIM_IS_BROKEN | SIM_IS_LEAVER)) == 0;
    double late = spec->classes_in_order ? place : sim_uniform(&world->rng_instance);
    int64_t at_us = SIM_START_US + spec->arrive_at_us + (int64_t)(late * (double)spec->arrive_over_us);
    sim_push(world, at_us, SIM_EVENT_INSTANCE, i, SIM_STEP_ASK, 0);
}

bool sim_instances_init(struct sim_world *world)
{
    const struct hg_policy *policy = world->scenario->policy;
    int64_t count = 0;
    for (size_t f = 0; f < policy->fleet_count; f++) {
        world->fleet_first[f] = (uint32_t)count;
        count += world->options->no_fleet ? 0 : policy->fleets[f].size;
    }
    world->fleet_first[policy->fleet_count] = (uint32_t)count;
    world->instance_count = (uint32_t)count;
    world->instances = calloc((size_t)count + 1, sizeof(struct sim_instance));
    if (world->instances == NULL) {
        return false;
    }
    for (size_t f = 0; f < policy->fleet_count; f++) {
        for (uint32_t i = world->fleet_first[f]; i < world->fleet_first[f + 1]; i++) {
            init_instance(world, i, f, (double)(i - world->fleet_first[f]) / (double)policy->fleets[f].size);
        }
    }
    return true;
}

void sim_instance_ask_in(struct sim_world *world, uint32_t i, int64_t delay_us)
{
    world->instances[i].state = SIM_INSTANCE_AWAY;
    sim_push(world, world->now_us + (delay_us > 0 ? delay_us : 0), SIM_EVENT_INSTANCE, i, SIM_STEP_ASK,
             world->instances[i].life);
}

void sim_instance_send(struct sim_world *world, uint32_t i, struct op *op, uint32_t what)
{
    struct sim_instance *instance = &world->instances[i];
    char name[NAME_SIZE], ticket[40] = "";
    snprintf(name, sizeof(name), "i%u", (unsigned)i);
    op->fleet = world->scenario->policy->fleets[instance->fleet].name;
    op->instance = name;
    op->boot_id = "";
    if ((instance->flags & SIM_IS_TICKET) != 0 && what == SIM_ASKED_PERMIT) {
        snprintf(ticket, sizeof(ticket), "%c%u.%u", (instance->flags & SIM_IS_RETRY) != 0 ? 'r' : 'm',
                 (unsigned)instance->number, (unsigned)instance->asks);
    }
    if (!sim_controller_ask(world, i, op, ticket, what) && what != SIM_ASKED_RENEWAL && what != SIM_TOLD_TWICE) {
        if (what == SIM_ASKED_PERMIT) {
            sim_instance_ask_in(world, i, NO_CONTROLLER_US);
        } else {
            enum sim_step again = what == SIM_TOLD_FAILED ? SIM_STEP_REPORT_FAILED : SIM_STEP_REPORT;
            sim_push(world, world->now_us + NO_CONTROLLER_US, SIM_EVENT_INSTANCE, i, (uint8_t)again, instance->life);
        }
    }
}

/* Once people let in by hand: whoever comes gets the next turn, and comes again then. */
static bool wait_by_hand(struct sim_world *world, uint32_t i)
{
    struct sim_instance *instance = &world->instances[i];
    bool turn = (instance->flags & SIM_IS_TICKET) != 0;
    instance->flags &= (uint8_t)~SIM_IS_TICKET;
    if (turn || world->by_hand_us == 0 || world->now_us < world->scenario->by_hand.at_us + SIM_START_US) {
        return false;
    }
    world->by_hand_us = world->by_hand_us > world->now_us ? world->by_hand_us : world->now_us;
    instance->flags |= SIM_IS_TICKET;
    sim_instance_ask_in(world, i, world->by_hand_us - world->now_us);
    world->by_hand_us += (int64_t)(SIM_US / world->scenario->by_hand.rate);
    return true;
}

static void ask(struct sim_world *world, uint32_t i)
{
    struct sim_instance *instance = &world->instances[i];
    if (world->law != NULL && world->law->kind != SIM_LAW_ENGINE) {
        if (!wait_by_hand(world, i)) {
            sim_relaunch_begin(world, i); /* asks nobody */
        }
        return;
    }
    struct op op = {.kind = OP_ACQUIRE};
    instance->state = SIM_INSTANCE_ASKING;
    instance->life++;
    if (world->scenario->restart_count > 0) { /* or every question is answered */
        sim_push(world, world->now_us + SILENCE_US, SIM_EVENT_INSTANCE, i, SIM_STEP_SILENCE, instance->life);
    }
    sim_instance_send(world, i, &op, SIM_ASKED_PERMIT);
}

static void tell(struct sim_world *world, uint32_t i, bool recovered, uint32_t what)
{
    struct op op = {.kind = OP_COMPLETE,
                    .fence = world->instances[i].fence,
                    .outcome = recovered ? OUTCOME_RECOVERED : OUTCOME_FAILED,
                    .reason = recovered ? "" : "the relaunch failed"};
    sim_instance_send(world, i, &op, what);
}

void sim_instance_report(struct sim_world *world, uint32_t i, bool recovered)
{
    const struct sim_fleet_spec *spec = spec_of(world, i);
    struct sim_instance *instance = &world->instances[i];
    if (world->law != NULL && world->law->kind != SIM_LAW_ENGINE) {
        return;
    }
    if (sim_chance(&world->rng_client, spec->report_lost)) {
        if (!recovered) {
            sim_instance_ask_in(world, i, SILENCE_US);
        }
        return;
    }
    if (!recovered) {
        instance->state = SIM_INSTANCE_TELLING;
    }
    enum sim_step step = recovered ? SIM_STEP_REPORT : SIM_STEP_REPORT_FAILED;
    if (sim_chance(&world->rng_client, spec->report_late)) {
        int64_t late_us = sim_draw_us(&world->rng_client, &spec->report_late_by);
        sim_push(world, world->now_us + late_us, SIM_EVENT_INSTANCE, i, (uint8_t)step, instance->life);
        return;
    }
    sim_instance_on_step(world, i, step, instance->life);
}

/* Failed under a law that asks nobody: what clients do by themselves. */
static int64_t own_backoff_us(struct sim_world *world, const struct sim_instance *instance)
{
    if (world->law->kind == SIM_LAW_NONE) {
        return (int64_t)((0.5 + sim_uniform(&world->rng_client)) * BACKOFF_BASE_S * SIM_US);
    }
    double most_s = BACKOFF_BASE_S;
    for (int n = 1; n < instance->failures && most_s < BACKOFF_MAX_S; n++) {
        most_s *= 2;
    }
    most_s = most_s < BACKOFF_MAX_S ? most_s : BACKOFF_MAX_S;
    return (int64_t)(sim_uniform(&world->rng_client) * most_s * SIM_US);
}

void sim_instance_failed(struct sim_world *world, uint32_t i)
{
    struct sim_instance *instance = &world->instances[i];
    instance->life++;
    instance->failures = (uint16_t)(instance->failures + (instance->failures < UINT16_MAX));
    if (world->law != NULL && world->law->kind != SIM_LAW_ENGINE) {
        if ((instance->flags & SIM_IS_BROKEN) != 0 && instance->failures >= 8) {
            instance->state = SIM_INSTANCE_QUARANTINED; /* somebody looks at it */
            world->settled++;
        } else {
            sim_instance_ask_in(world, i, own_backoff_us(world, instance));
        }
        return;
    }
    sim_instance_report(world, i, false);
}

void sim_instance_on_step(struct sim_world *world, uint32_t i, enum sim_step step, uint16_t life)
{
    struct sim_instance *instance = &world->instances[i];
    if (step == SIM_STEP_REPORT) {
        tell(world, i, true, SIM_TOLD_RECOVERED);
        if (sim_chance(&world->rng_client, spec_of(world, i)->report_twice)) {
            tell(world, i, true, SIM_TOLD_TWICE);
        }
        return;
    }
    if (life != instance->life) {
        return; /* of an earlier life */
    }
    switch (step) {
    case SIM_STEP_ASK:
        if (instance->state == SIM_INSTANCE_AWAY) {
            ask(world, i);
        }
        break;
    case SIM_STEP_SILENCE:
        if (instance->state == SIM_INSTANCE_ASKING) {
            ask(world, i);
        }
        break;
    case SIM_STEP_REPORT_FAILED:
        if (instance->state == SIM_INSTANCE_TELLING) {
            if (world->scenario->restart_count > 0) {
                sim_push(world, world->now_us + SILENCE_US, SIM_EVENT_INSTANCE, i, SIM_STEP_REPORT_FAILED, instance->life);
            }
            tell(world, i, false, SIM_TOLD_FAILED);
        }
        break;
    case SIM_STEP_WORK:
    case SIM_STEP_BOOTED:
    case SIM_STEP_FAILED:
    case SIM_STEP_REHUNG:
    case SIM_STEP_RENEW:
        sim_relaunch_on_step(world, i, step);
        break;
    case SIM_STEP_REPORT:
    case SIM_STEP_COUNT:
        break;
    }
}

/* "m123.4" */
static void keep_ticket(struct sim_instance *instance, const char *ticket)
{
    char *end = NULL;
    unsigned long number = strtoul(ticket + (ticket[0] != '\0'), &end, 10);
    instance->flags &= (uint8_t) ~(SIM_IS_TICKET | SIM_IS_RETRY);
    if (ticket[0] != '\0' && *end == '.') {
        instance->number = (uint32_t)number;
        instance->asks = (uint16_t)strtoul(end + 1, NULL, 10);
        instance->flags |= SIM_IS_TICKET | (ticket[0] == 'r' ? SIM_IS_RETRY : 0);
    }
}

static void wait_as_told(struct sim_world *world, uint32_t i, const struct hg_answer *answer)
{
    const struct sim_fleet_spec *spec = spec_of(world, i);
    struct sim_instance *instance = &world->instances[i];
    int64_t wait_us = answer->retry_after_us;
    if ((instance->flags & SIM_IS_LEAVER) != 0) {
        instance->state = SIM_INSTANCE_GONE;
        world->settled++;
        return;
    }
    if ((instance->flags & SIM_IS_POLLER) != 0) {
        wait_us = spec->poll_every_us;
    } else if (sim_chance(&world->rng_client, spec->late_share)) {
        wait_us += sim_draw_us(&world->rng_client, &spec->late_by);
    }
    sim_instance_ask_in(world, i, wait_us);
}

static void on_permit_answer(struct sim_world *world, uint32_t i, const struct hg_answer *answer)
{
    struct sim_instance *instance = &world->instances[i];
    instance->life++;
    if (answer->status != 0) {
        wait_as_told(world, i, answer); /* 503 */
        return;
    }
    switch (answer->state) {
    case INSTANCE_GRANTED:
        instance->fence = answer->op->fence;
        instance->flags &= (uint8_t)~SIM_IS_TICKET;
        sim_relaunch_begin(world, i);
        break;
    case INSTANCE_QUARANTINED:
        instance->state = SIM_INSTANCE_QUARANTINED;
        world->settled += (instance->flags & SIM_IS_BROKEN) != 0;
        break;
    case INSTANCE_WAITING:
    case INSTANCE_BACKOFF:
    case INSTANCE_NONE:
    case INSTANCE_DONE:
    case INSTANCE_STATE_COUNT:
        keep_ticket(instance, answer->ticket);
        wait_as_told(world, i, answer);
        break;
    }
}

void sim_instance_on_answer(struct sim_world *world, uint32_t i, uint32_t what, const struct hg_answer *answer)
{
    struct sim_instance *instance = &world->instances[i];
    if (what == SIM_ASKED_PERMIT && instance->state == SIM_INSTANCE_ASKING) {
        on_permit_answer(world, i, answer);
    } else if (what == SIM_TOLD_FAILED && instance->state == SIM_INSTANCE_TELLING) {
        if (answer->status == HG_E_STORE_AWAY || answer->status == HG_E_OVERLOAD || answer->status == HG_E_NOT_READY) {
            sim_push(world, world->now_us + answer->retry_after_us, SIM_EVENT_INSTANCE, i, SIM_STEP_REPORT_FAILED,
                     instance->life);
            return;
        }
        instance->life++;
        sim_instance_ask_in(world, i, answer->status == 0 ? answer->retry_after_us : NO_CONTROLLER_US);
    } else if (what == SIM_TOLD_RECOVERED && (answer->status == HG_E_STORE_AWAY || answer->status == HG_E_OVERLOAD)) {
        sim_push(world, world->now_us + answer->retry_after_us, SIM_EVENT_INSTANCE, i, SIM_STEP_REPORT, instance->life);
    }
}
