/* Rise and fall: how many answers in a row it takes to believe. Pure; no clock, no I/O. */
#ifndef PROBE_PROBE_STATE_H
#define PROBE_PROBE_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct probe_state {
    bool known;
    bool up;
    bool run_ok; /* what the present run of equal answers says */
    int64_t run; /* its length */
};

void probe_state_init(struct probe_state *state);

/* One more answer. Up after `rise` good ones in a row, down after `fall` bad ones, unknown before either;
 * both count as 1 when less. Returns whether the belief moved. */
bool probe_state_feed(struct probe_state *state, bool ok, int64_t rise, int64_t fall);

#endif
