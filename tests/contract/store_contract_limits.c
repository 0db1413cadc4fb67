#include "store_contract.h"

#include "core/rng.h"

#include <stdio.h>

START_TEST(test_burst_then_rate)
{
    scene_begin(_i);
    (void)grant("a");
    (void)grant("b");
    const struct op_reply *reply = ask("c");
    ck_assert_int_eq(reply->state, INSTANCE_WAITING);
    ck_assert_int_eq(reply->limit, LIMIT_RATE);
    ck_assert(reply->called);
    ck_assert_int_eq(reply->limit_dependency, 0);
    ck_assert_int_eq(reply->wait_us, SECOND);
    wait_us(SECOND - 1);
    ck_assert_int_eq(ask("c")->wait_us, 1);
    wait_us(1);
    (void)grant("c");
    wait_us(100 * SECOND); /* no more than a burst is saved up */
    (void)grant("d");
    (void)grant("e");
    ck_assert_int_eq(ask("f")->limit, LIMIT_RATE);
    scene_end();
}
END_TEST

/* In any window [a, b], grants <= burst + rate * (b - a), however the clock behaves. */
START_TEST(test_never_over_the_limit)
{
    static int64_t at_us[2000];
    size_t count = 0;
    struct rng rng;
    char name[32];
    rng_init(&rng, 7);
    scene_begin(_i);
    scene.plan.dependencies[0].rate_milli = 3333;
    scene.plan.dependencies[0].burst = 7;
    scene.plan.dependencies[0].in_flight_max = scene.plan.dependencies[0].window = 100000;
    ck_assert_int_eq(plan(), 0);
    for (int i = 0; i < 600; i++) {
        int64_t step = rng_between(&rng, 0, 9);
        wait_us(step == 0 ? -rng_between(&rng, 0, 5 * SECOND) : step == 1 ? rng_between(&rng, 0, 5 * SECOND)
                                                                           : rng_between(&rng, 0, SECOND / 3));
        snprintf(name, sizeof(name), "i-%d", i);
        if (ask(name)->state == INSTANCE_GRANTED) {
            at_us[count++] = snapshot()->now_us;
        }
    }
    ck_assert_uint_gt(count, 50);
    for (size_t a = 0; a < count; a++) {
        for (size_t b = a; b < count; b++) {
            int64_t allowed_nano = INT64_C(7000000000) + 3333 * (at_us[b] - at_us[a]);
            ck_assert_int_le((int64_t)(b - a + 1) * 1000000000, allowed_nano);
        }
    }
    scene_end();
}
END_TEST

START_TEST(test_in_flight_and_window)
{
    char name[32];
    scene_begin(_i);
    scene.plan.dependencies[0].burst = 100;
    scene.plan.dependencies[0].rate_milli = 1000000;
    scene.plan.dependencies[0].in_flight_max = 5;
    scene.plan.dependencies[0].window = 3;
    ck_assert_int_eq(plan(), 0);
    wait_us(SECOND);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "i-%d", i);
        (void)grant(name);
    }
    ck_assert_int_eq(ask("x")->limit, LIMIT_WINDOW);
    ck_assert_int_eq(scene.world.reply.ops[0].wait_us, 0); /* nobody knows */
    scene.plan.dependencies[0].window = 5;
    ck_assert_int_eq(plan(), 0);
    (void)grant("x");
    (void)grant("y");
    ck_assert_int_eq(ask("z")->limit, LIMIT_IN_FLIGHT);
    ck_assert_int_eq(dependency("db")->in_flight, 5);
    (void)complete("y", 0, OUTCOME_RECOVERED);
    (void)grant("z");
    ck_assert_int_eq(dependency("db")->in_flight, 5);
    scene_end();
}
END_TEST

