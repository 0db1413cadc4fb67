/* Who is connected, the longest silent first. A connection that only sits there, or dribbles a request, must
 * not keep others out: when the table is nearly full the longest silent one makes room, and none may take
 * longer than HTTP_REQUEST_S over one request. Connections that wait for our answer are left alone. */
#ifndef HTTP_CONNECTIONS_H
#define HTTP_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_connection {
    struct http_connection *before;
    struct http_connection *behind;
    int fd;
    bool waits; /* for our answer, or for what a stream will bring */
    bool shut;  /* told to go */
    uint64_t since_ms;
};

struct http_connections {
    struct http_connection *first; /* the longest silent */
    struct http_connection *last;
    size_t count;
    int64_t pushed_out; /* total */
};

/* NULL without memory. */
struct http_connection *connections_add(struct http_connections *list, int fd, uint64_t now_ms);
void connections_remove(struct http_connections *list, struct http_connection *connection); /* frees it */

/* A request began or ended, or begins or ends to wait for our answer. */
void connections_touch(struct http_connections *list, struct http_connection *connection, bool waits,
                       uint64_t now_ms);

/* Shuts down the longest silent one, for a new one. */
void connections_make_room(struct http_connections *list);

/* Shuts down those that have been silent, or at one request, since before `oldest_ms`, and those whose client
 * hung up right behind its bytes: the library's edge-triggered look does not see that until they time out. */
void connections_sweep(struct http_connections *list, uint64_t oldest_ms);

#endif
