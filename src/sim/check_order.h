/* Checker: who was called, came, and found no room is not overtaken for ever. Order has no bound in seconds, since limits
 * may fall at any time. It has one in grants: those of its line that go before it meanwhile are no more than CHECK_ORDER_MIN
 * and what the line was granted in five minutes when it was at its fastest. A closure begins the count anew: whoever was told
 * to sleep through it may have missed the opening. */
#ifndef SIM_CHECK_ORDER_H
#define SIM_CHECK_ORDER_H

#include "core/group.h"

#define CHECK_ORDER_MIN 512

struct check_order {
    int64_t *refused_at; /* by instance: the line's grants, plus 1, when it was first refused though called; 0: not */
    struct {
        int64_t granted;
        int64_t opened; /* granted when it last opened */
        int64_t mark_us; /* beginning of the present ten seconds */
        int64_t mark_granted;
        int64_t fastest; /* grants in any ten seconds so far */
    } lines[HG_FLEETS_MAX][LINE_COUNT];
    int64_t most; /* seen */
};

/* A dependency opened after a closure. */
void check_order_opened(struct check_order *check);
bool check_order_reply(struct check_order *check, size_t instance, size_t fleet, int64_t now_us,
                       const struct op_reply *reply, char *ret_text);

#endif
