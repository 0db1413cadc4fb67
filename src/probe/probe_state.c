#include "probe/probe_state.h"

void probe_state_init(struct probe_state *state)
{
    *state = (struct probe_state){0};
}

bool probe_state_feed(struct probe_state *state, bool ok, int64_t rise, int64_t fall)
{
    if (state->run == 0 || state->run_ok != ok) {
        state->run_ok = ok;
        state->run = 0;
    }
    if (state->run < INT64_MAX) {
        state->run++;
    }
    if (state->known && state->up == ok) {
        return false;
    }
    if (state->run < (ok ? rise : fall)) {
        return false;
    }
    state->known = true;
    state->up = ok;
    return true;
}
