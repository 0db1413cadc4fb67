#include "core/line_plan.h"

#include "core/bucket.h"
#include "core/histogram.h"
#include "core/line_after.h"

#include <stdio.h>
#include <string.h>

#define US            1e6
#define SMOOTH_S      3.0   /* time constant of measured rates */
#define READY_S       0.3   /* called-but-refused pool, in seconds of rate */
#define READY_MIN     4.0   /* at least so many, or three seconds' worth */
#define READY_MIN_S   3.0
#define GAIN          8.0   /* numbers called for a spilled token */
#define GAIN_SLOW     2.0   /* the same below one token a second */
#define ROOM_S        0.5   /* free room in the window is filled within so long */
#define CATCH_UP      0.5   /* how hard virtual time corrects the weights, per second behind */
#define WEIGHT_SWING  4.0   /* at most so much up or down */
#define DURATIONS_MIN 5
#define NUMBER_MAX    9e15  /* exact in a double */

int64_t line_serving(const struct snapshot_line *line, int64_t now_us)
{
    int64_t until_us = now_us < line->plan_until_us ? now_us : line->plan_until_us;
    int64_t span_us = until_us - line->plan_from_us;
    return line->plan_base + (span_us > 0 ? (int64_t)((double)line->plan_rate_milli * (double)span_us / 1e9) : 0);
}

int64_t line_window(const struct snapshot_dependency *dependency)
{
    return dependency->window < dependency->in_flight_max ? dependency->window : dependency->in_flight_max;
}

double line_duration_s(const struct snapshot_dependency *dependency)
{
    /* Of slices of time, the newest have only short ones back: as many together as make a window. */
    int32_t histogram[HISTOGRAM_SIZE] = {0};
    int64_t enough = dependency->window > DURATIONS_MIN ? dependency->window : DURATIONS_MIN, seen = 0;
    for (size_t c = 0; c < COHORTS_KEPT && seen < enough; c++) {
        const struct cohort *cohort = &dependency->cohorts[c];
        seen += cohort->recovered;
        for (size_t i = 0; i < HISTOGRAM_SIZE; i++) {
            histogram[i] += cohort->histogram[i];
        }
    }
    return seen >= DURATIONS_MIN ? (double)histogram_quantile_ms(histogram, 500) / 1000 : 0;
}

double line_supply(const struct snapshot_dependency *dependency, double rate)
{
    double tokens = (double)dependency->rate_milli / 1000;
    if (dependency->paced && (double)dependency->pace_milli / 1000 < tokens) {
        tokens = (double)dependency->pace_milli / 1000;
    }
    int64_t room = line_window(dependency) - dependency->in_flight;
    double window = rate + (room > 0 ? (double)room / ROOM_S : 0);
    double duration_s = line_duration_s(dependency);
    if (duration_s > 0 && (double)line_window(dependency) / duration_s > window) {
        window = (double)line_window(dependency) / duration_s;
    }
    return window < tokens ? window : tokens;
}

void line_planner_init(struct line_planner *planner, const struct line_plan_input *input)
{
    memset(planner, 0, sizeof(*planner));
    for (size_t f = 0; f < input->policy->fleet_count; f++) {
        if (input->fleet_of[f] < 0) {
            continue;
        }
        const struct snapshot_fleet *fleet = &input->snapshot->fleets[input->fleet_of[f]];
        planner->fleets[f].known = true;
        planner->fleets[f].held = fleet->held;
        planner->fleets[f].recovered_before = fleet->recovered;
        for (size_t l = 0; l < LINE_COUNT; l++) {
            planner->fleets[f].lines[l].serving = (double)line_serving(&fleet->lines[l], input->now_us);
            planner->fleets[f].lines[l].granted = fleet->lines[l].granted;
        }
    }
    for (size_t d = 0; d < input->policy->dependency_count; d++) {
        if (input->dependency_of[d] >= 0) {
            planner->spilled[d] = input->snapshot->dependencies[input->dependency_of[d]].spilled;
        }
    }
}

void line_planner_refit(struct line_planner *planner, const struct line_plan_input *input)
{
    struct line_planner before = *planner;
    line_planner_init(planner, input);
    for (size_t f = 0; f < input->policy->fleet_count; f++) {
        if (before.fleets[f].known && input->fleet_of[f] >= 0) {
            memcpy(before.fleets[f].lines, planner->fleets[f].lines, sizeof(before.fleets[f].lines));
            planner->fleets[f] = before.fleets[f];
        }
    }
}

struct tick {
    double dt;
    struct line_share share;
    double rates[HG_FLEETS_MAX];
    double spilled[HG_DEPENDENCIES_MAX]; /* tokens since the last tick */
    double room[HG_DEPENDENCIES_MAX];    /* cost units free under the new limits */
};

static double smooth(double old, double sample, double dt)
{
    return old + (sample - old) * dt / (dt + SMOOTH_S);
}

static int64_t uncalled(const struct snapshot_line *line)
{
    return line->tail > line->serving ? line->tail - line->serving : 0;
}

/* Whether somebody wants to be called, or was and came in vain. */
static bool wants(const struct snapshot_line *line)
{
    return line->waiting > 0 && (uncalled(line) > 0 || line->ready > 0);
}

