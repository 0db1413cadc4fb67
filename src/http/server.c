#include "http/server.h"

#include "headgate/errors.h"
#include "http/headers.h"
#include "http/http_json.h"
#include "http/server_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define SWEEP_MS  5000
#define LAST_RUNS 4 /* turns of the library in which the streams' ends go out */

static void timer_cb(uv_timer_t *timer);

/* The epoll descriptor is edge-triggered: after every run the timeout tells whether there is more to do. */
static void pump(struct http_server *server)
{
    if (server->daemon == NULL || server->running) {
        return;
    }
    server->running = true;
    (void)MHD_run(server->daemon);
    server->running = false;
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    if (server->woken) {
        server->woken = false;
        uv_timer_start(&server->timer, timer_cb, 0, 0);
    } else if (MHD_get_timeout(server->daemon, &timeout_ms) == MHD_YES) {
        uv_timer_start(&server->timer, timer_cb, timeout_ms, 0);
    } else {
        uv_timer_stop(&server->timer);
    }
}

static void timer_cb(uv_timer_t *timer)
{
    pump(timer->data);
}

static void poll_cb(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    pump(poll->data);
}

/* Runs once the present callback is done: a resumed connection wakes nobody. */
static void pump_soon(struct http_server *server)
{
    server->woken = server->woken || server->running;
    if (!server->running) {
        uv_timer_start(&server->timer, timer_cb, 0, 0);
    }
}

void exchange_link(struct http_exchange **list, struct http_exchange *exchange)
{
    exchange->next = *list;
    exchange->at = list;
    if (exchange->next != NULL) {
        exchange->next->at = &exchange->next;
    }
    *list = exchange;
}

void exchange_unlink(struct http_exchange *exchange)
{
    *exchange->at = exchange->next;
    if (exchange->next != NULL) {
        exchange->next->at = exchange->at;
    }
}

void exchange_resume(struct http_exchange *exchange)
{
    MHD_resume_connection(exchange->connection);
    pump_soon(exchange->server);
}

void exchange_add_headers(struct http_exchange *exchange, const struct http_response *response)
{
    if (exchange->response == NULL) {
        return;
    }
    (void)MHD_add_response_header(exchange->response, "Content-Type",
                                  response->content_type == NULL ? "application/json"
                                                                 : response->content_type);
    for (const struct http_header *header = response->headers; header != NULL && header->name != NULL;
         header++) {
        (void)MHD_add_response_header(exchange->response, header->name, header->value);
    }
}

const char *http_request_header(struct http_exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

void http_respond(struct http_exchange *exchange, const struct http_response *response)
{
    exchange->response = MHD_create_response_from_buffer(
        response->body_size, (void *)(uintptr_t)response->body, MHD_RESPMEM_MUST_COPY);
    exchange->status = response->status;
    exchange->answered = true;
    exchange_add_headers(exchange, response);
    if (exchange->suspended) {
        struct http_server *server = exchange->server;
        exchange->suspended = false;
        exchange_unlink(exchange);
        server->counters.suspended--;
        connections_touch(&server->connections, exchange->place, false, uv_now(server->options.loop));
        exchange_resume(exchange);
    }
}

static enum MHD_Result queue_answer(struct http_exchange *exchange)
{
    if (exchange->response == NULL) {
        return MHD_NO; /* no memory to answer with: the connection is closed */
    }
    exchange->queued = true;
    return MHD_queue_response(exchange->connection, (unsigned int)exchange->status, exchange->response);
}

static enum MHD_Result refuse(struct http_exchange *exchange, int status)
{
    static const struct {
        int status;
        const char *slug;
        const char *title;
        const char *detail;
    } texts[] = {
        {400, "malformed", "The request cannot be understood",
         "Send one Content-Length or \"Transfer-Encoding: chunked\", header names without blanks, and a path "
         "without NUL bytes."},
        {413, "too-large", "The body is too large", "A body has at most 4 MiB; split the batch."},
        {414, "uri-too-long", "The path is too long", "A path with its query has at most 1024 bytes."},
        {503, "overload", "Too many requests are under way", "Ask again after Retry-After."},
    };
    size_t i = 0;
    while (texts[i].status != status) {
        i++;
    }
    struct json_out out = {0};
    static const struct http_header retry[] = {{"Retry-After", "2"}, {NULL, NULL}};
    json_problem(&out, texts[i].slug, texts[i].title, status, texts[i].detail);
    json_put(&out, "}");
    struct http_response response = {.status = status,
                                     .content_type = PROBLEM_TYPE,
                                     .body = out.failed ? "{}" : out.text,
                                     .body_size = out.failed ? 2 : out.size,
                                     .headers = status == 503 ? retry : NULL};
    exchange->server->counters.malformed += status != 503;
    exchange->server->counters.bodies_over += status == 413 || status == 503;
    http_respond(exchange, &response);
    json_out_finish(&out);
    return queue_answer(exchange);
}

/* The first word of a request: makes its exchange. */
static void *uri_cb(void *user_data, const char *uri, struct MHD_Connection *connection)
{
    struct http_server *server = user_data;
    struct http_exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL) {
        return NULL;
    }
    exchange->server = server;
    exchange->connection = connection;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    exchange->place = info == NULL ? NULL : info->socket_context;
    connections_touch(&server->connections, exchange->place, false, uv_now(server->options.loop));
    exchange->uri_long = strlen(uri) > HTTP_PATH_MAX;
    exchange->uri_bad = strstr(uri, "%00") != NULL;
    const char *query = strchr(uri, '?');
    if (query != NULL && !exchange->uri_long) {
        snprintf(exchange->query, sizeof(exchange->query), "%s", query + 1);
    }
    return exchange;
}

