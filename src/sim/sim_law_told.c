/* Laws that are told the true capacity: fixed buckets, and the oracle. */
#include "sim/sim_world.h"

#include "core/bucket.h"

#include <math.h>

#define SPARE         0.2
#define QUEUE_SHARE   0.2 /* of the time-out may be spent in a queue that hinders nobody */
#define CROWD_SHARE   1.6 /* of the knee: slower from 0.6 on, nothing from 1.6 */
#define ORACLE_SHARE  0.97 /* of what is left of the capacity: a queue at the limit grows without end */

static void start(struct limiter *limiter, const struct limiter_input *input)
{
    limiter->window = input->window_max;
    limiter->paced = false;
}

static void pace(struct limiter *limiter, const struct limiter_input *input, double rate)
{
    double milli = rate * (double)input->cost * 1000;
    limiter->window = input->window_max;
    limiter->paced = true;
    limiter->pace_milli = milli < 1 ? 1 : milli > (double)input->rate_milli ? input->rate_milli : (int64_t)milli;
    /* A fifth of a second, and room for one that comes late. */
    double burst = milli / 1000 / 5 + 2 * (double)input->cost;
    limiter->pace_burst = (int64_t)(burst * (double)TOKEN_MICRO);
}

/* Relaunches a second that a rate of requests carries. */
static double relaunches(const struct sim_scenario *scenario, size_t d, double requests)
{
    double each = 1;
    for (size_t f = 0; f < scenario->policy->fleet_count; f++) {
        double demand = sim_demand(scenario, d, f);
        each = demand > each ? demand : each;
    }
    return requests / each;
}

static enum limiter_verdict judge_fixed(struct limiter *limiter, const struct limiter_input *input, char *ret_why)
{
    const struct sim_law_context *context = input->context;
    const struct sim_dependency_spec *spec = &context->scenario->dependencies[input->dependency];
    (void)ret_why;
    double capacity = (double)spec->servers / sim_dist_mean_s(&spec->service);
    pace(limiter, input, context->law->share * relaunches(context->scenario, input->dependency, capacity));
    return LIMITER_KEEP;
}

const struct limiter_ops sim_law_fixed_ops = {
    .name = "fixed", .ramps = true, .first_permits = 2, .start = start, .judge_canaries = sim_law_pass, .judge = judge_fixed};

/* How long after its grant a relaunch loads the dependency. */
static double lead_s(const struct sim_scenario *scenario, size_t d)
{
    double lead = 0;
    for (size_t f = 0; f < scenario->policy->fleet_count; f++) {
        const struct hg_fleet *fleet = &scenario->policy->fleets[f];
        const struct sim_fleet_spec *spec = &scenario->fleets[f];
        for (size_t n = 0; n < fleet->need_count; n++) {
            if (fleet->needs[n].dependency == d && spec->when == SIM_WORK_END) {
                lead = spec->boot.median_s;
            }
        }
    }
    return lead;
}

/* What a dependency and the one it calls can answer, dearness by who is back now. */
static double capacity_at(const struct sim_law_context *context, size_t d, int64_t t_us)
{
    const struct sim_scenario *scenario = context->scenario;
    const struct sim_dependency_spec *spec = &scenario->dependencies[d];
    double capacity = sim_capacity(scenario, d, t_us) - sim_background_rate(scenario, d);
    capacity /= context->back_share < spec->dear_until ? spec->dear_times : 1;
    if (spec->calls_index >= 0) {
        double called = capacity_at(context, (size_t)spec->calls_index, t_us);
        capacity = called < capacity ? called : capacity;
    }
    return capacity;
}

static enum limiter_verdict judge_oracle(struct limiter *limiter, const struct limiter_input *input, char *ret_why)
{
    const struct sim_law_context *context = input->context;
    const struct sim_scenario *scenario = context->scenario;
    (void)ret_why;
    int64_t t_us = input->now_us - context->start_us;
    double lead = lead_s(scenario, input->dependency), least = -1;
    /* What is granted now loads the dependency around then, and must be answered before the next trouble. */
    for (double ahead_s = 0.5 * lead; ahead_s <= 2 * lead + 2; ahead_s += (lead + 2) / 8) {
        double capacity = capacity_at(context, input->dependency, t_us + (int64_t)(ahead_s * SIM_US));
        least = least < 0 || capacity < least ? capacity : least;
    }
    /* The fewer servers, the more spare they need against chance; and the nearer to the knee, the slower. */
    const struct sim_dependency_spec *spec = &scenario->dependencies[input->dependency];
    double servers = (double)spec->servers, crowd = QUEUE_SHARE * least * (double)spec->timeout_us / SIM_US;
    crowd = crowd < 4 * servers ? 4 * servers : crowd;
    crowd = spec->knee > 0 && spec->knee < crowd ? spec->knee : crowd;
    double room = CROWD_SHARE - context->inside[input->dependency] / crowd;
    least *= 1 - SPARE / pow(servers, 0.7);
    least *= room < 0 ? 0 : room > 1 ? 1 : room;
    pace(limiter, input, least > 0 ? ORACLE_SHARE * relaunches(scenario, input->dependency, least) : 0);
    limiter->window -= input->cost; /* below its ceiling it counts as ramping: nobody sleeps through the growth */
    return LIMITER_KEEP;
}

const struct limiter_ops sim_law_oracle_ops = {
    .name = "oracle", .ramps = true, .first_permits = 2, .start = start, .judge_canaries = sim_law_pass, .judge = judge_oracle};
