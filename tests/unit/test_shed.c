#include "core/shed.h"

#include "check_main.h"

START_TEST(test_only_what_we_do_not_cause)
{
    struct shed shed = {0};
    struct limiter_gauge gauge = {.known = true, .load = 3, .over = true};
    int64_t now_us = 1000;
    ck_assert(!shed_step(&shed, &gauge, true, now_us));
    ck_assert(!shed_step(&shed, &gauge, true, now_us + SHED_AFTER_US - 1));
    ck_assert(!shed_step(&shed, &gauge, false, now_us + SHED_AFTER_US)); /* many of ours are in it */
    ck_assert(!shed_step(&shed, &gauge, true, now_us + SHED_AFTER_US + 1));
    ck_assert(shed_step(&shed, &gauge, true, now_us + 2 * SHED_AFTER_US + 1));
    ck_assert(shed.unrecoverable);
    gauge.over = false;
    ck_assert(!shed_step(&shed, &gauge, true, now_us + 2 * SHED_AFTER_US + 2)); /* still above the soft mark */
    gauge.load = 0.9;
    ck_assert(shed_step(&shed, &gauge, true, now_us + 2 * SHED_AFTER_US + 3));
    ck_assert(!shed.unrecoverable);
}
END_TEST

START_TEST(test_needs_a_gauge)
{
    struct shed shed = {.since_us = 1};
    struct limiter_gauge gauge = {0};
    ck_assert(!shed_step(&shed, &gauge, true, 10 * SHED_AFTER_US));
    ck_assert(!shed.unrecoverable);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shed");
    TCase *tcase = tcase_create("shed");
    tcase_add_test(tcase, test_only_what_we_do_not_cause);
    tcase_add_test(tcase, test_needs_a_gauge);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
