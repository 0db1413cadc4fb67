/* A dependency whose DNS name loses its addresses while its servers live on, as in October 2025, and comes
 * back; and the same fleet power-cycled while nothing else is wrong. */
#include "check_main.h"
#include "daemon.h"
#include "herd.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define INSTANCES 300
#define FALL      2
#define START     10 /* canaries: the first window */
#define WAIT_MS   20000

static struct daemon_process gate;
static struct server dns;
static char directory[256], hosts[300], queries[300];

static void write_hosts(const char *text)
{
    FILE *file = fopen(hosts, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    server_signal(&dns, SIGHUP); /* reads it again */
}

/* The name itself stays (it has a text record): asked for addresses, the server answers that there are none.
 */
static void start_dns(void)
{
    char program[256], port[32], hosts_option[320], log_option[320];
    server_make_directory(directory, sizeof(directory));
    snprintf(hosts, sizeof(hosts), "%s/hosts", directory);
    snprintf(queries, sizeof(queries), "%s/queries", directory);
    write_hosts("127.0.0.1 db.internal\n");
    ck_assert(server_find_program("dnsmasq", program, sizeof(program)));
    int number = server_free_port();
    snprintf(port, sizeof(port), "--port=%d", number);
    snprintf(hosts_option, sizeof(hosts_option), "--addn-hosts=%s", hosts);
    snprintf(log_option, sizeof(log_option), "--log-facility=%s", queries);
    const char *argv[] = {program,
                          "--keep-in-foreground",
                          "--conf-file=/dev/null",
                          "--no-resolv",
                          "--no-hosts",
                          port,
                          "--listen-address=127.0.0.1",
                          "--bind-interfaces",
                          "--user=root",
                          "--pid-file=",
                          "--local=/internal/",
                          "--txt-record=db.internal,here",
                          "--log-queries",
                          "--cache-size=0",
                          hosts_option,
                          log_option,
                          NULL};
    ck_assert_int_eq(server_start(&dns, argv, number), 0);
}

static int count_empty_answers(void)
{
    char line[1024];
    int count = 0;
    FILE *file = fopen(queries, "re");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        count += strstr(line, "db.internal is NODATA-IPv4") != NULL;
    }
    fclose(file);
    return count;
}

static void setup(void)
{
    char policy[1024];
    start_dns();
    snprintf(policy, sizeof(policy),
             "{\"policy\":\"p\",\"dependencies\":{\"db\":{\"probes\":[{\"dns\":\"db.internal\",\"server\":"
             "\"127.0.0.1:%d\","
             "\"interval\":\"300ms\",\"timeout\":\"150ms\",\"rise\":2,\"fall\":%d}],"
             "\"bucket\":{\"rate\":2000,\"burst\":200},\"reserve\":{\"burst\":0,\"in_flight\":0},"
             "\"in_flight\":{\"max\":100}}},"
             "\"fleets\":{\"web\":{\"size\":%d,\"needs\":{\"db\":1},\"lease\":\"1m\"}}}",
             dns.port, FALL, INSTANCES);
    struct daemon_setup options = {.policy = policy};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
    ck_assert(daemon_wait_text(&gate, "/v1/dependencies/db", "/probe", "up", WAIT_MS));
}

static void teardown(void)
{
    daemon_finish(&gate);
    server_stop(&dns);
    server_remove_directory(directory);
}

static void wait_for_phase(const char *phase, char *ret_why, size_t size)
{
    ck_assert_msg(daemon_wait_text(&gate, "/v1/dependencies/db", "/phase", phase, WAIT_MS), "never %s",
                  phase);
    struct http_answer answer = daemon_ask(&gate, "GET", "/v1/dependencies/db", NULL);
    snprintf(ret_why, size, "%s", http_text(&answer, "/why"));
    http_finish(&answer);
}

static struct herd *make_herd(void)
{
    struct herd_options options = {.ports = {gate.server.port},
                                   .port_count = 1,
                                   .fleet = "web",
                                   .instance_count = INSTANCES,
                                   .connection_count = INSTANCES,
                                   .hold_us = 60000};
    return herd_create(&options);
}

