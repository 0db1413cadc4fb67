/* What remains of a relaunch: the arithmetic of its report. */
#ifndef LAUNCH_REPORT_H
#define LAUNCH_REPORT_H

#include "launch/units.h"

#define REPORT_REASONS_MAX  10 /* told apart; the rest are counted together */
#define REPORT_ATTEMPTS_MAX 8  /* told apart; the last stands for it and more */

struct report_reason {
    const char *text; /* a unit's */
    int64_t count;
};

struct report {
    int64_t total;
    int64_t recovered;
    int64_t quarantined;
    int64_t left;     /* neither */
    int64_t failures; /* attempts that failed */
    int64_t t50_ms;   /* until half of all had recovered; -1: they have not */
    int64_t t99_ms;
    int64_t last_ms;                           /* until the last one that recovered; -1: none */
    int64_t attempts[REPORT_ATTEMPTS_MAX + 1]; /* of those recovered: how many needed that many */
    struct report_reason
        reasons[REPORT_REASONS_MAX + 1]; /* why those that have not recovered failed last; most first */
    size_t reason_count;
};

/* HG_E_NOMEM. The report points into the units. */
int report_make(const struct units *units, struct report *ret_report) __attribute__((warn_unused_result));

#endif
