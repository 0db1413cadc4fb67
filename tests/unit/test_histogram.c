#include "core/group.h"
#include "core/histogram.h"

#include "check_main.h"

START_TEST(test_bounds_are_three_an_octave)
{
    static const int64_t first[] = {64, 80, 101, 128, 160, 202, 256, 320, 404};
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        ck_assert_int_eq(histogram_bound_ms(i), first[i]);
    }
    for (size_t i = 1; i < HISTOGRAM_SIZE; i++) {
        ck_assert_int_gt(histogram_bound_ms(i), histogram_bound_ms(i - 1));
    }
    ck_assert_int_eq(histogram_bound_ms(HISTOGRAM_SIZE - 1), INT64_MAX);
    ck_assert_int_eq(histogram_bound_ms(SIZE_MAX), INT64_MAX);
}
END_TEST

START_TEST(test_every_duration_has_its_bucket)
{
    ck_assert_uint_eq(histogram_index(INT64_MIN), 0);
    ck_assert_uint_eq(histogram_index(-1), 0);
    ck_assert_uint_eq(histogram_index(0), 0);
    ck_assert_uint_eq(histogram_index(64000), 0);
    ck_assert_uint_eq(histogram_index(64001), 1);
    ck_assert_uint_eq(histogram_index(INT64_MAX), HISTOGRAM_SIZE - 1);
    for (size_t i = 0; i + 1 < HISTOGRAM_SIZE; i++) {
        ck_assert_uint_eq(histogram_index(histogram_bound_ms(i) * 1000), i);
        ck_assert_uint_eq(histogram_index(histogram_bound_ms(i) * 1000 + 1), i + 1);
    }
}
END_TEST

START_TEST(test_quantiles)
{
    int32_t histogram[HISTOGRAM_SIZE] = {0};
    ck_assert_int_eq(histogram_quantile_ms(histogram, 500), 0);
    histogram[4] = 1; /* 160 ms */
    ck_assert_int_eq(histogram_quantile_ms(histogram, 0), 160);
    ck_assert_int_eq(histogram_quantile_ms(histogram, 500), 160);
    ck_assert_int_eq(histogram_quantile_ms(histogram, 1000), 160);
    histogram[7] = 1; /* 320 ms */
    ck_assert_int_eq(histogram_quantile_ms(histogram, 500), 160);
    ck_assert_int_eq(histogram_quantile_ms(histogram, 501), 320);
    histogram[HISTOGRAM_SIZE - 1] = INT32_MAX; /* beyond the last bound: what is known is "at least that" */
    histogram[7] = INT32_MAX;
    ck_assert_int_eq(histogram_quantile_ms(histogram, 999), histogram_bound_ms(HISTOGRAM_SIZE - 2));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("histogram");
    TCase *tcase = tcase_create("histogram");
    tcase_add_test(tcase, test_bounds_are_three_an_octave);
    tcase_add_test(tcase, test_every_duration_has_its_bucket);
    tcase_add_test(tcase, test_quantiles);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
