/* Commands for tests: run one, keep what it prints and how it ends.
 *
 * The story of one command: process_start() forks it with stdin from /dev/null and its output in scratch
 * files; process_wait() waits for it until a deadline, reads the files, and kills it by its pid when it has
 * not ended. */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define PROCESS_TIMEOUT_MS 20000

struct process {
    pid_t pid; /* 0: not running */
    FILE *out;
    FILE *err;
};

struct process_result {
    int code;  /* exit code; 128 + signal; -1 when it was killed at the deadline */
    char *out; /* NUL-terminated, owned */
    char *err;
};

/* argv up to a NULL; argv[0] a path. Environment entries "NAME=value" up to a NULL are added; "NAME" alone is
 * removed; NULL: none. 0 or -1. */
int process_start(struct process *process, const char *const *argv, const char *const *environment);
void process_signal(const struct process *process, int signal_number);
/* What it has printed so far; to be freed. */
char *process_output(const struct process *process, bool err);
void process_wait(struct process *process, int64_t timeout_ms, struct process_result *ret_result);
/* Both in one, with PROCESS_TIMEOUT_MS. */
void process_run(const char *const *argv, const char *const *environment, struct process_result *ret_result);
void process_result_finish(struct process_result *result);

#endif
