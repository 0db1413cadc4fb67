/* The engine against the reference state in virtual time: what callers and operators ask, and what goes wrong meanwhile. */
#include "held.h"
#include "story.h"

#include "check_main.h"

#define PROBED(name, rate, max)                                                                                       \
    "\"" name "\":{\"probes\":[{\"tcp\":\"h:1\"}],\"request_timeout\":\"2s\",\"bucket\":{\"rate\":" rate             \
    ",\"burst\":50},\"in_flight\":{\"max\":" max "}}"
#define FLEET(name, more) "\"" name "\":{\"size\":400,\"needs\":{\"db\":1},\"lease\":\"30s\"" more "}"
#define POLICY(dependencies, fleets) "{\"policy\":\"p\",\"dependencies\":{" dependencies "},\"fleets\":{" fleets "}}"

static const char simple[] = POLICY(PROBED("db", "100", "60"), FLEET("web", ""));
static const char fixed[] = "{\"policy\":\"p\",\"generation\":1,\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},"
                            "\"bucket\":{\"rate\":20,\"burst\":10},\"in_flight\":{\"max\":100}}},"
                            "\"fleets\":{\"web\":{\"needs\":{\"db\":1},\"lease\":\"30s\"}}}";

static const struct herd_options fleet_of_400 = {.fleet = "web", .count = 400, .arrive_us = WORLD_SECOND,
                                                 .work_min_us = WORLD_SECOND, .work_max_us = 2 * WORLD_SECOND};

static void release(struct story *story, const struct herd_options *options)
{
    herds_release(&story->herds, story->world, options, story->world->now_us);
}

static struct op about(enum op_kind kind, const char *instance)
{
    return (struct op){.kind = kind, .fleet = "web", .instance = instance, .boot_id = "", .reason = ""};
}

START_TEST(test_the_store_is_away)
{
    struct story *story = story_begin(fixed, 1, " store leader ");
    struct op op = about(OP_ACQUIRE, "i1");
    world_cut(story->world, 0, true);
    struct hg_request request = {.item = DIRECT, .op = op};
    ck_assert(world_request(story->world, 0, &request));
    ck_assert(story->answered); /* at once */
    ck_assert_int_eq(story->answer.status, HG_E_STORE_AWAY);
    ck_assert_int_ge(story->answer.retry_after_us, 2 * WORLD_SECOND);
    ck_assert_int_le(story->answer.retry_after_us, 4 * WORLD_SECOND);
    story_pass(story, 10);
    world_cut(story->world, 0, false);
    story_pass(story, 1);
    ck_assert(story_ask(story, 0, &op, ""));
    ck_assert_int_eq(story->answer.state, INSTANCE_GRANTED);
    /* One that is on its way when the link breaks is told, too. */
    story->answered = false;
    request.op.instance = "i2";
    ck_assert(world_request(story->world, 0, &request));
    world_cut(story->world, 0, true);
    story_pass(story, 0.1);
    ck_assert(story->answered);
    ck_assert_int_eq(story->answer.status, HG_E_STORE_AWAY);
    ck_assert_ptr_nonnull(strstr(story->log, "store up=false detail=\"cut\"\n"));
    story_end(story);
}
END_TEST

START_TEST(test_the_life_of_a_permit)
{
    struct story *story = story_begin(fixed, 1, " phase ");
    struct op op = about(OP_ACQUIRE, "i1");
    op.boot_id = "b1";
    ck_assert(story_ask(story, 0, &op, ""));
    ck_assert_int_eq(story->answer.state, INSTANCE_GRANTED);
    ck_assert_int_eq(story->answer.lease_us / WORLD_SECOND, 30);
    int64_t fence = story->reply.fence;
    ck_assert(story_ask(story, 0, &op, ""));
    ck_assert(story->reply.already);
    ck_assert_int_eq(story->reply.fence, fence);
    op = about(OP_COMPLETE, "i1");
    op.fence = fence;
    op.outcome = OUTCOME_RECOVERED;
    for (int i = 0; i < 2; i++) {
        ck_assert(story_ask(story, 0, &op, ""));
        ck_assert_int_eq(story->answer.status, 0);
        ck_assert_int_eq(story->reply.already, i);
    }
    op = about(OP_ACQUIRE, "i2");
    ck_assert(story_ask(story, 0, &op, ""));
    fence = story->reply.fence;
    story_pass(story, 31);
    op = about(OP_RENEW, "i2");
    op.fence = fence;
    ck_assert(story_ask(story, 0, &op, ""));
    ck_assert_int_eq(story->answer.status, HG_E_EXPIRED);
    op = about(OP_GET, "i2");
    ck_assert(story_ask(story, 0, &op, ""));
    ck_assert_int_eq(story->reply.state, INSTANCE_BACKOFF);
    ck_assert_int_eq(story->reply.attempt, 2);
    ck_assert_str_eq(story->reply.reasons[0], "the lease ran out");
    op = about(OP_COMPLETE, "i2"); /* late, and welcome */
    op.fence = fence;
    op.outcome = OUTCOME_RECOVERED;
    ck_assert(story_ask(story, 0, &op, ""));
    ck_assert_int_eq(story->answer.state, INSTANCE_DONE);
    story_end(story);
}
END_TEST

