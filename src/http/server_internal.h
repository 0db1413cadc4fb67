/* Between server.c and stream.c. */
#ifndef HTTP_SERVER_INTERNAL_H
#define HTTP_SERVER_INTERNAL_H

#include "http/connections.h"
#include "http/listen.h"
#include "http/server.h"
#include "http/stream.h"

#include <microhttpd.h>

struct http_exchange {
    struct http_exchange *next; /* among the suspended, or among the streams */
    struct http_exchange **at;
    struct http_server *server;
    struct MHD_Connection *connection;
    struct http_connection *place; /* NULL without memory for one */
    struct MHD_Response *response; /* set by http_respond() */
    int status;
    bool begun; /* headers were looked at */
    bool suspended;
    bool answered;
    bool queued;
    const struct http_stream_ops *stream; /* NULL: an answer of one piece */
    void *stream_data;
    bool stream_idle; /* it had nothing to send: suspended until http_stream_wake() */
    bool stream_cut;
    char query[HTTP_PATH_MAX + 1];
    char *path;
    char *body;
    size_t body_size;
    size_t body_capacity;
    int refusal; /* status to refuse with once the body is through; 0 */
    bool uri_bad;
    bool uri_long;
};

struct http_server {
    struct http_options options;
    struct MHD_Daemon *daemon;
    char address[LISTEN_ADDRESS_MAX];
    int fd;
    uv_poll_t poll;
    uv_timer_t timer;
    uv_timer_t sweep;
    struct http_connections connections;
    size_t connections_max;
    bool running; /* inside MHD_run */
    bool woken;   /* a connection was resumed from inside it */
    bool closing;
    struct http_exchange *suspended;
    struct http_exchange *streams;
    size_t body_bytes; /* of all bodies being read */
    size_t open_handles;
    struct http_counters counters;
    void (*on_closed)(void *user_data);
    void *closed_data;
};

/* server.c: into and out of one of the server's lists. */
void exchange_link(struct http_exchange **list, struct http_exchange *exchange);
void exchange_unlink(struct http_exchange *exchange);
/* server.c: the library goes on with a connection that was suspended, once the present callback is done. */
void exchange_resume(struct http_exchange *exchange);
/* server.c: to a response that was just made; harmless when there was no memory for it. */
void exchange_add_headers(struct http_exchange *exchange, const struct http_response *response);

/* stream.c: the exchange is over; those whose client hung up are cut; all are ended. */
void stream_completed(struct http_exchange *exchange);
void stream_sweep(struct http_server *server);
void stream_end_all(struct http_server *server);

#endif
