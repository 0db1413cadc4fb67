#include "net/poll_set.h"

#include <stdlib.h>

struct poll_socket {
    struct poll_socket *next;
    struct poll_set *set;
    int fd;
    uv_poll_t poll;
};

static void handle_closed(struct poll_set *set)
{
    set->handle_count--;
    if (set->closing && set->handle_count == 0) {
        set->on_closed(set->user_data);
    }
}

static void socket_closed_cb(uv_handle_t *handle)
{
    struct poll_socket *sock = handle->data;
    struct poll_set *set = sock->set;
    free(sock);
    handle_closed(set);
}

static void timer_closed_cb(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

static void timer_cb(uv_timer_t *timer)
{
    struct poll_set *set = timer->data;
    set->on_timer(set->user_data);
}

static void poll_cb(uv_poll_t *poll, int status, int events)
{
    struct poll_socket *sock = poll->data;
    sock->set->on_ready(sock->set->user_data, sock->fd, status, events);
}

void poll_set_init(struct poll_set *set)
{
    (void)uv_timer_init(set->loop, &set->timer); /* cannot fail */
    set->timer.data = set;
    set->sockets = NULL;
    set->socket_count = 0;
    set->handle_count = 1;
    set->closing = false;
}

static void drop(struct poll_set *set, struct poll_socket **link)
{
    struct poll_socket *sock = *link;
    *link = sock->next;
    set->socket_count--;
    uv_close((uv_handle_t *)&sock->poll, socket_closed_cb);
}

static struct poll_socket *add(struct poll_set *set, int fd)
{
    if (set->closing || set->socket_count == POLL_SET_SOCKETS_MAX) {
        return NULL;
    }
    struct poll_socket *sock = calloc(1, sizeof(*sock));
    if (sock == NULL || uv_poll_init_socket(set->loop, &sock->poll, fd) != 0) {
        free(sock);
        return NULL;
    }
    sock->set = set;
    sock->fd = fd;
    sock->poll.data = sock;
    sock->next = set->sockets;
    set->sockets = sock;
    set->socket_count++;
    set->handle_count++;
    return sock;
}

void poll_set_watch(struct poll_set *set, int fd, int events)
{
    struct poll_socket **link = &set->sockets;
    while (*link != NULL && (*link)->fd != fd) {
        link = &(*link)->next;
    }
    if (events == 0) {
        if (*link != NULL) {
            drop(set, link);
        }
        return;
    }
    struct poll_socket *sock = *link != NULL ? *link : add(set, fd);
    if (sock != NULL) {
        (void)uv_poll_start(&sock->poll, events, poll_cb);
    }
}

void poll_set_timer(struct poll_set *set, int64_t delay_ms)
{
    if (set->closing || delay_ms < 0) {
        (void)uv_timer_stop(&set->timer);
    } else {
        (void)uv_timer_start(&set->timer, timer_cb, (uint64_t)delay_ms, 0);
    }
}

void poll_set_close(struct poll_set *set, void (*on_closed)(void *user_data))
{
    set->closing = true;
    set->on_closed = on_closed;
    while (set->sockets != NULL) {
        drop(set, &set->sockets);
    }
    uv_close((uv_handle_t *)&set->timer, timer_closed_cb);
}
