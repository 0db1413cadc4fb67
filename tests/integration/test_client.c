/* The client against real controllers, against none, and against what only looks like one. */
#include "../unit/check_main.h"
#include "canned.h"
#include "daemon.h"

#include "headgate/client.h"
#include "headgate/errors.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEADLINE_MS 20000

static const char policy[] =
    "{\"policy\":\"shop\","
    "\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},\"bucket\":{\"rate\":200,\"burst\":100},"
    "\"in_flight\":{\"max\":2},\"reserve\":{\"burst\":1,\"in_flight\":1}}},"
    "\"fleets\":{\"web\":{\"needs\":{\"db\":1},\"lease\":\"1m\"},"
    "\"brief\":{\"needs\":{\"db\":1},\"lease\":\"1s\",\"backoff\":{\"attempts\":1}}}}";

static struct daemon_process gate;

static void setup(void)
{
    ck_assert_int_eq(daemon_start(&gate, &(struct daemon_setup){.policy = policy}), 0);
}

static void teardown(void)
{
    daemon_finish(&gate);
}

static struct hg_client *client_for(const char *servers, int64_t timeout_us)
{
    struct hg_client *client = NULL;
    struct hg_client_options options = {.servers = servers, .timeout_us = timeout_us};
    ck_assert_int_eq(hg_client_create(&options, &client), 0);
    return client;
}

/* Servers such as "http://127.0.0.1:PORT" of several ports. */
static const char *urls(int first, int second)
{
    static char text[128];
    snprintf(text, sizeof(text), "http://127.0.0.1:%d,http://127.0.0.1:%d", first, second);
    return text;
}

static struct hg_client_ask about(const char *instance)
{
    return (struct hg_client_ask){.fleet = "web", .instance = instance};
}

START_TEST(test_a_permit_from_ask_to_end)
{
    struct hg_client *client = client_for(gate.base, 0);
    struct hg_client_ask ask = about("a");
    struct hg_permit first, permit;
    ck_assert_int_eq(hg_client_acquire(client, &ask, &first), 0);
    ck_assert_int_eq(first.state, HG_PERMIT_GRANTED);
    ck_assert_int_gt(first.fence, 0);
    ck_assert_int_gt(first.lease_us, 0);
    ck_assert_int_le(first.lease_us, 60000000);
    ck_assert_int_eq(first.attempt, 1);
    ck_assert(!first.already);
    ck_assert_int_eq(hg_client_acquire(client, &ask, &permit), 0);
    ck_assert(permit.already);
    ck_assert_int_eq(permit.fence, first.fence);

    ask.fence = first.fence;
    ck_assert_int_eq(hg_client_renew(client, &ask, &permit), 0);
    ck_assert_int_eq(permit.state, HG_PERMIT_GRANTED);
    ask.fence = first.fence + 1;
    ck_assert_int_eq(hg_client_renew(client, &ask, &permit), HG_E_CONFLICT);
    ck_assert_int_eq(permit.status, HG_E_CONFLICT);
    ck_assert_ptr_nonnull(strstr(hg_client_error(client), "contradicts"));

    ask.fence = first.fence;
    ask.recovered = true;
    ck_assert_int_eq(hg_client_complete(client, &ask, &permit), 0);
    ck_assert_int_eq(permit.state, HG_PERMIT_RECOVERED);
    ck_assert(!permit.already);
    ck_assert_int_eq(hg_client_complete(client, &ask, &permit), 0);
    ck_assert(permit.already);
    ck_assert_str_eq(hg_client_error(client), "");
    hg_client_destroy(client);
}
END_TEST

START_TEST(test_waiting_says_where_and_when)
{
    struct hg_client *client = client_for(gate.base, 0);
    struct hg_client_ask one = about("one"), two = about("two"), three = about("three");
    struct hg_permit permit;
    ck_assert_int_eq(hg_client_acquire(client, &one, &permit), 0);
    ck_assert_int_eq(permit.state, HG_PERMIT_GRANTED);
    ck_assert_int_eq(hg_client_acquire(client, &two, &permit), 0);
    ck_assert_int_eq(permit.state, HG_PERMIT_WAITING);
    ck_assert_int_eq(hg_client_acquire(client, &three, &permit), 0);
    ck_assert_int_eq(permit.state, HG_PERMIT_WAITING);
    ck_assert_int_eq(permit.status, 0);
    ck_assert_str_eq(permit.dependency, "db");
    ck_assert_str_ne(permit.limit, "");
    ck_assert_str_ne(permit.ticket, "");
    ck_assert_str_ne(permit.detail, "");
    ck_assert_int_gt(permit.retry_after_us, 0);

    /* Break-glass takes the reserve. */
    three.priority = true;
    three.ticket = permit.ticket;
    ck_assert_int_eq(hg_client_acquire(client, &three, &permit), 0);
    ck_assert_int_eq(permit.state, HG_PERMIT_GRANTED);
    ck_assert_int_eq(hg_client_leave(client, &two, &permit), 0);
    ck_assert_int_eq(permit.state, HG_PERMIT_NONE);
    hg_client_destroy(client);
}
END_TEST

