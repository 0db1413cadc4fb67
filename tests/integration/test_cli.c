/* The command line, as people and scripts use it: the real binary against a real controller. */
#include "../unit/check_main.h"
#include "canned.h"
#include "daemon.h"
#include "process.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ARGS_MAX    32
#define DEADLINE_MS 20000

static const char policy[] =
    "{\"policy\":\"shop\","
    "\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},\"bucket\":{\"rate\":200,\"burst\":100},"
    "\"in_flight\":{\"max\":2},\"reserve\":{\"burst\":1,\"in_flight\":1}},\"cache\":{}},"
    "\"fleets\":{\"web\":{\"needs\":{\"db\":1},\"lease\":\"1m\",\"backoff\":{\"base\":\"30s\",\"jitter\":"
    "\"none\"}},"
    "\"brief\":{\"needs\":{\"cache\":1},\"lease\":\"1m\",\"backoff\":{\"attempts\":1,\"base\":\"10ms\","
    "\"max\":\"20ms\"}},"
    "\"cache\":{\"needs\":{\"cache\":1}}}}";

static struct daemon_process gate;
static struct process_result result;

static void setup(void)
{
    ck_assert_int_eq(daemon_start(&gate, &(struct daemon_setup){.policy = policy}), 0);
}

static void teardown(void)
{
    daemon_finish(&gate);
}

/* Fills argv with the binary and the words of `line`, in which '...' keeps words together. */
static void split(char *line, const char **argv)
{
    size_t count = 1;
    argv[0] = HEADGATE_BINARY;
    for (char *at = line; *at != '\0' && count < ARGS_MAX - 1;) {
        at += strspn(at, " ");
        if (*at == '\0') {
            break;
        }
        char end = *at == '\'' ? '\'' : ' ';
        at += end == '\'';
        argv[count++] = at;
        at += strcspn(at, end == '\'' ? "'" : " ");
        if (*at != '\0') {
            *at++ = '\0';
        }
    }
    argv[count] = NULL;
}

static const char *const *environment(void)
{
    static char server[128];
    static const char *const none[] = {"HEADGATE_SERVER", "HEADGATE_FLEET", "HEADGATE_INSTANCE",
                                       "HEADGATE_FENCE",  "NOTIFY_SOCKET",  NULL};
    static const char *const some[] = {server,           "HEADGATE_FLEET", "HEADGATE_INSTANCE",
                                       "HEADGATE_FENCE", "NOTIFY_SOCKET",  NULL};
    snprintf(server, sizeof(server), "HEADGATE_SERVER=%s", gate.base);
    return gate.base[0] == '\0' ? none : some;
}

