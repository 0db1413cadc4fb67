#include "cli/status.h"
#include "cli/text.h"
#include "headgate/errors.h"
#include "host/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text == NULL ? "" : text;
}

static int64_t us_of(const json_t *json, const char *name)
{
    return (int64_t)json_integer_value(json_object_get(json, name)) * 1000;
}

/* " since 13:20:05, 2 min ago"; nothing when that is not known. */
static void say_when(const json_t *answer, const char *word, int64_t now_us)
{
    char clock[48], time[48];
    int64_t since_us = us_of(answer, "since_ms");
    if (since_us > 0) {
        printf(" %s %s, %s ago", word, cli_clock_text(since_us, now_us, clock, sizeof(clock)),
               cli_time_text(now_us > since_us ? now_us - since_us : 0, time, sizeof(time)));
    }
}

static void say_reasons(const json_t *answer)
{
    size_t i;
    json_t *reason;
    json_array_foreach(json_object_get(answer, "reasons"), i, reason)
    {
        printf("%s %s\n", i == 0 ? "It failed last with:" : "           before:", json_string_value(reason));
    }
}

/* Phase and reason of the dependency that holds it up. */
static void say_dependency(const json_t *status, const char *name)
{
    size_t p, d;
    json_t *policy, *dependency;
    json_array_foreach(json_object_get(status, "policies"), p, policy)
    {
        json_array_foreach(json_object_get(policy, "dependencies"), d, dependency)
        {
            const char *why = text_of(dependency, "why");
            if (strcmp(text_of(dependency, "dependency"), name) == 0) {
                printf("%s is %s%s%s; %" PRId64 " in flight to it, %" PRId64 " allowed.\n", name,
                       text_of(dependency, "phase"), why[0] == '\0' ? "" : ": ", why,
                       (int64_t)json_integer_value(json_object_get(dependency, "in_flight")),
                       (int64_t)json_integer_value(json_object_get(dependency, "window")));
            }
        }
    }
}

static void say_waiting(const json_t *answer, const json_t *status)
{
    char count[32], time[48];
    const char *dependency = text_of(json_object_get(answer, "limited_by"), "dependency");
    const json_t *eta = json_object_get(answer, "eta_ms");
    int64_t position = (int64_t)json_integer_value(json_object_get(answer, "position"));
    if (position > 0) {
        printf("%s before it in the %s line", cli_count_text(position, count, sizeof(count)),
               text_of(answer, "line"));
    } else {
        printf("Its turn has come");
    }
    if (json_is_integer(eta)) {
        printf("; it is let through in about %s",
               cli_time_text((int64_t)json_integer_value(eta) * 1000, time, sizeof(time)));
    }
    const char *limit = text_of(json_object_get(answer, "limited_by"), "limit");
    bool told = strcmp(limit, "line") == 0 || strcmp(limit, "none") == 0 || limit[0] == '\0';
    printf(", when it asks then.\n%s%s", told ? "" : text_of(answer, "detail"), told ? "" : "\n");
    if (dependency[0] != '\0') {
        say_dependency(status, dependency);
    }
}

static void say(const json_t *answer, const json_t *status)
{
    char time[48];
    int64_t now_us = clock_wall_us();
    const char *state = text_of(answer, "state"), *fleet = text_of(answer, "fleet");
    const char *instance = text_of(answer, "instance");
    int64_t attempt = (int64_t)json_integer_value(json_object_get(answer, "attempt"));
    printf("%s/%s", fleet, instance);
    if (strcmp(state, "waiting") == 0 || strcmp(state, "blocked") == 0) {
        printf(" waits for its permit (attempt %" PRId64 ")", attempt);
        say_when(answer, "since", now_us);
        printf(".\n");
        say_waiting(answer, status);
    } else if (strcmp(state, "granted") == 0) {
        printf(" holds a permit (attempt %" PRId64 ", fence %" PRId64 ")", attempt,
               (int64_t)json_integer_value(json_object_get(answer, "fence")));
        say_when(answer, "since", now_us);
        printf(
            ", for another %s.\nIt has been let through: if it is not up, it is starting, or it failed and "
            "nobody "
            "has said so.\nUnless it is renewed or completed, the lease runs out and counts as a failure.\n",
            cli_time_text(us_of(answer, "lease_ms"), time, sizeof(time)));
    } else if (strcmp(state, "backoff") == 0) {
        printf(" failed");
        say_when(answer, "at", now_us);
        printf(", and backs off: attempt %" PRId64 " may be asked for in %s.\n", attempt,
               cli_time_text(us_of(answer, "retry_after_ms"), time, sizeof(time)));
    } else if (strcmp(state, "quarantined") == 0) {
        printf(" is quarantined");
        say_when(answer, "since", now_us);
        printf(", after %" PRId64 " failed %s.\nFind out why, then: headgate release --fleet %s %s\n",
               attempt > 1 ? attempt - 1 : 1, attempt > 2 ? "attempts" : "attempt", fleet, instance);
    } else if (strcmp(state, "recovered") == 0) {
        printf(" has recovered");
        say_when(answer, "at", now_us);
        printf(". Nothing here keeps it down.\n");
    } else {
        printf(" has never asked for a permit, or that was forgotten.\nNothing here keeps it down: see "
               "whether it is "
               "started at all, and asks under this name.\n");
    }
    say_reasons(answer);
}

int status_instance(struct cli_remote *remote, const char *instance)
{
    char path[HG_NAME_MAX + HG_INSTANCE_MAX + 64];
    int code = 0;
    int written = snprintf(path, sizeof(path), "/v1/fleets/%s/instances/%s", remote->fleet, instance);
    if (written < 0 || (size_t)written >= sizeof(path) || strpbrk(remote->fleet, "/?#% ") != NULL ||
        strpbrk(instance, "/?#% ") != NULL || instance[0] == '\0') {
        return cli_fail(remote->command, CLI_USAGE, "'%s' in '%s' is no instance's name", instance,
                        remote->fleet);
    }
    json_t *answer = cli_remote_get(remote, path, &code);
    if (answer == NULL) {
        return code;
    }
    if (remote->json) {
        return cli_print_json(remote->command, answer);
    }
    json_t *status = cli_remote_get(remote, "/v1/status", &code);
    if (status != NULL) {
        say(answer, status);
    }
    json_decref(answer);
    json_decref(status);
    return code;
}
