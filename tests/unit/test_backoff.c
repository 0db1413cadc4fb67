#include "core/backoff.h"
#include "core/rng.h"

#include "check_main.h"

START_TEST(test_none_doubles_to_the_cap)
{
    struct backoff backoff = {.base_ms = 1000, .max_ms = 60000, .jitter = BACKOFF_JITTER_NONE};
    ck_assert_int_eq(backoff_delay_ms(&backoff, 1, 0), 1000);
    ck_assert_int_eq(backoff_delay_ms(&backoff, 2, 0), 2000);
    ck_assert_int_eq(backoff_delay_ms(&backoff, 7, 0), 60000);
    ck_assert_int_eq(backoff_delay_ms(&backoff, INT64_MAX, 0), 60000);
    ck_assert_int_eq(backoff_delay_ms(&backoff, -5, 0), 1000);
}
END_TEST

START_TEST(test_jitter_covers_its_range)
{
    struct backoff backoff = {.base_ms = 100, .max_ms = 800, .jitter = BACKOFF_JITTER_FULL};
    int64_t top = (INT64_C(1) << DRAW_BITS) - 1;
    ck_assert_int_eq(backoff_delay_ms(&backoff, 9, 0), 0);
    ck_assert_int_eq(backoff_delay_ms(&backoff, 9, top), 800);
    backoff.jitter = BACKOFF_JITTER_EQUAL;
    ck_assert_int_eq(backoff_delay_ms(&backoff, 9, 0), 400);
    ck_assert_int_eq(backoff_delay_ms(&backoff, 9, top), 800);
}
END_TEST

START_TEST(test_base_equal_to_max)
{
    struct backoff backoff = {.base_ms = 1, .max_ms = 1, .jitter = BACKOFF_JITTER_EQUAL};
    for (int64_t draw = 0; draw < (INT64_C(1) << DRAW_BITS); draw += 4095) {
        int64_t delay_ms = backoff_delay_ms(&backoff, 3, draw);
        ck_assert(delay_ms >= 0 && delay_ms <= 1);
    }
}
END_TEST

START_TEST(test_longest_delay_does_not_overflow)
{
    struct backoff backoff = {.base_ms = BACKOFF_MAX_MS, .max_ms = BACKOFF_MAX_MS, .jitter = BACKOFF_JITTER_FULL};
    int64_t delay_ms = backoff_delay_ms(&backoff, 50, (INT64_C(1) << DRAW_BITS) - 1);
    ck_assert(delay_ms > BACKOFF_MAX_MS - 100 && delay_ms <= BACKOFF_MAX_MS);
}
END_TEST

START_TEST(test_neighbouring_fences_draw_apart)
{
    int64_t sum = 0;
    for (int64_t fence = 1763000000000000; fence < 1763000000000000 + 10000; fence++) {
        int64_t draw = draw_from_fence(fence);
        ck_assert(draw >= 0 && draw < (INT64_C(1) << DRAW_BITS));
        sum += draw;
    }
    int64_t mean = sum / 10000;
    int64_t middle = INT64_C(1) << (DRAW_BITS - 1);
    ck_assert(mean > middle * 95 / 100 && mean < middle * 105 / 100);
}
END_TEST

START_TEST(test_rng_between_with_equal_ends)
{
    struct rng rng;
    rng_init(&rng, 7);
    ck_assert_int_eq(rng_between(&rng, 5, 5), 5);
    ck_assert_int_eq(rng_between(&rng, 5, 4), 5);
    (void)rng_between(&rng, INT64_MIN, INT64_MAX);
    for (int i = 0; i < 1000; i++) {
        int64_t value = rng_between(&rng, -3, 3);
        ck_assert(value >= -3 && value <= 3);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backoff");
    TCase *tcase = tcase_create("backoff");
    tcase_add_test(tcase, test_none_doubles_to_the_cap);
    tcase_add_test(tcase, test_jitter_covers_its_range);
    tcase_add_test(tcase, test_base_equal_to_max);
    tcase_add_test(tcase, test_longest_delay_does_not_overflow);
    tcase_add_test(tcase, test_neighbouring_fences_draw_apart);
    tcase_add_test(tcase, test_rng_between_with_equal_ends);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
