#include "net/redis_uv.h"
#include "headgate/errors.h"

#include <stdlib.h>

struct redis_uv {
    redisAsyncContext *context; /* NULL once hiredis has let go of it */
    uv_poll_t poll;
    int events;
};

static void watch(struct redis_uv *watcher);

static void poll_cb(uv_poll_t *poll, int status, int events)
{
    struct redis_uv *watcher = poll->data;
    if (status != 0) {
        /* libuv has stopped the watcher. Reading makes hiredis meet the error itself and call whom it must.
         */
        redisAsyncHandleRead(watcher->context);
        watch(watcher);
        return;
    }
    if ((events & UV_READABLE) != 0) {
        redisAsyncHandleRead(watcher->context);
    }
    /* The callbacks of what was read may have freed the context. */
    if (watcher->context != NULL && (events & UV_WRITABLE) != 0) {
        redisAsyncHandleWrite(watcher->context);
    }
}

static void watch(struct redis_uv *watcher)
{
    if (watcher->context == NULL) {
        return;
    }
    if (watcher->events == 0) {
        (void)uv_poll_stop(&watcher->poll);
    } else {
        (void)uv_poll_start(&watcher->poll, watcher->events, poll_cb);
    }
}

static void add_read(void *data)
{
    struct redis_uv *watcher = data;
    watcher->events |= UV_READABLE;
    watch(watcher);
}

static void del_read(void *data)
{
    struct redis_uv *watcher = data;
    watcher->events &= ~UV_READABLE;
    watch(watcher);
}

static void add_write(void *data)
{
    struct redis_uv *watcher = data;
    watcher->events |= UV_WRITABLE;
    watch(watcher);
}

static void del_write(void *data)
{
    struct redis_uv *watcher = data;
    watcher->events &= ~UV_WRITABLE;
    watch(watcher);
}

static void close_cb(uv_handle_t *handle)
{
    free(handle->data);
}

/* hiredis closes the socket right after this: the watcher must be off it by then, and uv_close() sees to
 * that. */
static void cleanup(void *data)
{
    struct redis_uv *watcher = data;
    watcher->context = NULL;
    uv_close((uv_handle_t *)&watcher->poll, close_cb);
}

int redis_uv_attach(redisAsyncContext *context, uv_loop_t *loop)
{
    if (context->err != 0 || context->ev.data != NULL) {
        return HG_E_INVALID;
    }
    struct redis_uv *watcher = calloc(1, sizeof(*watcher));
    if (watcher == NULL) {
        return HG_E_NOMEM;
    }
    if (uv_poll_init(loop, &watcher->poll, context->c.fd) != 0) {
        free(watcher);
        return HG_E_IO;
    }
    watcher->context = context;
    watcher->poll.data = watcher;
    context->ev.data = watcher;
    context->ev.addRead = add_read;
    context->ev.delRead = del_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = del_write;
    context->ev.cleanup = cleanup;
    /* hiredis asked to write (to learn of the connection) before it knew whom to ask. */
    add_write(watcher);
    return 0;
}
