/* The journal finds no more room: no permit is granted, callers are told so at once and how long to wait; with room it
 * all goes on where it was. */
#include "check_main.h"
#include "daemon.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define WAIT_MS 15000

static const char policy[] =
    "{\"policy\":\"p\",\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},"
    "\"bucket\":{\"rate\":1000,\"burst\":100},\"in_flight\":{\"max\":100}}},"
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

static int64_t grant(const char *instance)
{
    int64_t deadline_ms = server_now_ms() + WAIT_MS;
    for (;;) {
        struct http_answer answer = daemon_put(&gate, "web", instance, NULL);
        int64_t fence = answer.status == 200 ? http_int(&answer, "/fence") : 0;
        ck_assert_msg(fence != 0 || server_now_ms() < deadline_ms, "%d: %s", answer.status, answer.body);
        http_finish(&answer);
        if (fence != 0) {
            return fence;
        }
        server_pause(20);
    }
}

static void limit_files(rlim_t size)
{
    struct rlimit limit;
    ck_assert_int_eq(prlimit(gate.server.pid, RLIMIT_FSIZE, NULL, &limit), 0);
    limit.rlim_cur = size;
    ck_assert_int_eq(prlimit(gate.server.pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

START_TEST(a_full_disk_stops_granting_until_there_is_room)
{
    int64_t fence = grant("a");
    limit_files(1); /* smaller than the journal is: every write fails */
    int64_t deadline_ms = server_now_ms() + WAIT_MS;
    struct http_answer answer = daemon_put(&gate, "web", "b", NULL);
    while (answer.status != 503) {
        ck_assert_msg(server_now_ms() < deadline_ms, "%d: %s", answer.status, answer.body);
        http_finish(&answer);
        server_pause(20);
        answer = daemon_put(&gate, "web", "c", NULL);
    }
    ck_assert_msg(http_int(&answer, "/retry_after_ms") > 0, "%s", answer.body);
    http_finish(&answer);
    int64_t asked_ms = server_now_ms();
    for (int i = 0; i < 20; i++) { /* at once, not after a time-out */
        answer = daemon_put(&gate, "web", "d", NULL);
        ck_assert_int_eq(answer.status, 503);
        http_finish(&answer);
    }
    ck_assert_int_lt(server_now_ms() - asked_ms, 5000);
    answer = daemon_ask(&gate, "GET", "/healthz", NULL);
    ck_assert_int_eq(answer.status, 200);
    http_finish(&answer);
    limit_files(RLIM_INFINITY);
    ck_assert(daemon_wait_ready(&gate, WAIT_MS));
    ck_assert_int_gt(grant("d"), fence);
    ck_assert_int_eq(grant("a"), fence);
    struct daemon_setup again = {.policy = policy, .store = url, .old_store = true};
    daemon_kill(&gate);
    ck_assert_int_eq(daemon_restart(&gate, &again), 0);
    ck_assert_int_eq(grant("a"), fence);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("disk full");
    TCase *tcase = tcase_create("disk full");
    tcase_set_timeout(tcase, 90);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_full_disk_stops_granting_until_there_is_room);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
