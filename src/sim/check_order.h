/* Checker: who was called, came, and found no room is not overtaken for ever. Order has no bound in seconds, since limits
 * may fall at any time; it has one in grants: those of the same line that came between. */
#ifndef SIM_CHECK_ORDER_H
#define SIM_CHECK_ORDER_H

#include "core/group.h"

struct check_order {
    int64_t *refused_at; /* by instance: the line's grants, plus 1, when it was first refused though called; 0: not */
    int64_t granted[HG_FLEETS_MAX][LINE_COUNT];
    int64_t most;        /* seen */
};

bool check_order_reply(struct check_order *check, size_t instance, size_t fleet, int64_t bound,
                       const struct op_reply *reply, char *ret_text);

#endif
