#include "cli/status.h"
#include "cli/text.h"
#include "headgate/errors.h"
#include "host/clock.h"

#include <stdlib.h>
#include <string.h>

#define WATCH_US       INT64_C(1000000)
#define ROWS_UNBOUNDED 100000

const char cli_status_help[] =
    "Shows dependencies with their phase and the reason for it, fleets with their\n"
    "lines, and recoveries; --watch keeps it fresh, with a bar for how many of those\n"
    "that were out since the watch began are back. With --instance it answers: why\n"
    "is this one not up?\n\n"
    "  headgate status\n"
    "  headgate status --watch\n"
    "  headgate status --fleet web --instance host-7\n\n"
    "RATE, BURST: the ceiling; PACE and WINDOW: what the ramp allows now; TOKENS:\n"
    "what may be taken at once.\n\n"
    "exit: 0; 64 bad usage; 68 no such fleet; 69 no controller answers";

struct watch {
    struct cli_remote *remote;
    struct status_view view;
    size_t drawn;
};

/* Both answers in one object, for --json. */
static int print_json(const struct watch *watch)
{
    json_t *all = json_copy((json_t *)(uintptr_t)watch->view.status);
    if (all != NULL) {
        json_object_set(all, "recoveries", json_object_get(watch->view.recoveries, "recoveries"));
    }
    int code = cli_print_json(watch->remote->command, all);
    fflush(stdout);
    return code;
}

static int show(struct watch *watch, bool in_place)
{
    char *text = NULL;
    size_t size = 0;
    if (watch->remote->json) {
        return print_json(watch);
    }
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return cli_fail(watch->remote->command, hg_error_exit_code(HG_E_NOMEM), "%s",
                        hg_strerror(HG_E_NOMEM));
    }
    status_write(out, &watch->view);
    if (fclose(out) != 0) {
        free(text);
        return cli_fail(watch->remote->command, hg_error_exit_code(HG_E_NOMEM), "%s",
                        hg_strerror(HG_E_NOMEM));
    }
    int columns = cli_terminal_columns(stdout);
    if (in_place && columns > 0) {
        watch->drawn = cli_redraw(stdout, text, columns, cli_terminal_rows(stdout), watch->drawn);
    } else {
        fputs(text, stdout);
        fputs(in_place ? "\n" : "", stdout);
        fflush(stdout);
    }
    free(text);
    return 0;
}

/* One look. In a watch, -1 without a word when nobody answers. */
static int look(struct watch *watch, bool in_place)
{
    int status = 0, ignored = 0;
    json_t *all = cli_remote_try(watch->remote, "/v1/status", &status);
    if (all == NULL) {
        return in_place ? -1 : cli_remote_fail(watch->remote, status);
    }
    if (watch->view.fleet != NULL && !cli_status_has(all, true, watch->view.fleet)) {
        json_decref(all);
        return cli_remote_fail(watch->remote, HG_E_NOT_FOUND);
    }
    /* A store that is away has no recoveries to show; the rest is worth showing. */
    json_t *recoveries = cli_remote_try(watch->remote, "/v1/recoveries", &ignored);
    watch->view.status = all;
    watch->view.recoveries = recoveries;
    watch->view.now_wall_us = clock_wall_us();
    int code = show(watch, in_place);
    json_decref(all);
    json_decref(recoveries);
    return code;
}

static int watch_on(struct watch *watch)
{
    bool away = false;
    while (true) {
        int code = look(watch, true);
        if (code > 0) {
            return code;
        }
        if (code < 0 && cli_terminal_columns(stdout) > 0) {
            char text[1100];
            snprintf(text, sizeof(text), "%s; trying again\n", cli_remote_why(watch->remote));
            watch->drawn =
                cli_redraw(stdout, text, cli_terminal_columns(stdout), ROWS_UNBOUNDED, watch->drawn);
        } else if (code < 0 && !away) {
            (void)cli_fail(watch->remote->command, 0, "%s; trying again", cli_remote_why(watch->remote));
        }
        away = code < 0;
        if (fflush(stdout) != 0) {
            return CLI_IO;
        }
        cli_sleep_us(WATCH_US);
    }
}

static int show_all(struct cli_remote *remote, bool on)
{
    struct watch watch = {.remote = remote};
    watch.view.fleet = remote->fleet;
    watch.view.colors = cli_colors_wanted(stdout);
    if (!on) {
        return look(&watch, false);
    }
    watch.view.progress = calloc(STATUS_FLEETS_MAX, sizeof(*watch.view.progress));
    int code = watch.view.progress == NULL ? hg_error_exit_code(HG_E_NOMEM) : watch_on(&watch);
    free(watch.view.progress);
    return code;
}

int cli_status(const struct cli_command *command, int argc, char **argv)
{
    struct cli_remote remote = {.command = command};
    const char *instance = NULL;
    bool watch = false;
    const struct cli_option rows[] = {
        {"watch", CLI_FLAG, NULL, "every second, in place, until ^C", &watch},
        {"fleet", CLI_TEXT, "FLEET", "only this one", &remote.fleet},
        {"instance", CLI_TEXT, "NAME", "of that fleet: where is it, and why", &instance},
        CLI_REMOTE_ROWS(remote),
    };
    struct cli_parse parse = {.command = command,
                              .options = rows,
                              .option_count = sizeof(rows) / sizeof(rows[0]),
                              .options_anywhere = true};
    int code = cli_parse(&parse, argc, argv);
    if (code >= 0) {
        return code;
    }
    if (instance != NULL && remote.fleet == NULL) {
        return cli_fail(command, CLI_USAGE, "--instance needs --fleet: names are unique within a fleet only");
    }
    if (instance != NULL && watch) {
        return cli_fail(command, CLI_USAGE, "--watch shows fleets, not --instance");
    }
    code = cli_remote_open(&remote);
    if (code == 0) {
        code = instance != NULL ? status_instance(&remote, instance) : show_all(&remote, watch);
        cli_remote_close(&remote);
    }
    return code;
}
