/* The command, and whether it is ready. */
#include "launch/run_internal.h"

#include "host/clock.h"

#include "launch/child.h"
#include "launch/words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 126 or 127, as a shell would say. */
static void on_not_started(struct run *run, int error)
{
    char reason[64];
    run->child_status = (error == ENOENT ? 127 : 126) << 8;
    run_say(run, "%s: %s", run->options->argv[0], strerror(error));
    if (!run->has_permit) {
        run_end(run, words_exit_code(run->child_status));
        return;
    }
    snprintf(reason, sizeof(reason), "cannot start: %.40s", strerror(error));
    run->end_us = clock_monotonic_us() + RUN_REPORT_MAX_US;
    run_set_state(run, RUN_ENDED);
    run_resolve(run, RUN_FAILED, reason);
}

static char **make_env(const struct run *run)
{
    const struct child_permit permit = {.fleet = run->options->fleet,
                                        .instance = run->options->instance,
                                        .fence = run->fence,
                                        .attempt = run->attempt,
                                        .pid = run->child};
    return child_env_make(&permit);
}

void run_start(struct run *run)
{
    char **env = make_env(run);
    const struct child_options options = {.argv = run->options->argv,
                                          .env = env,
                                          .mask = &run->signals.before,
                                          .input = -1,
                                          .output = -1,
                                          .error = -1,
                                          .parent_death_signal = SIGTERM,
                                          .kept = &run->kept};
    int status = env == NULL ? -ENOMEM : child_spawn(&options, &run->child);
    child_env_free(env);
    if (status != 0) {
        on_not_started(run, -status);
        return;
    }
    run->spawned_us = clock_monotonic_us();
    run->check_us = run->options->ready != NULL ? run->spawned_us : RUN_NEVER_US;
    run->check_end_us = RUN_NEVER_US;
    if (run->options->ready != NULL && run->options->ready_timeout_us > 0) {
        run->unready_us = run->spawned_us + run->options->ready_timeout_us;
    }
    run_set_state(run, run->has_permit ? RUN_STARTING : RUN_UP);
}

/* In a session of its own, so that a check that hangs can be killed with all it started. */
static void start_check(struct run *run, int64_t now_us)
{
    char path[] = "/bin/sh", flag[] = "-c";
    char *command = strdup(run->options->ready);
    char *const argv[] = {path, flag, command, NULL};
    char **env = make_env(run);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const struct child_options options = {.argv = argv,
                                          .env = env,
                                          .mask = &run->signals.before,
                                          .input = null,
                                          .output = null,
                                          .error = null,
                                          .own_session = true,
                                          .parent_death_signal = SIGKILL};
    int status = env == NULL || command == NULL || null < 0 ? -ENOMEM : child_spawn(&options, &run->check);
    child_env_free(env);
    free(command);
    if (null >= 0) {
        close(null);
    }
    run->check_us = RUN_NEVER_US;
    run->check_end_us = now_us + RUN_CHECK_MAX_US;
    if (status != 0) {
        run->check = 0;
        run->check_us = now_us + run->options->ready_interval_us;
        run->check_end_us = RUN_NEVER_US;
    }
}

static void on_unready(struct run *run, int64_t now_us)
{
    char after[WORDS_MAX], last[WORDS_MAX], reason[64];
    words_duration(run->options->ready_timeout_us, after);
    snprintf(reason, sizeof(reason), "not ready after %s", after);
    run->unready_us = RUN_NEVER_US;
    run->check_us = RUN_NEVER_US;
    run_say(run, "not ready after %s (the last check: %s); %s", after, words_status(run->check_status, last),
            run->options->kill_unready ? "the command is stopped"
                                       : "reported as failed, the command goes on");
    if (run->options->kill_unready) {
        kill(run->child, SIGTERM);
        run->kill_us = now_us + RUN_KILL_US;
    }
    run_resolve(run, RUN_FAILED, reason);
}

static void kill_check(struct run *run)
{
    run->check_end_us = RUN_NEVER_US;
    if (run->check > 0) {
        kill(-run->check, SIGKILL);
    }
}

void run_child_pump(struct run *run, int64_t now_us)
{
    if (now_us >= run->kill_us && run->child > 0) {
        run->kill_us = RUN_NEVER_US;
        kill(run->child, SIGKILL);
    }
    if (run->state != RUN_STARTING || run->outcome != RUN_OPEN) {
        return;
    }
    if (now_us >= run->check_end_us) {
        kill_check(run);
    }
    if (now_us >= run->unready_us) {
        kill_check(run);
        on_unready(run, now_us);
    } else if (run->check == 0 && now_us >= run->check_us) {
        start_check(run, now_us);
    }
}

static void on_check_exit(struct run *run, int wait_status)
{
    run->check = 0;
    run->check_end_us = RUN_NEVER_US;
    run->check_status = wait_status;
    run->check_us = clock_monotonic_us() + run->options->ready_interval_us;
    if (run->state == RUN_STARTING && run->outcome == RUN_OPEN && wait_status == 0) {
        run_resolve(run, RUN_RECOVERED, "");
    }
}

static void on_child_exit(struct run *run, int wait_status)
{
    char how[WORDS_MAX], reason[64];
    run->child = 0;
    run->child_status = wait_status;
    run->end_us = clock_monotonic_us() + RUN_REPORT_MAX_US;
    kill_check(run);
    words_status(wait_status, how);
    if (run->state == RUN_UP) {
        run_end(run, words_exit_code(wait_status));
        return;
    }
    run_set_state(run, RUN_ENDED);
    if (run->outcome == RUN_OPEN && run->options->ready == NULL && wait_status == 0) {
        run_resolve(run, RUN_RECOVERED, "");
    } else if (run->outcome == RUN_OPEN) {
        snprintf(reason, sizeof(reason), "%s%s", how,
                 run->options->ready != NULL ? " before it was ready" : "");
        run_resolve(run, RUN_FAILED, reason);
    }
}

void run_on_exit(struct run *run, pid_t pid, int wait_status)
{
    if (pid == run->check) {
        on_check_exit(run, wait_status);
    } else if (pid == run->child) {
        on_child_exit(run, wait_status);
    }
}

int64_t run_child_due_us(const struct run *run)
{
    int64_t due_us = run->kill_us;
    if (run->outcome == RUN_OPEN) {
        due_us = run->check == 0 && run->check_us < due_us ? run->check_us : due_us;
        due_us = run->check_end_us < due_us ? run->check_end_us : due_us;
        due_us = run->unready_us < due_us ? run->unready_us : due_us;
    }
    return due_us;
}
