/* BBR-like: paces at the greatest rate of successes seen in the last ten rounds, keeps at most two of what that rate and the
 * shortest relaunch hold, and probes for more now and then. Like BBR it takes no notice of failures.
 *
 * Source: Cardwell, Cheng, Gunn, Yeganeh, Jacobson: BBR, congestion-based congestion control (ACM Queue 14:5, 2016) and
 * draft-cardwell-iccrg-bbr-congestion-control-00: startup gain 2/ln 2 until the rate has not grown by a quarter in three
 * rounds, then its inverse until no more than one product of rate and delay is in flight, then the cycle 1.25, 0.75, 1 x 6;
 * window gain 2; BtlBw the maximum of 10 rounds; RTprop forgotten after 10 s there, 10 rounds here. A round is one
 * shortest relaunch. */
#include "sim/sim_laws.h"

#include "core/bucket.h"

#define FIRST_WINDOW  10.0
#define STARTUP_GAIN  2.885
#define WINDOW_GAIN   2.0
#define ROUNDS        10
#define FULL_GROWTH   1.25
#define FULL_ROUNDS   3

static const double cycle[] = {1.25, 0.75, 1, 1, 1, 1, 1, 1};

static void start(struct limiter *limiter, const struct limiter_input *input)
{
    struct sim_law_seat *seat = sim_law_seat(input);
    struct sim_sample *samples = seat->samples;
    size_t capacity = seat->sample_capacity;
    *seat = (struct sim_law_seat){.samples = samples, .sample_capacity = capacity, .round_us = input->now_us};
    (void)sim_law_set(limiter, input, FIRST_WINDOW);
}

static void end_round(struct sim_law_seat *seat, const struct limiter_input *input)
{
    double seconds = (double)(input->now_us - seat->round_us) / 1e6;
    seat->rates[seat->round++ % ROUNDS] = seat->round_done / seconds;
    seat->round_done = 0;
    seat->round_us = input->now_us;
    seat->rate_max = 0;
    for (int i = 0; i < ROUNDS; i++) {
        seat->rate_max = seat->rates[i] > seat->rate_max ? seat->rates[i] : seat->rate_max;
    }
    if (seat->filled) {
        return;
    }
    if (seat->rate_max >= seat->full_rate * FULL_GROWTH) {
        seat->full_rate = seat->rate_max;
        seat->full_count = 0;
    } else if (++seat->full_count >= FULL_ROUNDS) {
        seat->filled = true;
    }
}

static void take_samples(struct sim_law_seat *seat, const struct limiter_input *input)
{
    for (size_t i = 0; i < seat->sample_count; i++) {
        const struct sim_sample *sample = &seat->samples[i];
        double rtt_s = (double)sample->duration_us / 1e6;
        if (sample->failed) {
            continue;
        }
        seat->round_done += 1;
        bool old = (double)(input->now_us - seat->base_us) / 1e6 > ROUNDS * seat->base_s;
        if (seat->base_s <= 0 || rtt_s <= seat->base_s || old) {
            seat->base_s = rtt_s;
            seat->base_us = input->now_us;
        }
    }
    seat->sample_count = 0;
}

static enum limiter_verdict judge(struct limiter *limiter, const struct limiter_input *input, char *ret_why)
{
    struct sim_law_seat *seat = sim_law_seat(input);
    (void)ret_why;
    take_samples(seat, input);
    if (seat->base_s > 0 && (double)(input->now_us - seat->round_us) / 1e6 >= seat->base_s) {
        end_round(seat, input);
    }
    if (seat->rate_max <= 0) {
        return sim_law_set(limiter, input, FIRST_WINDOW);
    }
    double product = seat->rate_max * seat->base_s, cost = (double)input->cost;
    double gain = seat->filled ? cycle[seat->round % 8] : STARTUP_GAIN;
    if (seat->filled && seat->full_count > 0) { /* drain */
        gain = 1 / STARTUP_GAIN;
        seat->full_count = (double)input->in_flight / cost > product ? seat->full_count : 0;
    }
    double window = (seat->filled ? WINDOW_GAIN : STARTUP_GAIN) * product;
    enum limiter_verdict verdict = sim_law_set(limiter, input, window < FIRST_WINDOW ? FIRST_WINDOW : window);
    double pace_milli = gain * seat->rate_max * cost * 1000;
    limiter->paced = pace_milli < (double)input->rate_milli;
    limiter->pace_milli = pace_milli < 1 ? 1 : (int64_t)(limiter->paced ? pace_milli : (double)input->rate_milli);
    limiter->pace_burst = (int64_t)((pace_milli / 5000 + 2 * cost) * (double)TOKEN_MICRO);
    return verdict;
}

const struct limiter_ops sim_law_bbr_ops = {
    .name = "bbr", .ramps = true, .first_permits = 10, .start = start, .judge_canaries = sim_law_pass, .judge = judge};
