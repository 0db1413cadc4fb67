/* `headgate run`: the real binary before a real controller. */
#include "check_main.h"
#include "command.h"
#include "daemon.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 15000

static const char policy[] =
    "{\"policy\":\"p\",\"dependencies\":{"
    "\"db\":{\"limiter\":{\"mode\":\"fixed\"},\"bucket\":{\"rate\":1000,\"burst\":1000},"
    "\"in_flight\":{\"max\":1000}},"
    "\"narrow\":{\"limiter\":{\"mode\":\"fixed\"},\"bucket\":{\"rate\":1000,\"burst\":1000},"
    "\"reserve\":{\"burst\":0,\"in_flight\":0},\"in_flight\":{\"max\":1}}},"
    "\"fleets\":{"
    "\"web\":{\"needs\":{\"db\":1},\"lease\":\"1m\",\"backoff\":{\"base\":\"1ms\",\"max\":\"1ms\","
    "\"attempts\":3}},"
    "\"brief\":{\"needs\":{\"db\":1},\"lease\":\"1s\",\"backoff\":{\"base\":\"1ms\",\"max\":\"1ms\","
    "\"attempts\":20}},"
    "\"tight\":{\"needs\":{\"narrow\":1},\"lease\":\"1m\"}}}";

/* Runs until it is told to end: USR1 leaves with 7, TERM with 9, INT is written down. */
#define LIVE                                                                                                 \
    "sleep 1000 & P=$!; trap 'echo int >>told' INT; trap 'echo hup >>told' HUP;"                             \
    " trap 'kill $P; exit 7' USR1; trap 'echo term >>told; kill $P; exit 9' TERM; echo up >>told; while :; " \
    "do wait; done"

static struct daemon_process gate;
static const struct daemon_setup gate_setup = {.policy = policy};
static struct command command, other;

static void setup(void)
{
    ck_assert_int_eq(daemon_start(&gate, &gate_setup), 0);
    setenv("HEADGATE_SERVER", gate.base, 1);
    unsetenv("NOTIFY_SOCKET");
}

static void teardown(void)
{
    command_stop(&command);
    command_stop(&other);
    daemon_finish(&gate);
}

#define START(which, ...)                                                                                    \
    command_start(&(which), gate.directory, (const char *const[]){"run", __VA_ARGS__, NULL})
#define RUN(...) command_run(&command, gate.directory, (const char *const[]){"run", __VA_ARGS__, NULL})

static const char *path_of(const char *fleet, const char *instance)
{
    static char path[300];
    snprintf(path, sizeof(path), "/v1/fleets/%s/instances/%s", fleet, instance);
    return path;
}

static void wait_state(const char *fleet, const char *instance, const char *state)
{
    ck_assert_msg(daemon_wait_text(&gate, path_of(fleet, instance), "/state", state, WAIT_MS),
                  "%s never was %s", instance, state);
}

static void check_reason(const char *fleet, const char *instance, const char *reason)
{
    struct http_answer answer = daemon_ask(&gate, "GET", path_of(fleet, instance), NULL);
    ck_assert_str_eq(http_text(&answer, "/reasons/0"), reason);
    http_finish(&answer);
}

static int64_t number_of(const char *fleet, const char *instance, const char *pointer)
{
    struct http_answer answer = daemon_ask(&gate, "GET", path_of(fleet, instance), NULL);
    int64_t number = http_int(&answer, pointer);
    http_finish(&answer);
    return number;
}

START_TEST(test_a_one_shot_recovers_by_its_exit)
{
    ck_assert_int_eq(
        RUN("--fleet", "web", "--instance", "a", "--", "sh", "-c",
            "echo $HEADGATE_FLEET >>env; echo $HEADGATE_INSTANCE >>env; echo $HEADGATE_FENCE >>env;"
            "echo $HEADGATE_ATTEMPT >>env"),
        0);
    char fence[32];
    snprintf(fence, sizeof(fence), "%lld", (long long)number_of("web", "a", "/fence"));
    wait_state("web", "a", "recovered");
    ck_assert_int_eq(file_count_lines(gate.directory, "env"), 4);
    ck_assert_int_eq(file_count(gate.directory, "env", "web"), 1);
    ck_assert_int_eq(file_count(gate.directory, "env", fence), 1);
    ck_assert_int_eq(file_count(gate.directory, "env", "1"), 1);
    ck_assert_int_eq(command_count_said(&command, "a: granted after"), 1);
    ck_assert_int_eq(command_count_said(&command, "a: recovered"), 1);
}
END_TEST

