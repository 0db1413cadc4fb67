/* How the supply of several dependencies divides among the fleets that want it: weighted, at the dominant share.
 *
 * Source: progressive filling of Dominant Resource Fairness (Ghodsi et al., NSDI 2011), as rates: every active
 * fleet's dominant share grows in proportion to its weight until one of its needs is used up. */
#ifndef CORE_LINE_SHARE_H
#define CORE_LINE_SHARE_H

#include "headgate/policy.h"

#include <stdbool.h>

struct line_share {
    double supply[HG_DEPENDENCIES_MAX]; /* cost units per second */
    double weight[HG_FLEETS_MAX];
    bool active[HG_FLEETS_MAX];
};

/* Numbers per second for each fleet; 0 for those not active. */
void line_share(const struct hg_policy *policy, const struct line_share *share, double ret_rates[HG_FLEETS_MAX]);

/* How the lines empty from now on: fleets run dry one after the other, and their share goes to the rest. */
struct line_forecast {
    size_t step_count;
    double at_s[HG_FLEETS_MAX + 2];                   /* when each step ends */
    double called[HG_FLEETS_MAX + 2][HG_FLEETS_MAX];  /* numbers called by then */
    double alone[HG_FLEETS_MAX];                      /* rate of a fleet that comes when all others are dry */
};

/* `waiting[i]`: numbers that wait in each fleet. */
void line_forecast(const struct hg_policy *policy, const struct line_share *share,
                   const double waiting[HG_FLEETS_MAX], struct line_forecast *ret_forecast);

/* Seconds until `position` more numbers of `fleet` are called; negative if never at this supply. */
double line_forecast_wait(const struct line_forecast *forecast, size_t fleet, double position);

#endif
