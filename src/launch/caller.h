/* One client, used off the loop: the calls block, so they run in libuv's thread pool.
 *
 * The story of one call: caller_start() hands it to a thread, the loop goes on, and `done` is called from the
 * loop with the answer. One call at a time a caller (a client is one thread's); who wants several at once has
 * several. */
#ifndef LAUNCH_CALLER_H
#define LAUNCH_CALLER_H

#include "headgate/client.h"

#include <stdatomic.h>
#include <uv.h>

enum caller_verb { CALLER_ACQUIRE, CALLER_RENEW, CALLER_COMPLETE, CALLER_LEAVE, CALLER_VERB_COUNT };

struct caller_call {
    enum caller_verb verb;
    const char *fleet; /* borrowed, as all that the asks point to, until done */
    struct hg_client_ask *asks;
    size_t count;
    bool batch; /* as one batch (not LEAVE); else one after the other until one is not answered */
    struct hg_permit *permits; /* set: one for each ask */
    int status;             /* set: 0, or why no answer came; when it was one by one, of the last one asked */
    size_t answered;        /* set, when not a batch: how many were answered */
    int64_t sent_us;        /* set: when it was sent; leases count from there */
    int64_t retry_after_us; /* set with status */
    char error[512];        /* set with status: one sentence */
};

typedef void (*caller_done_fn)(struct caller_call *call, void *user_data);

struct caller {
    uv_work_t work;
    uv_loop_t *loop;
    struct hg_client *client;
    struct caller_call *call; /* under way; NULL: idle */
    caller_done_fn done;
    void *user_data;
    atomic_bool cancelled;
};

/* HG_E_INVALID for servers that cannot be read, HG_E_NOMEM. */
int caller_init(struct caller *caller, uv_loop_t *loop, const char *servers)
    __attribute__((warn_unused_result));
/* Nothing may be under way. */
void caller_finish(struct caller *caller);

bool caller_busy(const struct caller *caller);

/* Starts `call`; none may be under way. */
void caller_start(struct caller *caller, struct caller_call *call, caller_done_fn done, void *user_data);

/* Ends what is under way, within a second, with HG_E_CANCELLED. */
void caller_cancel(struct caller *caller);

/* Whether the answer to one instance says that its permit is no longer its own: expired, superseded,
 * conflict. */
bool caller_lost(int status);

/* Whether asking again cannot help: the fleet is unknown, or the request is wrong. */
bool caller_hopeless(int status);

#endif
