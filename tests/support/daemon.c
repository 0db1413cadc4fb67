#include "daemon.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_SIZE 4096
#define LOOK_MS   10

void daemon_write_policy(const struct daemon_process *daemon, const char *text)
{
    char beside[320];
    snprintf(beside, sizeof(beside), "%s.new", daemon->policy);
    FILE *file = fopen(beside, "we");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0 || rename(beside, daemon->policy) != 0) {
        perror(daemon->policy);
        abort();
    }
}

/* The address of the newest "listen" line that lies beyond `from`. */
static bool find_address(const struct daemon_process *daemon, long from, char *ret_address, size_t size)
{
    char line[LINE_SIZE];
    bool found = false;
    FILE *file = fopen(daemon->log, "re");
    if (file == NULL) {
        return false;
    }
    (void)fseek(file, from, SEEK_SET);
    while (fgets(line, sizeof(line), file) != NULL) {
        const char *at = strstr(line, " address=");
        if (at != NULL && strstr(line, "event=listen") != NULL && strchr(line, '\n') != NULL) {
            at += strlen(" address=");
            snprintf(ret_address, size, "%.*s", (int)strcspn(at, " \n"), at);
            found = true;
        }
    }
    fclose(file);
    return found;
}

static long log_size(const struct daemon_process *daemon)
{
    struct stat info;
    return stat(daemon->log, &info) == 0 ? (long)info.st_size : 0;
}

static int run(struct daemon_process *daemon, const struct daemon_setup *setup, const char *listen)
{
    long from = log_size(daemon);
    const char *argv[12] = {HEADGATE_BINARY, "serve", "--policies", daemon->policy, "--listen", listen};
    size_t count = 6;
    if (setup->store != NULL) {
        argv[count++] = "--store";
        argv[count++] = setup->store;
    }
    if (!setup->old_store) {
        argv[count++] = "--new-store";
    }
    argv[count] = NULL;
    if (server_start_logged(&daemon->server, argv, 0, daemon->log) != 0) {
        return -1;
    }
    char address[280] = "";
    int64_t deadline_ms = server_now_ms() + SERVER_START_TIMEOUT_MS;
    while (!find_address(daemon, from, address, sizeof(address))) {
        int status;
        if (waitpid(daemon->server.pid, &status, WNOHANG) == daemon->server.pid) {
            daemon->server.pid = 0;
        }
        if (daemon->server.pid == 0 || server_now_ms() >= deadline_ms) {
            daemon_show_log(daemon);
            return -1;
        }
        server_pause(LOOK_MS);
    }
    snprintf(daemon->base, sizeof(daemon->base), "%s%s", strncmp(address, "unix:", 5) == 0 ? "" : "http://",
             address);
    const char *colon = strrchr(address, ':');
    daemon->server.port = colon == NULL ? 0 : (int)strtol(colon + 1, NULL, 10);
    if (!setup->not_ready && !daemon_wait_ready(daemon, DAEMON_READY_MS)) {
        fprintf(stderr, "headgate serve was not ready in time:\n");
        daemon_show_log(daemon);
        return -1;
    }
    return 0;
}

int daemon_start(struct daemon_process *daemon, const struct daemon_setup *setup)
{
    *daemon = (struct daemon_process){0};
    server_make_directory(daemon->directory, sizeof(daemon->directory));
    snprintf(daemon->policy, sizeof(daemon->policy), "%s/policy.json", daemon->directory);
    snprintf(daemon->log, sizeof(daemon->log), "%s/log", daemon->directory);
    daemon_write_policy(daemon, setup->policy);
    return run(daemon, setup, setup->listen == NULL ? "127.0.0.1:0" : setup->listen);
}

int daemon_restart(struct daemon_process *daemon, const struct daemon_setup *setup)
{
    char listen[320];
    bool is_unix = strncmp(daemon->base, "unix:", 5) == 0;
    snprintf(listen, sizeof(listen), "%s", is_unix ? daemon->base : daemon->base + strlen("http://"));
    return run(daemon, setup, listen);
}

bool daemon_wait_ready(const struct daemon_process *daemon, int timeout_ms)
{
    int64_t deadline_ms = server_now_ms() + timeout_ms;
    while (server_now_ms() < deadline_ms) {
        struct http_answer answer = daemon_ask(daemon, "GET", "/readyz", NULL);
        bool ready = answer.status == 200;
        http_finish(&answer);
        if (ready) {
            return true;
        }
        server_pause(LOOK_MS);
    }
    return false;
}

void daemon_stop(struct daemon_process *daemon)
{
    server_stop(&daemon->server);
}

void daemon_kill(struct daemon_process *daemon)
{
    server_signal(&daemon->server, SIGKILL);
    (void)server_wait(&daemon->server, SERVER_START_TIMEOUT_MS);
}

