/* headgate simulate --random: many drawn worlds, summed up by law. */
#ifndef CLI_SIMULATE_WORLDS_H
#define CLI_SIMULATE_WORLDS_H

#include "cli/cli.h"
#include "sim/sim_draw.h"
#include "sim/sim_laws.h"

#include <stdio.h>

struct worlds_options {
    const struct cli_command *command;
    const struct sim_law *const *laws; /* an entry of NULL: the policy's own */
    size_t law_count;
    int64_t count;
    int64_t seed; /* of the first world; the others follow */
    const char *information; /* a name of sim_information_names */
    bool json;
    bool show; /* print the worlds instead */
    bool checks;
    /* Every so often, for a progress report. */
    bool (*on_progress)(void *user_data, double time_s, double back_share);
    void (*on_world)(void *user_data, int64_t seed, const char *law);
    void *user_data;
};

/* The exit code. */
int worlds_run(const struct worlds_options *options, FILE *out);

#endif