/* Runs "headgate LINE"; what it printed is in `result` until the next run. Returns the exit code. */
static int run(const char *format, ...)
{
    char line[1024];
    const char *argv[ARGS_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    split(line, argv);
    process_result_finish(&result);
    process_run(argv, environment(), &result);
    return result.code;
}

#define ck_run(wanted, ...)                                                                                  \
    do {                                                                                                     \
        int code_ = run(__VA_ARGS__);                                                                        \
        ck_assert_msg(code_ == (wanted), "exit %d\nstdout: %s\nstderr: %s", code_, result.out, result.err);  \
    } while (0)
#define ck_says(text, part)                                                                                  \
    ck_assert_msg(strstr((text), (part)) != NULL, "'%s' is not in: %s", (part), (text))

/* What a --json run printed: one object, nothing else. */
static json_t *parsed(void)
{
    json_error_t error;
    json_t *json = json_loads(result.out, 0, &error);
    ck_assert_msg(json_is_object(json), "%s: %s", error.text, result.out);
    ck_assert_str_eq(result.err, "");
    return json;
}

static void ck_member(const char *name, const char *wanted)
{
    json_t *json = parsed();
    const char *text = json_string_value(json_object_get(json, name));
    ck_assert_msg(text != NULL && strcmp(text, wanted) == 0, "%s: %s", name, result.out);
    json_decref(json);
}

START_TEST(test_every_command_has_help)
{
    ck_run(0, "--help");
    char *list = strdup(result.out), *rest = NULL;
    size_t count = 0;
    for (char *line = strtok_r(list, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char name[32], usage[64];
        if (sscanf(line, "  %31[a-z] ", name) != 1 || strncmp(line, "  ", 2) != 0 || line[2] == ' ') {
            continue;
        }
        ck_run(0, "%s --help", name);
        snprintf(usage, sizeof(usage), "usage: headgate %s", name);
        ck_says(result.out, usage);
        ck_assert_str_eq(result.err, "");
        ck_run(64, "%s --no-such-option", name);
        ck_assert_str_eq(result.out, "");
        ck_says(result.err, "no-such-option");
        count++;
    }
    free(list);
    ck_assert_uint_ge(count, 13);
    ck_run(64, "nonsense");
    ck_says(result.err, "there is no command 'nonsense'");
}
END_TEST

START_TEST(test_mistakes_are_said)
{
    static const struct {
        const char *line;
        const char *said;
    } cases[] = {
        {"acquire", "--fleet FLEET is missing"},
        {"acquire --fleet web --timeout soon", "--timeout takes a time such as"},
        {"acquire --fleet web --on-unreachable hope", "wait, proceed or fail, not 'hope'"},
        {"acquire --fleet web extra", "unexpected argument extra"},
        {"acquire --fleet web --server ftp://a", "--server 'ftp://a' is no list of controllers"},
        {"acquire --fleet Web --instance a --no-wait", "'Web' is no fleet's name"},
        {"acquire --fleet web --instance a/b --no-wait", "'a/b' is no instance's name"},
        {"complete --fleet web --outcome fine", "recovered or failed, not 'fine'"},
        {"complete --fleet web --failed --outcome recovered", "--failed contradicts"},
        {"complete --fleet web --reason x", "--reason goes with --failed"},
        {"complete --fleet web --fence -1", "--fence takes a number"},
        {"limit db --reason x", "there is nothing to change"},
        {"limit db --rate 5", "--reason TEXT is missing"},
        {"limit --rate 5 --reason x", "something is missing"},
        {"limit db --rate -1 --reason x", "--rate takes a number"},
        {"block db --reason ' '", "--reason is empty"},
        {"block db --reason x --ttl 10ms", "--ttl is at least 1s"},
        {"pause db/x --reason x", "is no name of a dependency or fleet"},
        {"pause cache --reason x", "is a fleet and a dependency"},
        {"pause cache --reason x --kind door", "--kind takes fleet or dependency"},
        {"release", "name one dependency"},
        {"release --fleet web", "name instances, or --all"},
        {"release --fleet web --all a", "name instances, or --all"},
        {"status --instance a", "--instance needs --fleet"},
        {"status --watch --fleet web --instance a", "--watch shows fleets"},
        {"completion csh", "for bash only"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_run(64, "%s", cases[i].line);
        ck_says(result.err, cases[i].said);
        ck_assert_str_eq(result.out, "");
    }
}
END_TEST

START_TEST(test_names_that_are_not_known)
{
    static const char *const fleets[] = {"acquire --fleet wbe --instance a",
                                         "complete --fleet wbe --instance a",
                                         "status --fleet wbe",
                                         "status --fleet wbe --instance a",
                                         "release --fleet wbe a",
                                         "release --fleet wbe --all"};
    for (size_t i = 0; i < sizeof(fleets) / sizeof(fleets[0]); i++) {
        ck_run(68, "%s", fleets[i]);
        ck_says(result.err, "there is no fleet 'wbe'; there are: web, brief, cache");
        ck_assert_str_eq(result.out, "");
    }
    ck_run(68, "limit bd --rate 1 --reason x");
    ck_says(result.err, "there is no dependency 'bd'; there are: db, cache");
    ck_run(68, "release bd");
    ck_run(68, "pause bd --reason x");
    ck_says(result.err, "dependencies: db, cache; fleets: web, brief, cache");
    ck_run(68, "complete --fleet web --instance a");
    ck_says(result.err, "web/a holds no permit");
    ck_run(68, "release --fleet web a");
    ck_says(result.err, "web/a is not in quarantine");
}
END_TEST

START_TEST(test_acquire_and_complete)
{
    long long fence = 0, attempt = 0, lease_ms = 0;
    ck_run(0, "acquire --fleet web --instance a");
    ck_assert_int_eq(sscanf(result.out,
                            "HEADGATE_FENCE=%lld\nHEADGATE_ATTEMPT=%lld\nHEADGATE_LEASE_MS=%lld\n", &fence,
                            &attempt, &lease_ms),
                     3);
    ck_assert_int_gt(fence, 0);
    ck_assert_int_eq(attempt, 1);
    ck_assert_int_gt(lease_ms, 50000);
    ck_assert_str_eq(result.err, "");

    ck_run(75, "acquire --fleet web --instance b --no-wait");
    ck_assert_str_eq(result.out, "");
    ck_says(result.err, "headgate acquire: not yet: ");
    ck_run(75, "acquire --fleet web --instance b --timeout 300ms");
    ck_says(result.err, "its place is kept");
    ck_run(0, "acquire --fleet web --instance c --priority");
    ck_run(0, "complete --fleet web --instance c");

    ck_run(75, "complete --fleet web --instance a --fence %lld", fence + 1);
    ck_run(0, "complete --fleet web --instance a --fence %lld", fence);
    ck_assert_str_eq(result.out, "web/a: recovered\n");
    ck_run(0, "complete --fleet web --instance a");
    ck_assert_str_eq(result.out, "web/a: recovered, as was said before\n");

    ck_run(0, "acquire --fleet web --instance b --timeout 10s");
    ck_run(0, "complete --fleet web --instance b --failed --reason 'schema mismatch'");
    ck_says(result.out, "web/b: failed; it may ask again in");
    ck_run(0, "status --fleet web --instance b");
    ck_says(result.out, "It failed last with: schema mismatch");
    ck_run(75, "acquire --fleet web --instance b --no-wait");
    ck_says(result.err, "its backoff lasts another");
}
END_TEST

START_TEST(test_acquire_waits_for_its_turn)
{
    struct process waiting;
    char line[] = "acquire --fleet web --instance b";
    const char *argv[ARGS_MAX];
    ck_run(0, "acquire --fleet web --instance a");
    split(line, argv);
    ck_assert_int_eq(process_start(&waiting, argv, environment()), 0);
    int64_t deadline_ms = server_now_ms() + DEADLINE_MS;
    bool seen = false;
    while (!seen) {
        ck_assert_int_lt(server_now_ms(), deadline_ms);
        char *said = process_output(&waiting, true);
        seen = strstr(said, "web/b waiting: ") != NULL;
        free(said);
    }
    ck_run(0, "complete --fleet web --instance a");
    struct process_result granted;
    process_wait(&waiting, DEADLINE_MS, &granted);
    ck_assert_int_eq(granted.code, 0);
    ck_assert_int_eq(strncmp(granted.out, "HEADGATE_FENCE=", 15), 0);
    process_result_finish(&granted);
}
END_TEST

START_TEST(test_what_run_sets_for_its_command)
{
    char line[] = "complete", instance[] = "HEADGATE_INSTANCE=a", server[128], fence[64];
    const char *argv[ARGS_MAX];
    long long number = 0;
    snprintf(server, sizeof(server), "HEADGATE_SERVER=%s", gate.base);
    ck_run(0, "acquire --fleet web --instance a");
    ck_assert_int_eq(sscanf(result.out, "HEADGATE_FENCE=%lld", &number), 1);
    snprintf(fence, sizeof(fence), "HEADGATE_FENCE=%lld", number + 1);
    const char *wrong[] = {server, "HEADGATE_FLEET=web", instance, fence, NULL};
    split(line, argv);
    process_result_finish(&result);
    process_run(argv, wrong, &result);
    ck_assert_int_eq(result.code, 75);
    snprintf(fence, sizeof(fence), "HEADGATE_FENCE=%lld", number);
    process_result_finish(&result);
    process_run(argv, wrong, &result);
    ck_assert_msg(result.code == 0, "%s", result.err);
    ck_assert_str_eq(result.out, "web/a: recovered\n");
}
END_TEST

START_TEST(test_quarantine_and_release)
{
    ck_run(0, "acquire --fleet brief --instance a");
    ck_run(0, "complete --fleet brief --instance a --failed --reason 'disk full'");
    ck_run(77, "acquire --fleet brief --instance a --timeout 10s");
    ck_says(result.err, "brief/a is quarantined: it failed too often, last with: disk full");
    ck_says(result.err, "headgate release --fleet brief a");
    ck_run(0, "status --fleet brief --instance a");
    ck_says(result.out, "brief/a is quarantined since");
    ck_says(result.out, "after 1 failed attempt.");
    ck_run(0, "release --fleet brief a");
    ck_assert_str_eq(result.out, "brief/a: released\n");
    ck_run(0, "acquire --fleet brief --instance a --timeout 10s");
    ck_run(0, "complete --fleet brief --instance a --failed --reason again");
    ck_run(77, "acquire --fleet brief --instance a --timeout 10s --json");
    ck_says(result.out, "\"state\":\"quarantined\"");
    ck_run(0, "release --fleet brief --all --json");
    json_t *json = parsed();
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(json, "released"), 0)), "a");
    json_decref(json);
    ck_run(0, "release --fleet brief --all");
    ck_says(result.out, "nobody is in quarantine");
}
END_TEST

