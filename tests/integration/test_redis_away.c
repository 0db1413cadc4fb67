/* Redis goes away and comes back: callers are told so at once, never kept waiting, and nobody is lost. A
 * Redis that would evict permits is refused. */
#include "check_main.h"
#include "daemon.h"
#include "herd.h"
#include "redis_ask.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS   20000
#define INSTANCES 200
#define ASKS      50

static const char policy[] = "{\"policy\":\"p\",\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},"
                             "\"bucket\":{\"rate\":40,\"burst\":5},\"reserve\":{\"burst\":0,\"in_flight\":0},"
                             "\"in_flight\":{\"max\":1000}}},"
                             "\"fleets\":{\"web\":{\"needs\":{\"db\":1},\"lease\":\"5m\"}}}";

static struct daemon_process gate;
static struct server redis;
static char url[64], directory[256];

static void start_redis(const char *const *extra)
{
    ck_assert_int_eq(server_start_redis(&redis, extra), 0);
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d/0", redis.port);
}

static void setup(void)
{
    server_make_directory(directory, sizeof(directory));
}

static void teardown(void)
{
    daemon_finish(&gate);
    server_signal(&redis, SIGCONT);
    server_stop(&redis);
    server_remove_directory(directory);
}

static int64_t acquire(const char *instance)
{
    int64_t deadline_ms = server_now_ms() + WAIT_MS, fence = 0;
    while (fence == 0) {
        struct http_answer answer = daemon_put(&gate, "web", instance, NULL);
        fence = answer.status == 200 ? http_int(&answer, "/fence") : 0;
        ck_assert_msg(server_now_ms() < deadline_ms, "%d: %s", answer.status, answer.body);
        http_finish(&answer);
        server_pause(5);
    }
    return fence;
}

/* Once the loss is noticed every answer comes at once: the median of many is held against the same from a
 * healthy path that needs no store. */
static int64_t median_of_answers(const char *method, const char *path, int status)
{
    int64_t took[ASKS];
    for (int i = 0; i < ASKS; i++) {
        struct http_answer answer = daemon_ask(&gate, method, path, NULL);
        ck_assert_msg(answer.status == status, "%d: %s", answer.status, answer.body);
        if (status == 503) {
            ck_assert_int_ge(answer.retry_after_s, 1);
            ck_assert_str_eq(answer.content_type, "application/problem+json");
            ck_assert_msg(strstr(http_text(&answer, "/type"), "store-away") != NULL, "%s", answer.body);
            ck_assert_int_gt(http_int(&answer, "/retry_after_ms"), 0);
        }
        took[i] = answer.took_us;
        for (int j = i; j > 0 && took[j] < took[j - 1]; j--) {
            int64_t kept = took[j];
            took[j] = took[j - 1];
            took[j - 1] = kept;
        }
        http_finish(&answer);
    }
    return took[ASKS / 2];
}

static void check_told_at_once(const char *what)
{
    static const char put[] = "/v1/fleets/web/instances/x/permit";
    int64_t noticed_ms = server_now_ms();
    struct http_answer first = daemon_ask(&gate, "PUT", put, NULL); /* may meet a group under way */
    int64_t took_us = first.took_us;
    ck_assert_msg(first.status == 503, "%d: %s", first.status, first.body);
    ck_assert_int_ge(first.retry_after_s, 1);
    http_finish(&first);
    int64_t healthy_us = median_of_answers("GET", "/healthz", 200);
    int64_t away_us = median_of_answers("PUT", put, 503);
    printf("%s: the first answer after %lld ms, then %lld us each (healthz %lld us)\n", what,
           (long long)took_us / 1000, (long long)away_us, (long long)healthy_us);
    ck_assert_int_lt(away_us, 20 * healthy_us + 1000);
    ck_assert_int_lt(server_now_ms() - noticed_ms, HTTP_ASK_TIMEOUT_MS / 2);
    struct http_answer ready = daemon_ask(&gate, "GET", "/readyz", NULL);
    ck_assert_int_eq(ready.status, 503);
    ck_assert(json_is_false(http_at(&ready, "/store/up")));
    http_finish(&ready);
    ready = daemon_ask(&gate, "GET", "/healthz", NULL);
    ck_assert_int_eq(ready.status, 200);
    http_finish(&ready);
}

