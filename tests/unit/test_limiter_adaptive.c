#include "core/histogram.h"
#include "core/limiter.h"

#include "check_main.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000)
#define TICK   (SECOND / 5)

/* A dependency that takes so many at once without a queue, and permits that each take so long. */
static struct cohort cohorts[COHORTS_KEPT];
static struct limiter limiter;
static struct limiter_input input;
static char why[LIMITER_WHY_MAX];
static enum limiter_verdict verdict;

static struct {
    int64_t cohort, granted_us, until_us;
    bool fails;
} flying[20000];
static size_t flying_count;
static double tokens;
static int64_t takes_us, fails_permille; /* of those granted from now on */
static bool wedged;                      /* nothing comes back */
static uint32_t dice;

static uint32_t draw(void)
{
    dice = dice * 1664525u + 1013904223u;
    return dice >> 8;
}

static void open_cohort(void)
{
    memmove(&cohorts[1], &cohorts[0], sizeof(cohorts) - sizeof(cohorts[0]));
    memset(&cohorts[0], 0, sizeof(cohorts[0]));
    cohorts[0].id = ++input.cohort_id;
}

static void begin(int64_t size)
{
    memset(&limiter, 0, sizeof(limiter));
    memset(cohorts, 0, sizeof(cohorts));
    flying_count = 0;
    tokens = 0;
    takes_us = 10 * SECOND;
    fails_permille = 0;
    wedged = false;
    dice = 1;
    limiter.ops = &limiter_adaptive_ops;
    input = (struct limiter_input){.now_us = 1000 * SECOND, .cohorts = cohorts, .cohort = &cohorts[0], .start_window = 10,
                                   .window_max = 10000, .rate_milli = 100000000, .cost = 1, .waiting = true,
                                   .size = size, .fresh = true};
    open_cohort();
    limiter.ops->start(&limiter, &input);
    input.fresh = false;
    open_cohort();
}

static void give_back(size_t i)
{
    for (size_t c = 0; c < COHORTS_KEPT; c++) {
        if (cohorts[c].id == flying[i].cohort && flying[i].fails) {
            cohorts[c].failed++;
        } else if (cohorts[c].id == flying[i].cohort) {
            cohorts[c].recovered++;
            cohorts[c].histogram[histogram_index(input.now_us - flying[i].granted_us)]++;
        }
    }
    flying[i] = flying[--flying_count];
}

static void grant(void)
{
    if (cohorts[0].granted++ == 0) {
        cohorts[0].first_us = input.now_us;
    }
    cohorts[0].last_us = input.now_us;
    bool fails = draw() % 1000 < fails_permille;
    int64_t takes = takes_us * (800 + draw() % 400) / 1000;
    flying[flying_count].cohort = cohorts[0].id;
    flying[flying_count].granted_us = input.now_us;
    flying[flying_count].until_us = input.now_us + (fails ? SECOND : takes);
    flying[flying_count++].fails = fails;
}

static void tick(void)
{
    input.now_us += TICK;
    for (size_t i = flying_count; i-- > 0 && !wedged;) {
        if (flying[i].until_us <= input.now_us) {
            give_back(i);
        }
    }
    tokens = limiter.paced ? fmin(tokens + (double)limiter.pace_milli / 5000, 5 + (double)limiter.pace_milli / 5000) : 1e6;
    bool probing = limiter.adaptive.state == ADAPTIVE_START;
    while ((int64_t)flying_count < limiter.window && tokens >= 1 && (!probing || cohorts[0].granted < 10)) {
        grant();
        tokens -= 1;
    }
    input.in_flight = (int64_t)flying_count;
    why[0] = '\0';
    verdict = probing ? limiter.ops->judge_canaries(&limiter, &input, why) : limiter.ops->judge(&limiter, &input, why);
    if (verdict != LIMITER_KEEP) {
        open_cohort();
    }
}

/* Until a verdict comes, or so many seconds have passed. */
static bool until(enum limiter_verdict wanted, int64_t seconds)
{
    for (int64_t end_us = input.now_us + seconds * SECOND; input.now_us < end_us;) {
        tick();
        if (verdict == wanted) {
            return true;
        }
    }
    return false;
}

static void wait_for(int64_t seconds)
{
    for (int64_t end_us = input.now_us + seconds * SECOND; input.now_us < end_us;) {
        tick();
        ck_assert_int_ne(verdict, LIMITER_FREEZE);
    }
}

