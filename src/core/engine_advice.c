/* What to tell those who wait: place, estimated time, and when to ask again.
 *
 * The rules and their constants come from a simulation of the line (75 tuned runs, 120 random worlds): sleep most of
 * the wait, not all of it, so that the place can be told anew; while a ramp may quicken, not beyond the earliest turn;
 * near the turn aim a little before it; while blocked a share of the closure so far, so that nobody herds when it
 * ends. */
#include "core/engine_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define US               1e6
#define SLEEP_SETTLED    0.85
#define SLEEP_WINDOW     0.8
#define NEAR_S           10.0
#define LEAD_S           3.0
#define LATE_S           0.2
#define SPREAD           0.1
#define UNKNOWN_SPREAD   0.5
#define BLOCKED_SHARE    0.3
#define BLOCKED_SPREAD   0.2
#define BLOCKED_MIN_S    2.0
#define BLOCKED_CAP_S    30.0
#define BLOCKED_CAP_WAIT 0.1
#define BLOCKED_CAP_AGE  0.02
#define ROUND_DEFAULT_S  15.0
#define GAIN_LN          0.405 /* ln 1.5, the slow start's gain */
#define SLEEP_MIN_S      0.5
#define SLEEP_MAX_S      1800.0
#define BUDGET_STEP      0.25
#define BUDGET_MAX       2.0
#define CALLED_CAP_S     20.0
#define FORESEE_US       INT64_C(100000)

int64_t slot_store_now(const struct policy_slot *slot, int64_t now_us)
{
    int64_t age_us = now_us - slot->snapshot_at_us;
    return slot->snapshot.now_us + (age_us > 0 ? age_us : 0);
}

int slot_find_fleet(const struct policy_slot *slot, const char *name)
{
    for (size_t f = 0; f < slot->policy->fleet_count; f++) {
        if (strcmp(slot->policy->fleets[f].name, name) == 0) {
            return (int)f;
        }
    }
    return -1;
}

int slot_find_dependency(const struct policy_slot *slot, const char *name)
{
    for (size_t d = 0; d < slot->policy->dependency_count; d++) {
        if (strcmp(slot->policy->dependencies[d].name, name) == 0) {
            return (int)d;
        }
    }
    return -1;
}

bool ticket_parse(const char *text, enum line *ret_line, int64_t *ret_number, int64_t *ret_asks)
{
    if (text[0] != 'm' && text[0] != 'r') {
        return false;
    }
    char *end = NULL;
    long long number = strtoll(text + 1, &end, 10);
    if (end == text + 1 || number <= 0 || (*end != '.' && *end != '\0')) {
        return false;
    }
    const char *asks_text = *end == '.' ? end + 1 : end;
    long long asks = strtoll(asks_text, &end, 10);
    if (*end != '\0' || asks < 0 || asks > 1000000) {
        return false;
    }
    *ret_line = text[0] == 'r' ? LINE_RETRY : LINE_MAIN;
    *ret_number = number;
    *ret_asks = asks;
    return true;
}

static double uncalled(const struct snapshot_line *line, int64_t now_us)
{
    int64_t left = line->tail - line_serving(line, now_us);
    return left > 0 ? (double)left : 0;
}

/* Supply, and who waits for it, as this controller sees it. */
static void share_of(const struct policy_slot *slot, int64_t now_us, struct line_share *ret_share,
                     double ret_waiting[HG_FLEETS_MAX])
{
    memset(ret_share, 0, sizeof(*ret_share));
    memset(ret_waiting, 0, HG_FLEETS_MAX * sizeof(double));
    for (size_t d = 0; d < slot->policy->dependency_count; d++) {
        if (slot->dependency_of[d] >= 0) {
            ret_share->supply[d] =
                line_supply(&slot->snapshot.dependencies[slot->dependency_of[d]], slot->observed.rate[d]);
        }
    }
    for (size_t f = 0; f < slot->policy->fleet_count; f++) {
        if (slot->fleet_of[f] < 0) {
            continue;
        }
        const struct snapshot_fleet *fleet = &slot->snapshot.fleets[slot->fleet_of[f]];
        ret_share->weight[f] = (double)slot->policy->fleets[f].weight;
        ret_waiting[f] = fleet->paused || fleet->held
                             ? 0
                             : uncalled(&fleet->lines[LINE_MAIN], now_us) + uncalled(&fleet->lines[LINE_RETRY], now_us);
        ret_share->active[f] = ret_waiting[f] > 0;
    }
}

