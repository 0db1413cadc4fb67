#include "core/histogram.h"

#include "core/group.h"

#define STEPS 3 /* an octave */

static const int64_t octave_ms[STEPS] = {64, 80, 101};

int64_t histogram_bound_ms(size_t index)
{
    if (index >= HISTOGRAM_SIZE - 1) {
        return INT64_MAX;
    }
    return octave_ms[index % STEPS] << (index / STEPS);
}

size_t histogram_index(int64_t duration_us)
{
    int64_t duration_ms = duration_us <= 0 ? 0 : duration_us / 1000 + (duration_us % 1000 > 0);
    size_t index = 0;
    while (duration_ms > histogram_bound_ms(index)) {
        index++;
    }
    return index;
}

int64_t histogram_quantile_ms(const int32_t *histogram, int64_t permille)
{
    int64_t total = 0;
    for (size_t i = 0; i < HISTOGRAM_SIZE; i++) {
        total += histogram[i];
    }
    int64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_SIZE && total > 0; i++) {
        seen += histogram[i];
        if (seen * 1000 >= total * permille && seen > 0) {
            return i == HISTOGRAM_SIZE - 1 ? histogram_bound_ms(i - 1) : histogram_bound_ms(i);
        }
    }
    return 0;
}