START_TEST(test_pace)
{
    scene_begin(_i);
    scene.plan.dependencies[0].paced = true;
    scene.plan.dependencies[0].pace_milli = 500;
    scene.plan.dependencies[0].pace_burst = 5000000;
    ck_assert_int_eq(plan(), 0);
    (void)grant("a"); /* begins with one token, whatever its burst */
    const struct op_reply *reply = ask("b");
    ck_assert_int_eq(reply->limit, LIMIT_PACE);
    ck_assert_int_eq(reply->wait_us, 2 * SECOND);
    ck_assert_int_eq(dependency("db")->tokens, 1000000); /* the refused takes nothing */
    struct op priority = op_about(OP_ACQUIRE, "p");
    priority.priority = true;
    ck_assert_int_eq(one(priority)->state, INSTANCE_GRANTED); /* pace is not for it */
    wait_us(2 * SECOND);
    (void)grant("b");
    scene.plan.dependencies[0].paced = false;
    ck_assert_int_eq(plan(), 0);
    (void)grant("c");
    ck_assert_int_eq(dependency("db")->pace_milli, 0);
    scene_end();
}
END_TEST

START_TEST(test_all_needs_or_none)
{
    scene_begin(_i);
    scene.plan.dependencies[0].burst = 10;
    scene.plan.dependencies[1].in_flight_max = scene.plan.dependencies[1].window = 5;
    ck_assert_int_eq(plan(), 0);
    wait_us(20 * SECOND);
    ck_assert_int_eq(ask_fleet("both", "a")->state, INSTANCE_GRANTED);
    ck_assert_int_eq(ask_fleet("both", "b")->state, INSTANCE_GRANTED);
    ck_assert_int_eq(dependency("net")->in_flight, 4);
    ck_assert_int_eq(dependency("net")->tokens, 6000000);
    ck_assert_int_eq(dependency("db")->tokens, 8000000);
    const struct op_reply *reply = ask_fleet("both", "c"); /* 2 more would be 6 */
    ck_assert_int_eq(reply->limit, LIMIT_IN_FLIGHT);
    ck_assert_int_eq(reply->limit_dependency, 1);
    ck_assert_int_eq(dependency("net")->in_flight, 4);
    ck_assert_int_eq(dependency("net")->tokens, 6000000);
    ck_assert_int_eq(dependency("db")->in_flight, 2);
    ck_assert_int_eq(dependency("db")->tokens, 8000000);
    struct op done = op_about(OP_COMPLETE, "a");
    done.fleet = "both";
    done.outcome = OUTCOME_RECOVERED;
    ck_assert_int_eq(one(done)->status, 0);
    ck_assert_int_eq(dependency("net")->in_flight, 2);
    ck_assert_int_eq(ask_fleet("both", "c")->state, INSTANCE_GRANTED);
    scene_end();
}
END_TEST

START_TEST(test_longest_wait_of_two)
{
    scene_begin(_i);
    scene.plan.dependencies[1].rate_milli = 100;
    scene.plan.dependencies[1].burst = 2;
    ck_assert_int_eq(plan(), 0);
    ck_assert_int_eq(ask_fleet("both", "a")->state, INSTANCE_GRANTED);
    (void)grant("b");
    const struct op_reply *reply = ask_fleet("both", "c");
    ck_assert_int_eq(reply->limit, LIMIT_RATE);
    ck_assert_int_eq(reply->limit_dependency, 0); /* the first */
    ck_assert_int_eq(reply->wait_us, 20 * SECOND); /* the longest */
    scene_end();
}
END_TEST

