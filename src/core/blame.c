#include "core/blame.h"

#include <stdbool.h>
#include <string.h>

#define FADE        0.75 /* of what was counted, a cohort later */
#define FAILED_MIN  4.0  /* outcomes before a fleet is told from the load */
#define OTHERS_MIN  3.0
#define FAILS_SHARE 0.8 /* at least so many of a fleet's outcomes are failures */
#define WELL_SHARE  0.8 /* at least so many of the others' are not */

/* What a counter gained; 0 where the store has lost writes and counts anew. */
static int64_t gain(int64_t now, int64_t before)
{
    return now > before ? now - before : 0;
}

struct tally {
    double recovered;
    double failed;
};

static struct tally tally_of(const struct blame *blame, const struct blame_fleet *fleets, size_t f)
{
    return (struct tally){
        .recovered = blame->recovered[f] + (double)gain(fleets[f].recovered, blame->before[f].recovered),
        .failed = blame->failed[f] + (double)gain(fleets[f].failed, blame->before[f].failed),
    };
}

void blame_init(struct blame *blame, const struct blame_fleet fleets[HG_FLEETS_MAX])
{
    memset(blame, 0, sizeof(*blame));
    memcpy(blame->before, fleets, sizeof(blame->before));
}

void blame_open(struct blame *blame, const struct blame_fleet fleets[HG_FLEETS_MAX])
{
    for (size_t f = 0; f < HG_FLEETS_MAX; f++) {
        struct tally tally = tally_of(blame, fleets, f);
        blame->recovered[f] = tally.recovered * FADE;
        blame->failed[f] = tally.failed * FADE;
    }
    memcpy(blame->before, fleets, sizeof(blame->before));
}

static int64_t explained(const struct blame *blame, const struct blame_fleet fleets[HG_FLEETS_MAX], bool retries)
{
    bool fails[HG_FLEETS_MAX];
    struct tally others = {0};
    for (size_t f = 0; f < HG_FLEETS_MAX; f++) {
        struct tally tally = tally_of(blame, fleets, f);
        fails[f] = tally.failed >= FAILED_MIN && tally.failed >= FAILS_SHARE * (tally.failed + tally.recovered);
        others.recovered += fails[f] ? 0 : tally.recovered;
        others.failed += fails[f] ? 0 : tally.failed;
    }
    bool well = others.recovered >= OTHERS_MIN && others.recovered >= WELL_SHARE * (others.recovered + others.failed);
    int64_t sum = 0;
    for (size_t f = 0; f < HG_FLEETS_MAX; f++) {
        sum += fails[f] && well ? gain(fleets[f].failed, blame->before[f].failed)
               : retries        ? gain(fleets[f].retries, blame->before[f].retries)
                                : 0;
    }
    return sum;
}

int64_t blame_explained(const struct blame *blame, const struct blame_fleet fleets[HG_FLEETS_MAX])
{
    return explained(blame, fleets, true);
}

int64_t blame_fleets(const struct blame *blame, const struct blame_fleet fleets[HG_FLEETS_MAX])
{
    return explained(blame, fleets, false);
}
