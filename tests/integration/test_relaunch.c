/* `headgate relaunch`: the real binary before real controllers. */
#include "check_main.h"
#include "canned.h"
#include "command.h"
#include "daemon.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 30000

static const char policy[] =
    "{\"policy\":\"p\",\"dependencies\":{"
    "\"db\":{\"limiter\":{\"mode\":\"fixed\"},\"bucket\":{\"rate\":5000,\"burst\":1000},"
    "\"reserve\":{\"burst\":0,\"in_flight\":0},\"in_flight\":{\"max\":1000}},"
    "\"narrow\":{\"limiter\":{\"mode\":\"fixed\"},\"bucket\":{\"rate\":1000,\"burst\":1000},"
    "\"reserve\":{\"burst\":0,\"in_flight\":0},\"in_flight\":{\"max\":4}}},"
    "\"fleets\":{"
    "\"web\":{\"needs\":{\"db\":1},\"lease\":\"1m\",\"backoff\":{\"base\":\"1ms\",\"max\":\"1ms\","
    "\"attempts\":3}},"
    "\"brief\":{\"needs\":{\"db\":1},\"lease\":\"1s\",\"backoff\":{\"base\":\"1ms\",\"max\":\"1ms\","
    "\"attempts\":20}},"
    "\"tight\":{\"needs\":{\"narrow\":1},\"lease\":\"1m\"}}}";

static struct daemon_process gate;
static struct command command, other;
static const struct daemon_setup gate_setup = {.policy = policy};

static void setup(void)
{
    ck_assert_int_eq(daemon_start(&gate, &gate_setup), 0);
    setenv("HEADGATE_SERVER", gate.base, 1);
}

static void teardown(void)
{
    command_stop(&command);
    command_stop(&other);
    daemon_finish(&gate);
}

#define START(which, ...)                                                                                    \
    command_start(                                                                                           \
        &(which), gate.directory,                                                                            \
        (const char *const[]){"relaunch", "--from", "list", "--report", "report.json", __VA_ARGS__, NULL})
#define RUN(...)                                                                                             \
    command_run(                                                                                             \
        &command, gate.directory,                                                                            \
        (const char *const[]){"relaunch", "--from", "list", "--report", "report.json", __VA_ARGS__, NULL})

static void write_list(int count, const char *more)
{
    char path[400];
    snprintf(path, sizeof(path), "%s/list", gate.directory);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < count; i++) {
        fprintf(file, "web-%d\n", i);
    }
    fputs(more, file);
    fclose(file);
}

static json_t *read_report(void)
{
    char path[400];
    json_error_t error;
    snprintf(path, sizeof(path), "%s/report.json", gate.directory);
    json_t *report = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(report != NULL, "%s", error.text);
    return report;
}

static int64_t reported(const char *name)
{
    json_t *report = read_report();
    int64_t number = json_integer_value(json_object_get(report, name));
    json_decref(report);
    return number;
}

/* Every one of the list is there once. */
static void check_ran_once(int count)
{
    char name[32];
    ck_assert_int_eq(file_count_lines(gate.directory, "ran"), count);
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "web-%d", i);
        ck_assert_int_eq(file_count(gate.directory, "ran", name), 1);
    }
}

START_TEST(test_a_fleet_comes_back_once)
{
    write_list(300, "");
    ck_assert_int_eq(RUN("--fleet", "web", "--", "sh", "-c", "echo $0 >>ran", "{}"), 0);
    check_ran_once(300);
    ck_assert_int_eq(reported("recovered"), 300);
    ck_assert_int_eq(reported("failed_attempts"), 0);
    json_t *report = read_report();
    ck_assert_str_eq(json_string_value(json_object_get(report, "result")), "recovered");
    ck_assert(json_is_real(json_object_get(report, "seconds_to_50_percent")));
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(report, "attempts"), "1")), 300);
    json_decref(report);
    ck_assert(command_said(&command, "fleet web: 300 of 300 recovered"));
    ck_assert(daemon_wait_text(&gate, "/v1/fleets/web/instances/web-299", "/state", "recovered", WAIT_MS));
    ck_assert_int_eq(RUN("--fleet", "web", "--", "sh", "-c", "echo $0 >>ran", "{}"), 0); /* nothing is left */
    check_ran_once(300);
    ck_assert(command_said(&command, "nothing is left to do"));
}
END_TEST

