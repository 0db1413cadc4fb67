/* What a grant starts: booting, and requests to each dependency that the fleet needs, before, after or during the boot. */
#include "sim/sim_world.h"

#define RENEW_SHARE 2 /* of the lease: renewed when half has passed */

static const struct sim_fleet_spec *spec_of(const struct sim_world *world, uint32_t i)
{
    return &world->scenario->fleets[world->instances[i].fleet];
}

static bool governed(const struct sim_world *world)
{
    return world->law == NULL || world->law->kind == SIM_LAW_ENGINE;
}

static void step_in(struct sim_world *world, uint32_t i, enum sim_step step, int64_t delay_us)
{
    sim_push(world, world->now_us + delay_us, SIM_EVENT_INSTANCE, i, (uint8_t)step, world->instances[i].life);
}

static int64_t boot_part_us(const struct sim_world *world, uint32_t i)
{
    const struct sim_fleet_spec *spec = spec_of(world, i);
    double boot_us = (double)world->instances[i].boot_s * SIM_US;
    return (int64_t)(spec->when == SIM_WORK_SPREAD ? boot_us / (double)(spec->requests + 1) : boot_us);
}

static void plan_renewal(struct sim_world *world, uint32_t i)
{
    if (governed(world)) {
        step_in(world, i, SIM_STEP_RENEW,
                world->scenario->policy->fleets[world->instances[i].fleet].lease_us / RENEW_SHARE);
    }
}

void sim_relaunch_begin(struct sim_world *world, uint32_t i)
{
    const struct sim_fleet_spec *spec = spec_of(world, i);
    struct sim_instance *instance = &world->instances[i];
    instance->state = SIM_INSTANCE_RELAUNCHING;
    instance->life++;
    instance->began_us = world->now_us;
    instance->boot_s = (float)((double)sim_draw_us(&world->rng_instance, &spec->boot) / SIM_US);
    if (instance->kind > 0) {
        instance->boot_s *= (float)spec->classes[instance->kind - 1].boot_times;
    }
    instance->left = (uint16_t)spec->requests;
    instance->open = 0;
    instance->need = 0;
    instance->tries = 0;
    if ((instance->flags & SIM_IS_BROKEN) != 0) {
        step_in(world, i, SIM_STEP_FAILED, spec->fails_after_us);
        return;
    }
    world->result->relaunches++;
    world->result->granted += !governed(world);
    if (sim_chance(&world->rng_instance, spec->hangs_share)) {
        step_in(world, i, SIM_STEP_REHUNG, spec->hangs_for_us);
        return;
    }
    plan_renewal(world, i);
    step_in(world, i, SIM_STEP_WORK, spec->when == SIM_WORK_START ? 0 : boot_part_us(world, i));
}

static void submit(struct sim_world *world, uint32_t i)
{
    const struct sim_fleet_spec *spec = spec_of(world, i);
    const struct hg_fleet *fleet = &world->scenario->policy->fleets[world->instances[i].fleet];
    struct sim_instance *instance = &world->instances[i];
    double times = instance->kind > 0 ? spec->classes[instance->kind - 1].work_times : 1;
    instance->open++;
    sim_dependency_submit(world, fleet->needs[instance->need].dependency, SIM_OWNER_INSTANCE, i, instance->life, 0, times);
}

static void work(struct sim_world *world, uint32_t i)
{
    const struct sim_fleet_spec *spec = spec_of(world, i);
    struct sim_instance *instance = &world->instances[i];
    do {
        if (instance->left > 0) {
            instance->left--;
        }
        submit(world, i);
    } while (spec->parallel && instance->left > 0);
}

static void fail(struct sim_world *world, uint32_t i)
{
    world->instances[i].open = 0;
    sim_instance_failed(world, i);
}

static void come_back(struct sim_world *world, uint32_t i)
{
    struct sim_instance *instance = &world->instances[i];
    const struct sim_fleet_spec *spec = spec_of(world, i);
    instance->state = SIM_INSTANCE_BACK;
    instance->failures = 0;
    world->back += (instance->flags & SIM_IS_LEAVER) == 0; /* a leaver granted at once is nobody who was waited for */
    world->settled++;
    world->result->recovered++;
    if (!spec->phase_report) {
        sim_instance_report(world, i, true);
    }
}

/* The load is over; what is left of the boot does not load anything. */
static void finish_work(struct sim_world *world, uint32_t i)
{
    const struct sim_fleet_spec *spec = spec_of(world, i);
    if (spec->phase_report) {
        sim_instance_report(world, i, true);
    }
    if (spec->when == SIM_WORK_END) {
        come_back(world, i);
    } else {
        step_in(world, i, SIM_STEP_BOOTED, boot_part_us(world, i));
    }
}

void sim_relaunch_on_request(struct sim_world *world, uint32_t i, uint16_t life, bool ok)
{
    const struct sim_fleet_spec *spec = spec_of(world, i);
    struct sim_instance *instance = &world->instances[i];
    if (life != instance->life || instance->state != SIM_INSTANCE_RELAUNCHING) {
        return;
    }
    instance->open--;
    if (!ok) {
        if (instance->tries >= spec->retries) {
            fail(world, i);
            return;
        }
        instance->tries++;
        instance->left++;
        int64_t delay_us = sim_draw_us(&world->rng_instance, &spec->retry_delay);
        delay_us += (int64_t)(sim_uniform(&world->rng_instance) * 0.5 * (double)delay_us);
        step_in(world, i, SIM_STEP_WORK, delay_us);
        return;
    }
    if (!spec->parallel) {
        instance->tries = 0;
    }
    if (instance->left > 0) {
        if (!spec->parallel) {
            int64_t think_us = spec->when == SIM_WORK_SPREAD ? boot_part_us(world, i)
                                                             : sim_draw_us(&world->rng_instance, &spec->think);
            step_in(world, i, SIM_STEP_WORK, think_us);
        }
        return;
    }
    if (instance->open > 0) {
        return;
    }
    instance->need++;
    if (instance->need < world->scenario->policy->fleets[instance->fleet].need_count) {
        instance->left = (uint16_t)spec->requests;
        step_in(world, i, SIM_STEP_WORK, 0);
    } else {
        finish_work(world, i);
    }
}

void sim_relaunch_on_step(struct sim_world *world, uint32_t i, enum sim_step step)
{
    struct sim_instance *instance = &world->instances[i];
    if (instance->state != SIM_INSTANCE_RELAUNCHING) {
        return;
    }
    if (step == SIM_STEP_WORK) {
        work(world, i);
    } else if (step == SIM_STEP_BOOTED) {
        come_back(world, i);
    } else if (step == SIM_STEP_FAILED) {
        fail(world, i);
    } else if (step == SIM_STEP_REHUNG) {
        instance->life++;
        sim_instance_ask_in(world, i, 0);
    } else if (step == SIM_STEP_RENEW && governed(world)) {
        struct op op = {.kind = OP_RENEW, .fence = instance->fence};
        plan_renewal(world, i);
        sim_instance_send(world, i, &op, SIM_ASKED_RENEWAL);
    }
}
