#include "api/api_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_item(struct json_out *out, const struct list_item *item, bool reasons)
{
    json_put(out, out->text[out->size - 1] == '}' ? ",{" : "{");
    json_member(out, "instance", item->instance);
    json_member_int(out, "fence", item->fence);
    json_member_int(out, "attempt", item->attempt);
    json_member_int(out, "since_ms", item->since_us / 1000);
    if (!reasons) {
        json_member_int(out, "until_ms", item->until_us / 1000);
    } else {
        json_name(out, "reasons");
        json_put(out, "[");
        for (size_t i = 0; i < REASONS_KEPT && item->reasons[i][0] != '\0'; i++) {
            json_put(out, i > 0 ? "," : "");
            json_put_string(out, item->reasons[i]);
        }
        json_put(out, "]");
    }
    json_put(out, "}");
}

static void on_list(struct api *api, struct call *call, uint32_t item, const struct hg_answer *answer)
{
    struct http_exchange *exchange = call->exchange;
    bool reasons = call->status == INSTANCE_QUARANTINED;
    (void)item;
    call_end(api, call);
    if (answer->status != 0) {
        respond_error(exchange, answer->status, answer->retry_after_us);
        return;
    }
    struct json_out out = {0};
    json_put(&out, "{\"items\":[");
    for (size_t i = 0; i < answer->op->item_count; i++) {
        write_item(&out, &answer->op->items[i], reasons);
    }
    json_put(&out, "]");
    json_name(&out, "cursor");
    if (answer->op->cursor[0] == '\0') {
        json_put(&out, "null");
    } else {
        json_put_string(&out, answer->op->cursor);
    }
    json_put(&out, "}");
    respond(exchange, 200, &out, 0);
}

#define CURSOR_CHARACTERS "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._:@-"

static void list(struct api_context *context, enum instance_state state)
{
    struct api *api = context->api;
    size_t policy, fleet;
    char limit[16] = "100", cursor[LIST_CURSOR_MAX + 1] = "";
    if (!api->host.find_fleet(api->host.user_data, context->match.fleet, &policy, &fleet)) {
        respond_problem(context->exchange, "not-found", "There is no such fleet", 404, "See /v1/fleets.",
                        NULL);
        return;
    }
    (void)query_find(context->request->query, "limit", limit, sizeof(limit));
    (void)query_find(context->request->query, "cursor", cursor, sizeof(cursor));
    char *end = NULL;
    long count = strtol(limit, &end, 10);
    if (*end != '\0' || count < 1 || count > LIST_PAGE_MAX ||
        cursor[strspn(cursor, CURSOR_CHARACTERS)] != '\0') {
        respond_problem(context->exchange, "bad-request", "The query is not as it should be", 400,
                        "limit is a number from 1 to 1000; cursor is what the page before gave.", NULL);
        return;
    }
    struct call *call = call_begin(api, context->exchange, on_list);
    if (call == NULL) {
        return;
    }
    call->policy = policy;
    call->status = (int)state;
    struct hg_request request = {0};
    request.op.kind = OP_LIST;
    request.op.fleet = context->match.fleet;
    request.op.instance = cursor;
    request.op.state = state;
    request.op.count = count;
    call_ask(api, call, &request);
}

void permits_get(struct api_context *context)
{
    list(context, INSTANCE_GRANTED);
}

void quarantine_get(struct api_context *context)
{
    list(context, INSTANCE_QUARANTINED);
}

/* Joins what the core wrote, newest first within a policy. */
static void on_recoveries(struct api *api, struct call *call, uint32_t item, const struct hg_answer *answer)
{
    (void)item;
    if (answer->status != 0) {
        call->status = answer->status;
    } else {
        for (size_t i = answer->op->note_count; i-- > 0;) {
            json_put(&call->out, call->out.text[call->out.size - 1] == '}' ? "," : "");
            json_put(&call->out, answer->op->notes[i].value);
        }
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
        return;
    }
    json_put(&out, "]}");
    respond(exchange, 200, &out, 0);
}

void recoveries_get(struct api_context *context)
{
    struct api *api = context->api;
    struct hg_view view;
    struct call *call = call_begin(api, context->exchange, on_recoveries);
    if (call == NULL) {
        return;
    }
    json_put(&call->out, "{\"recoveries\":[");
    call->missing = 1;
    uint64_t id = call->id;
    for (size_t p = 0; p < api->host.policy_count(api->host.user_data); p++) {
        if (!api->host.view(api->host.user_data, p, &view)) {
            continue;
        }
        struct hg_request request = {.id = id};
        request.op.kind = OP_NOTE_LIST;
        request.op.key = "recovery/";
        request.op.count = LIST_PAGE_MAX;
        call->missing++;
        if (api->host.ask(api->host.user_data, p, &request) != 0) {
            call->missing--;
            call->status = HG_E_OVERLOAD;
        }
    }
    /* Our own share of `missing`, as an empty answer. */
    static const struct op_reply none;
    struct hg_answer last = {.op = &none};
    on_recoveries(api, call, 0, &last);
}