static bool still_granted(struct hg_client *client, const char *path)
{
    char *text = NULL;
    ck_assert_int_eq(hg_client_call(client, "GET", path, NULL, &text), 0);
    bool granted = strstr(text, "\"state\":\"granted\"") != NULL;
    free(text);
    return granted;
}

START_TEST(test_an_expired_lease_and_a_quarantine_are_named)
{
    struct hg_client *client = client_for(gate.base, 0);
    struct hg_client_ask ask = {.fleet = "brief", .instance = "a"};
    struct hg_permit permit;
    ck_assert_int_eq(hg_client_acquire(client, &ask, &permit), 0);
    ck_assert_int_eq(permit.state, HG_PERMIT_GRANTED);
    int64_t deadline_ms = server_now_ms() + DEADLINE_MS;
    while (still_granted(client, "/v1/fleets/brief/instances/a")) {
        ck_assert_int_lt(server_now_ms(), deadline_ms);
    }
    ask.fence = permit.fence;
    ck_assert_int_eq(hg_client_renew(client, &ask, &permit), HG_E_EXPIRED);
    int status = hg_client_acquire(client, &ask, &permit);
    while (status == 0 && permit.state == HG_PERMIT_BACKOFF) {
        ck_assert_int_lt(server_now_ms(), deadline_ms);
        status = hg_client_acquire(client, &ask, &permit);
    }
    ck_assert_int_eq(status, HG_E_QUARANTINED);
    ck_assert_int_eq(permit.state, HG_PERMIT_QUARANTINED);
    ck_assert_str_ne(permit.reason, "");
    hg_client_destroy(client);
}
END_TEST

START_TEST(test_the_next_controller_is_asked)
{
    struct hg_client_ask ask = about("a");
    struct hg_permit permit;
    /* Nobody listens there. */
    struct hg_client *client = client_for(urls(server_free_port(), gate.server.port), 0);
    ck_assert_int_eq(hg_client_acquire(client, &ask, &permit), 0);
    ck_assert_str_eq(hg_client_server(client), gate.base);
    hg_client_destroy(client);

    /* One that accepts and never says a word. */
    int silent_port, silent = server_listen_silent(&silent_port);
    client = client_for(urls(silent_port, gate.server.port), 200000);
    ck_assert_int_eq(hg_client_acquire(client, &ask, &permit), 0);
    int64_t before_ms = server_now_ms();
    ck_assert_int_eq(hg_client_acquire(client, &ask, &permit), 0);
    /* The one that answered is asked first: the silent one costs nothing more. */
    ck_assert_int_lt(server_now_ms() - before_ms, 200);
    hg_client_destroy(client);
    close(silent);

    /* One that dies between two calls over a kept connection. */
    struct daemon_process other;
    ck_assert_int_eq(daemon_start(&other, &(struct daemon_setup){.policy = policy}), 0);
    client = client_for(urls(other.server.port, gate.server.port), 0);
    ck_assert_int_eq(hg_client_acquire(client, &ask, &permit), 0);
    ck_assert_str_eq(hg_client_server(client), other.base);
    daemon_finish(&other);
    ck_assert_int_eq(hg_client_acquire(client, &ask, &permit), 0);
    ck_assert_str_eq(hg_client_server(client), gate.base);
    hg_client_destroy(client);
}
END_TEST

