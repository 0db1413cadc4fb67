/* The daemon's driver of the engine: turns what happens on the loop into events, and effects into what is
 * done.
 *
 * The story of one request: http hands it to the api, the api calls ask() here, the engine steps, and its
 * effects are carried out in order: a group to the store, an answer to the api, a line to the log, probes
 * started or stopped. Nothing is called back from inside a step: what comes of carrying out an effect waits
 * until the batch is done. */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "api/api.h"
#include "core/engine.h"
#include "http/server.h"
#include "store/store.h"

#include <uv.h>

struct host;
struct probe_group;

/* The policy's slot travels with a group's reply: the store hands back one pointer. */
struct host_submission {
    struct host *host;
    size_t policy;
};

struct host {
    uv_loop_t *loop;
    struct hg_engine *engine;
    struct store *store;
    struct api *api;
    struct http_server *server;
    char store_url[512]; /* without its password */
    bool store_up;
    char store_detail[256];
    struct hg_policy_set *set;
    struct hg_policy_set *set_before; /* a group under way may still point into it */
    struct probe_group *probes;
    uv_timer_t timer;
    uv_timer_t beat; /* signs of life to readers of events */
    bool stepping;
    struct host_submission submissions[2 * HG_POLICIES_MAX]; /* one group a policy is under way */
    bool failed[2 * HG_POLICIES_MAX];                        /* groups the store refused at once */
    int failed_status[2 * HG_POLICIES_MAX];
    struct group_reply *failed_reply;
};

/* One event in; carries out its effects. Not re-entrant: asserted. */
int host_step(struct host *host, const struct hg_event *event);

/* One line to the log, and to those who read /v1/events. `text` holds logfmt pairs. */
void host_log(struct host *host, int level, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* What the api needs. */
struct api_host host_api(struct host *host);

/* For store_options. */
void host_on_store_state(void *user_data, int status, const char *text);

/* Sets the timer to the engine's next deadline. */
void host_schedule(struct host *host);

/* Copies a store URL without its password. */
void host_redact(const char *url, char *ret_text, size_t size);

#endif