START_TEST(test_failures_come_back_until_quarantine)
{
    write_list(20, "bad\nflaky\n");
    ck_assert_int_eq(RUN("--fleet", "web", "--output", "logs", "--", "sh", "-c",
                         "echo $HEADGATE_INSTANCE $HEADGATE_ATTEMPT >>ran; case $1 in"
                         " bad) echo first; echo no route to host >&2; exit 3;;"
                         " flaky) test $HEADGATE_ATTEMPT = 2;; esac",
                         "sh", "{}"),
                     77);
    ck_assert_int_eq(file_count_lines(gate.directory, "ran"), 20 + 3 + 2);
    ck_assert_int_eq(file_count(gate.directory, "ran", "bad 3"), 1);
    ck_assert_int_eq(file_count(gate.directory, "ran", "flaky 2"), 1);
    json_t *report = read_report(), *bad = json_array_get(json_object_get(report, "quarantine"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(report, "result")), "quarantined");
    ck_assert_str_eq(json_string_value(json_object_get(bad, "instance")), "bad");
    ck_assert_str_eq(json_string_value(json_object_get(bad, "reason")), "exit 3: no route to host");
    ck_assert_str_eq(json_string_value(json_object_get(bad, "output")), "first\nno route to host");
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(report, "attempts"), "2")), 1);
    json_decref(report);
    ck_assert_int_eq(reported("failed_attempts"), 4);
    ck_assert_int_eq(file_count(gate.directory, "logs/bad.log", "no route to host"), 3);
    struct http_answer answer = daemon_ask(&gate, "GET", "/v1/fleets/web/instances/bad", NULL);
    ck_assert_str_eq(http_text(&answer, "/reasons/0"), "exit 3: no route to host");
    http_finish(&answer);

    ck_assert_int_eq(RUN("--fleet", "web", "--", "true"), 77);
    answer = daemon_ask(&gate, "DELETE", "/v1/fleets/web/quarantine/bad", NULL);
    ck_assert_int_eq(answer.status, 200);
    http_finish(&answer);
    ck_assert_int_eq(RUN("--fleet", "web", "--retry", "--", "true"), 0);
    ck_assert_int_eq(reported("recovered"), 22);
}
END_TEST

START_TEST(test_what_cannot_begin_says_why)
{
    write_list(2, "web-1\nb c\n");
    ck_assert_int_eq(RUN("--fleet", "web", "--", "true"), 65);
    ck_assert(command_said(&command, "list:3: web-1: named in line 2 already"));
    ck_assert(command_said(&command, "list:4: b c: more than one word"));
    write_list(3, "");
    ck_assert_int_eq(RUN("--fleet", "none", "--", "true"), 68);
    ck_assert(command_said(&command, "There is no such fleet"));
    ck_assert_int_eq(RUN("--fleet", "web", "--", "/nonexistent/program"), 127);
    ck_assert_int_eq(RUN("--fleet", "web", "--journal", "/nonexistent/journal", "--", "true"), 74);
    ck_assert_int_eq(RUN("--fleet", "web", "--report", "/nonexistent/report", "--", "touch", "ran"), 74);
    ck_assert_int_ne(access("ran", F_OK), 0);
    ck_assert_int_eq(RUN("--fleet", "web", "--journal", "/dev/zero", "--", "true"), 74);
    ck_assert_int_eq(command_run(&command, gate.directory,
                                 (const char *const[]){"relaunch", "--from", "/dev/zero", "--fleet", "web",
                                                       "--", "true", NULL}),
                     65);
    ck_assert_int_eq(RUN("--fleet", "web", "--parallel", "0", "--", "true"), 64);
    ck_assert_int_eq(RUN("--fleet", "web", "--server", "ftp://x", "--", "true"), 64);
    ck_assert_int_eq(RUN("--fleet", "web", "--", "true"), 0);
    write_list(4, "");
    ck_assert_int_eq(RUN("--fleet", "web", "--", "true"), 65);
    ck_assert(command_said(&command, "belongs to another list"));
}
END_TEST

