/* A fleet in one process: instances that ask for permits over keep-alive connections, for tests and
 * measurements.
 *
 * The story of one instance: at its time it takes a free connection and sends PUT .../permit; told "not yet",
 * it asks again after retry_after_ms (or after ask_every_us, when the test wants a herd that ignores advice),
 * sending its ticket back; granted, it notes the fence, holds the permit for hold_us, and completes. A
 * connection that breaks or is refused is tried at the next controller. Answers 503 are asked again.
 * Everything is counted; herd_check.c judges the grants. */
#ifndef TESTS_SUPPORT_HERD_H
#define TESTS_SUPPORT_HERD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HERD_PORTS_MAX 4

struct herd_options {
    int ports[HERD_PORTS_MAX]; /* of the controllers on 127.0.0.1; instance i asks number i % port_count first
                                */
    size_t port_count;
    const char *fleet;
    const char *prefix; /* of the instances' names; NULL: "i" */
    size_t instance_count;
    size_t connection_count;
    int64_t ask_every_us;  /* 0: obey retry_after_ms */
    int64_t start_over_us; /* first asks are spread over so long */
    int64_t hold_us;       /* from grant to complete; negative: never completes */
    int fail_permille;     /* of the instances report "failed", always the same ones */
    bool no_tickets;       /* never send a ticket back */
    bool again;            /* after completing, relaunch anew */
};

/* One permit as the fleet saw it. */
struct herd_grant {
    uint32_t instance;
    int64_t fence;    /* the store's grant time in microseconds, or a few more within a group */
    int64_t got_us;   /* monotonic clock: when the answer came */
    int64_t given_us; /* when "complete" was sent first; 0: not yet */
    int64_t sent_us;  /* when the request was sent that was granted */
};

struct herd_counts {
    int64_t asked;
    int64_t answered;
    int64_t waiting; /* 429 */
    int64_t away;    /* 503 */
    int64_t refused; /* 409 */
    int64_t odd;     /* any other status: a test fails on these */
    int64_t broken;  /* connections that broke or were refused */
    int64_t completed;
    int64_t done;       /* instances that are through */
    int64_t slowest_us; /* longest answer to a request */
};

struct herd;

struct herd *herd_create(const struct herd_options *options);
void herd_destroy(struct herd *herd); /* NULL is fine */

/* Turns the fleet for timeout_ms, or until every instance is through (never with `again`). True if they are.
 */
bool herd_run(struct herd *herd, int64_t timeout_ms);

const struct herd_counts *herd_counts(const struct herd *herd);
const struct herd_grant *herd_grants(const struct herd *herd, size_t *ret_count); /* in the order they came */
int64_t herd_asks_of(const struct herd *herd, size_t instance);

/* herd_check.c */
struct herd_limit {
    int64_t rate_milli; /* tokens a second */
    int64_t burst;
};
/* How far the worst window [a,b] of grants, by their fences, lies above burst + rate * (b - a), in
 * micro-tokens; negative or 0: never above. Fences of one group differ by a microsecond each: slack_us is
 * forgiven. */
int64_t herd_worst_excess(const struct herd_grant *grants, size_t count, const struct herd_limit *limit,
                          int64_t slack_us);
/* Most permits held at one moment, between the answer that granted and the sending of "complete": a lower
 * bound of what the store held. */
int64_t herd_most_held(const struct herd_grant *grants, size_t count);
/* Longest time between two neighbouring grants, by their fences. */
int64_t herd_longest_gap_us(const struct herd_grant *grants, size_t count);
/* Instances that were granted more than once, with different fences. */
size_t herd_granted_twice(const struct herd_grant *grants, size_t count);

#endif
