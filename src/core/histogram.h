/* Duration histogram with fixed bounds: bucket i holds durations in (bound(i-1), bound(i)] milliseconds,
 * bounds 64,80,101,128,160,202,... (three an octave, up to 43 minutes): fine enough that a limiter sees relaunches grow
 * longer by a quarter. Exact in integers, so stores agree. */
#ifndef CORE_HISTOGRAM_H
#define CORE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

/* Upper bound of bucket `index` in milliseconds; the last bucket takes everything. */
int64_t histogram_bound_ms(size_t index);

/* Bucket of a duration; a negative one counts as 0. */
size_t histogram_index(int64_t duration_us);

/* Smallest bound, in milliseconds, below or at which at least `permille` of the counts lie; 0 if empty. */
int64_t histogram_quantile_ms(const int32_t *histogram, int64_t permille);

#endif
