#include "cli/cli.h"
#include "cli/notify.h"
#include "cli/place.h"
#include "cli/remote.h"
#include "cli/text.h"
#include "headgate/errors.h"
#include "host/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MIN_US          50000
#define AWAY_WAIT_FIRST_US   INT64_C(500000)
#define AWAY_WAIT_MAX_US     INT64_C(10000000)
#define UNREACHABLE_AFTER_US INT64_C(10000000)
#define BOOT_ID_MAX          64

const char cli_acquire_help[] =
    "Asks for the permit of one instance and waits until it is granted, then prints\n\n"
    "  HEADGATE_FENCE=1764000000123456\n"
    "  HEADGATE_ATTEMPT=1\n"
    "  HEADGATE_LEASE_MS=60000\n\n"
    "and exits 0. The lease runs from then on: start the instance and say how it\n"
    "went with headgate complete before it has run out, or the attempt counts as\n"
    "failed. Asking again is always safe: the permit, or the place in line, is kept\n"
    "by the instance's name, through ^C, --timeout and restarts. How it stands is\n"
    "shown on stderr, and told to systemd (whose start time-out is moved along;\n"
    "NotifyAccess=exec).\n\n"
    "  headgate acquire --fleet web && systemctl start my-service && headgate complete --fleet web\n"
    "  eval \"$(headgate acquire --fleet web --instance host-1)\"    # for $HEADGATE_FENCE\n"
    "  headgate acquire --fleet web --no-wait || echo 'not yet'\n\n"
    "exit: 0 granted (or --on-unreachable proceed); 64 bad usage; 68 no such fleet;\n"
    "      69 no controller answers; 75 not granted with --no-wait or in --timeout;\n"
    "      77 quarantined";

enum on_unreachable {
    ON_UNREACHABLE_WAIT,
    ON_UNREACHABLE_PROCEED,
    ON_UNREACHABLE_FAIL,
    ON_UNREACHABLE_COUNT
};

struct acquire {
    struct cli_remote remote;
    struct cli_place place;
    struct hg_client_ask ask;
    struct hg_permit permit; /* the last answer */
    bool answered;           /* there is one */
    bool no_wait;
    enum on_unreachable on_unreachable;
    int64_t unreachable_after_us;
    int64_t timeout_us;
    int64_t began_us;
    int64_t away_us; /* since when no controller answers; 0: one does */
    int64_t away_count;
};

static int print_permit(const struct acquire *acquire, const char *state, int code)
{
    const struct hg_permit *permit = &acquire->permit;
    bool granted = code == 0;
    if (!acquire->remote.json) {
        if (granted) {
            printf("HEADGATE_FENCE=%" PRId64 "\nHEADGATE_ATTEMPT=%" PRId64 "\nHEADGATE_LEASE_MS=%" PRId64
                   "\n",
                   permit->fence, permit->attempt, permit->lease_us / 1000);
        }
        return code;
    }
    json_t *json = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:b, s:I}", "state", state, "fleet",
                             acquire->ask.fleet, "instance", acquire->ask.instance, "fence",
                             (json_int_t)permit->fence, "attempt", (json_int_t)permit->attempt, "lease_ms",
                             (json_int_t)(permit->lease_us / 1000), "already", (int)permit->already,
                             "waited_ms", (json_int_t)((clock_monotonic_us() - acquire->began_us) / 1000));
    if (json != NULL && !granted) {
        json_object_set_new(json, "position", json_integer(permit->position));
        json_object_set_new(json, "eta_ms",
                            permit->eta_us < 0 ? json_null() : json_integer(permit->eta_us / 1000));
        json_object_set_new(json, "retry_after_ms", json_integer(permit->retry_after_us / 1000));
        json_object_set_new(json, "ticket", json_string(permit->ticket));
        json_object_set_new(json, "limit", json_string(permit->limit));
        json_object_set_new(json, "dependency", json_string(permit->dependency));
        json_object_set_new(json, "detail", json_string(permit->detail));
        json_object_set_new(json, "reason", json_string(permit->reason));
    }
    int status = cli_print_json(acquire->remote.command, json);
    return status == 0 ? code : status;
}

