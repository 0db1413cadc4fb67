#include "store_contract.h"

#include <stdio.h>
#include <string.h>

START_TEST(test_nothing_before_configure)
{
    scene_begin_unconfigured(_i);
    const struct op_reply *reply = ask("a");
    ck_assert_int_eq(reply->status, HG_E_NOT_READY);
    ck_assert_int_eq(reply->limit, LIMIT_STORE);
    ck_assert_int_eq(snapshot()->generation, -1);
    static const enum op_kind kinds[] = {OP_RENEW, OP_COMPLETE, OP_LEAVE, OP_GET, OP_RELEASE, OP_LIST, OP_SWEEP};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        ck_assert_int_eq(one(op_about(kinds[i], "a"))->status, HG_E_NOT_READY);
    }
    scene.leader = lead("me", MINUTE, 0)->leader;
    ck_assert_int_eq(plan(), HG_E_NOT_READY);
    ck_assert_int_eq(one((struct op){.kind = OP_NOTE_PUT, .key = "k", .value = "v", .until_us = TIME_NEVER_US})->status, 0);
    ck_assert_uint_eq(one((struct op){.kind = OP_NOTE_LIST, .key = "", .count = 10})->note_count, 1);
    ck_assert_int_eq(configure(true), 0);
    ck_assert_int_eq(ask_fleet("nobody", "a")->status, HG_E_NOT_FOUND);
    scene_end();
}
END_TEST

START_TEST(test_the_lock)
{
    scene_begin_unconfigured(_i);
    ck_assert_int_eq(lead("one", 2 * SECOND, 5)->leader, 1);
    ck_assert_int_eq(snapshot()->leader, 1);
    ck_assert_str_eq(snapshot()->leader_id, "one");
    ck_assert_int_eq(snapshot()->leader_until_us, scene.world.clock_us + 2 * SECOND);
    ck_assert_int_eq(lead("two", 2 * SECOND, 5)->leader, 0);
    wait_us(2 * SECOND - 1);
    ck_assert_int_eq(lead("one", 2 * SECOND, 5)->leader, 1); /* kept: the same number */
    wait_us(2 * SECOND - 1);
    ck_assert_int_eq(lead("two", 2 * SECOND, 5)->leader, 0);
    wait_us(1);
    ck_assert_int_eq(lead("two", 2 * SECOND, 5)->leader, 2);
    wait_us(2 * SECOND);
    (void)lead("nobody", 0, -5);
    ck_assert_int_eq(snapshot()->leader, 0);
    ck_assert_str_eq(snapshot()->leader_id, "");
    ck_assert_int_eq(lead("two", 2 * SECOND, 5)->leader, 3); /* its own, but it had run out */
    ck_assert_int_eq(lead("two", 0, 5)->leader, 3); /* given up */
    ck_assert_int_eq(lead("one", SECOND, 5)->leader, 4);
    scene_end();
}
END_TEST

START_TEST(test_newer_policy_takes_the_lock)
{
    scene_begin(_i);
    ck_assert_int_eq(lead("older", MINUTE, 0)->leader, 0);
    ck_assert_int_eq(lead("newer", MINUTE, 1)->leader, 2);
    ck_assert_int_eq(plan(), HG_E_STALE);
    scene.leader = 2;
    scene.policy.generation = 1;
    ck_assert_int_eq(configure(false), 0);
    ck_assert_int_eq(snapshot()->generation, 1);
    ck_assert_int_eq(lead("newer", 0, 1)->leader, 2);
    ck_assert_int_eq(lead("me", MINUTE, 0)->leader, 0); /* older than the one in force: never */
    scene.leader = lead("newer", MINUTE, 1)->leader;
    scene.policy.generation = 0;
    ck_assert_int_eq(configure(false), HG_E_STALE);
    ck_assert_int_eq(snapshot()->generation, 1);
    scene_end();
}
END_TEST

