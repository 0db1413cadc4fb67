/* One attempt of one kind: the interface behind which tcp, http, dns, redis and exec stand.
 *
 * start() makes the check and sets it going; on_done is called from the loop at most once, never from inside
 * start(); whoever started it calls close() exactly once, after on_done, from inside it, or instead of
 * waiting for it. The check knows no time: whoever started it has the timeout, and asks explain_silence()
 * what it was waiting for. */
#ifndef PROBE_CHECK_H
#define PROBE_CHECK_H

#include "probe/probe.h"

#include <stddef.h>

struct ares_uv_answer;

struct check_result {
    enum probe_verdict verdict;
    bool has_gauge;
    int64_t gauge;
    char text[PROBE_TEXT_MAX];
};

typedef void (*check_done_fn)(void *user_data, const struct check_result *result);

struct check_options {
    uv_loop_t *loop;
    const struct hg_probe *probe; /* outlives the check */
    void **kept; /* the kind's own, kept by the probe from one attempt to the next; NULL at first */
    check_done_fn on_done;
    void *user_data;
};

/* What every kind's struct begins with. */
struct check {
    struct check_options options;
    void (*on_closed)(void *user_data);
    void *closed_data;
};

struct check_ops {
    const char *name;
    /* 0, or HG_E_NOMEM, HG_E_INVALID, HG_E_IO with ret_result filled in. */
    int (*start)(const struct check_options *options, struct check **ret_check,
                 struct check_result *ret_result);
    void (*explain_silence)(const struct check *check, struct check_result *ret_result);
    void (*close)(struct check *check, void (*on_closed)(void *user_data), void *user_data);
    void (*forget)(
        void *kept); /* frees what was kept, after the last check closed; NULL if the kind keeps nothing */
};

extern const struct check_ops check_tcp_ops;
extern const struct check_ops check_http_ops;
extern const struct check_ops check_dns_ops;
extern const struct check_ops check_redis_ops;
extern const struct check_ops check_exec_ops;

const struct check_ops *check_ops_of(enum hg_probe_kind kind);

/* Fills in a verdict and its text, kept to one line of printable ASCII. */
void check_say(struct check_result *ret_result, enum probe_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Says why `error` (negative hg_error) kept an attempt from being made; returns it. */
int check_not_tried(struct check_result *ret_result, const char *kind, int error);

/* Hands a result to whoever started the check. */
void check_done(struct check *check, const struct check_result *result);

/* Calls whoever closed the check, and frees it. */
void check_closed(struct check *check);

/* Says what an answer without addresses means for `name`, asked by `kind`; `server` as in the policy, or
 * NULL. */
void check_say_unresolved(struct check_result *ret_result, const char *kind, const char *name,
                          const char *server, const struct ares_uv_answer *answer);

/* Says that the resolver kept silent about `name`. */
void check_say_resolver_silent(struct check_result *ret_result, const char *kind, const char *name,
                               const char *server, int64_t timeout_us);

/* Microseconds as milliseconds, rounded up. */
int64_t check_ms(int64_t delay_us);

/* How long to wait before asking the resolver again, so that a lost packet does not cost the attempt. */
int64_t check_try_ms(const struct hg_probe *probe);

#endif
