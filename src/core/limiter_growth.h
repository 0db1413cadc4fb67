/* How fast the adaptive law's window may grow, by what is known.
 *
 * Blind, a step is kept so small that the queue it may add is half of what the dependency's clients wait for; nearer to a
 * level that hurt, slower still, and faster again as time goes by without alarm. A gauge tells how far there is to go, and
 * what has been let in but not arrived counts against it. */
#ifndef CORE_LIMITER_GROWTH_H
#define CORE_LIMITER_GROWTH_H

#include "core/limiter.h"

#define GAUGE_MUTE          0.02   /* load below which a gauge does not tell how near the limit is */

/* Usual duration of a relaunch in seconds, at least one. */
double adaptive_relaunch_s(const struct adaptive *law);

/* Growth in ln a relaunch; negative where the gauge says to shrink. `alarm`, 0 to 1: how near the test of durations is. */
double limiter_growth(const struct adaptive *law, const struct limiter_input *input, double alarm);

#endif
