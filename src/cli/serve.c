#include "cli/cli.h"
#include "host/daemon.h"

#include <stdlib.h>
#include <string.h>

/* The store's URL may hold a password, which others see in a command line: the environment is for our eyes only, and not for
 * those of the commands that exec probes run. */
static const char *store_of_environment(void)
{
    static char *kept; /* what getenv() gives ends with unsetenv() */
    const char *set = getenv("HEADGATE_STORE");
    kept = set == NULL || set[0] == '\0' ? NULL : strdup(set);
    unsetenv("HEADGATE_STORE");
    return kept != NULL ? kept : DAEMON_STORE_DEFAULT;
}

int cli_serve(const struct cli_command *command, int argc, char **argv)
{
    struct cli_list policies = {.count = 0};
    struct daemon_options options = {.listen = DAEMON_LISTEN_DEFAULT, .store = store_of_environment()};
    const char *format = "logfmt";
    const struct cli_option rows[] = {
        {"policies", CLI_LIST, "FILE|DIR...", "policy files; a directory stands for its *.json", &policies, true},
        {"listen", CLI_TEXT, "HOST:PORT", "a loopback address, or unix:/path (" DAEMON_LISTEN_DEFAULT ")",
         &options.listen},
        {"store", CLI_TEXT, "URL", "memory:, memory:DIR or redis://[[user]:pass@]host:port/db\n"
         "(HEADGATE_STORE, which hides a password from ps; memory:)",
         &options.store},
        {"new-store", CLI_FLAG, NULL, "nothing is relaunching now: trust an empty store at once",
         &options.new_store},
        {"log-format", CLI_TEXT, "FORMAT", "logfmt or json (logfmt)", &format},
        {"controller-id", CLI_TEXT, "NAME", "this controller's name among those of the store (made from host\n"
                                            "and pid)",
         &options.controller_id},
    };
    struct cli_parse parse = {command, rows, sizeof(rows) / sizeof(rows[0])};
    int code = cli_parse(&parse, argc, argv);
    if (code >= 0) {
        return code;
    }
    if (strcmp(format, "logfmt") != 0 && strcmp(format, "json") != 0) {
        return cli_fail(command, CLI_USAGE, "--log-format takes logfmt or json, not '%s'", format);
    }
    if (options.controller_id != NULL && strlen(options.controller_id) > 64) {
        return cli_fail(command, CLI_USAGE, "--controller-id takes at most 64 bytes");
    }
    options.json_log = format[0] == 'j';
    options.policies = policies.values;
    options.policy_count = policies.count;
    return daemon_run(&options);
}
