#include "core/limiter_baseline.h"

#include "core/group.h"
#include "core/histogram.h"

#include <math.h>

#define PRIOR_COUNT   4.0
#define PRIOR_SPREAD  0.4
#define SPREAD_MIN    0.12 /* half a bucket's width */
#define LATE          2.0  /* standard deviations */
#define LOWER_LEAST   0.5  /* standard deviations: what grows faster grows much faster; less is chance, and adds up */
#define LOWER_ERRORS  3.5  /* standard errors below the mean before it is lowered: it never rises again by itself */

double baseline_bucket_ln_s(int index)
{
    int last = HISTOGRAM_SIZE - 2;
    if (index <= 0) {
        return log((double)histogram_bound_ms(0) / 1000) - 0.1;
    }
    if (index > last) {
        return log((double)histogram_bound_ms((size_t)last) / 1000) + 0.1;
    }
    double low = (double)histogram_bound_ms((size_t)index - 1), high = (double)histogram_bound_ms((size_t)index);
    return 0.5 * (log(low / 1000) + log(high / 1000));
}

int baseline_bucket(double duration_s)
{
    return (int)histogram_index((int64_t)(duration_s * 1e6));
}

void baseline_learn(struct baseline *baseline, int index, double count)
{
    if (count <= 0) {
        return;
    }
    double away = baseline_bucket_ln_s(index) - baseline->mean;
    double total = baseline->count + count;
    baseline->mean += away * count / total;
    baseline->m2 += away * away * baseline->count * count / total;
    baseline->count = total;
}

double baseline_spread(const struct baseline *baseline)
{
    double variance = (baseline->m2 + PRIOR_COUNT * PRIOR_SPREAD * PRIOR_SPREAD) / (baseline->count + PRIOR_COUNT);
    double spread = sqrt(variance);
    return spread < SPREAD_MIN ? SPREAD_MIN : spread;
}

double baseline_duration_s(const struct baseline *baseline)
{
    double spread = baseline_spread(baseline);
    return baseline->count > 0 ? exp(baseline->mean + 0.5 * spread * spread) : 0;
}

double baseline_late_s(const struct baseline *baseline)
{
    return baseline->count > 0 ? exp(baseline->mean + LATE * baseline_spread(baseline)) : 0;
}

double baseline_score(const struct baseline *baseline, int index)
{
    double z = (baseline_bucket_ln_s(index) - baseline->mean) / baseline_spread(baseline);
    return z > BASELINE_Z_MAX ? BASELINE_Z_MAX : z < -BASELINE_Z_MAX ? -BASELINE_Z_MAX : z;
}

void baseline_settle(struct baseline *baseline, int index, double count)
{
    baseline->low_count += count;
    baseline->low_sum += count * baseline_score(baseline, index);
    if (baseline->low_count < BASELINE_LOWER) {
        return;
    }
    double mean = baseline->low_sum / baseline->low_count;
    if (mean < -LOWER_ERRORS / sqrt(baseline->low_count) && mean < -LOWER_LEAST) {
        baseline->mean += (mean + 1 / sqrt(baseline->low_count)) * baseline_spread(baseline);
    }
    baseline->low_count = baseline->low_sum = 0;
}

void baseline_shift(struct baseline *baseline, double deviations)
{
    baseline->mean += deviations * baseline_spread(baseline);
    baseline->low_count = baseline->low_sum = 0;
}
