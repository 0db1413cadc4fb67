#include "core/dependency.h"

#include "core/bucket.h"
#include "core/phase.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int64_t min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t dependency_rate_milli(const struct dependency *dependency, const struct hg_dependency *policy)
{
    return dependency->override.rate_milli >= 0 ? dependency->override.rate_milli : policy->rate_milli;
}

int64_t dependency_burst(const struct dependency *dependency, const struct hg_dependency *policy)
{
    return dependency->override.burst >= 0 ? dependency->override.burst : policy->burst;
}

int64_t dependency_in_flight_max(const struct dependency *dependency, const struct hg_dependency *policy)
{
    return dependency->override.in_flight >= 0 ? dependency->override.in_flight : policy->in_flight_max;
}

static int64_t window_max(const struct dependency *dependency, const struct dependency_input *input)
{
    int64_t limit = dependency_in_flight_max(dependency, input->policy);
    return max_of(limit - reserve_in_force(input->policy->reserve_in_flight, limit), 0);
}

/* What the law says, or max(10, 1 %) permits. */
static int64_t start_window(const struct dependency *dependency, const struct dependency_input *input)
{
    const struct limiter_ops *ops = dependency->limiter.ops;
    int64_t permits = max_of(CANARIES_MIN, input->size / 100);
    if (ops != NULL && ops->first_permits > 0) {
        int64_t least = ops->first_least > 0 ? ops->first_least : ops->first_permits;
        permits = min_of(max_of(least, input->size / 1000), ops->first_permits);
        permits = dependency->limiter.canaries > 0 ? min_of(permits, dependency->limiter.canaries) : permits;
    }
    return min_of(permits * input->cost, window_max(dependency, input));
}

void dependency_init(struct dependency *dependency, const struct hg_dependency *policy,
                     const struct snapshot_dependency *snapshot, int64_t now_us)
{
    memset(dependency, 0, sizeof(*dependency));
    override_init(&dependency->override);
    dependency->phase = dependency->phase_before = snapshot->phase;
    dependency->phase_since_us = dependency->busy_us = dependency->crowd_us = now_us;
    dependency->taken_over = true;
    dependency->cohort = dependency->cohort_before = snapshot->cohort;
    dependency->excused_from_us = snapshot->excused_from_us;
    dependency->excused_to_us = snapshot->excused_to_us;
    dependency->thaw_us = now_us + COOL_US;
    dependency->limiter.ops = limiter_ops_of(policy->limiter);
    dependency->limiter.window = snapshot->window;
    dependency->limiter.paced = snapshot->paced;
    dependency->limiter.pace_milli = snapshot->pace_milli;
    dependency->limiter.pace_burst = snapshot->pace_burst;
    dependency->limiter.threshold = policy->in_flight_max;
    for (size_t i = 0; i < HG_PROBES_MAX; i++) {
        dependency->probes[i].state = PROBE_UNKNOWN;
    }
}

void dependency_finish(struct dependency *dependency)
{
    recovery_finish(&dependency->recovery);
}

void dependency_on_probe(struct dependency *dependency, size_t probe, bool up, const char *text)
{
    if (probe < HG_PROBES_MAX) {
        if (!up && dependency->probes[probe].state != PROBE_DOWN) {
            dependency->overruled = false; /* news, not the word that canaries had overruled */
        }
        dependency->probes[probe].state = up ? PROBE_UP : PROBE_DOWN;
        snprintf(dependency->probes[probe].text, sizeof(dependency->probes[probe].text), "%s",
                 text == NULL ? "" : text);
    }
}

enum probe_state dependency_probe_state(const struct dependency *dependency, const struct hg_dependency *policy)
{
    enum probe_state state = PROBE_UP;
    for (size_t i = 0; i < policy->probe_count && i < HG_PROBES_MAX; i++) {
        if (dependency->probes[i].state == PROBE_DOWN) {
            return PROBE_DOWN;
        }
        if (dependency->probes[i].state == PROBE_UNKNOWN) {
            state = PROBE_UNKNOWN;
        }
    }
    return state;
}

