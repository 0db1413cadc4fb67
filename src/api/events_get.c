/* The readers of GET /v1/events: where each begins, what it gets, how many there may be. */
#include "api/events_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MIN_US INT64_C(5000000)

static size_t take(char *bytes, size_t room, const char *from, size_t size, size_t *sent)
{
    size_t count = size - *sent < room ? size - *sent : room;
    memcpy(bytes, from + *sent, count);
    *sent += count;
    return count;
}

static ssize_t read_cb(void *user_data, char *ret_bytes, size_t size)
{
    struct reader *reader = user_data;
    struct events *events = reader->events;
    size_t used = 0;
    while (used < size) {
        if (reader->own_sent < reader->own_size && reader->sent == 0) {
            used += take(ret_bytes + used, size - used, reader->own, reader->own_size, &reader->own_sent);
            continue;
        }
        if (reader->id >= events->next) {
            break;
        }
        const struct event *event = event_at(events, reader->id);
        if (reader_wants(reader, event)) {
            used += take(ret_bytes + used, size - used, event->text, event->size, &reader->sent);
        }
        if (!reader_wants(reader, event) || reader->sent == event->size) {
            reader->id++;
            reader->sent = 0;
        }
    }
    return (ssize_t)used;
}

static void closed_cb(void *user_data)
{
    struct reader *reader = user_data;
    *reader->at = reader->next;
    if (reader->next != NULL) {
        reader->next->at = reader->at;
    }
    reader->events->counters.readers--;
    free(reader);
}

/* Where to begin for one who has seen `since` (0: nothing yet), and what it is told it missed. */
static void resume(struct api *api, struct reader *reader, int64_t since)
{
    struct events *events = api->events;
    bool other = since >= events->next || (since != 0 && since < events->first - 1);
    int64_t from = other || since < events->first ? events->first : since + 1;
    int64_t missed = from < events->oldest ? events->oldest - from : 0;
    reader->id = from < events->oldest ? events->oldest : from;
    if (!other && missed == 0) {
        return;
    }
    struct json_out out = {0};
    event_open(&out, api->host.wall_us(api->host.user_data), 2, "gap");
    json_member_int(&out, "since", since);
    if (other) {
        json_member_null(&out, "missed");
        json_member(&out, "why",
                    "This id is of another controller, or from before this one started; what it has kept "
                    "follows.");
    } else {
        json_member_int(&out, "missed", missed);
        json_member(&out, "why", "So many events are no longer kept; what is kept follows.");
    }
    json_put(&out, "}\n\n");
    if (!out.failed && reader->own_size + out.size <= sizeof(reader->own)) {
        memcpy(reader->own + reader->own_size, out.text, out.size);
        reader->own_size += out.size;
    }
    json_out_finish(&out);
}

/* False: answered. -1: from now on. */
static bool find_since(struct api_context *context, int64_t *ret_since)
{
    char text[32] = "";
    const char *header = http_request_header(context->exchange, "Last-Event-ID");
    bool given = query_find(context->request->query, "since", text, sizeof(text));
    if (header != NULL) {
        /* The newer of the two: a reader that reconnects asks for the same address again. */
        snprintf(text, sizeof(text), "%s", header);
        given = true;
    }
    size_t digits = strspn(text, "0123456789");
    if (given && (digits == 0 || digits > 18 || text[digits] != '\0')) {
        respond_problem(
            context->exchange, "bad-request", "This is no event's id", 400,
            "Last-Event-ID and ?since= take the id of the last event seen; 0 is all that is kept.", NULL);
        return false;
    }
    *ret_since = given ? strtoll(text, NULL, 10) : -1;
    return true;
}

static bool policy_known(struct api *api, const char *name)
{
    struct hg_view view;
    for (size_t p = 0; p < api->host.policy_count(api->host.user_data); p++) {
        if (api->host.view(api->host.user_data, p, &view) && strcmp(view.policy->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* False: answered. */
static bool find_filters(struct api_context *context, char *ret_policy, char *ret_dependency, size_t size)
{
    struct api *api = context->api;
    const char *query = context->request->query;
    size_t policy, index;
    if (query_find(query, "policy", ret_policy, size) && !policy_known(api, ret_policy)) {
        respond_problem(context->exchange, "not-found", "There is no such policy", 404, "See /v1/status.",
                        NULL);
        return false;
    }
    if (query_find(query, "dependency", ret_dependency, size) &&
        !api->host.find_dependency(api->host.user_data, ret_dependency, &policy, &index)) {
        respond_problem(context->exchange, "not-found", "There is no such dependency", 404,
                        "No policy in force names it; see /v1/status.", NULL);
        return false;
    }
    return true;
}

static void refuse(struct api_context *context)
{
    struct events *events = context->api->events;
    struct json_out out = {0};
    /* Spread, so that they do not come back together. */
    int64_t retry_us = RETRY_MIN_US + events->counters.refused++ % 6 * 1000000;
    json_problem(&out, "too-many-readers", "Too many read the events of this controller", 503,
                 "Ask again after Retry-After, or read /v1/status.");
    json_member_int(&out, "retry_after_ms", retry_us / 1000);
    json_put(&out, "}");
    respond(context->exchange, 503, &out, retry_us);
}

void events_get(struct api_context *context)
{
    static const struct http_stream_ops ops = {.read = read_cb, .on_closed = closed_cb};
    static const struct http_header headers[] = {
        {"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}, {NULL, NULL}};
    struct http_response response = {.status = 200, .content_type = "text/event-stream", .headers = headers};
    struct events *events = context->api->events;
    char policy[HG_NAME_MAX + 2] = "", dependency[HG_NAME_MAX + 2] = "";
    int64_t since;
    if (!find_since(context, &since) || !find_filters(context, policy, dependency, sizeof(policy))) {
        return;
    }
    if (strcmp(context->request->method, "HEAD") == 0) {
        response.body = "";
        http_respond(context->exchange, &response);
        return;
    }
    struct reader *reader = http_stream_room(context->exchange) ? calloc(1, sizeof(*reader)) : NULL;
    if (reader == NULL) {
        refuse(context);
        return;
    }
    events_begin_ids(context->api);
    reader->events = events;
    reader->exchange = context->exchange;
    reader->id = events->next;
    snprintf(reader->policy, sizeof(reader->policy), "%s", policy);
    snprintf(reader->dependency, sizeof(reader->dependency), "%s", dependency);
    reader->own_size = (size_t)snprintf(reader->own, sizeof(reader->own), "retry: 2000\n\n");
    if (since >= 0) {
        resume(context->api, reader, since);
    }
    reader->next = events->readers;
    reader->at = &events->readers;
    if (reader->next != NULL) {
        reader->next->at = &reader->next;
    }
    events->readers = reader;
    events->counters.readers++;
    http_respond_stream(context->exchange, &response, &ops, reader);
}
