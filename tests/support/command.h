/* `headgate run` and `headgate relaunch` for tests: the real binary, its output in a file that the test
 * watches.
 *
 * The story of one command: command_start() runs it in a scratch directory that it shares with the test,
 * command_wait_said() waits with a deadline until its output has what the test expects, command_wait() until
 * it has ended. */
#ifndef TESTS_SUPPORT_COMMAND_H
#define TESTS_SUPPORT_COMMAND_H

#include "server.h"

#define COMMAND_WAIT_MS 60000

struct command {
    struct server process;
    char log[300];
};

/* argv without the program, up to a NULL. */
void command_start(struct command *command, const char *directory, const char *const *argv);
/* Its exit code, 128 + n for a signal; the test ends with its output on stderr when it does not end in time.
 */
int command_wait(struct command *command);
/* Starts it and waits. */
int command_run(struct command *command, const char *directory, const char *const *argv);
/* Ends it, whatever it does; harmless when it has ended. */
void command_stop(struct command *command);

bool command_said(const struct command *command, const char *words);
int command_count_said(const struct command *command, const char *words);
/* Waits until it has said `words`; the test ends with its output on stderr when it does not in time. */
void command_wait_said(const struct command *command, const char *words);

/* Files of the scratch directory. */
void file_touch(const char *directory, const char *name);
/* How many lines it has; 0 when it is not there. */
int file_count_lines(const char *directory, const char *name);
/* How many of its lines are `line`. */
int file_count(const char *directory, const char *name, const char *line);
/* Waits until it has that many; the test ends when it does not in time. */
void file_wait_lines(const char *directory, const char *name, int count);

#endif