START_TEST(test_nobody_answers)
{
    struct hg_client_ask ask = about("a");
    struct hg_permit permit = {.fence = 7};
    int first = server_free_port(), second = server_free_port();
    char wanted[64];
    struct hg_client *client = client_for(urls(first, second), 0);
    ck_assert_int_eq(hg_client_acquire(client, &ask, &permit), HG_E_UNREACHABLE);
    ck_assert_int_eq(permit.fence, 7);
    ck_assert_int_gt(hg_client_retry_after_us(client), 0);
    for (int port = first;; port = second) {
        snprintf(wanted, sizeof(wanted), "http://127.0.0.1:%d: Connection refused", port);
        ck_assert_msg(strstr(hg_client_error(client), wanted) != NULL, "%s", hg_client_error(client));
        if (port == second) {
            break;
        }
    }
    hg_client_destroy(client);
}
END_TEST

static int ask_canned(const char *answer, size_t size, struct hg_client **ret_client)
{
    struct server server;
    struct hg_client_ask ask = about("a");
    struct hg_permit permit;
    char url[64];
    canned_start(&server, answer, size);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", server.port);
    *ret_client = client_for(url, 5000000);
    int status = hg_client_acquire(*ret_client, &ask, &permit);
    server_stop(&server);
    ck_assert_msg(status == 0 || strstr(hg_client_error(*ret_client), url) != NULL || status == HG_E_OVERLOAD,
                  "%s", hg_client_error(*ret_client));
    return status;
}

#define PROBLEM "\"type\":\"https://headgate.dev/problems/"
static const char store_away[] = "HTTP/1.1 503 Unavailable\r\nRetry-After: 4\r\nConnection: close\r\n\r\n"
                                 "{" PROBLEM "store-away\",\"title\":\"The store cannot be reached\","
                                 "\"status\":503,\"retry_after_ms\":3500}";

START_TEST(test_a_controllers_own_inability)
{
    struct hg_client *client;
    ck_assert_int_eq(ask_canned(store_away, strlen(store_away), &client), HG_E_STORE_AWAY);
    ck_assert_int_eq(hg_client_retry_after_us(client), 3500000);
    hg_client_destroy(client);

    /* Another is able. */
    struct server server;
    struct hg_client_ask ask = about("a");
    struct hg_permit permit;
    canned_start(&server, store_away, strlen(store_away));
    client = client_for(urls(server.port, gate.server.port), 0);
    ck_assert_int_eq(hg_client_acquire(client, &ask, &permit), 0);
    ck_assert_str_eq(hg_client_server(client), gate.base);
    hg_client_destroy(client);

    /* What a controller said counts for more than another's silence. */
    client = client_for(urls(server.port, server_free_port()), 0);
    ck_assert_int_eq(hg_client_acquire(client, &ask, &permit), HG_E_STORE_AWAY);
    hg_client_destroy(client);
    server_stop(&server);
}
END_TEST

