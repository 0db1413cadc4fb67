/* The two laws of Netflix's concurrency-limits that are in wide use (Envoy's and Vector's adaptive concurrency descend from
 * them), with relaunches in the place of requests.
 *
 * vegas, source: VegasLimit.java, after Brakmo and Peterson, TCP Vegas (1995): queue = ceil(limit (1 - rtt_noload/rtt));
 * alpha 3 log10(limit), beta 6 log10(limit), threshold log10(limit), each logarithm at least 1; below the threshold
 * limit += beta, below alpha limit += log10, above beta or on a failure limit -= log10; nothing while less than half is
 * used; rtt_noload is the least seen, forgotten after 30 x limit samples x (0.5 to 1). First limit 20.
 *
 * gradient2, source: Gradient2Limit.java: long_rtt the exponential average over 600 samples (the first 10 averaged
 * plainly), x 0.9 when above twice the present one; gradient = clamp(long_rtt/rtt, 0.5, 1); limit = 0.8 limit + 0.2
 * (gradient limit + 4), at least 20; nothing while less than half is used. As its WindowedLimit has it, rtt is the average
 * of a window of at least a second and ten samples. */
#include "sim/sim_laws.h"

#include <math.h>

#define FIRST_LIMIT       20.0
#define PROBE_MULTIPLIER  30.0
#define PROBE_JITTER      0.75 /* the middle of its 0.5 to 1: a law draws nothing here */
#define LEAST_LIMIT       20.0
#define SMOOTHING         0.2
#define QUEUE_SIZE        4.0
#define LONG_WINDOW       600.0
#define WARM_UP           10
#define DECAY             0.9
#define WINDOW_US         1000000
#define WINDOW_SAMPLES    10

static double log10_root(double limit)
{
    double value = floor(log10(limit < 1 ? 1 : limit));
    return value < 1 ? 1 : value;
}

static void start(struct limiter *limiter, const struct limiter_input *input)
{
    struct sim_law_seat *seat = sim_law_seat(input);
    seat->limit = FIRST_LIMIT;
    seat->sample_count = 0;
    seat->round_us = input->now_us;
    (void)sim_law_set(limiter, input, seat->limit);
}

static double within(const struct limiter_input *input, double limit, double least)
{
    double most = (double)input->window_max / (double)input->cost;
    return limit < least ? least : limit > most ? most : limit;
}

static void vegas_sample(struct sim_law_seat *seat, const struct limiter_input *input, const struct sim_sample *sample)
{
    double rtt_s = (double)sample->duration_us / 1e6;
    double in_flight = (double)input->in_flight / (double)input->cost;
    seat->round++;
    if (PROBE_JITTER * PROBE_MULTIPLIER * seat->limit <= (double)seat->round) {
        seat->round = 0;
        seat->base_s = rtt_s;
        return;
    }
    if (seat->base_s <= 0 || rtt_s < seat->base_s) {
        seat->base_s = rtt_s;
        return;
    }
    double queue = ceil(seat->limit * (1 - seat->base_s / rtt_s)), step = log10_root(seat->limit);
    if (sample->failed) {
        seat->limit -= step;
    } else if (in_flight * 2 < seat->limit) {
        return;
    } else if (queue <= step) {
        seat->limit += 6 * step;
    } else if (queue < 3 * step) {
        seat->limit += step;
    } else if (queue > 6 * step) {
        seat->limit -= step;
    }
    seat->limit = within(input, seat->limit, 1);
}

static enum limiter_verdict judge_vegas(struct limiter *limiter, const struct limiter_input *input, char *ret_why)
{
    struct sim_law_seat *seat = sim_law_seat(input);
    (void)ret_why;
    for (size_t i = 0; i < seat->sample_count; i++) {
        vegas_sample(seat, input, &seat->samples[i]);
    }
    seat->sample_count = 0;
    return sim_law_set(limiter, input, seat->limit);
}

const struct limiter_ops sim_law_vegas_ops = {
    .name = "vegas", .ramps = true, .first_permits = 20, .start = start, .judge_canaries = sim_law_pass, .judge = judge_vegas};

static void gradient2_sample(struct sim_law_seat *seat, const struct limiter_input *input, double rtt_s)
{
    seat->round++;
    if (seat->round <= WARM_UP) {
        seat->long_s += (rtt_s - seat->long_s) / (double)seat->round;
    } else {
        seat->long_s += (rtt_s - seat->long_s) * 2 / (LONG_WINDOW + 1);
    }
    if (seat->long_s / rtt_s > 2) {
        seat->long_s *= DECAY;
    }
    if ((double)input->in_flight / (double)input->cost < seat->limit / 2) {
        return;
    }
    double gradient = seat->long_s / rtt_s;
    gradient = gradient < 0.5 ? 0.5 : gradient > 1 ? 1 : gradient;
    double limit = seat->limit * gradient + QUEUE_SIZE;
    seat->limit = within(input, seat->limit * (1 - SMOOTHING) + limit * SMOOTHING, LEAST_LIMIT);
}

static enum limiter_verdict judge_gradient2(struct limiter *limiter, const struct limiter_input *input, char *ret_why)
{
    struct sim_law_seat *seat = sim_law_seat(input);
    (void)ret_why;
    if (seat->sample_count >= WINDOW_SAMPLES && input->now_us - seat->round_us >= WINDOW_US) {
        double sum_s = 0;
        for (size_t i = 0; i < seat->sample_count; i++) {
            sum_s += (double)seat->samples[i].duration_us / 1e6;
        }
        gradient2_sample(seat, input, sum_s / (double)seat->sample_count);
        seat->sample_count = 0;
        seat->round_us = input->now_us;
    }
    return sim_law_set(limiter, input, seat->limit);
}

const struct limiter_ops sim_law_gradient2_ops = {
    .name = "gradient2", .ramps = true, .first_permits = 20, .start = start, .judge_canaries = sim_law_pass, .judge = judge_gradient2};
