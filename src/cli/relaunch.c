#include "cli/cli.h"
#include "launch/relaunch.h"

int cli_relaunch(const struct cli_command *command, int argc, char **argv)
{
    const char *server = NULL;
    struct relaunch_options options = {.parallel = RELAUNCH_PARALLEL_DEFAULT, .batch = RELAUNCH_BATCH_DEFAULT};
    const struct cli_option rows[] = {
        {"fleet", CLI_TEXT, "FLEET", "the fleet they belong to", &options.fleet, true},
        {"from", CLI_TEXT, "FILE", "the instances, one a line; - is standard input", &options.from, true},
        {"server", CLI_TEXT, "URL[,URL]", "the controllers (HEADGATE_SERVER, http://127.0.0.1:7070)", &server},
        {"parallel", CLI_INTEGER, "N", "commands at once, at most (256)", &options.parallel, false, 1,
         RELAUNCH_PARALLEL_MAX},
        {"timeout", CLI_DURATION, "TIME", "for one command: then SIGTERM, five seconds later SIGKILL, and it has\n"
                                          "failed (none)",
         &options.timeout_us},
        {"journal", CLI_TEXT, "FILE", "where it goes on from (headgate-FLEET.journal)", &options.journal},
        {"report", CLI_TEXT, "FILE", "the report, also into FILE; JSON if it ends in .json", &options.report},
        {"output", CLI_TEXT, "DIR", "what the commands write, into DIR/INSTANCE.log", &options.output},
        {"json", CLI_FLAG, NULL, "the report as JSON", &options.json},
        {"retry", CLI_FLAG, NULL, "ask again for those that an earlier start saw quarantined", &options.retry},
        {"batch", CLI_INTEGER, "N", "instances in one request, at most (1000)", &options.batch, false, 1, 10000},
    };
    struct cli_parse parse = {command, rows, sizeof(rows) / sizeof(rows[0]), 1, SIZE_MAX};
    int code = cli_parse(&parse, argc, argv);
    if (code >= 0) {
        return code;
    }
    options.servers = cli_servers(server);
    options.argv = parse.rest;
    return relaunch_command(&options);
}
