/* The daemon: `headgate serve`.
 *
 * The story of one process: daemon_run() reads the policies (nothing starts with a bad one), opens the store,
 * listens, and turns the loop until SIGTERM or SIGINT; SIGHUP or a changed file reloads the policies, all of
 * them or none. */
#ifndef HOST_DAEMON_H
#define HOST_DAEMON_H

#include <stdbool.h>
#include <stddef.h>

#define DAEMON_LISTEN_DEFAULT "127.0.0.1:7070"
#define DAEMON_STORE_DEFAULT  "memory:"

struct daemon_options {
    const char *const *policies; /* files and directories, as hg_policy_set_load() takes them */
    size_t policy_count;
    const char *listen;        /* "HOST:PORT" on loopback, or "unix:/path" */
    const char *store;         /* "memory:", "memory:DIR", "redis://..." */
    bool json_log;             /* JSON lines instead of logfmt */
    const char *controller_id; /* NULL: made from the host's name and the pid */
    bool new_store; /* the operator says that nothing is in flight: an empty store is trusted at once */
};

/* Runs until a signal ends it. Returns the process's exit code; what went wrong is said on stderr. */
int daemon_run(const struct daemon_options *options) __attribute__((warn_unused_result));

#endif
