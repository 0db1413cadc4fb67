#include "store_contract.h"

#include <stdio.h>
#include <string.h>

static void fail_one(const char *instance)
{
    (void)complete(instance, grant(instance), OUTCOME_FAILED);
}

START_TEST(test_failed_backs_off)
{
    scene_begin(_i);
    scene.fleets[0].attempts = 10;
    ck_assert_int_eq(configure(false), 0);
    static const int64_t delays[] = {SECOND, 2 * SECOND, 4 * SECOND, 4 * SECOND}; /* doubled, then at the cap */
    for (int64_t failures = 1; failures <= 4; failures++) {
        int64_t fence = grant("a");
        const struct op_reply *reply = complete("a", fence, OUTCOME_FAILED);
        int64_t until_us = scene.world.clock_us + delays[failures - 1];
        ck_assert_int_eq(reply->state, INSTANCE_BACKOFF);
        ck_assert_int_eq(reply->attempt, failures + 1);
        ck_assert_int_eq(reply->until_us, until_us);
        ck_assert_str_eq(reply->reasons[0], "disk");
        ck_assert_int_eq(dependency("db")->cohorts[0].failed, failures);
        ck_assert_int_eq(dependency("db")->failed, failures);
        for (int64_t before = 1; before <= AGAIN_CLASSES; before++) { /* how often it had failed before */
            int64_t again = before < AGAIN_CLASSES ? failures > before : failures > before ? failures - before : 0;
            ck_assert_int_eq(dependency("db")->cohorts[0].again[before - 1], again);
        }
        ck_assert(complete("a", fence, OUTCOME_FAILED)->already);
        ck_assert_int_eq(complete("a", fence, OUTCOME_RECOVERED)->status, HG_E_CONFLICT);
        wait_until(until_us - 1);
        reply = ask("a");
        ck_assert_int_eq(reply->state, INSTANCE_BACKOFF);
        ck_assert_int_eq(reply->limit, LIMIT_BACKOFF);
        wait_until(until_us);
    }
    ck_assert_int_eq(ask("a")->line, LINE_RETRY);
    ck_assert_int_eq(fleet("web")->lines[LINE_RETRY].granted, 4);
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].granted, 1);
    scene_end();
}
END_TEST

START_TEST(test_jitter_stays_within_its_range)
{
    scene_begin(_i);
    scene.fleets[0].attempts = 1000;
    scene.fleets[0].backoff_jitter = HG_JITTER_EQUAL;
    scene.fleets[0].backoff_base_us = scene.fleets[0].backoff_max_us = 2 * SECOND;
    ck_assert_int_eq(configure(false), 0);
    int64_t shortest = INT64_MAX, longest = 0;
    for (int i = 0; i < 30; i++) {
        int64_t delay = complete("a", grant("a"), OUTCOME_FAILED)->until_us - scene.world.clock_us;
        ck_assert_int_ge(delay, SECOND);
        ck_assert_int_le(delay, 2 * SECOND);
        shortest = delay < shortest ? delay : shortest;
        longest = delay > longest ? delay : longest;
        wait_us(delay + 1000 * i + 1);
    }
    ck_assert_int_gt(longest - shortest, SECOND / 2); /* it is spread */
    scene_end();
}
END_TEST

static void fail_twice(const char *instance)
{
    fail_one(instance);
    wait_us(SECOND);
    fail_one(instance);
    wait_us(2 * SECOND);
}

START_TEST(test_quarantine)
{
    scene_begin(_i);
    fail_twice("a");
    const struct op_reply *reply = ask("a");
    ck_assert_int_eq(reply->status, 0);
    ck_assert_int_eq(reply->state, INSTANCE_QUARANTINED);
    ck_assert_int_eq(reply->limit, LIMIT_QUARANTINE);
    ck_assert_str_eq(reply->reasons[1], "disk");
    ck_assert_int_eq(fleet("web")->quarantined, 1);
    wait_us(100 * MINUTE); /* it does not pass by itself */
    ck_assert_int_eq(ask("a")->state, INSTANCE_QUARANTINED);
    ck_assert_int_eq(one(op_about(OP_RELEASE, "a"))->state, INSTANCE_NONE);
    ck_assert_int_eq(fleet("web")->quarantined, 0);
    ck_assert_int_eq(ask("a")->attempt, 1);
    scene_end();
}
END_TEST

START_TEST(test_quarantine_needs_nobody_to_ask)
{
    scene_begin(_i);
    fail_twice("a");
    ck_assert_int_eq(get("a")->state, INSTANCE_QUARANTINED);
    scene_end();
}
END_TEST

START_TEST(test_quarantine_has_a_cap)
{
    static const char *const names[] = {"a", "b", "c"};
    scene_begin(_i);
    for (size_t i = 0; i < 3; i++) {
        fail_twice(names[i]);
        (void)get("nobody");
    }
    ck_assert_int_eq(fleet("web")->quarantined, 2);
    ck_assert_int_eq(get("c")->state, INSTANCE_BACKOFF);
    const struct op_reply *reply = ask("c"); /* goes on as before */
    ck_assert_int_eq(reply->state, INSTANCE_GRANTED);
    ck_assert_int_eq(reply->attempt, 3);
    scene_end();
}
END_TEST

