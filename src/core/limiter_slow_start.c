/* Plain slow start over resolved cohorts: the window grows by half for every window of permits that came back well
 * (by a tenth beyond the level that hurt before), halves when more than a tenth failed, and closes when more than
 * half of at least five did. Grown by outcomes alone, it stops by itself when completions stop.
 *
 * Source: slow start and congestion avoidance (Jacobson, SIGCOMM 1988), with a gain below 1.7, the largest that
 * simulations of recovering fleets found safe, and permits in the place of segments. */
#include "core/limiter.h"

#include "core/bucket.h"
#include "core/histogram.h"

#include <stdio.h>

#define SAMPLES_MIN        5   /* outcomes before a failure share means anything */
#define FREEZE_PERMILLE    500
#define HALVE_PERMILLE     100
#define GROW_PERMILLE      50  /* grows only while fewer failed */
#define GAIN_PERMILLE      500
#define GENTLE_PERMILLE    100
#define CANARY_PERMILLE    950 /* of the canaries must be resolved */
#define CANARY_LATE_PERMILLE 800 /* enough, once the rest is far overdue */
#define CANARY_LATE_US     INT64_C(30000000)
#define CANARY_OK_PERMILLE 800
#define PACE_PERMILLE      1500 /* of window / median duration */

struct tally {
    int64_t resolved; /* told the limiter something */
    int64_t failed;   /* of those, not explained */
    int64_t done;     /* resolved or excused */
    int64_t granted;
};

static struct tally tally_of(const struct limiter_input *input)
{
    struct tally tally = {0};
    const struct cohort *cohort = input->cohort;
    if (cohort == NULL) {
        return tally;
    }
    int64_t failed = cohort->failed + cohort->expired;
    /* Those that fail whatever the load must not stop the ramp. */
    int64_t explained = failed < input->explained ? failed : input->explained;
    tally.failed = failed - explained;
    tally.resolved = cohort->recovered + tally.failed;
    tally.done = cohort->recovered + failed + cohort->excused;
    tally.granted = cohort->granted;
    return tally;
}

static int64_t max_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* How many permits fill a window. */
static int64_t permits(const struct limiter_input *input, int64_t window)
{
    return max_of(window / max_of(input->cost, 1), 1);
}

static void set_pace(struct limiter *limiter, const struct limiter_input *input)
{
    int64_t median_ms = input->cohort == NULL ? 0 : histogram_quantile_ms(input->cohort->histogram, 500);
    if (median_ms == 0) {
        return; /* nothing learned: the pace stays */
    }
    int64_t pace_milli = limiter->window * PACE_PERMILLE * 1000 / median_ms;
    limiter->paced = pace_milli < input->rate_milli;
    limiter->pace_milli = max_of(pace_milli, 1);
    limiter->pace_burst = max_of(limiter->window / 4, 1) * TOKEN_MICRO;
}

static void start(struct limiter *limiter, const struct limiter_input *input)
{
    limiter->window = input->start_window;
    limiter->paced = false;
}

static enum limiter_verdict judge_canaries(struct limiter *limiter, const struct limiter_input *input, char *ret_why)
{
    struct tally tally = tally_of(input);
    if (tally.resolved >= SAMPLES_MIN && tally.failed * 1000 > tally.resolved * FREEZE_PERMILLE) {
        snprintf(ret_why, LIMITER_WHY_MAX, "closed: %lld of %lld canaries failed", (long long)tally.failed,
                 (long long)tally.resolved);
        return LIMITER_FREEZE;
    }
    bool sent = tally.granted >= permits(input, input->start_window) || (tally.granted > 0 && !input->waiting);
    bool late = tally.granted > 0 && input->now_us - input->cohort->last_us > CANARY_LATE_US &&
                tally.done * 1000 >= tally.granted * CANARY_LATE_PERMILLE;
    if (!(sent && tally.done * 1000 >= tally.granted * CANARY_PERMILLE) && !late) {
        return LIMITER_KEEP;
    }
    if (tally.resolved == 0 || (tally.resolved - tally.failed) * 1000 < tally.resolved * CANARY_OK_PERMILLE) {
        snprintf(ret_why, LIMITER_WHY_MAX, "canaries again: %lld of %lld failed", (long long)tally.failed,
                 (long long)tally.resolved);
        return LIMITER_AGAIN;
    }
    limiter->window = input->start_window;
    if (limiter->threshold == 0) {
        limiter->threshold = input->window_max;
    }
    set_pace(limiter, input);
    snprintf(ret_why, LIMITER_WHY_MAX, "%lld of %lld canaries came back well",
             (long long)(tally.resolved - tally.failed), (long long)tally.resolved);
    return LIMITER_PASS;
}

