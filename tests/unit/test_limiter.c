#include "core/bucket.h"
#include "core/histogram.h"
#include "core/limiter.h"

#include "check_main.h"

#include <string.h>

static struct cohort cohort;
static struct limiter limiter;
static struct limiter_input input;
static char why[LIMITER_WHY_MAX];

static void setup(const struct limiter_ops *ops)
{
    memset(&cohort, 0, sizeof(cohort));
    cohort.id = 1;
    limiter = (struct limiter){.ops = ops, .threshold = 1000};
    input = (struct limiter_input){.now_us = 100000000, .cohort = &cohort, .start_window = 10, .window_max = 1000,
                                   .rate_milli = 1000000, .cost = 1, .waiting = true};
    ops->start(&limiter, &input);
}

static void results(int64_t recovered, int64_t failed, int64_t excused)
{
    cohort.granted += recovered + failed + excused;
    cohort.recovered += recovered;
    cohort.failed += failed;
    cohort.excused += excused;
    cohort.histogram[histogram_index(2000000)] += (int32_t)recovered;
    cohort.last_us = input.now_us;
}

static void next_cohort(void)
{
    int64_t id = cohort.id + 1;
    memset(&cohort, 0, sizeof(cohort));
    cohort.id = id;
}

START_TEST(test_fixed_gives_what_is_written)
{
    setup(&limiter_fixed_ops);
    ck_assert_int_eq(limiter.window, 1000);
    ck_assert(!limiter.paced && !limiter.ops->ramps);
    results(0, 100, 0);
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_KEEP);
    input.window_max = 0;
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_KEEP);
    ck_assert_int_eq(limiter.window, 0);
    ck_assert_ptr_eq(limiter_ops_of(HG_LIMITER_FIXED), &limiter_fixed_ops);
    ck_assert_ptr_eq(limiter_ops_of(HG_LIMITER_SLOW_START), &limiter_slow_start_ops);
}
END_TEST

START_TEST(test_canaries)
{
    setup(&limiter_slow_start_ops);
    ck_assert_int_eq(limiter.window, 10);
    input.cohort = NULL;
    ck_assert_int_eq(limiter.ops->judge_canaries(&limiter, &input, why), LIMITER_KEEP);
    input.cohort = &cohort;
    ck_assert_int_eq(limiter.ops->judge_canaries(&limiter, &input, why), LIMITER_KEEP);
    results(9, 0, 0);
    ck_assert_int_eq(limiter.ops->judge_canaries(&limiter, &input, why), LIMITER_KEEP); /* nine of ten sent */
    results(1, 0, 0);
    ck_assert_int_eq(limiter.ops->judge_canaries(&limiter, &input, why), LIMITER_PASS);
    ck_assert_str_eq(why, "10 of 10 canaries came back well");
    ck_assert(limiter.paced); /* 1.5 * 10 / 2 s is below the rate */
}
END_TEST

static const struct {
    int64_t recovered, failed, excused, out; /* of the canaries; still out there */
    int64_t explained, idle_us;
    bool waiting;
    enum limiter_verdict verdict;
} canaries[] = {
    {8, 2, 0, 0, 0, 0, true, LIMITER_PASS},
    {7, 3, 0, 0, 0, 0, true, LIMITER_AGAIN},
    {7, 3, 0, 0, 3, 0, true, LIMITER_PASS},   /* they had failed before */
    {3, 7, 0, 0, 0, 0, true, LIMITER_FREEZE},
    {0, 5, 0, 5, 0, 0, true, LIMITER_FREEZE}, /* no need to wait for the rest */
    {0, 4, 0, 6, 0, 0, true, LIMITER_KEEP},
    {0, 0, 10, 0, 0, 0, true, LIMITER_AGAIN}, /* tells nothing */
    {3, 0, 0, 0, 0, 0, false, LIMITER_PASS},  /* all there are */
    {3, 0, 0, 0, 0, 0, true, LIMITER_KEEP},
    {8, 0, 0, 2, 0, 0, true, LIMITER_KEEP},
    {8, 0, 0, 2, 0, 30000001, true, LIMITER_PASS}, /* the rest is far overdue */
    {7, 0, 0, 3, 0, 30000001, true, LIMITER_KEEP},
};

START_TEST(test_canary_verdicts)
{
    setup(&limiter_slow_start_ops);
    results(canaries[_i].recovered, canaries[_i].failed, canaries[_i].excused);
    cohort.granted += canaries[_i].out;
    input.explained = canaries[_i].explained;
    input.waiting = canaries[_i].waiting;
    input.now_us += canaries[_i].idle_us;
    ck_assert_int_eq(limiter.ops->judge_canaries(&limiter, &input, why), canaries[_i].verdict);
}
END_TEST

