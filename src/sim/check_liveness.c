#include "sim/check_liveness.h"

#include "sim/check_limits.h"

#include <stdio.h>

bool check_liveness_step(struct check_liveness *check, int64_t now_us, int64_t granted, bool waiting, bool fault,
                         char *ret_text)
{
    if (granted != check->granted || !waiting || fault) {
        check->granted = granted;
        check->since_us = now_us;
        return true;
    }
    if (now_us - check->since_us > CHECK_LIVENESS_US) {
        snprintf(ret_text, CHECK_TEXT_MAX, "liveness: somebody waits, nothing is broken, and nobody was granted for %lld s",
                 (long long)((now_us - check->since_us) / 1000000));
        return false;
    }
    return true;
}
