/* The adaptive law: a window with cumulative tests, which finds what the dependency carries without being told.
 *
 * The story of one ramp: a few canaries come back and say how long a relaunch takes (limiter_baseline.h). From then on the
 * window grows by a share a relaunch. Nobody knows how near the limit is, and what a step does wrong is seen a whole
 * relaunch later, so a step is kept so small that the queue it may add stays below half of what the dependency's clients
 * wait for. What came back or is overdue (limiter_sight.h) goes into two cumulative tests, one for durations, one for
 * failures. An alarm cuts the window to what was proven, and those granted since are waited for before anything else is
 * decided: outcomes granted before a cut say nothing of the cut. When most fail it closes for a moment, and
 * begins again with half of what was good. A gauge, where there is one, says how far to go instead.
 *
 * Durations are compared with the baseline, and levels with the throughput that was really seen: a ratio of durations alone
 * cannot see a level that is steadily bad. */
#include "core/limiter.h"

#include "core/bucket.h"
#include "core/histogram.h"
#include "core/limiter_growth.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define CANARY_DONE         0.95   /* of the canaries must be back */
#define CANARY_ENOUGH       0.6    /* are, once the rest has been out longer than most took: they count as that old */
#define CANARY_FAILED       0.5
#define CANARY_WELL         0.8
#define START_S             7200.0 /* a ramp begins as if everybody were to be back within so long */
#define GROW_USED           0.8    /* of the window must be in use */
#define SLICES              4.0    /* a relaunch */
#define SLICE_MIN_S         0.5
#define DRIFT_MIN           0.15
#define LONGER_LEAST        0.06   /* ln: a relaunch longer by this is no matter, however surely it is */
#define DRIFT_MAX           0.7
#define CUT                 0.85
#define CUT_HOT             0.7
#define CUT_DEEPEST         0.4
#define VERIFY_SHARE        0.3
#define VERIFY_MIN          8.0
#define VERIFY_MAX          200.0
#define LEARN_BACK          0.18   /* ln, most that the baseline rises after an alarm that was none */
#define FAIL_MARGIN         0.12   /* above the usual share */
#define FAIL_EXCESS         4.0
#define CLOSE_SHARE         0.5
#define CLOSE_EXCESS        3.0
#define CLOSED_GOOD         0.9
#define CLOSED_FIRST_S      2.0
#define CLOSED_MOST_S       20.0
#define AFTER_CLOSURE       0.5    /* of the good level */
#define LIMIT_MIN           1.0
#define STALE_MOST          0.25   /* of the window: more of them are no accident */
#define USUAL_MOST          0.35   /* failures beyond this share are never taken for usual */
#define STALLED             0.5    /* of what was in flight must come back within a relaunch */
#define STALE               4.0    /* usual durations after which a permit is no load */

static const bool allowed[ADAPTIVE_STATE_COUNT][ADAPTIVE_STATE_COUNT] = {
    [ADAPTIVE_START] = {[ADAPTIVE_START] = true, [ADAPTIVE_GROW] = true, [ADAPTIVE_CLOSED] = true},
    [ADAPTIVE_GROW] = {[ADAPTIVE_START] = true, [ADAPTIVE_VERIFY] = true, [ADAPTIVE_CLOSED] = true},
    [ADAPTIVE_VERIFY] = {[ADAPTIVE_START] = true,
                         [ADAPTIVE_GROW] = true,
                         [ADAPTIVE_VERIFY] = true,
                         [ADAPTIVE_CLOSED] = true},
    [ADAPTIVE_CLOSED] = {[ADAPTIVE_START] = true},
};

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static void enter(struct adaptive *law, enum adaptive_state state)
{
    assert(allowed[law->state][state]);
    law->state = state;
}

static double most(const struct limiter_input *input)
{
    return (double)input->window_max / (double)input->cost;
}

static double least(const struct limiter_input *input)
{
    double canaries = (double)input->start_window / (double)input->cost;
    return canaries < 1 ? 1 : canaries;
}

