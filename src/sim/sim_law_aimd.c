/* AIMD: a window that grows by one permit for every window that came back well, and halves when one failed.
 *
 * Source: congestion avoidance of RFC 5681 (Allman, Paxson, Blanton 2009), section 3.1: cwnd += 1/cwnd for each segment
 * acknowledged, and ssthresh = FlightSize/2 once for each window in which something was lost; a permit takes the place of
 * a segment, a failed relaunch that of a loss. First window as in RFC 6928: 10. Its slow start is Headgate's slow-start. */
#include "sim/sim_laws.h"

#define FIRST_WINDOW 10.0
#define DECREASE     0.5

static void start(struct limiter *limiter, const struct limiter_input *input)
{
    struct sim_law_seat *seat = sim_law_seat(input);
    seat->limit = FIRST_WINDOW;
    seat->changed_us = input->now_us;
    seat->sample_count = 0;
    (void)sim_law_set(limiter, input, seat->limit);
}

static enum limiter_verdict judge(struct limiter *limiter, const struct limiter_input *input, char *ret_why)
{
    struct sim_law_seat *seat = sim_law_seat(input);
    (void)ret_why;
    for (size_t i = 0; i < seat->sample_count; i++) {
        const struct sim_sample *sample = &seat->samples[i];
        if (!sample->failed) {
            seat->limit += 1 / seat->limit;
        } else if (sample->granted_us >= seat->changed_us) {
            double flight = (double)input->in_flight / (double)input->cost;
            seat->limit = (flight < seat->limit ? flight : seat->limit) * DECREASE;
            seat->limit = seat->limit < 1 ? 1 : seat->limit;
            seat->changed_us = input->now_us;
        }
    }
    seat->sample_count = 0;
    double most = (double)input->window_max / (double)input->cost;
    seat->limit = seat->limit > most ? most : seat->limit;
    return sim_law_set(limiter, input, seat->limit);
}

const struct limiter_ops sim_law_aimd_ops = {
    .name = "aimd", .ramps = true, .first_permits = 10, .start = start, .judge_canaries = sim_law_pass, .judge = judge};