START_TEST(a_stopped_redis_is_noticed_and_told)
{
    start_redis(NULL);
    struct daemon_setup options = {.policy = policy, .store = url};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
    int64_t fence = acquire("a");
    server_signal(&redis, SIGSTOP);
    check_told_at_once("stopped");
    server_signal(&redis, SIGCONT);
    ck_assert(daemon_wait_ready(&gate, WAIT_MS));
    ck_assert_int_eq(acquire("a"), fence);
    (void)acquire("b");
}
END_TEST

/* With its file on disk, a killed Redis comes back with what it had. */
START_TEST(a_killed_redis_comes_back_and_nobody_is_lost)
{
    const char *keep[] = {"--appendonly", "yes", "--appendfsync", "always", "--dir", directory, NULL};
    char port[16];
    start_redis(keep);
    struct daemon_setup options = {.policy = policy, .store = url};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
    struct herd_options fleet = {.ports = {gate.server.port},
                                 .port_count = 1,
                                 .fleet = "web",
                                 .instance_count = INSTANCES,
                                 .connection_count = INSTANCES,
                                 .hold_us = 20000};
    struct herd *herd = herd_create(&fleet);
    ck_assert(!herd_run(herd, 1500));
    int number = redis.port;
    server_signal(&redis, SIGKILL);
    (void)server_wait(&redis, WAIT_MS);
    (void)herd_run(herd, 700);
    check_told_at_once("killed");
    snprintf(port, sizeof(port), "%d", number);
    char program[256];
    ck_assert(server_find_program("redis-server", program, sizeof(program)));
    const char *argv[] = {program,  "--port", port,           "--bind", "127.0.0.1",
                          "--save", "",       "--appendonly", "yes",    "--appendfsync",
                          "always", "--dir",  directory,      NULL};
    ck_assert_int_eq(server_start(&redis, argv, number), 0);
    ck_assert(daemon_wait_ready(&gate, WAIT_MS));
    ck_assert_msg(herd_run(herd, 60000), "only %lld of %d are through", (long long)herd_counts(herd)->done,
                  INSTANCES);
    size_t count;
    const struct herd_grant *grants = herd_grants(herd, &count);
    static const struct herd_limit limit = {.rate_milli = 40000, .burst = 5};
    double excess = (double)herd_worst_excess(grants, count, &limit, 64) / 1e6;
    printf("killed: %zu grants for %d instances, %lld answers 503, worst window %+.3f tokens\n", count,
           INSTANCES, (long long)herd_counts(herd)->away, excess);
    ck_assert_int_eq(herd_counts(herd)->odd, 0);
    ck_assert_int_gt(herd_counts(herd)->away, 0);
    ck_assert_msg(excess <= 0, "a window had %.3f more grants than burst + rate * t", excess);
    herd_destroy(herd);
    struct http_answer answer = daemon_ask(&gate, "GET", "/v1/fleets/web", NULL);
    ck_assert_int_eq(http_int(&answer, "/recovered"), INSTANCES);
    ck_assert_int_eq(http_int(&answer, "/failed"), 0);
    ck_assert_int_eq(http_int(&answer, "/expired"), 0);
    http_finish(&answer);
}
END_TEST

/* All is lost but what runs: the controller learns instead of trusting an empty store, and nobody stays
 * behind. */
START_TEST(a_flushed_redis_is_learned_not_trusted)
{
    static const char brief[] =
        "{\"policy\":\"p\",\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},"
        "\"bucket\":{\"rate\":40,\"burst\":5},\"reserve\":{\"burst\":0,\"in_flight\":0},\"in_flight\":{"
        "\"max\":30}}},"
        "\"fleets\":{\"web\":{\"needs\":{\"db\":1},\"lease\":\"3s\"}}}";
    char reply[256];
    start_redis(NULL);
    struct daemon_setup options = {.policy = brief, .store = url};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
    struct herd_options fleet = {.ports = {gate.server.port},
                                 .port_count = 1,
                                 .fleet = "web",
                                 .instance_count = INSTANCES,
                                 .connection_count = INSTANCES,
                                 .hold_us = 400000};
    struct herd *herd = herd_create(&fleet);
    ck_assert(!herd_run(herd, 1500));
    size_t before, count;
    (void)herd_grants(herd, &before);
    ck_assert_int_eq(redis_ask(redis.port, "FLUSHALL", reply, sizeof(reply)), 0);
    bool learning = false;
    int64_t deadline_ms = server_now_ms() + WAIT_MS;
    while (!learning && server_now_ms() < deadline_ms) {
        (void)herd_run(herd, 20);
        struct http_answer answer = daemon_ask(&gate, "GET", "/v1/status", NULL);
        learning = json_is_true(http_at(&answer, "/policies/0/learning"));
        http_finish(&answer);
    }
    ck_assert(learning);
    ck_assert_msg(herd_run(herd, 60000), "only %lld of %d are through", (long long)herd_counts(herd)->done,
                  INSTANCES);
    const struct herd_grant *grants = herd_grants(herd, &count);
    static const struct herd_limit limit = {.rate_milli = 40000, .burst = 5};
    double excess = (double)herd_worst_excess(grants, count, &limit, 64) / 1e6;
    printf(
        "flushed: %zu grants before, %zu in all, worst window %+.3f tokens, at most %lld of 30 in flight\n",
        before, count, excess, (long long)herd_most_held(grants, count));
    ck_assert_int_eq(herd_counts(herd)->odd, 0);
    ck_assert_msg(excess <= 0, "a window had %.3f more grants than burst + rate * t", excess);
    herd_destroy(herd);
}
END_TEST

