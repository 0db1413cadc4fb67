/* The checkers: after every group that the store applied, and every step of the world, whether what Headgate promises
 * held. Each keeps its own account of what was granted and told, and trusts no counter of the store's.
 *
 * A violation stops the run; the result says which promise, when, and the decision lines before. */
#ifndef SIM_SIM_CHECK_H
#define SIM_SIM_CHECK_H

#include "core/group.h"

struct sim_world;

/* NULL world->check: nothing is checked. */
bool sim_check_init(struct sim_world *world);
void sim_check_finish(struct sim_world *world);

void sim_check_line(struct sim_world *world, const char *line);
void sim_check_step(struct sim_world *world);
/* The store came back without its last writes. */
void sim_check_rollback(struct sim_world *world, int64_t lost_us);
void sim_check_group(struct sim_world *world, const struct group *group, const struct group_reply *reply);

#endif
