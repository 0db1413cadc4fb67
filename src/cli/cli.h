/* The command line: one table of commands, a small file each.
 *
 * The story of one command: main() finds its row in the table (commands.c), which names the options it takes; the
 * same rows drive parsing (options.c), `--help` and shell completion; then the command's function runs with its
 * options filled in and returns the process's exit code. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLI_USAGE       64 /* EX_USAGE */
#define CLI_DATA        65 /* EX_DATAERR: a policy or an input file is wrong */
#define CLI_UNAVAILABLE 69 /* EX_UNAVAILABLE: no controller answers */
#define CLI_SOFTWARE    70 /* EX_SOFTWARE */
#define CLI_IO          74 /* EX_IOERR */
#define CLI_TRY_AGAIN   75 /* EX_TEMPFAIL: not granted in time, expired */
#define CLI_QUARANTINED 77 /* EX_NOPERM */
#define CLI_LIST_MAX    256

enum cli_kind {
    CLI_FLAG,     /* bool */
    CLI_TEXT,     /* const char * */
    CLI_LIST,     /* struct cli_list: one or more values, and again */
    CLI_INTEGER,  /* int64_t */
    CLI_NUMBER,   /* double */
    CLI_DURATION, /* int64_t, microseconds; written 250ms, 30s, 5m, 1h */
    CLI_KIND_COUNT
};

struct cli_list {
    const char *values[CLI_LIST_MAX];
    size_t count;
};

struct cli_option {
    const char *name; /* without the dashes */
    enum cli_kind kind;
    const char *value_name; /* in the help: FILE */
    const char *text;       /* in the help */
    void *target;           /* of the kind's type; as it is when the option is not given */
    bool required;
    double min; /* CLI_INTEGER, CLI_NUMBER: the range, when max is not 0 */
    double max;
};

/* Where the options of one command go. `argv` after options is left in `rest`; "--" ends the options. */
struct cli_parse {
    const struct cli_command *command;
    const struct cli_option *options;
    size_t option_count;
    size_t rest_min; /* operands wanted */
    size_t rest_max;
    char **rest; /* set */
    size_t rest_count;
    bool options_anywhere; /* options may follow operands; not where the operands are another command's words */
};

struct cli_command {
    const char *name;
    const char *usage; /* what follows "headgate NAME" */
    const char *summary; /* one line for the list of commands */
    const char *help;    /* what a tired person wants to know: what it does, examples, exit codes */
    int (*run)(const struct cli_command *command, int argc, char **argv);
    bool own_options; /* parses them itself */
};

/* Texts that stand with their command. */
extern const char cli_acquire_help[], cli_block_help[], cli_complete_help[], cli_completion_help[], cli_limit_help[],
    cli_pause_help[], cli_release_help[], cli_resume_help[], cli_status_help[], cli_relaunch_help[], cli_run_help[];

extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;

/* Reads the options; returns -1 to go on, or the exit code (0 after --help, CLI_USAGE after a mistake, which has
 * been said on stderr). argv[0] is the command's name. */
int cli_parse(struct cli_parse *parse, int argc, char **argv);

/* "headgate NAME: " and the text on stderr, as one line. Returns `code`. */
int cli_fail(const struct cli_command *command, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "30s" and the like; false for anything else or beyond 400 days. */
bool cli_duration(const char *text, int64_t *ret_us);

/* --server, else HEADGATE_SERVER, else the address that serve listens on when told nothing. */
const char *cli_servers(const char *given);

int cli_acquire(const struct cli_command *command, int argc, char **argv);
int cli_block(const struct cli_command *command, int argc, char **argv);
int cli_complete(const struct cli_command *command, int argc, char **argv);
int cli_completion(const struct cli_command *command, int argc, char **argv);
int cli_limit(const struct cli_command *command, int argc, char **argv);
int cli_pause(const struct cli_command *command, int argc, char **argv);
int cli_release(const struct cli_command *command, int argc, char **argv);
int cli_resume(const struct cli_command *command, int argc, char **argv);
int cli_status(const struct cli_command *command, int argc, char **argv);
int cli_serve(const struct cli_command *command, int argc, char **argv);
int cli_check(const struct cli_command *command, int argc, char **argv);
int cli_run(const struct cli_command *command, int argc, char **argv);
int cli_relaunch(const struct cli_command *command, int argc, char **argv);
int cli_simulate(const struct cli_command *command, int argc, char **argv);
int cli_demo(const struct cli_command *command, int argc, char **argv);
int cli_version(const struct cli_command *command, int argc, char **argv);

#endif