/* Writes window and pace. What is far overdue loads nothing and is let be. */
static void apply(struct limiter *limiter, const struct limiter_input *input, double stale, double growth)
{
    struct adaptive *law = &limiter->adaptive;
    law->limit = clamp(law->limit, LIMIT_MIN, most(input) < LIMIT_MIN ? LIMIT_MIN : most(input));
    double window = (law->limit + clamp(stale, 0, STALE_MOST * law->limit)) * (double)input->cost;
    limiter->window = (int64_t)clamp(window, 0, (double)input->window_max);
    double pace = (1.25 + 1.3 * growth) * law->limit * (double)input->cost / adaptive_relaunch_s(law); /* tokens a second */
    limiter->paced = pace * 1000 < (double)input->rate_milli;
    limiter->pace_milli = pace * 1000 < 1 ? 1 : limiter->paced ? (int64_t)(pace * 1000) : input->rate_milli;
    double burst = clamp(0.05 * pace, 2 * (double)input->cost, 1e6);
    limiter->pace_burst = (int64_t)(burst * (double)TOKEN_MICRO);
}

static void open_era(struct adaptive *law, const struct limiter_input *input)
{
    law->era = input->cohort_id + 1;
    law->era_us = law->slice_us = law->calm_us = input->now_us;
    law->alarm = 0;
    law->late_s = baseline_late_s(&law->baseline);
}

static void start(struct limiter *limiter, const struct limiter_input *input)
{
    struct adaptive *law = &limiter->adaptive;
    if (input->fresh) {
        memset(law, 0, sizeof(*law));
        limiter->canaries = 0;
    } else if ((law->state == ADAPTIVE_GROW || law->state == ADAPTIVE_VERIFY) && law->proven > 0) {
        law->good = law->good > 0 && law->good < law->proven ? law->good : law->proven; /* interrupted */
    }
    enter(law, ADAPTIVE_START);
    open_era(law, input);
    law->judged_us = law->flight_us = 0;
    limiter->window = input->start_window;
    limiter->paced = false;
}

/* ---- canaries ---- */

static bool canaries_back(const struct limiter_input *input)
{
    const struct cohort *cohort = input->cohort;
    double granted = (double)cohort->granted, sent = (double)input->start_window / (double)input->cost;
    double back = (double)(cohort->recovered + cohort->failed + cohort->expired + cohort->excused);
    if (granted <= 0 || (granted < floor(sent) && input->waiting)) {
        return false;
    }
    double median_s = (double)histogram_quantile_ms(cohort->histogram, 500) / 1000;
    double youngest_s = (double)(input->now_us - cohort->last_us) / 1e6;
    return back >= CANARY_DONE * granted || (back >= CANARY_ENOUGH * granted && youngest_s > median_s);
}

static void learn(struct adaptive *law, const int32_t *histogram)
{
    for (int i = 0; i < HISTOGRAM_SIZE; i++) {
        baseline_learn(&law->baseline, i, histogram[i]);
    }
}

static enum limiter_verdict close(struct limiter *limiter, const struct limiter_input *input)
{
    struct adaptive *law = &limiter->adaptive;
    double level = law->limit < law->flight_now || law->flight_now <= 0 ? law->limit : law->flight_now;
    level *= CLOSED_GOOD;
    if (law->state != ADAPTIVE_START) {
        law->good = law->good > 0 && law->good < level ? law->good : level;
    }
    double hold_s = CLOSED_FIRST_S * pow(2, law->closures < 8 ? law->closures : 8);
    limiter->cool_us = (int64_t)(clamp(hold_s, CLOSED_FIRST_S, CLOSED_MOST_S) * 1e6);
    law->closures++;
    enter(law, ADAPTIVE_CLOSED);
    open_era(law, input);
    return LIMITER_FREEZE;
}

/* It may be that so many at once are more than the dependency bears: half of them the next time. */
static void fewer_canaries(struct limiter *limiter, const struct limiter_input *input)
{
    limiter->canaries = (int64_t)(least(input) / 2) > 1 ? (int64_t)(least(input) / 2) : 1;
}

