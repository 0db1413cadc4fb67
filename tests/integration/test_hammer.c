/* The limits under a hammer: 2,000 instances that ignore every advice, for ten seconds, at two controllers on
 * one Redis, and at one with its state in memory. Judged by the store's clock: a fence is the store's grant
 * time. */
#include "check_main.h"
#include "daemon.h"
#include "herd.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define INSTANCES    2000
#define CONNECTIONS  400
#define HAMMER_MS    10000
#define ASK_EVERY_US INT64_C(400000) /* about 5,000 requests a second in all */
#define RATE_MILLI   50000
#define BURST        10
#define SLACK_US     64 /* fences of one group follow each other by a microsecond */

static const char rate_policy[] =
    "{\"policy\":\"p\",\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},"
    "\"bucket\":{\"rate\":50,\"burst\":10},\"reserve\":{\"burst\":0,\"in_flight\":0},\"in_flight\":{\"max\":"
    "100000}}},"
    "\"fleets\":{\"web\":{\"needs\":{\"db\":1},\"lease\":\"2m\"}}}";
static const char flight_policy[] =
    "{\"policy\":\"p\",\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},"
    "\"bucket\":{\"rate\":1000,\"burst\":1000},\"reserve\":{\"burst\":0,\"in_flight\":0},\"in_flight\":{"
    "\"max\":5}}},"
    "\"fleets\":{\"web\":{\"needs\":{\"db\":1},\"lease\":\"2m\"}}}";

static struct daemon_process first, second;
static struct server redis;
static char url[64];

static void begin(const char *policy, bool with_redis)
{
    struct daemon_setup setup = {.policy = policy};
    if (with_redis) {
        ck_assert_int_eq(server_start_redis(&redis, NULL), 0);
        snprintf(url, sizeof(url), "redis://127.0.0.1:%d/0", redis.port);
        setup.store = url;
    }
    ck_assert_int_eq(daemon_start(&first, &setup), 0);
    if (with_redis) {
        ck_assert_int_eq(daemon_start(&second, &setup), 0);
    }
}

static void teardown(void)
{
    daemon_finish(&first);
    daemon_finish(&second);
    server_stop(&redis);
}

static struct herd *make_herd(int64_t hold_us)
{
    struct herd_options options = {.ports = {first.server.port, second.server.port},
                                   .port_count = second.server.port != 0 ? 2 : 1,
                                   .fleet = "web",
                                   .instance_count = INSTANCES,
                                   .connection_count = CONNECTIONS,
                                   .ask_every_us = ASK_EVERY_US,
                                   .hold_us = hold_us,
                                   .again = hold_us >= 0};
    return herd_create(&options);
}

static void tell(const char *what, const struct herd_counts *counts, size_t grants)
{
    printf("%s: %lld requests in %d s, %zu grants, %lld waiting, slowest answer %.1f ms\n", what,
           (long long)counts->answered, HAMMER_MS / 1000, grants, (long long)counts->waiting,
           (double)counts->slowest_us / 1000);
}

static void hammer_rate(const char *what)
{
    static const struct herd_limit limit = {.rate_milli = RATE_MILLI, .burst = BURST};
    struct herd *herd = make_herd(-1);
    (void)herd_run(herd, HAMMER_MS);
    size_t count;
    const struct herd_counts *counts = herd_counts(herd);
    const struct herd_grant *grants = herd_grants(herd, &count);
    double tokens = BURST + RATE_MILLI / 1000.0 * HAMMER_MS / 1000.0;
    double used = (double)count / tokens;
    double excess = (double)herd_worst_excess(grants, count, &limit, SLACK_US) / 1e6;
    tell(what, counts, count);
    printf("%s: %.1f %% of %.0f tokens used; worst window %+.3f tokens against burst + rate * t\n", what,
           used * 100, tokens, excess);
    ck_assert_int_eq(counts->odd, 0);
    ck_assert_int_eq(counts->away, 0);
    ck_assert_int_eq(counts->broken, 0);
    ck_assert_uint_eq(herd_granted_twice(grants, count), 0);
    ck_assert_msg(excess <= 0, "a window had %.3f more grants than burst + rate * t", excess);
    ck_assert_msg(used >= 0.90, "only %.1f %% of the tokens were used", used * 100);
    herd_destroy(herd);
}

static void hammer_in_flight(const char *what)
{
    struct herd *herd = make_herd(100000);
    int64_t most_told = 0;
    for (int i = 0; i < HAMMER_MS / 200; i++) {
        (void)herd_run(herd, 200);
        struct http_answer answer = daemon_ask(&first, "GET", "/v1/dependencies/db", NULL);
        int64_t told = http_int(&answer, "/in_flight");
        most_told = told > most_told ? told : most_told;
        http_finish(&answer);
    }
    size_t count;
    const struct herd_counts *counts = herd_counts(herd);
    const struct herd_grant *grants = herd_grants(herd, &count);
    int64_t most = herd_most_held(grants, count);
    tell(what, counts, count);
    printf("%s: at most %lld in flight as the fleet saw it, %lld as told; limit 5; %.0f %% of 5 kept busy\n",
           what, (long long)most, (long long)most_told,
           100.0 * (double)count * 0.1 / (HAMMER_MS / 1000.0) / 5);
    ck_assert_int_eq(counts->odd, 0);
    ck_assert_int_eq(counts->away, 0);
    ck_assert_int_eq(most, 5);
    ck_assert_int_eq(most_told, 5);
    herd_destroy(herd);
}

START_TEST(rate_of_two_controllers_on_redis)
{
    begin(rate_policy, true);
    hammer_rate("redis, two controllers");
}
END_TEST

START_TEST(rate_in_memory)
{
    begin(rate_policy, false);
    hammer_rate("memory");
}
END_TEST

START_TEST(in_flight_of_two_controllers_on_redis)
{
    begin(flight_policy, true);
    hammer_in_flight("redis, two controllers");
}
END_TEST

START_TEST(in_flight_in_memory)
{
    begin(flight_policy, false);
    hammer_in_flight("memory");
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("hammer");
    TCase *tcase = tcase_create("hammer");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, rate_of_two_controllers_on_redis);
    tcase_add_test(tcase, rate_in_memory);
    tcase_add_test(tcase, in_flight_of_two_controllers_on_redis);
    tcase_add_test(tcase, in_flight_in_memory);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