START_TEST(test_status)
{
    ck_run(0, "acquire --fleet web --instance a");
    ck_run(75, "acquire --fleet web --instance b --no-wait");
    int64_t deadline_ms = server_now_ms() + DEADLINE_MS;
    do { /* the picture is as old as the leader's last tick */
        ck_assert_int_lt(server_now_ms(), deadline_ms);
        ck_run(0, "status");
    } while (strstr(result.out, "steady") == NULL);
    static const char *const wanted[] = {"headgate 0.1.0 on ",
                                         "store memory: is up",
                                         "\nshop  generation 1, led by ",
                                         "DEPENDENCY",
                                         "\ndb ",
                                         "\ncache ",
                                         "FLEET",
                                         "\nweb ",
                                         "\nbrief "};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        ck_says(result.out, wanted[i]);
    }
    ck_assert_ptr_null(strchr(result.out, '\033'));
    ck_run(0, "status --fleet brief");
    ck_says(result.out, "\nbrief ");
    ck_assert_ptr_null(strstr(result.out, "\nweb "));

    ck_run(0, "status --fleet web --instance a");
    ck_says(result.out, "web/a holds a permit (attempt 1, fence ");
    ck_run(0, "status --fleet web --instance b");
    ck_says(result.out, "web/b waits for its permit (attempt 1)");
    ck_says(result.out, "db is ");
    ck_run(0, "status --fleet web --instance nobody");
    ck_says(result.out, "web/nobody has never asked for a permit");
}
END_TEST

