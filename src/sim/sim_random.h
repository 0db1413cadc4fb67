/* Seeded draws and the durations that scenarios are made of. */
#ifndef SIM_SIM_RANDOM_H
#define SIM_SIM_RANDOM_H

#include "core/rng.h"

#include <stdbool.h>

#define SIM_US 1e6

/* A duration in seconds: lognormal around its median, cut at both ends; sigma 0 is the median itself. */
struct sim_dist {
    double median_s;
    double sigma;
    double min_s;
    double max_s; /* 0: no such end */
};

/* [0,1) */
double sim_uniform(struct rng *rng);
bool sim_chance(struct rng *rng, double share);
double sim_normal(struct rng *rng);
/* Seconds until the next of `rate` a second; rate above 0. */
double sim_exponential(struct rng *rng, double rate);
int64_t sim_draw_us(struct rng *rng, const struct sim_dist *dist);

/* Mean in seconds, the cuts neglected. */
double sim_dist_mean_s(const struct sim_dist *dist);

/* A stream of draws of its own, so that one part of the world drawing more does not change another. */
void sim_stream(struct rng *rng, uint64_t seed, uint64_t stream);

#endif