/* How the lines will empty. Dear with many fleets, so not for each request: it moves little in FORESEE_US. */
static void foresee(struct policy_slot *slot, int64_t now_us)
{
    int64_t age_us = now_us - slot->outlook_at_us;
    if (slot->outlook_at_us == 0 || age_us < 0 || age_us > FORESEE_US) {
        struct line_share share;
        share_of(slot, now_us, &share, slot->outlook_waiting);
        line_forecast(slot->policy, &share, slot->outlook_waiting, &slot->forecast);
        slot->outlook_at_us = now_us;
    }
}

/* Seconds until the turn at the present supply; negative if unknown. */
static double wait_of(struct policy_slot *slot, const struct advice_input *input, double position)
{
    int64_t now_us = slot_store_now(slot, input->now_us);
    foresee(slot, now_us);
    const struct snapshot_fleet *fleet = &slot->snapshot.fleets[slot->fleet_of[input->fleet]];
    double retry_share = (double)slot->policy->fleets[input->fleet].retry_share_permille / 1000;
    double other = uncalled(&fleet->lines[input->line == LINE_MAIN ? LINE_RETRY : LINE_MAIN], now_us);
    double own_share = input->line == LINE_MAIN ? 1 - retry_share : retry_share;
    double among = position + other; /* at most all of the other line goes before */
    if (own_share > 0 && position / own_share < among) {
        among = position / own_share;
    }
    return line_forecast_wait(&slot->forecast, (size_t)input->fleet, among);
}

struct outlook {
    bool blocked;        /* a need is closed, or the fleet held or paused */
    bool ramping;
    bool window_limited;
    enum limit shut;     /* what keeps the fleet itself back: PAUSED, AFTER or NONE */
    double closed_s;     /* how long so far */
    double window;       /* that window, in permits */
    double unknown_s;    /* a window is full, and so long nothing came back that tells how fast; below 0: not so */
    double round_s;      /* how long a relaunch takes */
    double ceiling;      /* numbers per second that the ceilings allow */
    int dependency;      /* that limits most, the policy's index */
    enum phase phase;
};

static void look_at_need(const struct policy_slot *slot, const struct hg_need *need, int64_t now_us,
                         struct outlook *outlook)
{
    const struct snapshot_dependency *dependency =
        &slot->snapshot.dependencies[slot->dependency_of[need->dependency]];
    double cost = (double)need->cost;
    double ceiling = (double)dependency->rate_milli / 1000 / cost;
    bool closed = dependency->phase == PHASE_BLOCKED || dependency->phase == PHASE_FROZEN ||
                  dependency->phase == PHASE_PAUSED;
    bool lowest = outlook->dependency < 0 || ceiling < outlook->ceiling;
    if (lowest) {
        outlook->ceiling = ceiling;
    }
    if (closed || (lowest && !outlook->blocked)) {
        outlook->dependency = (int)need->dependency;
        outlook->phase = dependency->phase;
    }
    outlook->blocked = outlook->blocked || closed;
    outlook->ramping = outlook->ramping || dependency->phase == PHASE_PROBING || dependency->phase == PHASE_RAMPING;
    bool full = dependency->in_flight * 10 >= dependency->window * 9;
    outlook->window_limited = outlook->window_limited || full;
    if (closed) {
        double closed_s = (double)(now_us - slot->phase_since_us[need->dependency]) / US;
        outlook->closed_s = closed_s > outlook->closed_s ? closed_s : outlook->closed_s;
    }
    double duration_s = line_duration_s(dependency);
    double since_s = (double)(now_us - slot->phase_since_us[need->dependency]) / US;
    outlook->round_s = duration_s > outlook->round_s ? duration_s : outlook->round_s;
    /* Canaries say nothing of the window that comes after them. */
    bool unknown = dependency->phase == PHASE_PROBING || (duration_s <= 0 && full);
    if (unknown && since_s >= outlook->unknown_s) {
        outlook->unknown_s = since_s;
        outlook->window = dependency->window > 0 ? (double)dependency->window / cost : 1;
    }
}

