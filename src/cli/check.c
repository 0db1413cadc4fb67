#include "cli/cli.h"
#include "headgate/errors.h"
#include "headgate/policy.h"

int cli_check(const struct cli_command *command, int argc, char **argv)
{
    struct cli_parse parse = {command, NULL, 0, 1, CLI_LIST_MAX};
    int code = cli_parse(&parse, argc, argv);
    if (code >= 0) {
        return code;
    }
    struct hg_policy_set *set = NULL;
    struct hg_policy_errors errors;
    int status = hg_policy_set_load((const char *const *)parse.rest, parse.rest_count, &set, &errors);
    hg_policy_errors_print(&errors, stderr);
    if (status != 0 && errors.count == 0) {
        (void)cli_fail(command, 0, "%s", hg_strerror(status));
    }
    hg_policy_errors_finish(&errors);
    hg_policy_set_destroy(set);
    return status == 0 ? 0 : hg_error_exit_code(status);
}
