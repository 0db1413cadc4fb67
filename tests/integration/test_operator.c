/* What an operator does over HTTP: limits, pauses, and what ends by itself. */
#include "check_main.h"
#include "daemon.h"

#include <stdio.h>
#include <string.h>

#define WAIT_MS 15000

static const char policy[] = "{\"policy\":\"p\",\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},"
                             "\"bucket\":{\"rate\":100,\"burst\":20},\"reserve\":{\"burst\":0,\"in_flight\":"
                             "0},\"in_flight\":{\"max\":100}}},"
                             "\"fleets\":{\"web\":{\"needs\":{\"db\":1},\"lease\":\"5m\"},\"other\":{"
                             "\"needs\":{\"db\":1},\"lease\":\"5m\"}}}";

static struct daemon_process gate;

static void setup(void)
{
    struct daemon_setup options = {.policy = policy};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
}

static void teardown(void)
{
    daemon_finish(&gate);
}

static void act(const char *path, const char *body, int status)
{
    struct http_answer answer = daemon_ask(&gate, "POST", path, body);
    ck_assert_msg(answer.status == status, "%s %s: %d: %s", path, body, answer.status, answer.body);
    http_finish(&answer);
}

static int put(const char *fleet, const char *instance, char *ret_limit, size_t size)
{
    struct http_answer answer = daemon_put(&gate, fleet, instance, NULL);
    int status = answer.status;
    snprintf(ret_limit, size, "%s", http_text(&answer, "/limited_by/limit"));
    http_finish(&answer);
    return status;
}

/* Asks until the answer is `status`, and limited by `limit`. */
static void put_until(const char *fleet, const char *instance, int status, const char *limit)
{
    char seen[40] = "";
    int64_t deadline_ms = server_now_ms() + WAIT_MS;
    int got = put(fleet, instance, seen, sizeof(seen));
    while (got != status || (limit != NULL && strcmp(seen, limit) != 0)) {
        ck_assert_msg(server_now_ms() < deadline_ms, "%s/%s stays %d %s", fleet, instance, got, seen);
        server_pause(20);
        got = put(fleet, instance, seen, sizeof(seen));
    }
}

START_TEST(a_paused_fleet_waits_and_another_does_not)
{
    act("/v1/fleets/web:pause", "{}", 400); /* not without a reason */
    act("/v1/fleets/web:pause", "{\"reason\":\"firmware\"}", 200);
    struct http_answer answer = daemon_ask(&gate, "GET", "/v1/fleets/web", NULL);
    int64_t deadline_ms = server_now_ms() + WAIT_MS;
    while (!json_is_true(http_at(&answer, "/paused"))) {
        ck_assert(server_now_ms() < deadline_ms);
        http_finish(&answer);
        answer = daemon_ask(&gate, "GET", "/v1/fleets/web", NULL);
    }
    http_finish(&answer);
    put_until("web", "a", 429, "paused");
    put_until("other", "a", 200, NULL);
    act("/v1/fleets/web:resume", "{}", 200);
    put_until("web", "a", 200, NULL);
    act("/v1/fleets/nope:pause", "{\"reason\":\"x\"}", 404);
}
END_TEST

START_TEST(a_limit_holds_until_its_time_is_over)
{
    act("/v1/dependencies/db:limit", "{\"reason\":\"slow disk\",\"in_flight\":1,\"ttl\":\"2s\"}", 200);
    ck_assert(daemon_wait_int(&gate, "/v1/dependencies/db", "/in_flight_max", 1, WAIT_MS));
    put_until("web", "a", 200, NULL);
    char limit[40];
    ck_assert_int_eq(put("web", "b", limit, sizeof(limit)), 429);
    ck_assert(daemon_wait_int(&gate, "/v1/dependencies/db", "/in_flight_max", 100, WAIT_MS));
    put_until("web", "b", 200, NULL);
    act("/v1/dependencies/db:limit", "{\"reason\":\"x\",\"rate\":-1}", 400);
    act("/v1/dependencies/db:limit", "{\"reason\":\"x\",\"ttl\":\"soon\"}", 400);
    act("/v1/dependencies/nope:limit", "{\"reason\":\"x\",\"rate\":1}", 404);
}
END_TEST

START_TEST(a_paused_dependency_lets_nobody_through)
{
    act("/v1/dependencies/db:pause", "{\"reason\":\"failing over\"}", 200);
    ck_assert(daemon_wait_text(&gate, "/v1/dependencies/db", "/phase", "paused", WAIT_MS));
    struct http_answer answer = daemon_ask(&gate, "GET", "/v1/dependencies/db", NULL);
    ck_assert_msg(strstr(http_text(&answer, "/why"), "failing over") != NULL, "%s", answer.body);
    http_finish(&answer);
    put_until("web", "a", 429, NULL);
    answer = daemon_ask(&gate, "GET", "/v1/fleets/web/instances/a", NULL);
    ck_assert_msg(strcmp(http_text(&answer, "/state"), "blocked") == 0, "%s", answer.body);
    http_finish(&answer);
    act("/v1/dependencies/db:resume", "{}", 200);
    put_until("web", "a", 200, NULL);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("operator");
    TCase *tcase = tcase_create("operator");
    tcase_set_timeout(tcase, 90);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_paused_fleet_waits_and_another_does_not);
    tcase_add_test(tcase, a_limit_holds_until_its_time_is_over);
    tcase_add_test(tcase, a_paused_dependency_lets_nobody_through);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
