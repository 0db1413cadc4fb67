#include "launch/caller.h"

#include "headgate/errors.h"
#include "host/clock.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static bool is_cancelled(void *user_data)
{
    struct caller *caller = user_data;
    return atomic_load(&caller->cancelled);
}

int caller_init(struct caller *caller, uv_loop_t *loop, const char *servers)
{
    memset(caller, 0, sizeof(*caller));
    caller->loop = loop;
    const struct hg_client_options options = {
        .servers = servers, .cancelled = is_cancelled, .user_data = caller};
    return hg_client_create(&options, &caller->client);
}

void caller_finish(struct caller *caller)
{
    assert(caller->call == NULL);
    hg_client_destroy(caller->client);
    caller->client = NULL;
}

bool caller_busy(const struct caller *caller)
{
    return caller->call != NULL;
}

bool caller_lost(int status)
{
    return status == HG_E_EXPIRED || status == HG_E_SUPERSEDED || status == HG_E_CONFLICT;
}

bool caller_hopeless(int status)
{
    return status == HG_E_NOT_FOUND || status == HG_E_INVALID;
}

static int call_one(struct hg_client *client, enum caller_verb verb, const struct hg_client_ask *ask,
                    struct hg_permit *ret_permit)
{
    switch (verb) {
    case CALLER_ACQUIRE:
        return hg_client_acquire(client, ask, ret_permit);
    case CALLER_RENEW:
        return hg_client_renew(client, ask, ret_permit);
    case CALLER_COMPLETE:
        return hg_client_complete(client, ask, ret_permit);
    case CALLER_LEAVE:
        return hg_client_leave(client, ask, ret_permit);
    case CALLER_VERB_COUNT:
        break;
    }
    return HG_E_INVALID;
}

static void call_each(struct hg_client *client, struct caller_call *call)
{
    for (call->answered = 0; call->answered < call->count; call->answered++) {
        struct hg_permit *permit = &call->permits[call->answered];
        memset(permit, 0, sizeof(*permit));
        call->status = call_one(client, call->verb, &call->asks[call->answered], permit);
        permit->status = call->status;
        if (call->status != 0 && !caller_lost(call->status) && call->status != HG_E_QUARANTINED) {
            return;
        }
        if (call->count > 1) {
            call->status = 0;
        }
    }
}

static void work_cb(uv_work_t *work)
{
    static const enum hg_client_verb verbs[] = {HG_CLIENT_ACQUIRE, HG_CLIENT_RENEW, HG_CLIENT_COMPLETE};
    struct caller *caller = work->data;
    struct caller_call *call = caller->call;
    call->sent_us = clock_monotonic_us();
    if (call->batch) {
        call->status = hg_client_batch(caller->client, verbs[call->verb], call->fleet, call->asks,
                                       call->count, call->permits);
    } else {
        call_each(caller->client, call);
    }
    call->retry_after_us = hg_client_retry_after_us(caller->client);
    snprintf(call->error, sizeof(call->error), "%s", hg_client_error(caller->client));
}

static void after_cb(uv_work_t *work, int status)
{
    struct caller *caller = work->data;
    struct caller_call *call = caller->call;
    (void)status;
    caller->call = NULL;
    caller->done(call, caller->user_data);
}

void caller_start(struct caller *caller, struct caller_call *call, caller_done_fn done, void *user_data)
{
    assert(caller->call == NULL && (!call->batch || call->verb != CALLER_LEAVE));
    caller->call = call;
    caller->done = done;
    caller->user_data = user_data;
    caller->work.data = caller;
    int status = uv_queue_work(caller->loop, &caller->work, work_cb, after_cb);
    assert(status == 0); /* it fails for a missing callback only */
    (void)status;
}

void caller_cancel(struct caller *caller)
{
    atomic_store(&caller->cancelled, true);
}