/* The end without a permit that can still come. */
static int give_up(struct acquire *acquire, int64_t now_us)
{
    char waited[32];
    const char *state = acquire->answered ? hg_permit_state_name(acquire->permit.state) : "none";
    cli_place_clear(&acquire->place);
    if (acquire->away_us != 0) {
        (void)cli_remote_fail(&acquire->remote, HG_E_UNREACHABLE);
        return print_permit(acquire, "unreachable", CLI_UNAVAILABLE);
    }
    if (acquire->no_wait) {
        (void)cli_fail(acquire->remote.command, 0, "not yet: %s", cli_place_text(&acquire->place));
    } else {
        (void)cli_fail(acquire->remote.command, 0, "not granted within %s: %s; its place is kept",
                       cli_time_text(now_us - acquire->began_us, waited, sizeof(waited)),
                       cli_place_text(&acquire->place));
    }
    return print_permit(acquire, state, CLI_TRY_AGAIN);
}

static int proceed(struct acquire *acquire)
{
    cli_place_clear(&acquire->place);
    (void)cli_fail(acquire->remote.command, 0, "%s; going on without a permit, as --on-unreachable says",
                   hg_client_error(acquire->remote.client));
    acquire->permit = (struct hg_permit){0};
    cli_notify("no controller answers: going on without a permit", 0);
    return print_permit(acquire, "unreachable", 0);
}

/* What follows from an answer: -1 to go on, or the exit code; *ret_delay_us says when to ask again. */
static int on_answer(struct acquire *acquire, int64_t now_us, int64_t *ret_delay_us)
{
    acquire->away_us = acquire->away_count = 0;
    acquire->answered = true;
    if (acquire->permit.state == HG_PERMIT_GRANTED) {
        cli_place_clear(&acquire->place);
        cli_notify("granted", 0);
        return print_permit(acquire, "granted", 0);
    }
    cli_place_set(&acquire->place, &acquire->permit, now_us);
    acquire->ask.ticket = acquire->permit.ticket;
    *ret_delay_us =
        acquire->permit.retry_after_us > WAIT_MIN_US ? acquire->permit.retry_after_us : WAIT_MIN_US;
    return acquire->no_wait ? give_up(acquire, now_us) : -1;
}

static int on_quarantined(struct acquire *acquire)
{
    const struct hg_permit *permit = &acquire->permit;
    const char *fleet = acquire->ask.fleet, *instance = acquire->ask.instance;
    cli_place_clear(&acquire->place);
    (void)cli_fail(
        acquire->remote.command, 0,
        "%s/%s is quarantined: it failed too often%s%s. Find out why, then: headgate release --fleet %s %s",
        fleet, instance, permit->reason[0] == '\0' ? "" : ", last with: ", permit->reason, fleet, instance);
    return print_permit(acquire, "quarantined", CLI_QUARANTINED);
}

/* No controller answered, or none could: the same as on_answer(). */
static int on_error(struct acquire *acquire, int status, int64_t now_us, int64_t *ret_delay_us)
{
    bool away = status == HG_E_UNREACHABLE || status == HG_E_PROTOCOL;
    if (!away && hg_error_http_status(status) < 500) {
        cli_place_clear(&acquire->place);
        return cli_remote_fail(&acquire->remote, status);
    }
    if (away && acquire->away_us == 0) {
        acquire->away_us = now_us;
    }
    acquire->away_us = away ? acquire->away_us : 0;
    bool over = away && (acquire->no_wait || now_us - acquire->away_us >= acquire->unreachable_after_us);
    if (over && acquire->on_unreachable == ON_UNREACHABLE_PROCEED) {
        return proceed(acquire);
    }
    if (acquire->no_wait || (over && acquire->on_unreachable == ON_UNREACHABLE_FAIL)) {
        cli_place_clear(&acquire->place);
        return cli_remote_fail(&acquire->remote, status);
    }
    cli_place_set_error(&acquire->place, hg_client_error(acquire->remote.client), now_us);
    int64_t asked_us = hg_client_retry_after_us(acquire->remote.client);
    int64_t backoff_us = AWAY_WAIT_FIRST_US << (acquire->away_count < 5 ? acquire->away_count : 5);
    acquire->away_count++;
    backoff_us = backoff_us < AWAY_WAIT_MAX_US ? backoff_us : AWAY_WAIT_MAX_US;
    backoff_us =
        backoff_us / 2 + (int64_t)(clock_seed() % (uint64_t)(backoff_us / 2)); /* a herd must not form */
    *ret_delay_us = !away && asked_us > backoff_us ? asked_us : backoff_us;
    return -1;
}

