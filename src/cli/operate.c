#include "cli/operate.h"
#include "cli/text.h"
#include "headgate/errors.h"
#include "host/clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Whether the name is a fleet's: 0 or 1, or below 0 with *ret_code set after saying why. */
static int find_kind(struct cli_operate *operate, int *ret_code)
{
    const struct cli_command *command = operate->remote.command;
    json_t *status = cli_remote_get(&operate->remote, "/v1/status", ret_code);
    if (status == NULL) {
        return -1;
    }
    bool fleet = cli_status_has(status, true, operate->name);
    bool dependency = cli_status_has(status, false, operate->name);
    char fleets[CLI_NAMES_MAX], dependencies[CLI_NAMES_MAX];
    cli_status_names(status, true, fleets);
    cli_status_names(status, false, dependencies);
    json_decref(status);
    if (fleet && dependency) {
        *ret_code =
            cli_fail(command, CLI_USAGE,
                     "'%s' is a fleet and a dependency: say which with --kind fleet or --kind dependency",
                     operate->name);
        return -1;
    }
    if (!fleet && !dependency) {
        (void)cli_fail(command, 0,
                       "there is no dependency and no fleet '%s'; there are dependencies: %s; fleets: %s",
                       operate->name, dependencies, fleets);
        *ret_code = hg_error_exit_code(HG_E_NOT_FOUND);
        return -1;
    }
    return fleet ? 1 : 0;
}

static json_t *body_of(const struct cli_operate *operate)
{
    char ttl[32];
    json_t *body = json_object();
    bool ok = body != NULL;
    if (operate->reason != NULL) {
        ok = ok && json_object_set_new(body, "reason", json_string(operate->reason)) == 0;
    }
    if (operate->ttl_us > 0) {
        snprintf(ttl, sizeof(ttl), "%" PRId64 "ms", operate->ttl_us / 1000);
        ok = ok && json_object_set_new(body, "ttl", json_string(ttl)) == 0;
    }
    if (operate->rate >= 0) {
        ok = ok && json_object_set_new(body, "rate", json_real(operate->rate)) == 0;
    }
    if (operate->burst >= 0) {
        ok = ok && json_object_set_new(body, "burst", json_integer(operate->burst)) == 0;
    }
    if (operate->in_flight >= 0) {
        ok = ok && json_object_set_new(body, "in_flight", json_integer(operate->in_flight)) == 0;
    }
    if (!ok) {
        json_decref(body);
        return NULL;
    }
    return body;
}

static void say_limits(const struct cli_operate *operate)
{
    char number[48];
    const char *comma = "";
    if (operate->rate >= 0) {
        printf("%s a second", cli_number_text(operate->rate, number, sizeof(number)));
        comma = ", ";
    }
    if (operate->burst >= 0) {
        printf("%sbursts of %" PRId64, comma, operate->burst);
        comma = ", ";
    }
    if (operate->in_flight >= 0) {
        printf("%s%" PRId64 " in flight", comma, operate->in_flight);
    }
}

/* "Until 14:47:19 (1 h 00 min), or headgate release db." */
static void say_end(const struct cli_operate *operate, const json_t *override)
{
    char clock[48], left[48];
    const json_t *until = json_object_get(override, "until_ms");
    bool block = strcmp(operate->action, "block") == 0, pause = strcmp(operate->action, "pause") == 0;
    bool expires = json_is_integer(until) && strcmp(operate->action, "release") != 0;
    if (expires) {
        int64_t now_us = clock_wall_us(), until_us = (int64_t)json_integer_value(until) * 1000;
        int64_t left_us = operate->ttl_us > 0 ? operate->ttl_us : until_us - now_us;
        printf(" Until %s (%s)", cli_clock_text(until_us, now_us, clock, sizeof(clock)),
               cli_time_text(left_us, left, sizeof(left)));
    }
    if (block || pause) {
        printf("%s headgate %s %s%s", expires ? ", or" : " Until", block ? "release" : "resume",
               block || operate->kind == NULL ? ""
               : operate->kind[0] == 'f'      ? "--kind fleet "
                                              : "--kind dependency ",
               operate->name);
    }
    fputs(expires || block || pause ? ".\n" : "\n", stdout);
}

