#include "core/phase.h"

/* Rows: from. Blocked and paused may come at any moment; a ramp begins with canaries, except under a fixed limiter,
 * whose dependencies go straight to steady. */
static const bool allowed[PHASE_COUNT][PHASE_COUNT] = {
    [PHASE_IDLE] = {[PHASE_BLOCKED] = true, [PHASE_PROBING] = true, [PHASE_STEADY] = true, [PHASE_PAUSED] = true},
    [PHASE_BLOCKED] = {[PHASE_PROBING] = true, [PHASE_STEADY] = true, [PHASE_IDLE] = true, [PHASE_PAUSED] = true},
    [PHASE_PROBING] = {[PHASE_BLOCKED] = true,
                       [PHASE_RAMPING] = true,
                       [PHASE_STEADY] = true,
                       [PHASE_FROZEN] = true,
                       [PHASE_IDLE] = true,
                       [PHASE_PAUSED] = true},
    [PHASE_RAMPING] = {[PHASE_BLOCKED] = true,
                       [PHASE_STEADY] = true,
                       [PHASE_FROZEN] = true,
                       [PHASE_IDLE] = true,
                       [PHASE_PAUSED] = true},
    [PHASE_STEADY] = {[PHASE_BLOCKED] = true,
                      [PHASE_PROBING] = true,
                      [PHASE_RAMPING] = true,
                      [PHASE_FROZEN] = true,
                      [PHASE_IDLE] = true,
                      [PHASE_PAUSED] = true},
    [PHASE_FROZEN] = {[PHASE_BLOCKED] = true,
                      [PHASE_PROBING] = true,
                      [PHASE_STEADY] = true,
                      [PHASE_IDLE] = true,
                      [PHASE_PAUSED] = true},
    [PHASE_PAUSED] = {[PHASE_BLOCKED] = true, [PHASE_PROBING] = true, [PHASE_STEADY] = true, [PHASE_IDLE] = true},
};

bool phase_may_follow(enum phase from, enum phase to)
{
    return from >= 0 && from < PHASE_COUNT && to >= 0 && to < PHASE_COUNT && allowed[from][to];
}
