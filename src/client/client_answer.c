/* What a controller said, as plain data. */
#include "client/client_internal.h"
#include "headgate/errors.h"

#include <stdio.h>
#include <string.h>

static const char *const state_names[HG_PERMIT_STATE_COUNT] = {
    "none", "granted", "waiting", "blocked", "backoff", "quarantined", "recovered"};

const char *hg_permit_state_name(enum hg_permit_state state)
{
    return (int)state >= 0 && state < HG_PERMIT_STATE_COUNT ? state_names[state] : "none";
}

static const char *text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text == NULL ? "" : text;
}

/* A member in milliseconds, as microseconds; bounded, so that no sum with it can overflow. */
static int64_t us_of(const json_t *json, const char *name, int64_t fallback_us)
{
    const json_t *value = json_object_get(json, name);
    if (!json_is_number(value)) {
        return fallback_us;
    }
    double us = json_number_value(value) * 1000;
    return us < 0 ? 0 : us > 1e15 ? INT64_C(1000000000000000) : (int64_t)us;
}

static int64_t integer_of(const json_t *json, const char *name)
{
    return json_integer_value(json_object_get(json, name));
}

/* The error that a problem's type names; 0 for a type that is not the controllers'. */
static int error_of_type(const char *type, int http_status)
{
    static const struct {
        const char *slug;
        int error;
    } slugs[] = {
        {"store-away", HG_E_STORE_AWAY},   {"store-full", HG_E_STORE_FULL},
        {"store-unfit", HG_E_STORE_UNFIT}, {"store-corrupt", HG_E_STORE_CORRUPT},
        {"overload", HG_E_OVERLOAD},       {"not-ready", HG_E_NOT_READY},
        {"not-found", HG_E_NOT_FOUND},     {"expired", HG_E_EXPIRED},
        {"superseded", HG_E_SUPERSEDED},   {"conflict", HG_E_CONFLICT},
        {"quarantined", HG_E_QUARANTINED}, {"stale", HG_E_STALE},
    };
    size_t base = strlen(CLIENT_PROBLEM_BASE);
    if (strncmp(type, CLIENT_PROBLEM_BASE, base) != 0) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(slugs) / sizeof(slugs[0]); i++) {
        if (strcmp(type + base, slugs[i].slug) == 0) {
            return slugs[i].error;
        }
    }
    /* A type that this client does not know yet: its status says enough. */
    return http_status >= 500                                               ? HG_E_NOT_READY
           : http_status == 413 || http_status == 414 || http_status == 431 ? HG_E_TOO_LARGE
           : http_status == 409                                             ? HG_E_CONFLICT
           : http_status == 429                                             ? HG_E_OVERLOAD
                                                                            : HG_E_INVALID;
}

static void say_problem(const json_t *json, char *ret_text, size_t size)
{
    const char *title = text_of(json, "title"), *detail = text_of(json, "detail");
    const char *pointer = text_of(json, "pointer");
    snprintf(ret_text, size, "%s%s%s%s%s%s", title, title[0] != '\0' && detail[0] != '\0' ? ": " : "", detail,
             pointer[0] != '\0' ? " (" : "", pointer, pointer[0] != '\0' ? ")" : "");
    for (char *at = ret_text; *at != '\0'; at++) {
        *at = (unsigned char)*at < 0x20 || *at == 0x7f ? ' ' : *at;
    }
}

int client_problem(const struct client_answer *answer, char *ret_text, size_t size, int64_t *ret_retry_us)
{
    json_t *json = answer->size == 0 ? NULL : json_loadb(answer->text, answer->size, 0, NULL);
    int error = error_of_type(text_of(json, "type"), answer->status);
    if (error != 0) {
        say_problem(json, ret_text, size);
        *ret_retry_us = us_of(json, "retry_after_ms", answer->retry_after_us);
    } else if (answer->status >= 500 || answer->status == 429) {
        /* Something between us and the controllers. */
        snprintf(ret_text, size, "it answers %d, with no word from a controller", answer->status);
        *ret_retry_us = answer->retry_after_us;
        error = answer->status == 429 ? HG_E_OVERLOAD : HG_E_UNREACHABLE;
    } else {
        snprintf(ret_text, size, "it answers %d, and not as a controller would; is the address right?",
                 answer->status);
        error = HG_E_PROTOCOL;
    }
    *ret_retry_us = *ret_retry_us > 0 ? *ret_retry_us : CLIENT_RETRY_US;
    json_decref(json);
    return error;
}

static bool find_state(const char *name, enum hg_permit_state *ret_state)
{
    for (int i = 0; i < HG_PERMIT_STATE_COUNT; i++) {
        if (strcmp(state_names[i], name) == 0) {
            *ret_state = (enum hg_permit_state)i;
            return true;
        }
    }
    return false;
}

int client_read_permit(const json_t *json, int status, struct hg_permit *ret_permit)
{
    struct hg_permit permit = {.eta_us = -1};
    const json_t *limited_by = json_object_get(json, "limited_by");
    bool known = find_state(text_of(json, "state"), &permit.state);
    bool fine = status >= 200 && status <= 299;
    if (!json_is_object(json) || (!known && (fine || status == 429))) {
        return HG_E_PROTOCOL;
    }
    permit.status = fine || (status == 429 && known) ? 0 : error_of_type(text_of(json, "type"), status);
    if (permit.status == 0 && !fine && status != 429) {
        return HG_E_PROTOCOL;
    }
    permit.fence = integer_of(json, "fence");
    permit.lease_us = us_of(json, "lease_ms", 0);
    permit.attempt = integer_of(json, "attempt");
    permit.already = json_is_true(json_object_get(json, "already"));
    permit.position = integer_of(json, "position");
    permit.eta_us = us_of(json, "eta_ms", -1);
    permit.retry_after_us = us_of(json, "retry_after_ms", 0);
    snprintf(permit.ticket, sizeof(permit.ticket), "%s", text_of(json, "ticket"));
    snprintf(permit.limit, sizeof(permit.limit), "%s", text_of(limited_by, "limit"));
    snprintf(permit.dependency, sizeof(permit.dependency), "%s", text_of(limited_by, "dependency"));
    snprintf(permit.detail, sizeof(permit.detail), "%s", text_of(json, "detail"));
    const char *reason = json_string_value(json_array_get(json_object_get(json, "reasons"), 0));
    snprintf(permit.reason, sizeof(permit.reason), "%s", reason == NULL ? "" : reason);
    if (permit.state == HG_PERMIT_GRANTED && fine && permit.fence <= 0) {
        return HG_E_PROTOCOL;
    }
    *ret_permit = permit;
    return permit.status;
}
