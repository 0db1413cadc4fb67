#include "sim/check_order.h"

#include "sim/check_limits.h"

#include <stdio.h>

#define SLICE_US INT64_C(10000000)
#define SLICES   30 /* five minutes */

void check_order_opened(struct check_order *check)
{
    for (size_t f = 0; f < HG_FLEETS_MAX; f++) {
        for (size_t l = 0; l < LINE_COUNT; l++) {
            check->lines[f][l].opened = check->lines[f][l].granted;
        }
    }
}

bool check_order_reply(struct check_order *check, size_t instance, size_t fleet, int64_t now_us,
                       const struct op_reply *reply, char *ret_text)
{
    int64_t *refused_at = &check->refused_at[instance];
    if (reply->state == INSTANCE_WAITING) {
        if (reply->called && *refused_at == 0) {
            *refused_at = check->lines[fleet][reply->line].granted + 1;
        }
        return true;
    }
    if (reply->state != INSTANCE_GRANTED || reply->already) {
        return true;
    }
    int64_t *granted = &check->lines[fleet][reply->line].granted, *fastest = &check->lines[fleet][reply->line].fastest;
    int64_t opened = check->lines[fleet][reply->line].opened + 1;
    int64_t overtaken = *refused_at == 0 ? 0 : *granted + 1 - (*refused_at > opened ? *refused_at : opened);
    *refused_at = 0;
    (*granted)++;
    int64_t *mark_us = &check->lines[fleet][reply->line].mark_us;
    int64_t *mark_granted = &check->lines[fleet][reply->line].mark_granted;
    *fastest = *granted - *mark_granted > *fastest ? *granted - *mark_granted : *fastest;
    if (now_us - *mark_us >= SLICE_US) {
        *mark_us = now_us;
        *mark_granted = *granted;
    }
    check->most = overtaken > check->most ? overtaken : check->most;
    if (overtaken > CHECK_ORDER_MIN + SLICES * *fastest) {
        snprintf(ret_text, CHECK_TEXT_MAX, "order: i%zu was called, came, and saw %lld others granted before it, %lld at most",
                 instance, (long long)overtaken, (long long)(CHECK_ORDER_MIN + SLICES * *fastest));
        return false;
    }
    return true;
}
