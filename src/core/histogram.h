/* Duration histogram with fixed bounds: bucket i holds durations in (bound(i-1), bound(i)] milliseconds,
 * bounds 1,2,3,4,6,8,12,16,24,... (powers of two and their midpoints). Exact in integers, so stores agree. */
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
