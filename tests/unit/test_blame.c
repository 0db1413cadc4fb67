#include "core/blame.h"

#include "check_main.h"

#include <string.h>

static struct blame_fleet fleets[HG_FLEETS_MAX];

static struct blame start(void)
{
    struct blame blame;
    memset(fleets, 0, sizeof(fleets));
    fleets[0] = (struct blame_fleet){1000, 1000, 1000}; /* of long ago */
    blame_init(&blame, fleets);
    return blame;
}

static void outcomes(size_t fleet, int64_t recovered, int64_t failed)
{
    fleets[fleet].recovered += recovered;
    fleets[fleet].failed += failed;
}

START_TEST(test_what_was_before_explains_nothing)
{
    struct blame blame = start();
    ck_assert_int_eq(blame_explained(&blame, fleets), 0);
    outcomes(0, 0, 10);
    ck_assert_int_eq(blame_explained(&blame, fleets), 0);
}
END_TEST

START_TEST(test_retries_explain)
{
    struct blame blame = start();
    fleets[0].retries += 3;
    ck_assert_int_eq(blame_explained(&blame, fleets), 3);
    blame_open(&blame, fleets);
    ck_assert_int_eq(blame_explained(&blame, fleets), 0);
}
END_TEST

START_TEST(test_a_fleet_that_fails_while_others_do_well)
{
    struct blame blame = start();
    outcomes(0, 7, 0);
    outcomes(1, 0, 3);
    ck_assert_int_eq(blame_explained(&blame, fleets), 0); /* too few to say */
    blame_open(&blame, fleets);
    outcomes(0, 7, 0);
    outcomes(1, 0, 3);
    ck_assert_int_eq(blame_explained(&blame, fleets), 3); /* of this cohort */
    fleets[1].retries += 2;
    ck_assert_int_eq(blame_explained(&blame, fleets), 3); /* not twice */
}
END_TEST

START_TEST(test_a_dependency_in_trouble_does_not_choose)
{
    struct blame blame = start();
    outcomes(0, 2, 8);
    outcomes(1, 0, 10);
    outcomes(2, 5, 5);
    ck_assert_int_eq(blame_explained(&blame, fleets), 0);
    blame = start();
    outcomes(1, 0, 10); /* nobody else to compare with */
    ck_assert_int_eq(blame_explained(&blame, fleets), 0);
}
END_TEST

START_TEST(test_old_news_fades)
{
    struct blame blame = start();
    outcomes(0, 10, 0);
    outcomes(1, 0, 10);
    for (int cohort = 0; cohort < 6; cohort++) {
        blame_open(&blame, fleets);
        outcomes(0, 10, 0);
    }
    outcomes(1, 0, 1); /* the first failure in long */
    ck_assert_int_eq(blame_explained(&blame, fleets), 0);
}
END_TEST

START_TEST(test_counters_that_went_back)
{
    struct blame blame = start();
    memset(fleets, 0, sizeof(fleets)); /* the store lost writes */
    ck_assert_int_eq(blame_explained(&blame, fleets), 0);
    blame_open(&blame, fleets);
    fleets[0].retries = 2;
    ck_assert_int_eq(blame_explained(&blame, fleets), 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("blame");
    TCase *tcase = tcase_create("blame");
    tcase_add_test(tcase, test_what_was_before_explains_nothing);
    tcase_add_test(tcase, test_retries_explain);
    tcase_add_test(tcase, test_a_fleet_that_fails_while_others_do_well);
    tcase_add_test(tcase, test_a_dependency_in_trouble_does_not_choose);
    tcase_add_test(tcase, test_old_news_fades);
    tcase_add_test(tcase, test_counters_that_went_back);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
