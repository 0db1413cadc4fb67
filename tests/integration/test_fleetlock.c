/* FleetLock on the wire, with the requests that zincati sends. */
#include "check_main.h"
#include "daemon.h"
#include "raw.h"
#include "redis_ask.h"

#include <stdio.h>
#include <string.h>

#define WAIT_MS 20000
#define ID_A    "6d1a1bd1a2e94f0f9a4e3f1d2c3b4a59"
#define ID_B    "0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e"

static const char policy[] =
    "{\"policy\":\"p\",\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},"
    "\"bucket\":{\"rate\":1000,\"burst\":100},\"reserve\":{\"burst\":0,\"in_flight\":0},\"in_flight\":{"
    "\"max\":1}},"
    "\"wide\":{\"limiter\":{\"mode\":\"fixed\"},\"bucket\":{\"rate\":1000,\"burst\":100},\"in_flight\":{"
    "\"max\":100}}},"
    "\"fleets\":{\"workers\":{\"needs\":{\"db\":1},\"lease\":\"10m\"},"
    "\"brief\":{\"needs\":{\"wide\":1},\"lease\":\"1s\",\"backoff\":{\"base\":\"1m\",\"max\":\"1m\","
    "\"jitter\":"
    "\"none\",\"attempts\":2}},"
    "\"fragile\":{\"needs\":{\"wide\":1},\"lease\":\"1s\",\"backoff\":{\"attempts\":1}}}}";

static struct daemon_process gate;
static struct server redis;
static struct raw_answer answer;

static void setup(void)
{
    struct daemon_setup options = {.policy = policy};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
}

static void teardown(void)
{
    daemon_finish(&gate);
    server_stop(&redis);
}

