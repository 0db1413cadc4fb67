/* How launch writes numbers and times for people. */
#ifndef LAUNCH_WORDS_H
#define LAUNCH_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORDS_MAX 32 /* bytes that any of these takes, with its end */

/* "0.4 s", "12 s", "3 min 20 s", "1 h 05 min"; "?" for a negative one. Returns ret_text. */
char *words_duration(int64_t us, char ret_text[WORDS_MAX]);

/* "12,480". Returns ret_text. */
char *words_count(int64_t count, char ret_text[WORDS_MAX]);

/* "exit 3" or "signal 9" for what waitpid() told. Returns ret_text. */
char *words_status(int wait_status, char ret_text[WORDS_MAX]);

/* The exit code that passes on what waitpid() told: the command's own, or 128 + n for a signal. */
int words_exit_code(int wait_status);

/* Whether `name` may be an instance's: [A-Za-z0-9][A-Za-z0-9._:@-]*, at most HG_INSTANCE_MAX bytes. */
bool words_instance_ok(const char *name);

#endif
