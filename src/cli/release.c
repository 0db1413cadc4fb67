#include "cli/cli.h"
#include "cli/operate.h"
#include "headgate/errors.h"

#include <stdlib.h>
#include <string.h>

const char cli_release_help[] =
    "Of a dependency: ends headgate block, and lets one thaw that the ramp had\n"
    "frozen. With --fleet: lets instances out of quarantine, with their failures\n"
    "forgotten; they get a permit in their turn when they ask. --all lets out all of\n"
    "the fleet.\n\n"
    "  headgate release db\n"
    "  headgate release --fleet web host-7 host-8\n"
    "  headgate release --fleet web --all\n\n"
    "exit: 0 released; 64 bad usage; 68 no such dependency, fleet or quarantined\n"
    "      instance; 69 no controller answers";

#define INSTANCES_MAX 1000
#define CURSOR_MAX    256 /* more than a controller's takes */

struct release {
    struct cli_remote remote;
    const char *fleet;
    bool all;
    json_t *done; /* names */
};

static int release_one(struct release *release, const char *instance)
{
    char path[HG_NAME_MAX + HG_INSTANCE_MAX + 64];
    int written = snprintf(path, sizeof(path), "/v1/fleets/%s/quarantine/%s", release->fleet, instance);
    if (written < 0 || (size_t)written >= sizeof(path) || strpbrk(release->fleet, "/?#% ") != NULL ||
        strpbrk(instance, "/?#% ") != NULL) {
        return cli_fail(release->remote.command, CLI_USAGE, "'%s' in '%s' is no instance's name", instance,
                        release->fleet);
    }
    int status = hg_client_call(release->remote.client, "DELETE", path, NULL, NULL);
    if (status == HG_E_NOT_FOUND && release->all) {
        return 0; /* somebody else has let it out since the page was read */
    }
    if (status == HG_E_NOT_FOUND && cli_fleet_known(&release->remote)) {
        return cli_fail(
            release->remote.command, hg_error_exit_code(status),
            "%s/%s is not in quarantine; headgate status --fleet %s --instance %s says where it is",
            release->fleet, instance, release->fleet, instance);
    }
    if (status != 0) {
        return cli_remote_fail(&release->remote, status);
    }
    if (!release->remote.json) {
        printf("%s/%s: released\n", release->fleet, instance);
    }
    json_array_append_new(release->done, json_string(instance));
    return 0;
}

/* Page after page; one may be empty before the last. */
static int release_all(struct release *release)
{
    char path[HG_NAME_MAX + CURSOR_MAX + 64], cursor[CURSOR_MAX] = "";
    int code = 0;
    do {
        size_t i;
        json_t *item;
        snprintf(path, sizeof(path), "/v1/fleets/%.63s/quarantine?limit=%d%s%s", release->fleet, INSTANCES_MAX,
                 cursor[0] == '\0' ? "" : "&cursor=", cursor);
        json_t *page = cli_remote_get(&release->remote, path, &code);
        const char *next = json_string_value(json_object_get(page, "cursor"));
        snprintf(cursor, sizeof(cursor), "%s", next == NULL ? "" : next);
        json_array_foreach(json_object_get(page, "items"), i, item)
        {
            const char *name = json_string_value(json_object_get(item, "instance"));
            code = code != 0 || name == NULL ? code : release_one(release, name);
        }
        json_decref(page);
    } while (code == 0 && cursor[0] != '\0');
    if (code == 0 && json_array_size(release->done) == 0 && !release->remote.json) {
        printf("%s: nobody is in quarantine\n", release->fleet);
    }
    return code;
}

static int release_instances(struct release *release, char **names, size_t count)
{
    int code = cli_remote_open(&release->remote);
    if (code != 0) {
        return code;
    }
    release->remote.fleet = release->fleet;
    release->done = json_array();
    if (release->all) {
        code = release_all(release);
    }
    for (size_t i = 0; i < count && code == 0; i++) {
        code = release_one(release, names[i]);
    }
    if (release->remote.json && code == 0) {
        code = cli_print_json(release->remote.command,
                              json_pack("{s:s, s:O}", "fleet", release->fleet, "released", release->done));
    }
    json_decref(release->done);
    cli_remote_close(&release->remote);
    return code;
}

int cli_release(const struct cli_command *command, int argc, char **argv)
{
    struct cli_operate operate = {.remote = {.command = command},
                                  .action = "release",
                                  .kind = "dependency",
                                  .rate = -1,
                                  .burst = -1,
                                  .in_flight = -1};
    const char *fleet = NULL;
    bool all = false;
    const struct cli_option rows[] = {
        {"fleet", CLI_TEXT, "FLEET", "release instances of this fleet from quarantine", &fleet},
        {"all", CLI_FLAG, NULL, "all of them", &all},
        {"reason", CLI_TEXT, "TEXT", "of a dependency: why, for the record", &operate.reason},
        CLI_REMOTE_ROWS(operate.remote),
    };
    struct cli_parse parse = {.command = command,
                              .options = rows,
                              .option_count = sizeof(rows) / sizeof(rows[0]),
                              .rest_max = INSTANCES_MAX,
                              .options_anywhere = true};
    int code = cli_parse(&parse, argc, argv);
    if (code >= 0) {
        return code;
    }
    if (fleet == NULL && (all || parse.rest_count != 1)) {
        return cli_fail(command, CLI_USAGE,
                        "name one dependency, or --fleet FLEET and its instances (or --all)");
    }
    if (fleet != NULL && all == (parse.rest_count > 0)) {
        return cli_fail(command, CLI_USAGE, "with --fleet, name instances, or --all");
    }
    if (fleet == NULL) {
        operate.name = parse.rest[0];
        return cli_operate(&operate);
    }
    struct release release = {.remote = operate.remote, .fleet = fleet, .all = all};
    return release_instances(&release, parse.rest, parse.rest_count);
}
