/* How a relaunch is coming along: its rate, when it will be over, and the line that says so. Arithmetic only.
 */
#ifndef LAUNCH_PROGRESS_H
#define LAUNCH_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_SAMPLES 61
#define PROGRESS_SAMPLE_US                                                                                   \
    INT64_C(500000) /* between two samples: the rate is that of the last half minute                         \
                     */

struct progress {
    struct {
        int64_t at_us;
        int64_t settled;
    } samples[PROGRESS_SAMPLES];
    size_t first;
    size_t count;
};

/* What there is to show. */
struct progress_view {
    const char *fleet;
    int64_t total;
    int64_t recovered;
    int64_t quarantined;
    int64_t running;
    int64_t waiting;  /* in line, or not asked for yet */
    int64_t backoff;  /* failed, and waiting for the next attempt */
    int64_t failures; /* attempts that failed */
    double rate;      /* settled a second; negative: unknown */
    int64_t eta_us;   /* negative: unknown */
    const char *note; /* what holds it up; "" */
};

/* `settled` instances are recovered or quarantined at `now_us`. Samples that come too soon are skipped. */
void progress_sample(struct progress *progress, int64_t now_us, int64_t settled);

/* Settled instances a second; negative until known. */
double progress_rate(const struct progress *progress);

/* Time until all are settled at that rate; 0 when they are, negative when unknown. */
int64_t progress_eta_us(const struct progress *progress, int64_t left);

/* One line of at most `columns` columns: a bar when there is room for it (and `bar`), then what matters most
 * first; what does not fit is left out. */
void progress_write(const struct progress_view *view, int columns, bool bar, char *ret_text, size_t size);

#endif
