/* Hot answers are written, not built: a growing buffer, JSON strings, and problem+json (RFC 9457). */
#ifndef HTTP_HTTP_JSON_H
#define HTTP_HTTP_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROBLEM_TYPE "application/problem+json"
#define PROBLEM_BASE "https://headgate.dev/problems/"

struct json_out {
    char *text; /* NUL-terminated; NULL while empty */
    size_t size;
    size_t capacity;
    bool failed; /* memory ran out: the text is not whole */
};

void json_out_finish(struct json_out *out);
void json_put(struct json_out *out, const char *text);
void json_putf(struct json_out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A string with its quotes; bytes that are no UTF-8 become U+FFFD. */
void json_put_string(struct json_out *out, const char *text);

/* "name":"value" and "name":number, each with a comma before it unless an object or list was just opened. */
void json_member(struct json_out *out, const char *name, const char *value);
void json_member_int(struct json_out *out, const char *name, int64_t value);
void json_member_bool(struct json_out *out, const char *name, bool value);
void json_member_null(struct json_out *out, const char *name);
/* "name": - what follows is the value. */
void json_name(struct json_out *out, const char *name);

/* Opens a problem object: type, title, status, detail. The caller adds members and the closing brace. */
void json_problem(struct json_out *out, const char *slug, const char *title, int status, const char *detail);

#endif
