/* The controller with the journaled store is killed in the middle of a relaunch, and started again: nobody is
 * granted twice, none is lost. */
#include "check_main.h"
#include "daemon.h"
#include "herd.h"

#include <stdio.h>
#include <string.h>

#define INSTANCES  400
#define KILLS      3
#define RATE_MILLI 60000
#define BURST      10
#define RUN_MS     60000

static const char policy[] = "{\"policy\":\"p\",\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},"
                             "\"bucket\":{\"rate\":60,\"burst\":10},\"reserve\":{\"burst\":0,\"in_flight\":0}"
                             ",\"in_flight\":{\"max\":40}}},"
                             "\"fleets\":{\"web\":{\"needs\":{\"db\":1},\"lease\":\"2m\"}}}";

static struct daemon_process gate;
static char directory[256], url[300];

static void setup(void)
{
    server_make_directory(directory, sizeof(directory));
    snprintf(url, sizeof(url), "memory:%s/state", directory);
    struct daemon_setup options = {.policy = policy, .store = url};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
}

static void teardown(void)
{
    daemon_finish(&gate);
    server_remove_directory(directory);
}

START_TEST(a_killed_controller_forgets_nothing)
{
    static const struct herd_limit limit = {.rate_milli = RATE_MILLI, .burst = BURST};
    struct daemon_setup again = {.policy = policy, .store = url, .old_store = true};
    struct herd_options options = {.ports = {gate.server.port},
                                   .port_count = 1,
                                   .fleet = "web",
                                   .instance_count = INSTANCES,
                                   .connection_count = INSTANCES,
                                   .hold_us = 200000};
    struct herd *herd = herd_create(&options);
    for (int i = 0; i < KILLS; i++) {
        ck_assert(!herd_run(herd, 1200));
        daemon_kill(&gate);
        (void)herd_run(herd, 100);
        ck_assert_int_eq(daemon_restart(&gate, &again), 0);
    }
    ck_assert_msg(herd_run(herd, RUN_MS), "only %lld of %d are through", (long long)herd_counts(herd)->done,
                  INSTANCES);
    size_t count;
    const struct herd_grant *grants = herd_grants(herd, &count);
    double excess = (double)herd_worst_excess(grants, count, &limit, 64) / 1e6;
    int64_t most = herd_most_held(grants, count);
    size_t twice = herd_granted_twice(grants, count);
    printf("killed %d times: %zu answers with a permit for %d instances, %zu granted twice, longest gap %.2f "
           "s, worst "
           "window %+.3f tokens, at most %lld of 40 in flight\n",
           KILLS, count, INSTANCES, twice, (double)herd_longest_gap_us(grants, count) / 1e6, excess,
           (long long)most);
    ck_assert_int_eq(herd_counts(herd)->odd, 0);
    ck_assert_int_eq(herd_counts(herd)->refused, 0);
    ck_assert_uint_eq(twice, 0);
    ck_assert_msg(excess <= 0, "a window had %.3f more grants than burst + rate * t", excess);
    ck_assert_int_le(most, 40);
    herd_destroy(herd);
    struct http_answer answer = daemon_ask(&gate, "GET", "/v1/fleets/web", NULL);
    ck_assert_msg(http_int(&answer, "/granted") == INSTANCES, "%s", answer.body);
    ck_assert_int_eq(http_int(&answer, "/recovered"), INSTANCES);
    ck_assert_int_eq(http_int(&answer, "/in_flight"), 0);
    ck_assert_int_eq(http_int(&answer, "/waiting"), 0);
    ck_assert_int_eq(http_int(&answer, "/failed"), 0);
    http_finish(&answer);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("journal kill");
    TCase *tcase = tcase_create("journal kill");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_killed_controller_forgets_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
