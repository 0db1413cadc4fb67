#include "cli/cli.h"
#include "cli/operate.h"

const char cli_pause_help[] = "Grants nobody on a dependency, or nobody of a fleet, until it is resumed or\n"
                              "--ttl is over; only --priority passes. Nobody loses its place; what is in\n"
                              "flight goes on.\n\n"
                              "  headgate pause web --ttl 15m --reason 'bad image, being rolled back'\n"
                              "  headgate resume web\n\n"
                              "exit: 0 in force; 64 bad usage; 68 no such dependency or fleet; 69 no\n"
                              "      controller answers, or its store is away";

const char cli_resume_help[] = "Ends headgate pause of a dependency or fleet. The line goes on where it\n"
                               "stopped, through the ramp.\n\n"
                               "  headgate resume web\n\n"
                               "exit: 0 resumed, or was not paused; 64 bad usage; 68 no such dependency or\n"
                               "      fleet; 69 no controller answers, or its store is away";

static int operate_one(struct cli_operate *operate, const struct cli_option *rows, size_t count, int argc,
                       char **argv)
{
    struct cli_parse parse = {.command = operate->remote.command,
                              .options = rows,
                              .option_count = count,
                              .rest_min = 1,
                              .rest_max = 1,
                              .options_anywhere = true};
    int code = cli_parse(&parse, argc, argv);
    if (code >= 0) {
        return code;
    }
    operate->name = parse.rest[0];
    return cli_operate(operate);
}

int cli_pause(const struct cli_command *command, int argc, char **argv)
{
    struct cli_operate operate = {
        .remote = {.command = command}, .action = "pause", .rate = -1, .burst = -1, .in_flight = -1};
    const struct cli_option rows[] = {
        {"reason", CLI_TEXT, "TEXT", "why, for whoever finds it in force", &operate.reason, true},
        {"ttl", CLI_DURATION, "TIME", CLI_TTL_TEXT " (until resumed)", &operate.ttl_us},
        {"kind", CLI_TEXT, "KIND", "fleet or dependency, where both have the name", &operate.kind},
        CLI_REMOTE_ROWS(operate.remote),
    };
    return operate_one(&operate, rows, sizeof(rows) / sizeof(rows[0]), argc, argv);
}

int cli_resume(const struct cli_command *command, int argc, char **argv)
{
    struct cli_operate operate = {
        .remote = {.command = command}, .action = "resume", .rate = -1, .burst = -1, .in_flight = -1};
    const struct cli_option rows[] = {
        {"reason", CLI_TEXT, "TEXT", "why, for the record", &operate.reason},
        {"kind", CLI_TEXT, "KIND", "fleet or dependency, where both have the name", &operate.kind},
        CLI_REMOTE_ROWS(operate.remote),
    };
    return operate_one(&operate, rows, sizeof(rows) / sizeof(rows[0]), argc, argv);
}
