/* What a request's headers must not do. libmicrohttpd takes the first of two Content-Lengths, lets spaces
 * stand before the colon, and waits for a body whose coding it does not know: behind a proxy each of these
 * lets one request hide in another. */
#ifndef HTTP_HEADERS_H
#define HTTP_HEADERS_H

#include <microhttpd.h>
#include <stddef.h>

/* 0, or the status to refuse the request with: 400, or 413 for a Content-Length above body_max. */
int headers_check(struct MHD_Connection *connection, size_t body_max);

#endif
