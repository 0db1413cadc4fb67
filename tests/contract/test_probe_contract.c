#include "headgate/errors.h"
#include "probe/probe.h"
#include "probe_worlds.h"

#include "../unit/check_main.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GIVE_UP_MS 20000

/* Everything a probe said, checked as it is said. */
struct listener {
    struct probe *probe;
    int64_t reports;
    int64_t changes;
    int64_t run; /* equal raw answers in a row */
    bool run_ok;
    struct probe_report last;
    char text[PROBE_TEXT_MAX];
    const struct hg_probe *settings;
    bool destroy_in_callback;
    bool closed;
};

static uv_loop_t loop;
static uv_timer_t guard;
static bool gave_up;

static void guard_cb(uv_timer_t *timer)
{
    (void)timer;
    gave_up = true;
}

static void on_closed(void *user_data)
{
    struct listener *listener = user_data;
    ck_assert(!listener->closed);
    listener->closed = true;
}

static void on_result(void *user_data, const struct probe_report *report)
{
    struct listener *listener = user_data;
    ck_assert_msg(listener->probe != NULL, "a report after destroy");
    ck_assert_int_eq(report->last_ok, report->verdict == PROBE_VERDICT_UP);
    ck_assert_int_ge(report->latency_us, 0);
    ck_assert_uint_gt(strlen(report->text), 0);
    ck_assert_ptr_null(strpbrk(report->text, "\r\n"));
    listener->run = listener->reports > 0 && listener->run_ok == report->last_ok ? listener->run + 1 : 1;
    listener->run_ok = report->last_ok;
    if (report->changed) {
        int64_t needed = report->up ? listener->settings->rise : listener->settings->fall;
        ck_assert_int_eq(listener->run, needed);
        ck_assert_int_eq(report->up, report->last_ok);
        ck_assert(report->known);
        listener->changes++;
    }
    listener->reports++;
    listener->last = *report;
    snprintf(listener->text, sizeof(listener->text), "%s", report->text);
    if (listener->destroy_in_callback) {
        struct probe *probe = listener->probe;
        listener->probe = NULL;
        probe_destroy(probe, on_closed, listener);
    }
}

static void begin(struct listener *listener, const struct hg_probe *settings)
{
    gave_up = false;
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    ck_assert_int_eq(uv_timer_init(&loop, &guard), 0);
    ck_assert_int_eq(uv_timer_start(&guard, guard_cb, GIVE_UP_MS, 0), 0);
    uv_unref((uv_handle_t *)&guard);
    listener->settings = settings;
    struct probe_options options = {
        .loop = &loop, .probe = settings, .seed = 11, .on_result = on_result, .user_data = listener};
    ck_assert_int_eq(probe_create(&options, &listener->probe), 0);
    ck_assert_int_eq(listener->reports, 0);
}

static void turn(const struct listener *listener)
{
    ck_assert_msg(!gave_up, "gave up waiting; last: %s", listener->text);
    uv_run(&loop, UV_RUN_ONCE);
}

static void wait_known(struct listener *listener, bool up)
{
    while (!listener->last.known || listener->last.up != up) {
        turn(listener);
    }
}

static void wait_reports(struct listener *listener, int64_t count)
{
    while (listener->reports < count) {
        turn(listener);
    }
}

