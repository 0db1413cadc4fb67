/* One instance behind the gate: `headgate run`.
 *
 * The story of one start: run_command() asks for the permit and asks again when told to (run_wait.c);
 * granted, it starts the command (run_child.c), renews the permit while the command gets ready, reports the
 * outcome once (run_report.c), and from then on is nothing but the command's parent: it passes signals on and
 * exits as the command did. Everything that is due has a time in `struct run` (run_internal.h), one timer
 * waits for the earliest, and run_pump() does what is due.
 *
 * A lost permit is said and never ends the command: a hiccup of the controller must not take down what works.
 */
#ifndef LAUNCH_RUN_H
#define LAUNCH_RUN_H

#include <stdbool.h>
#include <stdint.h>

#define RUN_UNREACHABLE_AFTER_US INT64_C(10000000)
#define RUN_READY_INTERVAL_US    INT64_C(1000000)

enum run_unreachable {
    RUN_UNREACHABLE_WAIT,
    RUN_UNREACHABLE_PROCEED,
    RUN_UNREACHABLE_FAIL,
    RUN_UNREACHABLE_COUNT
};

struct run_options {
    const char *servers;
    const char *fleet;
    const char *instance;
    const char *boot_id; /* NULL: a new one, so that every start is a life of its own */
    const char *ready;   /* a shell command; NULL: a one-shot, which has recovered when it exits with 0 */
    int64_t ready_interval_us;
    int64_t ready_timeout_us; /* 0: none */
    bool kill_unready;
    int64_t timeout_us; /* for the permit; 0: none */
    enum run_unreachable on_unreachable;
    int64_t unreachable_after_us;
    bool priority;
    char *const *argv;
    /* Tells the service manager (sd_notify) how it stands; NULL: nobody. `wait_us` is how much longer it may
     * be quiet, 0 when it waits no more. */
    void (*notify)(const char *status, int64_t wait_us);
};

/* The exit code: the command's own, 128 + n when a signal ended it; 126 or 127 when it could not be started;
 * else what headgate says of its own (64 usage, 68 no such fleet, 69 no controller, 75 not in time, 77
 * quarantined). */
int run_command(const struct run_options *options) __attribute__((warn_unused_result));

#endif
