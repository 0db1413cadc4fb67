/* Starting a command.
 *
 * The story of one command: child_spawn() forks, the child takes its descriptors, group, signal mask and
 * environment and becomes the command; whether that worked comes back over a pipe that closes when it did, so
 * "no such file" is known before anybody waits. Its end is told by signals.h. */
#ifndef LAUNCH_CHILD_H
#define LAUNCH_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#define CHILD_KEPT_MAX 256

/* Descriptors that were handed to us, as a service manager does: the command gets them, and none of ours.
 * Libraries do not mark all of theirs to be closed. */
struct child_kept {
    unsigned fds[CHILD_KEPT_MAX]; /* above 2, ascending */
    size_t count;
};

/* Those that are open and would outlive an exec; to be called before any is opened. */
void child_find_kept(struct child_kept *ret_kept);

struct child_options {
    char *const *argv; /* argv[0] is looked for on PATH */
    char *const *env;  /* the whole environment */
    const sigset_t *mask;
    int input; /* descriptors; -1: inherited */
    int output;
    int error;
    bool own_session;              /* out of the terminal's reach, in a process group of its own */
    int parent_death_signal;       /* sent when we die; 0: none */
    const struct child_kept *kept; /* descriptors above 2 that it gets; NULL: none */
    const struct rlimit *files;    /* its RLIMIT_NOFILE; NULL: ours */
};

/* 0, or the negative errno of why it did not start. */
int child_spawn(const struct child_options *options, pid_t *ret_pid) __attribute__((warn_unused_result));

/* What a command learns of its permit. */
struct child_permit {
    const char *fleet;
    const char *instance;
    int64_t fence;   /* 0: none */
    int64_t attempt; /* from 1; 0: unknown */
    int64_t pid;     /* HEADGATE_PID, for the ready check; 0: not set */
};

/* Our environment with HEADGATE_FLEET, _INSTANCE, _FENCE, _ATTEMPT (and _PID) set. To be freed with
 * child_env_free(); NULL when out of memory. */
char **child_env_make(const struct child_permit *permit);
void child_env_free(char **env); /* NULL is fine */

/* Opens /dev/null for those of descriptors 0 to 2 that are closed, so that nothing else gets these numbers.
 */
void child_fill_standard(void);

/* Whether argv[0] can be found: 0, or ENOENT or EACCES as execvp() would say. */
int child_find(const char *program);

#endif
