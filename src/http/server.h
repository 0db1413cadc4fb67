/* The HTTP server: libmicrohttpd's epoll descriptor inside the libuv loop.
 *
 * The story of one request: libmicrohttpd parses it; headers, path and body are checked against the named
 * bounds and answered here with problem+json when they break one (400, 413, 414, 431, 503); otherwise the
 * handler is called once, with the whole body. The handler answers with http_respond(), inside the call (the
 * cheap way) or later from the loop: until then the connection is suspended. A client may go
 * away meanwhile: answering it is harmless, and counted.
 *
 * Nothing here knows what a permit is. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define HTTP_CONNECTIONS_MAX 4096 /* fewer where the process may not open so many files */
#define HTTP_CONNECTIONS_ROOM 256 /* kept free: the longest silent connection makes room for a new one */
#define HTTP_FILES_KEPT      128  /* descriptors for everything else */
#define HTTP_REQUEST_S       60   /* a request that has not come whole after so long is cut off */
#define HTTP_CONNECTION_POOL 8192 /* bytes libmicrohttpd may use for a connection: bounds all headers */
#define HTTP_BODY_MAX        (4 * 1024 * 1024)
#define HTTP_BODIES_MAX      (64 * 1024 * 1024) /* bytes of all bodies being read at once */
#define HTTP_BODY_SMALL      4096 /* bodies up to here are always read: slow large ones must not keep them out */
#define HTTP_PATH_MAX        1024
#define HTTP_IDLE_S          30 /* a connection silent for so long is closed */

struct http_server;
struct http_exchange; /* one request, open until http_respond() */

struct http_request {
    const char *method; /* "GET", "PUT", "POST", "DELETE", "HEAD" */
    const char *path;   /* decoded once, without the query; starts with '/' */
    const char *query;  /* raw, without '?'; "" if none */
    const char *body;   /* NUL-terminated; "" if none */
    size_t body_size;
};

struct http_header {
    const char *name;
    const char *value;
};

struct http_response {
    int status;
    const char *content_type; /* NULL: application/json */
    const char *body;         /* copied */
    size_t body_size;
    const struct http_header *headers; /* copied; NULL-named header ends the list; NULL if none */
};

/* The request is valid until http_respond() of its exchange. */
typedef void (*http_handler_fn)(void *user_data, struct http_exchange *exchange,
                                const struct http_request *request);

struct http_options {
    uv_loop_t *loop;
    const char *listen; /* "HOST:PORT" (port 0: any free), "[::1]:PORT", or "unix:/path" */
    http_handler_fn handler;
    void *user_data;
};

struct http_counters {
    int64_t requests;
    int64_t connections;      /* open now */
    int64_t connections_over; /* silent ones pushed out to make room, or cut off after HTTP_REQUEST_S */
    int64_t bodies_over;      /* refused for HTTP_BODY_MAX or HTTP_BODIES_MAX */
    int64_t malformed;        /* answered 4xx here */
    int64_t suspended;        /* waiting for http_respond() now */
    int64_t streams;          /* answers that go on; they are not among the suspended */
    int64_t clients_gone;     /* went away before their answer */
};

/* HG_E_INVALID for an address that is not loopback or not understood, HG_E_IO when it cannot be bound;
 * ret_error gets one line with the mend. */
int http_server_create(const struct http_options *options, struct http_server **ret_server, char *ret_error,
                       size_t error_size) __attribute__((warn_unused_result));

/* The address in use, such as "127.0.0.1:7070" or "unix:/run/headgate.sock". */
const char *http_server_address(const struct http_server *server);

const struct http_counters *http_server_counters(const struct http_server *server);

/* Stops listening, answers what is open with 503, ends streams, closes; on_closed is called from the loop. */
void http_server_destroy(struct http_server *server, void (*on_closed)(void *user_data), void *user_data);

/* Value of a request header (any case), or NULL. */
const char *http_request_header(struct http_exchange *exchange, const char *name);

/* Answers and ends the exchange; must be called exactly once for every handler call. */
void http_respond(struct http_exchange *exchange, const struct http_response *response);

#endif
