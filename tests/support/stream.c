#include "stream.h"

#include "raw.h"
#include "server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 65536

static void die(const char *what)
{
    fprintf(stderr, "stream: %s\n", what);
    abort();
}

static void append(char **text, size_t *size, const char *bytes, size_t count)
{
    char *grown = realloc(*text, *size + count + 1);
    if (grown == NULL) {
        die("out of memory");
    }
    memcpy(grown + *size, bytes, count);
    *size += count;
    grown[*size] = '\0';
    *text = grown;
}

static void drop(char *text, size_t *size, size_t count)
{
    memmove(text, text + count, *size - count + 1);
    *size -= count;
}

void stream_open(struct stream *stream, const struct stream_options *options)
{
    char request[1024];
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)options->port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    memset(stream, 0, sizeof(*stream));
    stream->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (options->receive_buffer > 0) {
        (void)setsockopt(stream->fd, SOL_SOCKET, SO_RCVBUF, &options->receive_buffer, sizeof(int));
    }
    int size = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", options->path,
                        options->headers == NULL ? "" : options->headers);
    if (connect(stream->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        !raw_send(stream->fd, request, (size_t)size)) {
        die("cannot connect");
    }
    append(&stream->raw, &stream->raw_size, "", 0);
    append(&stream->text, &stream->size, "", 0);
}

/* One chunk's head, tail or bytes; false when more must come first. */
static bool decode_step(struct stream *stream)
{
    if (stream->in_chunk && stream->chunk_left > 0) {
        size_t count = stream->raw_size < stream->chunk_left ? stream->raw_size : stream->chunk_left;
        append(&stream->text, &stream->size, stream->raw, count);
        drop(stream->raw, &stream->raw_size, count);
        stream->chunk_left -= count;
        return count > 0;
    }
    const char *end = strstr(stream->raw, "\r\n");
    if (end == NULL) {
        return false;
    }
    if (stream->in_chunk) { /* behind its bytes */
        stream->in_chunk = false;
    } else {
        stream->chunk_left = strtoul(stream->raw, NULL, 16);
        stream->in_chunk = true;
        stream->ended = stream->chunk_left == 0;
    }
    drop(stream->raw, &stream->raw_size, (size_t)(end + 2 - stream->raw));
    return !stream->ended;
}

static void decode(struct stream *stream)
{
    const char *end = strstr(stream->raw, "\r\n\r\n");
    if (stream->status == 0) {
        if (end == NULL || sscanf(stream->raw, "HTTP/1.1 %d", &stream->status) != 1) {
            return;
        }
        if (stream->status == 200 && (strstr(stream->raw, "Content-Type: text/event-stream\r\n") == NULL ||
                                      strstr(stream->raw, "Transfer-Encoding: chunked\r\n") == NULL)) {
            die(stream->raw);
        }
        drop(stream->raw, &stream->raw_size, (size_t)(end + 4 - stream->raw));
    }
    while (stream->status == 200 && !stream->ended && decode_step(stream)) {
    }
}

/* Some bytes from the socket; false when none came in time or it is over. */
static bool receive(struct stream *stream, int64_t deadline_ms)
{
    static char piece[PIECE];
    struct pollfd readable = {.fd = stream->fd, .events = POLLIN};
    int64_t left_ms = deadline_ms - server_now_ms();
    if (stream->closed || stream->ended || left_ms <= 0 || poll(&readable, 1, (int)left_ms) != 1) {
        return false;
    }
    ssize_t got = recv(stream->fd, piece, sizeof(piece), MSG_DONTWAIT);
    if (got <= 0) {
        stream->closed = true;
        return false;
    }
    append(&stream->raw, &stream->raw_size, piece, (size_t)got);
    decode(stream);
    return true;
}

int stream_wait_status(struct stream *stream, int timeout_ms)
{
    int64_t deadline_ms = server_now_ms() + timeout_ms;
    while (stream->status == 0 && receive(stream, deadline_ms)) {
    }
    return stream->status;
}

/* Takes the block up to the next empty line; true if it is an event. */
static bool take_block(struct stream *stream, size_t size, struct stream_event *ret_event)
{
    bool event = false;
    char *line = stream->text, *rest = stream->text;
    stream->text[size] = '\0';
    *ret_event = (struct stream_event){.id = -1};
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (line[0] == ':') {
            stream->comments++;
        } else if (strncmp(line, "id: ", 4) == 0) {
            ret_event->id = strtoll(line + 4, NULL, 10);
        } else if (strncmp(line, "event: ", 7) == 0) {
            snprintf(ret_event->name, sizeof(ret_event->name), "%s", line + 7);
        } else if (strncmp(line, "data: ", 6) == 0) {
            ret_event->data = json_loads(line + 6, JSON_REJECT_DUPLICATES, NULL);
            event = true;
        } else if (strncmp(line, "retry: ", 7) != 0 && line[0] != '\0') {
            die(line);
        }
    }
    drop(stream->text, &stream->size, size + 2);
    if (event && ret_event->data == NULL) {
        die("data is no JSON");
    }
    return event;
}

bool stream_next(struct stream *stream, int timeout_ms, struct stream_event *ret_event)
{
    int64_t deadline_ms = server_now_ms() + timeout_ms;
    for (;;) {
        char *end = strstr(stream->text, "\n\n");
        if (end != NULL) {
            if (take_block(stream, (size_t)(end - stream->text), ret_event)) {
                return true;
            }
        } else if (!receive(stream, deadline_ms)) {
            return false;
        }
    }
}

bool stream_until(struct stream *stream, const char *name, const char *key, const char *value, int timeout_ms,
                  struct stream_event *ret_event)
{
    int64_t deadline_ms = server_now_ms() + timeout_ms;
    while (stream_next(stream, (int)(deadline_ms - server_now_ms()), ret_event)) {
        if (strcmp(ret_event->name, name) == 0 &&
            (key == NULL || strcmp(stream_text(ret_event, key), value) == 0)) {
            return true;
        }
        stream_event_finish(ret_event);
    }
    return false;
}

bool stream_wait_end(struct stream *stream, int timeout_ms)
{
    int64_t deadline_ms = server_now_ms() + timeout_ms;
    while (receive(stream, deadline_ms)) {
    }
    return stream->closed || stream->ended;
}

const char *stream_text(const struct stream_event *event, const char *key)
{
    const char *text = json_string_value(json_object_get(event->data, key));
    return text == NULL ? "" : text;
}

void stream_event_finish(struct stream_event *event)
{
    json_decref(event->data);
    event->data = NULL;
}

void stream_close(struct stream *stream)
{
    if (stream->fd > 0) {
        close(stream->fd);
    }
    free(stream->raw);
    free(stream->text);
    memset(stream, 0, sizeof(*stream));
}
