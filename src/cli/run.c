#include "cli/cli.h"
#include "launch/run.h"
#include "launch/words.h"

#include <string.h>
#include <unistd.h>

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
    char host[256] = "";
    const char *server = NULL, *unreachable = "wait";
    struct run_options options = {.ready_interval_us = RUN_READY_INTERVAL_US,
                                  .unreachable_after_us = RUN_UNREACHABLE_AFTER_US};
    const struct cli_option rows[] = {
        {"fleet", CLI_TEXT, "FLEET", "the fleet it belongs to", &options.fleet, true},
        {"instance", CLI_TEXT, "NAME", "its name in the fleet (the host's name)", &options.instance},
        {"server", CLI_TEXT, "URL[,URL]", "the controllers (HEADGATE_SERVER, http://127.0.0.1:7070)", &server},
        {"ready", CLI_TEXT, "CMD", "a shell command that exits 0 once the instance is up; with it the\n"
                                   "permit is held until then. It has HEADGATE_PID, the command's pid",
         &options.ready},
        {"ready-interval", CLI_DURATION, "TIME", "between two checks (1s)", &options.ready_interval_us},
        {"ready-timeout", CLI_DURATION, "TIME", "not ready by then is a failure: it is reported, and the\n"
                                                "command goes on (none)",
         &options.ready_timeout_us},
        {"kill-unready", CLI_FLAG, NULL, "and the command is ended: SIGTERM, ten seconds later SIGKILL",
         &options.kill_unready},
        {"timeout", CLI_DURATION, "TIME", "not granted by then: exit 75 (69 if no controller answers); the\n"
                                          "place in line is kept (none)",
         &options.timeout_us},
        {"on-unreachable", CLI_TEXT, "WHAT", "when no controller answers: wait, proceed (start without a\n"
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
        return cli_fail(command, CLI_USAGE, "--on-unreachable takes wait, proceed or fail, not '%s'", unreachable);
    }
    if (options.instance == NULL) {
        (void)gethostname(host, sizeof(host) - 1);
        options.instance = host;
    }
    if (!words_instance_ok(options.instance)) {
        return cli_fail(command, CLI_USAGE, "'%s' is no instance's name: letters, digits and . _ : @ -, beginning "
                                            "with a letter or digit; give one with --instance", options.instance);
    }
    if (options.boot_id != NULL && strlen(options.boot_id) > 64) {
        return cli_fail(command, CLI_USAGE, "--boot-id takes at most 64 bytes");
    }
    if (options.ready_interval_us < 10000) {
        options.ready_interval_us = 10000;
    }
    options.servers = cli_servers(server);
    options.argv = parse.rest;
    return run_command(&options);
}
