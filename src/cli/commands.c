/* The one table of commands, sorted by name. */
#include "cli/cli.h"

const struct cli_command cli_commands[] = {
    {.name = "acquire", .usage = "--fleet FLEET [OPTIONS]", .summary = "wait for the permit of one instance",
     .help = cli_acquire_help, .run = cli_acquire},
    {.name = "block", .usage = "DEPENDENCY --reason TEXT [OPTIONS]", .summary = "treat a dependency as down",
     .help = cli_block_help, .run = cli_block},
    {.name = "check",
     .usage = "FILE|DIR...",
     .summary = "read policies and say what is wrong with them",
     .help = "Reads policy files as serve would. Says nothing and exits 0 when they are right; otherwise prints\n"
             "every mistake as FILE:LINE:COL: path: message on stderr and exits 65.\n\n"
             "  headgate check policies/db.json",
     .run = cli_check},
    {.name = "complete", .usage = "--fleet FLEET [OPTIONS]", .summary = "say how the relaunch of one instance went",
     .help = cli_complete_help, .run = cli_complete},
    {.name = "completion", .usage = "bash", .summary = "words for the shell to complete",
     .help = cli_completion_help, .run = cli_completion},
    {.name = "demo", .usage = "[OPTIONS]", .summary = "a dependency fails and comes back under 300 processes, "
                                                      "without Headgate and with it",
     .help = "", .run = cli_demo},
    {.name = "limit", .usage = "DEPENDENCY --reason TEXT [OPTIONS]",
     .summary = "change the limits of a dependency for a while", .help = cli_limit_help, .run = cli_limit},
    {.name = "pause", .usage = "NAME --reason TEXT [OPTIONS]",
     .summary = "grant nobody on a dependency, or of a fleet", .help = cli_pause_help, .run = cli_pause},
    {.name = "relaunch", .usage = "--fleet FLEET --from FILE [OPTIONS] -- COMMAND [ARG...]",
     .summary = "relaunch a whole fleet from one place, in its turn", .help = cli_relaunch_help,
     .run = cli_relaunch},
    {.name = "release", .usage = "DEPENDENCY | --fleet FLEET INSTANCE...",
     .summary = "end a block; let instances out of quarantine", .help = cli_release_help, .run = cli_release},
    {.name = "resume", .usage = "NAME [OPTIONS]", .summary = "end a pause", .help = cli_resume_help,
     .run = cli_resume},
    {.name = "run", .usage = "--fleet FLEET [OPTIONS] -- COMMAND [ARG...]",
     .summary = "wait for the permit, then become the command", .help = cli_run_help, .run = cli_run},
    {.name = "serve",
     .usage = "--policies FILE|DIR... [OPTIONS]",
     .summary = "a controller",
     .help =
         "Serves the policies until SIGTERM or SIGINT. SIGHUP, or a change of the files, reads them again, all or\n"
         "none. The state is kept in\n\n"
         "  memory:                              this process (the default): gone when it stops\n"
         "  memory:DIR                           this process and a journal on disk\n"
         "  redis://[[user]:pass@]host:port/db   Redis 6.2 or newer with maxmemory-policy noeviction: shared by\n"
         "                                       any number of controllers\n\n"
         "A store that is empty is not trusted until the longest lease has run out, since permits may be in use\n"
         "that it does not know of: only canaries pass. --new-store says that nothing is relaunching.\n\n"
         "  headgate serve --policies db.json --listen 127.0.0.1:7070 --store memory:/var/lib/headgate\n\n"
         "exit: 0 asked to stop; 64 bad usage; 65 bad policy; 69 or 78 the store; 74 the address or the disk",
     .run = cli_serve},
    {.name = "simulate",
     .usage = "SCENARIO.json...|--random N [OPTIONS]",
     .summary = "a fleet's return in virtual time, under the real engine",
     .help = "Plays scenarios through: the engine that runs in production, the reference store, and a world of\n"
             "instances, dependencies and troubles as the files describe (tests/sim). Prints a table: for each law\n"
             "how many runs finished, the time until 99 % are back over the ideal, and what it cost.\n\n"
             "  headgate simulate tests/sim/s01.json --law all --repeat 5 --html report.html\n"
             "  headgate simulate --random 200 --information blind --law policy,aimd\n\n"
             "exit: 0 done; 1 a promise was broken: seed and trace on stderr; 65 bad scenario",
     .run = cli_simulate},
    {.name = "status", .usage = "[OPTIONS]", .summary = "where everything stands; why one instance is not up",
     .help = cli_status_help, .run = cli_status},
    {.name = "version", .usage = "[--json]", .summary = "the version", .help = "Prints the version.",
     .run = cli_version},
};

const size_t cli_command_count = sizeof(cli_commands) / sizeof(cli_commands[0]);
