/* Two controllers on one Redis; the leader is killed in the middle of a relaunch. */
#include "check_main.h"
#include "daemon.h"
#include "herd.h"

#include <stdio.h>
#include <string.h>

#define WAIT_MS    15000
#define INSTANCES  300
#define RATE_MILLI 40000
#define BURST      8
#define GAP_MAX_US INT64_C(3000000)

static const char policy[] = "{\"policy\":\"p\",\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},"
                             "\"bucket\":{\"rate\":40,\"burst\":8},\"reserve\":{\"burst\":0,\"in_flight\":0},"
                             "\"in_flight\":{\"max\":50}}},"
                             "\"fleets\":{\"web\":{\"needs\":{\"db\":1},\"lease\":\"2m\"}}}";

static struct daemon_process gates[2];
static struct server redis;
static char url[64];

static const char ramping[] = "{\"policy\":\"p\",\"dependencies\":{\"db\":{"
                              "\"bucket\":{\"rate\":2000,\"burst\":200},\"reserve\":{\"burst\":0,\"in_"
                              "flight\":0},\"in_flight\":{\"max\":100}}},"
                              "\"fleets\":{\"web\":{\"size\":400,\"needs\":{\"db\":1},\"lease\":\"2m\"}}}";

static void begin(const char *text)
{
    ck_assert_int_eq(server_start_redis(&redis, NULL), 0);
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d/0", redis.port);
    struct daemon_setup options = {.policy = text, .store = url};
    ck_assert_int_eq(daemon_start(&gates[0], &options), 0);
    ck_assert_int_eq(daemon_start(&gates[1], &options), 0);
}

static void teardown(void)
{
    daemon_finish(&gates[0]);
    daemon_finish(&gates[1]);
    server_stop(&redis);
}

static bool leads(const struct daemon_process *gate)
{
    struct http_answer answer = daemon_ask(gate, "GET", "/v1/status", NULL);
    bool leading = json_is_true(http_at(&answer, "/policies/0/leading"));
    http_finish(&answer);
    return leading;
}

static struct herd *make_herd(void)
{
    struct herd_options options = {.ports = {gates[0].server.port, gates[1].server.port},
                                   .port_count = 2,
                                   .fleet = "web",
                                   .instance_count = INSTANCES,
                                   .connection_count = INSTANCES,
                                   .hold_us = 300000};
    return herd_create(&options);
}

START_TEST(both_serve_and_one_leads)
{
    begin(policy);
    ck_assert_int_eq(leads(&gates[0]) + leads(&gates[1]), 1);
    struct herd *herd = make_herd();
    (void)herd_run(herd, 1000);
    herd_destroy(herd);
    for (int i = 0; i < 2; i++) {
        ck_assert(daemon_metric(&gates[i], "headgate_requests_total") > 100);
        struct http_answer answer = daemon_ask(&gates[i], "GET", "/v1/fleets/web", NULL);
        ck_assert_int_gt(http_int(&answer, "/granted"), 0);
        http_finish(&answer);
    }
}
END_TEST

static void relaunch(bool killed)
{
    static const struct herd_limit limit = {.rate_milli = RATE_MILLI, .burst = BURST};
    begin(policy);
    int leader = leads(&gates[1]);
    struct herd *herd = make_herd();
    ck_assert(!herd_run(herd, 3000));
    if (killed) {
        daemon_kill(&gates[leader]);
    } else {
        daemon_stop(&gates[leader]); /* gives the lock up */
    }
    ck_assert_msg(herd_run(herd, 60000), "only %lld of %d are through", (long long)herd_counts(herd)->done,
                  INSTANCES);
    size_t count;
    const struct herd_grant *grants = herd_grants(herd, &count);
    double excess = (double)herd_worst_excess(grants, count, &limit, 64) / 1e6;
    int64_t gap_us = herd_longest_gap_us(grants, count), most = herd_most_held(grants, count);
    printf("leader %s: %zu grants, longest gap %.2f s, worst window %+.3f tokens, at most %lld in flight\n",
           killed ? "killed" : "stopped", count, (double)gap_us / 1e6, excess, (long long)most);
    ck_assert_int_eq(herd_counts(herd)->odd, 0);
    ck_assert_int_le(gap_us, GAP_MAX_US);
    ck_assert_msg(excess <= 0, "a window had %.3f more grants than burst + rate * t", excess);
    ck_assert_int_le(most, 50);
    ck_assert_uint_eq(herd_granted_twice(grants, count), 0);
    herd_destroy(herd);
    ck_assert(daemon_wait_text(&gates[1 - leader], "/v1/status", "/policies/0/dependencies/0/dependency",
                               "db", WAIT_MS));
    ck_assert(leads(&gates[1 - leader]));
}

