#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static void print_commands(FILE *out)
{
    fputs("usage: headgate COMMAND [OPTIONS]\n\n"
          "Lets a restarting fleet back in no faster than its recovered dependencies can take.\n\n",
          out);
    for (size_t i = 0; i < cli_command_count; i++) {
        fprintf(out, "  %-10s %s\n", cli_commands[i].name, cli_commands[i].summary);
    }
    fputs("\nheadgate COMMAND --help says more. Commands that talk to a controller take --server URL[,URL]\n"
          "or HEADGATE_SERVER (http://127.0.0.1:7070).\n\n"
          "exit: 0 done; 64 bad usage; 65 bad policy or input; 68 no such fleet,\n"
          "      dependency or instance; 69 no controller answers; 70 internal error;\n"
          "      73 no room; 74 input or output failed; 75 not now, try again; 77 quarantined\n",
          out);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_commands(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_commands(stdout);
        return 0;
    }
    const char *name = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
    for (size_t i = 0; i < cli_command_count; i++) {
        if (strcmp(cli_commands[i].name, name) == 0) {
            int code = cli_commands[i].run(&cli_commands[i], argc - 1, argv + 1);
            if (fflush(stdout) != 0 || ferror(stdout)) {
                perror("headgate: standard output");
                return code == 0 ? CLI_IO : code;
            }
            return code;
        }
    }
    fprintf(stderr, "headgate: there is no command '%s'; headgate --help lists them\n", argv[1]);
    return CLI_USAGE;
}