static struct outlook look(const struct policy_slot *slot, int fleet, int64_t now_us)
{
    struct outlook outlook = {.dependency = -1, .phase = PHASE_COUNT, .unknown_s = -1};
    const struct hg_fleet *policy = &slot->policy->fleets[fleet];
    for (size_t n = 0; n < policy->need_count; n++) {
        if (slot->dependency_of[policy->needs[n].dependency] >= 0) {
            look_at_need(slot, &policy->needs[n], now_us, &outlook);
        }
    }
    const struct snapshot_fleet *state = &slot->snapshot.fleets[slot->fleet_of[fleet]];
    if (state->paused || state->held) {
        double shut_s = (double)(now_us - slot->shut_since_us[fleet]) / US;
        outlook.blocked = true;
        outlook.shut = state->paused ? LIMIT_PAUSED : LIMIT_AFTER;
        outlook.closed_s = shut_s > outlook.closed_s ? shut_s : outlook.closed_s;
    }
    if (outlook.round_s <= 0) {
        outlook.round_s = ROUND_DEFAULT_S;
    }
    return outlook;
}

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

static double sleep_blocked(const struct outlook *outlook, double position)
{
    /* Opened this moment, and at its ceiling at once, it would still take so long until the turn. */
    double wait_s = outlook->ceiling > 0 ? position / outlook->ceiling : 0;
    double cap_s = BLOCKED_CAP_S + BLOCKED_CAP_WAIT * wait_s + BLOCKED_CAP_AGE * outlook->closed_s;
    double sleep_s = clamp(BLOCKED_SHARE * outlook->closed_s, BLOCKED_MIN_S, cap_s);
    return sleep_s > SLEEP_SETTLED * wait_s ? sleep_s : SLEEP_SETTLED * wait_s;
}

/* No estimate to rest on: the first come soon, in order; nobody sleeps long. */
static double sleep_unknown(const struct outlook *outlook, double position)
{
    double floor_s = outlook->ceiling > 0 ? position / outlook->ceiling : 0;
    double soon_s = position * DURATION_SHORT_S / outlook->window;
    double cap_s = NEAR_S + BLOCKED_SHARE * outlook->unknown_s;
    double sleep_s = soon_s < cap_s ? soon_s : cap_s;
    return sleep_s > SLEEP_SETTLED * floor_s ? sleep_s : SLEEP_SETTLED * floor_s;
}

static double sleep_open(const struct outlook *outlook, double position, double wait_s)
{
    if (wait_s < 0) {
        return NEAR_S;
    }
    if (wait_s <= NEAR_S) {
        /* A little after the turn: a late one takes the next token, an early one must ask again. */
        return wait_s <= LEAD_S ? wait_s + LATE_S : wait_s * SLEEP_SETTLED;
    }
    double sleep_s = wait_s * (outlook->window_limited ? SLEEP_WINDOW : SLEEP_SETTLED);
    if (outlook->ramping) {
        double tau = outlook->round_s / GAIN_LN;
        double earliest_s = tau * log(1 + wait_s / tau);
        double floor_s = outlook->ceiling > 0 ? position / outlook->ceiling : 0;
        earliest_s = earliest_s > floor_s ? earliest_s : floor_s;
        sleep_s = sleep_s < earliest_s ? sleep_s : earliest_s;
    }
    return sleep_s;
}

