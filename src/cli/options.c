#include "cli/cli.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_COLUMN     26
#define DURATION_MAX_US (INT64_C(400) * 86400 * 1000000)

int cli_fail(const struct cli_command *command, int code, const char *format, ...)
{
    va_list arguments;
    fflush(stdout);
    fprintf(stderr, "headgate %s: ", command->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return code;
}

bool cli_duration(const char *text, int64_t *ret_us)
{
    static const struct {
        const char *name;
        double us;
    } units[] = {{"ms", 1e3}, {"s", 1e6}, {"m", 60e6}, {"h", 3600e6}, {"d", 86400e6}};
    char *end = NULL;
    errno = 0;
    double number = strtod(text, &end);
    if (end == text || errno != 0 || !(number >= 0) || text[0] < '0' || text[0] > '9') {
        return false;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].name) == 0 && number * units[i].us <= (double)DURATION_MAX_US) {
            *ret_us = (int64_t)llround(number * units[i].us);
            return true;
        }
    }
    return false;
}

const char *cli_servers(const char *given)
{
    const char *set = given != NULL ? given : getenv("HEADGATE_SERVER");
    return set != NULL && set[0] != '\0' ? set : "http://127.0.0.1:7070";
}

static const char *const value_names[CLI_KIND_COUNT] = {
    [CLI_TEXT] = "TEXT", [CLI_LIST] = "VALUE...", [CLI_INTEGER] = "N", [CLI_NUMBER] = "X",
    [CLI_DURATION] = "TIME"};

/* The text, its lines indented to the column. */
static void print_option(const char *name, const char *value_name, const char *text)
{
    char left[64];
    int width = snprintf(left, sizeof(left), "  --%s%s%s", name, value_name == NULL ? "" : " ",
                         value_name == NULL ? "" : value_name);
    printf("%-*s%s", HELP_COLUMN, left, width >= HELP_COLUMN ? "\n                          " : "");
    for (; *text != '\0'; text++) {
        putchar(*text);
        if (*text == '\n') {
            printf("%*s", HELP_COLUMN, "");
        }
    }
    putchar('\n');
}

static void print_help(const struct cli_parse *parse)
{
    const struct cli_command *command = parse->command;
    printf("usage: headgate %s%s%s\n\n%s\n\noptions:\n", command->name, command->usage[0] == '\0' ? "" : " ",
           command->usage, command->help);
    for (size_t i = 0; i < parse->option_count; i++) {
        const struct cli_option *option = &parse->options[i];
        print_option(option->name,
                     option->value_name != NULL ? option->value_name : value_names[option->kind], option->text);
    }
    print_option("help", NULL, "this text");
}

static int misuse(const struct cli_parse *parse, const char *what, const char *value)
{
    return cli_fail(parse->command, CLI_USAGE, "%s%s%s; see headgate %s --help", what,
                    value[0] == '\0' ? "" : " ", value, parse->command->name);
}

static bool number_of(const struct cli_option *option, const char *text, double *ret_number)
{
    char *end = NULL;
    errno = 0;
    *ret_number = strtod(text, &end);
    bool whole = option->kind == CLI_NUMBER || strspn(text, "-0123456789") == strlen(text);
    return end != text && *end == '\0' && errno == 0 && isfinite(*ret_number) && whole &&
           (option->max == 0 || (*ret_number >= option->min && *ret_number <= option->max));
}

/* Returns false with `ret_wanted` saying what the option takes. */
static bool set_value(const struct cli_option *option, const char *text, char *ret_wanted, size_t size)
{
    double number = 0;
    struct cli_list *list = option->target;
    switch (option->kind) {
    case CLI_TEXT:
        *(const char **)option->target = text;
        return true;
    case CLI_LIST:
        if (list->count == CLI_LIST_MAX) {
            snprintf(ret_wanted, size, "takes at most %d values", CLI_LIST_MAX);
            return false;
        }
        list->values[list->count++] = text;
        return true;
    case CLI_DURATION:
        snprintf(ret_wanted, size, "takes a time such as 250ms, 30s, 5m or 1h, not '%s'", text);
        return cli_duration(text, option->target);
    case CLI_INTEGER:
    case CLI_NUMBER:
        if (number_of(option, text, &number)) {
            if (option->kind == CLI_INTEGER) {
                *(int64_t *)option->target = (int64_t)number;
            } else {
                *(double *)option->target = number;
            }
            return true;
        }
        if (option->max != 0) {
            snprintf(ret_wanted, size, "takes a number from %.12g to %.12g, not '%s'", option->min, option->max,
                     text);
        } else {
            snprintf(ret_wanted, size, "takes a number, not '%s'", text);
        }
        return false;
    case CLI_FLAG:
    case CLI_KIND_COUNT:
        break;
    }
    return true;
}

