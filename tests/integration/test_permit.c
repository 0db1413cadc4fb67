/* The life of a permit over HTTP, on the real binary: what an instance, its wrapper and its operator see. */
#include "check_main.h"
#include "daemon.h"

#include <stdio.h>
#include <string.h>

#define WAIT_MS 15000

/* One lets everybody in at once; `tight` lets one in at a time, with a lease that a test can wait for. */
static const char policy[] =
    "{\"policy\":\"p\",\"dependencies\":{"
    "\"db\":{\"limiter\":{\"mode\":\"fixed\"},\"bucket\":{\"rate\":1000,\"burst\":1000},"
    "\"reserve\":{\"burst\":0,\"in_flight\":0},\"in_flight\":{\"max\":1000}},"
    "\"narrow\":{\"limiter\":{\"mode\":\"fixed\"},\"bucket\":{\"rate\":1000,\"burst\":1000},"
    "\"reserve\":{\"burst\":0,\"in_flight\":1},\"in_flight\":{\"max\":2}}},"
    "\"fleets\":{"
    "\"web\":{\"needs\":{\"db\":1},\"lease\":\"1m\",\"backoff\":{\"base\":\"1ms\",\"max\":\"1ms\","
    "\"attempts\":3}},"
    "\"brief\":{\"needs\":{\"db\":1},\"lease\":\"1s\",\"backoff\":{\"base\":\"1ms\",\"max\":\"1ms\","
    "\"attempts\":20}},"
    "\"tight\":{\"needs\":{\"narrow\":1},\"lease\":\"1m\"}}}";

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

/* PUTs until it is granted, as `curl --retry` does; returns the fence. */
static int64_t acquire(const char *fleet, const char *instance, const char *body)
{
    int64_t deadline_ms = server_now_ms() + WAIT_MS, fence = 0;
    while (fence == 0 && server_now_ms() < deadline_ms) {
        struct http_answer answer = daemon_put(&gate, fleet, instance, body);
        if (answer.status == 200) {
            fence = http_int(&answer, "/fence");
            ck_assert_str_eq(http_text(&answer, "/state"), "granted");
            ck_assert_int_gt(http_int(&answer, "/lease_ms"), 0);
        } else {
            ck_assert_msg(answer.status == 429, "%d: %s", answer.status, answer.body);
            ck_assert_int_ge(answer.retry_after_s, 1);
            server_pause(5);
        }
        http_finish(&answer);
    }
    ck_assert_int_gt(fence, 0);
    return fence;
}

static void post(const char *fleet, const char *instance, const char *verb, int status, const char *pointer,
                 const char *text, const char *format, ...) __attribute__((format(printf, 7, 8)));

