#include "core/rng.h"

#include "check_main.h"

#include <stdbool.h>

START_TEST(test_same_seed_same_draws)
{
    struct rng a, b, c;
    rng_init(&a, 42);
    rng_init(&b, 42);
    rng_init(&c, 43);
    bool differs = false;
    for (int i = 0; i < 1000; i++) {
        uint64_t draw = rng_next(&a);
        ck_assert_uint_eq(draw, rng_next(&b));
        differs = differs || draw != rng_next(&c);
    }
    ck_assert(differs);
    rng_init(&a, 1234567); /* the published vector of splitmix64 */
    ck_assert_uint_eq(rng_next(&a), UINT64_C(6457827717110365317));
    ck_assert_uint_eq(rng_next(&a), UINT64_C(3203168211198807973));
}
END_TEST

START_TEST(test_ranges)
{
    struct rng rng;
    rng_init(&rng, 1);
    ck_assert_int_eq(rng_between(&rng, 5, 5), 5);
    ck_assert_int_eq(rng_between(&rng, 5, 4), 5);
    ck_assert_int_eq(rng_between(&rng, INT64_MAX, INT64_MAX), INT64_MAX);
    bool low = false, high = false;
    for (int i = 0; i < 1000; i++) {
        int64_t draw = rng_between(&rng, -3, 3);
        ck_assert_int_ge(draw, -3);
        ck_assert_int_le(draw, 3);
        low = low || draw == -3;
        high = high || draw == 3;
        (void)rng_between(&rng, INT64_MIN, INT64_MAX); /* the span wraps to 0 */
    }
    ck_assert(low && high);
}
END_TEST

START_TEST(test_spread_is_even)
{
    struct rng rng;
    rng_init(&rng, 9);
    int count[10] = {0};
    for (int i = 0; i < 100000; i++) {
        count[rng_between(&rng, 0, 9)]++;
    }
    for (int i = 0; i < 10; i++) {
        ck_assert_int_gt(count[i], 9500);
        ck_assert_int_lt(count[i], 10500);
    }
}
END_TEST

START_TEST(test_draw_from_fence)
{
    int64_t buckets[16] = {0};
    for (int64_t fence = INT64_C(1700000000000000); fence < INT64_C(1700000000000000) + 16000; fence++) {
        int64_t draw = draw_from_fence(fence);
        ck_assert_int_ge(draw, 0);
        ck_assert_int_lt(draw, INT64_C(1) << DRAW_BITS);
        buckets[draw >> (DRAW_BITS - 4)]++;
    }
    for (int i = 0; i < 16; i++) { /* neighbours are spread */
        ck_assert_int_gt(buckets[i], 700);
        ck_assert_int_lt(buckets[i], 1300);
    }
    ck_assert_int_ge(draw_from_fence(0), 0);
    ck_assert_int_ge(draw_from_fence((INT64_C(1) << 53) - 1), 0);
    ck_assert_int_eq(draw_from_fence(77), draw_from_fence(77));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rng");
    TCase *tcase = tcase_create("rng");
    tcase_add_test(tcase, test_same_seed_same_draws);
    tcase_add_test(tcase, test_ranges);
    tcase_add_test(tcase, test_spread_is_even);
    tcase_add_test(tcase, test_draw_from_fence);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
