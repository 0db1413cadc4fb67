/* What the policy's probes and gauges see of a dependency, with the manner that the scenario gives them. */
#include "sim/sim_world.h"

#include <math.h>

#define CHEAP_SHARE 0.01 /* a health check costs so much of a request's service */

void sim_probes_begin(struct sim_world *world)
{
    const struct hg_policy *policy = world->scenario->policy;
    for (size_t d = 0; d < policy->dependency_count; d++) {
        for (size_t p = 0; p < policy->dependencies[d].probe_count; p++) {
            int64_t first_us = rng_between(&world->rng_probe, 0, policy->dependencies[d].probes[p].interval_us);
            sim_push(world, first_us, SIM_EVENT_PROBE, (uint32_t)d, (uint8_t)p, 0);
        }
    }
}

static bool see(struct sim_world *world, size_t d, size_t p, double latency_s)
{
    struct sim_dependency *dependency = &world->dependencies[d];
    const struct sim_dependency_spec *spec = dependency->spec;
    double timeout_s = (double)world->scenario->policy->dependencies[d].probes[p].timeout_us / SIM_US;
    bool good = latency_s <= timeout_s;
    switch ((enum sim_probe_manner)spec->probe_manner) {
    case SIM_PROBE_HONEST:
    case SIM_PROBE_MANNER_COUNT:
        break;
    case SIM_PROBE_NOISY:
        good = sim_chance(&world->rng_probe, spec->probe_noise) ? !good : good;
        break;
    case SIM_PROBE_STUCK:
        if (world->now_us - SIM_START_US >= spec->probe_stuck_from_us) {
            if (!dependency->probes[p].stuck_known) {
                dependency->probes[p].stuck_known = true;
                dependency->probes[p].stuck_up = good;
            }
            good = dependency->probes[p].stuck_up;
        }
        break;
    case SIM_PROBE_LYING:
        good = !good;
        break;
    }
    return good;
}

void sim_probe_on_event(struct sim_world *world, size_t d, size_t p)
{
    struct sim_dependency *dependency = &world->dependencies[d];
    const struct hg_probe *probe = &world->scenario->policy->dependencies[d].probes[p];
    int64_t jitter_us = probe->interval_us * probe->jitter_permille / 1000;
    sim_push(world, world->now_us + probe->interval_us + rng_between(&world->rng_probe, -jitter_us, jitter_us),
             SIM_EVENT_PROBE, (uint32_t)d, (uint8_t)p, 0);
    double mean_s = dependency->speed > 0 ? sim_dist_mean_s(&dependency->spec->service) / dependency->speed : INFINITY;
    double latency_s = sim_dependency_wait_s(dependency) + CHEAP_SHARE * mean_s;
    bool good = see(world, d, p, latency_s), up = dependency->probes[p].up;
    dependency->probes[p].good = good ? dependency->probes[p].good + 1 : 0;
    dependency->probes[p].bad = good ? 0 : dependency->probes[p].bad + 1;
    if (dependency->probes[p].good >= probe->rise) {
        up = true;
    } else if (dependency->probes[p].bad >= probe->fall) {
        up = false;
    } else if (!dependency->probes[p].told) {
        up = good;
    }
    bool changed = !dependency->probes[p].told || up != dependency->probes[p].up;
    dependency->probes[p].up = up;
    dependency->probes[p].told = true;
    double gauge = 0;
    bool has_gauge = probe->gauge_json != NULL && good;
    if (has_gauge) {
        uint32_t steps = (uint32_t)(dependency->spec->gauge_delay_us / SIM_STEP_US);
        uint32_t back = steps < SIM_GAUGE_KEPT - 1 ? steps : SIM_GAUGE_KEPT - 1;
        back = back < dependency->gauge_at ? back : dependency->gauge_at;
        gauge = dependency->gauges[(dependency->gauge_at - 1 - back) % SIM_GAUGE_KEPT];
        gauge *= 1 + dependency->spec->gauge_noise * sim_normal(&world->rng_probe);
        gauge = gauge < 0 ? 0 : gauge;
    }
    sim_controller_probe(world, d, p, changed, has_gauge, gauge, latency_s);
}