/* POSTs and checks status and one member, a string or a boolean written as "true". */
static void post(const char *fleet, const char *instance, const char *verb, int status, const char *pointer,
                 const char *text, const char *format, ...)
{
    char body[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(body, sizeof(body), format, arguments);
    va_end(arguments);
    struct http_answer answer = daemon_post(&gate, fleet, instance, verb, body);
    ck_assert_msg(answer.status == status, "%s %s: %d, not %d: %s", verb, body, answer.status, status,
                  answer.body);
    ck_assert_str_eq(answer.content_type, status >= 400 ? "application/problem+json" : "application/json");
    const json_t *member = http_at(&answer, pointer);
    const char *seen = json_is_true(member)    ? "true"
                       : json_is_false(member) ? "false"
                                               : http_text(&answer, pointer);
    ck_assert_msg(strstr(seen, text) != NULL, "%s is '%s', not '%s': %s", pointer, seen, text, answer.body);
    http_finish(&answer);
}

START_TEST(asking_twice_gives_the_same_permit)
{
    int64_t fence = acquire("web", "a", "{\"boot_id\":\"b1\"}");
    struct http_answer again = daemon_put(&gate, "web", "a", "{\"boot_id\":\"b1\"}");
    ck_assert_int_eq(again.status, 200);
    ck_assert_int_eq(http_int(&again, "/fence"), fence);
    ck_assert(json_is_true(http_at(&again, "/already")));
    http_finish(&again);
    again = daemon_put(&gate, "web", "a", NULL);
    ck_assert_int_eq(http_int(&again, "/fence"), fence);
    http_finish(&again);
    struct http_answer one = daemon_ask(&gate, "GET", "/v1/fleets/web/instances/a", NULL);
    ck_assert_str_eq(http_text(&one, "/state"), "granted");
    ck_assert_int_eq(http_int(&one, "/fence"), fence);
    ck_assert_int_eq(http_int(&one, "/attempt"), 1);
    ck_assert_msg(strstr(http_text(&one, "/detail"), "holds a permit") != NULL, "%s", one.body);
    http_finish(&one);
}
END_TEST

START_TEST(completing_twice_is_harmless)
{
    long long fence = acquire("web", "a", NULL);
    post("web", "a", "renew", 200, "/state", "granted", "{\"fence\":%lld}", fence);
    post("web", "a", "complete", 200, "/already", "false", "{\"fence\":%lld,\"outcome\":\"recovered\"}",
         fence);
    post("web", "a", "complete", 200, "/already", "true", "{\"fence\":%lld,\"outcome\":\"recovered\"}",
         fence);
    post("web", "a", "complete", 409, "/type", "conflict", "{\"fence\":%lld,\"outcome\":\"failed\"}", fence);
    struct http_answer one = daemon_ask(&gate, "GET", "/v1/fleets/web/instances/a", NULL);
    ck_assert_str_eq(http_text(&one, "/state"), "recovered");
    http_finish(&one);
    /* A retried complete of the life before, after the next permit was granted, is harmless too. */
    long long next = acquire("web", "a", NULL);
    ck_assert_int_gt(next, fence);
    post("web", "a", "complete", 200, "/already", "true", "{\"fence\":%lld,\"outcome\":\"recovered\"}",
         fence);
    post("web", "a", "renew", 200, "/state", "granted", "{\"fence\":%lld}", next);
    post("web", "b", "complete", 404, "/type", "not-found", "{\"outcome\":\"recovered\"}");
}
END_TEST

START_TEST(renewing_after_expiry_is_refused_and_says_why)
{
    long long fence = acquire("brief", "a", NULL);
    ck_assert(daemon_wait_int(&gate, "/v1/fleets/brief", "/expired", 1, WAIT_MS));
    post("brief", "a", "renew", 409, "/type", "expired", "{\"fence\":%lld}", fence);
    post("brief", "a", "renew", 409, "/detail", "lease ran out", "{\"fence\":%lld}", fence);
    struct http_answer one = daemon_ask(&gate, "GET", "/v1/fleets/brief/instances/a", NULL);
    ck_assert_str_eq(http_text(&one, "/state"), "backoff");
    ck_assert_int_eq(http_int(&one, "/attempt"), 2);
    ck_assert_msg(strlen(http_text(&one, "/reasons/0")) > 0, "%s", one.body);
    http_finish(&one);
    /* It had recovered all the same, only late. */
    post("brief", "a", "complete", 200, "/state", "recovered", "{\"fence\":%lld,\"outcome\":\"recovered\"}",
         fence);
}
END_TEST

START_TEST(another_life_supersedes)
{
    long long fence = acquire("web", "a", "{\"boot_id\":\"b1\"}");
    long long next = acquire("web", "a", "{\"boot_id\":\"b2\"}");
    ck_assert_int_gt(next, fence);
    post("web", "a", "renew", 409, "/type", "superseded", "{\"fence\":%lld}", fence);
    post("web", "a", "complete", 409, "/type", "superseded", "{\"fence\":%lld,\"outcome\":\"recovered\"}",
         fence);
    struct http_answer one = daemon_ask(&gate, "GET", "/v1/fleets/web/instances/a", NULL);
    ck_assert_int_eq(http_int(&one, "/attempt"), 2);
    ck_assert_msg(strstr(http_text(&one, "/reasons/0"), "b2") != NULL, "%s", one.body);
    http_finish(&one);
    post("web", "a", "complete", 200, "/state", "recovered", "{\"fence\":%lld,\"outcome\":\"recovered\"}",
         next);
}
END_TEST

/* A wrapper that was restarted in line is another life in the same place: it must not supersede itself later.
 */
START_TEST(another_life_in_line_takes_over_the_place)
{
    (void)acquire("tight", "a", NULL);
    for (int life = 1; life <= 2; life++) {
        struct http_answer wait =
            daemon_put(&gate, "tight", "b", life == 1 ? "{\"boot_id\":\"b1\"}" : "{\"boot_id\":\"b2\"}");
        ck_assert_int_eq(wait.status, 429);
        http_finish(&wait);
    }
    post("tight", "a", "complete", 200, "/state", "recovered", "{\"outcome\":\"recovered\"}");
    int64_t fence = acquire("tight", "b", "{\"boot_id\":\"b2\"}");
    struct http_answer again = daemon_put(&gate, "tight", "b", "{\"boot_id\":\"b2\"}");
    ck_assert_int_eq(again.status, 200);
    ck_assert_int_eq(http_int(&again, "/fence"), fence);
    ck_assert_int_eq(http_int(&again, "/attempt"), 1);
    http_finish(&again);
}
END_TEST

START_TEST(leaving_gives_the_place_back)
{
    (void)acquire("tight", "a", NULL);
    struct http_answer wait = daemon_put(&gate, "tight", "b", NULL);
    ck_assert_int_eq(wait.status, 429);
    ck_assert_str_eq(http_text(&wait, "/state"), "waiting");
    ck_assert_str_eq(http_text(&wait, "/limited_by/dependency"), "narrow");
    ck_assert_int_gt(http_int(&wait, "/retry_after_ms"), 0);
    http_finish(&wait);
    wait = daemon_ask(&gate, "GET", "/v1/fleets/tight/instances/b", NULL);
    ck_assert_str_eq(http_text(&wait, "/state"), "waiting");
    ck_assert_msg(strstr(http_text(&wait, "/detail"), "narrow") != NULL, "%s", wait.body);
    http_finish(&wait);
    struct http_answer left = daemon_ask(&gate, "DELETE", "/v1/fleets/tight/instances/a/permit", NULL);
    ck_assert_int_eq(left.status, 200);
    http_finish(&left);
    (void)acquire("tight", "b", NULL);
    left = daemon_ask(&gate, "DELETE", "/v1/fleets/tight/instances/nobody/permit", NULL);
    ck_assert_int_eq(left.status, 200);
    ck_assert(json_is_true(http_at(&left, "/already")));
    http_finish(&left);
}
END_TEST

START_TEST(priority_takes_the_reserved_lane)
{
    (void)acquire("tight", "a", NULL);
    struct http_answer wait = daemon_put(&gate, "tight", "b", NULL);
    ck_assert_int_eq(wait.status, 429);
    http_finish(&wait);
    struct http_answer first = daemon_put(&gate, "tight", "c", "{\"priority\":true}");
    ck_assert_msg(first.status == 200, "%s", first.body);
    http_finish(&first);
    /* The lane is one wide. */
    first = daemon_put(&gate, "tight", "d", "{\"priority\":true}");
    ck_assert_int_eq(first.status, 429);
    http_finish(&first);
    ck_assert(daemon_wait_int(&gate, "/v1/dependencies/narrow", "/in_flight", 2, WAIT_MS));
}
END_TEST

START_TEST(one_that_always_fails_is_quarantined_and_released)
{
    for (int i = 1; i <= 3; i++) {
        long long fence = acquire("web", "bad", NULL);
        post("web", "bad", "complete", 200, "/state", "backoff",
             "{\"fence\":%lld,\"outcome\":\"failed\",\"reason\":\"disk %d\"}", fence, i);
    }
    int64_t deadline_ms = server_now_ms() + WAIT_MS;
    struct http_answer answer = daemon_put(&gate, "web", "bad", NULL);
    while (answer.status == 429 && server_now_ms() < deadline_ms) {
        http_finish(&answer);
        server_pause(5);
        answer = daemon_put(&gate, "web", "bad", NULL);
    }
    ck_assert_int_eq(answer.status, 409);
    ck_assert_msg(strstr(http_text(&answer, "/type"), "quarantined") != NULL, "%s", answer.body);
    ck_assert_str_eq(http_text(&answer, "/reasons/0"), "disk 3");
    http_finish(&answer);
    answer = daemon_ask(&gate, "GET", "/v1/fleets/web/quarantine", NULL);
    ck_assert_str_eq(http_text(&answer, "/items/0/instance"), "bad");
    ck_assert_str_eq(http_text(&answer, "/items/0/reasons/2"), "disk 1");
    http_finish(&answer);
    answer = daemon_ask(&gate, "DELETE", "/v1/fleets/web/quarantine/bad", NULL);
    ck_assert_int_eq(answer.status, 200);
    http_finish(&answer);
    answer = daemon_ask(&gate, "DELETE", "/v1/fleets/web/quarantine/bad", NULL);
    ck_assert_int_eq(answer.status, 404);
    http_finish(&answer);
    (void)acquire("web", "bad", NULL);
}
END_TEST

START_TEST(batches_answer_each_item)
{
    (void)acquire("web", "one", NULL);
    struct http_answer answer =
        daemon_ask(&gate, "POST", "/v1/fleets/web/permits:batch",
                   "{\"items\":[{\"instance\":\"one\"},{\"instance\":\"no/name\"},{\"instance\":\"two\"},"
                   "{\"instance\":\"three\",\"nonsense\":1},7]}");
    ck_assert_int_eq(answer.status, 200);
    ck_assert_msg(http_int(&answer, "/items/0/status") == 200, "%s", answer.body);
    ck_assert(json_is_true(http_at(&answer, "/items/0/already")));
    ck_assert_int_eq(http_int(&answer, "/items/1/status"), 400);
    ck_assert_str_eq(http_text(&answer, "/items/2/instance"), "two");
    ck_assert_int_eq(http_int(&answer, "/items/3/status"), 400);
    ck_assert_msg(strstr(http_text(&answer, "/items/3/detail"), "nonsense") != NULL, "%s", answer.body);
    ck_assert_int_eq(http_int(&answer, "/items/4/status"), 400);
    ck_assert_int_eq((int)json_array_size(http_at(&answer, "/items")), 5);
    http_finish(&answer);
    long long two = acquire("web", "two", NULL);
    char body[256];
    snprintf(body, sizeof(body),
             "{\"items\":[{\"instance\":\"two\",\"fence\":%lld},{\"instance\":\"one\",\"fence\":1}]}", two);
    answer = daemon_ask(&gate, "POST", "/v1/fleets/web/permits:renew", body);
    ck_assert_int_eq(http_int(&answer, "/items/0/status"), 200);
    ck_assert_int_eq(http_int(&answer, "/items/1/status"), 409);
    http_finish(&answer);
    answer = daemon_ask(&gate, "POST", "/v1/fleets/web/permits:complete",
                        "{\"items\":[{\"instance\":\"two\",\"outcome\":\"recovered\"},"
                        "{\"instance\":\"nobody\",\"outcome\":\"recovered\"},{\"instance\":\"one\"}]}");
    ck_assert_int_eq(http_int(&answer, "/items/0/status"), 200);
    ck_assert_int_eq(http_int(&answer, "/items/1/status"), 404);
    ck_assert_int_eq(http_int(&answer, "/items/2/status"), 400);
    http_finish(&answer);
}
END_TEST

START_TEST(permits_are_listed_in_pages)
{
    char body[8192], cursor[200] = "", path[300];
    size_t used = (size_t)snprintf(body, sizeof(body), "{\"items\":[");
    for (int i = 0; i < 25; i++) {
        used += (size_t)snprintf(body + used, sizeof(body) - used, "%s{\"instance\":\"h%02d\"}",
                                 i > 0 ? "," : "", i);
    }
    snprintf(body + used, sizeof(body) - used, "]}");
    int64_t deadline_ms = server_now_ms() + WAIT_MS;
    bool all = false;
    while (!all && server_now_ms() < deadline_ms) {
        struct http_answer answer = daemon_ask(&gate, "POST", "/v1/fleets/web/permits:batch", body);
        all = strstr(answer.body, "\"status\":429") == NULL;
        http_finish(&answer);
    }
    ck_assert(all);
    bool seen[25] = {false};
    int pages = 0;
    do {
        snprintf(path, sizeof(path), "/v1/fleets/web/permits?limit=10%s%s",
                 cursor[0] == '\0' ? "" : "&cursor=", cursor);
        struct http_answer answer = daemon_ask(&gate, "GET", path, NULL);
        ck_assert_int_eq(answer.status, 200);
        for (size_t i = 0; i < json_array_size(http_at(&answer, "/items")); i++) {
            char pointer[40];
            int which = -1;
            snprintf(pointer, sizeof(pointer), "/items/%zu/instance", i);
            ck_assert_int_eq(sscanf(http_text(&answer, pointer), "h%d", &which), 1);
            ck_assert(which >= 0 && which < 25 && !seen[which]);
            seen[which] = true;
        }
        snprintf(cursor, sizeof(cursor), "%s", http_text(&answer, "/cursor"));
        http_finish(&answer);
        pages++;
    } while (cursor[0] != '\0' && pages < 10);
    for (int i = 0; i < 25; i++) {
        ck_assert_msg(seen[i], "h%02d is missing", i);
    }
    ck_assert_int_ge(pages, 3);
}
END_TEST

START_TEST(curl_alone_is_a_complete_client)
{
    char curl[256], url[400];
    ck_assert(server_find_program("curl", curl, sizeof(curl)));
    (void)acquire("tight", "a", NULL);
    snprintf(url, sizeof(url), "%s/v1/fleets/tight/instances/b/permit", gate.base);
    const char *argv[] = {curl, "-fsS", "--noproxy", "*", "--retry", "999", "-X", "PUT", url, NULL};
    struct server client;
    ck_assert_int_eq(server_start(&client, argv, 0), 0);
    ck_assert(daemon_wait_int(&gate, "/v1/fleets/tight", "/waiting", 1, WAIT_MS));
    post("tight", "a", "complete", 200, "/state", "recovered", "{\"outcome\":\"recovered\"}");
    ck_assert_int_eq(server_wait(&client, 60000), 0);
    struct http_answer one = daemon_ask(&gate, "GET", "/v1/fleets/tight/instances/b", NULL);
    ck_assert_str_eq(http_text(&one, "/state"), "granted");
    http_finish(&one);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("permit over HTTP");
    TCase *tcase = tcase_create("permit");
    tcase_set_timeout(tcase, 90);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, asking_twice_gives_the_same_permit);
    tcase_add_test(tcase, completing_twice_is_harmless);
    tcase_add_test(tcase, renewing_after_expiry_is_refused_and_says_why);
    tcase_add_test(tcase, another_life_supersedes);
    tcase_add_test(tcase, another_life_in_line_takes_over_the_place);
    tcase_add_test(tcase, leaving_gives_the_place_back);
    tcase_add_test(tcase, priority_takes_the_reserved_lane);
    tcase_add_test(tcase, one_that_always_fails_is_quarantined_and_released);
    tcase_add_test(tcase, batches_answer_each_item);
    tcase_add_test(tcase, permits_are_listed_in_pages);
    tcase_add_test(tcase, curl_alone_is_a_complete_client);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
