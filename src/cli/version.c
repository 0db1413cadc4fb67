#include "cli/cli.h"
#include "demo/demo.h"
#include "headgate/version.h"

#include <stdio.h>

int cli_version(const struct cli_command *command, int argc, char **argv)
{
    bool json = false;
    const struct cli_option rows[] = {{"json", CLI_FLAG, NULL, "as JSON", &json}};
    struct cli_parse parse = {command, rows, 1};
    int code = cli_parse(&parse, argc, argv);
    if (code >= 0) {
        return code;
    }
    printf(json ? "{\"version\":\"%s\"}\n" : "headgate %s\n", hg_version());
    return 0;
}

int cli_demo(const struct cli_command *command, int argc, char **argv)
{
    (void)command;
    return demo_main(argc, argv);
}
