/* The smallest HTTP client a fleet could have: one request, one connection, one deadline. */
#ifndef DEMO_FETCH_H
#define DEMO_FETCH_H

#include <stddef.h>
#include <stdint.h>

#define DEMO_REPLY_MAX 4096

struct demo_request {
    int port; /* on 127.0.0.1 */
    const char *method;
    const char *path;
    const char *body; /* NULL: none */
    int64_t timeout_us;
};

/* Returns the HTTP status, and the body (cut at DEMO_REPLY_MAX - 1) in `ret_body` unless that is NULL; or
 * HG_E_UNREACHABLE (no connection), HG_E_TIMEOUT, HG_E_PROTOCOL (no HTTP answer). */
int demo_fetch(const struct demo_request *request, char *ret_body) __attribute__((warn_unused_result));

#endif
