/* Each checker finds the violation that is planted for it, and is silent without. */
#include "check_main.h"
#include "core/bucket.h"
#include "sim/check_limits.h"
#include "sim/check_liveness.h"
#include "sim/check_order.h"
#include "sim/check_permits.h"
#include "sim/sim_check.h"
#include "sim/sim_world.h"

#include <string.h>

#define SECOND INT64_C(1000000)

static char text[CHECK_TEXT_MAX];

START_TEST(test_limits_rate)
{
    struct check_limits check = {0};
    check_limits_set(&check, SECOND, 10000, 5, 100, 100); /* 10/s, burst 5 */
    for (int i = 0; i < 5; i++) {
        ck_assert(check_limits_grant(&check, 2 * SECOND, 1, text));
    }
    for (int i = 1; i <= 100; i++) { /* one in 100 ms, for ever */
        ck_assert(check_limits_grant(&check, 2 * SECOND + i * 100000, 1, text));
    }
    ck_assert(!check_limits_grant(&check, 2 * SECOND + 100 * 100000 + 50000, 1, text)); /* half a token too early */
    ck_assert_ptr_nonnull(strstr(text, "limits: 500000 micro-tokens more"));
}
END_TEST

START_TEST(test_limits_any_window)
{
    /* Within the rate on the whole, too much in a window in the middle. */
    struct check_limits check = {0};
    check_limits_set(&check, SECOND, 1000, 2, 100, 100);
    ck_assert(check_limits_grant(&check, 1 * SECOND, 1, text));
    ck_assert(check_limits_grant(&check, 100 * SECOND, 1, text));
    ck_assert(check_limits_grant(&check, 100 * SECOND, 1, text));
    ck_assert(!check_limits_grant(&check, 100 * SECOND, 1, text));
}
END_TEST

START_TEST(test_limits_rate_falls)
{
    struct check_limits check = {0};
    check_limits_set(&check, SECOND, 100000, 1, 100, 100);
    ck_assert(check_limits_grant(&check, 2 * SECOND, 1, text));
    check_limits_set(&check, 2 * SECOND, 1000, 1, 100, 100);
    ck_assert(!check_limits_grant(&check, 2 * SECOND + 100000, 1, text)); /* right at the old rate */
}
END_TEST

START_TEST(test_limits_in_flight)
{
    struct check_limits check = {0};
    check_limits_set(&check, SECOND, 1000, 1, 10, 4);
    ck_assert(check_limits_in_flight(&check, 4, true, text));
    ck_assert(!check_limits_in_flight(&check, 5, true, text));
    ck_assert(check_limits_in_flight(&check, 5, false, text)); /* the window fell: nobody was granted */
}
END_TEST

struct permits {
    struct check_permit permits[4];
    struct check_permits check;
};

static void init_permits(struct permits *permits)
{
    memset(permits, 0, sizeof(*permits));
    permits->check.permits = permits->permits;
    permits->check.count = 4;
    permits->check.grace_us = 600 * SECOND;
}

static bool tell(struct permits *permits, size_t instance, int64_t now_us, enum op_kind kind, enum instance_state state,
                 int64_t value)
{
    struct op op = {.kind = kind, .fence = kind == OP_ACQUIRE ? 0 : value};
    struct op_reply reply = {.state = state, .fence = value, .number = value, .until_us = now_us + 60 * SECOND};
    return check_permits_reply(&permits->check, instance, now_us, &op, &reply, text);
}

