#include "demo/instance.h"

#include "core/rng.h"
#include "demo/fetch.h"
#include "demo/gate.h"
#include "host/clock.h"

#include <unistd.h>

struct instance {
    struct demo_world *world;
    struct demo_slot *slot;
    int index;
    struct rng rng;
};

static bool ask_dependency(const struct instance *instance, const char *path)
{
    struct demo_request request = {.port = instance->world->dependency_port,
                                   .method = "GET",
                                   .path = path,
                                   .timeout_us = instance->world->config.request_timeout_us};
    return demo_fetch(&request, NULL) == 200;
}

static bool load(struct instance *instance)
{
    instance->slot->state = DEMO_LOADING;
    instance->slot->attempts += 1;
    for (int i = 0; i < instance->world->config.requests; i++) {
        if (!ask_dependency(instance, "/lease")) {
            return false;
        }
    }
    return true;
}

/* Exponential backoff with full jitter, capped: what good clients do by themselves. */
static void relaunch_alone(struct instance *instance)
{
    const struct demo_config *config = &instance->world->config;
    int64_t ceiling_us = config->backoff_base_us;
    while (!load(instance)) {
        instance->slot->state = DEMO_DOWN;
        demo_sleep_us(rng_between(&instance->rng, 0, ceiling_us));
        ceiling_us = ceiling_us * 2 < config->backoff_max_us ? ceiling_us * 2 : config->backoff_max_us;
    }
}

static void relaunch_through_gate(struct instance *instance)
{
    struct demo_permit permit;
    demo_permit_init(&permit, instance->world, instance->index);
    for (;;) {
        instance->slot->state = DEMO_WAITING;
        demo_permit_acquire(&permit);
        bool recovered = load(instance);
        if (recovered) {
            instance->slot->state = DEMO_UP; /* back, whatever becomes of the report */
        }
        int64_t retry_after_us = demo_permit_complete(&permit, recovered);
        if (recovered) {
            return;
        }
        demo_sleep_us(retry_after_us);
    }
}

static void keep_lease(struct instance *instance)
{
    const struct demo_config *config = &instance->world->config;
    instance->slot->state = DEMO_UP;
    demo_sleep_us(rng_between(&instance->rng, 0, config->renew_us));
    while (ask_dependency(instance, "/lease") || ask_dependency(instance, "/lease")) {
        demo_sleep_us(rng_between(&instance->rng, config->renew_us * 9 / 10, config->renew_us * 11 / 10));
    }
    instance->slot->state = DEMO_DOWN;
    instance->world->lost_again += 1;
    _exit(DEMO_EXIT_LOST);
}

void demo_instance_run(struct demo_world *world, int index, bool was_up)
{
    struct instance instance = {.world = world, .slot = &world->slots[index], .index = index};
    rng_init(&instance.rng, clock_seed() + (uint64_t)index);
    if (!was_up) {
        instance.slot->state = DEMO_DOWN;
        demo_sleep_us(rng_between(&instance.rng, world->config.boot_us / 2, world->config.boot_us * 3 / 2));
        if (world->gated) {
            relaunch_through_gate(&instance);
        } else {
            relaunch_alone(&instance);
        }
    }
    keep_lease(&instance);
    _exit(0);
}
