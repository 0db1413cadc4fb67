#include "cli/cli.h"
#include "cli/operate.h"

const char cli_block_help[] =
    "Treats a dependency as down, whatever its probes say: its fleets wait, not even\n"
    "canaries pass (--priority does), and failures meanwhile are not held against the\n"
    "instances. Released, it comes back through canaries and the ramp, as after an\n"
    "outage. For when you know better than the probe.\n\n"
    "  headgate block db --ttl 30m --reason 'failover under way'\n"
    "  headgate release db\n\n"
    "exit: 0 in force; 64 bad usage; 68 no such dependency; 69 no controller\n"
    "      answers, or its store is away";

int cli_block(const struct cli_command *command, int argc, char **argv)
{
    struct cli_operate operate = {.remote = {.command = command},
                                  .action = "block",
                                  .kind = "dependency",
                                  .rate = -1,
                                  .burst = -1,
                                  .in_flight = -1};
    const struct cli_option rows[] = {
        {"reason", CLI_TEXT, "TEXT", "why, for whoever finds it in force", &operate.reason, true},
        {"ttl", CLI_DURATION, "TIME", CLI_TTL_TEXT " (until released)", &operate.ttl_us},
        CLI_REMOTE_ROWS(operate.remote),
    };
    struct cli_parse parse = {.command = command,
                              .options = rows,
                              .option_count = sizeof(rows) / sizeof(rows[0]),
                              .rest_min = 1,
                              .rest_max = 1,
                              .options_anywhere = true};
    int code = cli_parse(&parse, argc, argv);
    if (code >= 0) {
        return code;
    }
    operate.name = parse.rest[0];
    return cli_operate(&operate);
}