START_TEST(test_stale_writes_change_nothing)
{
    scene_begin(_i);
    (void)lead("me", 0, 0);
    int64_t present = lead("other", MINUTE, 0)->leader;
    ck_assert_int_gt(present, scene.leader);
    scene.plan.dependencies[0].window = 1;
    scene.dependencies[0].burst = 77;
    ck_assert_int_eq(plan(), HG_E_STALE);
    ck_assert_int_eq(configure(true), HG_E_STALE);
    struct op note = {.kind = OP_NOTE_PUT, .key = "k", .value = "v", .until_us = TIME_NEVER_US, .leader = scene.leader};
    ck_assert_int_eq(one(note)->status, HG_E_STALE);
    ck_assert_int_eq(dependency("db")->window, 10);
    ck_assert_int_eq(dependency("db")->burst, 2);
    ck_assert_int_eq(snapshot()->notes_version, 0);
    note.leader = present;
    ck_assert_int_eq(one(note)->status, 0);
    wait_us(MINUTE); /* even the present one, once its lock has run out */
    scene.leader = present;
    ck_assert_int_eq(plan(), HG_E_STALE);
    scene_end();
}
END_TEST

START_TEST(test_configure_keeps_state)
{
    scene_begin(_i);
    (void)grant("a");
    (void)ask("b");
    scene.dependencies[0].burst = 1;
    scene.dependencies[0].in_flight_max = 4;
    scene.policy.generation = 1;
    scene.leader = lead("me", MINUTE, 1)->leader;
    ck_assert_int_eq(configure(false), 0);
    ck_assert_int_eq(dependency("db")->burst, 1);
    ck_assert_int_eq(dependency("db")->in_flight, 2);
    ck_assert_int_eq(dependency("db")->in_flight_max, 4);
    ck_assert_int_eq(dependency("db")->window, 4); /* clamped */
    ck_assert(ask("a")->already);
    ck_assert_int_eq(fleet("web")->granted, 2);
    wait_us(10 * SECOND);
    (void)get("nobody");
    ck_assert_int_eq(dependency("db")->tokens, 1000000);
    scene_end();
}
END_TEST

START_TEST(test_new_dependency)
{
    scene_begin(_i);
    struct hg_dependency more[3] = {scene.dependencies[1], scene.dependencies[0],
                                    {.name = "late", .rate_milli = 1000, .burst = 5, .in_flight_max = 5}};
    scene.policy.dependencies = more;
    scene.policy.dependency_count = 3;
    scene.fleets[0].needs[0].dependency = 2;
    scene.fleets[1].needs[0].dependency = 1;
    scene.fleets[1].needs[1].dependency = 0;
    ck_assert_int_eq(configure(false), 0);
    ck_assert_str_eq(snapshot()->dependencies[0].name, "net"); /* in the policy's order */
    ck_assert_int_eq(dependency("late")->tokens, 0);
    ck_assert_int_eq(dependency("late")->window, 0);
    ck_assert_int_eq(dependency("db")->tokens, 2000000);
    wait_us(2 * SECOND);
    ck_assert_int_eq(ask("a")->limit, LIMIT_WINDOW); /* nothing until it is planned */
    struct hg_dependency other = {.name = "later", .rate_milli = 1000, .burst = 5, .in_flight_max = 5};
    more[2] = other;
    ck_assert_int_eq(configure(true), 0);
    ck_assert_int_eq(dependency("later")->tokens, 5000000); /* fresh: full */
    ck_assert_uint_eq(snapshot()->dependency_count, 3);
    scene_end();
}
END_TEST

START_TEST(test_gone_fleet_drains)
{
    scene_begin(_i);
    int64_t fence = grant("a");
    (void)grant("b");
    (void)ask("c");
    scene.policy.fleets = &scene.fleets[1];
    scene.policy.fleet_count = 1;
    ck_assert_int_eq(configure(false), 0);
    ck_assert_uint_eq(snapshot()->fleet_count, 1);
    ck_assert(ask("a")->already);
    ck_assert_int_eq(scene.world.reply.ops[0].status, 0);
    ck_assert_int_eq(ask("c")->status, HG_E_NOT_FOUND); /* no new permits */
    ck_assert_int_eq(ask("d")->status, HG_E_NOT_FOUND);
    ck_assert_int_eq(renew("a", fence)->status, 0);
    ck_assert_int_eq(complete("a", fence, OUTCOME_RECOVERED)->state, INSTANCE_DONE);
    ck_assert_int_eq(dependency("db")->in_flight, 1);
    ck_assert_int_eq(one(op_about(OP_LEAVE, "b"))->state, INSTANCE_NONE);
    ck_assert_int_eq(one(op_about(OP_LEAVE, "c"))->state, INSTANCE_NONE);
    ck_assert_int_eq(dependency("db")->in_flight, 0);
    wait_us(REMEMBER_MIN_US);
    (void)get("nobody");
    ck_assert_int_eq(configure(false), 0); /* empty now: forgotten */
    ck_assert_int_eq(get("a")->status, HG_E_NOT_FOUND);
    scene_end();
}
END_TEST

