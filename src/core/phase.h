/* The phases of a dependency and the one table that says which may follow which. */
#ifndef CORE_PHASE_H
#define CORE_PHASE_H

#include "core/group.h"

/* Whether a dependency in `from` may turn to `to`. Staying is not a change: the diagonal is false. */
bool phase_may_follow(enum phase from, enum phase to);

#endif
