#include "sim/check_order.h"

#include "sim/check_limits.h"

#include <stdio.h>

bool check_order_reply(struct check_order *check, size_t instance, size_t fleet, int64_t bound,
                       const struct op_reply *reply, char *ret_text)
{
    int64_t *refused_at = &check->refused_at[instance];
    int64_t *granted = &check->granted[fleet][reply->line];
    if (reply->state == INSTANCE_WAITING) {
        if (reply->called && *refused_at == 0) {
            *refused_at = *granted + 1;
        }
        return true;
    }
    if (reply->state != INSTANCE_GRANTED || reply->already) {
        return true;
    }
    int64_t overtaken = *refused_at == 0 ? 0 : *granted + 1 - *refused_at;
    *refused_at = 0;
    (*granted)++;
    check->most = overtaken > check->most ? overtaken : check->most;
    if (overtaken > bound) {
        snprintf(ret_text, CHECK_TEXT_MAX, "order: i%zu was called, came, and saw %lld others granted before it, %lld at most",
                 instance, (long long)overtaken, (long long)bound);
        return false;
    }
    return true;
}
