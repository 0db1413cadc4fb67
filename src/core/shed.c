#include "core/shed.h"

bool shed_step(struct shed *shed, const struct limiter_gauge *gauge, bool few_in_flight, int64_t now_us)
{
    bool before = shed->unrecoverable;
    if (!gauge->known || gauge->load < 1) {
        shed->since_us = 0;
        shed->unrecoverable = false;
    } else if (!gauge->over || !few_in_flight) {
        shed->since_us = before ? shed->since_us : 0;
    } else if (shed->since_us == 0) {
        shed->since_us = now_us;
    }
    shed->unrecoverable = shed->unrecoverable || (shed->since_us > 0 && now_us - shed->since_us >= SHED_AFTER_US);
    return shed->unrecoverable != before;
}
