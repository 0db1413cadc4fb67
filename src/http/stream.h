/* An answer that goes on: its body is asked for piece by piece, as fast as the client takes it.
 *
 * The story of one stream: http_respond_stream() answers the exchange with headers. Whenever the client can
 * take more, read() is asked for bytes; when it has none the connection sleeps until http_stream_wake().
 * Nothing is queued here, so a slow client costs no more memory than a fast one; whoever feeds the stream
 * decides when it has fallen too far behind, and ends it with http_stream_cut(). A client that hung up is
 * noticed by the sweep, the next write, or, where it takes nothing for HTTP_IDLE_S, by that. */
#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H

#include "http/server.h"

#include <sys/types.h>

#define HTTP_STREAMS_MAX   256   /* fewer, a quarter of all connections, where few files may be opened */
#define HTTP_STREAM_BUFFER 32768 /* bytes the kernel may keep for a stream */
#define HTTP_STREAM_END    ((ssize_t)-1)

struct http_stream_ops {
    /* Up to `size` (at least 1) bytes into `ret_bytes`; 0: nothing at this moment; HTTP_STREAM_END: that was
     * all. Called from the loop; it must not answer, wake or cut anything. */
    ssize_t (*read)(void *user_data, char *ret_bytes, size_t size);
    /* The stream is gone, whoever ended it: the last call, exactly once, never from inside a http_ function
     * but http_server_destroy(). */
    void (*on_closed)(void *user_data);
};

/* Whether one more stream is within the bounds. */
bool http_stream_room(const struct http_exchange *exchange);

/* In the place of http_respond(), from inside the handler's call only: the response's body is not looked at.
 */
void http_respond_stream(struct http_exchange *exchange, const struct http_response *response,
                         const struct http_stream_ops *ops, void *user_data);

/* There is something to read. Harmless while it is being sent to already. */
void http_stream_wake(struct http_exchange *exchange);

/* Ends the stream at once, what the client has not taken included. read() is not called again. */
void http_stream_cut(struct http_exchange *exchange);

#endif