START_TEST(test_watch_goes_on)
{
    struct process watch;
    struct process_result seen;
    char line[] = "status --watch --json";
    const char *argv[ARGS_MAX];
    split(line, argv);
    ck_assert_int_eq(process_start(&watch, argv, environment()), 0);
    int64_t deadline_ms = server_now_ms() + DEADLINE_MS;
    size_t lines = 0;
    while (lines < 2) {
        ck_assert_int_lt(server_now_ms(), deadline_ms);
        char *text = process_output(&watch, false);
        lines = 0;
        for (char *at = strchr(text, '\n'); at != NULL; at = strchr(at + 1, '\n')) {
            lines++;
        }
        free(text);
    }
    process_signal(&watch, SIGINT);
    process_wait(&watch, DEADLINE_MS, &seen);
    ck_assert_int_eq(seen.code, 128 + SIGINT);
    *strchr(seen.out, '\n') = '\0';
    json_t *json = json_loads(seen.out, 0, NULL);
    ck_assert(json_is_array(json_object_get(json, "policies")));
    json_decref(json);
    process_result_finish(&seen);
}
END_TEST

static void wait_for_phase(const char *name, const char *phase)
{
    char wanted[128];
    int64_t deadline_ms = server_now_ms() + DEADLINE_MS;
    snprintf(wanted, sizeof(wanted), "  %s is %s: ", name, phase);
    do {
        ck_run(0, "status");
        ck_assert_msg(server_now_ms() < deadline_ms, "no '%s' in %s", wanted, result.out);
    } while (strstr(result.out, wanted) == NULL);
}

