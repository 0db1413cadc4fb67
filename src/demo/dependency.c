#include "demo/dependency.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#define BACKLOG      4096
#define REQUEST_SIZE 1024

struct work;

struct connection {
    uv_tcp_t tcp;
    uv_write_t write;
    struct server *server;
    struct work *work; /* what it waits for */
    bool asked;        /* the request has been read */
    size_t used;
    char request[REQUEST_SIZE];
    char reply[256];
};

/* One request in the queue or with a worker. Outlives its connection: that is the point. */
struct work {
    struct connection *connection; /* NULL: the client has gone */
    struct work *next;
};

struct worker {
    uv_timer_t timer;
    struct server *server;
    struct work *work; /* NULL: idle */
};

struct server {
    uv_loop_t loop;
    uv_tcp_t listener;
    struct demo_world *world;
    struct work *first;
    struct work *last;
    struct worker workers[DEMO_WORKERS_MAX];
};

static void closed_cb(uv_handle_t *handle)
{
    free(handle->data);
}

static void close_connection(struct connection *connection)
{
    if (connection->work != NULL) {
        connection->work->connection = NULL; /* the work goes on */
        connection->work = NULL;
    }
    if (!uv_is_closing((uv_handle_t *)&connection->tcp)) {
        uv_close((uv_handle_t *)&connection->tcp, closed_cb);
    }
}

static void written_cb(uv_write_t *write, int status)
{
    (void)status;
    close_connection(write->data);
}

static void respond(struct connection *connection, const char *body)
{
    int size = snprintf(connection->reply, sizeof(connection->reply),
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                        "Connection: close\r\n\r\n%s",
                        strlen(body), body);
    uv_buf_t buffer = uv_buf_init(connection->reply, (unsigned int)size);
    connection->write.data = connection;
    if (uv_write(&connection->write, (uv_stream_t *)&connection->tcp, &buffer, 1, written_cb) != 0) {
        close_connection(connection);
    }
}

static void work_done_cb(uv_timer_t *timer);

/* Serving takes longer, up to slow_max times, the more requests are open beyond the knee. */
static uint64_t service_ms(const struct demo_world *world)
{
    const struct demo_config *config = &world->config;
    int64_t over = world->queue + world->busy - config->knee;
    int64_t extra_us = over > 0 ? config->service_us * over / config->knee : 0;
    int64_t most_us = config->service_us * (config->slow_max - 1);
    return (uint64_t)((config->service_us + (extra_us < most_us ? extra_us : most_us)) / 1000);
}

static void take_next(struct worker *worker)
{
    struct server *server = worker->server;
    struct work *work = server->first;
    if (work == NULL || worker->work != NULL) {
        return;
    }
    server->first = work->next;
    server->last = server->first == NULL ? NULL : server->last;
    server->world->queue -= 1;
    server->world->busy += 1;
    worker->work = work;
    uv_timer_start(&worker->timer, work_done_cb, service_ms(server->world), 0);
}

static void work_done_cb(uv_timer_t *timer)
{
    struct worker *worker = timer->data;
    struct demo_world *world = worker->server->world;
    struct work *work = worker->work;
    worker->work = NULL;
    world->busy -= 1;
    if (work->connection == NULL) {
        world->wasted += 1;
    } else {
        world->served += 1;
        work->connection->work = NULL;
        respond(work->connection, "{\"lease\":\"renewed\"}");
    }
    free(work);
    take_next(worker);
}

static void enqueue(struct connection *connection)
{
    struct server *server = connection->server;
    struct work *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        close_connection(connection);
        return;
    }
    work->connection = connection;
    connection->work = work;
    *(server->last == NULL ? &server->first : &server->last->next) = work;
    server->last = work;
    int64_t queue = atomic_fetch_add(&server->world->queue, 1) + 1;
    if (queue > server->world->queue_peak) {
        server->world->queue_peak = queue;
    }
    for (int i = 0; i < server->world->config.workers && server->first != NULL; i++) {
        take_next(&server->workers[i]);
    }
}

static void on_request(struct connection *connection)
{
    struct demo_world *world = connection->server->world;
    if (strncmp(connection->request, "GET /healthz ", 13) == 0) {
        char body[128];
        snprintf(body, sizeof(body), "{\"queue\":%lld,\"busy\":%lld,\"wasted\":%lld}",
                 (long long)world->queue, (long long)world->busy, (long long)world->wasted);
        respond(connection, body);
        return;
    }
    enqueue(connection);
}

static void alloc_cb(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    (void)suggested;
    struct connection *connection = handle->data;
    size_t room = sizeof(connection->request) - 1 - connection->used;
    *ret_buffer = uv_buf_init(connection->request + connection->used, (unsigned int)room);
}

static void read_cb(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    (void)buffer;
    struct connection *connection = stream->data;
    if (size < 0) {
        close_connection(connection);
        return;
    }
    connection->used += (size_t)size;
    connection->request[connection->used] = '\0';
    if (!connection->asked && strstr(connection->request, "\r\n\r\n") != NULL) {
        connection->asked = true;
        on_request(connection);
    }
}

static void connection_cb(uv_stream_t *listener, int status)
{
    struct server *server = listener->data;
    struct connection *connection = status == 0 ? calloc(1, sizeof(*connection)) : NULL;
    if (connection == NULL) {
        return;
    }
    connection->server = server;
    uv_tcp_init(&server->loop, &connection->tcp);
    connection->tcp.data = connection;
    if (uv_accept(listener, (uv_stream_t *)&connection->tcp) != 0 ||
        uv_read_start((uv_stream_t *)&connection->tcp, alloc_cb, read_cb) != 0) {
        close_connection(connection);
    }
}

int demo_dependency_run(struct demo_world *world)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    struct server *server = calloc(1, sizeof(*server));
    struct sockaddr_in address;
    if (server == NULL || uv_loop_init(&server->loop) != 0 ||
        uv_ip4_addr("127.0.0.1", world->dependency_port, &address) != 0) {
        free(server);
        return 71;
    }
    server->world = world;
    for (int i = 0; i < world->config.workers; i++) {
        server->workers[i].server = server;
        uv_timer_init(&server->loop, &server->workers[i].timer);
        server->workers[i].timer.data = &server->workers[i];
    }
    uv_tcp_init(&server->loop, &server->listener);
    server->listener.data = server;
    if (uv_tcp_bind(&server->listener, (const struct sockaddr *)&address, 0) != 0 ||
        uv_listen((uv_stream_t *)&server->listener, BACKLOG, connection_cb) != 0) {
        return 69;
    }
    uv_run(&server->loop, UV_RUN_DEFAULT);
    return 70;
}