START_TEST(test_killed_ones_come_back_through_backoff)
{
    struct story *story = story_begin(fixed, 1, " phase ");
    struct herd_options options = fleet_of_400;
    options.vanish_permille = 100;
    release(story, &options);
    story_pass(story, 120);
    const struct snapshot_fleet *fleet = &story->world->snapshot.fleets[0];
    ck_assert_int_ge(fleet->expired, 20);
    ck_assert_int_eq(fleet->expired + fleet->recovered + fleet->in_flight, 400);
    ck_assert_int_eq(story->world->snapshot.dependencies[0].in_flight, 0);
    story_end(story);
}
END_TEST

START_TEST(test_reload_keeps_places_and_permits)
{
    struct story *story = story_begin(fixed, 2, " leader phase ");
    release(story, &fleet_of_400);
    story_pass(story, 5);
    struct op op = about(OP_ACQUIRE, "holder");
    op.priority = true;
    ck_assert(story_ask(story, 0, &op, ""));
    ck_assert_int_eq(story->answer.state, INSTANCE_GRANTED); /* past the line, from the reserve */
    int64_t fence = story->reply.fence, tail = story->world->snapshot.fleets[0].lines[LINE_MAIN].tail;
    for (int i = 0; i < 10; i++) {
        world_reload(story->world,
                     i % 2 == 0
                         ? "{\"policy\":\"p\",\"generation\":2,\"dependencies\":{\"other\":{\"bucket\":{\"rate\":1,\"burst\":1}},"
                           "\"db\":{\"limiter\":{\"mode\":\"fixed\"},\"bucket\":{\"rate\":40,\"burst\":10},"
                           "\"in_flight\":{\"max\":100}}},"
                           "\"fleets\":{\"new\":{\"needs\":{\"other\":1}},\"web\":{\"needs\":{\"db\":1},\"lease\":\"30s\"}}}"
                         : "{\"policy\":\"p\",\"generation\":2,\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},"
                           "\"bucket\":{\"rate\":40,\"burst\":10},\"in_flight\":{\"max\":100}}},"
                           "\"fleets\":{\"web\":{\"needs\":{\"db\":1},\"lease\":\"30s\"}}}");
        story_pass(story, 0.5);
    }
    ck_assert_int_eq(story->world->snapshot.generation, 2);
    ck_assert_int_eq(story->world->snapshot.dependencies[0].rate_milli, 40000);
    op = about(OP_RENEW, "holder");
    op.fence = fence;
    ck_assert(story_ask(story, 1, &op, ""));
    ck_assert_int_eq(story->answer.status, 0);
    story_pass(story, 60);
    ck_assert_int_eq(story->herds.recovered, 400);
    ck_assert_int_eq(story->world->snapshot.fleets[0].lines[LINE_MAIN].tail, tail); /* nobody stood in line twice */
    story_end(story);
}
END_TEST

START_TEST(test_a_reload_whose_answer_is_lost_is_written_again)
{
    struct story *story = story_begin(fixed, 1, " leader ");
    story->world->controllers[0].away = true; /* the link breaks, and nobody has noticed yet */
    world_reload(story->world, "{\"policy\":\"p\",\"generation\":2,\"dependencies\":{\"db\":{\"limiter\":{\"mode\":"
                               "\"fixed\"},\"bucket\":{\"rate\":40,\"burst\":10}}},"
                               "\"fleets\":{\"web\":{\"needs\":{\"db\":1}}}}");
    story_pass(story, 0.5);
    story->world->controllers[0].away = false;
    story_pass(story, 2);
    ck_assert_int_eq(story->world->snapshot.generation, 2);
    ck_assert_int_eq(story->world->snapshot.dependencies[0].rate_milli, 40000);
    story_end(story);
}
END_TEST

