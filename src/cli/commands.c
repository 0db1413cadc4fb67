/* The one table of commands, sorted by name. */
#include "cli/cli.h"

const struct cli_command cli_commands[] = {
    {.name = "check",
     .usage = "FILE|DIR...",
     .summary = "read policies and say what is wrong with them",
     .help = "Reads policy files as serve would. Says nothing and exits 0 when they are right; otherwise prints\n"
             "every mistake as FILE:LINE:COL: path: message on stderr and exits 65.\n\n"
             "  headgate check policies/db.json",
     .run = cli_check},
    {.name = "demo", .usage = "[OPTIONS]", .summary = "a dependency fails and comes back under 300 processes, "
                                                      "without Headgate and with it",
     .help = "", .run = cli_demo},
    {.name = "relaunch",
     .usage = "--fleet FLEET --from FILE [OPTIONS] -- COMMAND [ARG...]",
     .summary = "relaunch a whole fleet from one place, in its turn",
     .help =
         "Relaunches every instance that FILE names (one a line, # begins a comment): asks for permits for all of\n"
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
         "exit: 0 all recovered; 64 bad usage; 65 bad list or journal; 68 no such fleet; 74 the journal or report\n"
         "      cannot be written; 75 stopped before the end: run it again to go on; 77 some are quarantined;\n"
         "      126, 127 COMMAND cannot be started",
     .run = cli_relaunch},
    {.name = "run",
     .usage = "--fleet FLEET [OPTIONS] -- COMMAND [ARG...]",
     .summary = "wait for the permit, then become the command",
     .help =
         "Waits for this instance's permit, starts COMMAND, keeps the permit while it starts, reports how it went,\n"
         "and is from then on nothing but its parent: signals are passed on, and run exits as COMMAND does.\n"
         "Without --ready COMMAND is a one-shot: it has recovered when it exits with 0. With --ready it has\n"
         "recovered when the check first exits with 0, and has failed when it exits before that.\n"
         "COMMAND has HEADGATE_FLEET, HEADGATE_INSTANCE, HEADGATE_FENCE and HEADGATE_ATTEMPT. A permit that is\n"
         "lost is said and never ends COMMAND.\n\n"
         "  headgate run --fleet web --ready 'curl -fsS localhost:8080/healthz' -- /usr/bin/web --port 8080\n"
         "  headgate run --fleet jobs --instance \"$NOMAD_ALLOC_ID\" -- ./warm-cache.sh\n\n"
         "Every start is a life of its own: if run is killed while COMMAND starts, the next one's permit counts as\n"
         "a further attempt and waits out the backoff, so that a crash loop cannot live on one permit. Give\n"
         "--boot-id the same value in each start to take over the permit of the one before instead.\n\n"
         "systemd: ExecStart=/usr/bin/headgate run ...; KillMode=mixed, else COMMAND gets SIGTERM twice;\n"
         "RestartPreventExitStatus=77 stops the restarts of one that is quarantined; with Type=notify the start\n"
         "time-out is extended while it waits (NotifyAccess=all lets COMMAND say READY=1).\n\n"
         "exit: as COMMAND does, 128 + n for signal n; 143 and the like when stopped while waiting; 64 bad usage;\n"
         "      68 no such fleet; 69 no controller answers; 75 not granted in time; 77 quarantined; 126, 127\n"
         "      COMMAND cannot be started",
     .run = cli_run},
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
    {.name = "version", .usage = "[--json]", .summary = "the version", .help = "Prints the version.",
     .run = cli_version},
};

const size_t cli_command_count = sizeof(cli_commands) / sizeof(cli_commands[0]);