static void measure(struct line_planner *planner, const struct line_plan_input *input, struct tick *tick)
{
    double granted[HG_DEPENDENCIES_MAX] = {0};
    for (size_t f = 0; f < input->policy->fleet_count; f++) {
        const struct hg_fleet *policy = &input->policy->fleets[f];
        for (size_t l = 0; l < LINE_COUNT && input->fleet_of[f] >= 0; l++) {
            const struct snapshot_line *line = &input->snapshot->fleets[input->fleet_of[f]].lines[l];
            struct line_planner_line *state = &planner->fleets[f].lines[l];
            double count = line->granted > state->granted ? (double)(line->granted - state->granted) : 0;
            state->granted = line->granted;
            state->rate = smooth(state->rate, tick->dt > 0 ? count / tick->dt : 0, tick->dt);
            for (size_t n = 0; n < policy->need_count; n++) {
                granted[policy->needs[n].dependency] += count * (double)policy->needs[n].cost;
            }
        }
    }
    for (size_t d = 0; d < input->policy->dependency_count; d++) {
        if (input->dependency_of[d] < 0) {
            continue;
        }
        const struct snapshot_dependency *dependency = &input->snapshot->dependencies[input->dependency_of[d]];
        planner->rate[d] = smooth(planner->rate[d], tick->dt > 0 ? granted[d] / tick->dt : 0, tick->dt);
        /* It begins anew at its modulus, and in a store that was emptied. */
        int64_t spilled = dependency->spilled < planner->spilled[d] ? 0 : dependency->spilled - planner->spilled[d];
        tick->spilled[d] = (double)spilled / (double)TOKEN_MICRO;
        planner->spilled[d] = dependency->spilled;
        /* Under the limits about to be written, not those that were. */
        struct snapshot_dependency next = *dependency;
        const struct plan_dependency *plan = &input->plan->dependencies[d];
        next.rate_milli = plan->rate_milli;
        next.paced = plan->paced;
        next.pace_milli = plan->pace_milli;
        next.in_flight_max = plan->in_flight_max;
        next.window = plan->window;
        tick->share.supply[d] = planner->supply[d] = line_supply(&next, planner->rate[d]);
        int64_t room = line_window(&next) - dependency->in_flight;
        tick->room[d] = room > 0 ? (double)room : 0;
        /* Places that stood empty for a tick have not lost more relaunches than they had time for. */
        double known_s = line_duration_s(dependency), duration_s = known_s > 0 ? known_s : DURATION_SHORT_S;
        double lost = tick->room[d] * (tick->dt < duration_s ? tick->dt / duration_s : 1);
        tick->spilled[d] = tick->spilled[d] < lost ? tick->spilled[d] : lost;
    }
}

/* Charges what was granted to virtual time, and lifts a fleet that becomes active to the present. */
static void weigh(struct line_planner *planner, const struct line_plan_input *input, struct tick *tick)
{
    double sum = 0, count = 0;
    for (size_t f = 0; f < input->policy->fleet_count; f++) {
        struct line_planner_fleet *fleet = &planner->fleets[f];
        sum += fleet->active ? fleet->virtual_time : 0;
        count += fleet->active;
    }
    double present = count > 0 ? sum / count : 0;
    for (size_t f = 0; f < input->policy->fleet_count; f++) {
        const struct hg_fleet *policy = &input->policy->fleets[f];
        struct line_planner_fleet *fleet = &planner->fleets[f];
        const struct snapshot_fleet *snapshot =
            input->fleet_of[f] < 0 ? NULL : &input->snapshot->fleets[input->fleet_of[f]];
        bool active = snapshot != NULL && !input->fleet_paused[f] && !fleet->held &&
                      (wants(&snapshot->lines[LINE_MAIN]) || wants(&snapshot->lines[LINE_RETRY]));
        double dominant = 0;
        for (size_t n = 0; n < policy->need_count; n++) {
            double supply = tick->share.supply[policy->needs[n].dependency];
            double share = supply > 0 ? (double)policy->needs[n].cost / supply : 0;
            dominant = share > dominant ? share : dominant;
        }
        if (active && !fleet->active) {
            fleet->virtual_time = present;
        } else if (active) {
            double rate = fleet->lines[LINE_MAIN].rate + fleet->lines[LINE_RETRY].rate;
            fleet->virtual_time += rate * tick->dt * dominant / (double)policy->weight;
        }
        fleet->active = active;
        double swing = 1 + CATCH_UP * (present - fleet->virtual_time) * (double)policy->weight;
        swing = swing > WEIGHT_SWING ? WEIGHT_SWING : swing < 1 / WEIGHT_SWING ? 1 / WEIGHT_SWING : swing;
        tick->share.active[f] = active;
        tick->share.weight[f] = (double)policy->weight * (count > 1 ? swing : 1);
    }
    line_share(input->policy, &tick->share, tick->rates);
}