static enum limiter_verdict judge_canaries(struct limiter *limiter, const struct limiter_input *input, char *ret_why)
{
    struct adaptive *law = &limiter->adaptive;
    if (input->cohort == NULL) {
        return LIMITER_KEEP;
    }
    int64_t failed = input->cohort->failed + input->cohort->expired;
    failed -= failed < input->explained ? failed : input->explained;
    int64_t resolved = input->cohort->recovered + failed;
    bool most_failed = resolved > 0 && (double)failed > CANARY_FAILED * (double)resolved;
    if (most_failed && (resolved >= 5 || canaries_back(input))) {
        fewer_canaries(limiter, input);
        snprintf(ret_why, LIMITER_WHY_MAX, "closed: %lld of %lld canaries failed", (long long)failed, (long long)resolved);
        return close(limiter, input);
    }
    if (!canaries_back(input)) {
        return LIMITER_KEEP;
    }
    if (resolved == 0 || (double)(resolved - failed) < CANARY_WELL * (double)resolved) {
        if (resolved > 0) {
            fewer_canaries(limiter, input);
        }
        snprintf(ret_why, LIMITER_WHY_MAX, "canaries again: %lld of %lld failed", (long long)failed, (long long)resolved);
        return LIMITER_AGAIN;
    }
    if (law->baseline.count < BASELINE_LEARN) {
        learn(law, input->cohort->histogram);
        double out = (double)(input->cohort->granted - input->cohort->recovered - input->cohort->failed -
                              input->cohort->expired - input->cohort->excused);
        double age_s = (double)(input->now_us - input->cohort->last_us) / 1e6;
        baseline_learn(&law->baseline, baseline_bucket(1.25 * age_s), out);
    }
    double first = (double)input->size / START_S * adaptive_relaunch_s(law);
    law->limit = law->good > 0 ? AFTER_CLOSURE * law->good : first;
    law->limit = law->limit < least(input) ? least(input) : law->limit;
    law->told_limit = law->limit;
    law->strikes = 0;
    enter(law, ADAPTIVE_GROW);
    open_era(law, input);
    law->judged_us = input->now_us;
    apply(limiter, input, 0, 0);
    snprintf(ret_why, LIMITER_WHY_MAX, "%lld of %lld canaries came back well, in %.1f s: window %.0f",
             (long long)(resolved - failed), (long long)resolved, baseline_duration_s(&law->baseline), law->limit);
    return LIMITER_PASS;
}

/* ---- what is seen ---- */

static double flight_before(const struct adaptive *law)
{
    return law->flight[law->flight_at % FLIGHT_KEPT]; /* the oldest */
}

/* Far less comes back than was in flight a relaunch ago, whatever the durations of what does come back. */
static bool stalled(const struct adaptive *law, const struct limiter_input *input)
{
    double flight = law->flight_before, age_s = (double)(input->now_us - law->era_us) / 1e6;
    return age_s > 2 * law->late_s && law->back_rate * adaptive_relaunch_s(law) < STALLED * flight - 3 * sqrt(flight);
}

static void note_flight(struct adaptive *law, const struct limiter_input *input, double stale)
{
    law->flight_now = (double)input->in_flight / (double)input->cost - stale;
    law->flight_now = law->flight_now < 0 ? 0 : law->flight_now;
    int64_t step_us = (int64_t)(adaptive_relaunch_s(law) * 1e6 / FLIGHT_KEPT);
    if (law->flight_us == 0) {
        for (size_t i = 0; i < FLIGHT_KEPT; i++) {
            law->flight[i] = law->flight_now;
        }
        law->flight_us = input->now_us;
    }
    for (; input->now_us - law->flight_us >= step_us; law->flight_us += step_us) {
        law->flight[law->flight_at++ % FLIGHT_KEPT] = law->flight_now;
    }
    law->flight_before = flight_before(law);
}

static void note_rate(struct adaptive *law, const struct limiter_input *input, double dt_s)
{
    int64_t back = 0;
    for (size_t c = 0; c < COHORTS_KEPT; c++) {
        back += input->cohorts[c].recovered;
    }
    /* A cohort that goes takes its count along. */
    double gained = back > law->back_seen ? (double)(back - law->back_seen) : 0;
    law->back_seen = back;
    double span_s = adaptive_relaunch_s(law);
    law->back_rate += (gained - law->back_rate * dt_s) / span_s;
}

static double drift(const struct adaptive *law)
{
    return clamp(2 / sqrt(law->limit < 1 ? 1 : law->limit), DRIFT_MIN, DRIFT_MAX);
}

/* Deviations above the usual that are no matter yet. */
static double tolerance(const struct adaptive *law)
{
    double least = LONGER_LEAST / baseline_spread(&law->baseline), by_size = drift(law);
    return least > by_size ? least : by_size;
}

static double threshold(const struct adaptive *law)
{
    double height = (4 + log(law->limit < 1 ? 1 : law->limit)) / (2 * tolerance(law));
    return height < 5 ? 5 : height;
}

