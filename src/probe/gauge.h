/* A number out of a JSON text, by JSON pointer (RFC 6901). Pure. */
#ifndef PROBE_GAUGE_H
#define PROBE_GAUGE_H

#include <stddef.h>
#include <stdint.h>

#define GAUGE_MAX_MICRO ((INT64_C(1) << 53) - 1) /* exact in a double */

/* Reads the number `pointer` names in `body` as micro-units. 0; HG_E_PROTOCOL with one line in ret_error when
 * the body is no JSON, or the pointer names nothing, no number, or one beyond GAUGE_MAX_MICRO either way. */
int gauge_read(const char *body, size_t size, const char *pointer, int64_t *ret_gauge, char *ret_error,
               size_t error_size) __attribute__((warn_unused_result));

#endif