static void completed_cb(void *user_data, struct MHD_Connection *connection, void **cls,
                         enum MHD_RequestTerminationCode code)
{
    struct http_server *server = user_data;
    struct http_exchange *exchange = *cls;
    (void)connection;
    if (exchange == NULL) {
        return;
    }
    if (exchange->stream != NULL) {
        stream_completed(exchange);
    } else {
        server->counters.clients_gone += code == MHD_REQUEST_TERMINATED_CLIENT_ABORT;
    }
    if (exchange->response != NULL) {
        MHD_destroy_response(exchange->response);
    }
    server->body_bytes -= exchange->body_capacity;
    free(exchange->body);
    free(exchange->path);
    free(exchange);
    *cls = NULL;
}

/* Headers are there, the body is not. 0, or a status to refuse with at once. */
static int look_at_headers(struct http_exchange *exchange)
{
    if (exchange->uri_long) {
        return 414;
    }
    return exchange->uri_bad ? 400 : headers_check(exchange->connection, HTTP_BODY_MAX);
}

static void read_body(struct http_exchange *exchange, const char *data, size_t size)
{
    struct http_server *server = exchange->server;
    if (exchange->refusal != 0) {
        return; /* read and forgotten, so that the refusal reaches the client */
    }
    if (exchange->body_size + size > HTTP_BODY_MAX) {
        exchange->refusal = 413;
        return;
    }
    if (exchange->body_size + size + 1 > exchange->body_capacity) {
        size_t capacity = exchange->body_capacity == 0 ? 512 : exchange->body_capacity;
        while (capacity < exchange->body_size + size + 1) {
            capacity *= 2;
        }
        bool over = server->body_bytes + capacity > HTTP_BODIES_MAX && capacity > HTTP_BODY_SMALL;
        char *grown = over ? NULL : realloc(exchange->body, capacity);
        if (grown == NULL) {
            exchange->refusal = 503;
            return;
        }
        server->body_bytes += capacity - exchange->body_capacity;
        exchange->body = grown;
        exchange->body_capacity = capacity;
    }
    memcpy(exchange->body + exchange->body_size, data, size);
    exchange->body_size += size;
    exchange->body[exchange->body_size] = '\0';
}

static enum MHD_Result handle(struct http_exchange *exchange, const char *method)
{
    struct http_server *server = exchange->server;
    struct http_request request = {.method = method,
                                   .path = exchange->path,
                                   .query = exchange->query,
                                   .body = exchange->body == NULL ? "" : exchange->body,
                                   .body_size = exchange->body_size};
    server->options.handler(server->options.user_data, exchange, &request);
    if (exchange->answered) {
        return queue_answer(exchange);
    }
    exchange->suspended = true;
    exchange_link(&server->suspended, exchange);
    server->counters.suspended++;
    connections_touch(&server->connections, exchange->place, true, uv_now(server->options.loop));
    MHD_suspend_connection(exchange->connection);
    return MHD_YES;
}