static const char *done_text(const char *action)
{
    static const char *const done[][2] = {{"pause", "paused: within a second nobody but --priority is granted"},
                                          {"resume", "resumed"},
                                          {"block", "blocked: within a second nobody but --priority is granted"},
                                          {"release", "released"}};
    for (size_t i = 0; i < sizeof(done) / sizeof(done[0]); i++) {
        if (strcmp(done[i][0], action) == 0) {
            return done[i][1];
        }
    }
    return "limited to ";
}

static int say_result(struct cli_operate *operate, const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    const json_t *override = json_object_get(json, "override");
    if (!json_is_object(override)) {
        json_decref(json);
        return cli_remote_fail(&operate->remote, HG_E_PROTOCOL);
    }
    if (operate->remote.json) {
        return cli_print_json(operate->remote.command, json);
    }
    printf("%s is %s", operate->name, done_text(operate->action));
    if (strcmp(operate->action, "limit") == 0) {
        say_limits(operate);
    }
    printf("%s%s%s.", operate->reason == NULL ? "" : " (", operate->reason == NULL ? "" : operate->reason,
           operate->reason == NULL ? "" : ")");
    say_end(operate, override);
    json_decref(json);
    return 0;
}

static int act(struct cli_operate *operate)
{
    char path[HG_NAME_MAX + 64], *text = NULL;
    int code = 0;
    int fleet = operate->kind == NULL ? find_kind(operate, &code) : operate->kind[0] == 'f';
    if (fleet < 0) {
        return code;
    }
    operate->remote.fleet = fleet == 1 ? operate->name : NULL;
    operate->remote.dependency = fleet == 1 ? NULL : operate->name;
    json_t *json = body_of(operate);
    char *body = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    json_decref(json);
    if (body == NULL) {
        return cli_fail(operate->remote.command, CLI_USAGE, "the reason is no valid UTF-8");
    }
    snprintf(path, sizeof(path), "/v1/%s/%s:%s", fleet == 1 ? "fleets" : "dependencies", operate->name,
             operate->action);
    int status = hg_client_call(operate->remote.client, "POST", path, body, &text);
    code = status == 0 ? say_result(operate, text) : cli_remote_fail(&operate->remote, status);
    free(text);
    free(body);
    return code;
}

/* What can be said without asking anybody. */
static int check(const struct cli_operate *operate)
{
    const struct cli_command *command = operate->remote.command;
    const char *name = operate->name;
    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") != strlen(name) || name[0] == '\0' ||
        strlen(name) > HG_NAME_MAX) {
        return cli_fail(command, CLI_USAGE, "'%s' is no name of a dependency or fleet", name);
    }
    if (operate->kind != NULL && strcmp(operate->kind, "fleet") != 0 &&
        strcmp(operate->kind, "dependency") != 0) {
        return cli_fail(command, CLI_USAGE, "--kind takes fleet or dependency, not '%s'", operate->kind);
    }
    if (operate->reason != NULL && operate->reason[strspn(operate->reason, " \t")] == '\0') {
        return cli_fail(command, CLI_USAGE, "--reason is empty: say why, for whoever finds it in force");
    }
    if (operate->ttl_us != 0 && operate->ttl_us < 1000000) {
        return cli_fail(command, CLI_USAGE, "--ttl is at least 1s");
    }
    return 0;
}

int cli_operate(struct cli_operate *operate)
{
    int code = check(operate);
    code = code != 0 ? code : cli_remote_open(&operate->remote);
    if (code == 0) {
        code = act(operate);
        cli_remote_close(&operate->remote);
    }
    return code;
}
