/* 20,000 instances wait on one controller on Redis: the controller keeps nothing for them, Redis little. */
#include "check_main.h"
#include "daemon.h"
#include "herd.h"
#include "redis_ask.h"

#include <stdio.h>
#include <string.h>

#define INSTANCES        20000
#define CONNECTIONS      64
#define ASK_MS           12000
#define REDIS_BYTES_MAX  150
#define HEAP_SLACK_BYTES (64 * 1024) /* what buffers of a few connections may still hold */

/* The first takes the only unit in flight and keeps it: the others wait. */
static const char policy[] = "{\"policy\":\"p\",\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},"
                             "\"bucket\":{\"rate\":20,\"burst\":2},\"reserve\":{\"burst\":0,\"in_flight\":0},"
                             "\"in_flight\":{\"max\":1}}},"
                             "\"fleets\":{\"web\":{\"size\":20000,\"needs\":{\"db\":1},\"lease\":\"1h\"}}}";

static struct daemon_process gate;
static struct server redis;

static void teardown(void)
{
    daemon_finish(&gate);
    server_stop(&redis);
}

/* Once all connections of a herd are gone, so that only what is kept for instances is counted. */
static double settled_heap(void)
{
    int64_t deadline_ms = server_now_ms() + 10000;
    while (daemon_metric(&gate, "headgate_http_connections") > 1 && server_now_ms() < deadline_ms) {
        server_pause(20);
    }
    return daemon_metric(&gate, "headgate_heap_bytes");
}

static void ask_all(const char *prefix, size_t instances, int64_t asks)
{
    struct herd_options options = {.ports = {gate.server.port},
                                   .port_count = 1,
                                   .fleet = "web",
                                   .prefix = prefix,
                                   .instance_count = instances,
                                   .connection_count = CONNECTIONS,
                                   .ask_every_us = 1, /* each again once all have asked */
                                   .hold_us = -1};
    struct herd *herd = herd_create(&options);
    int64_t deadline_ms = server_now_ms() + ASK_MS;
    while (herd_counts(herd)->answered < (int64_t)instances * asks && server_now_ms() < deadline_ms) {
        (void)herd_run(herd, 100);
    }
    ck_assert_int_ge(herd_counts(herd)->answered, (int64_t)instances * asks);
    ck_assert_int_eq(herd_counts(herd)->odd, 0);
    ck_assert_int_eq(herd_counts(herd)->away, 0);
    herd_destroy(herd);
}

START_TEST(waiting_costs_the_controller_nothing)
{
    char url[64];
    ck_assert_int_eq(server_start_redis(&redis, NULL), 0);
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d/0", redis.port);
    struct daemon_setup setup = {.policy = policy, .store = url};
    ck_assert_int_eq(daemon_start(&gate, &setup), 0);
    ask_all("first", 500, 3); /* warms every buffer up, and takes the one permit */
    double heap_before = settled_heap();
    int64_t rss_before = process_rss_bytes(gate.server.pid);
    int64_t redis_before = redis_info(redis.port, "used_memory");
    double local_before = daemon_metric(&gate, "headgate_requests_local_total");

    ask_all("host-name-", INSTANCES, 3);

    double heap_after = settled_heap();
    int64_t redis_each = (redis_info(redis.port, "used_memory") - redis_before) / INSTANCES;
    struct http_answer fleet = daemon_ask(&gate, "GET", "/v1/fleets/web", NULL);
    double local = daemon_metric(&gate, "headgate_requests_local_total") - local_before;
    printf("%d instances wait: the controller's allocator holds %.0f bytes more (%.0f before), resident "
           "%+lld KiB; "
           "Redis %lld bytes an instance; %.0f asks answered without the store\n",
           INSTANCES, heap_after - heap_before, heap_before,
           (long long)(process_rss_bytes(gate.server.pid) - rss_before) / 1024, (long long)redis_each, local);
    ck_assert_int_ge(http_int(&fleet, "/waiting"), INSTANCES);
    ck_assert_int_eq(http_int(&fleet, "/in_flight"), 1);
    http_finish(&fleet);
#ifndef __SANITIZE_ADDRESS__ /* whose allocator does not tell */
    ck_assert(heap_before > 0);
#endif
    ck_assert_msg(heap_after - heap_before < HEAP_SLACK_BYTES, "the controller holds %.0f bytes more",
                  heap_after - heap_before);
    ck_assert_int_le(redis_each, REDIS_BYTES_MAX);
    ck_assert_msg(local > INSTANCES, "only %.0f asks were answered without the store", local);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("many wait");
    TCase *tcase = tcase_create("many wait");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, waiting_costs_the_controller_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