/* Takes the news into the cumulative test of durations. */
static void note_durations(struct adaptive *law, const struct limiter_input *input)
{
    struct sight_news news;
    sight_look(&law->sight, input->cohorts, law->era, input->now_us, law->late_s, &news);
    /* Short ones return first: what comes back before the first could be late says too little. */
    if (news.count <= 0 || (double)(input->now_us - news.first_us) / 1e6 < law->late_s) {
        return;
    }
    double offset = tolerance(law) + 1 / sqrt(law->baseline.count < 1 ? 1 : law->baseline.count);
    double sum = (BASELINE_Z_MAX - offset) * news.late;
    for (int i = 0; i < HISTOGRAM_SIZE; i++) {
        sum += news.histogram[i] * (baseline_score(&law->baseline, i) - offset);
    }
    law->alarm = law->alarm + sum > 0 ? law->alarm + sum : 0;
    if (law->alarm <= 0) {
        law->proven = law->flight_now < law->flight_before ? law->flight_now : law->flight_before;
    }
    if (law->state != ADAPTIVE_GROW) {
        return;
    }
    /* All of them, not only those of moments when the test stands at 0: those are the short ones. Late ones too. */
    news.histogram[baseline_bucket(law->late_s)] += (int32_t)news.late;
    if (law->baseline.count < BASELINE_LEARN) {
        learn(law, news.histogram);
    } else {
        for (int i = 0; i < HISTOGRAM_SIZE; i++) {
            baseline_settle(&law->baseline, i, news.histogram[i]);
        }
    }
}

/* ---- cuts ---- */

static enum limiter_verdict cut_to(struct limiter *limiter, const struct limiter_input *input, double limit)
{
    struct adaptive *law = &limiter->adaptive;
    law->limit = limit;
    enter(law, ADAPTIVE_VERIFY);
    open_era(law, input);
    apply(limiter, input, 0, 0);
    law->told_limit = law->limit;
    return LIMITER_CHANGE;
}

/* A gauge below its soft mark: whatever takes longer, it is not the load. */
static bool calm_gauge(const struct limiter_input *input)
{
    return input->gauge.known && input->gauge.load < 1 && input->gauge.load >= GAUGE_MUTE;
}

/* What the throughput of the last relaunch says can be in flight without a queue. */
static double carried(const struct adaptive *law)
{
    return law->back_rate * adaptive_relaunch_s(law);
}

static enum limiter_verdict cut_for_delay(struct limiter *limiter, const struct limiter_input *input, const char *cause,
                                          char *ret_why)
{
    struct adaptive *law = &limiter->adaptive;
    double flight = law->flight_now < law->limit ? law->flight_now : law->limit;
    law->good = clamp(law->proven, CUT_DEEPEST * flight, flight);
    double limit = CUT * law->good, seen = clamp(carried(law), CUT_DEEPEST * flight, CUT * flight);
    limit = seen < limit ? seen : limit;
    law->strikes = 0;
    snprintf(ret_why, LIMITER_WHY_MAX, "cut from %.0f to %.0f: %s", law->limit, limit, cause);
    return cut_to(limiter, input, limit);
}

static double fleet_weight(const struct adaptive *law, const struct limiter_input *input)
{
    int64_t failed = 0;
    for (size_t c = 0; c < COHORTS_KEPT; c++) {
        failed += input->cohorts[c].id >= law->era ? input->cohorts[c].failed + input->cohorts[c].expired : 0;
    }
    return failed == 0 ? 1 : clamp(1 - (double)input->explained_fleets / (double)failed, 0, 1);
}

static enum limiter_verdict judge_failures(struct limiter *limiter, const struct limiter_input *input, char *ret_why)
{
    struct adaptive *law = &limiter->adaptive;
    struct sight_failures worst;
    double weight = fleet_weight(law, input);
    double close_share = law->usual_failures > CLOSE_SHARE ? law->usual_failures + FAIL_MARGIN : CLOSE_SHARE;
    sight_failures(input->cohorts, law->era, close_share, weight, &worst);
    bool close_now = worst.excess > CLOSE_EXCESS;
    if (!close_now) {
        sight_failures(input->cohorts, law->era, law->usual_failures + FAIL_MARGIN, weight, &worst);
        /* Cuts come sooner than this excess, and each begins to count anew. */
        close_now = worst.excess > FAIL_EXCESS && worst.failed > close_share * worst.granted;
    }
    if (close_now) {
        snprintf(ret_why, LIMITER_WHY_MAX, "closed: %lld of %.0f of cohort %lld failed", (long long)worst.plain_failed,
                 worst.granted, (long long)worst.cohort);
        return close(limiter, input);
    }
    if (worst.excess <= FAIL_EXCESS) {
        return LIMITER_KEEP;
    }
    double share = worst.failed / worst.granted;
    struct sight_ripe ripe;
    sight_ripe(input->cohorts, law->era, input->now_us, &law->baseline, &ripe);
    bool unchanged = law->failed_share > 0 && share > 0.75 * law->failed_share && share < 1.33 * law->failed_share;
    bool slow = ripe.late > 0.15 * ripe.count;
    if (unchanged && !slow && share < USUAL_MOST) {
        law->usual_failures = share;
        snprintf(ret_why, LIMITER_WHY_MAX, "back to %.0f: %.0f %% fail whatever the load", law->failed_limit, 100 * share);
        law->failed_share = 0;
        return cut_to(limiter, input, law->failed_limit);
    }
    double flight = law->flight_now < law->limit ? law->flight_now : law->limit;
    double limit = CUT_HOT * flight;
    law->failed_share = share;
    law->failed_limit = law->limit;
    law->good = law->good > 0 && law->good < flight ? law->good : flight;
    snprintf(ret_why, LIMITER_WHY_MAX, "cut from %.0f to %.0f: %lld of %.0f of cohort %lld failed", law->limit, limit,
             (long long)worst.plain_failed, worst.granted, (long long)worst.cohort);
    return cut_to(limiter, input, limit);
}

