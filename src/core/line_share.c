#include "core/line_share.h"

#include <string.h>

#define EPSILON 1e-9

static double dominant_cost(const struct hg_fleet *fleet, const double *supply)
{
    double most = 0;
    for (size_t n = 0; n < fleet->need_count; n++) {
        double have = supply[fleet->needs[n].dependency];
        double share = have > EPSILON ? (double)fleet->needs[n].cost / have : 0;
        most = share > most ? share : most;
    }
    return most;
}

static bool starved(const struct hg_fleet *fleet, const double *supply)
{
    for (size_t n = 0; n < fleet->need_count; n++) {
        if (supply[fleet->needs[n].dependency] <= EPSILON) {
            return true;
        }
    }
    return fleet->need_count == 0;
}

/* How far all open fleets can grow until the first dependency is used up. */
static double step_to_limit(const struct hg_policy *policy, const double *left, const double *speed, const bool *open)
{
    double step = -1;
    for (size_t d = 0; d < policy->dependency_count; d++) {
        double draw = 0;
        for (size_t f = 0; f < policy->fleet_count; f++) {
            for (size_t n = 0; open[f] && n < policy->fleets[f].need_count; n++) {
                const struct hg_need *need = &policy->fleets[f].needs[n];
                draw += need->dependency == d ? speed[f] * (double)need->cost : 0;
            }
        }
        if (draw > EPSILON && (step < 0 || left[d] / draw < step)) {
            step = left[d] / draw;
        }
    }
    return step;
}

void line_share(const struct hg_policy *policy, const struct line_share *share, double ret_rates[HG_FLEETS_MAX])
{
    double left[HG_DEPENDENCIES_MAX], speed[HG_FLEETS_MAX] = {0};
    bool open[HG_FLEETS_MAX] = {0};
    memcpy(left, share->supply, sizeof(left));
    size_t open_count = 0;
    for (size_t f = 0; f < policy->fleet_count; f++) {
        const struct hg_fleet *fleet = &policy->fleets[f];
        ret_rates[f] = 0;
        open[f] = share->active[f] && !starved(fleet, share->supply);
        open_count += open[f];
        speed[f] = open[f] ? share->weight[f] / dominant_cost(fleet, share->supply) : 0;
    }
    /* Every round closes at least one fleet. */
    for (size_t round = 0; open_count > 0 && round < HG_FLEETS_MAX; round++) {
        double step = step_to_limit(policy, left, speed, open);
        if (step < 0) {
            break;
        }
        for (size_t f = 0; f < policy->fleet_count; f++) {
            for (size_t n = 0; open[f] && n < policy->fleets[f].need_count; n++) {
                const struct hg_need *need = &policy->fleets[f].needs[n];
                left[need->dependency] -= step * speed[f] * (double)need->cost;
            }
            ret_rates[f] += open[f] ? step * speed[f] : 0;
        }
        for (size_t f = 0; f < policy->fleet_count; f++) {
            for (size_t n = 0; open[f] && n < policy->fleets[f].need_count; n++) {
                size_t d = policy->fleets[f].needs[n].dependency;
                if (left[d] <= EPSILON * (1 + share->supply[d])) {
                    open[f] = false;
                    open_count--;
                }
            }
        }
    }
}

void line_forecast(const struct hg_policy *policy, const struct line_share *share,
                   const double waiting[HG_FLEETS_MAX], struct line_forecast *ret_forecast)
{
    struct line_share now = *share;
    double left[HG_FLEETS_MAX], rates[HG_FLEETS_MAX];
    memcpy(left, waiting, sizeof(left));
    memset(ret_forecast, 0, sizeof(*ret_forecast));
    for (size_t f = 0; f < policy->fleet_count; f++) {
        struct line_share alone = *share;
        memset(alone.active, 0, sizeof(alone.active));
        alone.active[f] = true;
        line_share(policy, &alone, rates);
        ret_forecast->alone[f] = rates[f];
        now.active[f] = left[f] > EPSILON;
    }
    for (size_t step = 1; step < HG_FLEETS_MAX + 2; step++) {
        line_share(policy, &now, rates);
        double span = -1;
        for (size_t f = 0; f < policy->fleet_count; f++) {
            if (now.active[f] && rates[f] > EPSILON && (span < 0 || left[f] / rates[f] < span)) {
                span = left[f] / rates[f];
            }
        }
        if (span < 0) {
            break;
        }
        ret_forecast->step_count = step;
        ret_forecast->at_s[step] = ret_forecast->at_s[step - 1] + span;
        for (size_t f = 0; f < policy->fleet_count; f++) {
            double called = now.active[f] ? rates[f] * span : 0;
            ret_forecast->called[step][f] = ret_forecast->called[step - 1][f] + called;
            left[f] -= called;
            now.active[f] = now.active[f] && left[f] > EPSILON * (1 + waiting[f]);
        }
    }
}

double line_forecast_wait(const struct line_forecast *forecast, size_t fleet, double position)
{
    size_t last = forecast->step_count;
    for (size_t step = 1; step <= last; step++) {
        double before = forecast->called[step - 1][fleet], after = forecast->called[step][fleet];
        if (after >= position && after > before) {
            double span = forecast->at_s[step] - forecast->at_s[step - 1];
            return forecast->at_s[step - 1] + span * (position - before) / (after - before);
        }
    }
    if (forecast->alone[fleet] <= EPSILON) {
        return -1;
    }
    /* Beyond those who wait now: it goes on at the fleet's own rate from when it ran dry. */
    size_t dry = last;
    while (dry > 0 && forecast->called[dry - 1][fleet] >= forecast->called[last][fleet]) {
        dry--;
    }
    return forecast->at_s[dry] + (position - forecast->called[last][fleet]) / forecast->alone[fleet];
}
