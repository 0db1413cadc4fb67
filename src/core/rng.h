/* Deterministic draws. The core never draws from anything it was not seeded with. */
#ifndef CORE_RNG_H
#define CORE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state;
};

void rng_init(struct rng *rng, uint64_t seed);

/* 64 fresh bits (splitmix64, Steele et al., OOPSLA 2014). */
uint64_t rng_next(struct rng *rng);

/* Uniform in [low, high]; `low` when high <= low. */
int64_t rng_between(struct rng *rng, int64_t low, int64_t high);

/* A draw of 20 bits from a fence: the same in C and in Lua, where products must stay below 2^53. Three rounds
 * of MINSTD (Park and Miller, CACM 1988), whose low bits are dropped. */
int64_t draw_from_fence(int64_t fence);

#define DRAW_BITS 20

#endif
