/* The dependency's everyday users: each asks once a period, waits as long as a user would, and counts what
 * failed. */
#ifndef DEMO_BACKGROUND_H
#define DEMO_BACKGROUND_H

#include "demo/world.h"

/* Never returns. */
void demo_background_run(struct demo_world *world, int index) __attribute__((noreturn));

#endif