START_TEST(test_an_override_expires)
{
    struct story *story = story_begin(fixed, 1, " phase ");
    struct op op = {.kind = OP_NOTE_PUT, .key = "override/d/db/limit", .value = "rate_milli=1000 at_us=1 reason=calm"};
    op.until_us = story->world->snapshot.now_us + 20 * WORLD_SECOND;
    ck_assert(story_ask(story, 0, &op, ""));
    story_pass(story, 2);
    ck_assert_int_eq(story->world->snapshot.dependencies[0].rate_milli, 1000);
    story_pass(story, 15);
    ck_assert_int_eq(story->world->snapshot.dependencies[0].rate_milli, 1000);
    story_pass(story, 5);
    ck_assert_int_eq(story->world->snapshot.dependencies[0].rate_milli, 20000);
    story_end(story);
}
END_TEST

START_TEST(test_observe_grants_everything)
{
    struct story *story = story_begin("{\"policy\":\"p\",\"mode\":\"observe\",\"dependencies\":{\"db\":{\"bucket\":"
                                      "{\"rate\":1,\"burst\":1},\"in_flight\":{\"max\":1}}},"
                                      "\"fleets\":{\"web\":{\"needs\":{\"db\":1}}}}",
                                      1, " phase ");
    struct op op = about(OP_ACQUIRE, "");
    char instance[16];
    op.instance = instance;
    for (int i = 0; i < 50; i++) {
        snprintf(instance, sizeof(instance), "i%d", i);
        ck_assert(story_ask(story, 0, &op, "m999.3"));
        ck_assert_int_eq(story->answer.state, INSTANCE_GRANTED);
        ck_assert(i < 2 || story->answer.limit != LIMIT_NONE); /* and says what would have kept it */
    }
    story_end(story);
}
END_TEST

START_TEST(test_held_back_by_an_operator_or_another_fleet)
{
    struct story *story = story_begin(fixed, 1, " phase ");
    struct op op = {.kind = OP_NOTE_PUT, .key = "override/f/web/pause", .value = "at_us=1 reason=later",
                    .until_us = TIME_NEVER_US};
    ck_assert(story_ask(story, 0, &op, ""));
    story_pass(story, 1);
    release(story, &fleet_of_400);
    story_pass(story, 600);
    ck_assert_uint_eq(story->world->grant_count, 0);
    int64_t asks = 0;
    for (size_t i = 0; i < story->herds.member_count; i++) {
        asks += story->herds.members[i].asks;
    }
    ck_assert_int_le(asks, 400 * 25); /* in ten minutes: they sleep longer and longer */
    op = about(OP_GET, story->herds.members[0].name);
    ck_assert(story_ask(story, 0, &op, ""));
    ck_assert_int_eq(story->answer.limit, LIMIT_PAUSED);
    op = (struct op){.kind = OP_NOTE_PUT, .key = "override/f/web/pause", .value = NULL, .until_us = TIME_NEVER_US};
    ck_assert(story_ask(story, 0, &op, ""));
    story_pass(story, 120);
    ck_assert_int_eq(story->herds.recovered, 400);
    story_end(story);
}
END_TEST

#define AFTER_POLICY(more)                                                                                            \
    "{\"policy\":\"p\",\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},\"bucket\":{\"rate\":10,\"burst\":10}}},"  \
    "\"fleets\":{" more "\"web\":{\"needs\":{\"db\":1},\"after\":{\"base\":{\"share\":0.9,\"at_latest\":\"60s\"}}},"     \
    "\"base\":{\"size\":1000,\"needs\":{\"db\":1}}}}"

/* Control plane before workers; a reload in the middle neither lets go nor starts the clock anew. */
START_TEST(test_one_fleet_after_another)
{
    struct story *story = story_begin(AFTER_POLICY(""), 1, " phase ");
    struct herd_options base = fleet_of_400, web = fleet_of_400;
    base.fleet = "base";
    base.count = 1000;
    web.count = 100;
    release(story, &base);
    story_pass(story, 3);
    release(story, &web);
    story_pass(story, 30);
    const struct snapshot_fleet *fleet = &story->world->snapshot.fleets[0];
    ck_assert(fleet->held);
    int64_t before = fleet->granted; /* those that came before it was known that the others are out */
    struct op op = about(OP_ACQUIRE, "w");
    ck_assert(story_ask(story, 0, &op, ""));
    ck_assert_int_eq(story->answer.limit, LIMIT_AFTER);
    world_reload(story->world, AFTER_POLICY("\"new\":{\"needs\":{\"db\":1}},"));
    story_pass(story, 20);
    fleet = &story->world->snapshot.fleets[1]; /* it has moved */
    ck_assert_str_eq(fleet->name, "web");
    ck_assert(fleet->held);
    ck_assert_int_eq(fleet->granted, before);
    story_pass(story, 12); /* 65 s since it waits: at latest after 60 */
    ck_assert(!fleet->held);
    world_reload(story->world, AFTER_POLICY(""));
    story_pass(story, 5);
    ck_assert(!story->world->snapshot.fleets[0].held); /* let go, and not held again */
    story_pass(story, 120);
    ck_assert_int_eq(story->world->snapshot.fleets[0].recovered, 100);
    story_end(story);
}
END_TEST

