#include "api/api_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct route {
    const char *method;
    const char *pattern; /* {f} fleet, {i} instance, {d} dependency */
    void (*handle)(struct api_context *context);
};

static const struct route routes[] = {
    {"PUT", "/v1/fleets/{f}/instances/{i}/permit", permit_put},
    {"DELETE", "/v1/fleets/{f}/instances/{i}/permit", permit_delete},
    {"POST", "/v1/fleets/{f}/instances/{i}/permit:renew", permit_renew},
    {"POST", "/v1/fleets/{f}/instances/{i}/permit:complete", permit_complete},
    {"GET", "/v1/fleets/{f}/instances/{i}", instance_get},
    {"POST", "/v1/fleets/{f}/permits:batch", batch_acquire},
    {"POST", "/v1/fleets/{f}/permits:renew", batch_renew},
    {"POST", "/v1/fleets/{f}/permits:complete", batch_complete},
    {"GET", "/v1/fleets/{f}/permits", permits_get},
    {"GET", "/v1/fleets/{f}/quarantine", quarantine_get},
    {"DELETE", "/v1/fleets/{f}/quarantine/{i}", quarantine_delete},
    {"POST", "/v1/fleets/{f}:pause", fleet_pause},
    {"POST", "/v1/fleets/{f}:resume", fleet_resume},
    {"GET", "/v1/fleets/{f}", fleet_get},
    {"GET", "/v1/fleets", fleets_get},
    {"POST", "/v1/dependencies/{d}:limit", dependency_limit},
    {"POST", "/v1/dependencies/{d}:block", dependency_block},
    {"POST", "/v1/dependencies/{d}:release", dependency_release},
    {"POST", "/v1/dependencies/{d}:pause", dependency_pause},
    {"POST", "/v1/dependencies/{d}:resume", dependency_resume},
    {"GET", "/v1/dependencies/{d}", dependency_get},
    {"GET", "/v1/dependencies", dependencies_get},
    {"GET", "/v1/recoveries", recoveries_get},
    {"GET", "/v1/status", status_get},
    {"GET", "/v1/events", events_get},
    {"POST", "/v1/pre-reboot", fleetlock_lock},
    {"POST", "/v1/steady-state", fleetlock_unlock},
    {"GET", "/metrics", metrics_get},
    {"GET", "/healthz", healthz_get},
    {"GET", "/readyz", readyz_get},
    {"GET", "/", root_get},
};
#define ROUTE_COUNT (sizeof(routes) / sizeof(routes[0]))

/* Takes a name up to the next '/' or, where the pattern goes on with ':', the last ':'. */
static bool take_name(const char **path, const char *pattern_rest, char *ret_name, size_t size)
{
    size_t length = strcspn(*path, "/");
    if (*pattern_rest == ':') {
        while (length > 0 && (*path)[length] != ':') {
            length--;
        }
    }
    if (length == 0 || length >= size) {
        return false;
    }
    memcpy(ret_name, *path, length);
    ret_name[length] = '\0';
    *path += length;
    return true;
}

static bool match(const char *pattern, const char *path, struct route_match *ret_match)
{
    memset(ret_match, 0, sizeof(*ret_match));
    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (*pattern++ != *path++) {
                return false;
            }
            continue;
        }
        char kind = pattern[1];
        pattern += 3;
        bool taken = kind == 'f' ? take_name(&path, pattern, ret_match->fleet, sizeof(ret_match->fleet))
                     : kind == 'd'
                         ? take_name(&path, pattern, ret_match->name, sizeof(ret_match->name))
                         : take_name(&path, pattern, ret_match->instance, sizeof(ret_match->instance));
        if (!taken) {
            return false;
        }
    }
    return *path == '\0';
}

static void refuse_method(struct http_exchange *exchange, const char *allowed)
{
    struct json_out out = {0};
    char detail[128];
    struct http_header headers[] = {{"Allow", allowed}, {NULL, NULL}};
    snprintf(detail, sizeof(detail), "This path allows %s.", allowed);
    json_problem(&out, "method-not-allowed", "This method is not allowed here", 405, detail);
    json_put(&out, "}");
    struct http_response response = {.status = 405,
                                     .content_type = PROBLEM_TYPE,
                                     .body = out.text,
                                     .body_size = out.size,
                                     .headers = headers};
    http_respond(exchange, &response);
    json_out_finish(&out);
}

static bool names_ok(struct api_context *context)
{
    if (context->match.instance[0] != '\0' && !instance_name_ok(context->match.instance)) {
        respond_problem(
            context->exchange, "bad-name", "This is no instance's name", 400,
            "An instance's name has letters, digits and . _ : @ -, begins with a letter or digit, and has at "
            "most 128 bytes.",
            NULL);
        return false;
    }
    return true;
}

