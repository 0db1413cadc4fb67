/* Whose fault the failures at a dependency are: the load's, or those of the instances and fleets that fail anyway.
 *
 * The story of one cohort: it opens with a note of every fleet's counters. Judged later, failures are explained, and
 * told to no limiter, as far as they came from instances that had failed before, or from a fleet that nearly always
 * fails while the others that load the same dependency do well: a dependency in trouble does not choose. */
#ifndef CORE_BLAME_H
#define CORE_BLAME_H

#include "headgate/policy.h"

#include <stdint.h>

/* What the store ever counted for one fleet that needs the dependency; all 0 for one that does not. */
struct blame_fleet {
    int64_t recovered;
    int64_t failed;  /* expired ones too */
    int64_t retries; /* grants to instances that had failed before */
};

struct blame {
    struct blame_fleet before[HG_FLEETS_MAX]; /* when the present cohort opened */
    double recovered[HG_FLEETS_MAX];          /* of the cohorts before, fading */
    double failed[HG_FLEETS_MAX];
};

/* Starts anew: what was counted before tells nothing. */
void blame_init(struct blame *blame, const struct blame_fleet fleets[HG_FLEETS_MAX]);

/* A cohort opens. */
void blame_open(struct blame *blame, const struct blame_fleet fleets[HG_FLEETS_MAX]);

/* At most so many failures since the cohort opened are explained. */
int64_t blame_explained(const struct blame *blame, const struct blame_fleet fleets[HG_FLEETS_MAX]);

/* The part of them that came from fleets which fail anyway. */
int64_t blame_fleets(const struct blame *blame, const struct blame_fleet fleets[HG_FLEETS_MAX]);

#endif