static enum limiter_verdict verify(struct limiter *limiter, const struct limiter_input *input, char *ret_why)
{
    struct adaptive *law = &limiter->adaptive;
    struct sight_ripe ripe;
    sight_ripe(input->cohorts, law->era, input->now_us, &law->baseline, &ripe);
    double enough = clamp(VERIFY_SHARE * law->limit, VERIFY_MIN, VERIFY_MAX);
    enough = enough < 1 + 2 * law->limit ? enough : 1 + 2 * law->limit; /* a window of one must come to an end, too */
    bool told = calm_gauge(input) && (double)(input->now_us - law->era_us) / 1e6 > 3 * (input->gauge.age_s + 1);
    if (ripe.count < (told ? 1 : enough)) {
        return LIMITER_KEEP;
    }
    double score = ripe.score / ripe.count, spread = baseline_spread(&law->baseline);
    double hot = tolerance(law) + 1 / sqrt(ripe.count) + 1 / sqrt(law->baseline.count);
    if (score < hot || calm_gauge(input)) {
        if (score > 0) {
            baseline_shift(&law->baseline, clamp(0.5 * score, 0, LEARN_BACK / spread));
        }
        law->strikes = 0;
        enter(law, ADAPTIVE_GROW);
        law->calm_us = input->now_us;
        if (law->limit < CUT * law->good) {
            law->limit = CUT * law->good;
        }
        snprintf(ret_why, LIMITER_WHY_MAX, "good again: %.0f since the cut took %.2f of the usual, window %.0f",
                 ripe.count, exp(score * spread), law->limit);
        return LIMITER_SLICE;
    }
    bool few_failed = ripe.failed < 0.05 * ripe.count + 1;
    if (law->strikes > 0 && few_failed && score > law->strike_score - 0.3 && score * spread < 0.7) {
        baseline_shift(&law->baseline, score);
        law->strikes = 0;
        enter(law, ADAPTIVE_GROW);
        law->calm_us = input->now_us;
        law->late_s = baseline_late_s(&law->baseline);
        snprintf(ret_why, LIMITER_WHY_MAX, "relaunches take %.2f of what they did, whatever the load: that is usual now",
                 exp(score * spread));
        return LIMITER_SLICE;
    }
    double seen = clamp(carried(law), CUT_DEEPEST * law->limit, CUT * law->limit);
    double limit = seen < CUT_HOT * law->limit ? seen : CUT_HOT * law->limit;
    snprintf(ret_why, LIMITER_WHY_MAX, "cut from %.0f to %.0f: %.0f since the last cut took %.2f of the usual", law->limit,
             limit, ripe.count, exp(score * spread));
    law->strikes++;
    law->strike_score = score;
    law->good = law->limit;
    return cut_to(limiter, input, limit);
}

/* ---- growth ---- */

static double grow(struct adaptive *law, const struct limiter_input *input, double dt_s)
{
    double rate = limiter_growth(law, input, clamp(law->alarm / threshold(law), 0, 1));
    bool used = law->flight_now >= GROW_USED * law->limit - 1 && input->waiting;
    if (rate < 0 || used) {
        law->limit *= exp(rate * dt_s / adaptive_relaunch_s(law));
    }
    return rate;
}