START_TEST(test_failures_are_reported_with_their_reason_until_quarantine)
{
    ck_assert_int_eq(RUN("--fleet", "web", "--instance", "a", "--", "sh", "-c", "exit 3"), 3);
    check_reason("web", "a", "exit 3");
    ck_assert_int_eq(RUN("--fleet", "web", "--instance", "a", "--", "sh", "-c", "kill -9 $$"), 137);
    check_reason("web", "a", "signal 9");
    ck_assert_int_eq(RUN("--fleet", "web", "--instance", "a", "--ready", "false", "--", "true"), 0);
    check_reason("web", "a", "exit 0 before it was ready");
    ck_assert_int_eq(RUN("--fleet", "web", "--instance", "a", "--", "true"), 77);
    ck_assert(command_said(&command, "quarantined"));
    ck_assert_int_eq(RUN("--fleet", "none", "--instance", "a", "--", "true"), 68);
    ck_assert_int_eq(RUN("--fleet", "web", "--instance", "b", "--", "/nonexistent/program"), 127);
    ck_assert_int_eq(RUN("--fleet", "web", "--instance", "b", "--", gate.directory), 126);
    ck_assert_int_eq(RUN("--fleet", "web", "--instance", "b", "--on-unreachable", "maybe", "--", "true"), 64);
    struct http_answer answer = daemon_ask(&gate, "GET", path_of("web", "b"), NULL);
    ck_assert_str_eq(http_text(&answer, "/state"), "none"); /* nobody asked for what cannot start */
    http_finish(&answer);
}
END_TEST

START_TEST(test_ready_then_nothing_but_the_commands_parent)
{
    START(command, "--fleet", "web", "--instance", "a", "--ready", "test -e ready && kill -0 $HEADGATE_PID",
          "--ready-interval", "20ms", "--", "sh", "-c", LIVE);
    file_wait_lines(gate.directory, "told", 1);
    wait_state("web", "a", "granted");
    file_touch(gate.directory, "ready");
    wait_state("web", "a", "recovered");
    command_wait_said(&command, "recovered");
    server_signal(&command.process, SIGHUP);
    file_wait_lines(gate.directory, "told", 2);
    ck_assert_int_eq(file_count(gate.directory, "told", "hup"), 1);
    server_signal(&command.process, SIGTERM);
    ck_assert_int_eq(command_wait(&command), 9);
}
END_TEST

START_TEST(test_signals_are_passed_on_while_it_starts)
{
    START(command, "--fleet", "web", "--instance", "a", "--ready", "false", "--", "sh", "-c", LIVE);
    file_wait_lines(gate.directory, "told", 1);
    server_signal(&command.process, SIGINT);
    file_wait_lines(gate.directory, "told", 2);
    ck_assert_int_eq(file_count(gate.directory, "told", "int"), 1);
    server_signal(&command.process, SIGUSR1);
    ck_assert_int_eq(command_wait(&command), 7);
    check_reason("web", "a", "exit 7 before it was ready");
}
END_TEST

START_TEST(test_the_permit_is_renewed_while_it_starts)
{
    START(command, "--fleet", "brief", "--instance", "a", "--ready", "test -e ready", "--ready-interval",
          "20ms", "--", "sh", "-c", LIVE);
    wait_state("brief", "a", "granted");
    int64_t until_ms = number_of("brief", "a", "/until_ms"), deadline_ms = server_now_ms() + WAIT_MS;
    while (number_of("brief", "a", "/until_ms") < until_ms + 2500) { /* it would have expired twice */
        ck_assert_int_lt(server_now_ms(), deadline_ms);
        server_pause(20);
    }
    wait_state("brief", "a", "granted");
    ck_assert_int_eq(number_of("brief", "a", "/attempt"), 1);
    file_touch(gate.directory, "ready");
    wait_state("brief", "a", "recovered");
    server_signal(&command.process, SIGUSR1);
    ck_assert_int_eq(command_wait(&command), 7);
}
END_TEST

