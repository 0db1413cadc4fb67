#include "herd.h"

#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE  4096
#define EVENTS_MAX   256
#define BROKEN_US    INT64_C(50000) /* before a broken connection's instance asks again */
#define NO_ADVICE_US INT64_C(1000000)

enum step { STEP_ASK, STEP_COMPLETE, STEP_DONE };

struct instance {
    int64_t due_us;
    int64_t fence;
    int64_t asks;
    size_t grant; /* index of its newest grant */
    uint8_t step;
    uint8_t port;
    char ticket[32];
};

struct connection {
    struct connection *next; /* among the free ones */
    int fd;
    uint8_t port;
    uint32_t instance;
    int64_t sent_us;
    size_t used;
    char buffer[BUFFER_SIZE];
};

struct herd {
    struct herd_options options;
    struct herd_counts counts;
    struct instance *instances;
    uint32_t *heap; /* instances that are not at a connection, by due time */
    size_t heap_count;
    struct connection *connections;
    struct connection *free;
    struct herd_grant *grants;
    size_t grant_count;
    size_t grant_capacity;
    int epoll;
};

static void heap_swap(struct herd *herd, size_t a, size_t b)
{
    uint32_t kept = herd->heap[a];
    herd->heap[a] = herd->heap[b];
    herd->heap[b] = kept;
}

static int64_t due(const struct herd *herd, size_t at)
{
    return herd->instances[herd->heap[at]].due_us;
}

static void heap_push(struct herd *herd, uint32_t instance)
{
    size_t at = herd->heap_count++;
    herd->heap[at] = instance;
    while (at > 0 && due(herd, at) < due(herd, (at - 1) / 2)) {
        heap_swap(herd, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static uint32_t heap_pop(struct herd *herd)
{
    uint32_t first = herd->heap[0];
    herd->heap[0] = herd->heap[--herd->heap_count];
    size_t at = 0;
    for (;;) {
        size_t least = at, left = 2 * at + 1;
        if (left < herd->heap_count && due(herd, left) < due(herd, least)) {
            least = left;
        }
        if (left + 1 < herd->heap_count && due(herd, left + 1) < due(herd, least)) {
            least = left + 1;
        }
        if (least == at) {
            return first;
        }
        heap_swap(herd, at, least);
        at = least;
    }
}

struct herd *herd_create(const struct herd_options *options)
{
    struct herd *herd = calloc(1, sizeof(*herd));
    if (herd == NULL ||
        (herd->instances = calloc(options->instance_count, sizeof(*herd->instances))) == NULL ||
        (herd->heap = calloc(options->instance_count, sizeof(*herd->heap))) == NULL ||
        (herd->connections = calloc(options->connection_count, sizeof(*herd->connections))) == NULL) {
        abort();
    }
    herd->options = *options;
    herd->epoll = epoll_create1(EPOLL_CLOEXEC);
    int64_t now_us = server_now_us();
    for (size_t i = 0; i < options->instance_count; i++) {
        struct instance *instance = &herd->instances[i];
        instance->port = (uint8_t)(i % options->port_count);
        instance->due_us = now_us + options->start_over_us * (int64_t)i / (int64_t)options->instance_count;
        heap_push(herd, (uint32_t)i);
    }
    for (size_t c = 0; c < options->connection_count; c++) {
        herd->connections[c].fd = -1;
        herd->connections[c].next = herd->free;
        herd->free = &herd->connections[c];
    }
    return herd;
}

void herd_destroy(struct herd *herd)
{
    if (herd == NULL) {
        return;
    }
    for (size_t c = 0; c < herd->options.connection_count; c++) {
        if (herd->connections[c].fd >= 0) {
            close(herd->connections[c].fd);
        }
    }
    close(herd->epoll);
    free(herd->instances);
    free(herd->heap);
    free(herd->connections);
    free(herd->grants);
    free(herd);
}

static bool open_connection(struct herd *herd, struct connection *connection, uint8_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)herd->options.ports[port]),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* Connecting on loopback is done at once, or refused. */
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = connection}};
    if (epoll_ctl(herd->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        abort();
    }
    connection->fd = fd;
    connection->port = port;
    return true;
}

static void close_connection(struct connection *connection)
{
    if (connection->fd >= 0) {
        close(connection->fd);
    }
    connection->fd = -1;
}

static bool fails(const struct herd *herd, uint32_t instance)
{
    return (int)(instance * 7919u % 1000u) < herd->options.fail_permille;
}

