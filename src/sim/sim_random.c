#include "sim/sim_random.h"

#include <math.h>

#define TWO_PI 6.28318530717958647692

double sim_uniform(struct rng *rng)
{
    return (double)(rng_next(rng) >> 11) / 9007199254740992.0;
}

bool sim_chance(struct rng *rng, double share)
{
    return share > 0 && (share >= 1 || sim_uniform(rng) < share);
}

double sim_normal(struct rng *rng)
{
    double radius = sqrt(-2 * log(1 - sim_uniform(rng)));
    return radius * cos(TWO_PI * sim_uniform(rng));
}

double sim_exponential(struct rng *rng, double rate)
{
    return -log(1 - sim_uniform(rng)) / rate;
}

int64_t sim_draw_us(struct rng *rng, const struct sim_dist *dist)
{
    double drawn_s = dist->median_s;
    if (dist->sigma > 0) {
        drawn_s *= exp(dist->sigma * sim_normal(rng));
    }
    drawn_s = drawn_s < dist->min_s ? dist->min_s : drawn_s;
    drawn_s = dist->max_s > 0 && drawn_s > dist->max_s ? dist->max_s : drawn_s;
    return (int64_t)(drawn_s * SIM_US);
}

double sim_dist_mean_s(const struct sim_dist *dist)
{
    double mean_s = dist->median_s * exp(dist->sigma * dist->sigma / 2);
    return mean_s < dist->min_s ? dist->min_s : mean_s;
}

void sim_stream(struct rng *rng, uint64_t seed, uint64_t stream)
{
    struct rng mix;
    rng_init(&mix, seed * UINT64_C(0x2545f4914f6cdd1d) + stream);
    rng_init(rng, rng_next(&mix) ^ stream);
}
