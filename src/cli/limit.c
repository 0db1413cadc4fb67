#include "cli/cli.h"
#include "cli/operate.h"

const char cli_limit_help[] =
    "Changes the limits of a dependency at run time, below or above the policy's,\n"
    "until --ttl is over. What is not given stays as the policy says. The ramp goes\n"
    "on below the new limits.\n\n"
    "  headgate limit db --rate 5 --in-flight 10 --ttl 10m --reason 'replica is rebuilding'\n\n"
    "exit: 0 in force; 64 bad usage; 68 no such dependency; 69 no controller\n"
    "      answers, or its store is away";

int cli_limit(const struct cli_command *command, int argc, char **argv)
{
    struct cli_operate operate = {.remote = {.command = command},
                                  .action = "limit",
                                  .kind = "dependency",
                                  .rate = -1,
                                  .burst = -1,
                                  .in_flight = -1};
    const struct cli_option rows[] = {
        {"rate", CLI_NUMBER, "X", "tokens a second; 0 lets nobody through", &operate.rate, .min = 0,
         .max = 1e6},
        {"burst", CLI_INTEGER, "N", "how many may come at once", &operate.burst, .min = 1, .max = 1e6},
        {"in-flight", CLI_INTEGER, "N", "relaunches under way, in cost units", &operate.in_flight, .min = 0,
         .max = 1e6},
        {"reason", CLI_TEXT, "TEXT", "why, for whoever finds it in force", &operate.reason, true},
        {"ttl", CLI_DURATION, "TIME", CLI_TTL_TEXT " (1h)", &operate.ttl_us},
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
    if (operate.rate < 0 && operate.burst < 0 && operate.in_flight < 0) {
        return cli_fail(command, CLI_USAGE,
                        "there is nothing to change: give --rate, --burst or --in-flight");
    }
    operate.name = parse.rest[0];
    return cli_operate(&operate);
}
