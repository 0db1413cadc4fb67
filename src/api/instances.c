#include "api/api_internal.h"

#include <stdio.h>
#include <string.h>

static void on_reply(struct api *api, struct call *call, uint32_t item, const struct hg_answer *answer)
{
    struct json_out out = {0};
    struct http_exchange *exchange = call->exchange;
    struct answer_about about = {call->kind, call->policy, call->fleet, call->instance};
    (void)item;
    json_put(&out, "{");
    int status = answer_write(api, &about, answer, &out);
    json_put(&out, "}");
    int64_t retry_after_us = answer->retry_after_us;
    call_end(api, call);
    respond(exchange, status, &out, retry_after_us);
}

/* Begins a call about the instance in the path; NULL when it was answered already. */
static struct call *begin(struct api_context *context, enum op_kind kind, struct hg_request *ret_request)
{
    struct api *api = context->api;
    size_t policy;
    if (!call_find_fleet(context, kind, &policy)) {
        return NULL;
    }
    struct call *call = call_begin(api, context->exchange, on_reply);
    if (call == NULL) {
        return NULL;
    }
    call->kind = kind;
    call->policy = policy;
    memcpy(call->fleet, context->match.fleet, sizeof(call->fleet));
    memcpy(call->instance, context->match.instance, sizeof(call->instance));
    memset(ret_request, 0, sizeof(*ret_request));
    ret_request->op.kind = kind;
    ret_request->op.fleet = call->fleet;
    ret_request->op.instance = call->instance;
    ret_request->op.boot_id = "";
    ret_request->op.reason = "";
    return call;
}

void permit_put(struct api_context *context)
{
    struct member members[] = {{"ticket", MEMBER_STRING, .min = 0, .max = 64},
                               {"boot_id", MEMBER_STRING, .min = 0, .max = BOOT_ID_MAX},
                               {"class", MEMBER_STRING, .min = 0, .max = HG_NAME_MAX},
                               {"priority", MEMBER_BOOL}};
    struct hg_request request;
    json_t *body = body_read(context, members, 4);
    struct call *call = body == NULL ? NULL : begin(context, OP_ACQUIRE, &request);
    if (call != NULL) {
        request.ticket = member_text(&members[0]);
        request.op.boot_id = member_text(&members[1]);
        request.op.priority = json_is_true(members[3].value);
        request.may_hold = true;
        call_ask(context->api, call, &request);
    }
    json_decref(body);
}

void permit_delete(struct api_context *context)
{
    struct member members[] = {{"fence", MEMBER_INTEGER, .min = 1, .max = TIME_NEVER_US}};
    struct hg_request request;
    json_t *body = body_read(context, members, 1);
    struct call *call = body == NULL ? NULL : begin(context, OP_LEAVE, &request);
    if (call != NULL) {
        request.op.fence = member_integer(&members[0], 0);
        call_ask(context->api, call, &request);
    }
    json_decref(body);
}

void permit_renew(struct api_context *context)
{
    struct member members[] = {{"fence", MEMBER_INTEGER, .required = true, .min = 1, .max = TIME_NEVER_US},
                               {"dependency_latency_ms", MEMBER_INTEGER, .min = 0, .max = 86400000}};
    struct hg_request request;
    json_t *body = body_read(context, members, 2);
    struct call *call = body == NULL ? NULL : begin(context, OP_RENEW, &request);
    if (call != NULL) {
        request.op.fence = member_integer(&members[0], 0);
        call_ask(context->api, call, &request);
    }
    json_decref(body);
}

static bool outcome_of(struct http_exchange *exchange, const char *text, enum outcome *ret_outcome)
{
    if (strcmp(text, "recovered") != 0 && strcmp(text, "failed") != 0) {
        respond_problem(exchange, "bad-request", "The body is not as it should be", 400,
                        "\"outcome\" must be \"recovered\" or \"failed\".", "/outcome");
        return false;
    }
    *ret_outcome = text[0] == 'r' ? OUTCOME_RECOVERED : OUTCOME_FAILED;
    return true;
}

void permit_complete(struct api_context *context)
{
    struct member members[] = {{"outcome", MEMBER_STRING, .required = true, .min = 1, .max = 16},
                               {"fence", MEMBER_INTEGER, .min = 1, .max = TIME_NEVER_US},
                               {"reason", MEMBER_STRING, .min = 0, .max = REASON_MAX}};
    struct hg_request request;
    enum outcome outcome = OUTCOME_NONE;
    json_t *body = body_read(context, members, 3);
    bool ok = body != NULL && outcome_of(context->exchange, member_text(&members[0]), &outcome);
    struct call *call = ok ? begin(context, OP_COMPLETE, &request) : NULL;
    if (call != NULL) {
        request.op.outcome = outcome;
        request.op.fence = member_integer(&members[1], 0);
        request.op.reason = member_text(&members[2]);
        call_ask(context->api, call, &request);
    }
    json_decref(body);
}

void instance_get(struct api_context *context)
{
    struct hg_request request;
    struct call *call = begin(context, OP_GET, &request);
    if (call != NULL) {
        call_ask(context->api, call, &request);
    }
}

void quarantine_delete(struct api_context *context)
{
    struct hg_request request;
    struct call *call = begin(context, OP_RELEASE, &request);
    if (call != NULL) {
        call_ask(context->api, call, &request);
    }
}
