#include "cli/cli.h"
#include "cli/notify.h"
#include "cli/remote.h"
#include "launch/run.h"

#include <string.h>

const char cli_run_help[] =
    "Waits for this instance's permit, starts COMMAND, keeps the permit while it starts, reports how it "
    "went,\n"
    "and is from then on nothing but its parent: signals are passed on, and run exits as COMMAND does.\n"
    "Without --ready COMMAND is a one-shot: it has recovered when it exits with 0. With --ready it has\n"
    "recovered when the check first exits with 0, and has failed when it exits before that.\n"
    "COMMAND has HEADGATE_FLEET, HEADGATE_INSTANCE, HEADGATE_FENCE and HEADGATE_ATTEMPT. A permit that is\n"
    "lost is said and never ends COMMAND; when run itself is killed, COMMAND gets SIGTERM.\n\n"
    "  headgate run --fleet web --ready 'curl -fsS localhost:8080/healthz' -- /usr/bin/web --port 8080\n"
    "  headgate run --fleet jobs --instance \"$NOMAD_ALLOC_ID\" -- ./warm-cache.sh\n\n"
    "Every start is a life of its own: if run is killed while COMMAND starts, the next one's permit counts "
    "as\n"
    "a further attempt and waits out the backoff, so that a crash loop cannot live on one permit. Give\n"
    "--boot-id the same value in each start to take over the permit of the one before instead.\n\n"
    "systemd: ExecStart=/usr/bin/headgate run ...; KillMode=mixed, else COMMAND gets SIGTERM twice;\n"
    "RestartPreventExitStatus=77 stops the restarts of one that is quarantined; with Type=notify the start\n"
    "time-out is extended while it waits (NotifyAccess=all lets COMMAND say READY=1).\n\n"
    "exit: as COMMAND does, 128 + n for signal n; 143 and the like when stopped while waiting; 64 bad "
    "usage;\n"
    "      68 no such fleet; 69 no controller answers; 75 not granted in time; 77 quarantined; 126, 127\n"
    "      COMMAND cannot be started";

static bool read_unreachable(const char *text, enum run_unreachable *ret_mode)
{
    static const char *const names[RUN_UNREACHABLE_COUNT] = {"wait", "proceed", "fail"};
    for (size_t i = 0; i < RUN_UNREACHABLE_COUNT; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret_mode = (enum run_unreachable)i;
            return true;
        }
    }
    return false;
}

int cli_run(const struct cli_command *command, int argc, char **argv)
{
    const char *server = NULL, *unreachable = "wait";
    struct run_options options = {.ready_interval_us = RUN_READY_INTERVAL_US,
                                  .unreachable_after_us = RUN_UNREACHABLE_AFTER_US};
    const struct cli_option rows[] = {
        {"fleet", CLI_TEXT, "FLEET", "the fleet it belongs to (HEADGATE_FLEET)", &options.fleet},
        {"instance", CLI_TEXT, "NAME", "its name in the fleet (HEADGATE_INSTANCE, the host's name)",
         &options.instance},
        {"server", CLI_TEXT, "URL[,URL]", "the controllers (HEADGATE_SERVER, http://127.0.0.1:7070)",
         &server},
        {"ready", CLI_TEXT, "CMD",
         "a shell command that exits 0 once the instance is up; with it the\n"
         "permit is held until then. It has HEADGATE_PID, the command's pid",
         &options.ready},
        {"ready-interval", CLI_DURATION, "TIME", "between two checks (1s)", &options.ready_interval_us},
        {"ready-timeout", CLI_DURATION, "TIME",
         "not ready by then is a failure: it is reported, and the\n"
         "command goes on (none)",
         &options.ready_timeout_us},
        {"kill-unready", CLI_FLAG, NULL, "and the command is ended: SIGTERM, ten seconds later SIGKILL",
         &options.kill_unready},
        {"timeout", CLI_DURATION, "TIME",
         "not granted by then: exit 75 (69 if no controller answers); the\n"
         "place in line is kept (none)",
         &options.timeout_us},
        {"on-unreachable", CLI_TEXT, "WHAT",
         "when no controller answers: wait, proceed (start without a\n"
         "permit) or fail (wait)",
         &unreachable},
        {"unreachable-after", CLI_DURATION, "TIME", "for how long none must have answered (10s)",
         &options.unreachable_after_us},
        {"boot-id", CLI_TEXT, "ID", "tells this life from the next (new with every start)", &options.boot_id},
        {"priority", CLI_FLAG, NULL, "take the reserved lane, past the line", &options.priority},
    };
    struct cli_parse parse = {command, rows, sizeof(rows) / sizeof(rows[0]), 1, SIZE_MAX};
    int code = cli_parse(&parse, argc, argv);
    if (code >= 0) {
        return code;
    }
    if (!read_unreachable(unreachable, &options.on_unreachable)) {
        return cli_fail(command, CLI_USAGE, "--on-unreachable takes wait, proceed or fail, not '%s'",
                        unreachable);
    }
    code = cli_instance_names(command, &options.fleet, &options.instance);
    if (code != 0) {
        return code;
    }
    if (options.boot_id != NULL && strlen(options.boot_id) > 64) {
        return cli_fail(command, CLI_USAGE, "--boot-id takes at most 64 bytes");
    }
    if (options.ready_interval_us < 10000) {
        options.ready_interval_us = 10000;
    }
    options.servers = cli_servers(server);
    options.argv = parse.rest;
    options.notify = cli_notify;
    return run_command(&options);
}
