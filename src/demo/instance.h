/* One instance of the fleet, a process of its own.
 *
 * Its life: start up; with a gate, ask for a permit and wait; load (a few requests to the dependency, one
 * after the other, each with a time-out); when one fails, back off with full jitter and load from the start,
 * or, with a gate, report the failure and ask again when told; then keep its lease at the dependency by
 * renewing it. When the renewal fails twice in a row the lease is lost: the process ends, and is restarted.
 */
#ifndef DEMO_INSTANCE_H
#define DEMO_INSTANCE_H

#include "demo/world.h"

/* `was_up`: it begins with a lease. Never returns; ends with DEMO_EXIT_LOST. */
void demo_instance_run(struct demo_world *world, int index, bool was_up) __attribute__((noreturn));

#endif
