#include "core/rng.h"

#define MINSTD_MODULUS    INT64_C(2147483647)
#define MINSTD_MULTIPLIER INT64_C(48271)

void rng_init(struct rng *rng, uint64_t seed)
{
    rng->state = seed;
}

uint64_t rng_next(struct rng *rng)
{
    uint64_t z = (rng->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int64_t rng_between(struct rng *rng, int64_t low, int64_t high)
{
    if (high <= low) {
        return low;
    }
    uint64_t span = (uint64_t)high - (uint64_t)low + 1;
    uint64_t draw = rng_next(rng);
    return (int64_t)((uint64_t)low + (span == 0 ? draw : draw % span));
}

int64_t draw_from_fence(int64_t fence)
{
    int64_t x = fence % (MINSTD_MODULUS - 1) + 1;
    for (int round = 0; round < 3; round++) {
        x = x * MINSTD_MULTIPLIER % MINSTD_MODULUS;
    }
    return x >> (31 - DRAW_BITS);
}
