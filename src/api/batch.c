/* Batches: many instances in one request, each with its own status, answered in the order asked. Not atomic.
 */
#include "api/api_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void finish(struct api *api, struct call *call)
{
    struct json_out out = {0};
    struct http_exchange *exchange = call->exchange;
    json_put(&out, "{\"items\":[");
    for (uint32_t i = 0; i < call->item_count; i++) {
        json_put(&out, i > 0 ? "," : "");
        json_put(&out, call->items[i].text == NULL ? "{\"status\":503}" : call->items[i].text);
    }
    json_put(&out, "]}");
    call_end(api, call);
    respond(exchange, 200, &out, 0);
}

/* Every item carries its instance first, then its status, unless what follows is a problem, which has one. */
static void set_text(struct batch_item *item, int status, const struct json_out *members)
{
    struct json_out out = {0};
    bool whole = !members->failed && members->size > 1;
    bool problem = whole && strncmp(members->text, "{\"type\":", 8) == 0;
    json_put(&out, "{");
    json_member(&out, "instance", item->instance);
    if (!problem) {
        json_member_int(&out, "status", status);
    }
    if (whole) {
        json_put(&out, ",");
        json_put(&out, members->text + 1);
    }
    json_put(&out, "}");
    free(item->text);
    item->text = out.failed ? NULL : out.text;
    if (out.failed) {
        json_out_finish(&out);
    }
}

static void on_reply(struct api *api, struct call *call, uint32_t item, const struct hg_answer *answer)
{
    struct json_out members = {0};
    if (item >= call->item_count) {
        return;
    }
    struct answer_about about = {call->kind, call->policy, call->fleet, NULL};
    json_put(&members, "{");
    int status = answer_write(api, &about, answer, &members);
    set_text(&call->items[item], status, &members);
    json_out_finish(&members);
    if (--call->missing == 0) {
        finish(api, call);
    }
}

struct item_values {
    const char *instance;
    const char *ticket;
    const char *boot_id;
    const char *outcome;
    const char *reason;
    int64_t fence;
    bool priority;
};

static bool read_item(const json_t *json, enum op_kind kind, struct item_values *ret_values, char *ret_detail,
                      size_t detail_size)
{
    bool acquire = kind == OP_ACQUIRE, complete = kind == OP_COMPLETE;
    struct member members[] = {
        {"instance", MEMBER_STRING, .required = true, .min = 1, .max = HG_INSTANCE_MAX},
        {"ticket", MEMBER_STRING, .min = 0, .max = acquire ? 64 : -1},
        {"boot_id", MEMBER_STRING, .min = 0, .max = acquire ? BOOT_ID_MAX : -1},
        {"priority", MEMBER_BOOL},
        {"fence", MEMBER_INTEGER, .required = kind == OP_RENEW, .min = 1,
         .max = acquire ? -1 : TIME_NEVER_US},
        {"outcome", MEMBER_STRING, .required = complete, .min = 1, .max = complete ? 16 : -1},
        {"reason", MEMBER_STRING, .min = 0, .max = complete ? REASON_MAX : -1},
    };
    char pointer[160];
    if (!members_read(json, members, 7, ret_detail, detail_size, pointer, sizeof(pointer))) {
        return false;
    }
    *ret_values = (struct item_values){member_text(&members[0]),      member_text(&members[1]),
                                       member_text(&members[2]),      member_text(&members[5]),
                                       member_text(&members[6]),      member_integer(&members[4], 0),
                                       json_is_true(members[3].value)};
    if (!instance_name_ok(ret_values->instance)) {
        snprintf(ret_detail, detail_size, "This is no instance's name.");
        return false;
    }
    if (complete && strcmp(ret_values->outcome, "recovered") != 0 &&
        strcmp(ret_values->outcome, "failed") != 0) {
        snprintf(ret_detail, detail_size, "\"outcome\" must be \"recovered\" or \"failed\".");
        return false;
    }
    return true;
}

static void refuse_item(struct batch_item *item, int status, const char *detail)
{
    struct json_out members = {0};
    json_problem(&members, status == 400 ? "bad-request" : "overload",
                 status == 400 ? "Bad item" : "Ask again", status, detail);
    set_text(item, status, &members);
    json_out_finish(&members);
}

static struct call *begin(struct api_context *context, enum op_kind kind, uint32_t count)
{
    struct api *api = context->api;
    size_t policy;
    if (!call_find_fleet(context, kind, &policy)) {
        return NULL;
    }
    if (api->items_open + count > ITEMS_MAX) {
        respond_error(context->exchange, HG_E_OVERLOAD, 2000000);
        return NULL;
    }
    struct batch_item *items = calloc(count + 1, sizeof(*items));
    struct call *call = items == NULL ? NULL : call_begin(api, context->exchange, on_reply);
    if (call == NULL) {
        if (items == NULL) {
            respond_error(context->exchange, HG_E_NOMEM, 1000000);
        }
        free(items);
        return NULL;
    }
    call->kind = kind;
    call->policy = policy;
    memcpy(call->fleet, context->match.fleet, sizeof(call->fleet));
    call->items = items;
    call->item_count = count;
    api->items_open += count;
    return call;
}

/* Asks for one item. The call counts it as missing from before, so that it cannot end under our feet. */
static void ask_item(struct api *api, struct call *call, uint32_t at, const struct item_values *values)
{
    struct hg_request request = {.id = call->id, .item = at, .ticket = values->ticket};
    request.op.kind = call->kind;
    request.op.fleet = call->fleet;
    request.op.instance = call->items[at].instance;
    request.op.boot_id = values->boot_id;
    request.op.priority = values->priority;
    request.op.fence = values->fence;
    request.op.outcome = values->outcome[0] == 'r' ? OUTCOME_RECOVERED : OUTCOME_FAILED;
    request.op.reason = values->reason;
    call->missing++;
    if (api->host.ask(api->host.user_data, call->policy, &request) != 0) {
        call->missing--;
        refuse_item(&call->items[at], 503, "Out of memory.");
    }
}

static void batch(struct api_context *context, enum op_kind kind)
{
    struct member members[] = {{"items", MEMBER_LIST, .required = true, .min = 0, .max = BATCH_MAX}};
    json_t *body = body_read(context, members, 1);
    uint32_t count = body == NULL ? 0 : (uint32_t)json_array_size(members[0].value);
    struct call *call = body == NULL ? NULL : begin(context, kind, count);
    if (call == NULL) {
        json_decref(body);
        return;
    }
    call->missing = 1; /* ours, until all are asked */
    for (uint32_t i = 0; i < count; i++) {
        struct item_values values;
        char detail[200];
        const json_t *json = json_array_get(members[0].value, i);
        const char *name = json_string_value(json_object_get(json, "instance"));
        snprintf(call->items[i].instance, sizeof(call->items[i].instance), "%s", name == NULL ? "" : name);
        if (read_item(json, kind, &values, detail, sizeof(detail))) {
            ask_item(context->api, call, i, &values);
        } else {
            refuse_item(&call->items[i], 400, detail);
        }
    }
    json_decref(body);
    if (--call->missing == 0) {
        finish(context->api, call);
    }
}

void batch_acquire(struct api_context *context)
{
    batch(context, OP_ACQUIRE);
}

void batch_renew(struct api_context *context)
{
    batch(context, OP_RENEW);
}

void batch_complete(struct api_context *context)
{
    batch(context, OP_COMPLETE);
}
