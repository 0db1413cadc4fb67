/* What the store's cohorts tell of the permits granted since the last cut: how long those that came back took, how many of
 * those still out are late, who failed.
 *
 * Cohorts are slices of time: the law opens one every quarter of a relaunch. A permit counts as late once, when it
 * passes the mark, whether it is still out or came back later than that: ages in flight warn before outcomes do, and short
 * ones, which return first, do not whitewash the rest. */
#ifndef CORE_LIMITER_SIGHT_H
#define CORE_LIMITER_SIGHT_H

#include "core/group.h"

struct sight {
    struct sight_slice {
        int64_t id;
        double late; /* counted so far */
        int32_t histogram[HISTOGRAM_SIZE];
    } slices[COHORTS_KEPT];
    double late_s; /* the mark those counts were made with */
};

/* News since the last look. */
struct sight_news {
    int32_t histogram[HISTOGRAM_SIZE]; /* came back before the late mark */
    double late;
    double count;      /* all of those */
    int64_t first_us;  /* first grant since the cut; 0: none */
};

/* A cohort that has come to its end: granted so long ago that each is back or late. */
struct sight_ripe {
    double count;
    double score;  /* sum of baseline_score, late ones as BASELINE_Z_MAX */
    double late;
    double failed; /* weighted */
};

struct sight_failures {
    double excess; /* weighted failures beyond the share, in the worst stretch */
    double failed;
    double granted; /* in that stretch */
    int64_t plain_failed; /* unweighted, for people */
    int64_t cohort;       /* the newest of it */
};

struct baseline;

/* `cohorts`: COHORTS_KEPT, newest first. Only those with id >= `era` are looked at; `late_s` 0: nothing is late. */
void sight_look(struct sight *sight, const struct cohort *cohorts, int64_t era, int64_t now_us, double late_s,
                struct sight_news *ret_news);

void sight_ripe(const struct cohort *cohorts, int64_t era, int64_t now_us, const struct baseline *baseline,
                struct sight_ripe *ret_ripe);

/* Failures beyond `share` of what was granted, in the stretch of slices where they are most. Failures weigh 1, 0.5, 0.25,
 * 0.02 by how often that instance had failed before, and all of them `weight`. What is still out counts as not failed:
 * failures return before successes do. */
void sight_failures(const struct cohort *cohorts, int64_t era, double share, double weight,
                    struct sight_failures *ret_failures);

/* Permits still out that are older than `age_s`, of `in_flight` in all: those of cohorts no longer kept are that old. */
double sight_older(const struct cohort *cohorts, int64_t now_us, double age_s, double in_flight);

#endif
