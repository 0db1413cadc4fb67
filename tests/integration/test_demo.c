/* The demo's parts: the dependency is as fragile as it says, and no child outlives a run. */
#include "../unit/check_main.h"

#include "demo/dependency.h"
#include "demo/fetch.h"
#include "demo/gate.h"
#include "demo/run.h"
#include "headgate/errors.h"
#include "headgate/policy.h"
#include "host/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_US INT64_C(10000000)

static struct demo_config small_config(void)
{
    return (struct demo_config){.instances = 20,
                                .requests = 2,
                                .workers = 1,
                                .knee = 5,
                                .slow_max = 2,
                                .background = 2,
                                .service_us = 20000,
                                .request_timeout_us = 3000000,
                                .boot_us = 10000,
                                .renew_us = 1000000,
                                .background_period_us = 500000,
                                .backoff_base_us = 20000,
                                .backoff_max_us = 200000,
                                .settle_us = 200000,
                                .outage_us = 1500000,
                                .deadline_us = 3 * DEADLINE_US,
                                .time_scale = 1};
}

static int ask(const struct demo_world *world, const char *path, int64_t timeout_us, char *ret_body)
{
    struct demo_request request = {
        .port = world->dependency_port, .method = "GET", .path = path, .timeout_us = timeout_us};
    return demo_fetch(&request, ret_body);
}

static struct demo_world *start_dependency(const struct demo_config *config, pid_t *ret_pid)
{
    struct demo_world *world = demo_world_create(config);
    ck_assert_ptr_nonnull(world);
    world->dependency_port = demo_find_port();
    ck_assert_int_gt(world->dependency_port, 0);
    *ret_pid = demo_fork();
    if (*ret_pid == 0) {
        _exit(demo_dependency_run(world));
    }
    int64_t deadline_us = clock_monotonic_us() + DEADLINE_US;
    while (ask(world, "/healthz", 1000000, NULL) != 200) {
        ck_assert_int_lt(clock_monotonic_us(), deadline_us);
    }
    return world;
}

START_TEST(test_work_goes_on_after_its_client_gave_up)
{
    struct demo_config config = small_config();
    config.service_us = 200000;
    pid_t pid;
    struct demo_world *world = start_dependency(&config, &pid);
    ck_assert_int_eq(ask(world, "/page", DEADLINE_US, NULL), 200);
    ck_assert_int_eq(world->served, 1);
    ck_assert_int_eq(world->wasted, 0);
    ck_assert_int_eq(ask(world, "/page", 20000, NULL), HG_E_TIMEOUT);
    ck_assert_int_eq(ask(world, "/page", 20000, NULL), HG_E_TIMEOUT);
    int64_t deadline_us = clock_monotonic_us() + DEADLINE_US;
    while (world->wasted < 2) {
        ck_assert_int_lt(clock_monotonic_us(), deadline_us);
        demo_sleep_us(5000);
    }
    ck_assert_int_eq(world->served, 1);
    ck_assert_int_eq(world->queue, 0);
    ck_assert_int_ge(world->queue_peak, 1);
    demo_kill(&pid);
    ck_assert_int_eq(ask(world, "/page", 1000000, NULL), HG_E_UNREACHABLE);
    demo_world_destroy(world);
}
END_TEST

START_TEST(test_health_is_answered_beside_the_queue)
{
    struct demo_config config = small_config();
    config.service_us = 300000;
    pid_t pid;
    struct demo_world *world = start_dependency(&config, &pid);
    char body[DEMO_REPLY_MAX];
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(ask(world, "/page", 5000, NULL), HG_E_TIMEOUT);
    }
    ck_assert_int_eq(ask(world, "/healthz", 1000000, body), 200);
    ck_assert_ptr_nonnull(strstr(body, "\"queue\":"));
    ck_assert_int_ge(world->queue + world->busy, 3);
    demo_kill(&pid);
    demo_world_destroy(world);
}
END_TEST

START_TEST(test_small_herd_comes_back)
{
    struct demo_config config = small_config();
    volatile sig_atomic_t stop = 0;
    struct demo_result result;
    ck_assert_int_eq(demo_run(&config, false, &stop, &result), 0);
    ck_assert(result.ran && !result.gated && result.finished);
    ck_assert_int_eq(result.back, 20);
    ck_assert_int_ge(result.most_us, result.half_us);
    ck_assert_int_ge(result.served, config.instances * config.requests);
    ck_assert(result.attempts_mean >= 1.0);
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1);
    ck_assert_int_eq(errno, ECHILD);
}
END_TEST

START_TEST(test_interrupted_run_leaves_no_child)
{
    struct demo_config config = small_config();
    volatile sig_atomic_t stop = 1;
    struct demo_result result = {.back = -7};
    ck_assert_int_eq(demo_run(&config, false, &stop, &result), HG_E_CANCELLED);
    ck_assert_int_eq(result.back, -7);
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1);
    ck_assert_int_eq(errno, ECHILD);
}
END_TEST

START_TEST(test_policy_is_valid)
{
    const int instances[] = {20, 300, 3000};
    const double scales[] = {0.2, 1, 10};
    for (size_t i = 0; i < 9; i++) {
        struct demo_config config;
        demo_config_init(&config, instances[i % 3], scales[i / 3]);
        struct demo_world *world = demo_world_create(&config);
        ck_assert_ptr_nonnull(world);
        world->dependency_port = 20000;
        char *text = demo_gate_policy(world);
        ck_assert_ptr_nonnull(text);
        struct hg_policy_set *set = NULL;
        struct hg_policy_errors errors;
        int status = hg_policy_set_parse("demo.json", text, strlen(text), &set, &errors);
        hg_policy_errors_print(&errors, stderr);
        ck_assert_int_eq(status, 0);
        /* What the gate lets through leaves room for those who do not ask. */
        const struct hg_dependency *dependency = &set->policies[0].dependencies[0];
        double capacity = config.workers * 1e6 / (double)config.service_us;
        ck_assert((double)dependency->rate_milli / 1000.0 * config.requests < capacity);
        ck_assert_int_lt(dependency->in_flight_max, config.knee);
        hg_policy_errors_finish(&errors);
        hg_policy_set_destroy(set);
        free(text);
        demo_world_destroy(world);
    }
}
END_TEST

START_TEST(test_controller_that_does_not_start_is_reported)
{
    struct demo_config config = small_config();
    config.headgate = "/bin/false";
    volatile sig_atomic_t stop = 0;
    struct demo_result result = {.back = -7};
    ck_assert_int_eq(demo_run(&config, true, &stop, &result), HG_E_NOT_READY);
    ck_assert_int_eq(result.back, -7);
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1);
    ck_assert_int_eq(errno, ECHILD);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("demo");
    TCase *parts = tcase_create("parts");
    tcase_set_timeout(parts, 60);
    tcase_add_test(parts, test_work_goes_on_after_its_client_gave_up);
    tcase_add_test(parts, test_health_is_answered_beside_the_queue);
    tcase_add_test(parts, test_small_herd_comes_back);
    tcase_add_test(parts, test_interrupted_run_leaves_no_child);
    tcase_add_test(parts, test_policy_is_valid);
    tcase_add_test(parts, test_controller_that_does_not_start_is_reported);
    suite_add_tcase(suite, parts);
    return run_suite(suite);
}