START_TEST(test_old_failures_are_forgotten)
{
    scene_begin(_i);
    scene.fleets[0].forget_us = 5 * SECOND;
    ck_assert_int_eq(configure(false), 0);
    fail_one("a");
    wait_us(5 * SECOND);
    const struct op_reply *reply = ask("a");
    ck_assert_int_eq(reply->attempt, 2); /* not before forget_us has passed */
    (void)complete("a", reply->fence, OUTCOME_RECOVERED);
    ck_assert_int_eq(ask("a")->attempt, 1); /* recovered: forgotten */
    wait_us(2 * SECOND);
    fail_one("b");
    wait_us(5 * SECOND + 1);
    reply = ask("b");
    ck_assert_int_eq(reply->attempt, 1);
    ck_assert_int_eq(reply->line, LINE_MAIN);
    scene_end();
}
END_TEST

START_TEST(test_failed_is_forgotten_in_the_end)
{
    scene_begin(_i);
    fail_one("a");
    wait_us(SECOND + REMEMBER_MIN_US - 1);
    ck_assert_int_eq(get("a")->state, INSTANCE_BACKOFF);
    wait_us(1);
    ck_assert_int_eq(get("a")->state, INSTANCE_NONE);
    scene_end();
}
END_TEST

static void excuse(int64_t from_us, int64_t to_us)
{
    scene.plan.dependencies[0].excused_from_us = from_us;
    scene.plan.dependencies[0].excused_to_us = to_us;
    ck_assert_int_eq(plan(), 0);
}

START_TEST(test_outage_burns_no_attempt)
{
    scene_begin(_i);
    int64_t fence = grant("a");
    excuse(scene.world.clock_us, INT64_MAX);
    const struct op_reply *reply = complete("a", fence, OUTCOME_FAILED);
    ck_assert_int_eq(reply->state, INSTANCE_BACKOFF);
    ck_assert_int_eq(reply->attempt, 1);
    ck_assert_int_eq(reply->until_us, scene.world.clock_us);
    ck_assert_int_eq(dependency("db")->cohorts[0].excused, 1);
    ck_assert_int_eq(dependency("db")->cohorts[0].failed, 0);
    ck_assert_int_eq(dependency("db")->failed, 1); /* counted all the same */
    ck_assert_int_eq(fleet("web")->failed, 1);
    reply = ask("a");
    ck_assert_int_eq(reply->state, INSTANCE_GRANTED);
    ck_assert_int_eq(reply->line, LINE_MAIN);
    excuse(0, 0);
    ck_assert_int_eq(complete("a", 0, OUTCOME_FAILED)->attempt, 2);
    scene_end();
}
END_TEST

START_TEST(test_outage_found_out_later)
{
    scene_begin(_i);
    fail_one("a");
    int64_t failed_us = scene.world.clock_us;
    wait_us(SECOND);
    excuse(failed_us - SECOND, failed_us + 1);
    const struct op_reply *reply = ask("a"); /* the failure lies in the window: forgiven */
    ck_assert_int_eq(reply->attempt, 1);
    ck_assert_int_eq(reply->line, LINE_MAIN);
    scene_end();
}
END_TEST

START_TEST(test_outage_keeps_out_of_quarantine)
{
    scene_begin(_i);
    fail_one("a");
    wait_us(SECOND);
    fail_one("a");
    excuse(scene.world.clock_us, INT64_MAX);
    wait_us(2 * SECOND);
    const struct op_reply *reply = get("a");
    ck_assert_int_eq(reply->state, INSTANCE_BACKOFF);
    ck_assert_int_eq(reply->attempt, 2);
    ck_assert_int_eq(ask("a")->state, INSTANCE_GRANTED);
    scene_end();
}
END_TEST

START_TEST(test_reasons_newest_first)
{
    scene_begin(_i);
    scene.fleets[0].attempts = 10;
    ck_assert_int_eq(configure(false), 0);
    char reason[REASON_MAX + 20];
    for (int i = 1; i <= 4; i++) {
        memset(reason, '0' + i, sizeof(reason));
        reason[sizeof(reason) - 1] = '\0';
        struct op op = op_about(OP_COMPLETE, "a");
        op.fence = grant("a");
        op.outcome = OUTCOME_FAILED;
        op.reason = i == 3 ? "" : reason;
        (void)one(op);
        wait_us(5 * SECOND);
    }
    const struct op_reply *reply = get("a");
    ck_assert_uint_eq(strlen(reply->reasons[0]), REASON_MAX); /* cut */
    ck_assert_int_eq(reply->reasons[0][0], '4');
    ck_assert_str_eq(reply->reasons[1], "no reason given");
    ck_assert_int_eq(reply->reasons[2][0], '2');
    scene_end();
}
END_TEST

TCase *store_contract_failures(void)
{
    TCase *tcase = tcase_create("failures");
    tcase_set_timeout(tcase, 60);
    const TTest *const tests[] = {test_failed_backs_off, test_jitter_stays_within_its_range, test_quarantine,
                                  test_quarantine_needs_nobody_to_ask, test_quarantine_has_a_cap, test_old_failures_are_forgotten,
                                  test_failed_is_forgotten_in_the_end, test_outage_burns_no_attempt, test_outage_found_out_later,
                                  test_outage_keeps_out_of_quarantine, test_reasons_newest_first};
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tcase_add_loop_test(tcase, tests[i], 0, WORLD_KIND_COUNT);
    }
    return tcase;
}
