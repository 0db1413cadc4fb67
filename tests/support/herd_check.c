#include "herd.h"

#include <stdlib.h>
#include <string.h>

static int by_fence(const void *a, const void *b)
{
    const struct herd_grant *left = a, *right = b;
    return (left->fence > right->fence) - (left->fence < right->fence);
}

static struct herd_grant *sorted(const struct herd_grant *grants, size_t count)
{
    struct herd_grant *copy = calloc(count + 1, sizeof(*copy));
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, grants, count * sizeof(*copy));
    qsort(copy, count, sizeof(*copy), by_fence);
    return copy;
}

int64_t herd_worst_excess(const struct herd_grant *grants, size_t count, const struct herd_limit *limit,
                          int64_t slack_us)
{
    struct herd_grant *by_time = sorted(grants, count);
    int64_t worst = INT64_MIN;
    for (size_t a = 0; a < count; a++) {
        for (size_t b = a; b < count; b++) {
            int64_t span_us = by_time[b].fence - by_time[a].fence + slack_us;
            int64_t allowed = limit->burst * 1000000 + span_us * limit->rate_milli / 1000;
            int64_t excess = (int64_t)(b - a + 1) * 1000000 - allowed;
            worst = excess > worst ? excess : worst;
        }
    }
    free(by_time);
    return worst;
}

struct edge {
    int64_t at_us;
    int change;
};

/* Ends go before beginnings at the same moment: what is counted was held for certain. */
static int by_time(const void *a, const void *b)
{
    const struct edge *left = a, *right = b;
    if (left->at_us != right->at_us) {
        return left->at_us > right->at_us ? 1 : -1;
    }
    return left->change - right->change;
}

int64_t herd_most_held(const struct herd_grant *grants, size_t count)
{
    struct edge *edges = calloc(2 * count + 1, sizeof(*edges));
    if (edges == NULL) {
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        edges[2 * i] = (struct edge){grants[i].got_us, 1};
        edges[2 * i + 1] = (struct edge){grants[i].given_us == 0 ? INT64_MAX : grants[i].given_us, -1};
    }
    qsort(edges, 2 * count, sizeof(*edges), by_time);
    int64_t held = 0, most = 0;
    for (size_t i = 0; i < 2 * count; i++) {
        held += edges[i].change;
        most = held > most ? held : most;
    }
    free(edges);
    return most;
}

int64_t herd_longest_gap_us(const struct herd_grant *grants, size_t count)
{
    struct herd_grant *by_time_of_grant = sorted(grants, count);
    int64_t longest = 0;
    for (size_t i = 1; i < count; i++) {
        int64_t gap_us = by_time_of_grant[i].fence - by_time_of_grant[i - 1].fence;
        longest = gap_us > longest ? gap_us : longest;
    }
    free(by_time_of_grant);
    return longest;
}

static int by_instance(const void *a, const void *b)
{
    const struct herd_grant *left = a, *right = b;
    return (left->instance > right->instance) - (left->instance < right->instance);
}

size_t herd_granted_twice(const struct herd_grant *grants, size_t count)
{
    struct herd_grant *copy = sorted(grants, count);
    qsort(copy, count, sizeof(*copy), by_instance);
    size_t twice = 0;
    for (size_t i = 1; i < count; i++) {
        twice += copy[i].instance == copy[i - 1].instance && copy[i].fence != copy[i - 1].fence;
    }
    free(copy);
    return twice;
}