START_TEST(test_grows_by_half_to_the_ceiling)
{
    setup(&limiter_slow_start_ops);
    static const int64_t windows[] = {15, 22, 33, 49, 73, 109, 163, 244, 366, 549, 823, 1000};
    for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        next_cohort();
        results(limiter.window - 1, 0, 0);
        ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_KEEP);
        results(1, 0, 0);
        ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_CHANGE);
        ck_assert_int_eq(limiter.window, windows[i]);
    }
    next_cohort();
    results(5000, 0, 0);
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_KEEP);
}
END_TEST

START_TEST(test_does_not_grow_unused_or_unwatched)
{
    setup(&limiter_slow_start_ops);
    results(9, 0, 0);
    cohort.granted = 9;
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_KEEP);
    results(20, 0, 0);
    input.waiting = false;
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_KEEP);
    input.waiting = true;
    cohort.recovered = 9; /* granted, not back */
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_KEEP);
}
END_TEST

START_TEST(test_halves_and_then_grows_gently)
{
    setup(&limiter_slow_start_ops);
    limiter.window = 100;
    results(40, 10, 0);
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_CHANGE);
    ck_assert_int_eq(limiter.window, 50);
    next_cohort();
    results(50, 0, 0);
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_CHANGE);
    ck_assert_int_eq(limiter.window, 55); /* by a tenth beyond the level that hurt */
    limiter.window = 10;
    next_cohort();
    results(5, 5, 0);
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_KEEP); /* not below the first window */
    ck_assert_int_eq(limiter.window, 10);
}
END_TEST

START_TEST(test_closes_when_most_fail)
{
    setup(&limiter_slow_start_ops);
    limiter.window = 100;
    results(4, 4, 0);
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_KEEP); /* too few */
    results(0, 5, 0);
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_FREEZE);
    input.explained = 9;
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_KEEP);
}
END_TEST

START_TEST(test_a_ceiling_that_falls_to_nothing_and_rises)
{
    setup(&limiter_slow_start_ops);
    limiter.window = 100;
    input.window_max = input.start_window = 0;
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_CHANGE);
    ck_assert_int_eq(limiter.window, 0);
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_KEEP);
    input.window_max = 1000;
    input.start_window = 10;
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_CHANGE);
    ck_assert_int_eq(limiter.window, 10); /* a window of 0 would never see an outcome to grow by */
}
END_TEST

START_TEST(test_first_window_is_the_ceiling)
{
    setup(&limiter_slow_start_ops);
    input.window_max = 10;
    limiter.window = 10;
    results(100, 0, 0);
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_KEEP);
    results(0, 90, 0);
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_KEEP); /* nothing to halve */
    results(0, 20, 0);
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_FREEZE);
}
END_TEST

START_TEST(test_extremes_do_not_overflow)
{
    setup(&limiter_slow_start_ops);
    limiter.window = input.window_max = BUCKET_BURST_MAX;
    input.cost = BUCKET_BURST_MAX;
    cohort.granted = cohort.recovered = INT64_C(1) << 40;
    cohort.histogram[0] = INT32_MAX;
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_KEEP);
    limiter.window = 1;
    input.start_window = 1;
    ck_assert_int_eq(limiter.ops->judge(&limiter, &input, why), LIMITER_CHANGE);
    ck_assert_int_eq(limiter.window, 2);
    input.rate_milli = 0;
    input.now_us = 0; /* the clock went back */
    ck_assert_int_eq(limiter.ops->judge_canaries(&limiter, &input, why), LIMITER_PASS);
    ck_assert(!limiter.paced);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limiter");
    TCase *tcase = tcase_create("limiter");
    tcase_add_test(tcase, test_fixed_gives_what_is_written);
    tcase_add_test(tcase, test_canaries);
    tcase_add_loop_test(tcase, test_canary_verdicts, 0, (int)(sizeof(canaries) / sizeof(canaries[0])));
    tcase_add_test(tcase, test_grows_by_half_to_the_ceiling);
    tcase_add_test(tcase, test_does_not_grow_unused_or_unwatched);
    tcase_add_test(tcase, test_halves_and_then_grows_gently);
    tcase_add_test(tcase, test_closes_when_most_fail);
    tcase_add_test(tcase, test_a_ceiling_that_falls_to_nothing_and_rises);
    tcase_add_test(tcase, test_first_window_is_the_ceiling);
    tcase_add_test(tcase, test_extremes_do_not_overflow);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
