#include "store_contract.h"

START_TEST(test_first_ask_is_granted)
{
    scene_begin(_i);
    const struct op_reply *reply = ask("a");
    ck_assert_int_eq(reply->status, 0);
    ck_assert_int_eq(reply->state, INSTANCE_GRANTED);
    ck_assert_int_eq(reply->fence, scene.world.clock_us); /* max(last + 1, now) */
    ck_assert_int_eq(reply->until_us, scene.world.clock_us + MINUTE);
    ck_assert_int_eq(reply->since_us, scene.world.clock_us);
    ck_assert_int_eq(reply->attempt, 1);
    ck_assert_int_eq(reply->limit, LIMIT_NONE);
    ck_assert_int_eq(reply->limit_dependency, -1);
    ck_assert(!reply->already);
    ck_assert_int_eq(fleet("web")->in_flight, 1);
    ck_assert_int_eq(fleet("web")->granted, 1);
    ck_assert_int_eq(dependency("db")->in_flight, 1);
    ck_assert_int_eq(grant("b"), scene.world.clock_us + 1); /* the clock stands still, the fence does not */
    ck_assert_int_eq(snapshot()->fence, scene.world.clock_us + 1);
    scene_end();
}
END_TEST

START_TEST(test_asking_twice_gives_the_same_permit)
{
    scene_begin(_i);
    int64_t fence = ask_boot("a", "")->fence;
    wait_us(SECOND);
    ck_assert(ask_boot("a", "one")->already); /* takes the boot_id */
    ck_assert_int_eq(scene.world.reply.ops[0].fence, fence);
    ck_assert_int_eq(scene.world.reply.ops[0].until_us, WORLD_BEGIN_US + MINUTE); /* not renewed by asking */
    ck_assert(ask_boot("a", "one")->already);
    ck_assert(ask_boot("a", "")->already);
    ck_assert_int_eq(dependency("db")->in_flight, 1);
    ck_assert_int_eq(fleet("web")->granted, 1);
    scene_end();
}
END_TEST

START_TEST(test_another_life_supersedes)
{
    scene_begin(_i);
    int64_t fence = ask_boot("a", "one")->fence;
    const struct op_reply *reply = ask_boot("a", "two");
    ck_assert_int_eq(reply->state, INSTANCE_BACKOFF);
    ck_assert_int_eq(reply->limit, LIMIT_BACKOFF);
    ck_assert_int_eq(reply->attempt, 2);
    ck_assert_int_eq(reply->outcome, OUTCOME_FAILED);
    ck_assert_int_eq(reply->until_us, scene.world.clock_us + SECOND);
    ck_assert_str_eq(reply->reasons[0], "superseded by boot_id two");
    ck_assert_int_eq(fleet("web")->superseded, 1);
    ck_assert_int_eq(fleet("web")->failed, 1);
    ck_assert_int_eq(dependency("db")->in_flight, 0);
    ck_assert_int_eq(renew("a", fence)->status, HG_E_SUPERSEDED);
    wait_us(SECOND);
    int64_t next = ask_boot("a", "two")->fence;
    ck_assert_int_gt(next, fence);
    ck_assert_int_eq(renew("a", fence)->status, HG_E_SUPERSEDED); /* smaller than the present one */
    ck_assert_int_eq(renew("a", next)->status, 0);
    scene_end();
}
END_TEST

START_TEST(test_renewal)
{
    scene_begin(_i);
    int64_t fence = grant("a");
    wait_us(20 * SECOND);
    const struct op_reply *reply = renew("a", fence);
    ck_assert_int_eq(reply->status, 0);
    ck_assert_int_eq(reply->until_us, scene.world.clock_us + MINUTE);
    ck_assert_int_eq(renew("a", fence - 1)->status, HG_E_SUPERSEDED);
    ck_assert_int_eq(renew("a", fence + 1)->status, HG_E_CONFLICT);
    ck_assert_int_eq(renew("nobody", fence)->status, HG_E_EXPIRED);
    (void)complete("a", fence, OUTCOME_FAILED);
    ck_assert_int_eq(renew("a", fence)->status, HG_E_CONFLICT);
    scene_end();
}
END_TEST

START_TEST(test_expiry_is_final)
{
    scene_begin(_i);
    int64_t fence = grant("a");
    for (int i = 0; i < 20; i++) {
        wait_us(3 * SECOND - (i == 19)); /* somebody speaks: this is no gap */
        ck_assert_int_eq(get("a")->state, INSTANCE_GRANTED);
    }
    wait_us(1);
    const struct op_reply *reply = renew("a", fence);
    ck_assert_int_eq(reply->status, HG_E_EXPIRED);
    ck_assert_int_eq(reply->state, INSTANCE_BACKOFF);
    ck_assert_int_eq(reply->outcome, OUTCOME_EXPIRED);
    ck_assert_int_eq(reply->until_us, scene.world.clock_us + SECOND);
    ck_assert_str_eq(reply->reasons[0], "the lease ran out");
    ck_assert_int_eq(fleet("web")->expired, 1);
    ck_assert_int_eq(fleet("web")->in_flight, 0);
    ck_assert_int_eq(fleet("web")->backoff, 1);
    ck_assert_int_eq(dependency("db")->expired, 1);
    ck_assert_int_eq(dependency("db")->in_flight, 0);
    ck_assert_int_eq(dependency("db")->cohorts[0].expired, 1);
    scene_end();
}
END_TEST