START_TEST(test_a_second_one_on_the_same_journal_is_refused)
{
    write_list(2, "");
    START(command, "--fleet", "web", "--", "sh", "-c",
          "echo up >>ran; while ! test -e go; do sleep 0.01; done");
    file_wait_lines(gate.directory, "ran", 2);
    START(other, "--fleet", "web", "--", "touch", "second");
    ck_assert_int_eq(command_wait(&other), 65);
    ck_assert(command_said(&other, "another relaunch is under way"));
    ck_assert_int_ne(access("second", F_OK), 0);
    file_touch(gate.directory, "go");
    ck_assert_int_eq(command_wait(&command), 0);
}
END_TEST

START_TEST(test_an_interrupt_waits_for_what_is_under_way)
{
    write_list(50, "");
    START(command, "--fleet", "web", "--parallel", "5", "--", "sh", "-c",
          "echo $0 >>begun; while ! test -e go; do sleep 0.01; done; echo $0 >>ran", "{}");
    file_wait_lines(gate.directory, "begun", 5);
    server_signal(&command.process, SIGINT);
    command_wait_said(&command, "stopping: waits for 5 under way");
    file_touch(gate.directory, "go");
    ck_assert_int_eq(command_wait(&command), 75);
    ck_assert(command_said(&command, "run the same command again to go on"));
    ck_assert_int_eq(file_count_lines(gate.directory, "begun"), 5);
    ck_assert_int_eq(reported("recovered"), 5);
    ck_assert_int_eq(reported("left"), 45);
    /* nothing is held by those that were not started */
    ck_assert(daemon_wait_int(&gate, "/v1/dependencies/db", "/in_flight", 0, WAIT_MS));
    ck_assert_int_eq(RUN("--fleet", "web", "--", "sh", "-c", "echo $0 >>ran", "{}"), 0);
    check_ran_once(50);
    ck_assert(command_said(&command, "5 of 50 are settled"));
}
END_TEST

/* The commands write nowhere: a shell that says "Terminated" into a pipe that nobody reads any more is ended
 * by that. */
START_TEST(test_a_second_interrupt_ends_it_at_once)
{
    write_list(3, "");
    START(command, "--fleet", "web", "--", "sh", "-c",
          "exec >/dev/null 2>&1; trap 'echo $0 >>ended; exit' TERM; echo $0 >>begun;"
          "while :; do sleep 0.01; done",
          "{}");
    file_wait_lines(gate.directory, "begun", 3);
    server_signal(&command.process, SIGTERM);
    command_wait_said(&command, "stopping");
    server_signal(&command.process, SIGINT);
    ck_assert_int_eq(command_wait(&command), 75);
    file_wait_lines(gate.directory, "ended", 3);
    ck_assert_int_eq(RUN("--fleet", "web", "--", "sh", "-c", "echo $0 $HEADGATE_ATTEMPT >>again", "{}"), 0);
    ck_assert_int_eq(file_count(gate.directory, "again", "web-0 1"), 1); /* by the same permit */
    ck_assert_int_eq(file_count_lines(gate.directory, "again"), 3);
}
END_TEST

START_TEST(test_a_killed_one_is_resumed)
{
    write_list(400, "");
    START(command, "--fleet", "web", "--parallel", "20", "--", "sh", "-c", "sleep 0.02; echo $0 >>ran", "{}");
    file_wait_lines(gate.directory, "ran", 100);
    command_stop(&command); /* SIGKILL; its commands get SIGTERM */
    int journaled = 0;
    char line[512], path[400];
    snprintf(path, sizeof(path), "%s/headgate-web.journal", gate.directory);
    FILE *file = fopen(path, "re");
    while (fgets(line, sizeof(line), file) != NULL) {
        journaled += strncmp(line, "recovered ", 10) == 0;
    }
    fclose(file);
    ck_assert_int_ge(journaled, 60);
    file = fopen(path, "ae"); /* and its last line torn */
    fputs("granted 99 web-3", file);
    fclose(file);
    snprintf(path, sizeof(path), "%s/before", gate.directory);
    ck_assert_int_eq(rename("ran", path), 0);
    ck_assert_int_eq(RUN("--fleet", "web", "--", "sh", "-c", "echo $0 >>ran", "{}"), 0);
    ck_assert_int_eq(file_count_lines(gate.directory, "ran"), 400 - journaled);
    ck_assert_int_eq(reported("recovered"), 400);
    ck_assert(daemon_wait_text(&gate, "/v1/fleets/web/instances/web-399", "/state", "recovered", WAIT_MS));
    ck_assert(daemon_wait_int(&gate, "/v1/dependencies/db", "/in_flight", 0, WAIT_MS));
}
END_TEST

