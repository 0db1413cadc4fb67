#include "http/connections.h"

#include <stdlib.h>
#include <sys/socket.h>

static void append(struct http_connections *list, struct http_connection *connection)
{
    connection->before = list->last;
    connection->behind = NULL;
    *(list->last == NULL ? &list->first : &list->last->behind) = connection;
    list->last = connection;
}

static void take_out(struct http_connections *list, struct http_connection *connection)
{
    *(connection->before == NULL ? &list->first : &connection->before->behind) = connection->behind;
    *(connection->behind == NULL ? &list->last : &connection->behind->before) = connection->before;
}

struct http_connection *connections_add(struct http_connections *list, int fd, uint64_t now_ms)
{
    struct http_connection *connection = calloc(1, sizeof(*connection));
    if (connection != NULL) {
        connection->fd = fd;
        connection->since_ms = now_ms;
        append(list, connection);
        list->count++;
    }
    return connection;
}

void connections_remove(struct http_connections *list, struct http_connection *connection)
{
    if (connection != NULL) {
        take_out(list, connection);
        list->count--;
        free(connection);
    }
}

void connections_touch(struct http_connections *list, struct http_connection *connection, bool waits,
                       uint64_t now_ms)
{
    if (connection != NULL) {
        connection->waits = waits;
        connection->since_ms = now_ms;
        take_out(list, connection);
        append(list, connection);
    }
}

/* The library sees the end of the stream and closes. */
static void push_out(struct http_connection *connection)
{
    connection->shut = true;
    (void)shutdown(connection->fd, SHUT_RDWR);
}

static bool hung_up(const struct http_connection *connection)
{
    char byte;
    return recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void connections_make_room(struct http_connections *list)
{
    struct http_connection *connection = list->first;
    while (connection != NULL && (connection->waits || connection->shut)) {
        connection = connection->behind;
    }
    if (connection != NULL) {
        list->pushed_out++;
        push_out(connection);
    }
}

void connections_sweep(struct http_connections *list, uint64_t oldest_ms)
{
    for (struct http_connection *connection = list->first; connection != NULL;
         connection = connection->behind) {
        bool late = connection->since_ms < oldest_ms;
        if (!connection->waits && !connection->shut && (late || hung_up(connection))) {
            list->pushed_out += late;
            push_out(connection);
        }
    }
}
