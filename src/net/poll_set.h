/* Sockets and one timer of a library that wants its descriptors watched (libcurl, c-ares), in the libuv loop.
 *
 * The story: the library says which descriptors it cares for, poll_set_watch() follows it, on_ready and
 * on_timer hand it the events, and poll_set_close() lets go of everything. A library closes a descriptor
 * right after saying that it no longer cares: the watch is off it before poll_set_watch() returns. */
#ifndef NET_POLL_SET_H
#define NET_POLL_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define POLL_SET_SOCKETS_MAX 64

struct poll_socket;

struct poll_set {
    uv_loop_t *loop;
    /* `status` is 0 or a negative libuv error; after an error the descriptor is not watched until asked
     * again. */
    void (*on_ready)(void *user_data, int fd, int status, int events);
    void (*on_timer)(void *user_data);
    void *user_data;
    uv_timer_t timer;
    struct poll_socket *sockets;
    size_t socket_count;
    size_t handle_count; /* not yet closed by the loop, the timer's included */
    bool closing;
    void (*on_closed)(void *user_data);
};

/* `set->loop`, the callbacks and `user_data` are the caller's to fill in first. */
void poll_set_init(struct poll_set *set);

/* Watches `fd` for `events` (UV_READABLE, UV_WRITABLE), no longer with 0. A descriptor that cannot be watched
 * is left alone: whoever waits for it meets its own timeout. */
void poll_set_watch(struct poll_set *set, int fd, int events);

/* on_timer once in `delay_ms`; never with a negative one. Never from inside this call. */
void poll_set_timer(struct poll_set *set, int64_t delay_ms);

/* Stops everything; on_closed is called from the loop, after which the set's memory is the caller's again. */
void poll_set_close(struct poll_set *set, void (*on_closed)(void *user_data));

#endif
