/* The policy changes under load: a bad file changes nothing, a good one loses no lease and no place in line.
 */
#include "check_main.h"
#include "daemon.h"
#include "herd.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_MS   20000
#define INSTANCES 80
#define SLOW_RATE 10
#define FAST_RATE 100

static struct daemon_process gate;

static const char *policy_text(int rate, const char *more_fleets)
{
    static char text[2048];
    snprintf(text, sizeof(text),
             "{\"policy\":\"p\",\n\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},\n"
             "\"bucket\":{\"rate\":%d,\"burst\":4},\"reserve\":{\"burst\":0,\"in_flight\":0},\n\"in_flight\":"
             "{\"max\":1000}},\n"
             "\"narrow\":{\"limiter\":{\"mode\":\"fixed\"},\"bucket\":{\"rate\":100,\"burst\":100},"
             "\"reserve\":{\"burst\":0,\"in_flight\":0},\"in_flight\":{\"max\":1}}},\n"
             "\"fleets\":{\"web\":{\"needs\":{\"db\":1},\"lease\":\"5m\"},\"one\":{\"needs\":{\"narrow\":1},"
             "\"lease\":\"5m\"}"
             "%s}}",
             rate, more_fleets);
    return text;
}

static const char going[] = ",\n\"going\":{\"needs\":{\"narrow\":1},\"lease\":\"5m\"}";

static void setup(void)
{
    struct daemon_setup options = {.policy = policy_text(SLOW_RATE, "")};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
}

static void teardown(void)
{
    daemon_finish(&gate);
}

static int64_t acquire(const char *fleet, const char *instance)
{
    int64_t deadline_ms = server_now_ms() + WAIT_MS, fence = 0;
    while (fence == 0) {
        struct http_answer answer = daemon_put(&gate, fleet, instance, NULL);
        fence = answer.status == 200 ? http_int(&answer, "/fence") : 0;
        ck_assert_msg(server_now_ms() < deadline_ms, "%d: %s", answer.status, answer.body);
        http_finish(&answer);
        server_pause(5);
    }
    return fence;
}

static bool holds(const char *instance, int64_t fence)
{
    char body[64];
    snprintf(body, sizeof(body), "{\"fence\":%lld}", (long long)fence);
    struct http_answer answer = daemon_post(&gate, "one", instance, "renew", body);
    bool held = answer.status == 200;
    http_finish(&answer);
    return held;
}

static void ticket_of(const char *instance, char *ret_ticket, size_t size)
{
    struct http_answer answer = daemon_put(&gate, "one", instance, NULL);
    ck_assert_int_eq(answer.status, 429);
    snprintf(ret_ticket, size, "%.*s", (int)strcspn(http_text(&answer, "/ticket"), "."),
             http_text(&answer, "/ticket"));
    ck_assert_str_ne(ret_ticket, "");
    http_finish(&answer);
}

/* The fleet relaunches while `change` happens; who holds and who waits in the narrow line stays where it is.
 */
static void under_load(void (*change)(void), int64_t timeout_ms)
{
    char before[3][32], after[32];
    static const char *const waiting[] = {"w1", "w2", "w3"};
    int64_t fence = acquire("one", "holder");
    for (int i = 0; i < 3; i++) {
        ticket_of(waiting[i], before[i], sizeof(before[i]));
    }
    struct herd_options options = {.ports = {gate.server.port},
                                   .port_count = 1,
                                   .fleet = "web",
                                   .instance_count = INSTANCES,
                                   .connection_count = 100,
                                   .hold_us = 200000};
    struct herd *herd = herd_create(&options);
    (void)herd_run(herd, 1500);
    change();
    for (int i = 0; i < 3; i++) {
        ticket_of(waiting[i], after, sizeof(after));
        ck_assert_str_eq(after, before[i]);
    }
    ck_assert(holds("holder", fence));
    bool all = herd_run(herd, timeout_ms);
    size_t count;
    const struct herd_grant *grants = herd_grants(herd, &count);
    static const struct herd_limit limit = {.rate_milli = FAST_RATE * 1000, .burst = 4};
    ck_assert_int_eq(herd_counts(herd)->odd, 0);
    ck_assert_int_eq(herd_counts(herd)->refused, 0);
    ck_assert_uint_eq(herd_granted_twice(grants, count), 0);
    ck_assert_int_le(herd_worst_excess(grants, count, &limit, 64), 0);
    ck_assert(all == (timeout_ms > WAIT_MS));
    herd_destroy(herd);
    ck_assert(holds("holder", fence));
    /* And the line goes on in its order. */
    struct http_answer done = daemon_post(&gate, "one", "holder", "complete", "{\"outcome\":\"recovered\"}");
    ck_assert_int_eq(done.status, 200);
    http_finish(&done);
    (void)acquire("one", "w1");
}

static void bad_file(void)
{
    static const char *const words[] = {"event=reload", "ok=false", NULL};
    char where[320];
    const char *place[] = {where, "$.dependencies.db.bucket.rate", NULL};
    daemon_write_policy(&gate, policy_text(-5, ""));
    server_signal(&gate.server, SIGHUP);
    ck_assert(daemon_wait_logged(&gate, words, WAIT_MS));
    snprintf(where, sizeof(where), "%s:3:", gate.policy);
    ck_assert(daemon_logged(&gate, place));
}

