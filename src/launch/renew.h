/* When a permit is renewed, and when what failed is tried again: the arithmetic only. */
#ifndef LAUNCH_RENEW_H
#define LAUNCH_RENEW_H

#include "core/rng.h"

#include <stdint.h>

/* Microseconds from the moment the lease began to count until its renewal: a third of the lease, 10 % spread
 * to either side, so that two renewals may be lost and instances granted together do not renew together. At
 * least 50 ms. */
int64_t renew_delay_us(int64_t lease_us, struct rng *rng);

/* Microseconds until a call that no controller answered is tried again: doubles from half a second with every
 * failure in a row (from 1) up to ten seconds, half of it spread; not earlier than `asked_us`, which is what
 * a controller asked for (0: nothing). */
int64_t retry_delay_us(int64_t failures, int64_t asked_us, struct rng *rng);

/* The same for a renewal, which must come through before the lease runs out: not later than a sixth of it. */
int64_t renew_retry_us(int64_t lease_us, int64_t failures, int64_t asked_us, struct rng *rng);

#endif