START_TEST(test_permits_twice)
{
    struct permits permits;
    init_permits(&permits);
    ck_assert(tell(&permits, 1, SECOND, OP_ACQUIRE, INSTANCE_GRANTED, 7));
    ck_assert(!tell(&permits, 1, 2 * SECOND, OP_ACQUIRE, INSTANCE_GRANTED, 8));
    ck_assert_ptr_nonnull(strstr(text, "twice: i1"));
    init_permits(&permits);
    ck_assert(tell(&permits, 1, SECOND, OP_ACQUIRE, INSTANCE_GRANTED, 7));
    ck_assert(tell(&permits, 1, 62 * SECOND, OP_ACQUIRE, INSTANCE_GRANTED, 8)); /* it had expired */
    ck_assert(tell(&permits, 1, 63 * SECOND, OP_COMPLETE, INSTANCE_DONE, 8));
    ck_assert(tell(&permits, 1, 64 * SECOND, OP_ACQUIRE, INSTANCE_GRANTED, 9)); /* it was given back */
}
END_TEST

START_TEST(test_permits_fences)
{
    struct permits permits;
    init_permits(&permits);
    ck_assert(tell(&permits, 1, SECOND, OP_ACQUIRE, INSTANCE_GRANTED, 7));
    ck_assert(!tell(&permits, 2, SECOND, OP_ACQUIRE, INSTANCE_GRANTED, 7));
    ck_assert_ptr_nonnull(strstr(text, "fences: i2"));
}
END_TEST

START_TEST(test_permits_place_lost)
{
    struct permits permits;
    init_permits(&permits);
    ck_assert(tell(&permits, 3, SECOND, OP_ACQUIRE, INSTANCE_WAITING, 40));
    ck_assert(tell(&permits, 3, 2 * SECOND, OP_ACQUIRE, INSTANCE_WAITING, 40));
    ck_assert(!tell(&permits, 3, 3 * SECOND, OP_ACQUIRE, INSTANCE_WAITING, 41));
    ck_assert_ptr_nonnull(strstr(text, "lost: i3 had place 40"));
}
END_TEST

START_TEST(test_permits_forgotten)
{
    struct permits permits;
    init_permits(&permits);
    ck_assert(tell(&permits, 3, SECOND, OP_ACQUIRE, INSTANCE_GRANTED, 40));
    ck_assert(!tell(&permits, 3, 2 * SECOND, OP_ACQUIRE, INSTANCE_WAITING, 1));
    ck_assert(!tell(&permits, 3, 2 * SECOND, OP_ACQUIRE, INSTANCE_BACKOFF, 0));
    ck_assert(!tell(&permits, 0, 2 * SECOND, OP_ACQUIRE, INSTANCE_NONE, 0));
    ck_assert_int_eq(check_permits_held(&permits.check, 0, 4, 2 * SECOND), 1);
    ck_assert_int_eq(check_permits_held(&permits.check, 0, 4, 62 * SECOND), 0);
}
END_TEST

static bool order_reply(struct check_order *check, size_t instance, int64_t at_us, enum instance_state state, bool called)
{
    struct op_reply reply = {.state = state, .called = called, .number = state == INSTANCE_WAITING ? (int64_t)instance + 1 : 0};
    return check_order_reply(check, instance, 0, at_us, &reply, text);
}

START_TEST(test_order)
{
    enum { COUNT = 2000 };
    static struct check_order_place places[COUNT];
    static struct check_order check;
    memset(&check, 0, sizeof(check));
    memset(places, 0, sizeof(places));
    check.places = places;
    int64_t at_us = SECOND;
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert(order_reply(&check, i, at_us, INSTANCE_WAITING, i == 500 || i == 1000));
    }
    /* A thousand older ones may go before the 1001st; of younger ones so many and no more. One in ten seconds. */
    for (size_t i = 0; i < 1000; i++) {
        at_us += 10 * SECOND;
        ck_assert_msg(i == 500 || order_reply(&check, i, at_us, INSTANCE_GRANTED, false), "%s", text);
    }
    for (size_t i = 1001; i < 1001 + CHECK_ORDER_MIN; i++) {
        at_us += 10 * SECOND;
        ck_assert(order_reply(&check, i, at_us, INSTANCE_GRANTED, false));
    }
    ck_assert(order_reply(&check, 1000, at_us, INSTANCE_GRANTED, false));
    ck_assert_int_eq(check.most, CHECK_ORDER_MIN);
    ck_assert(!order_reply(&check, 500, at_us, INSTANCE_GRANTED, false)); /* 499 + 257 younger ones went before it */
    ck_assert_str_eq(text, "order: i500 was called, came, and saw 756 younger ones go first, 274 at most");
    check_order_finish(&check);
}
END_TEST