/* Numbers to call at once because tokens spilled, for a whole fleet. */
static double credit_of(const struct line_plan_input *input, const struct tick *tick, size_t f)
{
    const struct hg_fleet *fleet = &input->policy->fleets[f];
    double credit = -1;
    for (size_t n = 0; n < fleet->need_count; n++) {
        size_t d = fleet->needs[n].dependency;
        double cost = (double)fleet->needs[n].cost;
        double supply = tick->share.supply[d];
        double part = supply > 0 ? tick->rates[f] * cost / supply : 0;
        double own = tick->spilled[d] * (part > 1 ? 1 : part) / cost;
        credit = credit < 0 || own < credit ? own : credit;
    }
    double gain = tick->rates[f] < 1 ? GAIN_SLOW : GAIN;
    return credit > 0 ? credit * gain : 0;
}

/* How many newcomers may be called the moment they come, when nobody waits before them. */
static double allowance_of(const struct line_plan_input *input, const struct tick *tick, size_t f)
{
    const struct hg_fleet *fleet = &input->policy->fleets[f];
    double least = -1;
    for (size_t n = 0; n < fleet->need_count; n++) {
        size_t d = fleet->needs[n].dependency;
        const struct plan_dependency *plan = &input->plan->dependencies[d];
        double tokens = (double)plan->burst + (double)plan->rate_milli / 1000 * READY_S;
        double room = tick->room[d] < tokens ? tick->room[d] : tokens;
        double own = room / (double)fleet->needs[n].cost;
        least = least < 0 || own < least ? own : least;
    }
    return least > 1 ? least : 1;
}

static double fill_factor(double ready, double rate)
{
    double target = READY_MIN < READY_MIN_S * rate ? READY_MIN : READY_MIN_S * rate;
    target = target > READY_S * rate ? target : READY_S * rate;
    double factor = target > 0 ? 2 - ready / target : 0;
    return factor < 0 ? 0 : factor;
}

struct line_wish {
    double rate;      /* numbers per second */
    double credit;    /* numbers at once */
    double allowance; /* newcomers, where nobody is before them */
};

static void plan_one_line(struct line_planner_line *state, const struct snapshot_line *line, double dt,
                          const struct line_wish *wish, int64_t now_us, struct plan_line *ret_plan)
{
    double serving = (double)line_serving(line, now_us);
    double tail = (double)line->tail;
    /* The store counts in whole numbers; the fraction is carried here, else a slow line would never move. */
    double ahead = dt < (double)PLAN_AHEAD_US / US ? dt : (double)PLAN_AHEAD_US / US;
    state->serving += state->called * ahead;
    state->serving = state->serving > serving ? state->serving : serving;
    if (!wants(line)) {
        state->serving = tail + wish->allowance; /* nobody before them: newcomers are called as they come */
    } else {
        state->serving = (state->serving < tail ? state->serving : tail) + wish->credit;
    }
    if (state->serving > NUMBER_MAX) {
        state->serving = NUMBER_MAX;
    }
    ret_plan->base = (int64_t)state->serving;
    state->called = wish->rate * fill_factor((double)line->ready, wish->rate);
    ret_plan->rate_milli = (int64_t)(state->called * 1000);
    ret_plan->from_us = now_us;
    ret_plan->until_us = now_us + PLAN_AHEAD_US;
}

void line_plan(struct line_planner *planner, const struct line_plan_input *input, struct plan *plan)
{
    struct tick tick = {0};
    /* A store that failed over may be behind. */
    tick.dt = planner->at_us == 0 || input->now_us < planner->at_us ? 0 : (double)(input->now_us - planner->at_us) / US;
    planner->at_us = input->now_us;
    line_after_step(planner, input);
    measure(planner, input, &tick);
    weigh(planner, input, &tick);
    plan->fleet_count = 0;
    for (size_t f = 0; f < input->policy->fleet_count; f++) {
        const struct hg_fleet *policy = &input->policy->fleets[f];
        struct plan_fleet *out = &plan->fleets[plan->fleet_count];
        if (input->fleet_of[f] < 0) {
            continue;
        }
        plan->fleet_count++;
        memset(out, 0, sizeof(*out));
        snprintf(out->name, sizeof(out->name), "%s", policy->name);
        const struct snapshot_fleet *snapshot = &input->snapshot->fleets[input->fleet_of[f]];
        out->paused = input->fleet_paused[f];
        out->held = planner->fleets[f].held;
        bool main_wants = wants(&snapshot->lines[LINE_MAIN]), retry_wants = wants(&snapshot->lines[LINE_RETRY]);
        double retry = retry_wants ? main_wants ? (double)policy->retry_share_permille / 1000 : 1 : 0;
        double credit = credit_of(input, &tick, f);
        double allowance = allowance_of(input, &tick, f);
        for (size_t l = 0; l < LINE_COUNT; l++) {
            double part = l == LINE_RETRY ? retry : 1 - retry;
            bool behind = l == LINE_RETRY && main_wants; /* retries never go before newcomers unasked */
            struct line_wish wish = {tick.rates[f] * part, credit * part, behind ? 0 : allowance};
            plan_one_line(&planner->fleets[f].lines[l], &snapshot->lines[l], tick.dt, &wish, input->now_us,
                          &out->lines[l]);
        }
    }
}