/* The wrapper is held still until its lease is over. */
START_TEST(test_a_lost_lease_is_said_once_and_the_command_lives)
{
    START(command, "--fleet", "brief", "--instance", "a", "--ready", "test -e ready", "--ready-interval",
          "20ms", "--", "sh", "-c", LIVE);
    file_wait_lines(gate.directory, "told", 1);
    server_signal(&command.process, SIGSTOP);
    wait_state("brief", "a", "backoff");
    server_signal(&command.process, SIGCONT);
    command_wait_said(&command, "its permit is lost");
    file_touch(gate.directory, "ready");
    wait_state("brief", "a", "recovered"); /* late, and welcome */
    server_signal(&command.process, SIGUSR1);
    ck_assert_int_eq(command_wait(&command), 7);
    ck_assert_int_eq(command_count_said(&command, "its permit is lost"), 1);
}
END_TEST

START_TEST(test_every_start_is_a_life_of_its_own)
{
    START(command, "--fleet", "brief", "--instance", "a", "--ready", "false", "--", "sh", "-c", LIVE);
    file_wait_lines(gate.directory, "told", 1);
    START(other, "--fleet", "brief", "--instance", "a", "--", "sh", "-c", "echo $HEADGATE_ATTEMPT >>second");
    ck_assert_int_eq(command_wait(&other), 0);
    ck_assert_int_eq(file_count(gate.directory, "second", "2"), 1);
    command_wait_said(&command, "its permit is lost"); /* superseded, and it goes on */
    server_signal(&command.process, SIGUSR1);
    ck_assert_int_eq(command_wait(&command), 7);
    wait_state("brief", "a", "recovered"); /* the old life's end says nothing of the new one */

    START(command, "--fleet", "web", "--instance", "b", "--boot-id", "x", "--ready", "false", "--", "sh",
          "-c", LIVE);
    file_wait_lines(gate.directory, "told", 2);
    ck_assert_int_eq(
        command_run(&other, gate.directory,
                    (const char *const[]){"run", "--fleet", "web", "--instance", "b", "--boot-id", "x", "--",
                                          "sh", "-c", "echo $HEADGATE_ATTEMPT >>second", NULL}),
        0);
    ck_assert_int_eq(file_count(gate.directory, "second", "1"), 1);
}
END_TEST

START_TEST(test_not_ready_in_time_is_a_failure_and_the_command_goes_on)
{
    START(command, "--fleet", "web", "--instance", "a", "--ready", "exit 5", "--ready-interval", "20ms",
          "--ready-timeout", "200ms", "--", "sh", "-c", LIVE);
    command_wait_said(&command, "not ready after 0.2 s (the last check: exit 5)");
    wait_state("web", "a", "backoff");
    check_reason("web", "a", "not ready after 0.2 s");
    server_signal(&command.process, SIGUSR1);
    ck_assert_int_eq(command_wait(&command), 7);
    ck_assert_int_eq(RUN("--fleet", "web", "--instance", "b", "--ready", "false", "--ready-timeout", "100ms",
                         "--kill-unready", "--", "sleep", "1000"),
                     143);
    check_reason("web", "b", "not ready after 0.1 s");
}
END_TEST

