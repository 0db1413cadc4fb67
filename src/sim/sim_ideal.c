/* The ideal: how soon a controller that knew everything could have 99 % back. For each dependency the time at which
 * its capacity, less the other traffic and no more than the operator's ceiling, has answered their requests; the latest
 * of these, and one relaunch. */
#include "sim/sim_world.h"

#define STEP_S       0.25
#define HORIZON_S    (30.0 * 86400)
#define TARGET_SHARE 0.99

/* Requests per second for a fleet, warmth by work given. */
static double capacity_at(const struct sim_scenario *scenario, size_t d, int64_t t_us, int64_t cold_since_us, double done)
{
    const struct sim_dependency_spec *spec = &scenario->dependencies[d];
    for (size_t i = 0; i < spec->outage_count; i++) {
        if (t_us >= spec->outages[i].from_us && t_us < spec->outages[i].to_us) {
            return 0;
        }
    }
    double pace = sim_dependency_pace(spec, t_us, cold_since_us, done);
    return (double)spec->servers * pace / sim_dist_mean_s(&spec->service);
}

static int64_t cold_since(const struct sim_dependency_spec *spec, int64_t t_us)
{
    int64_t since_us = 0;
    for (size_t i = 0; i < spec->outage_count && spec->cold_again; i++) {
        since_us = t_us >= spec->outages[i].to_us && spec->outages[i].to_us > since_us ? spec->outages[i].to_us : since_us;
    }
    return since_us;
}

double sim_capacity(const struct sim_scenario *scenario, size_t d, int64_t t_us)
{
    const struct sim_dependency_spec *spec = &scenario->dependencies[d];
    /* Warmth by work is taken as complete here: the ideal below follows it exactly. */
    return capacity_at(scenario, d, t_us, cold_since(spec, t_us), spec->cold_work);
}

double sim_background_rate(const struct sim_scenario *scenario, size_t d)
{
    double rate = 0;
    for (size_t b = 0; b < scenario->background_count; b++) {
        rate += (size_t)scenario->backgrounds[b].dependency_index == d ? scenario->backgrounds[b].rate : 0;
    }
    return rate;
}

/* Requests to `d` of a relaunch of fleet `f`, in units of a plain one; calls of other dependencies included. */
double sim_demand(const struct sim_scenario *scenario, size_t d, size_t f)
{
    const struct hg_fleet *fleet = &scenario->policy->fleets[f];
    const struct sim_fleet_spec *spec = &scenario->fleets[f];
    double times = 1;
    for (size_t k = 0; k < spec->class_count; k++) {
        times += spec->classes[k].share * (spec->classes[k].work_times - 1);
    }
    double requests = 0;
    for (size_t n = 0; n < fleet->need_count; n++) {
        size_t need = fleet->needs[n].dependency;
        requests += need == d ? (double)spec->requests * times : 0;
        requests += scenario->dependencies[need].calls_index == (int)d ? (double)spec->requests : 0;
    }
    return requests;
}

static double able_of(const struct sim_scenario *scenario, size_t f)
{
    const struct sim_fleet_spec *spec = &scenario->fleets[f];
    return (double)scenario->policy->fleets[f].size * (1 - spec->fails_share) * (1 - spec->never_share);
}

/* Permits of the policy's ceiling that a relaunch of fleet `f` takes at `d`. */
static double permits_of(const struct sim_scenario *scenario, size_t d, size_t f)
{
    const struct hg_fleet *fleet = &scenario->policy->fleets[f];
    for (size_t n = 0; n < fleet->need_count; n++) {
        if (fleet->needs[n].dependency == d) {
            return (double)fleet->needs[n].cost;
        }
    }
    return 0;
}

static double arrived(const struct sim_fleet_spec *spec, double t_s)
{
    double over_s = (double)spec->arrive_over_us / SIM_US, since_s = t_s - (double)spec->arrive_at_us / SIM_US;
    return since_s <= 0 ? 0 : over_s <= 0 || since_s >= over_s ? 1 : since_s / over_s;
}

static double time_at(const struct sim_scenario *scenario, size_t d)
{
    const struct sim_dependency_spec *spec = &scenario->dependencies[d];
    double total = 0, permits = 0, done = 0, served = 0;
    for (size_t f = 0; f < scenario->policy->fleet_count; f++) {
        total += able_of(scenario, f) * sim_demand(scenario, d, f);
        permits += able_of(scenario, f) * permits_of(scenario, d, f);
    }
    if (total <= 0) {
        return 0;
    }
    double ceiling = permits > 0 ? (double)scenario->policy->dependencies[d].rate_milli / 1000 * total / permits : HORIZON_S;
    double background = sim_background_rate(scenario, d);
    int64_t since_us = 0;
    for (double t_s = 0; t_s < HORIZON_S; t_s += STEP_S) {
        int64_t t_us = (int64_t)(t_s * SIM_US), cold_us = cold_since(spec, t_us);
        served = cold_us != since_us ? 0 : served;
        since_us = cold_us;
        double rate = capacity_at(scenario, d, t_us, since_us, served) - background;
        rate /= done / total < spec->dear_until ? spec->dear_times : 1;
        rate = rate < 0 ? 0 : rate > ceiling ? ceiling : rate;
        double come = 0;
        for (size_t f = 0; f < scenario->policy->fleet_count; f++) {
            come += able_of(scenario, f) * sim_demand(scenario, d, f) * arrived(&scenario->fleets[f], t_s + STEP_S);
        }
        double step = rate * STEP_S < come - done ? rate * STEP_S : come - done;
        done += step;
        served += step + background * STEP_S;
        if (done >= TARGET_SHARE * total) {
            return t_s + STEP_S;
        }
    }
    return HORIZON_S;
}

static double relaunch_s(const struct sim_scenario *scenario, size_t f)
{
    const struct sim_fleet_spec *spec = &scenario->fleets[f];
    const struct hg_fleet *fleet = &scenario->policy->fleets[f];
    double seconds = spec->boot.median_s > spec->boot.min_s ? spec->boot.median_s : spec->boot.min_s;
    for (size_t n = 0; n < fleet->need_count; n++) {
        const struct sim_dependency_spec *need = &scenario->dependencies[fleet->needs[n].dependency];
        double requests = spec->parallel ? 1 : (double)spec->requests;
        double each_s = sim_dist_mean_s(&need->service);
        each_s += need->calls_index >= 0 ? sim_dist_mean_s(&scenario->dependencies[need->calls_index].service) : 0;
        seconds += requests * each_s;
        seconds += spec->when == SIM_WORK_SPREAD || spec->parallel ? 0 : (requests - 1) * sim_dist_mean_s(&spec->think);
    }
    return seconds;
}

double sim_ideal_s(const struct sim_scenario *scenario)
{
    double latest_s = 0, longest_s = 0;
    for (size_t d = 0; d < scenario->policy->dependency_count; d++) {
        double time_s = time_at(scenario, d);
        latest_s = time_s > latest_s ? time_s : latest_s;
    }
    for (size_t f = 0; f < scenario->policy->fleet_count; f++) {
        double seconds = relaunch_s(scenario, f);
        longest_s = seconds > longest_s ? seconds : longest_s;
    }
    return latest_s + longest_s;
}