START_TEST(a_killed_leader_stalls_nobody)
{
    relaunch(true);
}
END_TEST

/* The next leader goes on where the last one was: one recovery, its timeline unbroken, the window not thrown
 * away. */
START_TEST(a_ramp_outlives_its_leader)
{
    begin(ramping);
    int leader = leads(&gates[1]);
    struct daemon_process *other = &gates[1 - leader];
    struct herd_options options = {.ports = {other->server.port, gates[leader].server.port},
                                   .port_count = 2,
                                   .fleet = "web",
                                   .instance_count = INSTANCES,
                                   .connection_count = INSTANCES,
                                   .hold_us = 400000};
    struct herd *herd = herd_create(&options);
    int64_t deadline_ms = server_now_ms() + WAIT_MS;
    int64_t window = 0;
    while (window < 20) { /* twice the canaries: it ramps */
        ck_assert(!herd_run(herd, 50));
        ck_assert(server_now_ms() < deadline_ms);
        struct http_answer answer = daemon_ask(other, "GET", "/v1/dependencies/db", NULL);
        window = strcmp(http_text(&answer, "/phase"), "ramping") == 0 ? http_int(&answer, "/window") : 0;
        http_finish(&answer);
    }
    daemon_kill(&gates[leader]);
    deadline_ms = server_now_ms() + WAIT_MS;
    int64_t least = window;
    while (!leads(other)) {
        (void)herd_run(herd, 50);
        ck_assert(server_now_ms() < deadline_ms);
    }
    for (int i = 0; i < 10; i++) {
        (void)herd_run(herd, 50);
        struct http_answer answer = daemon_ask(other, "GET", "/v1/dependencies/db", NULL);
        least = http_int(&answer, "/window") < least ? http_int(&answer, "/window") : least;
        http_finish(&answer);
    }
    ck_assert_int_ge(least, window);
    ck_assert_msg(herd_run(herd, 60000), "only %lld of %d are through", (long long)herd_counts(herd)->done,
                  INSTANCES);
    ck_assert_int_eq(herd_counts(herd)->odd, 0);
    herd_destroy(herd);
    ck_assert(daemon_wait_text(other, "/v1/dependencies/db", "/phase", "idle", WAIT_MS));
    ck_assert(
        daemon_wait_text(other, "/v1/recoveries", "/recoveries/0/timeline/0/phase", "probing", WAIT_MS));
    struct http_answer answer = daemon_ask(other, "GET", "/v1/recoveries", NULL);
    ck_assert_msg(json_array_size(http_at(&answer, "/recoveries")) == 1, "%s", answer.body);
    ck_assert_msg(http_int(&answer, "/recoveries/0/recovered") >= INSTANCES - 20, "%s", answer.body);
    http_finish(&answer);
}
END_TEST

START_TEST(a_stopped_leader_hands_over)
{
    relaunch(false);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("leader");
    TCase *tcase = tcase_create("leader");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, both_serve_and_one_leads);
    tcase_add_test(tcase, a_killed_leader_stalls_nobody);
    tcase_add_test(tcase, a_ramp_outlives_its_leader);
    tcase_add_test(tcase, a_stopped_leader_hands_over);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
