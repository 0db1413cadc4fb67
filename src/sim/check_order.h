/* Checker: who was called, came, and found no room is not overtaken for ever by those who stand behind it. Order has no
 * bound in seconds, since limits may fall at any time. It has one in grants: at most CHECK_ORDER_MIN, and what the line was
 * granted in three minutes when it was at its fastest, go to younger ones meanwhile. A closure begins the count anew: whoever
 * was told to sleep through it may have missed the opening. */
#ifndef SIM_CHECK_ORDER_H
#define SIM_CHECK_ORDER_H

#include "core/group.h"

#define CHECK_ORDER_MIN 256

struct check_order_place {
    int64_t number;      /* in line; 0: none known */
    int64_t younger;     /* grants to younger ones when it was first refused though called, plus 1; 0: not refused */
    int64_t openings;    /* at that time */
    uint8_t line;
};

struct check_order {
    struct check_order_place *places; /* by instance; the caller's */
    struct {
        int64_t granted;
        int32_t *counts; /* Fenwick tree: grants by number */
        int64_t size;
        int64_t mark_us; /* beginning of the present ten seconds */
        int64_t mark_granted;
        int64_t fastest; /* grants in any ten seconds so far */
    } lines[HG_FLEETS_MAX][LINE_COUNT];
    int64_t openings;
    int64_t most; /* seen */
    bool nomem;
};

void check_order_finish(struct check_order *check);
/* A dependency opened after a closure. */
void check_order_opened(struct check_order *check);
/* Numbers told before may have changed. */
void check_order_forgive(struct check_order *check, size_t count);
bool check_order_reply(struct check_order *check, size_t instance, size_t fleet, int64_t now_us,
                       const struct op_reply *reply, char *ret_text);

#endif
