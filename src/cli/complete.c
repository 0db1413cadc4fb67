#include "cli/cli.h"
#include "cli/remote.h"
#include "cli/text.h"
#include "headgate/errors.h"
#include "host/clock.h"

#include <stdlib.h>
#include <string.h>

#define TIMEOUT_US   INT64_C(60000000)
#define RETRY_MAX_US INT64_C(10000000)
#define RETRY_MIN_US INT64_C(250000)

const char cli_complete_help[] =
    "Says how a relaunch went: that the part of it which loads the dependency is\n"
    "over. The earlier it is said, the sooner the next one may come. Saying it twice\n"
    "is harmless, and a late \"recovered\" is welcome. While no controller answers it\n"
    "is tried again, up to --timeout.\n\n"
    "  headgate complete --fleet web\n"
    "  headgate complete --fleet web --instance host-1 --failed --reason 'schema mismatch'\n"
    "  headgate complete        # inside of headgate run, or with HEADGATE_FLEET and HEADGATE_INSTANCE "
    "set\n\n"
    "exit: 0 recorded; 64 bad usage; 68 no such fleet, or the instance has no\n"
    "      permit; 69 no controller answers; 75 the permit has expired, or belongs\n"
    "      to another life of the instance";

static int print_result(struct cli_remote *remote, const struct hg_client_ask *ask,
                        const struct hg_permit *permit)
{
    char time[48];
    const char *state = hg_permit_state_name(permit->state);
    if (remote->json) {
        return cli_print_json(remote->command,
                              json_pack("{s:s, s:s, s:s, s:b, s:I, s:I}", "state", state, "fleet", ask->fleet,
                                        "instance", ask->instance, "already", (int)permit->already, "attempt",
                                        (json_int_t)permit->attempt, "retry_after_ms",
                                        (json_int_t)(permit->retry_after_us / 1000)));
    }
    if (permit->state == HG_PERMIT_BACKOFF) {
        printf("%s/%s: failed; it may ask again in %s (attempt %lld)\n", ask->fleet, ask->instance,
               cli_time_text(permit->retry_after_us, time, sizeof(time)), (long long)permit->attempt);
    } else {
        printf("%s/%s: %s%s\n", ask->fleet, ask->instance, state,
               permit->already ? ", as was said before" : "");
    }
    return 0;
}

/* Says it until a controller has taken it. */
static int complete(struct cli_remote *remote, const struct hg_client_ask *ask, int64_t timeout_us)
{
    struct hg_permit permit = {0};
    int64_t give_up_us = clock_monotonic_us() + timeout_us, delay_us = RETRY_MIN_US;
    bool said = false;
    while (true) {
        int status = hg_client_complete(remote->client, ask, &permit);
        if (status == 0) {
            return print_result(remote, ask, &permit);
        }
        bool unable = hg_error_http_status(status) >= 500;
        int64_t asked_us = hg_client_retry_after_us(remote->client);
        int64_t left_us = give_up_us - clock_monotonic_us();
        if (status == HG_E_NOT_FOUND && permit.status == status && cli_fleet_known(remote)) {
            return cli_fail(remote->command, hg_error_exit_code(status),
                            "%s/%s holds no permit, and none that it had is remembered", ask->fleet,
                            ask->instance);
        }
        if (!unable || left_us <= 0) {
            return cli_remote_fail(remote, status);
        }
        if (!said) {
            (void)cli_fail(remote->command, 0, "%s; trying again", hg_client_error(remote->client));
            said = true;
        }
        int64_t wait_us = delay_us / 2 + (int64_t)(clock_seed() % (uint64_t)delay_us);
        wait_us = status != HG_E_UNREACHABLE && asked_us > wait_us ? asked_us : wait_us;
        cli_sleep_us(wait_us < left_us ? wait_us : left_us);
        delay_us = 2 * delay_us < RETRY_MAX_US ? 2 * delay_us : RETRY_MAX_US;
    }
}

/* --outcome, --failed and --reason must agree. 0, or the exit code. */
static int read_outcome(const struct cli_command *command, const char *outcome, bool failed,
                        const char *reason, bool *ret_recovered)
{
    if (outcome != NULL && strcmp(outcome, "recovered") != 0 && strcmp(outcome, "failed") != 0) {
        return cli_fail(command, CLI_USAGE, "--outcome takes recovered or failed, not '%s'", outcome);
    }
    if (failed && outcome != NULL && outcome[0] == 'r') {
        return cli_fail(command, CLI_USAGE, "--failed contradicts --outcome recovered");
    }
    *ret_recovered = !failed && (outcome == NULL || outcome[0] == 'r');
    if (reason != NULL && *ret_recovered) {
        return cli_fail(command, CLI_USAGE, "--reason goes with --failed");
    }
    return 0;
}

static bool is_set(const char *name, const char *value)
{
    const char *set = getenv(name);
    return set != NULL && value != NULL && strcmp(set, value) == 0;
}

/* The fence that `run` set for its command, if it is this instance that it runs; else 0. */
static int64_t fence_around(const struct hg_client_ask *ask)
{
    const char *fence = getenv("HEADGATE_FENCE");
    bool ours = is_set("HEADGATE_FLEET", ask->fleet) && is_set("HEADGATE_INSTANCE", ask->instance);
    int64_t number = fence != NULL && ours ? strtoll(fence, NULL, 10) : 0;
    return number > 0 ? number : 0;
}

int cli_complete(const struct cli_command *command, int argc, char **argv)
{
    struct cli_remote remote = {.command = command};
    struct hg_client_ask ask = {.fence = -1};
    const char *outcome = NULL;
    bool failed = false;
    int64_t timeout_us = TIMEOUT_US;
    const struct cli_option rows[] = {
        {"fleet", CLI_TEXT, "FLEET", "the fleet it belongs to (HEADGATE_FLEET)", &ask.fleet},
        {"instance", CLI_TEXT, "NAME", "its name in the fleet (HEADGATE_INSTANCE, else the host's name)",
         &ask.instance},
        {"outcome", CLI_TEXT, "WHAT", "recovered or failed (recovered)", &outcome},
        {"failed", CLI_FLAG, NULL, "the same as --outcome failed", &failed},
        {"reason", CLI_TEXT, "TEXT", "why it failed, for whoever looks into it", &ask.reason},
        {"fence", CLI_INTEGER, "N",
         "the permit that is meant, as acquire printed it; 0: the one it\nholds "
         "(HEADGATE_FENCE, else 0)",
         &ask.fence, .min = 0, .max = 9007199254740991.0},
        {"timeout", CLI_DURATION, "TIME", "how long to try while no controller can take it (1m)",
         &timeout_us},
        CLI_REMOTE_ROWS(remote),
    };
    struct cli_parse parse = {.command = command,
                              .options = rows,
                              .option_count = sizeof(rows) / sizeof(rows[0]),
                              .options_anywhere = true};
    int code = cli_parse(&parse, argc, argv);
    if (code >= 0) {
        return code;
    }
    code = read_outcome(command, outcome, failed, ask.reason, &ask.recovered);
    code = code != 0 ? code : cli_instance_names(command, &ask.fleet, &ask.instance);
    remote.fleet = ask.fleet;
    ask.fence = ask.fence < 0 ? fence_around(&ask) : ask.fence;
    code = code != 0 ? code : cli_remote_open(&remote);
    if (code == 0) {
        code = complete(&remote, &ask, timeout_us);
        cli_remote_close(&remote);
    }
    return code;
}