/* Finds `phase` at or after `from` in the only recovery's timeline; the index behind it, or 0. */
static size_t find_phase(const struct http_answer *recoveries, size_t from, const char *phase)
{
    const json_t *timeline = http_at(recoveries, "/recoveries/0/timeline");
    for (size_t i = from; i < json_array_size(timeline); i++) {
        const char *seen = json_string_value(json_object_get(json_array_get(timeline, i), "phase"));
        if (seen != NULL && strcmp(seen, phase) == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* One recovery, ended, with these phases in this order, and never back in time. */
static void check_recovery(const char *cause, const char *const *phases)
{
    ck_assert(daemon_wait_text(&gate, "/v1/dependencies/db", "/phase", "idle", WAIT_MS));
    int64_t deadline_ms = server_now_ms() + WAIT_MS;
    struct http_answer answer = daemon_ask(&gate, "GET", "/v1/recoveries", NULL);
    while (http_int(&answer, "/recoveries/0/ended_ms") < 0 && server_now_ms() < deadline_ms) {
        http_finish(&answer);
        answer = daemon_ask(&gate, "GET", "/v1/recoveries", NULL);
    }
    ck_assert_int_eq(answer.status, 200);
    ck_assert_msg(json_array_size(http_at(&answer, "/recoveries")) == 1, "%s", answer.body);
    ck_assert_int_ge(http_int(&answer, "/recoveries/0/ended_ms"),
                     http_int(&answer, "/recoveries/0/began_ms"));
    /* A few of a crowd are through before the next look of the leader sees that it is one. */
    ck_assert_int_ge(http_int(&answer, "/recoveries/0/recovered"), INSTANCES - 2 * START);
    ck_assert_int_le(http_int(&answer, "/recoveries/0/recovered"), INSTANCES);
    ck_assert_msg(strstr(http_text(&answer, "/recoveries/0/cause"), cause) != NULL, "%s", answer.body);
    size_t at = 0;
    for (size_t i = 0; phases[i] != NULL; i++) {
        at = find_phase(&answer, at, phases[i]);
        ck_assert_msg(at > 0, "no %s in its place: %s", phases[i], answer.body);
    }
    const json_t *timeline = http_at(&answer, "/recoveries/0/timeline");
    int64_t last_ms = 0;
    for (size_t i = 0; i < json_array_size(timeline); i++) {
        int64_t at_ms = json_integer_value(json_object_get(json_array_get(timeline, i), "at_ms"));
        ck_assert_int_ge(at_ms, last_ms);
        last_ms = at_ms;
    }
    http_finish(&answer);
}

/* The first window is that of the canaries: nobody beyond it before some of them came back. */
static void check_canaries_first(const struct herd_grant *grants, size_t count)
{
    int64_t first_given_us = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        if (grants[i].given_us != 0 && grants[i].given_us < first_given_us) {
            first_given_us = grants[i].given_us;
        }
    }
    size_t before = 0;
    for (size_t i = 0; i < count; i++) {
        before += grants[i].got_us < first_given_us;
    }
    ck_assert_uint_le(before, START);
}

START_TEST(a_name_without_addresses_blocks_and_comes_back)
{
    static const char *const phases[] = {"blocked", "probing", "ramping", "idle", NULL};
    static const char *const words[] = {"event=phase", "dependency=db", "to=blocked", "no addresses", NULL};
    char why[300];
    write_hosts("");
    int64_t began_ms = server_now_ms();
    wait_for_phase("blocked", why, sizeof(why));
    int probes = count_empty_answers();
    printf("blocked after %d probes, %lld ms: %s\n", probes, (long long)(server_now_ms() - began_ms), why);
    ck_assert_int_ge(probes, FALL);
    ck_assert_int_le(probes, FALL + 1); /* one more may be under way while we look */
    ck_assert_msg(strstr(why, "no addresses") != NULL, "%s", why);
    ck_assert(daemon_logged(&gate, words));

    struct herd *herd = make_herd();
    (void)herd_run(herd, 1500);
    size_t count;
    (void)herd_grants(herd, &count);
    ck_assert_uint_le(count, 1); /* the canary of these ten seconds */
    struct http_answer last = daemon_ask(&gate, "GET", "/v1/fleets/web/instances/i299", NULL);
    ck_assert_msg(strcmp(http_text(&last, "/state"), "blocked") == 0, "%s", last.body);
    ck_assert_str_eq(http_text(&last, "/limited_by/dependency"), "db");
    http_finish(&last);
    write_hosts("127.0.0.1 db.internal\n");
    ck_assert(herd_run(herd, 60000));
    ck_assert_int_eq(herd_counts(herd)->odd, 0);
    herd_destroy(herd);
    check_recovery("no addresses", phases);
}
END_TEST

START_TEST(a_silent_name_server_is_told_apart)
{
    char why[300];
    server_signal(&dns, SIGSTOP);
    wait_for_phase("blocked", why, sizeof(why));
    printf("blocked: %s\n", why);
    ck_assert_msg(strstr(why, "no addresses") == NULL, "%s", why);
    ck_assert_msg(strstr(why, "answer") != NULL, "%s", why);
    server_signal(&dns, SIGCONT);
    wait_for_phase("idle", why, sizeof(why));
}
END_TEST

START_TEST(a_fleet_power_cycled_under_a_healthy_dependency_is_ramped)
{
    static const char *const phases[] = {"probing", "ramping", "idle", NULL};
    struct herd *herd = make_herd();
    ck_assert(herd_run(herd, 60000));
    size_t count;
    const struct herd_grant *grants = herd_grants(herd, &count);
    ck_assert_int_eq(herd_counts(herd)->odd, 0);
    ck_assert_uint_eq(count, INSTANCES);
    check_canaries_first(grants, count);
    herd_destroy(herd);
    check_recovery("crowd", phases);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("dns");
    TCase *tcase = tcase_create("dns");
    tcase_set_timeout(tcase, 150);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_name_without_addresses_blocks_and_comes_back);
    tcase_add_test(tcase, a_silent_name_server_is_told_apart);
    tcase_add_test(tcase, a_fleet_power_cycled_under_a_healthy_dependency_is_ramped);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
