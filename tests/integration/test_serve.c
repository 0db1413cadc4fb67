/* What `headgate serve` says of itself and where it listens, and a policy that only observes. */
#include "check_main.h"
#include "daemon.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_MS 15000

static const char policy[] = "{\"policy\":\"p\",\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},"
                             "\"bucket\":{\"rate\":100,\"burst\":20},\"in_flight\":{\"max\":100}}},"
                             "\"fleets\":{\"web\":{\"needs\":{\"db\":1},\"lease\":\"5m\"}}}";
static const char observing[] =
    "{\"policy\":\"p\",\"mode\":\"observe\",\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},"
    "\"bucket\":{\"rate\":0.001,\"burst\":2},\"reserve\":{\"burst\":0,\"in_flight\":0},\"in_flight\":{"
    "\"max\":3}}},"
    "\"fleets\":{\"web\":{\"needs\":{\"db\":1},\"lease\":\"5m\"}}}";

static struct daemon_process gate;

static void teardown(void)
{
    daemon_finish(&gate);
}

/* Runs `serve` until it ends by itself; its exit code, its output in `ret_text`. */
static int run_serve(const char *listen, const char *policy_file, char *ret_text, size_t size)
{
    char directory[256], log[300];
    struct server server;
    server_make_directory(directory, sizeof(directory));
    snprintf(log, sizeof(log), "%s/log", directory);
    const char *argv[] = {HEADGATE_BINARY, "serve", "--policies", policy_file, "--listen", listen, NULL};
    ck_assert_int_eq(server_start_logged(&server, argv, 0, log), 0);
    int code = server_wait(&server, WAIT_MS);
    server_stop(&server);
    FILE *file = fopen(log, "re");
    size_t got = file == NULL ? 0 : fread(ret_text, 1, size - 1, file);
    ret_text[got] = '\0';
    if (file != NULL) {
        fclose(file);
    }
    server_remove_directory(directory);
    return code;
}

START_TEST(only_loopback_is_listened_on)
{
    static const struct {
        const char *listen;
        const char *words;
        int code;
    } cases[] = {
        {"0.0.0.0:0", "not a loopback address", 64},
        {"[::]:0", "not a loopback address", 64},
        {"192.0.2.1:7070", "not a loopback", 64},
        {"7070", "write HOST:PORT", 64},
        {"127.0.0.1:99999", "write HOST:PORT", 64},
        {"unix:", "path", 64},
        {"unix:/nonexistent/x.sock", "cannot listen on", 74},
    };
    char file[300], directory[256], text[4096];
    server_make_directory(directory, sizeof(directory));
    snprintf(file, sizeof(file), "%s/p.json", directory);
    FILE *out = fopen(file, "we");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_ge(fputs(policy, out), 0);
    fclose(out);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int code = run_serve(cases[i].listen, file, text, sizeof(text));
        ck_assert_msg(code == cases[i].code, "%s: exit %d: %s", cases[i].listen, code, text);
        ck_assert_msg(strstr(text, cases[i].words) != NULL, "%s: %s", cases[i].listen, text);
    }
    int code = run_serve("127.0.0.1:0", "/nonexistent/p.json", text, sizeof(text));
    ck_assert_msg(code != 0 && strstr(text, "/nonexistent/p.json") != NULL, "%d: %s", code, text);
    server_remove_directory(directory);
}
END_TEST

START_TEST(a_taken_port_is_said)
{
    char text[4096];
    const char *address;
    struct daemon_setup options = {.policy = policy};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
    address = gate.base + strlen("http://");
    ck_assert_int_eq(run_serve(address, gate.policy, text, sizeof(text)), 74);
    ck_assert_msg(strstr(text, "another process has it") != NULL, "%s", text);
}
END_TEST

/* Neither its command line, nor its log and answers, nor the environment of a probe's command has the password. */
START_TEST(a_password_of_the_store_stays_with_it)
{
    static const char probing[] =
        "{\"policy\":\"p\",\"dependencies\":{\"db\":{\"probes\":[{\"exec\":[\"/bin/sh\",\"-c\",\"test -z \\\"$HEADGATE_STORE\\\"\"],"
        "\"interval\":\"100ms\",\"timeout\":\"100ms\",\"rise\":1}]}},\"fleets\":{\"web\":{\"needs\":{\"db\":1}}}}";
    static const char *const secret[] = {"hunter2", NULL};
    const char *const extra[] = {"--requirepass", "hunter2", NULL};
    char url[64], path[64], line[1024];
    struct server redis;
    ck_assert_int_eq(server_start_redis(&redis, extra), 0);
    snprintf(url, sizeof(url), "redis://:hunter2@127.0.0.1:%d/0", redis.port);
    ck_assert_int_eq(setenv("HEADGATE_STORE", url, 1), 0);
    struct daemon_setup options = {.policy = probing};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
    ck_assert(daemon_wait_text(&gate, "/v1/dependencies/db", "/probe", "up", WAIT_MS));
    struct http_answer ready = daemon_ask(&gate, "GET", "/readyz", NULL);
    ck_assert_msg(strstr(ready.body, "redis://***@") != NULL && strstr(ready.body, "hunter2") == NULL, "%s", ready.body);
    http_finish(&ready);
    ck_assert(!daemon_logged(&gate, secret));
    snprintf(path, sizeof(path), "/proc/%ld/cmdline", (long)gate.server.pid);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    size_t size = fread(line, 1, sizeof(line), file);
    fclose(file);
    ck_assert(size > 0 && memmem(line, size, "hunter2", 7) == NULL);
    server_stop(&redis);
}
END_TEST