void engine_advise(struct hg_engine *engine, struct policy_slot *slot, const struct advice_input *input,
                   struct hg_answer *ret_answer)
{
    ret_answer->eta_us = -1;
    ret_answer->retry_after_us = (int64_t)(NEAR_S * US);
    snprintf(ret_answer->ticket, sizeof(ret_answer->ticket), "%c%lld.%lld", input->line == LINE_RETRY ? 'r' : 'm',
             (long long)input->number, (long long)input->asks);
    if (slot->fleet_of[input->fleet] < 0) {
        return;
    }
    int64_t now_us = slot_store_now(slot, input->now_us);
    const struct snapshot_line *line = &slot->snapshot.fleets[slot->fleet_of[input->fleet]].lines[input->line];
    struct outlook outlook = look(slot, input->fleet, now_us);
    int64_t ahead = input->number - line_serving(line, now_us);
    /* A called one stands among those called before and refused. */
    double position = input->called || ahead < 0 ? (double)line->ready / 2 + 1 : (double)ahead;
    ret_answer->position = input->called || ahead < 0 ? 0 : ahead;
    ret_answer->blocked = outlook.blocked;
    if (ret_answer->limit == LIMIT_LINE && outlook.shut != LIMIT_NONE) {
        ret_answer->limit = outlook.shut;
    }
    if (ret_answer->limit == LIMIT_LINE && outlook.blocked && outlook.phase == PHASE_PAUSED) {
        ret_answer->limit = LIMIT_PAUSED;
    }
    if (ret_answer->limit_dependency < 0) {
        ret_answer->limit_dependency = outlook.dependency;
        ret_answer->phase = outlook.phase;
    }
    if (ret_answer->limit == LIMIT_LINE && outlook.dependency >= 0) {
        /* What the line waits for. */
        const struct snapshot_dependency *slowest =
            &slot->snapshot.dependencies[slot->dependency_of[outlook.dependency]];
        ret_answer->limit_value = line_window(slowest);
        ret_answer->limit_used = slowest->in_flight;
    }
    double spread = SPREAD, sleep_s;
    if (outlook.blocked) {
        sleep_s = sleep_blocked(&outlook, position);
        spread = BLOCKED_SPREAD;
    } else if (outlook.unknown_s >= 0) {
        double floor_s = outlook.ceiling > 0 ? position / outlook.ceiling : 0;
        sleep_s = sleep_unknown(&outlook, position);
        /* The ceiling is known: what it alone makes them wait is no guess. */
        spread = sleep_s > SLEEP_SETTLED * floor_s ? UNKNOWN_SPREAD : SPREAD;
    } else {
        double wait_s = wait_of(slot, input, position);
        sleep_s = sleep_open(&outlook, position, wait_s);
        ret_answer->eta_us = wait_s < 0 ? -1 : (int64_t)(clamp(wait_s, 0, 1e9) * US);
    }
    if (input->called && !outlook.blocked) {
        /* It is next, whatever the estimate: those called after it must not find the room that it is told to wait for. */
        sleep_s = sleep_s < CALLED_CAP_S ? sleep_s : CALLED_CAP_S;
    } else if (input->asks > ASK_BUDGET) {
        sleep_s *= clamp(1 + BUDGET_STEP * (double)(input->asks - ASK_BUDGET), 1, BUDGET_MAX);
    }
    sleep_s = clamp(sleep_s, SLEEP_MIN_S, SLEEP_MAX_S);
    ret_answer->retry_after_us = rng_between(&engine->rng, (int64_t)(sleep_s * (1 - spread) * US),
                                             (int64_t)(sleep_s * (1 + spread) * US));
}

int64_t slot_fleet_eta_us(struct policy_slot *slot, size_t fleet, int64_t now_us)
{
    if (slot->fleet_of[fleet] < 0) {
        return -1;
    }
    foresee(slot, slot_store_now(slot, now_us));
    struct outlook outlook = look(slot, (int)fleet, slot_store_now(slot, now_us));
    /* Until the last of those with a place is granted: the called ones wait for tokens, too. */
    const struct snapshot_line *lines = slot->snapshot.fleets[slot->fleet_of[fleet]].lines;
    double waiting = (double)(lines[LINE_MAIN].waiting + lines[LINE_RETRY].waiting);
    double wait_s = waiting <= 0 ? 0 : outlook.blocked ? -1 : line_forecast_wait(&slot->forecast, fleet, waiting);
    return wait_s < 0 ? -1 : (int64_t)(clamp(wait_s, 0, 1e9) * US);
}
