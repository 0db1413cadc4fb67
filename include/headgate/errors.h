/* Every error Headgate can report, listed once: code, text, HTTP status, exit code (sysexits where one fits).
 *
 * Functions that can fail return 0 or one of the negative codes below and leave their outputs untouched on
 * failure. The text is stable: scripts may match it. */
#ifndef HEADGATE_ERRORS_H
#define HEADGATE_ERRORS_H

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

/* X(name, number, text, http_status, exit_code) */
#define HG_ERRORS(X)                                                                                         \
    X(NOMEM, 1, "out of memory", 503, 71)                                                                    \
    X(INVALID, 2, "invalid argument", 400, 64)                                                               \
    X(POLICY, 3, "the policy is not valid", 400, 65)                                                         \
    X(NOT_FOUND, 4, "no such thing", 404, 68)                                                                \
    X(IO, 5, "input or output failed", 500, 74)                                                              \
    X(STORE_AWAY, 6, "the store cannot be reached", 503, 69)                                                 \
    X(STORE_UNFIT, 7, "the store is not fit for use", 503, 78)                                               \
    X(STORE_FULL, 8, "the store has no room", 503, 73)                                                       \
    X(STORE_CORRUPT, 9, "the store's data is damaged", 503, 78)                                              \
    X(OVERLOAD, 10, "too many requests are under way", 503, 75)                                              \
    X(NOT_READY, 11, "not ready yet", 503, 75)                                                               \
    X(EXPIRED, 12, "the permit has expired", 409, 75)                                                        \
    X(SUPERSEDED, 13, "the permit belongs to another life of this instance", 409, 75)                        \
    X(CONFLICT, 14, "the request contradicts what is recorded", 409, 75)                                     \
    X(QUARANTINED, 15, "the instance is quarantined", 409, 77)                                               \
    X(STALE, 16, "a newer leader has written", 409, 75)                                                      \
    X(TOO_LARGE, 17, "too large", 413, 65)                                                                   \
    X(TIMEOUT, 18, "the time ran out", 504, 75)                                                              \
    X(UNREACHABLE, 19, "no controller answered", 503, 69)                                                    \
    X(PROTOCOL, 20, "the answer could not be understood", 502, 76)                                           \
    X(CANCELLED, 21, "cancelled", 503, 75)

enum hg_error {
    HG_OK = 0,
#define HG_ERROR_ENUM(name, number, text, http_status, exit_code) HG_E_##name = -(number),
    HG_ERRORS(HG_ERROR_ENUM)
#undef HG_ERROR_ENUM
};

/* Text for `error` (0 or negative); "unknown error" for a number that is not listed. Never NULL. */
const char *hg_strerror(int error);

/* Stable upper-case name, such as "EXPIRED"; "OK" for 0, "UNKNOWN" for a number that is not listed. */
const char *hg_error_name(int error);

/* HTTP status that reports `error`; 200 for 0, 500 for a number that is not listed. */
int hg_error_http_status(int error);

/* Process exit code that reports `error`; 0 for 0, 70 (EX_SOFTWARE) for a number that is not listed. */
int hg_error_exit_code(int error);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