static enum limiter_verdict shrink(struct limiter *limiter, const struct limiter_input *input,
                                   const struct tally *tally, char *ret_why)
{
    int64_t cut = max_of(limiter->window / 2, input->start_window);
    limiter->threshold = cut;
    if (cut == limiter->window) {
        return LIMITER_KEEP;
    }
    limiter->window = cut;
    set_pace(limiter, input);
    snprintf(ret_why, LIMITER_WHY_MAX, "halved: %lld of %lld of cohort %lld failed", (long long)tally->failed,
             (long long)tally->resolved, (long long)input->cohort->id);
    return LIMITER_CHANGE;
}

static enum limiter_verdict judge(struct limiter *limiter, const struct limiter_input *input, char *ret_why)
{
    struct tally tally = tally_of(input);
    if (tally.resolved >= SAMPLES_MIN && tally.failed >= SAMPLES_MIN &&
        tally.failed * 1000 > tally.resolved * FREEZE_PERMILLE) {
        limiter->threshold = max_of(limiter->window / 2, input->start_window);
        snprintf(ret_why, LIMITER_WHY_MAX, "closed: %lld of %lld of cohort %lld failed", (long long)tally.failed,
                 (long long)tally.resolved, (long long)input->cohort->id);
        return LIMITER_FREEZE;
    }
    if (tally.resolved >= max_of(SAMPLES_MIN, permits(input, limiter->window) / 4) &&
        tally.failed * 1000 > tally.resolved * HALVE_PERMILLE) {
        return shrink(limiter, input, &tally, ret_why);
    }
    if (limiter->window > input->window_max) {
        limiter->window = input->window_max;
        set_pace(limiter, input);
        snprintf(ret_why, LIMITER_WHY_MAX, "lowered to the ceiling");
        return LIMITER_CHANGE;
    }
    if (limiter->window < input->start_window) { /* the ceiling had been lower */
        limiter->window = input->start_window;
        set_pace(limiter, input);
        snprintf(ret_why, LIMITER_WHY_MAX, "raised to the first window");
        return LIMITER_CHANGE;
    }
    int64_t round = permits(input, limiter->window);
    bool used = input->waiting && tally.granted >= round;
    bool calm = tally.failed * 1000 <= tally.resolved * GROW_PERMILLE;
    if (limiter->window == input->window_max || !used || !calm || tally.resolved < round) {
        return LIMITER_KEEP;
    }
    int64_t gain = limiter->window < limiter->threshold ? GAIN_PERMILLE : GENTLE_PERMILLE;
    int64_t grown = limiter->window + max_of(limiter->window * gain / 1000, 1);
    limiter->window = grown < input->window_max ? grown : input->window_max;
    set_pace(limiter, input);
    snprintf(ret_why, LIMITER_WHY_MAX, "grown: %lld of %lld of cohort %lld came back well",
             (long long)(tally.resolved - tally.failed), (long long)tally.resolved, (long long)input->cohort->id);
    return LIMITER_CHANGE;
}

const struct limiter_ops limiter_slow_start_ops = {
    .name = "slow-start",
    .ramps = true,
    .start = start,
    .judge_canaries = judge_canaries,
    .judge = judge,
};
