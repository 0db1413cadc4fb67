/* The one clock of the daemon. */
#ifndef HOST_CLOCK_H
#define HOST_CLOCK_H

#include <stdint.h>

/* Monotonic, microseconds: for the engine and for time-outs. */
int64_t clock_monotonic_us(void);

/* Since the epoch, microseconds: for logs and reports. */
int64_t clock_wall_us(void);

/* A seed that differs from process to process. */
uint64_t clock_seed(void);

#endif
