/* Worlds drawn at random, to see whether a law serves dependencies that nobody had in mind. */
#ifndef SIM_SIM_DRAW_H
#define SIM_SIM_DRAW_H

#include "sim/sim_scenario.h"

/* What a controller may know of the world. */
enum sim_information {
    SIM_KNOWS_NOTHING,     /* outcomes, when a relaunch has ended */
    SIM_KNOWS_TIMEOUT,     /* and the dependency's request_timeout */
    SIM_KNOWS_PHASE,       /* and the end of the load, by a phase report */
    SIM_KNOWS_GAUGE,       /* the time-out, and a gauge, 2 s old and 10 % noisy */
    SIM_KNOWS_GAUGE_PHASE, /* all of these */
    SIM_KNOWS_PROBE,       /* the time-out, and an honest probe */
    SIM_KNOWS_NOISY,       /* the time-out, and a probe that is wrong one time in five */
    SIM_KNOWS_LYING,       /* the time-out, and a probe that says the contrary */
    SIM_INFORMATION_COUNT
};

extern const char *const sim_information_names[SIM_INFORMATION_COUNT + 1]; /* NULL at the end */

/* Drawn by `seed` alone: the same world whatever is known of it. HG_E_NOMEM. `ret_text`, if not NULL, gets the scenario
 * file, to be freed. */
int sim_draw(uint64_t seed, enum sim_information information, struct sim_scenario **ret_scenario, char **ret_text)
    __attribute__((warn_unused_result));

#endif