static enum MHD_Result access_cb(void *user_data, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *data, size_t *size,
                                 void **cls)
{
    struct http_server *server = user_data;
    struct http_exchange *exchange = *cls;
    (void)connection;
    (void)version;
    if (exchange == NULL) {
        return MHD_NO;
    }
    if (!exchange->begun) {
        exchange->begun = true;
        server->counters.requests++;
        exchange->path = strdup(url);
        int status = exchange->path == NULL || server->closing ? 503 : look_at_headers(exchange);
        return status == 0 ? MHD_YES : refuse(exchange, status);
    }
    if (*size > 0) {
        read_body(exchange, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (exchange->queued) {
        return MHD_YES;
    }
    if (exchange->answered) {
        return queue_answer(exchange);
    }
    return exchange->refusal != 0 ? refuse(exchange, exchange->refusal) : handle(exchange, method);
}

static void connection_cb(void *user_data, struct MHD_Connection *connection, void **cls,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = user_data;
    if (code != MHD_CONNECTION_NOTIFY_STARTED) {
        connections_remove(&server->connections, *cls);
        *cls = NULL;
    } else {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        if (server->connections.count + HTTP_CONNECTIONS_ROOM >= server->connections_max) {
            connections_make_room(&server->connections);
        }
        *cls = connections_add(&server->connections, info->connect_fd, uv_now(server->options.loop));
    }
    server->counters.connections = (int64_t)server->connections.count;
    server->counters.connections_over = server->connections.pushed_out;
}

static void sweep_cb(uv_timer_t *timer)
{
    struct http_server *server = timer->data;
    uint64_t now_ms = uv_now(server->options.loop);
    connections_sweep(&server->connections,
                      now_ms > HTTP_REQUEST_S * 1000 ? now_ms - HTTP_REQUEST_S * 1000 : 0);
    stream_sweep(server);
    server->counters.connections_over = server->connections.pushed_out;
}

/* Every connection is a file: a bound above what the process may open would be none. */
static size_t connections_max(void)
{
    struct rlimit files;
    size_t least = 2 * HTTP_CONNECTIONS_ROOM, most = HTTP_CONNECTIONS_MAX;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY ||
        files.rlim_cur >= most + HTTP_FILES_KEPT) {
        return most;
    }
    return files.rlim_cur < least + HTTP_FILES_KEPT ? least : files.rlim_cur - HTTP_FILES_KEPT;
}

static int start_daemon(struct http_server *server)
{
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, access_cb, server, MHD_OPTION_LISTEN_SOCKET,
        server->fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned int)server->connections_max,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)HTTP_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HTTP_CONNECTION_POOL, MHD_OPTION_URI_LOG_CALLBACK, uri_cb, server,
        MHD_OPTION_NOTIFY_COMPLETED, completed_cb, server, MHD_OPTION_NOTIFY_CONNECTION, connection_cb,
        server, MHD_OPTION_END);
    return server->daemon == NULL ? HG_E_IO : 0;
}

int http_server_create(const struct http_options *options, struct http_server **ret_server, char *ret_error,
                       size_t error_size)
{
    struct http_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return HG_E_NOMEM;
    }
    server->options = *options;
    server->connections_max = connections_max();
    int status = listen_open(options->listen, &server->fd, server->address, ret_error, error_size);
    if (status == 0 && (status = start_daemon(server)) != 0) {
        snprintf(ret_error, error_size, "the HTTP server does not start");
        listen_close(server->fd, server->address);
    }
    if (status != 0) {
        free(server);
        return status;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    uv_poll_init(options->loop, &server->poll, info->epoll_fd);
    server->poll.data = server;
    uv_timer_init(options->loop, &server->timer);
    server->timer.data = server;
    uv_timer_init(options->loop, &server->sweep);
    server->sweep.data = server;
    uv_timer_start(&server->sweep, sweep_cb, SWEEP_MS, SWEEP_MS);
    server->open_handles = 3;
    uv_poll_start(&server->poll, UV_READABLE, poll_cb);
    pump_soon(server);
    *ret_server = server;
    return 0;
}

const char *http_server_address(const struct http_server *server)
{
    return server->address;
}

const struct http_counters *http_server_counters(const struct http_server *server)
{
    return &server->counters;
}

static void closed_cb(uv_handle_t *handle)
{
    struct http_server *server = handle->data;
    if (--server->open_handles > 0) {
        return;
    }
    void (*on_closed)(void *user_data) = server->on_closed;
    void *user_data = server->closed_data;
    free(server);
    if (on_closed != NULL) {
        on_closed(user_data);
    }
}

void http_server_destroy(struct http_server *server, void (*on_closed)(void *user_data), void *user_data)
{
    server->on_closed = on_closed;
    server->closed_data = user_data;
    server->closing = true;
    uv_poll_stop(&server->poll);
    /* A daemon may not be stopped with suspended connections: those who wait are told to ask again. */
    while (server->suspended != NULL) {
        static const char body[] =
            "{\"type\":\"" PROBLEM_BASE "stopping\",\"title\":\"This controller stops\","
            "\"status\":503,\"retry_after_ms\":1000}";
        static const struct http_header retry[] = {{"Retry-After", "1"}, {NULL, NULL}};
        struct http_response response = {.status = 503,
                                         .content_type = PROBLEM_TYPE,
                                         .body = body,
                                         .body_size = sizeof(body) - 1,
                                         .headers = retry};
        http_respond(server->suspended, &response);
    }
    stream_end_all(server);
    (void)MHD_run(server->daemon);
    for (int i = 0; i < LAST_RUNS && server->streams != NULL; i++) {
        (void)MHD_run(server->daemon);
    }
    MHD_stop_daemon(server->daemon); /* closes the listening socket too */
    server->daemon = NULL;
    if (strncmp(server->address, "unix:", 5) == 0) {
        (void)remove(server->address + 5);
    }
    uv_close((uv_handle_t *)&server->poll, closed_cb);
    uv_close((uv_handle_t *)&server->timer, closed_cb);
    uv_close((uv_handle_t *)&server->sweep, closed_cb);
}
