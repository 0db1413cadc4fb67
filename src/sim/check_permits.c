#include "sim/check_permits.h"

#include "sim/check_limits.h"

#include <stdio.h>

static bool holds(const struct check_permit *permit, int64_t now_us)
{
    return permit->fence != 0 && permit->until_us > now_us;
}

static bool on_granted(struct check_permits *check, size_t instance, int64_t now_us, const struct op_reply *reply,
                       char *ret_text)
{
    struct check_permit *permit = &check->permits[instance];
    if (!reply->already && reply->fence <= check->fence) {
        snprintf(ret_text, CHECK_TEXT_MAX, "fences: i%zu was granted with fence %lld after %lld had been given out", instance,
                 (long long)reply->fence, (long long)check->fence);
        return false;
    }
    if (!reply->already && holds(permit, now_us)) {
        snprintf(ret_text, CHECK_TEXT_MAX, "twice: i%zu was granted while it holds fence %lld for %lld us more", instance,
                 (long long)permit->fence, (long long)(permit->until_us - now_us));
        return false;
    }
    if (reply->already && permit->fence != 0 && permit->fence != reply->fence) {
        snprintf(ret_text, CHECK_TEXT_MAX, "fences: i%zu was told fence %lld for its permit of fence %lld", instance,
                 (long long)reply->fence, (long long)permit->fence);
        return false;
    }
    check->fence = reply->fence > check->fence ? reply->fence : check->fence;
    permit->fence = reply->fence;
    permit->until_us = reply->until_us;
    permit->number = 0;
    return true;
}

static bool on_waiting(const struct check_permits *check, size_t instance, int64_t now_us, const struct op_reply *reply,
                       char *ret_text)
{
    struct check_permit *permit = &check->permits[instance];
    if (holds(permit, now_us)) {
        snprintf(ret_text, CHECK_TEXT_MAX, "lost: i%zu waits in line though it holds fence %lld", instance,
                 (long long)permit->fence);
        return false;
    }
    bool same_line = permit->number != 0 && permit->line == (uint8_t)reply->line;
    if (same_line && reply->number > permit->number && now_us - permit->told_us < check->grace_us) {
        snprintf(ret_text, CHECK_TEXT_MAX, "lost: i%zu had place %lld and is told %lld", instance,
                 (long long)permit->number, (long long)reply->number);
        return false;
    }
    permit->fence = 0;
    permit->number = reply->number;
    permit->line = (uint8_t)reply->line;
    permit->told_us = now_us;
    return true;
}

bool check_permits_reply(struct check_permits *check, size_t instance, int64_t now_us, const struct op *op,
                         const struct op_reply *reply, char *ret_text)
{
    struct check_permit *permit = &check->permits[instance];
    if (op->kind == OP_RENEW && reply->status == 0) {
        permit->until_us = reply->until_us;
    } else if (op->kind == OP_COMPLETE && reply->status == 0) {
        if (op->fence == permit->fence) {
            permit->fence = 0;
        }
        permit->number = 0;
    } else if (op->kind == OP_ACQUIRE && reply->status == 0) {
        if (reply->state == INSTANCE_GRANTED) {
            return on_granted(check, instance, now_us, reply, ret_text);
        }
        if (reply->state == INSTANCE_WAITING) {
            return on_waiting(check, instance, now_us, reply, ret_text);
        }
        if (reply->state == INSTANCE_NONE) {
            snprintf(ret_text, CHECK_TEXT_MAX, "lost: i%zu asked and is not known", instance);
            return false;
        }
        if (holds(permit, now_us)) {
            snprintf(ret_text, CHECK_TEXT_MAX, "lost: i%zu holds fence %lld and is told it is %s", instance,
                     (long long)permit->fence, instance_state_name(reply->state));
            return false;
        }
        permit->number = 0;
    }
    return true;
}

void check_permits_forgive(struct check_permits *check)
{
    for (size_t i = 0; i < check->count; i++) {
        check->permits[i].number = 0;
        check->permits[i].fence = 0;
    }
}

int64_t check_permits_held(const struct check_permits *check, size_t first, size_t last, int64_t now_us)
{
    int64_t held = 0;
    for (size_t i = first; i < last; i++) {
        held += holds(&check->permits[i], now_us);
    }
    return held;
}
