#include "sim/sim_laws.h"

#include "sim/sim_world.h"

#include <stdlib.h>
#include <string.h>

const struct sim_law sim_laws[] = {
    {"none", SIM_LAW_NONE, NULL, 0, "no controller: all at once, and again a second after each failure"},
    {"client-backoff", SIM_LAW_CLIENT_BACKOFF, NULL, 0,
     "no controller: exponential backoff with full jitter, 1 s to 60 s (M. Brooker, AWS Architecture Blog, 2015)"},
    {"fixed-50", SIM_LAW_ENGINE, &sim_law_fixed_ops, 0.5, "a bucket at half the true capacity"},
    {"fixed-100", SIM_LAW_ENGINE, &sim_law_fixed_ops, 1, "a bucket at the true capacity"},
    {"fixed-200", SIM_LAW_ENGINE, &sim_law_fixed_ops, 2, "a bucket at twice the true capacity"},
    {"slow-start", SIM_LAW_ENGINE, &limiter_slow_start_ops, 0, "Headgate's slow start over resolved cohorts"},
    {"adaptive", SIM_LAW_ENGINE, &limiter_adaptive_ops, 0, "Headgate's adaptive law"},
    {"aimd", SIM_LAW_ENGINE, &sim_law_aimd_ops, 0, "additive increase, multiplicative decrease (RFC 5681)"},
    {"vegas", SIM_LAW_ENGINE, &sim_law_vegas_ops, 0, "Netflix concurrency-limits' VegasLimit"},
    {"gradient2", SIM_LAW_ENGINE, &sim_law_gradient2_ops, 0, "Netflix concurrency-limits' Gradient2Limit"},
    {"bbr", SIM_LAW_ENGINE, &sim_law_bbr_ops, 0, "after BBR (Cardwell et al., ACM Queue 2016)"},
    {"oracle", SIM_LAW_ENGINE, &sim_law_oracle_ops, 0, "knows the capacity, now and to come"},
};

const size_t sim_law_count = sizeof(sim_laws) / sizeof(sim_laws[0]);

const struct sim_law *sim_law_find(const char *name)
{
    for (size_t i = 0; i < sim_law_count; i++) {
        if (strcmp(sim_laws[i].name, name) == 0) {
            return &sim_laws[i];
        }
    }
    return NULL;
}

bool sim_law_tell(struct sim_law_context *context, size_t d, const struct sim_sample *sample)
{
    struct sim_law_seat *seat = &context->seats[d];
    if (seat->sample_count == seat->sample_capacity) {
        size_t capacity = seat->sample_capacity == 0 ? 256 : 2 * seat->sample_capacity;
        struct sim_sample *grown = realloc(seat->samples, capacity * sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        seat->samples = grown;
        seat->sample_capacity = capacity;
    }
    seat->samples[seat->sample_count++] = *sample;
    return true;
}

void sim_law_context_finish(struct sim_law_context *context)
{
    for (size_t d = 0; d < HG_DEPENDENCIES_MAX; d++) {
        free(context->seats[d].samples);
    }
}

struct sim_law_seat *sim_law_seat(const struct limiter_input *input)
{
    return &((struct sim_law_context *)input->context)->seats[input->dependency];
}

enum limiter_verdict sim_law_set(struct limiter *limiter, const struct limiter_input *input, double permits)
{
    double window = permits * (double)input->cost;
    window = window < (double)input->cost ? (double)input->cost : window;
    window = window > (double)input->window_max ? (double)input->window_max : window;
    limiter->paced = false;
    if ((int64_t)window == limiter->window) {
        return LIMITER_KEEP;
    }
    limiter->window = (int64_t)window;
    return LIMITER_CHANGE;
}

enum limiter_verdict sim_law_pass(struct limiter *limiter, const struct limiter_input *input, char *ret_why)
{
    (void)limiter->ops->judge(limiter, input, ret_why);
    return LIMITER_PASS;
}

void sim_law_on_group(struct sim_world *world, const struct group *group, const struct group_reply *reply)
{
    for (size_t i = 0; i < group->op_count; i++) {
        const struct op *op = &group->ops[i];
        const struct op_reply *told = &reply->ops[i];
        if (told->status != 0 || told->already || (op->kind != OP_ACQUIRE && op->kind != OP_COMPLETE)) {
            continue;
        }
        if (op->kind == OP_ACQUIRE) {
            world->result->granted += told->state == INSTANCE_GRANTED;
            continue;
        }
        const struct sim_instance *instance = &world->instances[strtoul(op->instance + 1, NULL, 10)];
        const struct hg_fleet *fleet = &world->scenario->policy->fleets[instance->fleet];
        struct sim_sample sample = {.granted_us = reply->snapshot.now_us - (world->now_us - instance->began_us),
                                    .duration_us = world->now_us - instance->began_us,
                                    .failed = op->outcome != OUTCOME_RECOVERED};
        for (size_t n = 0; n < fleet->need_count; n++) {
            world->nomem = !sim_law_tell(&world->law_context, fleet->needs[n].dependency, &sample) || world->nomem;
        }
    }
}