/* As reqwest writes it: no Content-Type, header names in lower case. */
static void post(const char *path, const char *headers, const char *body, json_t **ret_body)
{
    char request[2048];
    int size =
        snprintf(request, sizeof(request),
                 "POST %s HTTP/1.1\r\n%saccept: */*\r\nhost: 127.0.0.1:%d\r\ncontent-length: %zu\r\n\r\n%s",
                 path, headers, gate.server.port, strlen(body), body);
    raw_ask(gate.server.port, request, (size_t)size, &answer);
    const char *text = strstr(answer.text, "\r\n\r\n");
    ck_assert_ptr_nonnull(text);
    *ret_body = json_loads(text + 4, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(json_is_object(*ret_body), "%s", answer.text);
}

/* The status; whatever is no 2xx has a kind and a value for people. */
static int ask_with(const char *path, const char *headers, const char *body, const char *kind)
{
    json_t *got;
    post(path, headers, body, &got);
    const char *seen = json_string_value(json_object_get(got, "kind"));
    const char *value = json_string_value(json_object_get(got, "value"));
    if (answer.status >= 300) {
        ck_assert_msg(seen != NULL && seen[0] != '\0' && value != NULL && value[0] != '\0', "%s",
                      answer.text);
        ck_assert_msg(kind != NULL && strcmp(seen, kind) == 0, "%s, not %s: %s", seen,
                      kind == NULL ? "200" : kind, value);
        ck_assert_int_eq((int)json_object_size(got), 2);
    } else {
        ck_assert_int_eq(answer.status, 200); /* never 202: any 2xx is a grant */
        ck_assert_msg(kind == NULL, "granted, not %s", kind);
    }
    json_decref(got);
    return answer.status;
}

static int ask(const char *call, const char *id, const char *group, const char *kind)
{
    char path[64], body[256];
    snprintf(path, sizeof(path), "/v1/%s", call);
    snprintf(body, sizeof(body), "{\"client_params\":{\"id\":\"%s\",\"group\":\"%s\"}}", id, group);
    return ask_with(path, "fleet-lock-protocol: true\r\n", body, kind);
}

START_TEST(a_reboot_takes_its_turn)
{
    ck_assert_int_eq(ask("pre-reboot", ID_A, "workers", NULL), 200);
    ck_assert_int_eq(ask("pre-reboot", ID_A, "workers", NULL), 200); /* the same lock */
    ck_assert_int_eq(ask("pre-reboot", ID_B, "workers", "waiting"), 423);
    ck_assert_ptr_nonnull(strcasestr(answer.text, "\r\nRetry-After: "));
    struct http_answer fleet = daemon_ask(&gate, "GET", "/v1/fleets/workers", NULL);
    ck_assert_int_eq(http_int(&fleet, "/in_flight"), 1);
    ck_assert_int_eq(http_int(&fleet, "/granted"), 1);
    http_finish(&fleet);
    ck_assert_int_eq(ask("steady-state", ID_B, "workers", NULL), 200); /* no holder: nothing happens */
    ck_assert_int_eq(ask("pre-reboot", ID_B, "workers", "waiting"), 423);
    ck_assert_int_eq(ask("steady-state", ID_A, "workers", NULL), 200);
    ck_assert_int_eq(ask("steady-state", ID_A, "workers", NULL), 200); /* at every start */
    fleet = daemon_ask(&gate, "GET", "/v1/fleets/workers", NULL);
    ck_assert_int_eq(http_int(&fleet, "/recovered"), 1);
    http_finish(&fleet);
    int64_t deadline_ms = server_now_ms() + WAIT_MS;
    json_t *got = NULL;
    do {
        ck_assert(server_now_ms() < deadline_ms);
        json_decref(got);
        server_pause(50);
        post("/v1/pre-reboot", "fleet-lock-protocol: true\r\n",
             "{\"client_params\":{\"id\":\"" ID_B "\",\"group\":\"workers\"}}", &got);
    } while (answer.status == 423);
    ck_assert_int_eq(answer.status, 200);
    json_decref(got);
}
END_TEST

START_TEST(a_steady_state_of_strangers_is_welcome)
{
    ck_assert_int_eq(ask("steady-state", "never-seen", "workers", NULL), 200);
    ck_assert_int_eq(ask("steady-state", "never-seen", "nope", "unknown_group"), 404);
}
END_TEST

START_TEST(what_is_malformed_is_told)
{
    static const char good[] = "{\"client_params\":{\"id\":\"a\",\"group\":\"workers\"}}";
    static const char header[] = "fleet-lock-protocol: true\r\n";
    static const struct {
        const char *headers;
        const char *body;
        const char *kind;
        int status;
    } cases[] = {
        {"", good, "missing_header", 400},
        {"fleet-lock-protocol: false\r\n", good, "missing_header", 400},
        {header, "", "malformed", 400},
        {header, "{", "malformed", 400},
        {header, "[]", "malformed", 400},
        {header, "{}", "malformed", 400},
        {header, "{\"client_params\":1}", "malformed", 400},
        {header, "{\"client_params\":{\"id\":1,\"group\":\"workers\"}}", "malformed", 400},
        {header, "{\"client_params\":{\"id\":\"a\"}}", "malformed", 400},
        {header, "[[[[[[[[]]]]]]]]", "malformed", 400},
        {header, "{\"client_params\":{\"id\":\"a b\",\"group\":\"workers\"}}", "malformed_id", 400},
        {header, "{\"client_params\":{\"id\":\"\",\"group\":\"workers\"}}", "malformed_id", 400},
        {header, "{\"client_params\":{\"id\":\"a\",\"group\":\"Nope.9\"}}", "unknown_group", 404},
        {header, "{\"client_params\":{\"id\":\"a\",\"group\":\"\"}}", "unknown_group", 404},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static const char *const paths[] = {"/v1/pre-reboot", "/v1/steady-state"};
        for (size_t p = 0; p < 2; p++) {
            int status = ask_with(paths[p], cases[i].headers, cases[i].body, cases[i].kind);
            ck_assert_msg(status == cases[i].status, "%s: %d", cases[i].body, status);
        }
    }
    /* More than the protocol says is not ours to refuse. */
    ck_assert_int_eq(ask_with("/v1/pre-reboot", header,
                              "{\"client_params\":{\"id\":\"a\",\"group\":\"workers\",\"x\":1},\"y\":2}",
                              NULL),
                     200);
    struct http_answer get = daemon_ask(&gate, "GET", "/v1/pre-reboot", NULL);
    ck_assert_int_eq(get.status, 405);
    http_finish(&get);
}
END_TEST

START_TEST(a_blocked_dependency_holds_reboots_back)
{
    struct http_answer block =
        daemon_ask(&gate, "POST", "/v1/dependencies/db:block", "{\"reason\":\"restore\"}");
    ck_assert_int_eq(block.status, 200);
    http_finish(&block);
    ck_assert(daemon_wait_text(&gate, "/v1/dependencies/db", "/phase", "blocked", WAIT_MS));
    /* One canary may pass; the next waits. */
    json_t *got;
    post("/v1/pre-reboot", "fleet-lock-protocol: true\r\n",
         "{\"client_params\":{\"id\":\"" ID_A "\",\"group\":\"workers\"}}", &got);
    ck_assert(answer.status == 200 || answer.status == 423);
    json_decref(got);
    ck_assert_int_eq(ask("pre-reboot", ID_B, "workers", "blocked"), 423);
}
END_TEST

START_TEST(a_host_that_does_not_come_back_backs_off)
{
    ck_assert_int_eq(ask("pre-reboot", ID_A, "brief", NULL), 200);
    ck_assert(daemon_wait_int(&gate, "/v1/fleets/brief", "/expired", 1, WAIT_MS));
    ck_assert_int_eq(ask("pre-reboot", ID_A, "brief", "backoff"), 423);
    ck_assert_int_eq(ask("steady-state", ID_A, "brief", NULL), 200); /* late, and welcome */
    ck_assert_int_eq(ask("pre-reboot", ID_A, "brief", NULL), 200);
    ck_assert_int_eq(ask("pre-reboot", ID_B, "fragile", NULL), 200);
    ck_assert(daemon_wait_int(&gate, "/v1/fleets/fragile", "/quarantined", 1, WAIT_MS));
    ck_assert_int_eq(ask("pre-reboot", ID_B, "fragile", "quarantined"), 423);
}
END_TEST

START_TEST(without_the_store_nobody_is_granted)
{
    char url[64];
    ck_assert_int_eq(server_start_redis(&redis, NULL), 0);
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d/0", redis.port);
    struct daemon_setup options = {.policy = policy, .store = url};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
    ck_assert_int_eq(ask("pre-reboot", ID_A, "workers", NULL), 200);
    server_stop(&redis);
    ck_assert_int_eq(ask("pre-reboot", ID_A, "workers", "store_away"), 503);
    ck_assert_ptr_nonnull(strcasestr(answer.text, "\r\nRetry-After: "));
    ck_assert_int_eq(ask("steady-state", ID_A, "workers", "store_away"), 503);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("fleetlock");
    TCase *tcase = tcase_create("fleetlock");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_reboot_takes_its_turn);
    tcase_add_test(tcase, a_steady_state_of_strangers_is_welcome);
    tcase_add_test(tcase, what_is_malformed_is_told);
    tcase_add_test(tcase, a_blocked_dependency_holds_reboots_back);
    tcase_add_test(tcase, a_host_that_does_not_come_back_backs_off);
    suite_add_tcase(suite, tcase);
    TCase *away = tcase_create("store away");
    tcase_set_timeout(away, 120);
    tcase_add_checked_fixture(away, NULL, teardown);
    tcase_add_test(away, without_the_store_nobody_is_granted);
    suite_add_tcase(suite, away);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