static void end(struct listener *listener)
{
    if (listener->probe != NULL) {
        struct probe *probe = listener->probe;
        listener->probe = NULL;
        probe_destroy(probe, on_closed, listener);
        ck_assert(!listener->closed);
    }
    while (!listener->closed) {
        turn(listener);
    }
    uv_close((uv_handle_t *)&guard, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* Up, then down for the right reason, then up again; on_result() checks each change against rise and fall. */
START_TEST(test_follows_its_dependency)
{
    const struct world_ops *ops = &world_ops[_i];
    struct world world;
    ck_assert(ops->init(&world));
    struct listener listener = {0};
    ops->raise(&world);
    begin(&listener, &world.probe);
    wait_known(&listener, true);
    ck_assert_int_eq(listener.last.verdict, PROBE_VERDICT_UP);
    ops->lower(&world);
    wait_known(&listener, false);
    /* An attempt may have been cut off in the middle; the next ones meet the plain truth. */
    wait_reports(&listener, listener.reports + 2);
    ck_assert_msg(listener.last.verdict == ops->down, "%s: %s", ops->name, listener.text);
    ops->raise(&world);
    wait_known(&listener, true);
    ck_assert_int_ge(listener.changes, 3);
    end(&listener);
    world_finish(&world);
}
END_TEST

START_TEST(test_down_from_the_start)
{
    const struct world_ops *ops = &world_ops[_i];
    struct world world;
    ck_assert(ops->init(&world));
    struct listener listener = {0};
    begin(&listener, &world.probe);
    wait_reports(&listener, 1);
    ck_assert(!listener.last.known);
    ck_assert(!listener.last.up);
    wait_reports(&listener, world.probe.fall);
    ck_assert(listener.last.known);
    ck_assert(!listener.last.up);
    ck_assert_int_eq(listener.changes, 1);
    ck_assert_msg(listener.last.verdict == ops->down, "%s: %s", ops->name, listener.text);
    end(&listener);
    world_finish(&world);
}
END_TEST

START_TEST(test_silence_ends_at_the_timeout)
{
    const struct world_ops *ops = &world_ops[_i];
    struct world world;
    ck_assert(ops->init(&world));
    ops->be_silent(&world);
    world.probe.timeout_us = 150000;
    struct listener listener = {0};
    begin(&listener, &world.probe);
    wait_reports(&listener, 2);
    ck_assert_msg(listener.last.verdict == ops->silent, "%s: %s", ops->name, listener.text);
    ck_assert_msg(strstr(listener.text, "in 150 ms") != NULL, "%s", listener.text);
    ck_assert_int_ge(listener.last.latency_us, 140000);
    end(&listener);
    world_finish(&world);
}
END_TEST

START_TEST(test_destroyed_in_mid_attempt)
{
    const struct world_ops *ops = &world_ops[_i];
    struct world world;
    ck_assert(ops->init(&world));
    ops->be_silent(&world);
    /* After no turn of the loop, and after more and more of them. */
    world.probe.jitter_permille = 0;
    for (int turns = 0; turns < 6; turns++) {
        struct listener listener = {0};
        begin(&listener, &world.probe);
        for (int i = 0; i < turns; i++) {
            uv_run(&loop, UV_RUN_NOWAIT);
        }
        end(&listener);
        ck_assert_int_eq(listener.reports, 0);
    }
    world_finish(&world);
}
END_TEST

START_TEST(test_destroyed_in_its_callback)
{
    const struct world_ops *ops = &world_ops[_i];
    struct world world;
    ck_assert(ops->init(&world));
    ops->raise(&world);
    struct listener listener = {.destroy_in_callback = true};
    begin(&listener, &world.probe);
    while (listener.probe != NULL) {
        turn(&listener);
    }
    end(&listener);
    ck_assert_int_eq(listener.reports, 1);
    world_finish(&world);
}
END_TEST

static void expect(struct world *world, const char *path, enum probe_verdict verdict, const char *text)
{
    snprintf(world->target, sizeof(world->target), "http://127.0.0.1:%d%s", world->port, path);
    struct listener listener = {0};
    begin(&listener, &world->probe);
    wait_reports(&listener, 1);
    ck_assert_msg(listener.last.verdict == verdict, "%s: %s", path, listener.text);
    ck_assert_msg(strstr(listener.text, text) != NULL, "%s: %s", path, listener.text);
    ck_assert_int_eq(listener.last.has_gauge, strstr(text, ", gauge ") != NULL);
    if (listener.last.has_gauge) {
        ck_assert_int_eq(listener.last.gauge, 12500000);
    }
    end(&listener);
}

START_TEST(test_http_status_and_gauge)
{
    struct world world;
    ck_assert(world_ops[HG_PROBE_HTTP].init(&world));
    world_start_http(&world, NULL, NULL);
    expect(&world, "/ok", PROBE_VERDICT_UP, "status 200");
    expect(&world, "/fail", PROBE_VERDICT_BAD_ANSWER, "status 500, expected 200 to 299");
    expect(&world, "/redirect", PROBE_VERDICT_BAD_ANSWER, "status 302");
    expect(&world, "/big", PROBE_VERDICT_UP, "status 200");
    world.probe.gauge_json = "/queue/depth";
    expect(&world, "/gauge", PROBE_VERDICT_UP, "status 200, gauge 12.5");
    expect(&world, "/gauge-text", PROBE_VERDICT_UP, "no gauge: /queue/depth is not a number");
    expect(&world, "/gauge-html", PROBE_VERDICT_UP, "no gauge: the body is not JSON");
    expect(&world, "/ok", PROBE_VERDICT_UP, "no gauge");
    expect(&world, "/big", PROBE_VERDICT_UP, "no gauge: the body exceeds 65536 bytes");
    world.probe.status_min = world.probe.status_max = 500;
    world.probe.gauge_json = NULL;
    expect(&world, "/fail", PROBE_VERDICT_UP, "status 500");
    world_finish(&world);
}
END_TEST

START_TEST(test_https_is_verified)
{
    struct world world;
    char openssl[256], certificate[300], key[300];
    ck_assert(world_ops[HG_PROBE_HTTP].init(&world));
    ck_assert(server_find_program("openssl", openssl, sizeof(openssl)));
    snprintf(certificate, sizeof(certificate), "%s/certificate.pem", world.directory);
    snprintf(key, sizeof(key), "%s/key.pem", world.directory);
    char command[1200];
    snprintf(
        command, sizeof(command),
        "%s req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 "
        "-addext subjectAltName=IP:127.0.0.1 -keyout %s -out %s 2>/dev/null",
        openssl, key, certificate);
    ck_assert_int_eq(system(command), 0);
    world_start_http(&world, certificate, key);
    snprintf(world.target, sizeof(world.target), "https://127.0.0.1:%d/ok", world.port);
    struct listener listener = {0};
    begin(&listener, &world.probe);
    /* Again and again: the certificates read at the first attempt are kept for the next. */
    wait_reports(&listener, 4);
    ck_assert_int_eq(listener.last.verdict, PROBE_VERDICT_BAD_ANSWER);
    ck_assert_msg(strstr(listener.text, "certificate") != NULL, "%s", listener.text);
    end(&listener);
    world_finish(&world);
}
END_TEST

/* In the incident the servers were alive and only the record was gone: the words must tell these apart. */
START_TEST(test_dns_says_what_is_missing)
{
    struct world world;
    ck_assert(world_ops[HG_PROBE_DNS].init(&world));
    const struct {
        const char *name;
        int64_t min_addresses;
        enum probe_verdict verdict;
        const char *text;
    } cases[] = {
        {"nobody.internal", 1, PROBE_VERDICT_NO_ADDRESSES,
         "dns: nobody.internal has no addresses (NXDOMAIN)"},
        {"empty.internal", 1, PROBE_VERDICT_NO_ADDRESSES, "dns: empty.internal has no addresses (NOERROR)"},
        {"two.internal", 3, PROBE_VERDICT_NO_ADDRESSES, "dns: two.internal has 2 addresses, fewer than 3"},
        {"two.internal", 2, PROBE_VERDICT_UP, "dns: two.internal has 2 addresses"},
        {"elsewhere.example", 1, PROBE_VERDICT_NO_RESOLVER, "answered REFUSED for elsewhere.example"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(world.target, sizeof(world.target), "%s", cases[i].name);
        world.probe.min_addresses = cases[i].min_addresses;
        struct listener listener = {0};
        begin(&listener, &world.probe);
        wait_reports(&listener, 1);
        ck_assert_msg(listener.last.verdict == cases[i].verdict, "%s", listener.text);
        ck_assert_msg(strstr(listener.text, cases[i].text) != NULL, "%s", listener.text);
        end(&listener);
    }
    server_stop(&world.server);
    struct listener listener = {0};
    begin(&listener, &world.probe);
    wait_reports(&listener, 1);
    ck_assert_int_eq(listener.last.verdict, PROBE_VERDICT_NO_RESOLVER);
    ck_assert_msg(strstr(listener.text, "cannot be reached") != NULL, "%s", listener.text);
    end(&listener);
    world_finish(&world);
}
END_TEST

START_TEST(test_redis_password)
{
    struct world world;
    ck_assert(world_ops[HG_PROBE_REDIS].init(&world));
    const char *extra[] = {"--requirepass", "s3cret:/@", NULL};
    ck_assert_int_eq(server_start_redis(&world.server, extra), 0);
    const struct {
        const char *login;
        enum probe_verdict verdict;
        const char *text;
    } cases[] = {
        {"", PROBE_VERDICT_BAD_ANSWER, "NOAUTH"},
        {":wrong@", PROBE_VERDICT_BAD_ANSWER, "WRONGPASS"},
        {":s3cret%3A%2F%40@", PROBE_VERDICT_UP, "PONG"},
        {"default:s3cret%3A%2F%40@", PROBE_VERDICT_UP, "PONG"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(world.target, sizeof(world.target), "redis://%s127.0.0.1:%d/1", cases[i].login,
                 world.server.port);
        struct listener listener = {0};
        begin(&listener, &world.probe);
        wait_reports(&listener, 1);
        ck_assert_msg(listener.last.verdict == cases[i].verdict, "%s", listener.text);
        ck_assert_msg(strstr(listener.text, cases[i].text) != NULL, "%s", listener.text);
        ck_assert_ptr_null(strstr(listener.text, "s3cret"));
        end(&listener);
    }
    world_finish(&world);
}
END_TEST

START_TEST(test_exec_kills_its_whole_group)
{
    struct world world;
    ck_assert(world_ops[HG_PROBE_EXEC].init(&world));
    world_ops[HG_PROBE_EXEC].be_silent(&world);
    struct listener listener = {0};
    begin(&listener, &world.probe);
    char path[320];
    snprintf(path, sizeof(path), "%s/pid", world.directory);
    int pid = 0;
    while (pid == 0) {
        ck_assert(!gave_up);
        uv_run(&loop, UV_RUN_NOWAIT);
        FILE *file = fopen(path, "r");
        if (file != NULL) {
            if (fscanf(file, "%d", &pid) != 1) {
                pid = 0;
            }
            fclose(file);
        }
    }
    end(&listener);
    /* Whoever adopts orphans reaps it in its own time: dead is enough, a zombie has no command line. */
    snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    int64_t deadline_ms = server_now_ms() + GIVE_UP_MS;
    bool alive = true;
    while (alive && server_now_ms() < deadline_ms) {
        FILE *file = fopen(path, "r");
        alive = file != NULL && fgetc(file) != EOF;
        if (file != NULL) {
            fclose(file);
        }
    }
    ck_assert_msg(!alive, "process %d outlived its probe", pid);
    world_finish(&world);
}
END_TEST

START_TEST(test_exec_says_its_first_line)
{
    struct world world;
    ck_assert(world_ops[HG_PROBE_EXEC].init(&world));
    const struct {
        const char *script;
        enum probe_verdict verdict;
        const char *text;
    } cases[] = {
        {"echo fine; echo more", PROBE_VERDICT_UP, "exec: exit 0: fine"},
        {"echo lost the primary >&2; exit 3", PROBE_VERDICT_BAD_ANSWER, "exec: exit 3: lost the primary"},
        {"kill -9 $$", PROBE_VERDICT_BAD_ANSWER, "exec: killed by signal 9"},
        {"head -c 300000 /dev/zero | tr '\\0' x", PROBE_VERDICT_UP, "exec: exit 0: xxxx"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(world.script, sizeof(world.script), "%s", cases[i].script);
        struct listener listener = {0};
        begin(&listener, &world.probe);
        wait_reports(&listener, 1);
        ck_assert_msg(listener.last.verdict == cases[i].verdict, "%s", listener.text);
        ck_assert_msg(strncmp(listener.text, cases[i].text, strlen(cases[i].text)) == 0, "%s", listener.text);
        end(&listener);
    }
    world.argv[0] = "/nonexistent/command";
    struct listener listener = {0};
    begin(&listener, &world.probe);
    wait_reports(&listener, 1);
    ck_assert_int_eq(listener.last.verdict, PROBE_VERDICT_NOT_TRIED);
    ck_assert_msg(strstr(listener.text, "no such file") != NULL, "%s", listener.text);
    end(&listener);
    world_finish(&world);
}
END_TEST

/* Sockets that a library opened without saying that they end with an exec. */
START_TEST(test_exec_inherits_nothing_of_ours)
{
    struct world world;
    struct listener listener = {0};
    int pipes[2];
    ck_assert(world_ops[HG_PROBE_EXEC].init(&world));
    ck_assert_int_eq(pipe(pipes), 0);
    snprintf(world.script, sizeof(world.script), "[ -e /proc/$$/fd/1 ] && [ ! -e /proc/$$/fd/%d ]", pipes[1]);
    begin(&listener, &world.probe);
    wait_reports(&listener, 1);
    ck_assert_msg(listener.last.verdict == PROBE_VERDICT_UP, "%s", listener.text);
    end(&listener);
    close(pipes[0]);
    close(pipes[1]);
    world_finish(&world);
}
END_TEST

START_TEST(test_names_that_do_not_resolve)
{
    const struct {
        enum hg_probe_kind kind;
        char *target;
    } cases[] = {
        {HG_PROBE_TCP, "a..b:80"}, {HG_PROBE_HTTP, "http://a..b/"}, {HG_PROBE_REDIS, "redis://a..b"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hg_probe settings = {.kind = cases[i].kind,
                                    .target = cases[i].target,
                                    .interval_us = 20000,
                                    .timeout_us = 2000000,
                                    .rise = 1,
                                    .fall = 1};
        struct listener listener = {0};
        begin(&listener, &settings);
        wait_reports(&listener, 1);
        ck_assert_msg(listener.last.verdict == PROBE_VERDICT_NO_ADDRESSES, "%s", listener.text);
        end(&listener);
    }
}
END_TEST

/* By name: resolved in the loop, every address tried (localhost may have ::1 first, where nobody listens). */
START_TEST(test_names_that_resolve)
{
    const struct {
        enum hg_probe_kind kind;
        const char *before;
        const char *after;
    } cases[] = {{HG_PROBE_TCP, "localhost:", ""},
                 {HG_PROBE_HTTP, "http://localhost:", "/ok"},
                 {HG_PROBE_REDIS, "redis://localhost:", ""}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world world;
        ck_assert(world_ops[cases[i].kind].init(&world));
        world_ops[cases[i].kind].raise(&world);
        snprintf(world.target, sizeof(world.target), "%s%d%s", cases[i].before, world.port, cases[i].after);
        struct listener listener = {0};
        begin(&listener, &world.probe);
        wait_reports(&listener, 1);
        ck_assert_msg(listener.last.verdict == PROBE_VERDICT_UP, "%s", listener.text);
        end(&listener);
        listener = (struct listener){0};
        server_stop(&world.server);
        begin(&listener, &world.probe);
        wait_reports(&listener, 1);
        ck_assert_msg(listener.last.verdict == PROBE_VERDICT_UNREACHABLE, "%s", listener.text);
        end(&listener);
        world_finish(&world);
    }
}
END_TEST

START_TEST(test_impossible_settings)
{
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    struct hg_probe settings = {.kind = HG_PROBE_TCP, .interval_us = 1000, .timeout_us = 1000};
    struct probe_options options = {.loop = &loop, .probe = &settings, .on_result = on_result};
    struct probe *probe = NULL;
    ck_assert_int_eq(probe_create(&options, &probe), HG_E_INVALID);
    settings.target = "127.0.0.1:1";
    settings.interval_us = 0;
    ck_assert_int_eq(probe_create(&options, &probe), HG_E_INVALID);
    ck_assert_ptr_null(probe);
    probe_destroy(NULL, NULL, NULL);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}
END_TEST

int main(void)
{
    char path[256];
    const char *const needed[] = {"redis-server", "dnsmasq", "python3", "openssl"};
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (!server_find_program(needed[i], path, sizeof(path))) {
            printf("skipped: %s is not installed\n", needed[i]);
            return 77;
        }
    }
    Suite *suite = suite_create("probe_contract");
    TCase *tcase = tcase_create("every kind");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_follows_its_dependency, 0, HG_PROBE_KIND_COUNT);
    tcase_add_loop_test(tcase, test_down_from_the_start, 0, HG_PROBE_KIND_COUNT);
    tcase_add_loop_test(tcase, test_silence_ends_at_the_timeout, 0, HG_PROBE_KIND_COUNT);
    tcase_add_loop_test(tcase, test_destroyed_in_mid_attempt, 0, HG_PROBE_KIND_COUNT);
    tcase_add_loop_test(tcase, test_destroyed_in_its_callback, 0, HG_PROBE_KIND_COUNT);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("one kind");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_http_status_and_gauge);
    tcase_add_test(tcase, test_https_is_verified);
    tcase_add_test(tcase, test_dns_says_what_is_missing);
    tcase_add_test(tcase, test_redis_password);
    tcase_add_test(tcase, test_exec_kills_its_whole_group);
    tcase_add_test(tcase, test_exec_says_its_first_line);
    tcase_add_test(tcase, test_exec_inherits_nothing_of_ours);
    tcase_add_test(tcase, test_names_that_do_not_resolve);
    tcase_add_test(tcase, test_names_that_resolve);
    tcase_add_test(tcase, test_impossible_settings);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