void dependency_on_gauge(struct dependency *dependency, const struct hg_dependency *policy, size_t probe, int64_t gauge,
                         int64_t now_us)
{
    if (probe >= policy->probe_count || probe >= HG_PROBES_MAX || policy->probes[probe].gauge_soft <= 0) {
        return;
    }
    struct dependency_probe *seat = &dependency->probes[probe];
    memmove(&seat->gauge[1], &seat->gauge[0], sizeof(seat->gauge) - sizeof(seat->gauge[0]));
    memmove(&seat->over[1], &seat->over[0], sizeof(seat->over) - sizeof(seat->over[0]));
    seat->gauge[0] = (double)max_of(gauge, 0) / (double)policy->probes[probe].gauge_soft;
    seat->over[0] = gauge >= policy->probes[probe].gauge_hard;
    seat->gauges += seat->gauges < GAUGE_KEPT;
    seat->gauge_us = now_us;
}

/* The worst of the gauges that are fresh. */
static struct limiter_gauge gauge_of(const struct dependency *dependency, const struct dependency_input *input)
{
    struct limiter_gauge worst = {0};
    for (size_t i = 0; i < input->policy->probe_count && i < HG_PROBES_MAX; i++) {
        const struct dependency_probe *probe = &dependency->probes[i];
        int64_t old_us = max_of(GAUGE_OLD_US, 3 * input->policy->probes[i].interval_us);
        int64_t age_us = input->now_us - probe->gauge_us;
        if (probe->gauges < 2 || age_us > old_us) {
            continue;
        }
        double sum = 0;
        for (size_t g = 0; g < probe->gauges; g++) {
            sum += probe->gauge[g];
        }
        double load = sum / (double)probe->gauges;
        double soft = (double)input->policy->probes[i].gauge_soft, hard = (double)input->policy->probes[i].gauge_hard;
        if (!worst.known || load > worst.load) {
            worst = (struct limiter_gauge){
                .known = true,
                .load = load,
                .over = probe->over[0] && probe->over[1] && load * soft >= hard,
                .age_s = (double)age_us / 1e6};
        }
    }
    return worst;
}

static const char *probe_text(const struct dependency *dependency, const struct hg_dependency *policy)
{
    for (size_t i = 0; i < policy->probe_count && i < HG_PROBES_MAX; i++) {
        if (dependency->probes[i].state == PROBE_DOWN) {
            return dependency->probes[i].text;
        }
    }
    return "";
}

static void new_cohort(struct dependency *dependency, const struct dependency_input *input)
{
    dependency->cohort++;
    blame_open(&dependency->blame, input->fleets);
}

void dependency_forget_fleets(struct dependency *dependency)
{
    dependency->taken_over = true;
}

static bool crowded(const struct dependency *dependency, const struct dependency_input *input)
{
    return input->line * input->cost + input->snapshot->in_flight > start_window(dependency, input);
}

/* A record that ended a moment ago and is not written yet goes on: its end never came to be known. */
static void begin_recovery(struct dependency *dependency, const struct dependency_input *input)
{
    struct recovery *recovery = &dependency->recovery;
    if (recovery->number > 0 && recovery->dirty) {
        recovery->open = true;
        recovery->ended_us = 0;
        return;
    }
    recovery_begin(recovery, ++*input->recovery_number, input->now_us, dependency->why, input->snapshot);
}