static void let_expire(int64_t until_us)
{
    while (scene.world.clock_us < until_us) {
        wait_us(until_us - scene.world.clock_us < 2 * SECOND ? until_us - scene.world.clock_us : 2 * SECOND);
        (void)get("nobody");
    }
}

START_TEST(test_late_recovered_is_welcome)
{
    scene_begin(_i);
    int64_t fence = grant("a");
    let_expire(WORLD_BEGIN_US + MINUTE);
    const struct op_reply *reply = complete("a", fence, OUTCOME_FAILED);
    ck_assert_int_eq(reply->status, 0);
    ck_assert(reply->already);
    reply = complete("a", fence, OUTCOME_RECOVERED);
    ck_assert_int_eq(reply->status, 0);
    ck_assert(!reply->already);
    ck_assert_int_eq(reply->state, INSTANCE_DONE);
    ck_assert_int_eq(reply->attempt, 1); /* failures forgotten */
    ck_assert_int_eq(fleet("web")->recovered, 1);
    ck_assert_int_eq(fleet("web")->backoff, 0);
    ck_assert_int_eq(dependency("db")->recovered, 0);
    ck_assert_int_eq(dependency("db")->cohorts[0].recovered, 0); /* the limiter is not rewound */
    ck_assert(complete("a", fence, OUTCOME_RECOVERED)->already);
    scene_end();
}
END_TEST

START_TEST(test_late_recovered_leaves_the_line)
{
    scene_begin(_i);
    int64_t fence = grant("a");
    let_expire(WORLD_BEGIN_US + MINUTE + SECOND);
    scene.plan.fleets[0].lines[LINE_RETRY].base = 0;
    ck_assert_int_eq(plan(), 0);
    const struct op_reply *reply = ask("a");
    ck_assert_int_eq(reply->state, INSTANCE_WAITING);
    ck_assert_int_eq(reply->line, LINE_RETRY);
    ck_assert_int_eq(fleet("web")->lines[LINE_RETRY].waiting, 1);
    ck_assert_int_eq(complete("a", fence, OUTCOME_RECOVERED)->state, INSTANCE_DONE);
    ck_assert_int_eq(fleet("web")->lines[LINE_RETRY].waiting, 0);
    scene_end();
}
END_TEST

START_TEST(test_recovered)
{
    scene_begin(_i);
    int64_t fence = grant("a");
    wait_us(5 * SECOND / 2);
    const struct op_reply *reply = complete("a", fence, OUTCOME_RECOVERED);
    ck_assert_int_eq(reply->status, 0);
    ck_assert_int_eq(reply->state, INSTANCE_DONE);
    ck_assert_int_eq(reply->until_us, scene.world.clock_us + REMEMBER_MIN_US);
    ck_assert_int_eq(dependency("db")->in_flight, 0);
    ck_assert_int_eq(dependency("db")->recovered, 1);
    ck_assert_int_eq(dependency("db")->cohorts[0].recovered, 1);
    ck_assert_int_eq(dependency("db")->cohorts[0].histogram[16], 1); /* 2.5 s is in (2048, 2560] ms */
    reply = complete("a", fence, OUTCOME_RECOVERED);
    ck_assert_int_eq(reply->status, 0);
    ck_assert(reply->already);
    ck_assert(complete("a", 0, OUTCOME_RECOVERED)->already);
    ck_assert_int_eq(complete("a", fence, OUTCOME_FAILED)->status, HG_E_CONFLICT);
    ck_assert_int_eq(complete("a", fence + 7, OUTCOME_RECOVERED)->status, HG_E_CONFLICT);
    ck_assert_int_eq(fleet("web")->recovered, 1);
    scene_end();
}
END_TEST

START_TEST(test_outcome_of_the_life_before)
{
    scene_begin(_i);
    int64_t first = grant("a");
    (void)complete("a", first, OUTCOME_RECOVERED);
    int64_t second = grant("a");
    const struct op_reply *reply = complete("a", first, OUTCOME_RECOVERED);
    ck_assert_int_eq(reply->status, 0);
    ck_assert(reply->already);
    ck_assert_int_eq(reply->state, INSTANCE_GRANTED);
    ck_assert_int_eq(complete("a", first, OUTCOME_FAILED)->status, HG_E_CONFLICT);
    ck_assert_int_eq(complete("a", first - 1, OUTCOME_RECOVERED)->status, HG_E_SUPERSEDED);
    ck_assert_int_eq(complete("a", 0, OUTCOME_RECOVERED)->state, INSTANCE_DONE); /* 0: the one it has */
    ck_assert(complete("a", second, OUTCOME_RECOVERED)->already);
    scene_end();
}
END_TEST