START_TEST(test_dependency_that_came_back_is_another)
{
    scene_begin(_i);
    struct hg_dependency both[2] = {scene.dependencies[0], scene.dependencies[1]};
    ck_assert_int_eq(ask_fleet("both", "a")->state, INSTANCE_GRANTED);
    scene.policy.dependency_count = 1; /* net goes */
    scene.fleets[1].need_count = 1;
    ck_assert_int_eq(configure(false), 0);
    scene.policy.dependencies = both;
    scene.policy.dependency_count = 2;
    scene.fleets[1].need_count = 2;
    ck_assert_int_eq(configure(true), 0);
    ck_assert_int_eq(plan(), 0);
    ck_assert_int_eq(ask_fleet("both", "b")->state, INSTANCE_GRANTED);
    ck_assert_int_eq(dependency("net")->in_flight, 2);
    struct op done = op_about(OP_COMPLETE, "a");
    done.fleet = "both";
    done.outcome = OUTCOME_RECOVERED;
    (void)one(done); /* held the net of before: this one gives nothing back for it */
    ck_assert_int_eq(dependency("net")->in_flight, 2);
    ck_assert_int_eq(dependency("db")->in_flight, 1);
    scene_end();
}
END_TEST

START_TEST(test_learning)
{
    scene_begin_unconfigured(_i);
    scene.fleets[1].lease_us = 3 * MINUTE;
    scene.leader = lead("me", MINUTE, 0)->leader;
    ck_assert_int_eq(configure(false), 0);
    ck_assert_int_eq(snapshot()->epoch, 1);
    ck_assert_int_eq(snapshot()->longest_lease_us, 3 * MINUTE);
    ck_assert_int_eq(snapshot()->learning_until_us, scene.world.clock_us + 3 * MINUTE);
    ck_assert_int_eq(dependency("db")->tokens, 0);
    ck_assert_int_eq(configure(true), 0); /* the operator vouches after all */
    ck_assert_int_eq(snapshot()->learning_until_us, 0);
    ck_assert_int_eq(configure(false), 0); /* only the first time */
    ck_assert_int_eq(snapshot()->learning_until_us, 0);
    ck_assert_int_eq(snapshot()->epoch, 1);
    scene_end();
}
END_TEST

START_TEST(test_lost_writes_are_noticed)
{
    scene_begin(_i);
    int64_t fence = grant("a");
    scene.world.group.seen_fence = fence;
    (void)get("a");
    ck_assert_int_eq(snapshot()->epoch, 1);
    scene.world.group.seen_fence = fence + 5000000;
    (void)get("a");
    ck_assert_int_eq(snapshot()->epoch, 2);
    ck_assert_int_eq(snapshot()->fence, fence + 5000000);
    ck_assert_int_eq(snapshot()->learning_until_us, scene.world.clock_us + MINUTE);
    (void)get("a"); /* seen once */
    ck_assert_int_eq(snapshot()->epoch, 2);
    ck_assert_int_eq(grant("b"), fence + 5000001);
    scene_end();
}
END_TEST

START_TEST(test_plan_skips_unknown_names)
{
    scene_begin(_i);
    strcpy(scene.plan.dependencies[0].name, "nobody");
    strcpy(scene.plan.fleets[0].name, "nobody");
    scene.plan.dependencies[1].window = 3;
    ck_assert_int_eq(plan(), 0);
    ck_assert_int_eq(dependency("net")->window, 3);
    ck_assert_int_eq(dependency("db")->window, 10);
    scene_end();
}
END_TEST