START_TEST(test_tickets)
{
    struct story *story = story_begin(fixed, 1, " phase ");
    struct herd_options options = fleet_of_400;
    options.count = 2000;
    release(story, &options);
    story_pass(story, 10);
    struct op op = about(OP_ACQUIRE, "last");
    ck_assert(story_ask(story, 0, &op, ""));
    ck_assert_int_eq(story->answer.state, INSTANCE_WAITING);
    ck_assert_int_eq(story->answer.limit, LIMIT_LINE);
    ck_assert_int_gt(story->answer.limit_value, 0); /* what the line waits for, in numbers */
    ck_assert_int_ge(story->answer.limit_used, 0);
    ck_assert_int_gt(story->answer.position, 1000);
    int64_t number = story->reply.number;
    char ticket[32];
    snprintf(ticket, sizeof(ticket), "%s", story->answer.ticket);
    const struct hg_engine_counters *counters = hg_engine_counters(story->world->controllers[0].engine);
    int64_t before = counters->answered_locally;
    ck_assert(story_ask(story, 0, &op, ticket));
    ck_assert_int_eq(counters->answered_locally, before + 1);
    ck_assert_ptr_null(story->answer.op);
    ck_assert_int_gt(story->answer.retry_after_us, 30 * WORLD_SECOND);
    /* Lies and nonsense are answered by the store, and change nothing. */
    static const char *const lies[] = {"m1.0", "r99999.1", "m999999999.1", "m", "", "x5.1", "m5.-1", "m-5.1", "m5.1x",
                                       "m99999999999999999999999.1"};
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        ck_assert(story_ask(story, 0, &op, lies[i]));
        ck_assert_int_eq(story->answer.state, INSTANCE_WAITING);
        ck_assert_ptr_nonnull(story->answer.op);
        ck_assert_int_eq(story->reply.number, number);
    }
    story_end(story);
}
END_TEST

START_TEST(test_the_stores_clock_jumps)
{
    struct story *story = story_begin(fixed, 1, " phase ");
    struct herd_options options = fleet_of_400;
    options.count = 2000;
    release(story, &options);
    static const int64_t jumps[] = {500000, -500000, 3600 * WORLD_SECOND, -3600 * WORLD_SECOND, -86400 * WORLD_SECOND, 0};
    for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
        story_pass(story, 7);
        story->world->store_offset_us += jumps[i];
    }
    story_pass(story, 300);
    ck_assert_uint_eq(herds_left(&story->herds), 0);
    ck_assert_int_le(world_excess(story->world, 20000, 10), 0); /* by the store's clock */
    story_end(story);
}
END_TEST

/* Memory fails again and again: callers ask again, deciding goes on, and nothing leaks. */
static const unsigned failures[] = {2, 3, 5, 17};

START_TEST(test_allocations_fail)
{
    struct story *story = story_begin(simple, 2, " phase ");
    held_fail(failures[_i]);
    release(story, &fleet_of_400);
    story_pass(story, 60);
    world_probe(story->world, 0, false, "refused");
    story_pass(story, 60);
    world_probe(story->world, 0, true, "answers");
    world_reload(story->world, simple);
    story_pass(story, 300);
    ck_assert_int_eq(story->world->in_flight_over, 0);
    if (failures[_i] > 2) {
        ck_assert_int_eq(story->herds.recovered, 400);
    }
    held_fail(0);
    story_pass(story, 600);
    ck_assert_int_eq(story->herds.recovered, 400);
    story_end(story);
    ck_assert_int_eq(held_bytes(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_requests");
    TCase *tcase = tcase_create("requests");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_the_store_is_away);
    tcase_add_test(tcase, test_the_life_of_a_permit);
    tcase_add_test(tcase, test_killed_ones_come_back_through_backoff);
    tcase_add_test(tcase, test_reload_keeps_places_and_permits);
    tcase_add_test(tcase, test_a_reload_whose_answer_is_lost_is_written_again);
    tcase_add_test(tcase, test_an_override_expires);
    tcase_add_test(tcase, test_observe_grants_everything);
    tcase_add_test(tcase, test_held_back_by_an_operator_or_another_fleet);
    tcase_add_test(tcase, test_one_fleet_after_another);
    tcase_add_test(tcase, test_tickets);
    tcase_add_test(tcase, test_the_stores_clock_jumps);
    tcase_add_loop_test(tcase, test_allocations_fail, 0, (int)(sizeof(failures) / sizeof(failures[0])));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