START_TEST(test_what_is_no_controller)
{
    static const struct {
        const char *answer;
        int status;
    } cases[] = {
        {"hello there\r\n\r\n", HG_E_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>welcome</html>", HG_E_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"state\":\"fine\"}", HG_E_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"state\":\"granted\"}", HG_E_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[1,2", HG_E_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", HG_E_PROTOCOL},
        {"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n{\"detail\":\"Not Found\"}", HG_E_PROTOCOL},
        {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\n\r\n", HG_E_PROTOCOL},
        {"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n<html>bad gateway</html>", HG_E_UNREACHABLE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"sta", HG_E_UNREACHABLE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{\"sta", HG_E_PROTOCOL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hg_client *client;
        int status = ask_canned(cases[i].answer, strlen(cases[i].answer), &client);
        ck_assert_msg(status == cases[i].status, "case %zu: %s: %s", i, hg_error_name(status),
                      hg_client_error(client));
        hg_client_destroy(client);
    }
}
END_TEST

START_TEST(test_an_answer_without_end_is_cut_off)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    size_t size = 40 * 1024 * 1024;
    struct hg_client *client;
    char *answer = malloc(size);
    ck_assert_ptr_nonnull(answer);
    memset(answer, ' ', size);
    memcpy(answer, head, strlen(head));
    ck_assert_int_eq(ask_canned(answer, size, &client), HG_E_PROTOCOL);
    ck_assert_ptr_nonnull(strstr(hg_client_error(client), "larger than"));
    hg_client_destroy(client);
    free(answer);
}
END_TEST

START_TEST(test_a_batch_of_ten_thousand)
{
    enum { COUNT = HG_CLIENT_BATCH_MAX };
    struct hg_client_ask *asks = calloc(COUNT + 1, sizeof(*asks));
    struct hg_permit *permits = calloc(COUNT, sizeof(*permits));
    char(*names)[16] = calloc(COUNT + 1, sizeof(*names));
    struct hg_client *client = client_for(gate.base, 30000000);
    size_t granted = 0, waiting = 0;
    for (size_t i = 0; i <= COUNT; i++) {
        snprintf(names[i], sizeof(names[i]), "host-%zu", i);
        asks[i].instance = names[i];
    }
    ck_assert_int_eq(hg_client_batch(client, HG_CLIENT_ACQUIRE, "web", asks, COUNT, permits), 0);
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert_int_eq(permits[i].status, 0);
        granted += permits[i].state == HG_PERMIT_GRANTED;
        waiting += permits[i].state == HG_PERMIT_WAITING && permits[i].ticket[0] != '\0';
    }
    ck_assert_uint_eq(granted, 1); /* in_flight 2, of which one is reserved */
    ck_assert_uint_eq(granted + waiting, COUNT);

    asks[0].recovered = asks[1].recovered = true;
    ck_assert_int_eq(hg_client_batch(client, HG_CLIENT_COMPLETE, "web", asks, 2, permits), 0);
    ck_assert_int_eq(permits[0].status, 0);
    ck_assert_int_eq(permits[0].state, HG_PERMIT_RECOVERED);
    ck_assert_int_lt(permits[1].status, 0); /* it holds no permit */

    ck_assert_int_eq(hg_client_batch(client, HG_CLIENT_ACQUIRE, "web", asks, COUNT + 1, permits),
                     HG_E_INVALID);
    ck_assert_int_eq(hg_client_batch(client, HG_CLIENT_ACQUIRE, "nobody", asks, 2, permits), HG_E_NOT_FOUND);
    ck_assert_int_eq(hg_client_batch(client, HG_CLIENT_ACQUIRE, "web", asks, 0, permits), 0);
    asks[1].instance = "a/b";
    ck_assert_int_eq(hg_client_batch(client, HG_CLIENT_ACQUIRE, "web", asks, 2, permits), HG_E_INVALID);
    ck_assert_ptr_nonnull(strstr(hg_client_error(client), "'a/b'"));
    hg_client_destroy(client);
    free(asks);
    free(permits);
    free(names);
}
END_TEST

START_TEST(test_a_reason_may_be_any_bytes)
{
    struct hg_client *client = client_for(gate.base, 0);
    struct hg_client_ask ask = about("a");
    struct hg_permit permit;
    char reason[600], path[] = "/v1/fleets/web/instances/a", *text = NULL;
    ck_assert_int_eq(hg_client_acquire(client, &ask, &permit), 0);
    memset(reason, 'x', sizeof(reason) - 1);
    reason[sizeof(reason) - 1] = '\0';
    memcpy(reason, "line\nbreak \xff\xc3\xa9\xed\xa0\x80\"", 18);
    ask.reason = reason;
    ck_assert_int_eq(hg_client_complete(client, &ask, &permit), 0);
    ck_assert_int_eq(permit.state, HG_PERMIT_BACKOFF);
    ck_assert_int_eq(hg_client_call(client, "GET", path, NULL, &text), 0);
    ck_assert_msg(strstr(text, "line break ?\xc3\xa9???\\\"xxx") != NULL, "%s", text);
    free(text);
    hg_client_destroy(client);
}
END_TEST

START_TEST(test_other_calls)
{
    struct hg_client *client = client_for(gate.base, 0);
    char *text = NULL;
    ck_assert_int_eq(hg_client_call(client, "GET", "/v1/status", NULL, &text), 0);
    ck_assert_ptr_nonnull(strstr(text, "\"policies\""));
    free(text);
    ck_assert_int_eq(hg_client_call(client, "GET", "/v1/fleets/nobody", NULL, &text), HG_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(text, "not-found"));
    free(text);
    ck_assert_int_eq(hg_client_call(client, "POST", "/v1/fleets/web:pause", "{}", NULL), HG_E_INVALID);
    ck_assert_ptr_nonnull(strstr(hg_client_error(client), "reason"));
    ck_assert_int_eq(hg_client_call(client, "POST", "/v1/fleets/web:pause", "{\"reason\":\"test\"}", NULL),
                     0);
    ck_assert_int_eq(hg_client_call(client, "GET", "v1/status", NULL, NULL), HG_E_INVALID);
    hg_client_destroy(client);
}
END_TEST

START_TEST(test_a_unix_socket)
{
    char directory[200], listen[256];
    struct daemon_process other;
    struct hg_client_ask ask = about("a");
    struct hg_permit permit;
    server_make_directory(directory, sizeof(directory));
    snprintf(listen, sizeof(listen), "unix:%s/gate.sock", directory);
    ck_assert_int_eq(daemon_start(&other, &(struct daemon_setup){.policy = policy, .listen = listen}), 0);
    struct hg_client *client = client_for(listen, 0);
    ck_assert_msg(hg_client_acquire(client, &ask, &permit) == 0, "%s", hg_client_error(client));
    ck_assert_int_eq(permit.state, HG_PERMIT_GRANTED);
    ck_assert_str_eq(hg_client_server(client), listen);
    hg_client_destroy(client);
    daemon_finish(&other);
    server_remove_directory(directory);
}
END_TEST

START_TEST(test_a_proxy_in_the_environment_does_not_take_loopback)
{
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    struct hg_client *client = client_for(gate.base, 0);
    struct hg_client_ask ask = about("a");
    struct hg_permit permit;
    ck_assert_msg(hg_client_acquire(client, &ask, &permit) == 0, "%s", hg_client_error(client));
    hg_client_destroy(client);
}
END_TEST

static bool is_over(void *user_data)
{
    return server_now_ms() >= *(int64_t *)user_data;
}

START_TEST(test_a_call_can_be_cancelled)
{
    int port, silent = server_listen_silent(&port);
    char url[64];
    int64_t over_ms = server_now_ms() + 100;
    struct hg_client *client;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", port);
    struct hg_client_options options = {
        .servers = url, .timeout_us = INT64_C(600000000), .cancelled = is_over, .user_data = &over_ms};
    ck_assert_int_eq(hg_client_create(&options, &client), 0);
    struct hg_client_ask ask = about("a");
    struct hg_permit permit;
    ck_assert_int_eq(hg_client_acquire(client, &ask, &permit), HG_E_CANCELLED);
    hg_client_destroy(client);
    close(silent);
}
END_TEST

START_TEST(test_lists_of_servers)
{
    static const char *const good[] = {"http://a",          "a:7070",
                                       "https://a:1/x/",    " http://a , unix:/run/x.sock ",
                                       "http://[::1]:7070", "http://user:secret@a"};
    static const char *const bad[] = {
        "",      ",",      "http://",    "ftp://a",   "http://a,",  "http://a?x=1",
        "unix:", "unix:x", "http://a b", "http:///x", "http://a\n", "http://:80"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        hg_client_destroy(client_for(good[i], 0));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct hg_client *client = NULL;
        struct hg_client_options options = {.servers = bad[i]};
        ck_assert_msg(hg_client_create(&options, &client) == HG_E_INVALID, "'%s'", bad[i]);
        ck_assert_ptr_null(client);
    }
    struct hg_client *client = client_for("http://user:secret@127.0.0.1:1", 0);
    ck_assert_str_eq(hg_client_server(client), "http://127.0.0.1:1");
    hg_client_destroy(client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client");
    TCase *real = tcase_create("real controllers"), *others = tcase_create("others");
    tcase_set_timeout(real, 60);
    tcase_set_timeout(others, 60);
    tcase_add_checked_fixture(real, setup, teardown);
    tcase_add_test(real, test_a_permit_from_ask_to_end);
    tcase_add_test(real, test_waiting_says_where_and_when);
    tcase_add_test(real, test_an_expired_lease_and_a_quarantine_are_named);
    tcase_add_test(real, test_the_next_controller_is_asked);
    tcase_add_test(real, test_a_controllers_own_inability);
    tcase_add_test(real, test_a_batch_of_ten_thousand);
    tcase_add_test(real, test_a_reason_may_be_any_bytes);
    tcase_add_test(real, test_other_calls);
    tcase_add_test(real, test_a_unix_socket);
    tcase_add_test(real, test_a_proxy_in_the_environment_does_not_take_loopback);
    tcase_add_test(others, test_nobody_answers);
    tcase_add_test(others, test_what_is_no_controller);
    tcase_add_test(others, test_an_answer_without_end_is_cut_off);
    tcase_add_test(others, test_a_call_can_be_cancelled);
    tcase_add_test(others, test_lists_of_servers);
    suite_add_tcase(suite, real);
    suite_add_tcase(suite, others);
    return run_suite(suite);
}
