/* hiredis in the libuv loop.
 *
 * The story of one connection: the caller connects with redisAsyncConnect() (a literal address: hiredis
 * resolves names in place, which would block the loop), attaches the context here, and then sends commands
 * and sets callbacks with hiredis itself. This adapter watches the socket for hiredis and, unlike the one
 * hiredis 0.14 ships, hands errors on: a refused or reset connection ends in hiredis' own callbacks.
 *
 * What hiredis 0.14 then calls: when the connection is refused, the connect callback with REDIS_ERR and every
 * pending command's callback with a NULL reply, but not the disconnect callback; when an established
 * connection is lost, every pending command's callback with a NULL reply, then the disconnect callback. In
 * either case hiredis frees the context afterwards. Nothing here limits time: set a timer of your own and
 * call redisAsyncFree(). */
#ifndef NET_REDIS_UV_H
#define NET_REDIS_UV_H

#include <hiredis/hiredis.h>
#include <hiredis/async.h>
#include <uv.h>

/* Watches `context` from `loop` until hiredis frees the context. 0, HG_E_NOMEM, HG_E_INVALID when the context
 * is attached already or has failed (`context->err`), HG_E_IO when its socket cannot be watched; on failure
 * the context is still the caller's to free. The watcher's memory is freed by the loop, one turn after the
 * context is. */
int redis_uv_attach(redisAsyncContext *context, uv_loop_t *loop) __attribute__((warn_unused_result));

#endif
