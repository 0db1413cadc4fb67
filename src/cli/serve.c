#include "cli/cli.h"
#include "host/daemon.h"

#include <string.h>

int cli_serve(const struct cli_command *command, int argc, char **argv)
{
    struct cli_list policies = {.count = 0};
    struct daemon_options options = {.listen = DAEMON_LISTEN_DEFAULT, .store = DAEMON_STORE_DEFAULT};
    const char *format = "logfmt";
    const struct cli_option rows[] = {
        {"policies", CLI_LIST, "FILE|DIR...", "policy files; a directory stands for its *.json", &policies, true},
        {"listen", CLI_TEXT, "HOST:PORT", "a loopback address, or unix:/path (" DAEMON_LISTEN_DEFAULT ")",
         &options.listen},
        {"store", CLI_TEXT, "URL", "memory:, memory:DIR or redis://[[user]:pass@]host:port/db (memory:)",
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
