/* How long a relaunch takes when all is well: mean and spread of the logarithm of its duration.
 *
 * Learned from the first outcomes that came back well; afterwards only lowered when relaunches have grown faster, and
 * raised by whoever has found that load is not what makes them longer. A baseline that went on learning would take the
 * trouble it is there to find for normal. */
#ifndef CORE_LIMITER_BASELINE_H
#define CORE_LIMITER_BASELINE_H

#include <stdbool.h>
#include <stdint.h>

#define BASELINE_LEARN   200.0 /* outcomes */
#define BASELINE_LOWER   100.0 /* outcomes looked at together before the mean is lowered */
#define BASELINE_Z_MAX     2.0 /* no outcome counts more than this, either way */

struct baseline {
    double count; /* outcomes learned; 0: nothing is known */
    double mean;  /* ln seconds */
    double m2;    /* sum of squared distances from the mean */
    double low_count; /* looked at since the mean was last lowered */
    double low_sum;
};

/* ln seconds of what lies in one bucket of histogram.h, its middle. */
double baseline_bucket_ln_s(int index);

/* The bucket of a duration in seconds. */
int baseline_bucket(double duration_s);

/* Learns `count` outcomes of bucket `index`. */
void baseline_learn(struct baseline *baseline, int index, double count);

/* Standard deviation of ln seconds, drawn towards a cautious guess while few outcomes are known. */
double baseline_spread(const struct baseline *baseline);

/* Mean duration in seconds, and the one beyond which a relaunch is late. 0 while nothing is known. */
double baseline_duration_s(const struct baseline *baseline);
double baseline_late_s(const struct baseline *baseline);

/* How unusually long a duration of bucket `index` is: standard deviations, within +-BASELINE_Z_MAX. */
double baseline_score(const struct baseline *baseline, int index);

/* `count` outcomes of bucket `index` in quiet times: lowers the mean where they are clearly shorter. */
void baseline_settle(struct baseline *baseline, int index, double count);

/* What was taken for trouble was none: the mean moves by so many standard deviations. */
void baseline_shift(struct baseline *baseline, double deviations);

#endif
