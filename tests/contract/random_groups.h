/* Random policies and groups for the differential test: every operation, clocks that stand still, creep, jump and step back.
 * The same seed and the same answers give the same stream. */
#ifndef TESTS_CONTRACT_RANDOM_GROUPS_H
#define TESTS_CONTRACT_RANDOM_GROUPS_H

#include "core/group.h"
#include "core/rng.h"

#define RANDOM_FLEETS       4
#define RANDOM_DEPENDENCIES 4
#define RANDOM_INSTANCES    10
#define RANDOM_CROWD        900 /* instances of a crowded stream */
#define RANDOM_OPS_MAX      12
#define RANDOM_CROWD_OPS    120
#define RANDOM_FENCES       16

struct random_policy {
    struct hg_policy policy;
    struct hg_dependency dependencies[RANDOM_DEPENDENCIES];
    struct hg_fleet fleets[RANDOM_FLEETS];
};

struct random_stream {
    struct rng rng;
    bool crowded; /* many instances, large groups */
    bool walks;   /* with LIST and SWEEP, whose steps through a crowd are each store's own */
    char names[RANDOM_CROWD_OPS + RANDOM_OPS_MAX][16];
    size_t name_next;
    int64_t clock_us;
    int64_t leader;     /* as of the last answer */
    int64_t generation;
    int64_t fence;
    int64_t fences[RANDOM_FENCES]; /* seen lately */
    size_t fence_next;
    int64_t cohort;
    int64_t tail;       /* highest seen */
    bool begun;
    size_t policy_next;
    struct random_policy policies[RANDOM_CROWD_OPS + RANDOM_OPS_MAX];
    struct plan plans[RANDOM_CROWD_OPS + RANDOM_OPS_MAX];
};

void random_begin(struct random_stream *stream, uint64_t seed, bool crowded, bool walks);

/* Moves the clock and fills the group; what it points to lives until the next call. */
void random_group(struct random_stream *stream, struct group *ret_group);

/* What the answer told, for the groups to come. */
void random_learn(struct random_stream *stream, const struct group_reply *reply);

/* One line about an operation. */
void random_describe(const struct op *op, char *ret_text, size_t size);

#endif