/* Under the sanitizers a controller tells in its log what it did wrong, at the latest when it ends. */
static void check_sanitizers(const struct daemon_process *daemon)
{
    static const char *const words[][2] = {{"Sanitizer: ", NULL}, {"runtime error: ", NULL}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (daemon_logged(daemon, words[i])) {
            daemon_show_log(daemon);
            abort();
        }
    }
}

void daemon_finish(struct daemon_process *daemon)
{
    daemon_stop(daemon);
    check_sanitizers(daemon);
    if (daemon->directory[0] != '\0') {
        server_remove_directory(daemon->directory);
    }
    *daemon = (struct daemon_process){0};
}

struct http_answer daemon_ask(const struct daemon_process *daemon, const char *method, const char *path,
                              const char *body)
{
    return http_ask(daemon->base, method, path, body);
}

struct http_answer daemon_put(const struct daemon_process *daemon, const char *fleet, const char *instance,
                              const char *body)
{
    char path[300];
    snprintf(path, sizeof(path), "/v1/fleets/%s/instances/%s/permit", fleet, instance);
    return daemon_ask(daemon, "PUT", path, body);
}

struct http_answer daemon_post(const struct daemon_process *daemon, const char *fleet, const char *instance,
                               const char *verb, const char *body)
{
    char path[300];
    snprintf(path, sizeof(path), "/v1/fleets/%s/instances/%s/permit:%s", fleet, instance, verb);
    return daemon_ask(daemon, "POST", path, body);
}

bool daemon_wait_text(const struct daemon_process *daemon, const char *path, const char *pointer,
                      const char *wanted, int timeout_ms)
{
    int64_t deadline_ms = server_now_ms() + timeout_ms;
    bool found = false;
    while (!found && server_now_ms() < deadline_ms) {
        struct http_answer answer = daemon_ask(daemon, "GET", path, NULL);
        found = strcmp(http_text(&answer, pointer), wanted) == 0;
        http_finish(&answer);
        server_pause(LOOK_MS);
    }
    return found;
}

bool daemon_wait_int(const struct daemon_process *daemon, const char *path, const char *pointer,
                     int64_t wanted, int timeout_ms)
{
    int64_t deadline_ms = server_now_ms() + timeout_ms;
    bool found = false;
    while (!found && server_now_ms() < deadline_ms) {
        struct http_answer answer = daemon_ask(daemon, "GET", path, NULL);
        found = http_int(&answer, pointer) == wanted;
        http_finish(&answer);
        server_pause(LOOK_MS);
    }
    return found;
}

double daemon_metric(const struct daemon_process *daemon, const char *sample)
{
    struct http_answer answer = daemon_ask(daemon, "GET", "/metrics", NULL);
    double value = NAN;
    size_t size = strlen(sample);
    for (const char *line = answer.body; line != NULL && *line != '\0';) {
        if (strncmp(line, sample, size) == 0 && line[size] == ' ') {
            value = strtod(line + size, NULL);
        }
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    http_finish(&answer);
    return value;
}

bool daemon_logged(const struct daemon_process *daemon, const char *const *words)
{
    char line[LINE_SIZE];
    bool found = false;
    FILE *file = fopen(daemon->log, "re");
    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
        found = true;
        for (size_t i = 0; words[i] != NULL; i++) {
            found = found && strstr(line, words[i]) != NULL;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

bool daemon_wait_logged(const struct daemon_process *daemon, const char *const *words, int timeout_ms)
{
    int64_t deadline_ms = server_now_ms() + timeout_ms;
    while (!daemon_logged(daemon, words)) {
        if (server_now_ms() >= deadline_ms) {
            return false;
        }
        server_pause(LOOK_MS);
    }
    return true;
}

void daemon_show_log(const struct daemon_process *daemon)
{
    char line[LINE_SIZE];
    FILE *file = fopen(daemon->log, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        fputs(line, stderr);
    }
    if (file != NULL) {
        fclose(file);
    }
}

int64_t process_cpu_us(pid_t pid)
{
    char path[64], text[1024] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    bool read = file != NULL && fgets(text, sizeof(text), file) != NULL;
    if (file != NULL) {
        fclose(file);
    }
    /* Behind the name in parentheses: state is field 3, utime 14, stime 15. */
    const char *at = read ? strrchr(text, ')') : NULL;
    unsigned long user = 0, system = 0;
    if (at == NULL ||
        sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) {
        return -1;
    }
    return (int64_t)(user + system) * 1000000 / sysconf(_SC_CLK_TCK);
}

int64_t process_rss_bytes(pid_t pid)
{
    char path[64], line[256];
    long long kilobytes = -1;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        (void)sscanf(line, "RssAnon: %lld kB", &kilobytes);
    }
    if (file != NULL) {
        fclose(file);
    }
    return kilobytes < 0 ? -1 : kilobytes * 1024;
}