START_TEST(a_unix_socket_works_and_is_cleaned_up)
{
    char directory[256], listen[300];
    struct stat info;
    server_make_directory(directory, sizeof(directory));
    snprintf(listen, sizeof(listen), "unix:%s/hg.sock", directory);
    struct daemon_setup options = {.policy = policy, .listen = listen};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
    ck_assert_str_eq(gate.base, listen);
    struct http_answer answer = daemon_put(&gate, "web", "a", NULL);
    ck_assert_int_eq(answer.status, 200);
    http_finish(&answer);
    daemon_kill(&gate); /* leaves the file, which the next one takes over */
    ck_assert_int_eq(stat(listen + 5, &info), 0);
    ck_assert_int_eq(daemon_restart(&gate, &options), 0);
    answer = daemon_put(&gate, "web", "a", NULL);
    ck_assert_int_eq(answer.status, 200);
    http_finish(&answer);
    daemon_stop(&gate);
    ck_assert_int_ne(stat(listen + 5, &info), 0);
    server_remove_directory(directory);
}
END_TEST

START_TEST(a_file_that_is_no_socket_is_left_alone)
{
    char directory[256], file[300], listen[310], text[4096];
    struct stat info;
    struct daemon_setup options = {.policy = policy};
    ck_assert_int_eq(daemon_start(&gate, &options), 0); /* for its policy file */
    server_make_directory(directory, sizeof(directory));
    snprintf(file, sizeof(file), "%s/notes.txt", directory);
    snprintf(listen, sizeof(listen), "unix:%s", file);
    FILE *out = fopen(file, "we");
    ck_assert(out != NULL && fputs("precious", out) >= 0 && fclose(out) == 0);
    int code = run_serve(listen, gate.policy, text, sizeof(text));
    ck_assert_msg(code == 74 && strstr(text, "choose another --listen") != NULL, "exit %d: %s", code, text);
    ck_assert_msg(stat(file, &info) == 0 && info.st_size == 8, "the file is gone");
    server_remove_directory(directory);
}
END_TEST

START_TEST(stopping_answers_and_ends_well)
{
    struct daemon_setup options = {.policy = policy};
    static const char *const words[] = {"event=stop", NULL};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
    server_signal(&gate.server, SIGTERM);
    ck_assert_int_eq(server_wait(&gate.server, WAIT_MS), 0);
    ck_assert(daemon_logged(&gate, words));
}
END_TEST

/* promtool reads what it is given on its standard input. */
static int promtool(const char *text)
{
    char program[256], command[700], file[300], directory[256];
    ck_assert(server_find_program("promtool", program, sizeof(program)));
    server_make_directory(directory, sizeof(directory));
    snprintf(file, sizeof(file), "%s/metrics", directory);
    FILE *out = fopen(file, "we");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_ge(fputs(text, out), 0);
    fclose(out);
    snprintf(command, sizeof(command), "exec '%s' check metrics <'%s' >&2", program, file);
    const char *argv[] = {"/bin/sh", "-c", command, NULL};
    struct server server;
    ck_assert_int_eq(server_start(&server, argv, 0), 0);
    int code = server_wait(&server, WAIT_MS);
    server_stop(&server);
    server_remove_directory(directory);
    return code;
}

START_TEST(metrics_please_promtool_and_name_no_instance)
{
    struct daemon_setup options = {.policy = policy};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
    struct http_answer answer = daemon_put(&gate, "web", "a-name-to-be-found", NULL);
    http_finish(&answer);
    ck_assert(daemon_wait_int(&gate, "/v1/fleets/web", "/in_flight", 1, WAIT_MS));
    answer = daemon_ask(&gate, "GET", "/metrics", NULL);
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(answer.content_type, "text/plain; version=0.0.4; charset=utf-8");
    ck_assert_int_eq(promtool(answer.body), 0);
    ck_assert_ptr_null(strstr(answer.body, "a-name-to-be-found"));
    ck_assert_ptr_null(strstr(answer.body, "instance="));
    http_finish(&answer);
    ck_assert(daemon_metric(&gate, "headgate_fleet_in_flight{policy=\"p\",fleet=\"web\"}") > 0.5);
    ck_assert(daemon_metric(&gate, "headgate_store_up") > 0.5);
}
END_TEST

START_TEST(observing_grants_everything_and_says_what_would_hold)
{
    struct daemon_setup options = {.policy = observing};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
    int held = 0;
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof(name), "h%d", i);
        struct http_answer answer = daemon_put(&gate, "web", name, NULL);
        ck_assert_msg(answer.status == 200, "%d: %s", answer.status, answer.body);
        held += strlen(http_text(&answer, "/observed/limited_by/limit")) > 0;
        http_finish(&answer);
    }
    ck_assert_int_ge(held, 17); /* three may pass in any case */
    ck_assert(daemon_wait_int(&gate, "/v1/dependencies/db", "/in_flight", 20, WAIT_MS));
    struct http_answer answer = daemon_ask(&gate, "GET", "/v1/status", NULL);
    ck_assert_str_eq(http_text(&answer, "/policies/0/mode"), "observe");
    http_finish(&answer);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("serve");
    TCase *tcase = tcase_create("serve");
    tcase_set_timeout(tcase, 90);
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, only_loopback_is_listened_on);
    tcase_add_test(tcase, a_taken_port_is_said);
    tcase_add_test(tcase, a_password_of_the_store_stays_with_it);
    tcase_add_test(tcase, a_unix_socket_works_and_is_cleaned_up);
    tcase_add_test(tcase, a_file_that_is_no_socket_is_left_alone);
    tcase_add_test(tcase, stopping_answers_and_ends_well);
    tcase_add_test(tcase, metrics_please_promtool_and_name_no_instance);
    tcase_add_test(tcase, observing_grants_everything_and_says_what_would_hold);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
