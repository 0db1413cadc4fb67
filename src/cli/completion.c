#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

const char cli_completion_help[] = "Prints what bash needs to complete the commands and their options.\n\n"
                                   "  source <(headgate completion bash)\n"
                                   "  headgate completion bash >/etc/bash_completion.d/headgate";

/* The options of a command are what its --help lists: both come from the same rows. */
static const char script[] =
    "_headgate() {\n"
    "  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}\n"
    "  COMPREPLY=()\n"
    "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$_headgate_commands\" -- \"$word\")\n"
    "  elif [[ $word == -* ]]; then\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$(\"${COMP_WORDS[0]}\" \"$command\" --help 2>/dev/null |\n"
    "      sed -n 's/^  \\(--[a-z-]*\\).*/\\1/p')\" -- \"$word\")\n"
    "  else\n"
    "    case $previous in\n"
    "    --outcome) mapfile -t COMPREPLY < <(compgen -W 'recovered failed' -- \"$word\") ;;\n"
    "    --on-unreachable) mapfile -t COMPREPLY < <(compgen -W 'wait proceed fail' -- \"$word\") ;;\n"
    "    --log-format) mapfile -t COMPREPLY < <(compgen -W 'logfmt json' -- \"$word\") ;;\n"
    "    *) mapfile -t COMPREPLY < <(compgen -f -- \"$word\") ;;\n"
    "    esac\n"
    "  fi\n"
    "}\n"
    "complete -o filenames -F _headgate headgate\n";

int cli_completion(const struct cli_command *command, int argc, char **argv)
{
    struct cli_parse parse = {.command = command, .rest_min = 1, .rest_max = 1};
    int code = cli_parse(&parse, argc, argv);
    if (code >= 0) {
        return code;
    }
    if (strcmp(parse.rest[0], "bash") != 0) {
        return cli_fail(command, CLI_USAGE, "there are words for bash only, not for '%s'", parse.rest[0]);
    }
    fputs("_headgate_commands='", stdout);
    for (size_t i = 0; i < cli_command_count; i++) {
        printf("%s%s", i > 0 ? " " : "", cli_commands[i].name);
    }
    printf("'\n%s", script);
    return 0;
}
