/* Whose fault a failure is: an instance's own counts and comes back through backoff; a dependency's counts
 * for nobody. */
#include "check_main.h"
#include "daemon.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS   20000
#define INSTANCES 30

static struct daemon_process gate;
static int listener = -1;
static int port;

/* The dependency: accepts while it is up, refuses while it is down. */
static void dependency_up(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int on = 1;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(listener, 0);
    ck_assert_int_eq(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(listener, 1024), 0);
}

static void dependency_down(void)
{
    close(listener);
    listener = -1;
}

static void setup(void)
{
    char policy[1024];
    port = server_free_port();
    dependency_up();
    snprintf(policy, sizeof(policy),
             "{\"policy\":\"p\",\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},"
             "\"probes\":[{\"tcp\":\"127.0.0.1:%d\",\"interval\":\"200ms\",\"timeout\":\"100ms\",\"rise\":2,"
             "\"fall\":2}],"
             "\"bucket\":{\"rate\":1000,\"burst\":100},\"reserve\":{\"burst\":0,\"in_flight\":0},"
             "\"in_flight\":{\"max\":%d}}},"
             "\"fleets\":{\"web\":{\"needs\":{\"db\":1},\"lease\":\"1500ms\","
             "\"backoff\":{\"base\":\"400ms\",\"max\":\"400ms\",\"jitter\":\"equal\",\"attempts\":2}}}}",
             port, INSTANCES);
    struct daemon_setup options = {.policy = policy};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
    ck_assert(daemon_wait_text(&gate, "/v1/dependencies/db", "/probe", "up", WAIT_MS));
}

static void teardown(void)
{
    daemon_finish(&gate);
    if (listener >= 0) {
        close(listener);
    }
}

START_TEST(a_killed_instance_comes_back_through_backoff)
{
    struct http_answer answer = daemon_put(&gate, "web", "a", NULL);
    ck_assert_int_eq(answer.status, 200);
    http_finish(&answer); /* and is killed: nothing more is heard of it */
    ck_assert(daemon_wait_int(&gate, "/v1/fleets/web", "/expired", 1, WAIT_MS));
    answer = daemon_put(&gate, "web", "a", NULL);
    ck_assert_int_eq(answer.status, 429);
    ck_assert_str_eq(http_text(&answer, "/state"), "backoff");
    ck_assert_str_eq(http_text(&answer, "/limited_by/limit"), "backoff");
    ck_assert_int_ge(http_int(&answer, "/retry_after_ms"), 1);
    ck_assert_int_le(http_int(&answer, "/retry_after_ms"), 440);
    int64_t deadline_ms = server_now_ms() + WAIT_MS;
    while (answer.status == 429 && server_now_ms() < deadline_ms) {
        http_finish(&answer);
        server_pause(10);
        answer = daemon_put(&gate, "web", "a", NULL);
    }
    ck_assert_int_eq(answer.status, 200);
    ck_assert_int_eq(http_int(&answer, "/attempt"), 2);
    http_finish(&answer);
}
END_TEST

/* Batches for all instances: acquires, and gives back how many are granted. */
static int acquire_all(struct http_answer *ret_answer)
{
    char body[4096];
    size_t used = (size_t)snprintf(body, sizeof(body), "{\"items\":[");
    for (int i = 0; i < INSTANCES; i++) {
        used += (size_t)snprintf(body + used, sizeof(body) - used, "%s{\"instance\":\"h%d\"}",
                                 i > 0 ? "," : "", i);
    }
    snprintf(body + used, sizeof(body) - used, "]}");
    *ret_answer = daemon_ask(&gate, "POST", "/v1/fleets/web/permits:batch", body);
    int granted = 0;
    for (int i = 0; i < INSTANCES; i++) {
        char pointer[40];
        snprintf(pointer, sizeof(pointer), "/items/%d/status", i);
        ck_assert_int_ne(http_int(ret_answer, pointer), 409);
        granted += http_int(ret_answer, pointer) == 200;
    }
    return granted;
}

static void wait_until_all_are_granted(struct http_answer *ret_answer)
{
    int64_t deadline_ms = server_now_ms() + WAIT_MS;
    while (acquire_all(ret_answer) < INSTANCES) {
        ck_assert_msg(server_now_ms() < deadline_ms, "%s", ret_answer->body);
        http_finish(ret_answer);
        server_pause(20);
    }
}

