#include "core/bucket.h"

#include <assert.h>

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

void bucket_init(struct bucket *bucket, int64_t rate_milli, int64_t burst, int64_t tokens, int64_t now_us)
{
    bucket->rate_milli = clamp(rate_milli, 0, BUCKET_RATE_MILLI_MAX);
    bucket->burst = clamp(burst, 0, BUCKET_BURST_MAX * TOKEN_MICRO);
    bucket->tokens = clamp(tokens, 0, bucket->burst);
    bucket->rem = 0;
    bucket->at_us = now_us;
}

/* What would have spilled, bounded to one second of rate: more proves nothing new and the bound keeps the
 * product small. */
static int64_t spill_of(const struct bucket *bucket, int64_t idle_us)
{
    return bucket->rate_milli * clamp(idle_us, 0, 1000000) / 1000;
}

int64_t bucket_settle(struct bucket *bucket, int64_t now_us)
{
    if (now_us <= bucket->at_us) {
        return 0;
    }
    int64_t elapsed_us = now_us - bucket->at_us;
    bucket->at_us = now_us;
    if (bucket->rate_milli == 0) {
        return 0;
    }
    /* Nano-tokens missing, then the time that refills them, rounded up: elapsed time is capped before it is
     * multiplied. */
    int64_t missing = (bucket->burst - bucket->tokens) * 1000 - bucket->rem;
    int64_t full_us = missing <= 0 ? 0 : (missing + bucket->rate_milli - 1) / bucket->rate_milli;
    if (elapsed_us >= full_us) {
        bucket->tokens = bucket->burst;
        bucket->rem = 0;
        return spill_of(bucket, elapsed_us - full_us);
    }
    int64_t gained = bucket->rate_milli * elapsed_us + bucket->rem;
    bucket->tokens += gained / 1000;
    bucket->rem = gained % 1000;
    assert(bucket->tokens <= bucket->burst);
    return 0;
}

void bucket_reconfigure(struct bucket *bucket, int64_t rate_milli, int64_t burst, int64_t now_us)
{
    (void)bucket_settle(bucket, now_us);
    bucket->rate_milli = clamp(rate_milli, 0, BUCKET_RATE_MILLI_MAX);
    bucket->burst = clamp(burst, 0, BUCKET_BURST_MAX * TOKEN_MICRO);
    if (bucket->tokens >= bucket->burst) {
        bucket->tokens = bucket->burst;
        bucket->rem = 0;
    }
}

bool bucket_can_take(const struct bucket *bucket, int64_t cost, int64_t reserve)
{
    return bucket->tokens - reserve >= cost;
}

void bucket_take(struct bucket *bucket, int64_t cost)
{
    assert(cost >= 0 && cost <= bucket->tokens);
    bucket->tokens -= cost;
}

int64_t bucket_wait_us(const struct bucket *bucket, int64_t cost, int64_t reserve)
{
    int64_t missing = cost + reserve - bucket->tokens;
    if (missing <= 0) {
        return 0;
    }
    if (bucket->rate_milli == 0 || cost + reserve > bucket->burst) {
        return INT64_MAX;
    }
    return (missing * 1000 - bucket->rem + bucket->rate_milli - 1) / bucket->rate_milli;
}

int64_t reserve_in_force(int64_t reserve, int64_t limit)
{
    return reserve < limit / 2 ? reserve : limit / 2;
}
