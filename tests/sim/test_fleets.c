/* Several fleets on the same dependencies, in virtual time: how the tokens divide while all of them wait. */
#include "herd.h"

#include "../unit/check_main.h"

#include <math.h>
#include <stdio.h>

#define SPAN_US (120 * WORLD_SECOND)

struct share {
    int64_t granted[HG_FLEETS_MAX];
    int64_t total;
};

static struct herd_options herd_of(const char *fleet, size_t count, int64_t never_permille)
{
    return (struct herd_options){.fleet = fleet, .count = count, .arrive_us = 2 * WORLD_SECOND, .work_min_us = 200000,
                                 .never_permille = never_permille, .work_max_us = 600000, .late_permille = 200,
                                 .late_us = 5 * WORLD_SECOND};
}

/* What each fleet was granted in SPAN_US. */
static struct share run(const char *policy, const struct herd_options *options, size_t count, struct herds *herds)
{
    struct world_options world_options = {.policy = policy, .controllers = 1, .store_rtt_us = 2000, .seed = 3,
                                          .user = herds_user(herds)};
    struct world *world = world_create(&world_options);
    struct share share = {0};
    world_run(world, 5 * WORLD_SECOND);
    int64_t from_us = world->now_us;
    for (size_t i = 0; i < count; i++) {
        herds_release(herds, world, &options[i], from_us);
    }
    world_run(world, from_us + SPAN_US);
    for (size_t i = 0; i < world->grant_count; i++) {
        share.granted[world->grants[i].fleet]++;
        share.total++;
    }
    ck_assert_int_eq(world->in_flight_over, 0);
    world_destroy(world);
    return share;
}

#define DEPENDENCY(name, rate, max) \
    "\"" name "\":{\"limiter\":{\"mode\":\"fixed\"},\"bucket\":{\"rate\":" rate ",\"burst\":20}," \
    "\"in_flight\":{\"max\":" max "}}"

static void expect_share(const struct share *share, size_t fleet, double expected, double tolerance)
{
    double got = (double)share->granted[fleet] / (double)share->total;
    ck_assert_msg(fabs(got - expected) <= tolerance * expected, "fleet %zu has %.3f of the grants, not %.3f", fleet, got,
                  expected);
}

START_TEST(test_weights)
{
    struct herds herds = {0};
    struct herd_options options[] = {herd_of("one", 4000, 50), herd_of("two", 4000, 50), herd_of("five", 4000, 50)};
    struct share share = run("{\"policy\":\"p\",\"dependencies\":{" DEPENDENCY("db", "40", "1000") "},\"fleets\":{"
                             "\"one\":{\"needs\":{\"db\":1},\"weight\":1},\"two\":{\"needs\":{\"db\":1},\"weight\":2},"
                             "\"five\":{\"needs\":{\"db\":1},\"weight\":5}}}",
                             options, 3, &herds);
    expect_share(&share, 0, 1.0 / 8, 0.1);
    expect_share(&share, 1, 2.0 / 8, 0.1);
    expect_share(&share, 2, 5.0 / 8, 0.1);
    ck_assert_int_ge(share.total, 40 * 120 * 95 / 100);
    herds_finish(&herds);
}
END_TEST

START_TEST(test_charged_when_granted_not_when_called)
{
    struct herds herds = {0};
    struct herd_options options[] = {herd_of("lossy", 8000, 400), herd_of("sound", 4000, 0)};
    struct share share = run("{\"policy\":\"p\",\"dependencies\":{" DEPENDENCY("db", "40", "1000") "},\"fleets\":{"
                             "\"lossy\":{\"needs\":{\"db\":1}},\"sound\":{\"needs\":{\"db\":1}}}}",
                             options, 2, &herds);
    expect_share(&share, 0, 0.5, 0.1);
    ck_assert_int_ge(share.total, 40 * 120 * 95 / 100);
    herds_finish(&herds);
}
END_TEST

START_TEST(test_dear_needs_weigh_by_what_they_cost)
{
    struct herds herds = {0};
    struct herd_options options[] = {herd_of("dear", 2000, 0), herd_of("cheap", 4000, 0)};
    struct share share = run("{\"policy\":\"p\",\"dependencies\":{" DEPENDENCY("db", "40", "1000") "},\"fleets\":{"
                             "\"dear\":{\"needs\":{\"db\":4}},\"cheap\":{\"needs\":{\"db\":1}}}}",
                             options, 2, &herds);
    expect_share(&share, 0, 0.2, 0.15); /* a quarter of the grants of the other, half of the tokens */
    ck_assert_int_ge(4 * share.granted[0] + share.granted[1], 40 * 120 * 95 / 100);
    herds_finish(&herds);
}
END_TEST