START_TEST(test_nobody_completes)
{
    scene_begin(_i);
    ck_assert_int_eq(complete("a", 5, OUTCOME_RECOVERED)->status, HG_E_EXPIRED);
    ck_assert_int_eq(complete("a", 0, OUTCOME_RECOVERED)->status, HG_E_NOT_FOUND);
    ck_assert_int_eq(get("a")->state, INSTANCE_NONE);
    ck_assert_int_eq(get("a")->status, 0);
    ck_assert_int_eq(one(op_about(OP_RELEASE, "a"))->status, HG_E_NOT_FOUND);
    (void)grant("a");
    const struct op_reply *reply = one(op_about(OP_RELEASE, "a"));
    ck_assert_int_eq(reply->status, HG_E_NOT_FOUND);
    ck_assert_int_eq(reply->state, INSTANCE_GRANTED);
    scene_end();
}
END_TEST

START_TEST(test_leaving)
{
    scene_begin(_i);
    struct op leave = op_about(OP_LEAVE, "a");
    ck_assert(one(leave)->already);
    leave.fence = grant("a") + 1;
    ck_assert_int_eq(one(leave)->status, HG_E_SUPERSEDED);
    leave.fence--;
    int64_t tokens = dependency("db")->tokens;
    ck_assert_int_eq(one(leave)->state, INSTANCE_NONE);
    ck_assert_int_eq(dependency("db")->in_flight, 0);
    ck_assert_int_eq(dependency("db")->tokens, tokens); /* not given back */
    ck_assert_int_eq(dependency("db")->cohorts[0].excused, 1);
    (void)grant("b");
    leave = op_about(OP_LEAVE, "c");
    ck_assert_int_eq(ask("c")->state, INSTANCE_WAITING);
    ck_assert_int_eq(one(leave)->state, INSTANCE_NONE);
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].waiting, 0);
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].ready, 0);
    scene_end();
}
END_TEST

START_TEST(test_leaving_keeps_failures)
{
    scene_begin(_i);
    (void)complete("a", grant("a"), OUTCOME_FAILED);
    ck_assert(one(op_about(OP_LEAVE, "a"))->already); /* in backoff there is nothing to leave */
    wait_us(SECOND);
    (void)grant("a");
    const struct op_reply *reply = one(op_about(OP_LEAVE, "a"));
    ck_assert_int_eq(reply->state, INSTANCE_BACKOFF);
    ck_assert_int_eq(reply->until_us, scene.world.clock_us);
    ck_assert_int_eq(reply->attempt, 2);
    wait_us(SECOND);
    ck_assert_int_eq(ask("a")->attempt, 2);
    scene_end();
}
END_TEST

START_TEST(test_done_is_forgotten_in_the_end)
{
    scene_begin(_i);
    (void)complete("a", grant("a"), OUTCOME_RECOVERED);
    wait_us(REMEMBER_MIN_US - 1);
    ck_assert_int_eq(get("a")->state, INSTANCE_DONE);
    wait_us(1);
    ck_assert_int_eq(get("a")->state, INSTANCE_NONE);
    scene_end();
}
END_TEST

/* Everything a permit is survives the controller. */
START_TEST(test_restart_keeps_it_all)
{
    if (_i == WORLD_MEMORY) {
        return; /* gone with its process, by design */
    }
    scene_begin(_i);
    int64_t fence = ask_boot("a", "one")->fence;
    (void)complete("b", grant("b"), OUTCOME_FAILED);
    ck_assert_int_eq(ask("c")->state, INSTANCE_WAITING);
    one((struct op){.kind = OP_NOTE_PUT, .key = "k", .value = "v", .until_us = TIME_NEVER_US});
    world_restart(&scene.world);
    ck_assert(ask_boot("a", "one")->already);
    ck_assert_int_eq(scene.world.reply.ops[0].fence, fence);
    ck_assert_int_eq(get("b")->state, INSTANCE_BACKOFF);
    ck_assert_str_eq(get("b")->reasons[0], "disk");
    ck_assert_int_eq(get("c")->number, 3);
    ck_assert_int_eq(dependency("db")->in_flight, 1);
    ck_assert_int_eq(snapshot()->generation, 0);
    ck_assert_int_eq(snapshot()->leader, scene.leader);
    ck_assert_int_eq(snapshot()->notes_version, 1);
    ck_assert_int_eq(snapshot()->learning_until_us, 0);
    wait_us(SECOND);
    ck_assert_int_gt(grant("c"), fence);
    scene_end();
}
END_TEST

TCase *store_contract_permits(void)
{
    TCase *tcase = tcase_create("permits");
    tcase_set_timeout(tcase, 60);
    const TTest *const tests[] = {
        test_first_ask_is_granted, test_asking_twice_gives_the_same_permit, test_another_life_supersedes, test_renewal,
        test_expiry_is_final, test_late_recovered_is_welcome, test_late_recovered_leaves_the_line, test_recovered,
        test_outcome_of_the_life_before, test_nobody_completes, test_leaving, test_leaving_keeps_failures,
        test_done_is_forgotten_in_the_end, test_restart_keeps_it_all};
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tcase_add_loop_test(tcase, tests[i], 0, WORLD_KIND_COUNT);
    }
    return tcase;
}
