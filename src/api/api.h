/* The HTTP interface: one file a resource, over the engine's requests.
 *
 * The story of one permit: api_handle() finds the route (api.c), the resource's handler checks names and body
 * and makes a `struct hg_request`; ask() hands it to the engine. Known at once or after the store's reply,
 * api_on_reply() finds the call by its id and writes the answer (answer.c) with http_respond(). A batch is
 * many such requests under one id; it is answered when the last item is in. What is open is bounded:
 * CALLS_MAX calls, ITEMS_MAX items of batches.
 *
 * Lines of the log come in by api_on_log() and go out to whoever reads /v1/events (events.c).
 *
 * Nothing here decides: what an answer says is the engine's, how it is said is written here. */
#ifndef API_API_H
#define API_API_H

#include "core/engine.h"
#include "http/server.h"

#define CALLS_MAX 8192   /* calls under way */
#define ITEMS_MAX 100000 /* items of batches under way */
#define BATCH_MAX 10000  /* items in a batch */

#define EVENTS_KEPT      1024          /* lines a reader may be behind, or resume from */
#define EVENTS_BYTES_MAX (1024 * 1024) /* of them, whichever comes first */
#define EVENTS_BEAT_MS   15000         /* between signs of life to readers of events */

struct api;

/* What the api needs of its driver; function pointers so that tests can stand in for it. */
struct api_host {
    void *user_data;
    /* Hands one request to the engine. 0: api_on_reply() follows, perhaps from inside this very call. A
     * negative hg_error: none will follow. */
    int (*ask)(void *user_data, size_t policy, const struct hg_request *request);
    bool (*find_fleet)(void *user_data, const char *fleet, size_t *ret_policy, size_t *ret_index);
    /* A fleet that a reload removed: what it holds may still be completed. */
    bool (*find_gone_fleet)(void *user_data, const char *fleet, size_t *ret_policy);
    bool (*find_dependency)(void *user_data, const char *dependency, size_t *ret_policy, size_t *ret_index);
    size_t (*policy_count)(void *user_data);
    bool (*view)(void *user_data, size_t policy, struct hg_view *ret_view);
    int (*metrics)(void *user_data, char **ret_text,
                   size_t *ret_size); /* the body of /metrics, to be freed */
    const char *(*store_detail)(void *user_data, const char **ret_url, bool *ret_up);
    int64_t (*wall_us)(void *user_data);
};

/* HG_E_NOMEM. The host's strings and functions must outlive the api. */
int api_create(const struct api_host *host, const char *controller_id, struct api **ret_api)
    __attribute__((warn_unused_result));
void api_destroy(struct api *api); /* NULL is fine; calls under way are forgotten, not answered */

/* http_handler_fn; `api` is the struct api. */
void api_handle(void *api, struct http_exchange *exchange, const struct http_request *request);

void api_on_reply(struct api *api, uint64_t id, uint32_t item, const struct hg_answer *answer);

/* A line of the log, for those who read /v1/events: level as HG_EFFECT_LOG has it, `text` of logfmt pairs. */
void api_on_log(struct api *api, int level, const char *event, const char *text);
/* Due every EVENTS_BEAT_MS. */
void api_on_beat(struct api *api);

struct api_event_counters {
    int64_t published;
    int64_t readers; /* now */
    int64_t refused; /* beyond the maximum of readers */
    int64_t dropped; /* fell behind all that is kept */
};
const struct api_event_counters *api_event_counters(const struct api *api);

#endif
