/* `headgate serve` for tests: the real binary on a free port, with a policy written for the test.
 *
 * The story of one controller: daemon_start() writes the policy into a scratch directory, starts the program
 * with
 * --listen 127.0.0.1:0, reads the port from its log, waits until /readyz says 200 (or a deadline passes), and
 * daemon_stop() ends it by its pid. Its log stays until daemon_finish(), so a test may look at what it said.
 * Two controllers of one test share a policy directory and differ in their logs. */
#ifndef TESTS_SUPPORT_DAEMON_H
#define TESTS_SUPPORT_DAEMON_H

#include "http.h"
#include "server.h"

#define DAEMON_READY_MS 15000

struct daemon_process {
    struct server server;
    char directory[256];
    char policy[300]; /* the file */
    char log[300];
    char base[300]; /* "http://127.0.0.1:PORT" or "unix:/path" */
};

struct daemon_setup {
    const char *policy; /* text of the one policy file */
    const char *store;  /* --store; NULL: memory: */
    const char *listen; /* NULL: 127.0.0.1:0 */
    bool old_store;     /* without --new-store */
    bool not_ready;     /* do not wait for /readyz */
};

/* 0, or -1 with the log on stderr. `daemon` is filled in either case; daemon_finish() is due. */
int daemon_start(struct daemon_process *daemon, const struct daemon_setup *setup);
/* Starts it once more, on the same port and directory; the log goes on. */
int daemon_restart(struct daemon_process *daemon, const struct daemon_setup *setup);
bool daemon_wait_ready(const struct daemon_process *daemon, int timeout_ms);
void daemon_write_policy(const struct daemon_process *daemon, const char *text);
void daemon_stop(struct daemon_process *daemon);
void daemon_kill(struct daemon_process *daemon); /* SIGKILL, and waits */
void daemon_finish(struct daemon_process *daemon);

struct http_answer daemon_ask(const struct daemon_process *daemon, const char *method, const char *path,
                              const char *body);
/* PUT /v1/fleets/{fleet}/instances/{instance}/permit */
struct http_answer daemon_put(const struct daemon_process *daemon, const char *fleet, const char *instance,
                              const char *body);
/* POST .../permit:{verb} */
struct http_answer daemon_post(const struct daemon_process *daemon, const char *fleet, const char *instance,
                               const char *verb, const char *body);

/* Asks for `path` until the text at `pointer` is `wanted`, at most timeout_ms long. */
bool daemon_wait_text(const struct daemon_process *daemon, const char *path, const char *pointer,
                      const char *wanted, int timeout_ms);
bool daemon_wait_int(const struct daemon_process *daemon, const char *path, const char *pointer,
                     int64_t wanted, int timeout_ms);
/* A sample of /metrics by its whole name with labels; NAN if it is not there. */
double daemon_metric(const struct daemon_process *daemon, const char *sample);
/* Whether the log has a line with all of `words`, up to a NULL. */
bool daemon_logged(const struct daemon_process *daemon, const char *const *words);
bool daemon_wait_logged(const struct daemon_process *daemon, const char *const *words, int timeout_ms);
void daemon_show_log(const struct daemon_process *daemon);

/* utime + stime of a process, in microseconds; its anonymous resident memory, in bytes. -1: no such process.
 */
int64_t process_cpu_us(pid_t pid);
int64_t process_rss_bytes(pid_t pid);

#endif
