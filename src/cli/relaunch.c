#include "cli/cli.h"
#include "launch/relaunch.h"

const char cli_relaunch_help[] =
    "Relaunches every instance that FILE names (one a line, # begins a comment): asks for permits for all "
    "of\n"
    "them, runs COMMAND for each one granted, with {} in its arguments replaced by the instance's name, and\n"
    "reports recovered when it exits with 0 and failed otherwise. Failed ones come back through the\n"
    "controller's backoff until they recover or are quarantined. No shell is involved; COMMAND also has\n"
    "HEADGATE_INSTANCE, HEADGATE_FLEET, HEADGATE_FENCE and HEADGATE_ATTEMPT, no terminal and no input.\n\n"
    "  headgate relaunch --fleet web --from hosts.txt -- ssh -oBatchMode=yes {} systemctl start web\n"
    "  headgate relaunch --fleet web --from hosts.txt --output logs --report report.json -- ./start.sh {}\n"
    "  headgate relaunch --fleet web --from - -- sh -c 'start-vm \"$HEADGATE_INSTANCE\"' < hosts.txt\n\n"
    "What happens is kept in a journal. The same command again goes on where a stopped or killed one ended:\n"
    "what has recovered is not relaunched, what was under way is relaunched again. ^C once asks for nothing\n"
    "more and waits for what is under way; twice ends it at once. To begin anew, remove the journal.\n\n"
    "exit: 0 all recovered; 64 bad usage; 65 bad list or journal; 68 no such fleet; 74 the journal or "
    "report\n"
    "      cannot be written; 75 stopped before the end: run it again to go on; 77 some are quarantined;\n"
    "      126, 127 COMMAND cannot be started";

int cli_relaunch(const struct cli_command *command, int argc, char **argv)
{
    const char *server = NULL;
    struct relaunch_options options = {.parallel = RELAUNCH_PARALLEL_DEFAULT,
                                       .batch = RELAUNCH_BATCH_DEFAULT};
    const struct cli_option rows[] = {
        {"fleet", CLI_TEXT, "FLEET", "the fleet they belong to", &options.fleet, true},
        {"from", CLI_TEXT, "FILE", "the instances, one a line; - is standard input", &options.from, true},
        {"server", CLI_TEXT, "URL[,URL]", "the controllers (HEADGATE_SERVER, http://127.0.0.1:7070)",
         &server},
        {"parallel", CLI_INTEGER, "N", "commands at once, at most (256)", &options.parallel, false, 1,
         RELAUNCH_PARALLEL_MAX},
        {"timeout", CLI_DURATION, "TIME",
         "for one command: then SIGTERM, five seconds later SIGKILL, and it has\n"
         "failed (none)",
         &options.timeout_us},
        {"journal", CLI_TEXT, "FILE", "where it goes on from (headgate-FLEET.journal)", &options.journal},
        {"report", CLI_TEXT, "FILE", "the report, also into FILE; JSON if it ends in .json", &options.report},
        {"output", CLI_TEXT, "DIR", "what the commands write, into DIR/INSTANCE.log", &options.output},
        {"json", CLI_FLAG, NULL, "the report as JSON", &options.json},
        {"retry", CLI_FLAG, NULL, "ask again for those that an earlier start saw quarantined",
         &options.retry},
        {"batch", CLI_INTEGER, "N", "instances in one request, at most (1000)", &options.batch, false, 1,
         10000},
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
