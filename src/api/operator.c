/* Operator actions: notes in the store that the leader obeys. */
#include "api/api_internal.h"

#include <stdio.h>
#include <string.h>

#define TTL_MAX_US     (INT64_C(30) * 86400 * 1000000)
#define LIMIT_TTL_US   (INT64_C(3600) * 1000000)
#define RELEASE_TTL_US INT64_C(5000000)

struct action {
    const char *name; /* of the note: limit, block, pause, release */
    bool fleet;
    bool remove; /* ends the override */
    bool reason_required;
    int64_t ttl_us; /* default */
};

static void on_put(struct api *api, struct call *call, uint32_t item, const struct hg_answer *answer)
{
    (void)item;
    if (answer->status != 0 && call->status == 0) {
        call->status = answer->status;
    }
    if (--call->missing > 0) {
        return;
    }
    struct http_exchange *exchange = call->exchange;
    struct json_out out = call->out;
    int status = call->status;
    memset(&call->out, 0, sizeof(call->out));
    call_end(api, call);
    if (status != 0) {
        json_out_finish(&out);
        respond_error(exchange, status, 1000000);
    } else {
        respond(exchange, 200, &out, 0);
    }
}

/* One line; what would end it early becomes a space. */
static void clean(char *text)
{
    for (; *text != '\0'; text++) {
        *text = (unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text;
    }
}

static void put_note(struct api *api, struct call *call, const char *key, const char *value, int64_t until_us)
{
    struct hg_request request = {.id = call->id};
    request.op.kind = OP_NOTE_PUT;
    request.op.key = key;
    request.op.value = value;
    request.op.until_us = until_us;
    call->missing++;
    if (api->host.ask(api->host.user_data, call->policy, &request) != 0) {
        call->missing--;
        call->status = HG_E_OVERLOAD;
    }
}

static void note_value(const struct member *limits, int64_t now_us, const char *reason, char *ret_value,
                       size_t size)
{
    size_t used = 0;
    ret_value[0] = '\0';
    if (limits != NULL && limits[0].value != NULL) {
        used += (size_t)snprintf(ret_value + used, size - used, "rate_milli=%lld ",
                                 (long long)(json_number_value(limits[0].value) * 1000 + 0.5));
    }
    if (limits != NULL && limits[1].value != NULL) {
        used += (size_t)snprintf(ret_value + used, size - used, "burst=%lld ",
                                 (long long)member_integer(&limits[1], 0));
    }
    if (limits != NULL && limits[2].value != NULL) {
        used += (size_t)snprintf(ret_value + used, size - used, "in_flight=%lld ",
                                 (long long)member_integer(&limits[2], 0));
    }
    snprintf(ret_value + used, size - used, "at_us=%lld reason=%s", (long long)now_us, reason);
    clean(ret_value);
}

static bool find(struct api_context *context, bool fleet, size_t *ret_policy, struct hg_view *ret_view)
{
    struct api *api = context->api;
    size_t index;
    bool found =
        fleet ? api->host.find_fleet(api->host.user_data, context->match.fleet, ret_policy, &index)
              : api->host.find_dependency(api->host.user_data, context->match.name, ret_policy, &index);
    if (!found) {
        respond_problem(context->exchange, "not-found",
                        fleet ? "There is no such fleet" : "There is no such dependency", 404,
                        "No policy in force names it; see /v1/status.", NULL);
        return false;
    }
    if (!api->host.view(api->host.user_data, *ret_policy, ret_view) || ret_view->snapshot == NULL) {
        respond_error(context->exchange, HG_E_NOT_READY, 1000000);
        return false;
    }
    return true;
}

static void describe(struct call *call, const struct action *action, const char *name, const char *reason,
                     int64_t until_us)
{
    json_put(&call->out, "{\"override\":{");
    json_member(&call->out, action->fleet ? "fleet" : "dependency", name);
    json_member(&call->out, "action", action->name);
    json_member_bool(&call->out, "in_force", !action->remove);
    json_member(&call->out, "reason", reason);
    if (until_us >= TIME_NEVER_US || action->remove) {
        json_member_null(&call->out, "until_ms");
    } else {
        json_member_int(&call->out, "until_ms", until_us / 1000);
    }
    json_put(&call->out, "}}");
}

static void act(struct api_context *context, const struct action *action)
{
    struct api *api = context->api;
    bool limit = strcmp(action->name, "limit") == 0;
    struct member members[] = {
        {"reason", MEMBER_STRING, .required = action->reason_required, .min = 1, .max = REASON_MAX},
        {"ttl", MEMBER_DURATION, .min = 1000000, .max = TTL_MAX_US},
        {"rate", MEMBER_NUMBER, .min = 0, .max = 1000000},
        {"burst", MEMBER_INTEGER, .min = 1, .max = 1000000},
        {"in_flight", MEMBER_INTEGER, .min = 0, .max = 1000000}};
    size_t policy;
    struct hg_view view;
    json_t *body = body_read(context, members, limit ? 5 : 2);
    if (body == NULL || !find(context, action->fleet, &policy, &view)) {
        json_decref(body);
        return;
    }
    struct call *call = call_begin(api, context->exchange, on_put);
    if (call == NULL) {
        json_decref(body);
        return;
    }
    const char *name = action->fleet ? context->match.fleet : context->match.name;
    int64_t now_us = view.snapshot->now_us, ttl_us = action->ttl_us;
    if (members[1].value != NULL) {
        (void)duration_of(member_text(&members[1]), &ttl_us);
    }
    int64_t until_us = ttl_us >= TIME_NEVER_US - now_us ? TIME_NEVER_US : now_us + ttl_us;
    char key[NOTE_KEY_MAX], value[REASON_MAX + 128];
    note_value(limit ? &members[2] : NULL, now_us, member_text(&members[0]), value, sizeof(value));
    call->policy = policy;
    call->missing = 1;
    describe(call, action, name, member_text(&members[0]), until_us);
    snprintf(key, sizeof(key), "override/%c/%s/%s", action->fleet ? 'f' : 'd', name, action->name);
    if (strcmp(action->name, "release") == 0) {
        /* Ends a block, and lets a frozen dependency thaw. */
        char block[NOTE_KEY_MAX];
        snprintf(block, sizeof(block), "override/d/%s/block", name);
        put_note(api, call, block, NULL, TIME_NEVER_US);
        put_note(api, call, key, value, now_us + RELEASE_TTL_US);
    } else {
        put_note(api, call, key, action->remove ? NULL : value, until_us);
    }
    json_decref(body);
    struct hg_answer last = {0};
    on_put(api, call, 0, &last);
}

void dependency_limit(struct api_context *context)
{
    static const struct action action = {"limit", false, false, true, LIMIT_TTL_US};
    act(context, &action);
}

void dependency_block(struct api_context *context)
{
    static const struct action action = {"block", false, false, true, TIME_NEVER_US};
    act(context, &action);
}

void dependency_release(struct api_context *context)
{
    static const struct action action = {"release", false, false, false, RELEASE_TTL_US};
    act(context, &action);
}

void dependency_pause(struct api_context *context)
{
    static const struct action action = {"pause", false, false, true, TIME_NEVER_US};
    act(context, &action);
}

void dependency_resume(struct api_context *context)
{
    static const struct action action = {"pause", false, true, false, TIME_NEVER_US};
    act(context, &action);
}

void fleet_pause(struct api_context *context)
{
    static const struct action action = {"pause", true, false, true, TIME_NEVER_US};
    act(context, &action);
}

void fleet_resume(struct api_context *context)
{
    static const struct action action = {"pause", true, true, false, TIME_NEVER_US};
    act(context, &action);
}
