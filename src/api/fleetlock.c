/* FleetLock, for hosts that update themselves (zincati and its like): pre-reboot takes a permit, steady-state
 * completes it as recovered. The group is the fleet, the id the instance.
 *
 * The client takes any 2xx as a grant and shows `value` to a person; its errors are {"kind","value"}, with
 * few kinds, because it counts them. It asks again by itself about every five minutes: the place in line
 * waits. */
#include "api/api_internal.h"

#include <stdio.h>
#include <string.h>

#define RETRY_US   INT64_C(1000000)
#define VALUE_SIZE 320

static void refuse(struct http_exchange *exchange, int status, const char *kind, const char *value,
                   int64_t retry_after_us)
{
    char seconds[24];
    struct json_out out = {0};
    struct http_header headers[] = {{NULL, NULL}, {NULL, NULL}};
    if (retry_after_us > 0) {
        snprintf(seconds, sizeof(seconds), "%lld", (long long)retry_after_s(retry_after_us));
        headers[0] = (struct http_header){"Retry-After", seconds};
    }
    json_put(&out, "{");
    json_member(&out, "kind", kind);
    json_member(&out, "value", value);
    json_put(&out, "}");
    static const char none[] = "{\"kind\":\"overload\",\"value\":\"Out of memory.\"}";
    struct http_response response = {.status = out.failed ? 503 : status,
                                     .body = out.failed ? none : out.text,
                                     .body_size = out.failed ? sizeof(none) - 1 : out.size,
                                     .headers = headers};
    http_respond(exchange, &response);
    json_out_finish(&out);
}

static void refuse_error(struct http_exchange *exchange, int error, int64_t retry_after_us)
{
    static const struct {
        int error;
        int status;
        const char *kind;
        const char *value;
    } texts[] = {
        {HG_E_STORE_AWAY, 503, "store_away",
         "The store cannot be reached; nobody is granted until it is back."},
        {HG_E_STORE_FULL, 503, "store_full", "The store has no room; nothing was granted."},
        {HG_E_STORE_UNFIT, 503, "store_unfit", "The store is not fit for use; see /v1/status for why."},
        {HG_E_STORE_CORRUPT, 503, "store_corrupt", "The store's data is damaged; see the controller's log."},
        {HG_E_NOT_READY, 503, "not_ready", "This controller is starting."},
        {HG_E_NOT_FOUND, 404, "unknown_group", "No policy in force names this fleet; see /v1/fleets."},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].error == error) {
            refuse(exchange, texts[i].status, texts[i].kind, texts[i].value,
                   texts[i].status == 503 ? retry_after_us : 0);
            return;
        }
    }
    refuse(exchange, 503, "overload", "Too many requests are under way here.", retry_after_us);
}

static void allow(struct http_exchange *exchange, const char *state)
{
    struct json_out out = {0};
    json_put(&out, "{");
    json_member(&out, "state", state);
    json_put(&out, "}");
    respond(exchange, 200, &out, 0);
}

static void on_lock(struct api *api, struct call *call, uint32_t item, const struct hg_answer *answer)
{
    struct http_exchange *exchange = call->exchange;
    size_t policy = call->policy;
    char value[VALUE_SIZE] = "";
    (void)item;
    call_end(api, call);
    if (answer->status != 0) {
        refuse_error(exchange, answer->status, answer->retry_after_us);
        return;
    }
    answer_say(api, policy, answer, value, sizeof(value));
    switch (answer->state) {
    case INSTANCE_GRANTED:
        allow(exchange, "granted");
        break;
    case INSTANCE_QUARANTINED:
        refuse(exchange, 423, "quarantined", value, 0);
        break;
    case INSTANCE_BACKOFF:
        refuse(exchange, 423, "backoff", value, answer->retry_after_us);
        break;
    case INSTANCE_WAITING:
    case INSTANCE_NONE:
    case INSTANCE_DONE:
    case INSTANCE_STATE_COUNT:
        refuse(exchange, 423, answer->blocked ? "blocked" : "waiting", value, answer->retry_after_us);
        break;
    }
}

