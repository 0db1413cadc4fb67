/* The states of one embedded store, by policy. */
#ifndef STORE_SHELVES_H
#define STORE_SHELVES_H

#include "store/state.h"

#define SHELVES_MAX (2 * HG_POLICIES_MAX) /* with those of policies that are gone */

struct shelf {
    char policy[HG_NAME_MAX + 1];
    struct state *state;
};

struct shelves {
    struct shelf list[SHELVES_MAX];
    size_t count;
};

/* The policy's state, a new one if need be; NULL without memory or place. */
struct state *shelves_find(struct shelves *shelves, const char *policy);
void shelves_finish(struct shelves *shelves);

#endif
