#include "launch/renew.h"

#include "core/backoff.h"

#define RENEW_MIN_US  INT64_C(50000)
#define RETRY_BASE_MS 500
#define RETRY_MAX_MS  10000
#define DRAW_MAX      ((INT64_C(1) << DRAW_BITS) - 1)

int64_t renew_delay_us(int64_t lease_us, struct rng *rng)
{
    int64_t third_us = lease_us / 3;
    int64_t delay_us = rng_between(rng, third_us - third_us / 10, third_us + third_us / 10);
    return delay_us > RENEW_MIN_US ? delay_us : RENEW_MIN_US;
}

int64_t retry_delay_us(int64_t failures, int64_t asked_us, struct rng *rng)
{
    const struct backoff backoff = {RETRY_BASE_MS, RETRY_MAX_MS, BACKOFF_JITTER_EQUAL};
    int64_t delay_us = backoff_delay_ms(&backoff, failures, rng_between(rng, 0, DRAW_MAX)) * 1000;
    return delay_us > asked_us ? delay_us : asked_us;
}

int64_t renew_retry_us(int64_t lease_us, int64_t failures, int64_t asked_us, struct rng *rng)
{
    int64_t delay_us = retry_delay_us(failures, asked_us, rng);
    int64_t most_us = lease_us / 6 > RENEW_MIN_US ? lease_us / 6 : RENEW_MIN_US;
    return delay_us < most_us ? delay_us : most_us;
}