static enum limiter_verdict slice(struct limiter *limiter, const struct limiter_input *input, char *ret_why)
{
    struct adaptive *law = &limiter->adaptive;
    double span_s = adaptive_relaunch_s(law) / SLICES;
    if ((double)(input->now_us - law->slice_us) / 1e6 < (span_s < SLICE_MIN_S ? SLICE_MIN_S : span_s)) {
        return LIMITER_KEEP;
    }
    law->slice_us = input->now_us;
    law->late_s = baseline_late_s(&law->baseline);
    if (fabs(law->limit - law->told_limit) >= 0.1 * law->told_limit) {
        snprintf(ret_why, LIMITER_WHY_MAX, "%s from %.0f to %.0f: %s", law->limit > law->told_limit ? "grown" : "lowered",
                 law->told_limit, law->limit,
                 input->gauge.known ? "by the gauge" : "relaunches take as long as they did");
        law->told_limit = law->limit;
    }
    return LIMITER_SLICE;
}

/* A new leader knows the window, and what the store counted. */
static void adopt(struct limiter *limiter, const struct limiter_input *input)
{
    struct adaptive *law = &limiter->adaptive;
    memset(law, 0, sizeof(*law));
    law->limit = (double)limiter->window / (double)input->cost;
    law->told_limit = law->limit;
    for (size_t c = 0; c < COHORTS_KEPT; c++) {
        learn(law, input->cohorts[c].histogram);
    }
    law->state = ADAPTIVE_GROW;
    open_era(law, input);
    law->era = input->cohort_id;
    law->judged_us = input->now_us;
}

static enum limiter_verdict judge(struct limiter *limiter, const struct limiter_input *input, char *ret_why)
{
    struct adaptive *law = &limiter->adaptive;
    if (law->state == ADAPTIVE_START || law->state == ADAPTIVE_CLOSED) {
        adopt(limiter, input);
    }
    double dt_s = clamp((double)(input->now_us - law->judged_us) / 1e6, 0, 2);
    law->judged_us = input->now_us;
    double in_flight = (double)input->in_flight / (double)input->cost;
    double stale = law->baseline.count > 0
                       ? sight_older(input->cohorts, input->now_us, STALE * adaptive_relaunch_s(law), in_flight)
                       : 0;
    note_flight(law, input, stale);
    note_rate(law, input, dt_s);
    stale = clamp(stale, 0, STALE_MOST * law->limit);
    if (law->baseline.count < 5) {
        if (input->cohort != NULL) { /* a new leader, and nothing counted yet */
            memset(&law->baseline, 0, sizeof(law->baseline));
            learn(law, input->cohort->histogram);
        }
        return LIMITER_KEEP;
    }
    note_durations(law, input);
    enum limiter_verdict verdict = judge_failures(limiter, input, ret_why);
    if (verdict != LIMITER_KEEP) {
        return verdict;
    }
    /* Cut to so few, what the gauge sees is not their work. */
    double settle_s = law->state == ADAPTIVE_VERIFY ? adaptive_relaunch_s(law) : 3 * (input->gauge.age_s + 1);
    bool ours = law->limit > 2 && law->flight_now > 2;
    if (input->gauge.known && input->gauge.over && ours && (double)(input->now_us - law->era_us) / 1e6 > settle_s) {
        char cause[80];
        snprintf(cause, sizeof(cause), "the gauge stands at %.2f of its soft mark", input->gauge.load);
        verdict = cut_for_delay(limiter, input, cause, ret_why);
        return verdict;
    }
    if (law->state == ADAPTIVE_VERIFY) {
        verdict = verify(limiter, input, ret_why);
    } else if (law->alarm > threshold(law) && !calm_gauge(input)) {
        verdict = cut_for_delay(limiter, input, "relaunches take longer than they did", ret_why);
    } else if (stalled(law, input)) {
        verdict = cut_for_delay(limiter, input, "less comes back than was let in", ret_why);
    }
    double rate = verdict == LIMITER_KEEP && law->state == ADAPTIVE_GROW ? grow(law, input, dt_s) : 0;
    if (verdict == LIMITER_KEEP || verdict == LIMITER_SLICE) {
        apply(limiter, input, stale, rate > 0 ? rate : 0);
    }
    return verdict == LIMITER_KEEP ? slice(limiter, input, ret_why) : verdict;
}

const struct limiter_ops limiter_adaptive_ops = {
    .name = "adaptive",
    .ramps = true,
    .first_permits = 10,
    .first_least = 5,
    .start = start,
    .judge_canaries = judge_canaries,
    .judge = judge,
};