static void ramp(int64_t size)
{
    begin(size);
    ck_assert_int_eq(limiter.window, 10);
    ck_assert(until(LIMITER_PASS, 60));
}

START_TEST(test_canaries_first)
{
    begin(5000);
    fails_permille = 1000;
    ck_assert(until(LIMITER_FREEZE, 60));
    ck_assert(strstr(why, "canaries failed") != NULL);
    ck_assert_int_gt(limiter.cool_us, 0);
    ck_assert_int_eq(limiter.canaries, 5); /* ten at once may have been too many */
    ramp(5000);
    ck_assert_double_eq_tol(baseline_duration_s(&limiter.adaptive.baseline), 10, 2.5);
}
END_TEST

START_TEST(test_grows_while_all_is_well)
{
    ramp(5000);
    double before = limiter.adaptive.limit;
    wait_for(300);
    ck_assert_double_gt(limiter.adaptive.limit, 3 * before);
    ck_assert_int_eq(limiter.adaptive.state, ADAPTIVE_GROW);
}
END_TEST

START_TEST(test_a_known_time_out_allows_more)
{
    double limits[2];
    for (int known = 0; known < 2; known++) {
        ramp(500);
        input.request_timeout_us = known ? 60 * SECOND : 0;
        wait_for(100);
        limits[known] = limiter.adaptive.limit;
    }
    ck_assert_double_gt(limits[1], limits[0]);
}
END_TEST

START_TEST(test_longer_relaunches_are_a_cut)
{
    ramp(5000);
    wait_for(150);
    double before = limiter.adaptive.limit;
    takes_us = 20 * SECOND;
    ck_assert(until(LIMITER_CHANGE, 60));
    ck_assert(strstr(why, "cut from") != NULL);
    ck_assert_double_lt(limiter.adaptive.limit, before);
    ck_assert_int_eq(limiter.adaptive.state, ADAPTIVE_VERIFY);
    takes_us = 10 * SECOND;
    ck_assert(until(LIMITER_SLICE, 5)); /* slices go on; what was granted before the cut is not judged */
    ck_assert_int_eq(limiter.adaptive.state, ADAPTIVE_VERIFY);
    wait_for(60);
    ck_assert_int_eq(limiter.adaptive.state, ADAPTIVE_GROW);
}
END_TEST

START_TEST(test_ages_warn_before_outcomes)
{
    ramp(5000);
    wait_for(150);
    wedged = true;
    ck_assert(until(LIMITER_CHANGE, 30));
    ck_assert_int_eq(limiter.adaptive.state, ADAPTIVE_VERIFY);
}
END_TEST

START_TEST(test_failures_close)
{
    ramp(5000);
    wait_for(150);
    double before = limiter.adaptive.limit;
    fails_permille = 1000;
    ck_assert(until(LIMITER_FREEZE, 30));
    ck_assert(strstr(why, "closed:") != NULL);
    fails_permille = 0;
    limiter.ops->start(&limiter, &input);
    open_cohort();
    ck_assert(until(LIMITER_PASS, 60));
    ck_assert_double_lt(limiter.adaptive.limit, 0.6 * before); /* half of what was good */
}
END_TEST

START_TEST(test_those_that_always_fail_stop_nothing)
{
    ramp(5000);
    fails_permille = 200;
    ck_assert(until(LIMITER_CHANGE, 200));
    wait_for(400);
    ck_assert_double_gt(limiter.adaptive.usual_failures, 0.1);
    ck_assert_double_gt(limiter.adaptive.limit, 50);
}
END_TEST

START_TEST(test_gauge_leads)
{
    ramp(5000);
    input.gauge = (struct limiter_gauge){.known = true, .load = 0.1, .age_s = 1};
    double before = limiter.adaptive.limit;
    wait_for(60);
    ck_assert_double_gt(limiter.adaptive.limit, 2 * before);
    before = limiter.adaptive.limit;
    input.gauge.load = 1.3;
    wait_for(30);
    ck_assert_double_lt(limiter.adaptive.limit, before);
    input.gauge.over = true;
    ck_assert(until(LIMITER_CHANGE, 20));
    ck_assert(strstr(why, "gauge") != NULL);
}
END_TEST

