/* What the adaptive law remembers; limiter_adaptive.c tells its story. */
#ifndef CORE_LIMITER_ADAPTIVE_H
#define CORE_LIMITER_ADAPTIVE_H

#include "core/limiter_baseline.h"
#include "core/limiter_sight.h"

#define FLIGHT_KEPT 16 /* samples of what was in flight, over one relaunch's duration */

enum adaptive_state {
    ADAPTIVE_START,  /* canaries, or nothing is known yet */
    ADAPTIVE_GROW,   /* grows while what comes back is as usual */
    ADAPTIVE_VERIFY, /* was cut: waits for those granted since */
    ADAPTIVE_CLOSED, /* asked for a freeze */
    ADAPTIVE_STATE_COUNT
};

struct adaptive {
    enum adaptive_state state;
    struct baseline baseline;
    struct sight sight;
    double limit;          /* permits; those far overdue are beyond it */
    double good;           /* level that was proven before the last cut; 0: none was needed yet */
    double proven;         /* level at which the cumulative test last stood at 0 */
    double alarm;          /* the cumulative test */
    double late_s;         /* mark of those that are late; moves with slices only */
    int64_t era;           /* first cohort that is judged */
    int64_t era_us;        /* the last cut */
    int64_t slice_us;      /* the present slice opened */
    int64_t judged_us;
    int64_t calm_us;       /* since when nothing alarmed */
    double flight[FLIGHT_KEPT];
    size_t flight_at;
    int64_t flight_us;
    double flight_now;     /* permits in flight, less those far overdue */
    double flight_before;  /* one relaunch ago */
    double back_rate;      /* came back well, a second, smoothed over a relaunch */
    int64_t back_seen;
    int strikes;           /* cuts in a row that did not help */
    double strike_score;   /* mean score found by the last one */
    double usual_failures; /* share that fails whatever the load */
    double failed_share;   /* at the last cut for failures; 0: none */
    double failed_limit;   /* limit before that cut */
    int closures;          /* in a row */
    double told_limit;     /* when last told why */
};

#endif