START_TEST(test_a_command_may_take_so_long_and_no_longer)
{
    write_list(1, "");
    ck_assert_int_eq(
        RUN("--fleet", "web", "--timeout", "100ms", "--", "sh", "-c", "echo waits; exec sleep 1000"), 77);
    json_t *report = read_report(), *one = json_array_get(json_object_get(report, "quarantine"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(one, "reason")),
                     "timed out after 0.1 s (signal 15): waits");
    json_decref(report);
}
END_TEST

START_TEST(test_permits_are_renewed_while_commands_run)
{
    write_list(3, "");
    START(command, "--fleet", "brief", "--", "sh", "-c",
          "echo up >>begun; while ! test -e go; do sleep 0.01; done");
    file_wait_lines(gate.directory, "begun", 3);
    const char *path = "/v1/fleets/brief/instances/web-1";
    struct http_answer answer = daemon_ask(&gate, "GET", path, NULL);
    int64_t first_ms = http_int(&answer, "/until_ms"), now_ms = first_ms,
            deadline_ms = server_now_ms() + WAIT_MS;
    http_finish(&answer);
    while (now_ms < first_ms + 2500 && server_now_ms() < deadline_ms) {
        answer = daemon_ask(&gate, "GET", path, NULL);
        ck_assert_str_eq(http_text(&answer, "/state"), "granted");
        now_ms = http_int(&answer, "/until_ms");
        http_finish(&answer);
        server_pause(20);
    }
    ck_assert_int_ge(now_ms, first_ms + 2500);
    file_touch(gate.directory, "go");
    ck_assert_int_eq(command_wait(&command), 0);
    ck_assert_int_eq(reported("lost_permits"), 0);
}
END_TEST

START_TEST(test_lost_permits_end_no_command)
{
    write_list(3, "");
    START(command, "--fleet", "brief", "--", "sh", "-c",
          "echo up >>begun; while ! test -e go; do sleep 0.01; done");
    file_wait_lines(gate.directory, "begun", 3);
    server_signal(&command.process, SIGSTOP);
    ck_assert(daemon_wait_text(&gate, "/v1/fleets/brief/instances/web-1", "/state", "backoff", WAIT_MS));
    server_signal(&command.process, SIGCONT);
    command_wait_said(&command, "its permit is lost");
    file_touch(gate.directory, "go");
    ck_assert_int_eq(command_wait(&command), 0);
    ck_assert_int_eq(command_count_said(&command, "its permit is lost"), 1);
    ck_assert_int_eq(reported("lost_permits"), 3);
    ck_assert_int_eq(file_count_lines(gate.directory, "begun"), 3);
}
END_TEST

/* In flight 4 behind a far higher rate: by advice alone places stay empty for seconds, and the command's
 * deadline passes. */
START_TEST(test_a_freed_place_is_taken_soon)
{
    write_list(80, "");
    ck_assert_int_eq(RUN("--fleet", "tight", "--", "sh", "-c", "echo $0 >>ran", "{}"), 0);
    check_ran_once(80);
}
END_TEST

