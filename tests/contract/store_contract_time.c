#include "store_contract.h"

#include <stdio.h>

START_TEST(test_clock_standing_still)
{
    scene_begin(_i);
    (void)grant("a");
    (void)grant("b");
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(ask("c")->limit, LIMIT_RATE);
    }
    ck_assert_int_eq(snapshot()->now_us, WORLD_BEGIN_US);
    scene_end();
}
END_TEST

START_TEST(test_small_step_back_freezes)
{
    scene_begin(_i);
    (void)grant("a");
    (void)grant("b");
    wait_us(-CLOCK_STEP_CAP_US);
    ck_assert_int_eq(ask("c")->limit, LIMIT_RATE);
    ck_assert_int_eq(snapshot()->now_us, WORLD_BEGIN_US);
    wait_us(CLOCK_STEP_CAP_US);
    (void)get("nobody");
    ck_assert_int_eq(snapshot()->now_us, WORLD_BEGIN_US); /* where it was: frozen for the step's length */
    wait_us(SECOND);
    (void)grant("c");
    scene_end();
}
END_TEST

START_TEST(test_large_step_back_is_taken_up)
{
    scene_begin(_i);
    (void)grant("a");
    (void)grant("b");
    wait_us(-3600 * SECOND);
    (void)get("nobody");
    ck_assert_int_eq(snapshot()->now_us, WORLD_BEGIN_US);
    wait_us(SECOND); /* goes on from there at once */
    (void)grant("c");
    ck_assert_int_eq(snapshot()->now_us, WORLD_BEGIN_US + SECOND);
    scene_end();
}
END_TEST

START_TEST(test_step_forward_costs_one_burst)
{
    char name[32];
    scene_begin(_i);
    (void)grant("a");
    (void)grant("b");
    wait_us(INT64_C(1000000) * SECOND);
    int granted = 0;
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof(name), "i-%d", i);
        granted += ask(name)->state == INSTANCE_GRANTED;
    }
    ck_assert_int_eq(granted, 2);
    scene_end();
}
END_TEST

/* Nobody spoke for longer than STORE_GAP_US: no controller was there to renew with. */
START_TEST(test_gap_gives_a_grace)
{
    scene_begin(_i);
    int64_t fence = grant("a");
    (void)grant("b");
    wait_us(3600 * SECOND);
    world_restart(&scene.world);
    int64_t back_us = scene.world.clock_us;
    const struct op_reply *reply = get("a");
    ck_assert_int_eq(reply->state, INSTANCE_GRANTED);
    ck_assert_int_eq(reply->until_us, back_us + RETURN_GRACE_US);
    ck_assert_int_eq(dependency("db")->in_flight, 2); /* still counted */
    wait_us(SECOND);
    ck_assert_int_eq(renew("a", fence)->until_us, scene.world.clock_us + MINUTE);
    for (int64_t i = 0; i < RETURN_GRACE_US / SECOND - 2; i++) {
        wait_us(SECOND);
        ck_assert_int_eq(get("b")->state, INSTANCE_GRANTED);
    }
    wait_us(SECOND);
    ck_assert_int_eq(get("b")->state, INSTANCE_BACKOFF); /* it did not come back */
    ck_assert_int_eq(get("a")->state, INSTANCE_GRANTED);
    ck_assert_int_eq(fleet("web")->expired, 1);
    scene_end();
}
END_TEST

START_TEST(test_grace_is_no_longer_than_the_lease)
{
    scene_begin(_i);
    scene.fleets[0].lease_us = 5 * SECOND;
    ck_assert_int_eq(configure(false), 0);
    (void)grant("a");
    wait_us(100 * SECOND);
    ck_assert_int_eq(get("a")->until_us, scene.world.clock_us + 5 * SECOND);
    wait_us(5 * SECOND / 2);
    ck_assert_int_eq(get("a")->state, INSTANCE_GRANTED);
    wait_us(5 * SECOND / 2);
    ck_assert_int_eq(get("a")->state, INSTANCE_BACKOFF);
    scene_end();
}
END_TEST

/* A journaled store knows that it was away, however shortly. */
START_TEST(test_restart_gives_a_grace)
{
    scene_begin(WORLD_JOURNAL);
    (void)grant("a");
    for (int i = 0; i < 59; i++) {
        wait_us(SECOND);
        (void)get("nobody");
    }
    world_restart(&scene.world);
    int64_t back_us = scene.world.clock_us;
    wait_us(SECOND);
    ck_assert_int_eq(get("a")->state, INSTANCE_GRANTED);
    ck_assert_int_eq(get("a")->until_us, back_us + RETURN_GRACE_US);
    world_restart(&scene.world); /* and what was granted so is kept */
    ck_assert_int_eq(get("a")->until_us, back_us + RETURN_GRACE_US);
    scene_end();
}
END_TEST

START_TEST(test_no_gap_no_grace)
{
    scene_begin(_i);
    (void)grant("a");
    for (int i = 0; i < 19; i++) {
        wait_us(STORE_GAP_US);
        ck_assert_int_eq(get("a")->state, INSTANCE_GRANTED);
    }
    wait_us(STORE_GAP_US);
    ck_assert_int_eq(get("a")->state, INSTANCE_BACKOFF);
    scene_end();
}
END_TEST

/* So many at once are taken, in order, and the rest by the next group. */
START_TEST(test_due_step_is_bounded)
{
    static struct group group;
    static char names[250][16];
    scene_begin(_i);
    for (size_t d = 0; d < 1; d++) {
        scene.plan.dependencies[d].rate_milli = 1000000000;
        scene.plan.dependencies[d].burst = 1000;
        scene.plan.dependencies[d].in_flight_max = scene.plan.dependencies[d].window = 1000;
    }
    ck_assert_int_eq(plan(), 0);
    wait_us(SECOND);
    for (size_t i = 0; i < 250; i++) {
        snprintf(names[i], sizeof(names[i]), "i-%03zu", i);
        group.ops[group.op_count++] = op_about(OP_ACQUIRE, names[i]);
    }
    (void)world_group(&scene.world, &group);
    ck_assert_int_eq(dependency("db")->in_flight, 250);
    for (int i = 0; i < 30; i++) {
        wait_us(2 * SECOND);
        (void)get("nobody");
    }
    ck_assert_int_eq(dependency("db")->in_flight, 50);
    ck_assert_int_eq(get("i-199")->state, INSTANCE_BACKOFF);
    ck_assert_int_eq(dependency("db")->in_flight, 0);
    scene_end();
}
END_TEST

TCase *store_contract_time(void)
{
    TCase *tcase = tcase_create("time");
    tcase_set_timeout(tcase, 60);
    const TTest *const tests[] = {test_clock_standing_still, test_small_step_back_freezes, test_large_step_back_is_taken_up,
                                  test_step_forward_costs_one_burst, test_gap_gives_a_grace, test_grace_is_no_longer_than_the_lease,
                                  test_no_gap_no_grace, test_due_step_is_bounded};
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tcase_add_loop_test(tcase, tests[i], 0, WORLD_KIND_COUNT);
    }
    tcase_add_test(tcase, test_restart_gives_a_grace);
    return tcase;
}