/* The one place where a phase moves. */
static void turn(struct dependency *dependency, const struct dependency_input *input, enum phase to,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

static void turn(struct dependency *dependency, const struct dependency_input *input, enum phase to,
                 const char *format, ...)
{
    assert(phase_may_follow(dependency->phase, to));
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(dependency->why, sizeof(dependency->why), format, arguments);
    va_end(arguments);
    if ((dependency->phase == PHASE_BLOCKED || dependency->phase == PHASE_FROZEN) && to != PHASE_BLOCKED &&
        to != PHASE_FROZEN) {
        dependency->excused_to_us = input->now_us;
    }
    dependency->phase = to;
    dependency->phase_since_us = input->now_us;
    new_cohort(dependency, input);
    dependency->crowd_us = input->now_us;
    bool incident = to == PHASE_BLOCKED || to == PHASE_PROBING || to == PHASE_FROZEN || to == PHASE_RAMPING ||
                    (to == PHASE_STEADY && crowded(dependency, input));
    if (!dependency->recovery.open && incident) {
        begin_recovery(dependency, input);
    }
    recovery_add(&dependency->recovery, input->now_us, to, dependency->why);
    if (dependency->recovery.open && to == PHASE_IDLE) {
        recovery_end(&dependency->recovery, input->now_us);
        dependency->freezes = 0;
    }
}

/* Failures from `from_us` on, until the phase is left, are the dependency's fault. */
static void excuse(struct dependency *dependency, int64_t from_us)
{
    /* A trouble soon after another is the same one: canaries failed in between, and those that failed in the first
     * may not have asked since. */
    bool same = dependency->excused_to_us > 0 && from_us - dependency->excused_to_us < EXCUSE_MERGE_US;
    if (!same || from_us < dependency->excused_from_us) {
        dependency->excused_from_us = max_of(from_us, 0);
    }
    dependency->excused_to_us = TIME_NEVER_US;
}

static void block(struct dependency *dependency, const struct dependency_input *input)
{
    /* What failed while the probes were still counting to `fall`, or sat in a request until it timed out, failed
     * for the same reason. */
    int64_t detect_us = input->policy->request_timeout_us;
    for (size_t i = 0; i < input->policy->probe_count; i++) {
        const struct hg_probe *probe = &input->policy->probes[i];
        detect_us = max_of(detect_us, input->policy->request_timeout_us + probe->fall * probe->interval_us +
                                          probe->timeout_us);
    }
    excuse(dependency, input->now_us - detect_us);
    if (dependency->override.blocked) {
        turn(dependency, input, PHASE_BLOCKED, "operator: %.180s", dependency->override.reason);
    } else {
        turn(dependency, input, PHASE_BLOCKED, "%s", probe_text(dependency, input->policy));
    }
}

static struct limiter_input limiter_input_of(const struct dependency *dependency,
                                             const struct dependency_input *input)
{
    struct limiter_input limiter = {
        .now_us = input->now_us,
        .cohorts = input->snapshot->cohorts,
        .cohort_id = dependency->cohort,
        .explained = blame_explained(&dependency->blame, input->fleets),
        .explained_fleets = blame_fleets(&dependency->blame, input->fleets),
        .start_window = start_window(dependency, input),
        .window_max = window_max(dependency, input),
        .rate_milli = dependency_rate_milli(dependency, input->policy),
        .cost = input->cost,
        .in_flight = input->snapshot->in_flight,
        .waiting = input->line > 0,
        .size = max_of(input->size, input->line + input->silent),
        .request_timeout_us = input->policy->request_timeout_us,
        .gauge = gauge_of(dependency, input),
        .fresh = dependency->phase == PHASE_IDLE,
        .dependency = input->index,
        .context = input->law_context,
    };
    if (input->snapshot->cohorts[0].id == dependency->cohort) {
        limiter.cohort = &input->snapshot->cohorts[0];
    }
    return limiter;
}

/* Leaves blocked, frozen, paused or idle for work: canaries first where the law ramps. */
static void begin(struct dependency *dependency, const struct dependency_input *input, const char *why)
{
    struct limiter_input limiter = limiter_input_of(dependency, input);
    dependency->limiter.ops->start(&dependency->limiter, &limiter);
    turn(dependency, input, dependency->limiter.ops->ramps ? PHASE_PROBING : PHASE_STEADY, "%s", why);
}

static void freeze(struct dependency *dependency, const struct dependency_input *input, const char *why)
{
    int64_t cool_us = COOL_US;
    for (int64_t i = 0; i < dependency->freezes && cool_us < COOL_MAX_US; i++) {
        cool_us *= 2;
    }
    cool_us = dependency->limiter.cool_us > 0 ? dependency->limiter.cool_us : min_of(cool_us, COOL_MAX_US);
    dependency->freezes++;
    dependency->thaw_us = input->now_us + rng_between(input->rng, cool_us * 9 / 10, cool_us * 11 / 10);
    const struct cohort *cohort = &input->snapshot->cohorts[0];
    bool known = cohort->id == dependency->cohort && cohort->first_us > 0;
    excuse(dependency, known ? cohort->first_us : input->now_us);
    turn(dependency, input, PHASE_FROZEN, "%s", why);
}

static bool quiet(struct dependency *dependency, const struct dependency_input *input)
{
    if (input->line > 0 || input->snapshot->in_flight > 0) {
        dependency->busy_us = input->now_us;
    }
    if (crowded(dependency, input)) {
        dependency->crowd_us = input->now_us;
    }
    return input->now_us - dependency->busy_us > (input->silent > 0 ? QUIET_SILENT_US : QUIET_US) ||
           input->now_us - dependency->crowd_us > QUIET_SILENT_US;
}

static void step_blocked(struct dependency *dependency, const struct dependency_input *input, enum probe_state probe)
{
    if (dependency->override.blocked) {
        return;
    }
    const struct cohort *cohort = &input->snapshot->cohorts[0];
    int64_t recovered = cohort->id == dependency->cohort ? cohort->recovered : 0;
    if (probe == PROBE_UP) {
        if (input->line + input->silent + input->snapshot->in_flight > 0) {
            begin(dependency, input, "the dependency is back");
        } else {
            turn(dependency, input, PHASE_IDLE, "the dependency is back and nobody waits");
        }
    } else if (probe == PROBE_DOWN && recovered >= OVERRULE_MIN) {
        dependency->overruled = true;
        char why[WHY_MAX];
        snprintf(why, sizeof(why), "%lld canaries came back well: the probe is not believed (%.100s)",
                 (long long)recovered, probe_text(dependency, input->policy));
        begin(dependency, input, why);
    }
}

static void step_limiter(struct dependency *dependency, const struct dependency_input *input)
{
    struct limiter_input limiter = limiter_input_of(dependency, input);
    char why[LIMITER_WHY_MAX] = "";
    bool canaries = dependency->phase == PHASE_PROBING;
    enum limiter_verdict verdict = canaries
                                       ? dependency->limiter.ops->judge_canaries(&dependency->limiter, &limiter, why)
                                       : dependency->limiter.ops->judge(&dependency->limiter, &limiter, why);
    switch (verdict) {
    case LIMITER_PASS:
        turn(dependency, input, PHASE_RAMPING, "%s", why);
        break;
    case LIMITER_FREEZE:
        freeze(dependency, input, why);
        break;
    case LIMITER_SLICE:
        dependency->cohort++;
        dependency->sliced = why[0] == '\0';
        if (why[0] != '\0') {
            snprintf(dependency->why, sizeof(dependency->why), "%s", why);
            recovery_add(&dependency->recovery, input->now_us, dependency->phase, why);
        }
        break;
    case LIMITER_CHANGE:
    case LIMITER_AGAIN:
        new_cohort(dependency, input);
        snprintf(dependency->why, sizeof(dependency->why), "%s", why);
        recovery_add(&dependency->recovery, input->now_us, dependency->phase, why);
        break;
    case LIMITER_KEEP:
    case LIMITER_VERDICT_COUNT:
        break;
    }
}

static void step_working(struct dependency *dependency, const struct dependency_input *input)
{
    if (quiet(dependency, input)) {
        turn(dependency, input, PHASE_IDLE, input->line > 0 ? "the crowd is gone" : "nobody waits");
        return;
    }
    if (!dependency->recovery.open && crowded(dependency, input)) {
        snprintf(dependency->why, sizeof(dependency->why), "a crowd: %lld in line, %lld in flight",
                 (long long)input->line, (long long)input->snapshot->in_flight);
        begin_recovery(dependency, input);
        recovery_add(&dependency->recovery, input->now_us, dependency->phase, dependency->why);
    }
    bool ramps = dependency->limiter.ops->ramps;
    if (!ramps && dependency->phase != PHASE_STEADY) {
        begin(dependency, input, "the limiter is fixed now");
        return;
    }
    step_limiter(dependency, input);
    int64_t max = window_max(dependency, input);
    if (ramps && dependency->phase == PHASE_RAMPING && dependency->limiter.window >= max) {
        turn(dependency, input, PHASE_STEADY, "the window has reached its ceiling of %lld", (long long)max);
    } else if (ramps && dependency->phase == PHASE_STEADY && dependency->limiter.window < max) {
        turn(dependency, input, PHASE_RAMPING, "the window is below its ceiling of %lld", (long long)max);
    }
}

static void step_idle(struct dependency *dependency, const struct dependency_input *input)
{
    dependency->busy_us = input->now_us;
    if (input->line > 0 && crowded(dependency, input)) {
        char why[WHY_MAX];
        snprintf(why, sizeof(why), "a crowd: %lld in line, %lld in flight", (long long)input->line,
                 (long long)input->snapshot->in_flight);
        begin(dependency, input, why);
    }
}

static void step_frozen(struct dependency *dependency, const struct dependency_input *input)
{
    bool released = dependency->override.released_at_us > dependency->phase_since_us;
    if (input->now_us >= dependency->thaw_us || released) {
        begin(dependency, input, released ? "released by the operator" : "cooled down");
    }
}

static void step_shed(struct dependency *dependency, const struct dependency_input *input)
{
    struct limiter_gauge gauge = gauge_of(dependency, input);
    bool few = input->snapshot->in_flight <= start_window(dependency, input);
    dependency->shed_moved = shed_step(&dependency->shed, &gauge, few, input->now_us);
    if (!dependency->shed_moved) {
        return;
    }
    if (dependency->shed.unrecoverable) {
        snprintf(dependency->why, sizeof(dependency->why),
                 "not recoverable by admission: shed background load (the gauge stands at %.2f of its soft mark, with %lld "
                 "in flight)", gauge.load, (long long)input->snapshot->in_flight);
    } else {
        snprintf(dependency->why, sizeof(dependency->why), "recoverable again: the gauge is below its soft mark");
    }
    recovery_add(&dependency->recovery, input->now_us, dependency->phase, dependency->why);
}

void dependency_step(struct dependency *dependency, const struct dependency_input *input)
{
    dependency->phase_before = dependency->phase;
    dependency->cohort_before = dependency->cohort;
    dependency->sliced = false;
    dependency->limiter.ops = input->law != NULL ? input->law : limiter_ops_of(input->policy->limiter);
    if (dependency->taken_over) {
        /* Judged from here on: nothing is known of how the present cohort's failures came about. */
        dependency->taken_over = false;
        blame_init(&dependency->blame, input->fleets);
        new_cohort(dependency, input);
        dependency->cohort_before = dependency->cohort;
    }
    step_shed(dependency, input);
    enum probe_state probe = dependency_probe_state(dependency, input->policy);
    if (probe == PROBE_UP) {
        dependency->overruled = false;
    }
    bool down = dependency->override.blocked || (probe == PROBE_DOWN && !dependency->overruled);
    if (dependency->override.paused && dependency->phase != PHASE_PAUSED) {
        turn(dependency, input, PHASE_PAUSED, "operator: %.180s", dependency->override.reason);
    } else if (!dependency->override.paused && dependency->phase == PHASE_PAUSED && !down) {
        if (input->line + input->silent > 0) {
            begin(dependency, input, "resumed by the operator");
        } else {
            turn(dependency, input, PHASE_IDLE, "resumed by the operator");
        }
    } else if (down && !dependency->override.paused && dependency->phase != PHASE_BLOCKED) {
        block(dependency, input);
    } else {
        switch (dependency->phase) {
        case PHASE_IDLE:
            step_idle(dependency, input);
            break;
        case PHASE_BLOCKED:
            step_blocked(dependency, input, probe);
            break;
        case PHASE_PROBING:
        case PHASE_RAMPING:
        case PHASE_STEADY:
            step_working(dependency, input);
            break;
        case PHASE_FROZEN:
            step_frozen(dependency, input);
            break;
        case PHASE_PAUSED:
        case PHASE_COUNT:
            break;
        }
    }
}

/* One canary in 10 s, doubling to 60 s as the outage goes on. */
static int64_t canary_pace_us(const struct dependency *dependency, const struct dependency_input *input)
{
    int64_t pace_us = CANARY_PACE_US;
    int64_t age_us = input->now_us - dependency->phase_since_us;
    while (pace_us < CANARY_PACE_MAX_US && age_us > 3 * pace_us) {
        pace_us *= 2;
    }
    return min_of(pace_us, CANARY_PACE_MAX_US);
}

static void plan_trickle(const struct dependency *dependency, const struct dependency_input *input,
                         struct plan_dependency *ret_plan)
{
    if (dependency->override.blocked) {
        ret_plan->window = 0;
        return;
    }
    /* While blocked, what was in flight before is as good as lost and keeps no canary back; frozen, it still loads
     * the dependency. */
    int64_t before = 0;
    const struct cohort *cohort = &input->snapshot->cohorts[0];
    if (dependency->phase == PHASE_BLOCKED && cohort->id == dependency->cohort) {
        int64_t back = cohort->recovered + cohort->failed + cohort->expired + cohort->excused;
        before = max_of(input->snapshot->in_flight - max_of(cohort->granted - back, 0) * input->cost, 0);
    }
    ret_plan->window = min_of(before + input->cost, window_max(dependency, input));
    ret_plan->paced = true;
    ret_plan->pace_milli = max_of(input->cost * 1000 * 1000000 / canary_pace_us(dependency, input), 1);
    ret_plan->pace_burst = input->cost * TOKEN_MICRO;
}

void dependency_plan(const struct dependency *dependency, const struct dependency_input *input,
                     struct plan_dependency *ret_plan)
{
    memset(ret_plan, 0, sizeof(*ret_plan));
    snprintf(ret_plan->name, sizeof(ret_plan->name), "%s", input->policy->name);
    ret_plan->phase = dependency->phase;
    ret_plan->cohort = dependency->cohort;
    ret_plan->rate_milli = dependency_rate_milli(dependency, input->policy);
    ret_plan->burst = dependency_burst(dependency, input->policy);
    ret_plan->in_flight_max = dependency_in_flight_max(dependency, input->policy);
    ret_plan->excused_from_us = dependency->excused_from_us;
    ret_plan->excused_to_us = dependency->excused_to_us;
    const struct limiter *limiter = &dependency->limiter;
    int64_t start = start_window(dependency, input);
    const struct cohort *cohort = &input->snapshot->cohorts[0];
    switch (dependency->phase) {
    case PHASE_BLOCKED:
    case PHASE_FROZEN:
        plan_trickle(dependency, input, ret_plan);
        break;
    case PHASE_PAUSED:
        break;
    case PHASE_IDLE:
        ret_plan->window = limiter->ops->ramps ? start : window_max(dependency, input);
        break;
    case PHASE_PROBING: {
        /* So many canaries and no more, until they are judged. */
        int64_t back = cohort->id == dependency->cohort
                           ? cohort->recovered + cohort->failed + cohort->expired + cohort->excused
                           : 0;
        ret_plan->window = max_of(start - back * input->cost, 0);
        break;
    }
    case PHASE_RAMPING:
    case PHASE_STEADY:
        ret_plan->window = min_of(limiter->window, window_max(dependency, input));
        ret_plan->paced = limiter->paced;
        ret_plan->pace_milli = limiter->pace_milli;
        ret_plan->pace_burst = limiter->pace_burst;
        break;
    case PHASE_COUNT:
        break;
    }
    if (input->learning) {
        ret_plan->window = min_of(ret_plan->window, start);
    }
}
