#include "core/limiter_sight.h"

#include "core/limiter_baseline.h"

#include <math.h>
#include <string.h>

static const double again_weights[AGAIN_CLASSES] = {0.5, 0.25, 0.02};

static double out_of(const struct cohort *cohort)
{
    int64_t back = cohort->recovered + cohort->failed + cohort->expired + cohort->excused;
    return cohort->granted > back ? (double)(cohort->granted - back) : 0;
}

/* Of those still out, how many are surely older than `age_s`: all, once the youngest is. A guess before that would
 * count some that come back in time, and such a bias is an alarm in the end. */
static double out_older(const struct cohort *cohort, int64_t now_us, double age_s)
{
    return (double)(now_us - cohort->last_us) / 1e6 >= age_s ? out_of(cohort) : 0;
}

static bool is_late(int index, double late_s)
{
    return late_s > 0 && baseline_bucket_ln_s(index) > log(late_s);
}

static struct sight_slice *slice_of(struct sight *sight, const struct cohort *cohorts, int64_t id)
{
    struct sight_slice *free_slice = NULL;
    for (size_t i = 0; i < COHORTS_KEPT; i++) {
        struct sight_slice *slice = &sight->slices[i];
        if (slice->id == id) {
            return slice;
        }
        bool kept = false;
        for (size_t c = 0; c < COHORTS_KEPT; c++) {
            kept = kept || (slice->id != 0 && cohorts[c].id == slice->id);
        }
        free_slice = kept ? free_slice : slice;
    }
    if (free_slice != NULL) {
        memset(free_slice, 0, sizeof(*free_slice));
        free_slice->id = id;
    }
    return free_slice;
}

static void look_at(struct sight_slice *slice, const struct cohort *cohort, int64_t now_us, double late_s, bool recount,
                    struct sight_news *news)
{
    double late = late_s > 0 ? out_older(cohort, now_us, late_s) : 0;
    for (int i = 0; i < HISTOGRAM_SIZE; i++) {
        int32_t gained = cohort->histogram[i] - slice->histogram[i];
        slice->histogram[i] = cohort->histogram[i];
        if (is_late(i, late_s)) {
            late += cohort->histogram[i];
        } else if (gained > 0) {
            news->histogram[i] += gained;
            news->count += gained;
        }
    }
    if (late > slice->late && !recount) {
        news->late += late - slice->late;
        news->count += late - slice->late;
    }
    slice->late = recount || late > slice->late ? late : slice->late;
}

void sight_look(struct sight *sight, const struct cohort *cohorts, int64_t era, int64_t now_us, double late_s,
                struct sight_news *ret_news)
{
    memset(ret_news, 0, sizeof(*ret_news));
    bool recount = late_s != sight->late_s; /* another mark: what is beyond it already is no news */
    sight->late_s = late_s;
    for (size_t c = 0; c < COHORTS_KEPT; c++) {
        if (cohorts[c].id < era || cohorts[c].id == 0 || cohorts[c].granted == 0) {
            continue;
        }
        struct sight_slice *slice = slice_of(sight, cohorts, cohorts[c].id);
        if (slice != NULL) {
            look_at(slice, &cohorts[c], now_us, late_s, recount, ret_news);
        }
        if (ret_news->first_us == 0 || cohorts[c].first_us < ret_news->first_us) {
            ret_news->first_us = cohorts[c].first_us;
        }
    }
}

static double weighted(const struct cohort *cohort)
{
    double sum = (double)(cohort->failed + cohort->expired);
    for (size_t i = 0; i < AGAIN_CLASSES; i++) {
        sum -= (1 - again_weights[i]) * (double)cohort->again[i];
    }
    return sum;
}

void sight_ripe(const struct cohort *cohorts, int64_t era, int64_t now_us, const struct baseline *baseline,
                struct sight_ripe *ret_ripe)
{
    memset(ret_ripe, 0, sizeof(*ret_ripe));
    double late_s = baseline_late_s(baseline);
    for (size_t c = 0; c < COHORTS_KEPT; c++) {
        const struct cohort *cohort = &cohorts[c];
        if (cohort->id < era || cohort->granted == 0 || (double)(now_us - cohort->last_us) / 1e6 < late_s) {
            continue;
        }
        double late = out_of(cohort);
        for (int i = 0; i < HISTOGRAM_SIZE; i++) {
            late += is_late(i, late_s) ? cohort->histogram[i] : 0;
            ret_ripe->score += is_late(i, late_s) ? 0 : cohort->histogram[i] * baseline_score(baseline, i);
        }
        ret_ripe->score += BASELINE_Z_MAX * late;
        ret_ripe->late += late;
        ret_ripe->count += (double)cohort->recovered + out_of(cohort);
        ret_ripe->failed += weighted(cohort);
    }
}

void sight_failures(const struct cohort *cohorts, int64_t era, double share, double weight,
                    struct sight_failures *ret_failures)
{
    struct sight_failures run = {0};
    memset(ret_failures, 0, sizeof(*ret_failures));
    for (size_t c = COHORTS_KEPT; c-- > 0;) {
        const struct cohort *cohort = &cohorts[c];
        if (cohort->id < era || cohort->id == 0) {
            continue;
        }
        double failed = weighted(cohort) * weight, granted = (double)(cohort->granted - cohort->excused);
        if (run.excess <= 0) {
            memset(&run, 0, sizeof(run));
        }
        run.excess += failed - share * granted;
        run.failed += failed;
        run.granted += granted;
        run.plain_failed += cohort->failed + cohort->expired;
        run.cohort = cohort->id;
        if (run.excess > ret_failures->excess) {
            *ret_failures = run;
        }
    }
}

double sight_older(const struct cohort *cohorts, int64_t now_us, double age_s, double in_flight)
{
    double older = 0, out = 0;
    for (size_t c = 0; c < COHORTS_KEPT; c++) {
        if (cohorts[c].id != 0 && cohorts[c].granted > 0) {
            out += out_of(&cohorts[c]);
            older += out_older(&cohorts[c], now_us, age_s);
        }
    }
    return older + (in_flight > out ? in_flight - out : 0);
}
