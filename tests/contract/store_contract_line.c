#include "store_contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_numbers_in_order)
{
    static const char *const names[] = {"z", "a", "m"};
    scene_begin(_i);
    scene.plan.fleets[0].lines[LINE_MAIN].base = 0;
    ck_assert_int_eq(plan(), 0);
    for (int64_t i = 0; i < 3; i++) {
        const struct op_reply *reply = ask(names[i]);
        ck_assert_int_eq(reply->state, INSTANCE_WAITING);
        ck_assert_int_eq(reply->line, LINE_MAIN);
        ck_assert_int_eq(reply->number, i + 1);
        ck_assert_int_eq(reply->limit, LIMIT_LINE);
        ck_assert(!reply->called);
        ck_assert_int_eq(reply->until_us, 0);
    }
    wait_us(SECOND);
    ck_assert_int_eq(ask("z")->number, 1); /* the place is kept by name */
    ck_assert_int_eq(scene.world.reply.ops[0].since_us, WORLD_BEGIN_US);
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].tail, 3);
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].waiting, 3);
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].ready, 0);
    scene.plan.fleets[0].lines[LINE_MAIN].base = 1;
    ck_assert_int_eq(plan(), 0);
    ck_assert_int_eq(ask("a")->limit, LIMIT_LINE);
    (void)grant("z");
    scene_end();
}
END_TEST

/* serving(now) = min(base + rate * (min(now, until) - from), given out) */
START_TEST(test_serving_moves_by_itself)
{
    char name[32];
    scene_begin(_i);
    scene.plan.fleets[0].lines[LINE_MAIN] = (struct plan_line){
        .base = 1, .rate_milli = 2000, .from_us = scene.world.clock_us, .until_us = scene.world.clock_us + 2 * SECOND};
    ck_assert_int_eq(plan(), 0);
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof(name), "i-%d", i);
        (void)get(name);
        (void)ask(name);
    }
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].serving, 1);
    wait_us(SECOND - 1);
    (void)get("nobody");
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].serving, 2);
    wait_us(1);
    ck_assert(get("i-2")->called);
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].serving, 3);
    wait_us(100 * SECOND); /* not beyond `until` */
    ck_assert_int_eq(get("i-8")->limit, LIMIT_LINE);
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].serving, 5);
    scene.plan.fleets[0].lines[LINE_MAIN].until_us = INT64_MAX;
    scene.plan.fleets[0].lines[LINE_MAIN].from_us = scene.world.clock_us;
    scene.plan.fleets[0].lines[LINE_MAIN].rate_milli = 1000;
    ck_assert_int_eq(plan(), 0);
    wait_us(100 * SECOND); /* nor for longer than 5 s without a new plan */
    (void)get("nobody");
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].serving, 6);
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].tail, 12);
    scene_end();
}
END_TEST

START_TEST(test_called_and_refused_is_ready)
{
    scene_begin(_i);
    (void)grant("a");
    (void)grant("b");
    ck_assert(ask("c")->called);
    ck_assert(ask("c")->called); /* counted once */
    ck_assert(ask("d")->called);
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].ready, 2);
    wait_us(SECOND);
    (void)grant("d"); /* late or early among the called: who comes takes the token */
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].ready, 1);
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].waiting, 1);
    scene_end();
}
END_TEST

START_TEST(test_paused_and_held)
{
    scene_begin(_i);
    scene.plan.fleets[0].paused = true;
    ck_assert_int_eq(plan(), 0);
    ck_assert_int_eq(ask("a")->limit, LIMIT_PAUSED);
    ck_assert(!scene.world.reply.ops[0].called);
    ck_assert_int_eq(get("a")->limit, LIMIT_PAUSED);
    ck_assert(fleet("web")->paused);
    scene.plan.fleets[0].paused = false;
    scene.plan.fleets[0].held = true;
    ck_assert_int_eq(plan(), 0);
    ck_assert_int_eq(ask("a")->limit, LIMIT_AFTER);
    ck_assert(fleet("web")->held);
    struct op priority = op_about(OP_ACQUIRE, "a");
    priority.priority = true;
    ck_assert_int_eq(one(priority)->state, INSTANCE_GRANTED);
    scene_end();
}
END_TEST

START_TEST(test_sweep)
{
    char name[32];
    scene_begin(_i);
    scene.plan.fleets[0].lines[LINE_MAIN].base = 0;
    ck_assert_int_eq(plan(), 0);
    for (int i = 1; i <= 40; i++) {
        snprintf(name, sizeof(name), "i-%02d", i);
        (void)ask(name);
    }
    struct op sweep = op_about(OP_SWEEP, "");
    sweep.leader = scene.leader + 1;
    sweep.number = 15;
    ck_assert_int_eq(one(sweep)->status, HG_E_STALE);
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].waiting, 40);
    sweep.leader = scene.leader;
    int64_t dropped = 0;
    for (int i = 0; i < 10; i++) {
        dropped += one(sweep)->dropped;
    }
    ck_assert_int_eq(dropped, 15);
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].waiting, 25);
    ck_assert_int_eq(get("i-15")->state, INSTANCE_NONE);
    ck_assert_int_eq(get("i-16")->number, 16);
    ck_assert_int_eq(ask("i-15")->number, 41); /* begins anew */
    sweep.fleet = "nobody";
    ck_assert_int_eq(one(sweep)->status, HG_E_NOT_FOUND);
    scene_end();
}
END_TEST

