/* Between events.c, the ring, and events_get.c, its readers. */
#ifndef API_EVENTS_INTERNAL_H
#define API_EVENTS_INTERNAL_H

#include "api/api_internal.h"
#include "http/stream.h"

#define OWN_SIZE 512 /* greeting and gap */

struct event {
    char *text; /* as it is sent */
    size_t size;
    char policy[HG_NAME_MAX + 1]; /* "": of none */
    char dependency[HG_NAME_MAX + 1];
};

struct reader {
    struct reader *next;
    struct reader **at;
    struct events *events;
    struct http_exchange *exchange;
    char policy[HG_NAME_MAX + 1]; /* "": all */
    char dependency[HG_NAME_MAX + 1];
    int64_t id;  /* of the event to be sent next, or under way */
    size_t sent; /* bytes of it */
    bool dropped;
    char own[OWN_SIZE]; /* sent before it: what only this reader gets */
    size_t own_size;
    size_t own_sent;
};

struct events {
    struct event ring[EVENTS_KEPT]; /* at its id % EVENTS_KEPT */
    int64_t first;                  /* id of the first event ever; 0: none yet */
    int64_t oldest;                 /* of those kept */
    int64_t next;
    size_t bytes;
    struct reader *readers;
    struct api_event_counters counters;
};

/* Ids begin with the time, in microseconds, at the first event or reader. */
void events_begin_ids(struct api *api);
/* The beginning of an event, with its object open. */
void event_open(struct json_out *out, int64_t now_us, int level, const char *event);
struct event *event_at(struct events *events, int64_t id);
bool reader_wants(const struct reader *reader, const struct event *event);

#endif