START_TEST(test_a_controller_with_a_journal_dies_and_returns)
{
    char store[400];
    struct daemon_setup journaled = {.policy = policy, .store = store};
    daemon_finish(&gate);
    server_make_directory(store + 7, sizeof(store) - 7);
    memcpy(store, "memory:", 7);
    ck_assert_int_eq(daemon_start(&gate, &journaled), 0);
    setenv("HEADGATE_SERVER", gate.base, 1);
    write_list(400, "");
    START(command, "--fleet", "web", "--parallel", "20", "--", "sh", "-c", "sleep 0.02; echo $0 >>ran", "{}");
    file_wait_lines(gate.directory, "ran", 100);
    daemon_kill(&gate);
    command_wait_said(&command, "what is under way goes on");
    journaled.old_store = true;
    ck_assert_int_eq(daemon_restart(&gate, &journaled), 0);
    ck_assert_int_eq(command_wait(&command), 0);
    ck_assert(command_said(&command, "a controller answers again"));
    check_ran_once(400);
    server_remove_directory(store + 7);
}
END_TEST

START_TEST(test_batches_that_are_too_large_are_halved)
{
    static const char answer[] = "HTTP/1.1 413 Too Large\r\nContent-Type: application/problem+json\r\n"
                                 "Content-Length: 62\r\nConnection: close\r\n\r\n"
                                 "{\"type\":\"https://headgate.dev/problems/too-large\",\"title\":\"x\"}";
    struct server canned;
    char url[64];
    canned_start(&canned, answer, sizeof(answer) - 1);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", canned.port);
    write_list(4, "");
    ck_assert_int_eq(RUN("--fleet", "web", "--batch", "4", "--server", url, "--", "true"), 65);
    server_stop(&canned);
    ck_assert_int_eq(RUN("--fleet", "web", "--batch", "1", "--", "true"), 0);
}
END_TEST

START_TEST(test_another_controller_takes_over)
{
    struct server redis;
    struct daemon_process second;
    char store[64], both[700];
    int status = server_start_redis(&redis, NULL);
    if (status == 77) {
        return;
    }
    ck_assert_int_eq(status, 0);
    snprintf(store, sizeof(store), "redis://127.0.0.1:%d/0", redis.port);
    struct daemon_setup shared = {.policy = policy, .store = store};
    daemon_finish(&gate);
    ck_assert_int_eq(daemon_start(&second, &shared), 0);
    ck_assert_int_eq(daemon_start(&gate, &shared), 0);
    snprintf(both, sizeof(both), "%s,%s", second.base, gate.base);
    setenv("HEADGATE_SERVER", both, 1);
    write_list(400, "");
    START(command, "--fleet", "web", "--parallel", "20", "--", "sh", "-c", "sleep 0.02; echo $0 >>ran", "{}");
    file_wait_lines(gate.directory, "ran", 100);
    daemon_kill(&second); /* the leader too: it was there first */
    ck_assert_int_eq(command_wait(&command), 0);
    check_ran_once(400);
    ck_assert_int_eq(reported("failed_attempts"), 0);
    ck_assert(!command_said(&command, "what is under way goes on")); /* one always answered */
    daemon_finish(&second);
    server_stop(&redis);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("relaunch");
    TCase *tcase = tcase_create("relaunch");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_a_fleet_comes_back_once);
    tcase_add_test(tcase, test_failures_come_back_until_quarantine);
    tcase_add_test(tcase, test_what_cannot_begin_says_why);
    tcase_add_test(tcase, test_a_second_one_on_the_same_journal_is_refused);
    tcase_add_test(tcase, test_an_interrupt_waits_for_what_is_under_way);
    tcase_add_test(tcase, test_a_second_interrupt_ends_it_at_once);
    tcase_add_test(tcase, test_a_killed_one_is_resumed);
    tcase_add_test(tcase, test_a_command_may_take_so_long_and_no_longer);
    tcase_add_test(tcase, test_permits_are_renewed_while_commands_run);
    tcase_add_test(tcase, test_lost_permits_end_no_command);
    tcase_add_test(tcase, test_a_freed_place_is_taken_soon);
    tcase_add_test(tcase, test_a_controller_with_a_journal_dies_and_returns);
    tcase_add_test(tcase, test_batches_that_are_too_large_are_halved);
    tcase_add_test(tcase, test_another_controller_takes_over);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
