#include "line_fixture.h"

#include "check_main.h"

static int64_t serving(size_t fleet, enum line line)
{
    return line_serving(&snapshot.fleets[fleet].lines[line], snapshot.now_us);
}

/* Called ones come and are granted as far as they are called. */
static void grant_called(size_t fleet, enum line line)
{
    struct snapshot_line *state = &snapshot.fleets[fleet].lines[line];
    int64_t called = state->tail - state->waiting < state->serving ? state->serving - (state->tail - state->waiting) : 0;
    state->granted += called;
    state->waiting -= called;
}

START_TEST(test_serving_stops_where_the_plan_ends)
{
    struct snapshot_line line = {.plan_base = 10, .plan_rate_milli = 2000, .plan_from_us = 5 * SECOND,
                                 .plan_until_us = 8 * SECOND};
    ck_assert_int_eq(line_serving(&line, 0), 10); /* the clock went back */
    ck_assert_int_eq(line_serving(&line, 5 * SECOND), 10);
    ck_assert_int_eq(line_serving(&line, 6 * SECOND), 12);
    ck_assert_int_eq(line_serving(&line, INT64_MAX), 16);
}
END_TEST

START_TEST(test_newcomers_pass_where_nobody_waits)
{
    fixture_setup();
    tick(SECOND);
    ck_assert_uint_eq(plan.fleet_count, 2);
    ck_assert_int_ge(plan.fleets[0].lines[LINE_MAIN].base, 10); /* a burst's worth may come unasked */
    ck_assert_int_lt(plan.fleets[0].lines[LINE_MAIN].base, 50);
}
END_TEST

START_TEST(test_a_line_is_called_at_its_rate)
{
    fixture_setup();
    arrive(0, LINE_MAIN, 10000);
    tick(0);
    for (int i = 0; i < 100; i++) {
        tick(200000);
        snapshot.fleets[0].lines[LINE_MAIN].ready = 15; /* the pool it aims at: 0.3 s of rate */
        grant_called(0, LINE_MAIN);
    }
    int64_t first = serving(0, LINE_MAIN);
    for (int i = 0; i < 100; i++) {
        tick(200000);
        grant_called(0, LINE_MAIN);
    }
    int64_t called = serving(0, LINE_MAIN) - first; /* in 20 s at 50 a second */
    ck_assert_int_ge(called, 980);
    ck_assert_int_le(called, 1020);
}
END_TEST

START_TEST(test_a_slow_line_moves_too)
{
    fixture_setup();
    plan.dependencies[0].rate_milli = snapshot.dependencies[0].rate_milli = 500;
    arrive(0, LINE_MAIN, 1000);
    tick(0);
    snapshot.fleets[0].lines[LINE_MAIN].ready = 1;
    for (int i = 0; i < 500; i++) {
        tick(200000);
        grant_called(0, LINE_MAIN);
        snapshot.fleets[0].lines[LINE_MAIN].ready = 1;
    }
    ck_assert_int_ge(serving(0, LINE_MAIN), 40); /* 100 s at half a one a second: the tick's fraction counts */
    ck_assert_int_le(serving(0, LINE_MAIN), 80);
}
END_TEST

START_TEST(test_spilled_tokens_call_further)
{
    fixture_setup();
    arrive(0, LINE_MAIN, 10000);
    tick(0);
    tick(200000);
    int64_t before = plan.fleets[0].lines[LINE_MAIN].base;
    snapshot.dependencies[0].spilled += 10 * TOKEN_MICRO; /* nobody came for ten */
    tick(200000);
    ck_assert_int_ge(plan.fleets[0].lines[LINE_MAIN].base - before, 80);
}
END_TEST

START_TEST(test_a_full_pool_calls_nobody)
{
    fixture_setup();
    arrive(0, LINE_MAIN, 10000);
    tick(0);
    snapshot.fleets[0].lines[LINE_MAIN].ready = 1000;
    tick(200000);
    ck_assert_int_eq(plan.fleets[0].lines[LINE_MAIN].rate_milli, 0);
}
END_TEST

