#include "core/bucket.h"
#include "core/rng.h"

#include "check_main.h"

static struct bucket make(int64_t rate_milli, int64_t burst_tokens, int64_t tokens)
{
    struct bucket bucket;
    bucket_init(&bucket, rate_milli, burst_tokens * TOKEN_MICRO, tokens * TOKEN_MICRO, 0);
    return bucket;
}

START_TEST(test_refill_carries_remainders)
{
    /* 0.333 tokens/s settled every microsecond gains exactly what one settlement gains. */
    struct bucket often = make(333, 10, 0);
    struct bucket once = make(333, 10, 0);
    for (int64_t t = 1; t <= 100000; t++) {
        ck_assert_int_eq(bucket_settle(&often, t), 0);
    }
    bucket_settle(&once, 100000);
    ck_assert_int_eq(often.tokens, once.tokens);
    ck_assert_int_eq(often.rem, once.rem);
    ck_assert_int_eq(often.tokens, 33300);
}
END_TEST

START_TEST(test_clock_stands_goes_back_and_jumps)
{
    struct bucket bucket = make(1000, 5, 1);
    bucket.at_us = 1000000;
    bucket_settle(&bucket, 1000000);
    ck_assert_int_eq(bucket.tokens, TOKEN_MICRO);
    bucket_settle(&bucket, 10);
    ck_assert_int_eq(bucket.tokens, TOKEN_MICRO);
    ck_assert_int_eq(bucket.at_us, 1000000);
    bucket_settle(&bucket, INT64_MAX);
    ck_assert_int_eq(bucket.tokens, 5 * TOKEN_MICRO);
}
END_TEST

START_TEST(test_zero_rate_never_refills)
{
    struct bucket bucket = make(0, 5, 2);
    ck_assert_int_eq(bucket_settle(&bucket, INT64_MAX), 0);
    ck_assert_int_eq(bucket.tokens, 2 * TOKEN_MICRO);
    ck_assert_int_eq(bucket_wait_us(&bucket, 3 * TOKEN_MICRO, 0), INT64_MAX);
    ck_assert_int_eq(bucket_wait_us(&bucket, 2 * TOKEN_MICRO, 0), 0);
}
END_TEST

START_TEST(test_huge_burst_does_not_overflow)
{
    struct bucket bucket = make(1, BUCKET_BURST_MAX, 0);
    bucket_settle(&bucket, INT64_MAX / 2);
    ck_assert_int_eq(bucket.tokens, BUCKET_BURST_MAX * TOKEN_MICRO);
    bucket = make(BUCKET_RATE_MILLI_MAX, BUCKET_BURST_MAX, 0);
    bucket_settle(&bucket, 999999);
    ck_assert_int_eq(bucket.tokens, INT64_C(999999) * TOKEN_MICRO);
}
END_TEST

START_TEST(test_spill_is_counted_once_full)
{
    struct bucket bucket = make(1000, 2, 1);
    ck_assert_int_eq(bucket_settle(&bucket, 1000000), 0);
    ck_assert_int_eq(bucket_settle(&bucket, 1500000), TOKEN_MICRO / 2);
    ck_assert_int_eq(bucket_settle(&bucket, INT64_C(90000000)), TOKEN_MICRO); /* bounded to a second */
}
END_TEST

START_TEST(test_reconfigure_settles_then_clamps)
{
    struct bucket bucket = make(1000, 10, 0);
    bucket_reconfigure(&bucket, 500, 2 * TOKEN_MICRO, 5000000);
    ck_assert_int_eq(bucket.tokens, 2 * TOKEN_MICRO);
    bucket_take(&bucket, 2 * TOKEN_MICRO);
    ck_assert_int_eq(bucket_wait_us(&bucket, TOKEN_MICRO, 0), 2000000);
    ck_assert_int_eq(bucket_wait_us(&bucket, TOKEN_MICRO, TOKEN_MICRO), 4000000);
    ck_assert_int_eq(bucket_wait_us(&bucket, TOKEN_MICRO, 2 * TOKEN_MICRO), INT64_MAX);
}
END_TEST

START_TEST(test_wait_is_exact)
{
    struct bucket bucket = make(7, 3, 0);
    int64_t wait_us = bucket_wait_us(&bucket, TOKEN_MICRO, 0);
    struct bucket before = bucket;
    bucket_settle(&before, wait_us - 1);
    ck_assert(!bucket_can_take(&before, TOKEN_MICRO, 0));
    bucket_settle(&bucket, wait_us);
    ck_assert(bucket_can_take(&bucket, TOKEN_MICRO, 0));
}
END_TEST

START_TEST(test_no_window_exceeds_the_bound)
{
    struct rng rng;
    rng_init(&rng, (uint64_t)_i + 1);
    struct bucket bucket = make(50000, 10, 10);
    enum { GRANTS_MAX = 4000 };
    static int64_t times[GRANTS_MAX];
    int count = 0;
    for (int64_t now = 0; count < GRANTS_MAX; now += rng_between(&rng, 1, 40000)) {
        bucket_settle(&bucket, now);
        while (count < GRANTS_MAX && bucket_can_take(&bucket, TOKEN_MICRO, 0)) {
            bucket_take(&bucket, TOKEN_MICRO);
            times[count++] = now;
        }
    }
    int over = 0;
    for (int i = 0; i < count; i++) {
        for (int j = i; j < count; j++) {
            over += (j - i + 1) * INT64_C(1000000) > 10 * INT64_C(1000000) + 50 * (times[j] - times[i]);
        }
    }
    ck_assert_int_eq(over, 0);
}
END_TEST

START_TEST(test_a_reserve_leaves_half)
{
    ck_assert_int_eq(reserve_in_force(0, 0), 0);
    ck_assert_int_eq(reserve_in_force(5, 0), 0);
    ck_assert_int_eq(reserve_in_force(5, 1), 0);
    ck_assert_int_eq(reserve_in_force(5, 9), 4);
    ck_assert_int_eq(reserve_in_force(5, 10), 5);
    ck_assert_int_eq(reserve_in_force(5, BUCKET_BURST_MAX), 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bucket");
    TCase *tcase = tcase_create("bucket");
    tcase_add_test(tcase, test_refill_carries_remainders);
    tcase_add_test(tcase, test_clock_stands_goes_back_and_jumps);
    tcase_add_test(tcase, test_zero_rate_never_refills);
    tcase_add_test(tcase, test_huge_burst_does_not_overflow);
    tcase_add_test(tcase, test_spill_is_counted_once_full);
    tcase_add_test(tcase, test_reconfigure_settles_then_clamps);
    tcase_add_test(tcase, test_wait_is_exact);
    tcase_add_test(tcase, test_a_reserve_leaves_half);
    tcase_add_loop_test(tcase, test_no_window_exceeds_the_bound, 0, 8);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