static size_t write_request(const struct herd *herd, uint32_t index, char *out, size_t size)
{
    const struct instance *instance = &herd->instances[index];
    bool complete = instance->step == STEP_COMPLETE;
    char body[160] = "";
    if (complete) {
        snprintf(body, sizeof(body), "{\"fence\":%lld,\"outcome\":\"%s\"}", (long long)instance->fence,
                 fails(herd, index) ? "failed" : "recovered");
    } else if (instance->ticket[0] != '\0' && !herd->options.no_tickets) {
        snprintf(body, sizeof(body), "{\"ticket\":\"%s\"}", instance->ticket);
    }
    int used = snprintf(out, size,
                        "%s /v1/fleets/%s/instances/%s%u/permit%s HTTP/1.1\r\nHost: localhost\r\n"
                        "Content-Length: %zu\r\n\r\n%s",
                        complete ? "POST" : "PUT", herd->options.fleet,
                        herd->options.prefix == NULL ? "i" : herd->options.prefix, (unsigned)index,
                        complete ? ":complete" : "", strlen(body), body);
    return (size_t)used;
}

static void lose(struct herd *herd, struct connection *connection)
{
    struct instance *instance = &herd->instances[connection->instance];
    close_connection(connection);
    connection->sent_us = 0;
    herd->counts.broken++;
    instance->port = (uint8_t)((instance->port + 1u) % herd->options.port_count);
    instance->due_us = server_now_us() + BROKEN_US;
    heap_push(herd, connection->instance);
    connection->next = herd->free;
    herd->free = connection;
}

static void send_due(struct herd *herd, int64_t now_us)
{
    while (herd->free != NULL && herd->heap_count > 0 && due(herd, 0) <= now_us) {
        struct connection *connection = herd->free;
        char request[512];
        herd->free = connection->next;
        connection->instance = heap_pop(herd);
        struct instance *instance = &herd->instances[connection->instance];
        if (connection->fd >= 0 && connection->port != instance->port) {
            close_connection(connection);
        }
        size_t size = write_request(herd, connection->instance, request, sizeof(request));
        connection->used = 0;
        connection->sent_us = now_us;
        if ((connection->fd < 0 && !open_connection(herd, connection, instance->port)) ||
            send(connection->fd, request, size, MSG_NOSIGNAL) != (ssize_t)size) {
            lose(herd, connection);
            continue;
        }
        herd->counts.asked++;
        instance->asks += instance->step == STEP_ASK;
        if (instance->step == STEP_COMPLETE && herd->grants[instance->grant].given_us == 0) {
            herd->grants[instance->grant].given_us = now_us;
        }
    }
}

/* The answers are the controller's own, so a member is found by its name. */
static int64_t number_of(const char *body, const char *name, int64_t fallback)
{
    const char *at = strstr(body, name);
    return at == NULL ? fallback : strtoll(at + strlen(name), NULL, 10);
}

static void note_grant(struct herd *herd, const struct connection *connection, int64_t fence, int64_t now_us)
{
    struct instance *instance = &herd->instances[connection->instance];
    if (herd->grant_count == herd->grant_capacity) {
        herd->grant_capacity = herd->grant_capacity == 0 ? 1024 : 2 * herd->grant_capacity;
        herd->grants = realloc(herd->grants, herd->grant_capacity * sizeof(*herd->grants));
        if (herd->grants == NULL) {
            abort();
        }
    }
    instance->fence = fence;
    instance->grant = herd->grant_count;
    herd->grants[herd->grant_count++] = (struct herd_grant){
        .instance = connection->instance, .fence = fence, .got_us = now_us, .sent_us = connection->sent_us};
}

static void finish_instance(struct herd *herd, struct instance *instance)
{
    instance->step = STEP_DONE;
    herd->counts.done++;
}

static void on_put_answer(struct herd *herd, struct connection *connection, int status, const char *body)
{
    struct instance *instance = &herd->instances[connection->instance];
    int64_t now_us = server_now_us();
    if (status == 200) {
        note_grant(herd, connection, number_of(body, "\"fence\":", 0), now_us);
        instance->ticket[0] = '\0';
        if (herd->options.hold_us < 0) {
            finish_instance(herd, instance);
            return;
        }
        instance->step = STEP_COMPLETE;
        instance->due_us = now_us + herd->options.hold_us;
    } else if (status == 429 || status == 503) {
        int64_t advice_us = 1000 * number_of(body, "\"retry_after_ms\":", NO_ADVICE_US / 1000);
        const char *ticket = strstr(body, "\"ticket\":\"");
        herd->counts.waiting += status == 429;
        herd->counts.away += status == 503;
        instance->due_us = now_us + (herd->options.ask_every_us > 0 ? herd->options.ask_every_us : advice_us);
        if (ticket != NULL) {
            ticket += strlen("\"ticket\":\"");
            snprintf(instance->ticket, sizeof(instance->ticket), "%.*s", (int)strcspn(ticket, "\""), ticket);
        }
    } else {
        herd->counts.refused += status == 409;
        herd->counts.odd += status != 409;
        finish_instance(herd, instance);
        return;
    }
    heap_push(herd, connection->instance);
}

