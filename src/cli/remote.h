/* What every command that talks to a controller shares: its options, its connection, its way to fail.
 *
 * The story of one command: its rows hold CLI_REMOTE_ROWS, cli_remote_open() makes the client after they are
 * read, and whatever a call returns but 0 goes through cli_remote_fail(), which says what is wrong - with the
 * names that there are, when one was not known - and gives the exit code. */
#ifndef CLI_REMOTE_H
#define CLI_REMOTE_H

#include "cli/cli.h"
#include "headgate/client.h"

#include <jansson.h>

#define CLI_NAMES_MAX 512 /* bytes of a list of names */

struct cli_remote {
    const struct cli_command *command;
    const char *servers; /* as given; NULL: HEADGATE_SERVER */
    bool json;
    const char *fleet; /* the names it asks about, for when they are not known; NULL: none */
    const char *dependency;
    struct hg_client *client;
};

#define CLI_REMOTE_ROWS(remote)                                                                              \
    {"server", CLI_TEXT, "URL[,URL]", "controllers (HEADGATE_SERVER, else http://127.0.0.1:7070)",           \
     &(remote).servers},                                                                                     \
    {                                                                                                        \
        "json", CLI_FLAG, NULL, "as JSON", &(remote).json                                                    \
    }

/* 0, or the exit code after saying why. */
int cli_remote_open(struct cli_remote *remote);
void cli_remote_close(struct cli_remote *remote);

/* Says why a call returned `status`; returns the exit code. */
int cli_remote_fail(struct cli_remote *remote, int status);

/* Why the last call failed, in one sentence. Valid until the next call. */
const char *cli_remote_why(struct cli_remote *remote);

/* The JSON object that GET `path` gives, or NULL with *ret_status set. */
json_t *cli_remote_try(struct cli_remote *remote, const char *path, int *ret_status);
/* The same, or NULL with *ret_code set after saying why. */
json_t *cli_remote_get(struct cli_remote *remote, const char *path, int *ret_code);

/* Prints JSON as it is for scripts, one line; returns the exit code. */
int cli_print_json(const struct cli_command *command, json_t *json);

/* Which kind of thing /v1/status calls `name`. */
bool cli_status_has(const json_t *status, bool fleet, const char *name);

/* Whether the controller knows remote->fleet; false when it cannot be asked. */
bool cli_fleet_known(struct cli_remote *remote);
/* All names of a kind, with commas between; "none" when there is none. */
void cli_status_names(const json_t *status, bool fleets, char ret_text[CLI_NAMES_MAX]);

/* Fleet and instance, where not given: HEADGATE_FLEET, HEADGATE_INSTANCE (as `run` sets them for its
 * command), else the host's name. 0, or the exit code after saying what is missing or wrong. */
int cli_instance_names(const struct cli_command *command, const char **fleet, const char **instance);

#endif