START_TEST(test_priority_has_a_reserve)
{
    scene_begin(_i);
    scene.dependencies[0].reserve_burst = 1;
    scene.dependencies[0].reserve_in_flight = 1;
    ck_assert_int_eq(configure(false), 0);
    scene.plan.fleets[0].lines[LINE_MAIN].base = 1;
    ck_assert_int_eq(plan(), 0);
    (void)grant("a");
    ck_assert_int_eq(ask("b")->limit, LIMIT_LINE);
    struct op priority = op_about(OP_ACQUIRE, "p");
    priority.priority = true;
    ck_assert_int_eq(one(priority)->state, INSTANCE_GRANTED); /* not called, and the last token */
    priority.instance = "q";
    ck_assert_int_eq(one(priority)->limit, LIMIT_RATE);
    ck_assert(scene.world.reply.ops[0].called);
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].ready, 0); /* not its turn: it is not ready */
    wait_us(100 * SECOND);
    scene.plan.dependencies[0].in_flight_max = scene.plan.dependencies[0].window = 3;
    scene.plan.fleets[0].lines[LINE_MAIN].base = 1000;
    ck_assert_int_eq(plan(), 0);
    (void)complete("a", 0, OUTCOME_RECOVERED);
    (void)complete("p", 0, OUTCOME_RECOVERED);
    ck_assert_int_eq(dependency("db")->in_flight, 0);
    (void)grant("c");
    ck_assert_int_eq(ask("d")->limit, LIMIT_RATE); /* one token is kept back */
    wait_us(SECOND);
    (void)grant("d");
    wait_us(2 * SECOND);
    ck_assert_int_eq(ask("e")->limit, LIMIT_IN_FLIGHT); /* one place is kept back */
    ck_assert_int_eq(one(priority)->state, INSTANCE_GRANTED);
    ck_assert_int_eq(dependency("db")->in_flight, 3);
    scene_end();
}
END_TEST

/* An override may lower a limit below the reserve: the others keep half of it. */
START_TEST(test_a_reserve_is_at_most_half_of_the_limit)
{
    scene_begin(_i);
    scene.dependencies[0].reserve_burst = 8;
    scene.dependencies[0].reserve_in_flight = 8;
    ck_assert_int_eq(configure(false), 0);
    scene.plan.dependencies[0].burst = 5;
    scene.plan.dependencies[0].in_flight_max = scene.plan.dependencies[0].window = 7;
    ck_assert_int_eq(plan(), 0);
    wait_us(100 * SECOND);
    (void)grant("a");
    (void)grant("b");
    (void)grant("c");
    const struct op_reply *reply = ask("d");
    ck_assert_int_eq(reply->limit, LIMIT_RATE); /* 2 of 5 tokens are kept back */
    ck_assert_int_eq(reply->wait_us, SECOND);
    wait_us(100 * SECOND);
    (void)grant("d");
    ck_assert_int_eq(ask("e")->limit, LIMIT_IN_FLIGHT); /* 3 of 7 places are kept back */
    scene.plan.dependencies[0].in_flight_max = scene.plan.dependencies[0].window = 1;
    ck_assert_int_eq(plan(), 0);
    (void)complete("a", 0, OUTCOME_RECOVERED);
    (void)complete("b", 0, OUTCOME_RECOVERED);
    (void)complete("c", 0, OUTCOME_RECOVERED);
    (void)complete("d", 0, OUTCOME_RECOVERED);
    (void)grant("e"); /* half of one is none */
    scene_end();
}
END_TEST

START_TEST(test_observe_grants_and_tells)
{
    scene_begin(_i);
    struct op op = op_about(OP_ACQUIRE, "a");
    op.observe = true;
    scene.plan.fleets[0].lines[LINE_MAIN].base = 0;
    ck_assert_int_eq(plan(), 0);
    ck_assert_int_eq(one(op)->state, INSTANCE_GRANTED);
    ck_assert_int_eq(scene.world.reply.ops[0].limit, LIMIT_LINE);
    scene.plan.fleets[0].lines[LINE_MAIN].base = 100;
    ck_assert_int_eq(plan(), 0);
    op.instance = "b";
    ck_assert_int_eq(one(op)->limit, LIMIT_NONE);
    op.instance = "c";
    const struct op_reply *reply = one(op);
    ck_assert_int_eq(reply->state, INSTANCE_GRANTED);
    ck_assert_int_eq(reply->limit, LIMIT_RATE);
    ck_assert_int_eq(reply->limit_dependency, 0);
    ck_assert(!reply->called);
    ck_assert_int_eq(dependency("db")->tokens, 0); /* gave what it had */
    ck_assert_int_eq(dependency("db")->in_flight, 3);
    scene_end();
}
END_TEST

