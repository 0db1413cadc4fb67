#include "http/stream.h"

#include "http/server_internal.h"

#include <sys/socket.h>

#define PIECE_SIZE 4096 /* what the library asks for at once, where its pool has room */

bool http_stream_room(const struct http_exchange *exchange)
{
    const struct http_server *server = exchange->server;
    size_t most = server->connections_max / 4;
    return server->counters.streams < (int64_t)(most < HTTP_STREAMS_MAX ? most : HTTP_STREAMS_MAX);
}

static bool ended(const struct http_exchange *exchange)
{
    return exchange->server->closing || exchange->stream_cut;
}

static ssize_t read_cb(void *user_data, uint64_t position, char *bytes, size_t size)
{
    struct http_exchange *exchange = user_data;
    (void)position;
    if (ended(exchange)) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    ssize_t got = exchange->stream->read(exchange->stream_data, bytes, size);
    if (got == 0) {
        exchange->stream_idle = true;
        MHD_suspend_connection(exchange->connection);
    }
    return got == HTTP_STREAM_END ? MHD_CONTENT_READER_END_OF_STREAM : got;
}

static int fd_of(const struct http_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info == NULL ? -1 : info->connect_fd;
}

void http_respond_stream(struct http_exchange *exchange, const struct http_response *response,
                         const struct http_stream_ops *ops, void *user_data)
{
    struct http_server *server = exchange->server;
    int buffer = HTTP_STREAM_BUFFER / 2; /* the kernel doubles it, for its own accounts */
    (void)setsockopt(fd_of(exchange), SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    exchange->stream = ops;
    exchange->stream_data = user_data;
    exchange->response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_SIZE, read_cb, exchange, NULL);
    exchange->status = response->status;
    exchange->answered = true;
    exchange_add_headers(exchange, response);
    exchange_link(&server->streams, exchange);
    server->counters.streams++;
    connections_touch(&server->connections, exchange->place, true, uv_now(server->options.loop));
}

void http_stream_wake(struct http_exchange *exchange)
{
    if (exchange->stream_idle) {
        exchange->stream_idle = false;
        exchange_resume(exchange);
    }
}

void http_stream_cut(struct http_exchange *exchange)
{
    exchange->stream_cut = true;
    (void)shutdown(fd_of(exchange), SHUT_RDWR);
    http_stream_wake(exchange);
}

void stream_completed(struct http_exchange *exchange)
{
    struct http_server *server = exchange->server;
    const struct http_stream_ops *ops = exchange->stream;
    exchange->stream = NULL;
    exchange_unlink(exchange);
    server->counters.streams--;
    connections_touch(&server->connections, exchange->place, false, uv_now(server->options.loop));
    ops->on_closed(exchange->stream_data);
}

/* A suspended connection's end goes unseen by the library. */
void stream_sweep(struct http_server *server)
{
    char byte;
    for (struct http_exchange *exchange = server->streams; exchange != NULL; exchange = exchange->next) {
        if (!exchange->stream_cut && recv(fd_of(exchange), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
            http_stream_cut(exchange);
        }
    }
}

void stream_end_all(struct http_server *server)
{
    for (struct http_exchange *exchange = server->streams; exchange != NULL; exchange = exchange->next) {
        http_stream_wake(exchange);
    }
}
