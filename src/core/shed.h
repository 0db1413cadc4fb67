/* A dependency that its other traffic keeps down: next to nothing is let in, and its gauge stays beyond the hard mark.
 *
 * No admission can bring that back; somebody must shed the load that is not ours. It takes a gauge to know. */
#ifndef CORE_SHED_H
#define CORE_SHED_H

#include "core/limiter.h"

#define SHED_AFTER_US INT64_C(180000000) /* beyond the hard mark for so long with no more than canaries in flight */

struct shed {
    int64_t since_us; /* 0: not so */
    bool unrecoverable;
};

/* One tick; whether `unrecoverable` changed. It ends when the gauge comes below its soft mark, or says nothing. */
bool shed_step(struct shed *shed, const struct limiter_gauge *gauge, bool few_in_flight, int64_t now_us);

#endif