static const struct cli_option *find_option(const struct cli_parse *parse, const char *name, size_t size)
{
    for (size_t i = 0; i < parse->option_count; i++) {
        if (strlen(parse->options[i].name) == size && memcmp(parse->options[i].name, name, size) == 0) {
            return &parse->options[i];
        }
    }
    return NULL;
}

/* One option at argv[at]; returns the index after it, or 0 after a mistake that has been said. */
static int read_option(struct cli_parse *parse, int argc, char **argv, int at, bool *given)
{
    const char *name = argv[at] + 2;
    const char *equals = strchr(name, '=');
    const struct cli_option *option =
        find_option(parse, name, equals == NULL ? strlen(name) : (size_t)(equals - name));
    char wanted[256] = "", said[320];
    if (option == NULL) {
        misuse(parse, "there is no option", argv[at]);
        return 0;
    }
    given[option - parse->options] = true;
    if (option->kind == CLI_FLAG) {
        *(bool *)option->target = true;
        if (equals != NULL) {
            misuse(parse, "this option takes no value:", argv[at]);
        }
        return equals != NULL ? 0 : at + 1;
    }
    const char *value = equals != NULL ? equals + 1 : at + 1 < argc ? argv[++at] : NULL;
    bool ok = value != NULL && set_value(option, value, wanted, sizeof(wanted));
    while (ok && option->kind == CLI_LIST && equals == NULL && at + 1 < argc && argv[at + 1][0] != '-') {
        ok = set_value(option, argv[++at], wanted, sizeof(wanted));
    }
    if (!ok) {
        snprintf(said, sizeof(said), "--%s %s", option->name, value == NULL ? "takes a value" : wanted);
        misuse(parse, said, "");
        return 0;
    }
    return at + 1;
}

static int check_wanted(const struct cli_parse *parse, const bool *given)
{
    for (size_t i = 0; i < parse->option_count; i++) {
        if (parse->options[i].required && !given[i]) {
            char said[128];
            snprintf(said, sizeof(said), "--%s %s is missing", parse->options[i].name,
                     parse->options[i].value_name == NULL ? value_names[parse->options[i].kind]
                                                          : parse->options[i].value_name);
            return misuse(parse, said, "");
        }
    }
    if (parse->rest_count < parse->rest_min) {
        char said[256];
        snprintf(said, sizeof(said), "something is missing: headgate %s %s", parse->command->name,
                 parse->command->usage);
        return misuse(parse, said, "");
    }
    return parse->rest_count > parse->rest_max
               ? misuse(parse, "unexpected argument", parse->rest[parse->rest_max])
               : -1;
}

int cli_parse(struct cli_parse *parse, int argc, char **argv)
{
    bool given[64] = {false};
    int at = 1, kept = 0;
    while (at < argc) {
        bool option = argv[at][0] == '-' && argv[at][1] != '\0';
        if (!option && !parse->options_anywhere) {
            break;
        }
        if (!option) {
            argv[1 + kept++] = argv[at++]; /* never before what is read: 1 + kept <= at */
            continue;
        }
        if (strcmp(argv[at], "--") == 0) {
            at++;
            break;
        }
        if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0) {
            print_help(parse);
            return 0;
        }
        if (argv[at][1] != '-') {
            return misuse(parse, "there is no option", argv[at]);
        }
        at = read_option(parse, argc, argv, at, given);
        if (at == 0) {
            return CLI_USAGE;
        }
    }
    if (parse->options_anywhere) {
        while (at < argc) {
            argv[1 + kept++] = argv[at++];
        }
    }
    parse->rest = parse->options_anywhere ? argv + 1 : argv + at;
    parse->rest_count = (size_t)(parse->options_anywhere ? kept : argc - at);
    return check_wanted(parse, given);
}
