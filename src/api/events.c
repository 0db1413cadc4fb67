/* GET /v1/events: every line of the daemon's log, as it is written, to whoever reads.
 *
 * The story of one line: api_on_log() makes an event of it and puts it into the ring, with the next id.
 * Readers that are interested are woken; each reads the ring from its own place, as fast as its connection
 * takes it. The ring is the queue of all of them: a slow reader costs nothing, and one that falls out of the
 * ring is dropped and may resume, which tells it what it missed.
 *
 * Ids begin with the time at which the controller started, in microseconds, so that they grow over restarts.
 */
#include "api/events_internal.h"

#include "core/logfmt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 16 /* pairs of a line that are looked at */

int events_create(struct events **ret_events)
{
    struct events *events = calloc(1, sizeof(*events));
    if (events == NULL) {
        return HG_E_NOMEM;
    }
    *ret_events = events;
    return 0;
}

struct event *event_at(struct events *events, int64_t id)
{
    return &events->ring[id % EVENTS_KEPT];
}

static void forget_oldest(struct events *events)
{
    struct event *event = event_at(events, events->oldest++);
    events->bytes -= event->size;
    free(event->text);
    memset(event, 0, sizeof(*event));
}

void events_destroy(struct events *events)
{
    while (events != NULL && events->oldest < events->next) {
        forget_oldest(events);
    }
    free(events);
}

const struct api_event_counters *api_event_counters(const struct api *api)
{
    return &api->events->counters;
}

/* The first event's id is the time; without one yet, the time now. */
void events_begin_ids(struct api *api)
{
    struct events *events = api->events;
    if (events->first == 0) {
        int64_t now_us = api->host.wall_us(api->host.user_data);
        events->first = events->oldest = events->next = now_us > 0 ? now_us : 1;
    }
}

static void copy_name(char *name, size_t size, const struct logfmt_pair *pair)
{
    snprintf(name, size, "%.*s", (int)pair->value_size, pair->value);
}

/* A pair as a member, unless its key was there: texts from outside must not overwrite what came before. */
static void put_pair(struct json_out *out, const struct logfmt_pair *pair, struct logfmt_pair *seen,
                     size_t *count)
{
    char key[64];
    bool good = pair->key_size < sizeof(key) && *count < KEYS_MAX;
    for (size_t i = 0; good && i < pair->key_size; i++) {
        char c = pair->key[i];
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    }
    for (size_t i = 0; good && i < *count; i++) {
        good = seen[i].key_size != pair->key_size || memcmp(seen[i].key, pair->key, pair->key_size) != 0;
    }
    char *value = good ? strndup(pair->value, pair->value_size) : NULL;
    if (value == NULL) {
        out->failed = out->failed || good;
        return;
    }
    snprintf(key, sizeof(key), "%.*s", (int)pair->key_size, pair->key);
    json_member(out, key, value);
    free(value);
    seen[(*count)++] = *pair;
}

void event_open(struct json_out *out, int64_t now_us, int level, const char *event)
{
    static const char *const levels[] = {"debug", "info", "warning", "error"};
    json_putf(out, "event: %s\ndata: ", event);
    json_put(out, "{");
    json_name(out, "ts_ms");
    json_putf(out, "%lld", (long long)(now_us / 1000));
    json_member(out, "level", levels[level >= 0 && level <= 3 ? level : 3]);
    json_member(out, "event", event);
}

bool reader_wants(const struct reader *reader, const struct event *event)
{
    return (reader->policy[0] == '\0' || event->policy[0] == '\0' ||
            strcmp(reader->policy, event->policy) == 0) &&
           (reader->dependency[0] == '\0' || event->dependency[0] == '\0' ||
            strcmp(reader->dependency, event->dependency) == 0);
}

/* After the event before `events->next` came in. */
static void tell_readers(struct events *events)
{
    int64_t id = events->next - 1;
    for (struct reader *reader = events->readers; reader != NULL; reader = reader->next) {
        if (reader->dropped) {
            continue;
        }
        if (reader->id < events->oldest) {
            reader->dropped = true;
            events->counters.dropped++;
            http_stream_cut(reader->exchange);
        } else if (reader_wants(reader, event_at(events, id))) {
            http_stream_wake(reader->exchange);
        } else if (reader->id == id) {
            reader->id++;
        }
    }
}

void api_on_log(struct api *api, int level, const char *event, const char *text)
{
    struct events *events = api->events;
    struct logfmt_pair pair, seen[KEYS_MAX] = {{.key = "ts_ms", .key_size = 5},
                                               {.key = "level", .key_size = 5},
                                               {.key = "event", .key_size = 5}};
    size_t count = 3;
    struct event made = {0};
    struct json_out out = {0};
    events_begin_ids(api);
    json_putf(&out, "id: %lld\n", (long long)events->next);
    event_open(&out, api->host.wall_us(api->host.user_data), level, event);
    while (logfmt_next(&text, &pair)) {
        size_t before = count;
        put_pair(&out, &pair, seen, &count);
        if (count > before && pair.key_size == 6 && memcmp(pair.key, "policy", 6) == 0) {
            copy_name(made.policy, sizeof(made.policy), &pair);
        } else if (count > before && pair.key_size == 10 && memcmp(pair.key, "dependency", 10) == 0) {
            copy_name(made.dependency, sizeof(made.dependency), &pair);
        }
    }
    json_put(&out, "}\n\n");
    if (out.failed || out.size > EVENTS_BYTES_MAX) {
        json_out_finish(&out); /* it is in the log */
        return;
    }
    while (events->next - events->oldest >= EVENTS_KEPT ||
           (events->oldest < events->next && events->bytes + out.size > EVENTS_BYTES_MAX)) {
        forget_oldest(events);
    }
    char *fitting = realloc(out.text, out.size + 1); /* it is kept for long */
    made.text = fitting == NULL ? out.text : fitting;
    made.size = out.size;
    *event_at(events, events->next++) = made;
    events->bytes += made.size;
    events->counters.published++;
    tell_readers(events);
}

void api_on_beat(struct api *api)
{
    for (struct reader *reader = api->events->readers; reader != NULL; reader = reader->next) {
        if (reader->own_sent == reader->own_size && reader->id == api->events->next) {
            reader->own_size = (size_t)snprintf(reader->own, sizeof(reader->own), ":\n\n");
            reader->own_sent = 0;
            http_stream_wake(reader->exchange);
        }
    }
}
