/* Reads server-sent events over a plain socket, for tests.
 *
 * The story of one stream: stream_open() sends the request, stream_next() reads until a whole event is there
 * or a deadline passes; a test that plays a slow reader just does not call it. */
#ifndef TESTS_SUPPORT_STREAM_H
#define TESTS_SUPPORT_STREAM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream {
    int fd;
    int status;  /* of the answer; 0: not there yet */
    bool closed; /* the server closed the connection */
    bool ended;  /* the answer ended as an answer should */
    char *raw;   /* from the socket, headers first */
    size_t raw_size;
    size_t chunk_left; /* bytes of the present chunk that are still to come */
    bool in_chunk;
    char *text; /* of the body, not yet given back */
    size_t size;
    int comments; /* seen so far */
};

struct stream_event {
    int64_t id; /* -1: none */
    char name[40];
    json_t *data; /* never NULL */
};

struct stream_options {
    int port;
    const char *path;
    const char *headers; /* further lines, each with its \r\n; NULL: none */
    int receive_buffer;  /* of the socket, bytes; 0: as it comes */
};

void stream_open(struct stream *stream, const struct stream_options *options);
/* Waits for the headers; the status, 0 when none came in time. */
int stream_wait_status(struct stream *stream, int timeout_ms);
/* The next event; false when none came in time, or the stream is over. */
bool stream_next(struct stream *stream, int timeout_ms, struct stream_event *ret_event);
/* Events until one of that name whose member `key` is `value` (NULL: any); those before it are passed over.
 */
bool stream_until(struct stream *stream, const char *name, const char *key, const char *value, int timeout_ms,
                  struct stream_event *ret_event);
/* Reads whatever comes until the server closes or ends; false when it does not in time. */
bool stream_wait_end(struct stream *stream, int timeout_ms);
const char *stream_text(const struct stream_event *event, const char *key); /* "" where there is none */
void stream_event_finish(struct stream_event *event);
void stream_close(struct stream *stream);

#endif
