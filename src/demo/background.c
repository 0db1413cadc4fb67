#include "demo/background.h"

#include "core/rng.h"
#include "demo/fetch.h"
#include "host/clock.h"

void demo_background_run(struct demo_world *world, int index)
{
    const struct demo_config *config = &world->config;
    struct rng rng;
    rng_init(&rng, clock_seed() + (uint64_t)index);
    demo_sleep_us(rng_between(&rng, 0, config->background_period_us));
    for (;;) {
        int64_t next_us = clock_monotonic_us() + rng_between(&rng, config->background_period_us * 9 / 10,
                                                             config->background_period_us * 11 / 10);
        struct demo_request request = {.port = world->dependency_port,
                                       .method = "GET",
                                       .path = "/page",
                                       .timeout_us = config->request_timeout_us};
        int status = demo_fetch(&request, NULL);
        world->background_asked += 1;
        world->background_errors += status != 200;
        demo_sleep_us(next_us - clock_monotonic_us());
    }
}
