#include "core/backoff.h"

#include "core/rng.h"

int64_t backoff_delay_ms(const struct backoff *backoff, int64_t attempt, int64_t draw)
{
    int64_t ceiling_ms = backoff->base_ms < 1 ? 1 : backoff->base_ms;
    for (int64_t i = 1; i < attempt && ceiling_ms < backoff->max_ms; i++) {
        ceiling_ms *= 2;
    }
    if (ceiling_ms > backoff->max_ms) {
        ceiling_ms = backoff->max_ms;
    }
    int64_t floor_ms = 0;
    switch (backoff->jitter) {
    case BACKOFF_JITTER_NONE:
    case BACKOFF_JITTER_COUNT:
        return ceiling_ms;
    case BACKOFF_JITTER_EQUAL:
        floor_ms = ceiling_ms / 2;
        break;
    case BACKOFF_JITTER_FULL:
        break;
    }
    return floor_ms + (((ceiling_ms - floor_ms + 1) * draw) >> DRAW_BITS);
}
