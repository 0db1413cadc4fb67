#include "core/limiter.h"

static void start(struct limiter *limiter, const struct limiter_input *input)
{
    limiter->window = input->window_max;
    limiter->paced = false;
}

static enum limiter_verdict judge(struct limiter *limiter, const struct limiter_input *input, char *ret_why)
{
    (void)ret_why;
    limiter->window = input->window_max;
    return LIMITER_KEEP;
}

const struct limiter_ops limiter_fixed_ops = {
    .name = "fixed",
    .ramps = false,
    .start = start,
    .judge_canaries = judge,
    .judge = judge,
};

const struct limiter_ops *limiter_ops_of(enum hg_limiter_mode mode)
{
    switch (mode) {
    case HG_LIMITER_ADAPTIVE:
        return &limiter_adaptive_ops;
    case HG_LIMITER_FIXED:
        return &limiter_fixed_ops;
    case HG_LIMITER_SLOW_START:
    case HG_LIMITER_MODE_COUNT:
        break;
    }
    return &limiter_slow_start_ops;
}