/* Everyone who holds a permit in `answer`, from instance `from` on, reports that it failed. */
static int fail_granted(const struct http_answer *answer, int from)
{
    int failed = 0;
    for (int i = from; i < INSTANCES; i++) {
        char pointer[40], name[16];
        snprintf(pointer, sizeof(pointer), "/items/%d/state", i);
        snprintf(name, sizeof(name), "h%d", i);
        if (strcmp(http_text(answer, pointer), "granted") == 0) {
            struct http_answer done =
                daemon_post(&gate, "web", name, "complete",
                            "{\"outcome\":\"failed\",\"reason\":\"the database is away\"}");
            ck_assert_int_eq(done.status, 200);
            http_finish(&done);
            failed++;
        }
    }
    return failed;
}

START_TEST(an_outage_quarantines_nobody)
{
    struct http_answer answer;
    wait_until_all_are_granted(&answer);
    dependency_down();
    /* Half see it before the probe does; the other half hang until their leases run out. */
    int failed = fail_granted(&answer, INSTANCES / 2);
    http_finish(&answer);
    ck_assert_int_eq(failed, INSTANCES / 2);
    ck_assert(daemon_wait_text(&gate, "/v1/dependencies/db", "/phase", "blocked", WAIT_MS));
    ck_assert(daemon_wait_int(&gate, "/v1/fleets/web", "/expired", INSTANCES - failed, WAIT_MS));
    /* They keep trying; those who pass as canaries fail again. */
    int64_t until_ms = server_now_ms() + 2500;
    int canaries = 0;
    while (server_now_ms() < until_ms) {
        (void)acquire_all(&answer);
        canaries += fail_granted(&answer, 0);
        http_finish(&answer);
        server_pause(50);
    }
    ck_assert_int_le(canaries, 2);
    dependency_up();
    wait_until_all_are_granted(&answer);
    for (int i = 0; i < INSTANCES; i++) {
        char pointer[40];
        snprintf(pointer, sizeof(pointer), "/items/%d/attempt", i);
        ck_assert_msg(http_int(&answer, pointer) == 1, "h%d: %s", i, answer.body);
    }
    http_finish(&answer);
    answer = daemon_ask(&gate, "GET", "/v1/fleets/web", NULL);
    ck_assert_int_eq(http_int(&answer, "/quarantined"), 0);
    http_finish(&answer);
    answer = daemon_ask(&gate, "GET", "/v1/recoveries", NULL);
    ck_assert_int_eq((int)json_array_size(http_at(&answer, "/recoveries")), 1);
    http_finish(&answer);
}
END_TEST

START_TEST(an_operator_blocks_and_releases)
{
    struct http_answer answer =
        daemon_ask(&gate, "POST", "/v1/dependencies/db:block", "{\"reason\":\"restoring from backup\"}");
    ck_assert_int_eq(answer.status, 200);
    http_finish(&answer);
    ck_assert(daemon_wait_text(&gate, "/v1/dependencies/db", "/phase", "blocked", WAIT_MS));
    answer = daemon_ask(&gate, "GET", "/v1/dependencies/db", NULL);
    ck_assert_msg(strstr(http_text(&answer, "/why"), "restoring from backup") != NULL, "%s", answer.body);
    http_finish(&answer);
    answer = daemon_ask(&gate, "POST", "/v1/dependencies/db:block", "{}");
    ck_assert_int_eq(answer.status, 400);
    ck_assert_msg(strstr(http_text(&answer, "/detail"), "reason") != NULL, "%s", answer.body);
    http_finish(&answer);
    answer = daemon_ask(&gate, "POST", "/v1/dependencies/db:release", "{}");
    ck_assert_msg(answer.status == 200, "%s", answer.body);
    http_finish(&answer);
    ck_assert(daemon_wait_text(&gate, "/v1/dependencies/db", "/phase", "idle", WAIT_MS));
    answer = daemon_put(&gate, "web", "a", NULL);
    ck_assert_int_eq(answer.status, 200);
    http_finish(&answer);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("outage");
    TCase *tcase = tcase_create("outage");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_killed_instance_comes_back_through_backoff);
    tcase_add_test(tcase, an_outage_quarantines_nobody);
    tcase_add_test(tcase, an_operator_blocks_and_releases);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