START_TEST(test_a_stop_while_waiting_leaves_the_line)
{
    struct http_answer answer = daemon_put(&gate, "tight", "holder", NULL);
    ck_assert_int_eq(answer.status, 200);
    http_finish(&answer);
    START(command, "--fleet", "tight", "--instance", "a", "--", "touch", "ran");
    wait_state("tight", "a", "waiting");
    server_signal(&command.process, SIGUSR1); /* says nothing to one who waits */
    server_signal(&command.process, SIGTERM);
    ck_assert_int_eq(command_wait(&command), 143);
    ck_assert(command_said(&command, "left the line"));
    wait_state("tight", "a", "none");
    ck_assert_int_eq(RUN("--fleet", "tight", "--instance", "b", "--timeout", "200ms", "--", "touch", "ran"),
                     75);
    wait_state("tight", "b", "waiting"); /* its place is kept */
    ck_assert_int_ne(access("ran", F_OK), 0);
}
END_TEST

START_TEST(test_no_controller)
{
    char nobody[64];
    snprintf(nobody, sizeof(nobody), "http://127.0.0.1:%d", server_free_port());
    ck_assert_int_eq(RUN("--server", nobody, "--fleet", "web", "--instance", "a", "--on-unreachable", "fail",
                         "--unreachable-after", "50ms", "--", "true"),
                     69);
    ck_assert_int_eq(RUN("--server", nobody, "--fleet", "web", "--instance", "a", "--on-unreachable",
                         "proceed", "--unreachable-after", "50ms", "--", "sh", "-c",
                         "exit $((HEADGATE_FENCE + 5))"),
                     5);
    ck_assert(command_said(&command, "starts without a permit"));
    ck_assert_int_eq(
        RUN("--server", nobody, "--fleet", "web", "--instance", "a", "--timeout", "100ms", "--", "true"), 69);
    START(command, "--server", nobody, "--fleet", "web", "--instance", "a", "--", "true");
    command_wait_said(&command, "trying again");
    server_signal(&command.process, SIGTERM);
    ck_assert_int_eq(command_wait(&command), 143);
    char both[400];
    snprintf(both, sizeof(both), "%s,%s", nobody, gate.base);
    ck_assert_int_eq(RUN("--server", both, "--fleet", "web", "--instance", "a", "--", "true"), 0);
}
END_TEST

START_TEST(test_a_controller_that_dies_takes_nobody_along)
{
    START(command, "--fleet", "brief", "--instance", "a", "--ready", "false", "--", "sh", "-c", LIVE);
    file_wait_lines(gate.directory, "told", 1);
    daemon_kill(&gate);
    command_wait_said(&command, "the command goes on");
    ck_assert_int_eq(daemon_restart(&gate, &gate_setup), 0);
    command_wait_said(&command, "a controller answers again");
    command_wait_said(&command, "its permit is lost"); /* it knows of none: its store was memory */
    server_signal(&command.process, SIGUSR1);
    ck_assert_int_eq(command_wait(&command), 7);
}
END_TEST

START_TEST(test_the_service_manager_is_told_to_wait)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char message[512];
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", gate.directory);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = WAIT_MS / 1000};
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    struct http_answer answer = daemon_put(&gate, "tight", "holder", NULL);
    http_finish(&answer);
    START(command, "--fleet", "tight", "--instance", "a", "--", "true");
    ssize_t size = recv(fd, message, sizeof(message) - 1, 0);
    ck_assert_int_gt(size, 0);
    message[size] = '\0';
    ck_assert_msg(strstr(message, "STATUS=") != NULL, "%s", message);
    ck_assert_msg(strstr(message, "EXTEND_TIMEOUT_USEC=") != NULL, "%s", message);
    answer = daemon_post(&gate, "tight", "holder", "complete", "{\"outcome\":\"recovered\"}");
    http_finish(&answer);
    ck_assert_int_eq(command_wait(&command), 0);
    close(fd);
}
END_TEST

/* What was handed to run is the command's, what run opened is not. */
START_TEST(test_descriptors)
{
    char line[64];
    ck_assert_int_eq(dup2(STDIN_FILENO, 9), 9);
    ck_assert_int_eq(RUN("--fleet", "web", "--instance", "a", "--", "sh", "-c",
                         "for fd in /proc/$$/fd/*; do echo ${fd##*/} >>fds; done"),
                     0);
    close(9);
    ck_assert_int_eq(file_count(gate.directory, "fds", "9"), 1);
    for (int fd = 10; fd < 64; fd++) {
        bool ours = fcntl(fd, F_GETFD) >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0;
        snprintf(line, sizeof(line), "%d", fd);
        ck_assert_msg(file_count(gate.directory, "fds", line) == ours || fd == 10 || fd == 255, "%d", fd);
    }
}
END_TEST