START_TEST(test_no_supply_calls_nobody)
{
    fixture_setup();
    plan.dependencies[0].rate_milli = snapshot.dependencies[0].rate_milli = 0;
    arrive(0, LINE_MAIN, 100);
    tick(0);
    tick(SECOND);
    int64_t base = plan.fleets[0].lines[LINE_MAIN].base;
    for (int i = 0; i < 50; i++) {
        tick(SECOND);
    }
    ck_assert_int_eq(plan.fleets[0].lines[LINE_MAIN].base, base);
    ck_assert_int_eq(plan.fleets[0].lines[LINE_MAIN].rate_milli, 0);
}
END_TEST

START_TEST(test_the_paused_wait)
{
    fixture_setup();
    fleet_paused[1] = true;
    arrive(0, LINE_MAIN, 1000);
    arrive(1, LINE_MAIN, 1000);
    tick(0);
    tick(200000);
    ck_assert(plan.fleets[1].paused);
    ck_assert_int_eq(plan.fleets[1].lines[LINE_MAIN].rate_milli, 0);
    ck_assert_int_ge(plan.fleets[0].lines[LINE_MAIN].rate_milli, 50000); /* the other has it all */
}
END_TEST

START_TEST(test_retries_share_and_take_what_is_left)
{
    fixture_setup();
    arrive(0, LINE_MAIN, 1000);
    arrive(0, LINE_RETRY, 1000);
    tick(0);
    tick(200000);
    int64_t main_rate = plan.fleets[0].lines[LINE_MAIN].rate_milli, retry = plan.fleets[0].lines[LINE_RETRY].rate_milli;
    ck_assert_int_ge(retry * 10, (main_rate + retry) * 9 / 10);
    ck_assert_int_le(retry * 10, (main_rate + retry) * 11 / 10);
    fixture_setup();
    arrive(0, LINE_RETRY, 1000);
    tick(0);
    tick(200000);
    ck_assert_int_ge(plan.fleets[0].lines[LINE_RETRY].rate_milli, 50000);
    fixture_setup();
    arrive(0, LINE_MAIN, 1000); /* newcomers alone have it all */
    tick(0);
    tick(200000);
    ck_assert_int_ge(plan.fleets[0].lines[LINE_MAIN].rate_milli, 50000);
}
END_TEST

START_TEST(test_a_new_leader_goes_on_where_the_old_one_stopped)
{
    fixture_setup();
    arrive(0, LINE_MAIN, 10000);
    tick(0);
    for (int i = 0; i < 50; i++) {
        tick(200000);
        grant_called(0, LINE_MAIN);
    }
    int64_t called = serving(0, LINE_MAIN);
    line_planner_init(&planner, &input);
    tick(200000);
    ck_assert_int_ge(serving(0, LINE_MAIN), called);
    ck_assert_int_le(serving(0, LINE_MAIN), called + 100);
}
END_TEST

/* The store's clock stands, goes back, or jumps a day; its counters go back with it. */
static const int64_t clock_steps[] = {0, -5 * SECOND, -86400 * SECOND, 86400 * SECOND};

START_TEST(test_clocks)
{
    fixture_setup();
    arrive(0, LINE_MAIN, 10000);
    tick(0);
    tick(200000);
    snapshot.fleets[0].lines[LINE_MAIN].granted = 100;
    tick(200000);
    int64_t base = plan.fleets[0].lines[LINE_MAIN].base;
    if (clock_steps[_i] < 0) {
        snapshot.fleets[0].lines[LINE_MAIN].granted = 0;
        snapshot.dependencies[0].spilled = -100 * TOKEN_MICRO;
    }
    tick(clock_steps[_i]);
    for (int i = 0; i < 10; i++) {
        tick(200000);
        const struct plan_line *line = &plan.fleets[0].lines[LINE_MAIN];
        ck_assert_int_ge(line->base, base);
        ck_assert_int_le(line->base, base + 1000); /* seconds ahead at most, however far the jump */
        ck_assert_int_ge(line->rate_milli, 0);
        ck_assert_int_eq(line->until_us - line->from_us, PLAN_AHEAD_US);
        base = line->base;
    }
}
END_TEST

