/* One run: outage, return, relaunch; and what came of it. */
#ifndef DEMO_RUN_H
#define DEMO_RUN_H

#include "demo/world.h"

#include <signal.h>

struct demo_result {
    bool ran;
    bool gated;
    bool finished;     /* 99 % were back before the deadline */
    int back;          /* most instances that were up at once after the return */
    int64_t half_us;   /* from the dependency's return until 50 % were up; -1: never */
    int64_t most_us;   /* until 99 % were up; -1: never */
    int64_t length_us; /* how long was counted */
    double attempts_mean;
    int attempts_max;
    double asked_mean; /* requests to the gate an instance */
    int64_t served;
    int64_t wasted;
    int64_t queue_peak;
    int64_t background_asked;
    int64_t background_errors;
    int64_t lost_again;
};

/* 0; HG_E_CANCELLED when *stop became true; another negative hg_error when something could not be started or
 * ended by itself, with the reason on stderr. Whatever happens, no child is left. */
int demo_run(const struct demo_config *config, bool gated, const volatile sig_atomic_t *stop,
             struct demo_result *ret_result) __attribute__((warn_unused_result));

#endif