/* Bound by tokens, and bound by places in flight. */
static const char *const two_needs[] = {
    "{\"policy\":\"p\",\"dependencies\":{" DEPENDENCY("a", "20", "1000") "," DEPENDENCY("b", "20", "1000")
    "},\"fleets\":{\"both\":{\"needs\":{\"a\":1,\"b\":1}},\"a-only\":{\"needs\":{\"a\":1}},"
    "\"b-only\":{\"needs\":{\"b\":1}}}}",
    "{\"policy\":\"p\",\"dependencies\":{" DEPENDENCY("a", "1000", "8") "," DEPENDENCY("b", "1000", "8")
    "},\"fleets\":{\"both\":{\"needs\":{\"a\":1,\"b\":1}},\"a-only\":{\"needs\":{\"a\":1}},"
    "\"b-only\":{\"needs\":{\"b\":1}}}}",
};

START_TEST(test_two_needs_do_not_starve)
{
    struct herds herds = {0};
    struct herd_options options[] = {herd_of("both", 4000, 50), herd_of("a-only", 4000, 50), herd_of("b-only", 4000, 50)};
    struct share share = run(two_needs[_i], options, 3, &herds);
    printf("  needs two: %lld, one: %lld and %lld\n", (long long)share.granted[0], (long long)share.granted[1],
           (long long)share.granted[2]);
    expect_share(&share, 0, 1.0 / 3, 0.15);
    herds_finish(&herds);
}
END_TEST

/* Clients that ask all the time take every token the moment it is there. */
START_TEST(test_two_needs_against_a_hammer)
{
    struct herds herds = {0};
    struct herd_options options[] = {herd_of("both", 1000, 0), herd_of("a-only", 1000, 0), herd_of("b-only", 1000, 0)};
    for (size_t i = 0; i < 3; i++) {
        options[i].poll_us = i == 0 ? 0 : 100000;
    }
    struct share share = run(two_needs[0], options, 3, &herds);
    printf("  needs two: %lld, one, hammering: %lld and %lld\n", (long long)share.granted[0], (long long)share.granted[1],
           (long long)share.granted[2]);
    expect_share(&share, 0, 1.0 / 3, 0.25);
    herds_finish(&herds);
}
END_TEST

START_TEST(test_retries_take_their_share_and_what_is_left)
{
    struct herds herds = {0};
    struct herd_options options[] = {herd_of("web", 3000, 0)};
    options[0].fail_permille = 300;
    struct world_options world_options = {
        .policy = "{\"policy\":\"p\",\"dependencies\":{" DEPENDENCY("db", "40", "1000")
                  "},\"fleets\":{\"web\":{\"needs\":{\"db\":1},\"backoff\":{\"retry_share\":0.1,\"attempts\":20}}}}",
        .controllers = 1, .store_rtt_us = 2000, .seed = 3, .user = herds_user(&herds)};
    struct world *world = world_create(&world_options);
    world_run(world, 5 * WORLD_SECOND);
    herds_release(&herds, world, &options[0], world->now_us);
    world_run(world, world->now_us + 60 * WORLD_SECOND);
    const struct snapshot_line *lines = world->snapshot.fleets[0].lines;
    double retries = (double)lines[LINE_RETRY].granted / (double)(lines[LINE_MAIN].granted + lines[LINE_RETRY].granted);
    ck_assert_msg(retries > 0.06 && retries < 0.14, "retries took %.3f while newcomers waited", retries);
    /* Newcomers done, retries have it all: 3,000 / 0.7 grants at 40 a second. */
    world_run(world, world->now_us + 70 * WORLD_SECOND);
    ck_assert_int_ge(world->snapshot.fleets[0].recovered, 2900);
    world_destroy(world);
    herds_finish(&herds);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fleets");
    TCase *tcase = tcase_create("fleets");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_weights);
    tcase_add_test(tcase, test_charged_when_granted_not_when_called);
    tcase_add_test(tcase, test_dear_needs_weigh_by_what_they_cost);
    tcase_add_loop_test(tcase, test_two_needs_do_not_starve, 0, 2);
    tcase_add_test(tcase, test_two_needs_against_a_hammer);
    tcase_add_test(tcase, test_retries_take_their_share_and_what_is_left);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
