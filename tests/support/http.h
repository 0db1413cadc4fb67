/* One HTTP request and its answer, for tests: through libcurl, the body through jansson.
 *
 * The story of one request: http_ask() sends it over a connection kept for the process, and gives back what
 * came, parsed when it is JSON; the test looks at it and calls http_finish(). Nothing is asserted here but
 * that memory was there: an answer that did not come has status 0. */
#ifndef TESTS_SUPPORT_HTTP_H
#define TESTS_SUPPORT_HTTP_H

#include <jansson.h>
#include <stdint.h>

#define HTTP_ASK_TIMEOUT_MS 20000

struct http_answer {
    int status; /* 0: none came */
    char *body; /* NUL-terminated, never NULL */
    size_t size;
    json_t *json; /* NULL when the body is no JSON */
    char content_type[96];
    int64_t retry_after_s; /* -1: no such header */
    int64_t took_us;
};

/* `base` is "http://HOST:PORT" or "unix:/path"; a NULL body sends none. */
struct http_answer http_ask(const char *base, const char *method, const char *path, const char *body);
void http_finish(struct http_answer *answer);

/* A member of the answer by its JSON pointer, such as "/limited_by/limit"; NULL if it is not there. */
const json_t *http_at(const struct http_answer *answer, const char *pointer);
/* The same as text, "" if it is no string; as number, INT64_MIN if it is none. */
const char *http_text(const struct http_answer *answer, const char *pointer);
int64_t http_int(const struct http_answer *answer, const char *pointer);

#endif
