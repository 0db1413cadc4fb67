/* One recovery of a dependency: from the first blocked or crowded moment to idle again, kept as an incident record.
 *
 * It lies in the store's notes under recovery/<10-digit number> as the very JSON object the api shows, so that a new
 * leader goes on writing where the old one stopped. */
#ifndef CORE_RECOVERY_H
#define CORE_RECOVERY_H

#include "core/group.h"

#define RECOVERY_PREFIX       "recovery/"
#define RECOVERIES_KEPT       100 /* of a policy */
#define RECOVERY_TIMELINE_MAX 12000 /* bytes of timeline; beyond it only the end is added */

struct recovery {
    bool open;
    bool dirty; /* must be written */
    int64_t number;
    int64_t began_us;
    int64_t ended_us; /* 0 while open */
    char cause[REASON_MAX + 1];
    int64_t granted_before; /* the dependency's counters when it began */
    int64_t recovered_before;
    int64_t failed_before;
    char *timeline; /* JSON objects joined by commas; owned, NULL if none */
    size_t timeline_size;
};

/* Begins number `number`. */
void recovery_begin(struct recovery *recovery, int64_t number, int64_t now_us, const char *cause,
                    const struct snapshot_dependency *dependency);

/* Adds one line to the timeline; without memory the line is left out. */
void recovery_add(struct recovery *recovery, int64_t now_us, enum phase phase, const char *why);

void recovery_end(struct recovery *recovery, int64_t now_us);
void recovery_finish(struct recovery *recovery);

/* The JSON object, to be freed by the caller; NULL without memory. */
char *recovery_format(const struct recovery *recovery, const char *policy,
                      const struct snapshot_dependency *dependency);

/* Takes up an open recovery of `dependency` from what an earlier leader wrote. False if `value` is of another
 * dependency, has ended, or cannot be understood. */
bool recovery_resume(struct recovery *recovery, const char *value, const struct snapshot_dependency *dependency);

#endif