void api_handle(void *user_data, struct http_exchange *exchange, const struct http_request *request)
{
    struct api_context context = {.api = user_data, .exchange = exchange, .request = request};
    const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
    char allowed[64] = "";
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (!match(routes[i].pattern, request->path, &context.match)) {
            continue;
        }
        if (strcmp(routes[i].method, method) == 0) {
            if (names_ok(&context)) {
                routes[i].handle(&context);
            }
            return;
        }
        size_t used = strlen(allowed);
        snprintf(allowed + used, sizeof(allowed) - used, "%s%s", used > 0 ? ", " : "", routes[i].method);
    }
    if (allowed[0] != '\0') {
        refuse_method(exchange, allowed);
        return;
    }
    respond_problem(exchange, "not-found", "There is no such path", 404,
                    "See /v1/status for what there is, and the README for every path.", NULL);
}

int api_create(const struct api_host *host, const char *controller_id, struct api **ret_api)
{
    struct api *api = calloc(1, sizeof(*api));
    if (api == NULL) {
        return HG_E_NOMEM;
    }
    if (events_create(&api->events) != 0) {
        free(api);
        return HG_E_NOMEM;
    }
    api->host = *host;
    snprintf(api->controller_id, sizeof(api->controller_id), "%s", controller_id);
    for (uint32_t i = 0; i < CALLS_MAX; i++) {
        api->free_calls[i] = CALLS_MAX - 1 - i;
    }
    api->free_count = CALLS_MAX;
    *ret_api = api;
    return 0;
}

static void call_free(struct call *call)
{
    for (uint32_t i = 0; call->items != NULL && i < call->item_count; i++) {
        free(call->items[i].text);
    }
    free(call->items);
    json_out_finish(&call->out);
    free(call);
}

void api_destroy(struct api *api)
{
    if (api == NULL) {
        return;
    }
    for (uint32_t i = 0; i < CALLS_MAX; i++) {
        if (api->calls[i] != NULL) {
            call_free(api->calls[i]);
        }
    }
    events_destroy(api->events);
    free(api);
}

struct call *call_open(struct api *api, struct http_exchange *exchange, call_reply_fn on_reply)
{
    struct call *call = api->free_count == 0 ? NULL : calloc(1, sizeof(*call));
    if (call == NULL) {
        return NULL;
    }
    uint32_t place = api->free_calls[--api->free_count];
    api->calls[place] = call;
    call->id = ((uint64_t)++api->generation << 32) | place;
    call->exchange = exchange;
    call->on_reply = on_reply;
    return call;
}

struct call *call_begin(struct api *api, struct http_exchange *exchange, call_reply_fn on_reply)
{
    struct call *call = call_open(api, exchange, on_reply);
    if (call == NULL) {
        respond_error(exchange, HG_E_OVERLOAD, 1000000);
    }
    return call;
}

bool call_find_fleet(struct api_context *context, enum op_kind kind, size_t *ret_policy)
{
    struct api_host *host = &context->api->host;
    size_t index;
    const char *fleet = context->match.fleet;
    if (host->find_fleet(host->user_data, fleet, ret_policy, &index)) {
        return true;
    }
    if (host->find_gone_fleet(host->user_data, fleet, ret_policy)) {
        if (kind != OP_ACQUIRE) {
            return true;
        }
        respond_problem(context->exchange, "not-found", "This fleet was removed", 404,
                        "The policy in force no longer names it; permits it holds may be completed.", NULL);
        return false;
    }
    respond_problem(context->exchange, "not-found", "There is no such fleet", 404,
                    "No policy in force names this fleet; see /v1/fleets.", NULL);
    return false;
}

void call_end(struct api *api, struct call *call)
{
    uint32_t place = (uint32_t)(call->id & 0xffffffff);
    api->items_open -= call->items != NULL ? call->item_count : 0;
    api->calls[place] = NULL;
    api->free_calls[api->free_count++] = place;
    call_free(call);
}

void call_ask(struct api *api, struct call *call, const struct hg_request *request)
{
    struct http_exchange *exchange = call->exchange;
    struct hg_request own = *request;
    own.id = call->id;
    int status = api->host.ask(api->host.user_data, call->policy, &own);
    if (status != 0) {
        call_end(api, call);
        respond_error(exchange, status, 1000000);
    }
}

void api_on_reply(struct api *api, uint64_t id, uint32_t item, const struct hg_answer *answer)
{
    uint32_t place = (uint32_t)(id & 0xffffffff);
    struct call *call = place < CALLS_MAX ? api->calls[place] : NULL;
    if (call != NULL && call->id == id) {
        call->on_reply(api, call, item, answer);
    }
}