START_TEST(test_order_after_a_closure)
{
    static struct check_order_place places[800];
    static struct check_order check;
    memset(&check, 0, sizeof(check));
    memset(places, 0, sizeof(places));
    check.places = places;
    for (size_t i = 0; i < 800; i++) {
        ck_assert(order_reply(&check, i, SECOND, INSTANCE_WAITING, i == 0));
    }
    for (size_t i = 1; i < 700; i++) {
        ck_assert(order_reply(&check, i, (int64_t)i * 10 * SECOND, INSTANCE_GRANTED, false));
    }
    check_order_opened(&check);
    ck_assert(order_reply(&check, 0, 7000 * SECOND, INSTANCE_GRANTED, false));
    check_order_finish(&check);
}
END_TEST

START_TEST(test_liveness)
{
    struct check_liveness check = {0};
    ck_assert(check_liveness_step(&check, SECOND, 5, true, false, text));
    ck_assert(check_liveness_step(&check, SECOND + CHECK_LIVENESS_US, 5, true, false, text));
    ck_assert(!check_liveness_step(&check, 2 * SECOND + CHECK_LIVENESS_US, 5, true, false, text));
    ck_assert(check_liveness_step(&check, 2 * SECOND + CHECK_LIVENESS_US, 5, true, true, text)); /* a fault */
    ck_assert(check_liveness_step(&check, 2 * SECOND + 2 * CHECK_LIVENESS_US, 5, true, false, text));
}
END_TEST

/* ---- the same from whole groups, as the simulator looks at them ---- */

static const char scenario_text[] =
    "{ \"scenario\": \"planted\", \"policy\": { \"policy\": \"p\", \"dependencies\": { \"db\": { \"bucket\":"
    " { \"rate\": 10, \"burst\": 5 }, \"in_flight\": { \"max\": 8 } } }, \"fleets\": { \"web\": { \"size\": 40, \"needs\":"
    " { \"db\": 1 } } } }, \"dependencies\": { \"db\": { \"servers\": 4, \"service\": \"1s\" } }, \"fleets\": { \"web\": {} } }";

struct planted {
    struct sim_world world;
    struct sim_result result;
    struct sim_options options;
    struct sim_instance instances[40];
    struct group group;
    struct group_reply reply;
    char names[40][8];
};
static struct planted planted;

static void plant_begin(void)
{
    struct sim_scenario *scenario = NULL;
    struct hg_policy_errors errors;
    memset(&planted, 0, sizeof(planted));
    ck_assert_int_eq(sim_scenario_parse("planted", scenario_text, strlen(scenario_text), &scenario, &errors), 0);
    hg_policy_errors_finish(&errors);
    planted.world.scenario = scenario;
    planted.world.options = &planted.options;
    planted.world.result = &planted.result;
    planted.world.instances = planted.instances;
    planted.world.instance_count = 40;
    planted.world.fleet_first[1] = 40;
    planted.world.now_us = SIM_START_US;
    planted.world.snapshot = &planted.reply.snapshot;
    ck_assert(sim_check_init(&planted.world));
    planted.reply.snapshot.dependency_count = planted.reply.snapshot.fleet_count = 1;
    planted.reply.snapshot.dependencies[0] = (struct snapshot_dependency){
        .phase = PHASE_STEADY, .rate_milli = 10000, .burst = 5, .in_flight_max = 8, .window = 8};
}