START_TEST(a_redis_that_would_evict_is_refused_with_the_mend)
{
    const char *evicting[] = {"--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru", NULL};
    static const char *const words[] = {"event=store", "allkeys-lru", "noeviction", NULL};
    char reply[256];
    start_redis(evicting);
    struct daemon_setup options = {.policy = policy, .store = url, .not_ready = true};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
    ck_assert(daemon_wait_logged(&gate, words, WAIT_MS));
    struct http_answer answer = daemon_put(&gate, "web", "a", NULL);
    ck_assert_msg(answer.status == 503, "%d: %s", answer.status, answer.body);
    ck_assert_msg(strstr(http_text(&answer, "/type"), "store-unfit") != NULL, "%s", answer.body);
    http_finish(&answer);
    answer = daemon_ask(&gate, "GET", "/readyz", NULL);
    ck_assert_int_eq(answer.status, 503);
    ck_assert_msg(strstr(http_text(&answer, "/store/detail"), "noeviction") != NULL, "%s", answer.body);
    http_finish(&answer);
    /* Mended while it runs: it goes on by itself. */
    ck_assert_int_eq(redis_ask(redis.port, "CONFIG SET maxmemory-policy noeviction", reply, sizeof(reply)),
                     0);
    ck_assert(daemon_wait_ready(&gate, WAIT_MS));
    (void)acquire("a");
}
END_TEST

/* Answers the first commands of whoever connects as an old Redis would. */
static pid_t start_old_redis(int *ret_port)
{
    static const char info[] = "redis_version:6.0.16\r\nrole:master\r\nmaxmemory_policy:noeviction\r\n";
    int listener = server_listen_silent(ret_port);
    fflush(NULL);
    pid_t pid = fork();
    if (pid != 0) {
        close(listener);
        return pid;
    }
    signal(SIGTERM, SIG_DFL); /* Check's own handler would end the whole group */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        char commands[65536], answers[512];
        int fd = accept(listener, NULL, NULL);
        snprintf(answers, sizeof(answers), "+OK\r\n$%zu\r\n%s\r\n*0\r\n-ERR unknown\r\n", strlen(info), info);
        if (fd < 0 || recv(fd, commands, sizeof(commands), 0) <= 0 ||
            send(fd, answers, strlen(answers), MSG_NOSIGNAL) < 0) {
            _exit(1);
        }
        while (recv(fd, commands, sizeof(commands), 0) > 0) {
        }
        close(fd);
    }
}

START_TEST(an_old_redis_is_refused)
{
    static const char *const words[] = {"event=store", "6.2 or newer", NULL};
    int port;
    struct server old = {.pid = start_old_redis(&port)};
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d/0", port);
    struct daemon_setup options = {.policy = policy, .store = url, .not_ready = true};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
    bool told = daemon_wait_logged(&gate, words, WAIT_MS);
    struct http_answer answer = daemon_put(&gate, "web", "a", NULL);
    server_stop(&old);
    ck_assert(told);
    ck_assert_msg(answer.status == 503, "%d: %s", answer.status, answer.body);
    ck_assert_msg(strstr(http_text(&answer, "/type"), "store-unfit") != NULL, "%s", answer.body);
    http_finish(&answer);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("redis away");
    TCase *tcase = tcase_create("redis away");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_stopped_redis_is_noticed_and_told);
    tcase_add_test(tcase, a_killed_redis_comes_back_and_nobody_is_lost);
    tcase_add_test(tcase, a_flushed_redis_is_learned_not_trusted);
    tcase_add_test(tcase, a_redis_that_would_evict_is_refused_with_the_mend);
    tcase_add_test(tcase, an_old_redis_is_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