START_TEST(test_a_new_leader_goes_on)
{
    ramp(5000);
    wait_for(100);
    int64_t window = limiter.window;
    memset(&limiter.adaptive, 0, sizeof(limiter.adaptive));
    for (int i = 0; i < 5; i++) {
        input.now_us += TICK;
        (void)limiter.ops->judge(&limiter, &input, why);
    }
    ck_assert_int_eq(limiter.adaptive.state, ADAPTIVE_GROW);
    ck_assert_int_ge(limiter.window, window * 9 / 10);
    ck_assert_double_gt(limiter.adaptive.baseline.count, 5);
}
END_TEST

START_TEST(test_baseline)
{
    struct baseline baseline = {0};
    ck_assert_double_eq(baseline_duration_s(&baseline), 0);
    int ten = baseline_bucket(10), twenty = baseline_bucket(20), five = baseline_bucket(5);
    baseline_learn(&baseline, ten, 100);
    ck_assert_double_eq_tol(baseline_duration_s(&baseline), 10, 1.5);
    ck_assert_double_gt(baseline_score(&baseline, twenty), 1);
    ck_assert_double_le(baseline_score(&baseline, HISTOGRAM_SIZE - 1), BASELINE_Z_MAX);
    double mean = baseline.mean;
    for (int i = 0; i < 1000; i++) {
        baseline_settle(&baseline, twenty, 1); /* never raised by what comes back */
    }
    ck_assert_double_eq(baseline.mean, mean);
    baseline_settle(&baseline, five, BASELINE_LOWER);
    ck_assert_double_lt(baseline.mean, mean);
    mean = baseline.mean;
    baseline_shift(&baseline, 1);
    ck_assert_double_gt(baseline.mean, mean);
}
END_TEST

START_TEST(test_sight)
{
    struct sight sight = {0};
    struct sight_news news;
    struct cohort kept[COHORTS_KEPT] = {{.id = 5, .granted = 10, .recovered = 4, .first_us = SECOND, .last_us = 2 * SECOND}};
    kept[0].histogram[baseline_bucket(3)] = 4;
    sight_look(&sight, kept, 5, 4 * SECOND, 10, &news); /* a first look with this mark */
    ck_assert_double_eq(news.count, 4);
    sight_look(&sight, kept, 5, 11 * SECOND, 10, &news);
    ck_assert_double_eq(news.count, 0); /* the youngest is not that old */
    sight_look(&sight, kept, 5, 12 * SECOND, 10, &news);
    ck_assert_double_eq(news.late, 6);
    kept[0].recovered = 7;
    kept[0].histogram[baseline_bucket(12)] = 3; /* counted before they came */
    sight_look(&sight, kept, 5, 14 * SECOND, 10, &news);
    ck_assert_double_eq(news.count, 0);
    sight_look(&sight, kept, 6, 15 * SECOND, 10, &news); /* of the time before the cut */
    ck_assert_int_eq(news.first_us, 0);
    ck_assert_double_eq(sight_older(kept, 15 * SECOND, 10, 5), 5); /* 3 out, 2 of cohorts no longer kept */

    struct sight_failures failures;
    kept[0].failed = 3;
    kept[0].again[0] = 1;
    kept[0].again[2] = 1;
    sight_failures(kept, 5, 0, 1, &failures);
    ck_assert_double_eq_tol(failures.failed, 1 + 0.5 + 0.02, 1e-9);
    ck_assert_int_eq(failures.plain_failed, 3);
    sight_failures(kept, 5, 0.5, 1, &failures);
    ck_assert_double_eq(failures.excess, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limiter_adaptive");
    TCase *tcase = tcase_create("limiter_adaptive");
    tcase_add_test(tcase, test_canaries_first);
    tcase_add_test(tcase, test_grows_while_all_is_well);
    tcase_add_test(tcase, test_a_known_time_out_allows_more);
    tcase_add_test(tcase, test_longer_relaunches_are_a_cut);
    tcase_add_test(tcase, test_ages_warn_before_outcomes);
    tcase_add_test(tcase, test_failures_close);
    tcase_add_test(tcase, test_those_that_always_fail_stop_nothing);
    tcase_add_test(tcase, test_gauge_leads);
    tcase_add_test(tcase, test_a_new_leader_goes_on);
    tcase_add_test(tcase, test_baseline);
    tcase_add_test(tcase, test_sight);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