static void on_complete_answer(struct herd *herd, struct connection *connection, int status, const char *body)
{
    struct instance *instance = &herd->instances[connection->instance];
    int64_t now_us = server_now_us();
    herd->counts.completed += status == 200;
    herd->counts.away += status == 503;
    herd->counts.refused += status == 409;
    herd->counts.odd += status != 200 && status != 409 && status != 503;
    instance->due_us = now_us + 1000 * number_of(body, "\"retry_after_ms\":", 0);
    if (status != 503) {
        bool retry = status == 409 || fails(herd, connection->instance);
        instance->step = STEP_ASK;
        if (!retry && !herd->options.again) {
            finish_instance(herd, instance);
            return;
        }
    }
    heap_push(herd, connection->instance);
}

/* True once a whole answer is there. */
static bool whole_answer(const struct connection *connection, int *ret_status, const char **ret_body)
{
    const char *end = strstr(connection->buffer, "\r\n\r\n");
    const char *length = strcasestr(connection->buffer, "\r\nContent-Length:");
    if (end == NULL || length == NULL || length > end ||
        sscanf(connection->buffer, "HTTP/1.1 %d", ret_status) != 1) {
        return false;
    }
    *ret_body = end + 4;
    size_t size = (size_t)strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
    return connection->used >= (size_t)(*ret_body - connection->buffer) + size;
}

static void on_readable(struct herd *herd, struct connection *connection)
{
    ssize_t got = recv(connection->fd, connection->buffer + connection->used,
                       BUFFER_SIZE - 1 - connection->used, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    bool busy = connection->sent_us != 0;
    if (got <= 0) {
        if (busy) {
            lose(herd, connection);
        } else {
            close_connection(connection);
        }
        return;
    }
    connection->used += (size_t)got;
    connection->buffer[connection->used] = '\0';
    int status = 0;
    const char *body = NULL;
    if (!busy || !whole_answer(connection, &status, &body)) {
        return;
    }
    int64_t took_us = server_now_us() - connection->sent_us;
    herd->counts.answered++;
    herd->counts.slowest_us = took_us > herd->counts.slowest_us ? took_us : herd->counts.slowest_us;
    if (herd->instances[connection->instance].step == STEP_COMPLETE) {
        on_complete_answer(herd, connection, status, body);
    } else {
        on_put_answer(herd, connection, status, body);
    }
    if (strcasestr(connection->buffer, "\r\nConnection: close") != NULL) {
        close_connection(connection);
    }
    connection->sent_us = 0;
    connection->next = herd->free;
    herd->free = connection;
}

bool herd_run(struct herd *herd, int64_t timeout_ms)
{
    int64_t deadline_us = server_now_us() + timeout_ms * 1000;
    struct epoll_event events[EVENTS_MAX];
    for (;;) {
        int64_t now_us = server_now_us();
        if ((size_t)herd->counts.done == herd->options.instance_count || now_us >= deadline_us) {
            return (size_t)herd->counts.done == herd->options.instance_count;
        }
        send_due(herd, now_us);
        int64_t wait_us = deadline_us - now_us;
        if (herd->free != NULL && herd->heap_count > 0 && due(herd, 0) - now_us < wait_us) {
            wait_us = due(herd, 0) - now_us;
        }
        int count =
            epoll_wait(herd->epoll, events, EVENTS_MAX, wait_us <= 0 ? 0 : (int)((wait_us + 999) / 1000));
        for (int i = 0; i < count; i++) {
            on_readable(herd, events[i].data.ptr);
        }
    }
}

const struct herd_counts *herd_counts(const struct herd *herd)
{
    return &herd->counts;
}

const struct herd_grant *herd_grants(const struct herd *herd, size_t *ret_count)
{
    *ret_count = herd->grant_count;
    return herd->grants;
}

int64_t herd_asks_of(const struct herd *herd, size_t instance)
{
    return herd->instances[instance].asks;
}
