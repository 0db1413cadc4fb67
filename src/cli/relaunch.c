#include "cli/cli.h"

int cli_relaunch(const struct cli_command *command, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return cli_fail(command, 70, "not built");
}
