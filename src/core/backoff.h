/* Exponential backoff with jitter, the arithmetic only.
 *
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: full jitter draws from [0, b], equal
 * jitter from [b/2, b], b = min(max, base * 2^(attempt-1)). The cap is applied before the jitter, so that those
 * at the cap stay spread. Delays have millisecond resolution: base times a 20-bit draw stays below 2^53. */
#ifndef CORE_BACKOFF_H
#define CORE_BACKOFF_H

#include <stdint.h>

enum backoff_jitter { BACKOFF_JITTER_NONE, BACKOFF_JITTER_EQUAL, BACKOFF_JITTER_FULL, BACKOFF_JITTER_COUNT };

#define BACKOFF_MAX_MS INT64_C(86400000) /* a day */

struct backoff {
    int64_t base_ms; /* 1..BACKOFF_MAX_MS */
    int64_t max_ms;  /* base_ms..BACKOFF_MAX_MS */
    enum backoff_jitter jitter;
};

/* Delay before attempt number `attempt`+1 after `attempt` failures (1 or more), in milliseconds. `draw` is
 * uniform in [0, 2^20). Attempts of 0 or fewer count as 1. */
int64_t backoff_delay_ms(const struct backoff *backoff, int64_t attempt, int64_t draw);

#endif
