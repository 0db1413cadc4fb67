#include "core/line_after.h"
#include "line_fixture.h"

#include "check_main.h"

/* b waits until 95 % of a's 100 are back. */
static void setup(int64_t at_latest_us)
{
    fixture_setup();
    fixture_fleets[1].after_count = 1;
    fixture_fleets[1].after[0] = (struct hg_after){.fleet = 0, .share_permille = 950, .at_latest_us = at_latest_us};
    line_planner_init(&planner, &input);
}

static bool held_after(int64_t span_us)
{
    tick(span_us);
    return plan.fleets[1].held;
}

static void back(int64_t count)
{
    snapshot.fleets[0].lines[LINE_MAIN].waiting -= count;
    snapshot.fleets[0].recovered += count;
}

START_TEST(test_not_held_while_all_is_well)
{
    setup(0);
    arrive(1, LINE_MAIN, 10);
    ck_assert(!held_after(SECOND));
    arrive(0, LINE_MAIN, 5); /* five of a hundred may be out */
    ck_assert(!held_after(SECOND));
}
END_TEST

START_TEST(test_held_until_the_share_is_back)
{
    setup(0);
    arrive(0, LINE_MAIN, 100);
    arrive(1, LINE_MAIN, 10);
    ck_assert(held_after(SECOND));
    back(94);
    ck_assert(held_after(SECOND)); /* few are out, but fewer than 95 came back */
    back(1);
    ck_assert(!held_after(SECOND));
    arrive(0, LINE_MAIN, 50); /* let go: this crowd is not held again */
    ck_assert(!held_after(SECOND));
}
END_TEST

START_TEST(test_the_rest_of_a_fleet_that_never_asks)
{
    setup(0);
    arrive(0, LINE_MAIN, 50);
    arrive(1, LINE_MAIN, 10);
    ck_assert(held_after(SECOND));
    back(50); /* the other fifty are silent: never went down */
    ck_assert(held_after(SECOND));
    ck_assert(held_after(AFTER_QUIET_US));
    ck_assert(!held_after(SECOND));
}
END_TEST

START_TEST(test_at_latest)
{
    setup(30 * SECOND);
    arrive(0, LINE_MAIN, 100);
    arrive(1, LINE_MAIN, 10);
    ck_assert(held_after(SECOND));
    ck_assert(held_after(29 * SECOND));
    ck_assert(!held_after(2 * SECOND));
    ck_assert(!held_after(100 * SECOND));
}
END_TEST

START_TEST(test_at_latest_counts_from_the_first_that_waits)
{
    setup(30 * SECOND);
    arrive(0, LINE_MAIN, 100);
    ck_assert(held_after(SECOND));
    ck_assert(held_after(100 * SECOND)); /* nobody of b waits */
    arrive(1, LINE_MAIN, 1);
    ck_assert(held_after(SECOND));
    ck_assert(held_after(29 * SECOND));
    ck_assert(!held_after(2 * SECOND));
}
END_TEST

START_TEST(test_the_next_crowd_is_held_again)
{
    setup(0);
    arrive(0, LINE_MAIN, 100);
    arrive(1, LINE_MAIN, 10);
    ck_assert(held_after(SECOND));
    back(100);
    ck_assert(!held_after(SECOND));
    snapshot.fleets[1].lines[LINE_MAIN].waiting = 0;
    ck_assert(!held_after(AFTER_QUIET_US));
    ck_assert(!held_after(AFTER_QUIET_US));
    arrive(0, LINE_MAIN, 100);
    arrive(1, LINE_MAIN, 10);
    ck_assert(held_after(SECOND));
}
END_TEST

START_TEST(test_size_or_share_of_nothing)
{
    setup(0);
    fixture_fleets[0].size = 0;
    arrive(0, LINE_MAIN, 100);
    arrive(1, LINE_MAIN, 10);
    ck_assert(!held_after(SECOND));
    setup(0);
    fixture_fleets[1].after[0].share_permille = 0;
    arrive(0, LINE_MAIN, 100);
    ck_assert(!held_after(SECOND));
    setup(0);
    fixture_fleets[1].after[0].share_permille = 1000;
    arrive(0, LINE_MAIN, 1);
    ck_assert(held_after(SECOND));
}
END_TEST

START_TEST(test_clocks_that_stand_and_go_back)
{
    setup(30 * SECOND);
    arrive(0, LINE_MAIN, 100);
    arrive(1, LINE_MAIN, 10);
    ck_assert(held_after(0));
    ck_assert(held_after(0));
    ck_assert(held_after(-100 * SECOND));
    ck_assert(held_after(100 * SECOND));
    ck_assert(!held_after(86400 * SECOND));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("line_after");
    TCase *tcase = tcase_create("line_after");
    tcase_add_test(tcase, test_not_held_while_all_is_well);
    tcase_add_test(tcase, test_held_until_the_share_is_back);
    tcase_add_test(tcase, test_the_rest_of_a_fleet_that_never_asks);
    tcase_add_test(tcase, test_at_latest);
    tcase_add_test(tcase, test_at_latest_counts_from_the_first_that_waits);
    tcase_add_test(tcase, test_the_next_crowd_is_held_again);
    tcase_add_test(tcase, test_size_or_share_of_nothing);
    tcase_add_test(tcase, test_clocks_that_stand_and_go_back);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