static void plant_end(const char *found)
{
    sim_check_finish(&planted.world);
    ck_assert_msg(strstr(planted.result.violation, found) != NULL && found[0] != '\0', "wanted '%s', found '%s'", found,
                  planted.result.violation);
    sim_scenario_destroy((struct sim_scenario *)planted.world.scenario);
    sim_result_finish(&planted.result);
}

/* One group in which instances from `first` on are all granted. */
static void plant_grants(size_t first, size_t count, int64_t now_us, int64_t in_flight)
{
    planted.group.op_count = count;
    planted.reply.snapshot.now_us = now_us;
    planted.reply.snapshot.dependencies[0].in_flight = in_flight;
    for (size_t i = 0; i < count; i++) {
        snprintf(planted.names[first + i], sizeof(planted.names[0]), "i%zu", first + i);
        planted.group.ops[i] = (struct op){.kind = OP_ACQUIRE, .fleet = "web", .instance = planted.names[first + i]};
        planted.reply.ops[i] = (struct op_reply){
            .state = INSTANCE_GRANTED, .fence = now_us + (int64_t)i, .until_us = now_us + 120 * SECOND, .limit_dependency = -1};
    }
    sim_check_group(&planted.world, &planted.group, &planted.reply);
}

START_TEST(test_group_rate)
{
    plant_begin();
    sim_check_line(&planted.world, "the line before");
    plant_grants(0, 5, SECOND, 5);
    ck_assert_str_eq(planted.result.violation, "");
    plant_grants(5, 2, SECOND + 100000, 7);
    sim_check_finish(&planted.world);
    ck_assert_uint_eq(planted.result.trace_count, 1); /* what was decided before comes with it */
    ck_assert_str_eq(planted.result.trace[0], "the line before");
    plant_end("limits: 1000000 micro-tokens more");
}
END_TEST

START_TEST(test_group_in_flight)
{
    plant_begin();
    plant_grants(0, 5, SECOND, 5);
    plant_grants(5, 4, 10 * SECOND, 9);
    plant_end("limits: granted with 9 in flight, 8 allowed");
}
END_TEST

START_TEST(test_group_in_flight_not_counted)
{
    /* The store says fewer than it granted: the checker has counted for itself. */
    plant_begin();
    plant_grants(0, 5, SECOND, 5);
    plant_grants(5, 5, 10 * SECOND, 5);
    ck_assert_str_eq(planted.result.violation, "");
    sim_check_step(&planted.world);
    plant_end("limits: 10 held of db, 8 allowed");
}
END_TEST

START_TEST(test_group_twice)
{
    plant_begin();
    plant_grants(3, 1, SECOND, 1);
    plant_grants(3, 1, 2 * SECOND, 2);
    plant_end("twice: i3");
}
END_TEST

START_TEST(test_group_liveness)
{
    plant_begin();
    planted.reply.snapshot.fleets[0].lines[LINE_MAIN].ready = 1;
    for (int64_t s = 0; s < 1300; s += 10) {
        planted.world.now_us = SIM_START_US + s * SECOND;
        sim_check_step(&planted.world);
    }
    plant_end("liveness:");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim_checks");
    TCase *tests = tcase_create("planted");
    tcase_add_test(tests, test_limits_rate);
    tcase_add_test(tests, test_limits_any_window);
    tcase_add_test(tests, test_limits_rate_falls);
    tcase_add_test(tests, test_limits_in_flight);
    tcase_add_test(tests, test_permits_twice);
    tcase_add_test(tests, test_permits_fences);
    tcase_add_test(tests, test_permits_place_lost);
    tcase_add_test(tests, test_permits_forgotten);
    tcase_add_test(tests, test_order);
    tcase_add_test(tests, test_order_after_a_closure);
    tcase_add_test(tests, test_liveness);
    tcase_add_test(tests, test_group_rate);
    tcase_add_test(tests, test_group_in_flight);
    tcase_add_test(tests, test_group_in_flight_not_counted);
    tcase_add_test(tests, test_group_twice);
    tcase_add_test(tests, test_group_liveness);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