START_TEST(test_operating)
{
    ck_run(0, "limit db --rate 2.5 --in-flight 2 --ttl 10m --reason 'replica is rebuilding'");
    ck_says(result.out, "db is limited to 2.5 a second, 2 in flight (replica is rebuilding). Until ");
    ck_says(result.out, "(10 min).");
    ck_run(0, "pause --reason 'bad image' web --ttl 30s");
    ck_says(result.out, "web is paused: within a second nobody but --priority is granted (bad image). Until ");
    ck_says(result.out, "or headgate resume web.");
    int64_t deadline_ms = server_now_ms() + DEADLINE_MS;
    do {
        ck_assert_int_lt(server_now_ms(), deadline_ms);
        ck_run(0, "status --fleet web");
    } while (strstr(result.out, "paused") == NULL || strstr(result.out, " 2.5 ") == NULL);
    ck_run(75, "acquire --fleet web --instance a --no-wait");
    ck_says(result.err, "paused by an operator");
    ck_run(0, "resume web");
    ck_run(0, "acquire --fleet web --instance a --timeout 15s");

    ck_run(0, "block db --reason failover");
    ck_says(result.out, "db is blocked: within a second nobody but --priority is granted (failover). Until headgate release db.");
    wait_for_phase("db", "blocked");
    ck_says(result.out, "operator: failover"); /* not the reason of the limit that is in force, too */
    ck_run(0, "release db");
    ck_assert_str_eq(result.out, "db is released.\n");
    ck_run(0, "pause cache --kind dependency --reason x");
    ck_says(result.out, "headgate resume --kind dependency cache.");
    wait_for_phase("cache", "paused");
    ck_run(0, "resume cache --kind dependency");
}
END_TEST

START_TEST(test_json_everywhere)
{
    static const char *const lines[] = {"version --json",
                                        "status --json",
                                        "status --fleet web --json",
                                        "status --fleet web --instance a --json",
                                        "pause web --reason x --json",
                                        "resume web --json",
                                        "limit db --burst 3 --reason x --json",
                                        "block db --reason x --json",
                                        "release db --json",
                                        "release --fleet brief --all --json"};
    ck_run(0, "acquire --fleet web --instance a --json");
    ck_member("state", "granted");
    ck_run(0, "complete --fleet web --instance a --json");
    ck_member("state", "recovered");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        ck_run(0, "%s", lines[i]);
        json_decref(parsed());
    }
    ck_run(0, "status --json");
    json_t *json = parsed();
    ck_assert(json_is_array(json_object_get(json, "recoveries")));
    json_decref(json);
    ck_run(0, "acquire --fleet web --instance b --json --timeout 15s --priority");
    ck_run(75, "acquire --fleet web --instance c --json --no-wait");
    json = json_loads(result.out, 0, NULL);
    ck_assert_ptr_nonnull(json_string_value(json_object_get(json, "ticket")));
    json_decref(json);
}
END_TEST

START_TEST(test_no_server)
{
    static const char *const lines[] = {"status",
                                        "acquire --fleet web --instance a --no-wait",
                                        "acquire --fleet web --instance a --timeout 300ms",
                                        "acquire --fleet web --on-unreachable fail --unreachable-after 0ms",
                                        "complete --fleet web --instance a --timeout 300ms",
                                        "pause web --reason x",
                                        "resume web",
                                        "block db --reason x",
                                        "release db",
                                        "limit db --rate 1 --reason x",
                                        "release --fleet web a",
                                        "status --fleet web --instance a"};
    int port = server_free_port();
    char wanted[128];
    gate.base[0] = '\0';
    snprintf(wanted, sizeof(wanted), "no controller answers: http://127.0.0.1:%d: Connection refused", port);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        ck_run(69, "%s --server http://127.0.0.1:%d", lines[i], port);
        ck_says(result.err, wanted);
        ck_assert_str_eq(result.out, "");
    }
}
END_TEST

START_TEST(test_proceeding_without_a_controller)
{
    int port = server_free_port();
    ck_run(0,
           "acquire --fleet web --instance a --on-unreachable proceed --unreachable-after 100ms "
           "--server 127.0.0.1:%d",
           port);
    ck_assert_str_eq(result.out, "HEADGATE_FENCE=0\nHEADGATE_ATTEMPT=0\nHEADGATE_LEASE_MS=0\n");
    ck_says(result.err, "going on without a permit");
}
END_TEST

