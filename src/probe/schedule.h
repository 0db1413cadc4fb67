/* When the next attempt begins. Pure. */
#ifndef PROBE_SCHEDULE_H
#define PROBE_SCHEDULE_H

#include "core/rng.h"
#include "headgate/policy.h"

/* From the probe's creation to its first attempt: anywhere within the jitter, so that probes made together
 * part. */
int64_t schedule_first_delay_ms(const struct hg_probe *probe, struct rng *rng);

/* From the start of one attempt to that of the next: the interval, give or take the jitter, at least
 * PROBE_DELAY_MIN_MS. */
int64_t schedule_delay_ms(const struct hg_probe *probe, struct rng *rng);

#endif
