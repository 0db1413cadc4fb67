#include "probe/schedule.h"
#include "probe/probe.h"

static int64_t jitter_ms(const struct hg_probe *probe)
{
    return probe->interval_us / 1000 * probe->jitter_permille / 1000;
}

int64_t schedule_first_delay_ms(const struct hg_probe *probe, struct rng *rng)
{
    return rng_between(rng, 0, jitter_ms(probe));
}

int64_t schedule_delay_ms(const struct hg_probe *probe, struct rng *rng)
{
    int64_t spread_ms = jitter_ms(probe);
    int64_t delay_ms = probe->interval_us / 1000 + rng_between(rng, -spread_ms, spread_ms);
    return delay_ms < PROBE_DELAY_MIN_MS ? PROBE_DELAY_MIN_MS : delay_ms;
}
