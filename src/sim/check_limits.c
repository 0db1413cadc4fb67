#include "sim/check_limits.h"

#include "core/bucket.h"

#include <stdio.h>

static void settle(struct check_limits *check, int64_t now_us)
{
    /* Milli-tokens a second times microseconds are nano-tokens. */
    if (now_us > check->at_us) {
        check->gained_nano += check->rate_milli * (now_us - check->at_us);
        check->at_us = now_us;
    }
}

void check_limits_set(struct check_limits *check, int64_t now_us, int64_t rate_milli, int64_t burst, int64_t in_flight_max,
                      int64_t window)
{
    if (check->at_us == 0) {
        check->at_us = now_us;
    }
    settle(check, now_us);
    check->rate_milli = rate_milli;
    check->burst = burst * TOKEN_MICRO > check->burst ? burst * TOKEN_MICRO : check->burst;
    check->in_flight_max = in_flight_max;
    check->window = window;
}

bool check_limits_grant(struct check_limits *check, int64_t now_us, int64_t cost, char *ret_text)
{
    settle(check, now_us);
    int64_t gained = (check->gained_nano + 999) / 1000;
    int64_t before = check->granted - gained;
    check->least = !check->any || before < check->least ? before : check->least;
    check->any = true;
    check->granted += cost * TOKEN_MICRO;
    int64_t over = check->granted - gained - check->least - check->burst - check->slack;
    if (over > 1) { /* the rounding of `gained` */
        snprintf(ret_text, CHECK_TEXT_MAX, "limits: %lld micro-tokens more granted in a window than burst and rate allow",
                 (long long)over);
        return false;
    }
    return true;
}

bool check_limits_in_flight(const struct check_limits *check, int64_t in_flight, bool granted, char *ret_text)
{
    int64_t allowed = check->window < check->in_flight_max ? check->window : check->in_flight_max;
    if (granted && in_flight > allowed) {
        snprintf(ret_text, CHECK_TEXT_MAX, "limits: granted with %lld in flight, %lld allowed", (long long)in_flight,
                 (long long)allowed);
        return false;
    }
    return true;
}