static void wait_for_rate(int rate)
{
    int64_t deadline_ms = server_now_ms() + WAIT_MS;
    double seen = 0;
    while (seen < rate - 0.5 || seen > rate + 0.5) {
        struct http_answer answer = daemon_ask(&gate, "GET", "/v1/dependencies/db", NULL);
        seen = json_number_value(http_at(&answer, "/rate"));
        http_finish(&answer);
        ck_assert_msg(server_now_ms() < deadline_ms, "the rate stays %g", seen);
        server_pause(10);
    }
}

static void good_file_by_signal(void)
{
    daemon_write_policy(&gate, policy_text(FAST_RATE, ""));
    server_signal(&gate.server, SIGHUP);
    wait_for_rate(FAST_RATE);
}

static void good_file_alone(void)
{
    daemon_write_policy(&gate, policy_text(FAST_RATE, going));
    wait_for_rate(FAST_RATE);
}

START_TEST(a_bad_file_changes_nothing)
{
    under_load(bad_file, 2000);
    wait_for_rate(SLOW_RATE);
    struct http_answer answer = daemon_ask(&gate, "GET", "/v1/status", NULL);
    ck_assert(json_is_true(http_at(&answer, "/ready")));
    http_finish(&answer);
}
END_TEST

START_TEST(a_good_file_on_sighup)
{
    under_load(good_file_by_signal, 60000);
}
END_TEST

START_TEST(a_good_file_when_it_changes)
{
    under_load(good_file_alone, 60000);
}
END_TEST

static void write_version(const char *version, int rate)
{
    char path[400], data[320], next[330];
    snprintf(path, sizeof(path), "%s/%s", gate.directory, version);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/%s/p.json", gate.directory, version);
    FILE *file = fopen(path, "we");
    ck_assert(file != NULL && fputs(policy_text(rate, ""), file) >= 0 && fclose(file) == 0);
    snprintf(data, sizeof(data), "%s/..data", gate.directory);
    snprintf(next, sizeof(next), "%s_tmp", data);
    ck_assert_int_eq(symlink(version, next), 0);
    ck_assert_int_eq(rename(next, data), 0);
}

/* As Kubernetes mounts a ConfigMap: the file is a link by way of ..data, and only that link is replaced. */
START_TEST(a_new_version_of_a_configmap)
{
    static const char *const words[] = {"event=reload", "ok=true", NULL};
    char link[320];
    write_version("..1", SLOW_RATE);
    snprintf(link, sizeof(link), "%s.link", gate.policy);
    ck_assert_int_eq(symlink("..data/p.json", link), 0);
    ck_assert_int_eq(rename(link, gate.policy), 0);
    ck_assert(daemon_wait_logged(&gate, words, WAIT_MS));
    write_version("..2", FAST_RATE);
    wait_for_rate(FAST_RATE);
}
END_TEST

START_TEST(a_removed_fleet_drains)
{
    daemon_write_policy(&gate, policy_text(SLOW_RATE, going));
    int64_t deadline_ms = server_now_ms() + WAIT_MS;
    struct http_answer answer = daemon_put(&gate, "going", "a", NULL);
    while (answer.status != 200) {
        ck_assert_msg(server_now_ms() < deadline_ms, "%s", answer.body);
        http_finish(&answer);
        server_pause(20);
        answer = daemon_put(&gate, "going", "a", NULL);
    }
    http_finish(&answer);
    daemon_write_policy(&gate, policy_text(SLOW_RATE, ""));
    server_signal(&gate.server, SIGHUP);
    answer = daemon_put(&gate, "going", "b", NULL);
    /* Until the controller knows of the change; one asked in that moment hears it from the store. */
    while (strstr(http_text(&answer, "/title"), "removed") == NULL) {
        ck_assert_msg(server_now_ms() < deadline_ms, "%s", answer.body);
        http_finish(&answer);
        server_pause(20);
        answer = daemon_put(&gate, "going", "b", NULL);
    }
    ck_assert_int_eq(answer.status, 404);
    http_finish(&answer);
    ck_assert(daemon_wait_int(&gate, "/v1/dependencies/narrow", "/in_flight", 1, WAIT_MS));
    answer = daemon_post(&gate, "going", "a", "complete", "{\"outcome\":\"recovered\"}");
    ck_assert_msg(answer.status == 200, "%d: %s", answer.status, answer.body);
    http_finish(&answer);
    ck_assert(daemon_wait_int(&gate, "/v1/dependencies/narrow", "/in_flight", 0, WAIT_MS));
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("reload");
    TCase *tcase = tcase_create("reload");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_bad_file_changes_nothing);
    tcase_add_test(tcase, a_good_file_on_sighup);
    tcase_add_test(tcase, a_good_file_when_it_changes);
    tcase_add_test(tcase, a_new_version_of_a_configmap);
    tcase_add_test(tcase, a_removed_fleet_drains);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
