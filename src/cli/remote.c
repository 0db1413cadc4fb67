#include "cli/remote.h"
#include "headgate/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cli_remote_open(struct cli_remote *remote)
{
    const char *servers = cli_servers(remote->servers);
    struct hg_client_options options = {.servers = servers};
    int status = hg_client_create(&options, &remote->client);
    if (status == HG_E_INVALID) {
        return cli_fail(
            remote->command, CLI_USAGE,
            "%s '%s' is no list of controllers: http://HOST:PORT, https://HOST or unix:/path, with commas "
            "between",
            remote->servers != NULL ? "--server" : "HEADGATE_SERVER", servers);
    }
    return status == 0 ? 0 : cli_fail(remote->command, hg_error_exit_code(status), "%s", hg_strerror(status));
}

void cli_remote_close(struct cli_remote *remote)
{
    hg_client_destroy(remote->client);
    remote->client = NULL;
}

/* Calls `visit` for every fleet, or every dependency. */
static void each_name(const json_t *status, bool fleets, void (*visit)(void *user_data, const char *name),
                      void *user_data)
{
    size_t p, i;
    json_t *policy, *thing;
    json_array_foreach(json_object_get(status, "policies"), p, policy)
    {
        json_array_foreach(json_object_get(policy, fleets ? "fleets" : "dependencies"), i, thing)
        {
            const char *name = json_string_value(json_object_get(thing, fleets ? "fleet" : "dependency"));
            if (name != NULL) {
                visit(user_data, name);
            }
        }
    }
}

struct search {
    const char *name;
    bool found;
};

static void on_search(void *user_data, const char *name)
{
    struct search *search = user_data;
    search->found = search->found || strcmp(search->name, name) == 0;
}

bool cli_status_has(const json_t *status, bool fleet, const char *name)
{
    struct search search = {.name = name};
    each_name(status, fleet, on_search, &search);
    return search.found;
}

static void on_list(void *user_data, const char *name)
{
    char *text = user_data;
    size_t used = strlen(text);
    if (used + strlen(name) + 8 < CLI_NAMES_MAX) {
        snprintf(text + used, CLI_NAMES_MAX - used, "%s%s", used > 0 ? ", " : "", name);
    } else if (used < 3 || strcmp(text + used - 3, "...") != 0) {
        snprintf(text + used, CLI_NAMES_MAX - used, ", ...");
    }
}

void cli_status_names(const json_t *status, bool fleets, char ret_text[CLI_NAMES_MAX])
{
    ret_text[0] = '\0';
    each_name(status, fleets, on_list, ret_text);
    if (ret_text[0] == '\0') {
        snprintf(ret_text, CLI_NAMES_MAX, "none");
    }
}

/* Says that a name is not known and which are; false when it is known after all, or nobody can be asked. */
static bool say_unknown(struct cli_remote *remote, bool fleet, const char *name)
{
    char names[CLI_NAMES_MAX];
    int ignored = 0;
    json_t *status = name == NULL ? NULL : cli_remote_try(remote, "/v1/status", &ignored);
    bool unknown = status != NULL && !cli_status_has(status, fleet, name);
    if (unknown) {
        const char *kind = fleet ? "fleet" : "dependency";
        cli_status_names(status, fleet, names);
        (void)cli_fail(remote->command, 0, "there is no %s '%s'; there are: %s", kind, name, names);
    }
    json_decref(status);
    return unknown;
}

bool cli_fleet_known(struct cli_remote *remote)
{
    int ignored = 0;
    json_t *status = cli_remote_try(remote, "/v1/status", &ignored);
    bool known = status != NULL && cli_status_has(status, true, remote->fleet);
    json_decref(status);
    return known;
}

const char *cli_remote_why(struct cli_remote *remote)
{
    static char text[1024];
    const char *said = hg_client_error(remote->client);
    snprintf(text, sizeof(text), "%s%s", said[0] == '\0' ? hg_client_server(remote->client) : said,
             said[0] == '\0' ? ": its answer is not a controller's; is the address right?" : "");
    return text;
}

int cli_remote_fail(struct cli_remote *remote, int status)
{
    char said[1024];
    int code = hg_error_exit_code(status);
    snprintf(said, sizeof(said), "%s", cli_remote_why(remote));
    if (status == HG_E_NOT_FOUND &&
        (say_unknown(remote, true, remote->fleet) || say_unknown(remote, false, remote->dependency))) {
        return code;
    }
    return cli_fail(remote->command, code, "%s", said);
}

json_t *cli_remote_try(struct cli_remote *remote, const char *path, int *ret_status)
{
    char *text = NULL;
    int status = hg_client_call(remote->client, "GET", path, NULL, &text);
    json_t *json = status == 0 ? json_loads(text, 0, NULL) : NULL;
    free(text);
    if (!json_is_object(json)) {
        json_decref(json);
        *ret_status = status == 0 ? HG_E_PROTOCOL : status;
        return NULL;
    }
    return json;
}

json_t *cli_remote_get(struct cli_remote *remote, const char *path, int *ret_code)
{
    int status = 0;
    json_t *json = cli_remote_try(remote, path, &status);
    if (json == NULL) {
        *ret_code = cli_remote_fail(remote, status);
    }
    return json;
}

int cli_print_json(const struct cli_command *command, json_t *json)
{
    int status = json == NULL ? -1 : json_dumpf(json, stdout, JSON_COMPACT);
    json_decref(json);
    if (status != 0) {
        return cli_fail(command, CLI_IO, "the answer could not be written");
    }
    putchar('\n');
    return 0;
}

int cli_instance_names(const struct cli_command *command, const char **fleet, const char **instance)
{
    static char host[HG_INSTANCE_MAX + 2];
    const char *set = getenv("HEADGATE_FLEET"), *set_instance = getenv("HEADGATE_INSTANCE");
    if (*fleet == NULL) {
        *fleet = set;
    }
    if (*fleet == NULL || (*fleet)[0] == '\0') {
        return cli_fail(command, CLI_USAGE, "--fleet FLEET is missing; see headgate %s --help",
                        command->name);
    }
    if (*instance == NULL && set_instance != NULL && set_instance[0] != '\0') {
        *instance = set_instance;
    }
    if (*instance == NULL) {
        if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0') {
            return cli_fail(command, CLI_USAGE, "this host has no usable name; give one with --instance");
        }
        *instance = host;
    }
    return 0;
}