static size_t list_all(enum instance_state state, int64_t page, char names[][HG_INSTANCE_MAX + 1], size_t most)
{
    static char cursor[LIST_CURSOR_MAX + 1];
    size_t count = 0;
    cursor[0] = '\0';
    do {
        struct op op = op_about(OP_LIST, cursor);
        op.state = state;
        op.count = page;
        const struct op_reply *reply = one(op);
        ck_assert_int_eq(reply->status, 0);
        ck_assert_uint_le(reply->item_count, (size_t)page);
        for (size_t i = 0; i < reply->item_count; i++) {
            ck_assert_uint_lt(count, most);
            strcpy(names[count++], reply->items[i].instance);
        }
        strcpy(cursor, reply->cursor);
    } while (cursor[0] != '\0');
    return count;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

START_TEST(test_list_pages)
{
    static char names[2000][HG_INSTANCE_MAX + 1];
    static struct group group;
    static char asked[1500][16];
    scene_begin(_i);
    (void)complete("done", grant("done"), OUTCOME_RECOVERED);
    (void)grant("held");
    for (size_t i = 0; i < 1500;) { /* more than one step of a walk */
        group.op_count = 0;
        for (; group.op_count < GROUP_OPS_MAX && i < 1500; i++) {
            snprintf(asked[i], sizeof(asked[i]), "w-%04zu", i);
            group.ops[group.op_count++] = op_about(OP_ACQUIRE, asked[i]);
        }
        (void)world_group(&scene.world, &group);
    }
    ck_assert_uint_eq(list_all(INSTANCE_GRANTED, 10, names, 2000), 1);
    ck_assert_str_eq(names[0], "held");
    ck_assert_uint_eq(list_all(INSTANCE_DONE, 1, names, 2000), 1);
    ck_assert_uint_eq(list_all(INSTANCE_QUARANTINED, 1, names, 2000), 0);
    size_t count = list_all(INSTANCE_WAITING, 97, names, 2000);
    ck_assert_uint_eq(count, 1500);
    qsort(names, count, sizeof(names[0]), by_name);
    for (size_t i = 0; i < count; i++) {
        ck_assert_str_eq(names[i], asked[i]); /* each of them once */
    }
    scene_end();
}
END_TEST

/* A page worked off, the next begins behind it. */
START_TEST(test_list_while_it_shrinks)
{
    static char names[8][HG_INSTANCE_MAX + 1];
    scene_begin(_i);
    scene.plan.fleets[0].lines[LINE_MAIN].base = 0;
    ck_assert_int_eq(plan(), 0);
    static const char *const all[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < 4; i++) {
        (void)ask(all[i]);
    }
    struct op op = op_about(OP_LIST, "");
    op.state = INSTANCE_WAITING;
    op.count = 2;
    char cursor[LIST_CURSOR_MAX + 1];
    const struct op_reply *reply = one(op);
    ck_assert_uint_eq(reply->item_count, 2);
    ck_assert_str_eq(reply->items[0].instance, "a"); /* within a page in byte order */
    ck_assert_str_eq(reply->items[1].instance, "b");
    strcpy(cursor, reply->cursor);
    (void)one(op_about(OP_LEAVE, "a"));
    (void)one(op_about(OP_LEAVE, "b"));
    op.instance = cursor;
    reply = one(op);
    ck_assert_uint_eq(reply->item_count, 2);
    ck_assert_str_eq(reply->items[0].instance, "c");
    ck_assert_str_eq(reply->items[1].instance, "d");
    ck_assert_str_eq(reply->cursor, "");
    ck_assert_uint_eq(list_all(INSTANCE_WAITING, 1, names, 8), 2);
    scene_end();
}
END_TEST

START_TEST(test_operations_of_a_group_in_order)
{
    static struct group group;
    scene_begin(_i);
    group.op_count = 5;
    group.ops[0] = op_about(OP_ACQUIRE, "a");
    group.ops[1] = op_about(OP_GET, "a");
    group.ops[2] = op_about(OP_COMPLETE, "a");
    group.ops[2].outcome = OUTCOME_FAILED;
    group.ops[2].reason = "disk";
    group.ops[3] = op_about(OP_ACQUIRE, "a");
    group.ops[4] = op_about(OP_GET, "a");
    const struct group_reply *reply = world_group(&scene.world, &group);
    ck_assert_int_eq(reply->ops[0].state, INSTANCE_GRANTED);
    ck_assert_str_eq(reply->ops[0].reasons[0], ""); /* as it was then */
    ck_assert_int_eq(reply->ops[1].state, INSTANCE_GRANTED);
    ck_assert_int_eq(reply->ops[1].fence, reply->ops[0].fence);
    ck_assert_int_eq(reply->ops[2].state, INSTANCE_BACKOFF);
    ck_assert_int_eq(reply->ops[3].limit, LIMIT_BACKOFF);
    ck_assert_str_eq(reply->ops[4].reasons[0], "disk");
    ck_assert_int_eq(fleet("web")->backoff, 1);
    scene_end();
}
END_TEST

TCase *store_contract_line(void)
{
    TCase *tcase = tcase_create("line");
    tcase_set_timeout(tcase, 60);
    const TTest *const tests[] = {test_numbers_in_order, test_serving_moves_by_itself, test_called_and_refused_is_ready,
                                  test_paused_and_held, test_sweep, test_list_pages, test_list_while_it_shrinks,
                                  test_operations_of_a_group_in_order};
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tcase_add_loop_test(tcase, tests[i], 0, WORLD_KIND_COUNT);
    }
    return tcase;
}