START_TEST(test_a_stranger_at_the_address)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>welcome</html>";
    struct server server;
    canned_start(&server, answer, strlen(answer));
    ck_run(76, "status --server http://127.0.0.1:%d", server.port);
    ck_says(result.err, "is the address right?");
    ck_run(76, "acquire --fleet web --instance a --no-wait --server http://127.0.0.1:%d", server.port);
    server_stop(&server);
}
END_TEST

START_TEST(test_the_service_manager_hears_of_it)
{
    char directory[200], socket_name[300], text[1024] = "";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    server_make_directory(directory, sizeof(directory));
    snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/notify", directory);
    snprintf(socket_name, sizeof(socket_name), "NOTIFY_SOCKET=%s", address.sun_path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = DEADLINE_MS / 1000};
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    char server[128], line[] = "acquire --fleet web --instance b --timeout 300ms";
    snprintf(server, sizeof(server), "HEADGATE_SERVER=%s", gate.base);
    const char *argv[ARGS_MAX], *variables[] = {server, socket_name, NULL};
    ck_run(0, "acquire --fleet web --instance a");
    split(line, argv);
    process_result_finish(&result);
    process_run(argv, variables, &result);
    ck_assert_int_eq(result.code, 75);
    ck_assert_int_gt(recv(fd, text, sizeof(text) - 1, 0), 0);
    ck_assert_msg(strncmp(text, "STATUS=waiting: ", 16) == 0, "%s", text);
    ck_says(text, "\nEXTEND_TIMEOUT_USEC=");
    ck_assert_int_ge(strtoll(strstr(text, "USEC=") + 5, NULL, 10), 30000000);
    close(fd);
    server_remove_directory(directory);
}
END_TEST

START_TEST(test_completion_for_bash)
{
    ck_run(0, "completion bash");
    ck_says(result.out, "complete -o filenames -F _headgate headgate");
    char script[4096], *text = result.out;
    snprintf(script, sizeof(script),
             "%s\nCOMP_WORDS=('%s' re); COMP_CWORD=1; _headgate; echo \"${COMPREPLY[*]}\"\n"
             "COMP_WORDS=('%s' limit --r); COMP_CWORD=2; _headgate; echo \"${COMPREPLY[*]}\"\n",
             text, HEADGATE_BINARY, HEADGATE_BINARY);
    const char *argv[] = {"/bin/bash", "-c", script, NULL};
    process_result_finish(&result);
    process_run(argv, NULL, &result);
    ck_assert_int_eq(result.code, 0);
    ck_says(result.out, "release");
    ck_says(result.out, "resume");
    ck_says(result.out, "\n--rate --reason\n");
    ck_assert_str_eq(result.err, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli");
    TCase *with = tcase_create("with a controller"), *without = tcase_create("without");
    tcase_set_timeout(with, 60);
    tcase_set_timeout(without, 60);
    tcase_add_checked_fixture(with, setup, teardown);
    tcase_add_test(with, test_mistakes_are_said);
    tcase_add_test(with, test_names_that_are_not_known);
    tcase_add_test(with, test_acquire_and_complete);
    tcase_add_test(with, test_acquire_waits_for_its_turn);
    tcase_add_test(with, test_what_run_sets_for_its_command);
    tcase_add_test(with, test_quarantine_and_release);
    tcase_add_test(with, test_status);
    tcase_add_test(with, test_watch_goes_on);
    tcase_add_test(with, test_operating);
    tcase_add_test(with, test_json_everywhere);
    tcase_add_test(with, test_the_service_manager_hears_of_it);
    tcase_add_test(without, test_every_command_has_help);
    tcase_add_test(without, test_no_server);
    tcase_add_test(without, test_proceeding_without_a_controller);
    tcase_add_test(without, test_a_stranger_at_the_address);
    tcase_add_test(without, test_completion_for_bash);
    suite_add_tcase(suite, with);
    suite_add_tcase(suite, without);
    return run_suite(suite);
}
