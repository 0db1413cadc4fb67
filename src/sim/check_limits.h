/* Checker: no window of time holds more grants than its bucket allows, and no more is in flight than the limit.
 *
 * For every pair of grants i <= j: cost(i..j) <= burst + integral of rate from i to j. Kept in constant space: what was
 * granted less what was gained, and its least value so far. */
#ifndef SIM_CHECK_LIMITS_H
#define SIM_CHECK_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHECK_TEXT_MAX 400

struct check_limits {
    int64_t at_us;
    int64_t rate_milli;
    int64_t burst;         /* micro-tokens, the largest so far */
    int64_t in_flight_max;
    int64_t window;
    int64_t gained_nano;   /* nano-tokens gained: exact */
    int64_t granted;       /* micro-tokens */
    int64_t least;         /* of granted - gained, before any grant */
    int64_t slack;         /* micro-tokens that a failover may have given twice */
    bool any;
};

/* Limits in force from `now_us` on, by the store's clock. */
void check_limits_set(struct check_limits *check, int64_t now_us, int64_t rate_milli, int64_t burst, int64_t in_flight_max,
                      int64_t window);
/* A grant of `cost` tokens. False with `ret_text` when some window now holds too much. */
bool check_limits_grant(struct check_limits *check, int64_t now_us, int64_t cost, char *ret_text);
/* After a group that granted: in flight, units. */
bool check_limits_in_flight(const struct check_limits *check, int64_t in_flight, bool granted, char *ret_text);

#endif