/* Whoever holds no permit is steady all the same: the client says so at every start, and must not be kept. */
static void on_unlock(struct api *api, struct call *call, uint32_t item, const struct hg_answer *answer)
{
    struct http_exchange *exchange = call->exchange;
    int status = answer->status;
    int64_t retry_after_us = answer->retry_after_us;
    (void)item;
    call_end(api, call);
    if (hg_error_http_status(status) == 503) {
        refuse_error(exchange, status, retry_after_us);
    } else {
        allow(exchange, "steady");
    }
}

/* What the request names; false: answered. The texts live as long as the body. */
static bool read_params(struct api_context *context, const json_t *body, const char **ret_id,
                        const char **ret_group)
{
    const json_t *params = json_object_get(body, "client_params");
    const char *id = json_string_value(json_object_get(params, "id"));
    const char *group = json_string_value(json_object_get(params, "group"));
    if (id == NULL || group == NULL) {
        refuse(context->exchange, 400, "malformed",
               "The body must be {\"client_params\":{\"id\":\"...\",\"group\":\"...\"}}.", 0);
        return false;
    }
    if (!instance_name_ok(id)) {
        refuse(context->exchange, 400, "malformed_id",
               "An id has letters, digits and . _ : @ -, begins with a letter or digit, and has at most 128 "
               "bytes.",
               0);
        return false;
    }
    *ret_id = id;
    *ret_group = group;
    return true;
}

/* The policy of the group, also of one that a reload removed, when a permit is given back. */
static bool find_group(struct api_context *context, const char *group, enum op_kind kind, size_t *ret_policy)
{
    struct api_host *host = &context->api->host;
    size_t index;
    bool found = strlen(group) <= HG_NAME_MAX &&
                 (host->find_fleet(host->user_data, group, ret_policy, &index) ||
                  (kind == OP_COMPLETE && host->find_gone_fleet(host->user_data, group, ret_policy)));
    if (!found) {
        refuse_error(context->exchange, HG_E_NOT_FOUND, 0);
    }
    return found;
}

static void ask(struct api_context *context, const json_t *body, enum op_kind kind)
{
    struct api *api = context->api;
    struct http_exchange *exchange = context->exchange;
    const char *id, *group;
    size_t policy;
    if (!read_params(context, body, &id, &group) || !find_group(context, group, kind, &policy)) {
        return;
    }
    struct call *call = call_open(api, exchange, kind == OP_ACQUIRE ? on_lock : on_unlock);
    if (call == NULL) {
        refuse_error(exchange, HG_E_OVERLOAD, RETRY_US);
        return;
    }
    call->kind = kind;
    call->policy = policy;
    struct hg_request request = {.id = call->id, .may_hold = kind == OP_ACQUIRE};
    request.op.kind = kind;
    request.op.fleet = group;
    request.op.instance = id;
    request.op.boot_id = "";
    request.op.reason = "";
    request.op.outcome = kind == OP_ACQUIRE ? OUTCOME_NONE : OUTCOME_RECOVERED;
    int status = api->host.ask(api->host.user_data, policy, &request);
    if (status != 0) {
        call_end(api, call);
        refuse_error(exchange, status, RETRY_US);
    }
}

static void handle(struct api_context *context, enum op_kind kind)
{
    struct body_error error;
    const char *protocol = http_request_header(context->exchange, "fleet-lock-protocol");
    if (protocol == NULL || strcmp(protocol, "true") != 0) {
        refuse(context->exchange, 400, "missing_header", "Send the header \"fleet-lock-protocol: true\".", 0);
        return;
    }
    json_t *body = body_parse(context->request, &error);
    if (body == NULL) {
        char value[VALUE_SIZE];
        snprintf(value, sizeof(value), "%s: %s", error.title, error.detail);
        refuse(context->exchange, 400, "malformed", value, 0);
        return;
    }
    ask(context, body, kind);
    json_decref(body);
}

void fleetlock_lock(struct api_context *context)
{
    handle(context, OP_ACQUIRE);
}

void fleetlock_unlock(struct api_context *context)
{
    handle(context, OP_COMPLETE);
}