static int wait_for_permit(struct acquire *acquire)
{
    acquire->began_us = clock_monotonic_us();
    cli_place_begin(&acquire->place, acquire->remote.command, acquire->ask.fleet, acquire->ask.instance,
                    acquire->began_us);
    while (true) {
        int64_t delay_us = 0;
        int status = hg_client_acquire(acquire->remote.client, &acquire->ask, &acquire->permit);
        int64_t now_us = clock_monotonic_us();
        int code = status == 0                  ? on_answer(acquire, now_us, &delay_us)
                   : status == HG_E_QUARANTINED ? on_quarantined(acquire)
                                                : on_error(acquire, status, now_us, &delay_us);
        if (code >= 0) {
            return code;
        }
        int64_t until_us = now_us + delay_us;
        int64_t give_up_us = acquire->timeout_us == 0 ? INT64_MAX : acquire->began_us + acquire->timeout_us;
        cli_place_wait(&acquire->place, until_us < give_up_us ? until_us : give_up_us);
        if (clock_monotonic_us() >= give_up_us) {
            return give_up(acquire, clock_monotonic_us());
        }
    }
}

static bool read_unreachable(const char *text, enum on_unreachable *ret_mode)
{
    static const char *const names[ON_UNREACHABLE_COUNT] = {"wait", "proceed", "fail"};
    for (int i = 0; i < ON_UNREACHABLE_COUNT; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret_mode = (enum on_unreachable)i;
            return true;
        }
    }
    return false;
}

int cli_acquire(const struct cli_command *command, int argc, char **argv)
{
    struct acquire acquire = {.remote = {.command = command}, .unreachable_after_us = UNREACHABLE_AFTER_US};
    const char *unreachable = "wait";
    const struct cli_option rows[] = {
        {"fleet", CLI_TEXT, "FLEET", "the fleet it belongs to (HEADGATE_FLEET)", &acquire.ask.fleet},
        {"instance", CLI_TEXT, "NAME", "its name in the fleet (HEADGATE_INSTANCE, else the host's name)",
         &acquire.ask.instance},
        CLI_REMOTE_ROWS(acquire.remote),
        {"timeout", CLI_DURATION, "TIME", "not granted by then: exit 75, its place is kept (none)",
         &acquire.timeout_us},
        {"no-wait", CLI_FLAG, NULL, "ask once; exit 75 when it is not granted at once", &acquire.no_wait},
        {"on-unreachable", CLI_TEXT, "WHAT",
         "when no controller answers: wait, proceed (exit 0 without\na permit, HEADGATE_FENCE=0) or fail "
         "(wait)",
         &unreachable},
        {"unreachable-after", CLI_DURATION, "TIME", "for how long none must have answered (10s)",
         &acquire.unreachable_after_us},
        {"boot-id", CLI_TEXT, "ID",
         "tells one life of the instance from the next: another than\nbefore ends the permit it had as "
         "failed (none)",
         &acquire.ask.boot_id},
        {"priority", CLI_FLAG, NULL, "take the reserved lane, past the line: for break-glass",
         &acquire.ask.priority},
    };
    struct cli_parse parse = {.command = command,
                              .options = rows,
                              .option_count = sizeof(rows) / sizeof(rows[0]),
                              .options_anywhere = true};
    int code = cli_parse(&parse, argc, argv);
    if (code >= 0) {
        return code;
    }
    if (!read_unreachable(unreachable, &acquire.on_unreachable)) {
        return cli_fail(command, CLI_USAGE, "--on-unreachable takes wait, proceed or fail, not '%s'",
                        unreachable);
    }
    if (acquire.ask.boot_id != NULL && strlen(acquire.ask.boot_id) > BOOT_ID_MAX) {
        return cli_fail(command, CLI_USAGE, "--boot-id takes at most %d bytes", BOOT_ID_MAX);
    }
    code = cli_instance_names(command, &acquire.ask.fleet, &acquire.ask.instance);
    acquire.remote.fleet = acquire.ask.fleet;
    code = code != 0 ? code : cli_remote_open(&acquire.remote);
    if (code == 0) {
        code = wait_for_permit(&acquire);
        cli_remote_close(&acquire.remote);
    }
    return code;
}