START_TEST(test_sockets_handed_over_are_the_commands)
{
    static const char script[] =
        "LISTEN_FDS=1 LISTEN_PID=$$ exec " HEADGATE_BINARY " run --fleet web --instance a -- "
        "sh -c 'test $LISTEN_PID = $$ && echo claimed >>listen'";
    ck_assert_int_eq(chdir(gate.directory), 0);
    ck_assert_int_eq(server_start(&command.process, (const char *const[]){"/bin/sh", "-c", script, NULL}, 0),
                     0);
    ck_assert_int_eq(server_wait(&command.process, WAIT_MS), 0);
    ck_assert_int_eq(file_count(gate.directory, "listen", "claimed"), 1);
    setenv("LISTEN_PID", "1", 1); /* another's stays as it is */
    ck_assert_int_eq(RUN("--fleet", "web", "--instance", "a", "--", "sh", "-c", "test $LISTEN_PID = 1"), 0);
    unsetenv("LISTEN_PID");
}
END_TEST

START_TEST(test_what_kills_run_ends_the_command)
{
    START(command, "--fleet", "web", "--instance", "a", "--ready", "true", "--", "sh", "-c", LIVE);
    file_wait_lines(gate.directory, "told", 1);
    command_stop(&command); /* SIGKILL */
    file_wait_lines(gate.directory, "told", 2);
    ck_assert_int_eq(file_count(gate.directory, "told", "term"), 1);
}
END_TEST

/* On a terminal, ^C goes to the whole foreground group: the command must not get it twice. */
START_TEST(test_an_interrupt_of_the_terminal_comes_once)
{
    int master;
    ck_assert_int_eq(chdir(gate.directory), 0);
    pid_t pid = forkpty(&master, NULL, NULL, NULL);
    if (pid == 0) {
        execl(HEADGATE_BINARY, "headgate", "run", "--fleet", "web", "--instance", "a", "--ready", "false",
              "--", "sh", "-c", LIVE, (char *)NULL);
        _exit(127);
    }
    file_wait_lines(gate.directory, "told", 1);
    ck_assert_int_eq(write(master, "\x03", 1), 1);
    file_wait_lines(gate.directory, "told", 2);
    kill(pid, SIGUSR1); /* it is read after the ^C, and passed on after it */
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 7);
    ck_assert_int_eq(file_count(gate.directory, "told", "int"), 1);
    close(master);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("run");
    TCase *tcase = tcase_create("run");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_a_one_shot_recovers_by_its_exit);
    tcase_add_test(tcase, test_failures_are_reported_with_their_reason_until_quarantine);
    tcase_add_test(tcase, test_ready_then_nothing_but_the_commands_parent);
    tcase_add_test(tcase, test_signals_are_passed_on_while_it_starts);
    tcase_add_test(tcase, test_the_permit_is_renewed_while_it_starts);
    tcase_add_test(tcase, test_a_lost_lease_is_said_once_and_the_command_lives);
    tcase_add_test(tcase, test_every_start_is_a_life_of_its_own);
    tcase_add_test(tcase, test_not_ready_in_time_is_a_failure_and_the_command_goes_on);
    tcase_add_test(tcase, test_a_stop_while_waiting_leaves_the_line);
    tcase_add_test(tcase, test_no_controller);
    tcase_add_test(tcase, test_a_controller_that_dies_takes_nobody_along);
    tcase_add_test(tcase, test_the_service_manager_is_told_to_wait);
    tcase_add_test(tcase, test_descriptors);
    tcase_add_test(tcase, test_sockets_handed_over_are_the_commands);
    tcase_add_test(tcase, test_what_kills_run_ends_the_command);
    tcase_add_test(tcase, test_an_interrupt_of_the_terminal_comes_once);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