static const struct op_reply *put_note(const char *key, const char *value, int64_t until_us)
{
    return one((struct op){.kind = OP_NOTE_PUT, .key = key, .value = value, .until_us = until_us});
}

static const struct op_reply *list_notes(const char *prefix, int64_t count)
{
    return one((struct op){.kind = OP_NOTE_LIST, .key = prefix, .count = count});
}

START_TEST(test_notes)
{
    scene_begin(_i);
    ck_assert_int_eq(put_note("b/2", "two", TIME_NEVER_US)->status, 0);
    ck_assert_int_eq(put_note("b/10", "ten", TIME_NEVER_US)->status, 0);
    ck_assert_int_eq(put_note("a", "x", scene.world.clock_us + SECOND)->status, 0);
    ck_assert_int_eq(put_note("b", "", TIME_NEVER_US)->status, 0);
    ck_assert_int_eq(snapshot()->notes_version, 4);
    const struct op_reply *reply = list_notes("b", 10);
    ck_assert_uint_eq(reply->note_count, 3);
    ck_assert_str_eq(reply->notes[0].key, "b");
    ck_assert_str_eq(reply->notes[0].value, "");
    ck_assert_str_eq(reply->notes[1].key, "b/10"); /* byte order */
    ck_assert_str_eq(reply->notes[1].value, "ten");
    ck_assert_int_eq(reply->notes[1].until_us, TIME_NEVER_US);
    ck_assert_uint_eq(list_notes("b/", 1)->note_count, 1);
    ck_assert_uint_eq(list_notes("", 10)->note_count, 4);
    wait_us(SECOND - 1);
    ck_assert_uint_eq(list_notes("a", 10)->note_count, 1);
    wait_us(1);
    ck_assert_uint_eq(list_notes("a", 10)->note_count, 0); /* gone by itself */
    ck_assert_int_eq(snapshot()->notes_version, 5);
    (void)put_note("b/2", NULL, 0);
    (void)put_note("never", NULL, 0); /* nothing to delete: nothing written */
    ck_assert_int_eq(snapshot()->notes_version, 6);
    ck_assert_int_eq(put_note("b/10", "eleven", TIME_NEVER_US)->status, 0);
    ck_assert_str_eq(list_notes("b/10", 10)->notes[0].value, "eleven");
    scene_end();
}
END_TEST

START_TEST(test_notes_are_bounded)
{
    static struct group group;
    static char keys[512][16];
    scene_begin(_i);
    for (size_t i = 0; i < 512; i++) {
        snprintf(keys[i], sizeof(keys[i]), "k-%03zu", i);
        group.ops[group.op_count++] =
            (struct op){.kind = OP_NOTE_PUT, .key = keys[i], .value = "v", .until_us = TIME_NEVER_US};
        if (group.op_count == GROUP_OPS_MAX) {
            (void)world_group(&scene.world, &group);
            group.op_count = 0;
        }
    }
    ck_assert_int_eq(put_note("one-more", "v", TIME_NEVER_US)->status, HG_E_STORE_FULL);
    ck_assert_int_eq(put_note("k-000", "again", TIME_NEVER_US)->status, 0);
    (void)put_note("k-001", NULL, 0);
    ck_assert_int_eq(put_note("one-more", "v", TIME_NEVER_US)->status, 0);
    scene_end();
}
END_TEST

TCase *store_contract_leader(void)
{
    TCase *tcase = tcase_create("leader");
    tcase_set_timeout(tcase, 60);
    const TTest *const tests[] = {
        test_nothing_before_configure, test_the_lock, test_newer_policy_takes_the_lock, test_stale_writes_change_nothing,
        test_configure_keeps_state, test_new_dependency, test_gone_fleet_drains, test_dependency_that_came_back_is_another,
        test_learning, test_lost_writes_are_noticed, test_plan_skips_unknown_names, test_notes, test_notes_are_bounded};
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tcase_add_loop_test(tcase, tests[i], 0, WORLD_KIND_COUNT);
    }
    return tcase;
}