START_TEST(test_phase_is_the_reason)
{
    scene_begin(_i);
    scene.plan.dependencies[0].window = 0;
    scene.plan.dependencies[0].phase = PHASE_BLOCKED;
    ck_assert_int_eq(plan(), 0);
    ck_assert_int_eq(ask("a")->limit, LIMIT_BLOCKED);
    ck_assert_int_eq(dependency("db")->phase, PHASE_BLOCKED);
    scene.plan.dependencies[0].phase = PHASE_PAUSED;
    ck_assert_int_eq(plan(), 0);
    ck_assert_int_eq(ask("a")->limit, LIMIT_PAUSED);
    scene.plan.dependencies[0].window = 1; /* the canary trickle of a blocked one passes */
    scene.plan.dependencies[0].phase = PHASE_BLOCKED;
    ck_assert_int_eq(plan(), 0);
    (void)grant("a");
    scene_end();
}
END_TEST

START_TEST(test_spilled)
{
    scene_begin(_i);
    int64_t before = dependency("db")->spilled;
    wait_us(SECOND / 2); /* full, nobody comes, room in flight */
    (void)get("nobody");
    ck_assert_int_eq(dependency("db")->spilled - before, 500000);
    scene.plan.dependencies[0].window = 1;
    ck_assert_int_eq(plan(), 0);
    (void)grant("a");
    wait_us(2 * SECOND);
    before = dependency("db")->spilled;
    (void)get("nobody"); /* no room in flight: nothing is wasted by nobody's coming */
    ck_assert_int_eq(dependency("db")->spilled, before);
    scene_end();
}
END_TEST

START_TEST(test_cohorts)
{
    scene_begin(_i);
    int64_t first = grant("a"), granted_us = scene.world.clock_us;
    scene.plan.dependencies[0].cohort = 2;
    ck_assert_int_eq(plan(), 0);
    wait_us(SECOND);
    (void)grant("b");
    ck_assert_int_eq(dependency("db")->cohorts[0].id, 2);
    ck_assert_int_eq(dependency("db")->cohorts[0].granted, 1);
    ck_assert_int_eq(dependency("db")->cohorts[0].first_us, scene.world.clock_us);
    ck_assert_int_eq(dependency("db")->cohorts[1].id, 1);
    ck_assert_int_eq(dependency("db")->cohorts[1].granted, 1);
    ck_assert_int_eq(dependency("db")->cohorts[1].last_us, granted_us);
    (void)complete("a", first, OUTCOME_RECOVERED); /* counts where it was granted */
    ck_assert_int_eq(dependency("db")->cohorts[0].recovered, 0);
    ck_assert_int_eq(dependency("db")->cohorts[1].recovered, 1);
    int64_t last = COHORTS_KEPT + 2; /* 1 and 2 go */
    for (int64_t cohort = 3; cohort <= last; cohort++) {
        scene.plan.dependencies[0].cohort = cohort;
        ck_assert_int_eq(plan(), 0);
    }
    (void)complete("b", 0, OUTCOME_RECOVERED); /* its cohort is no longer kept */
    ck_assert_int_eq(dependency("db")->recovered, 2);
    for (size_t c = 0; c < COHORTS_KEPT; c++) {
        ck_assert_int_eq(dependency("db")->cohorts[c].id, last - (int64_t)c);
        ck_assert_int_eq(dependency("db")->cohorts[c].recovered, 0);
    }
    scene.plan.dependencies[0].cohort = last - 1; /* not greater: nothing opens */
    ck_assert_int_eq(plan(), 0);
    ck_assert_int_eq(dependency("db")->cohort, last);
    scene_end();
}
END_TEST

TCase *store_contract_limits(void)
{
    TCase *tcase = tcase_create("limits");
    tcase_set_timeout(tcase, 60);
    const TTest *const tests[] = {test_burst_then_rate, test_never_over_the_limit, test_in_flight_and_window, test_pace,
                                  test_all_needs_or_none, test_longest_wait_of_two, test_priority_has_a_reserve,
                                  test_a_reserve_is_at_most_half_of_the_limit, test_observe_grants_and_tells,
                                  test_phase_is_the_reason, test_spilled, test_cohorts};
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tcase_add_loop_test(tcase, tests[i], 0, WORLD_KIND_COUNT);
    }
    return tcase;
}