START_TEST(test_extremes)
{
    fixture_setup();
    plan.dependencies[0].rate_milli = snapshot.dependencies[0].rate_milli = BUCKET_RATE_MILLI_MAX;
    plan.dependencies[0].burst = BUCKET_BURST_MAX;
    plan.dependencies[0].window = plan.dependencies[0].in_flight_max = BUCKET_BURST_MAX;
    arrive(0, LINE_MAIN, INT64_C(1) << 40);
    tick(0);
    for (int i = 0; i < 20; i++) {
        snapshot.dependencies[0].spilled += BUCKET_BURST_MAX * TOKEN_MICRO;
        tick(SECOND);
        const struct plan_line *line = &plan.fleets[0].lines[LINE_MAIN];
        /* The store multiplies this by the span, in doubles. */
        ck_assert_int_le(line->rate_milli, ((INT64_C(1) << 53) - 1) / PLAN_AHEAD_US);
        ck_assert_int_le(line->base, INT64_C(1) << 53);
    }
    fixture_fleets[0].needs[0].cost = BUCKET_BURST_MAX;
    plan.dependencies[0].window = 0;
    tick(SECOND);
    ck_assert_int_ge(plan.fleets[0].lines[LINE_MAIN].rate_milli, 0);
}
END_TEST

START_TEST(test_unknown_to_the_store)
{
    fixture_setup();
    fleet_of[0] = -1;
    dependency_of[0] = -1;
    line_planner_init(&planner, &input);
    tick(SECOND);
    ck_assert_uint_eq(plan.fleet_count, 1);
    ck_assert_str_eq(plan.fleets[0].name, "b");
}
END_TEST

START_TEST(test_supply)
{
    struct snapshot_dependency dependency = {.rate_milli = 50000, .window = 100, .in_flight_max = 1000};
    ck_assert_double_eq_tol(line_supply(&dependency, 0), 50, 1e-9); /* room enough */
    dependency.in_flight = 100;
    ck_assert_double_eq_tol(line_supply(&dependency, 7), 7, 1e-9); /* full: what was measured */
    dependency.cohorts[1].recovered = 10;
    dependency.cohorts[1].histogram[18] = 10; /* 4.096 s: 100 in flight by that */
    ck_assert_double_eq_tol(line_supply(&dependency, 7), 100 / 4.096, 1e-9);
    dependency.paced = true;
    dependency.pace_milli = 3000;
    ck_assert_double_eq_tol(line_supply(&dependency, 7), 3, 1e-9);
    dependency.in_flight_max = 0;
    dependency.paced = false;
    ck_assert_double_eq_tol(line_supply(&dependency, 0), 0, 1e-9);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("line_plan");
    TCase *tcase = tcase_create("line_plan");
    tcase_add_test(tcase, test_serving_stops_where_the_plan_ends);
    tcase_add_test(tcase, test_newcomers_pass_where_nobody_waits);
    tcase_add_test(tcase, test_a_line_is_called_at_its_rate);
    tcase_add_test(tcase, test_a_slow_line_moves_too);
    tcase_add_test(tcase, test_spilled_tokens_call_further);
    tcase_add_test(tcase, test_a_full_pool_calls_nobody);
    tcase_add_test(tcase, test_no_supply_calls_nobody);
    tcase_add_test(tcase, test_the_paused_wait);
    tcase_add_test(tcase, test_retries_share_and_take_what_is_left);
    tcase_add_test(tcase, test_a_new_leader_goes_on_where_the_old_one_stopped);
    tcase_add_loop_test(tcase, test_clocks, 0, (int)(sizeof(clock_steps) / sizeof(clock_steps[0])));
    tcase_add_test(tcase, test_extremes);
    tcase_add_test(tcase, test_unknown_to_the_store);
    tcase_add_test(tcase, test_supply);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
