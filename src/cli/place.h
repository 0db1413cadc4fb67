/* How an instance that waits stands, for whoever watches.
 *
 * The story of one wait: cli_place_set() takes each answer; cli_place_wait() sleeps until it is time to ask
 * again and meanwhile keeps one status line fresh on a terminal, its seconds counting down. Elsewhere (a
 * journal, a log) a line is written when something changes and once a minute. The service manager hears the
 * same. All on stderr. */
#ifndef CLI_PLACE_H
#define CLI_PLACE_H

#include "cli/cli.h"
#include "headgate/client.h"

struct cli_place {
    const struct cli_command *command;
    const char *fleet;
    const char *instance;
    int64_t began_us;
    int64_t set_us;  /* when the last answer came */
    int64_t said_us; /* when the last line was written elsewhere than on a terminal */
    struct hg_permit permit;
    bool away;   /* no controller answers, or none can: `error` says why */
    bool spoken; /* a line has been written */
    bool drawn;  /* the status line is there */
    int said_state;
    char error[512];
    char text[1024];
};

void cli_place_begin(struct cli_place *place, const struct cli_command *command, const char *fleet,
                     const char *instance, int64_t now_us);
void cli_place_set(struct cli_place *place, const struct hg_permit *permit, int64_t now_us);
void cli_place_set_error(struct cli_place *place, const char *error, int64_t now_us);
/* Shows how it stands, until `until_us` of the monotonic clock. */
void cli_place_wait(struct cli_place *place, int64_t until_us);
/* Takes the status line away. */
void cli_place_clear(struct cli_place *place);
/* "412 before it, about 38 s; db is blocked". Valid until the next call. */
const char *cli_place_text(struct cli_place *place);

#endif
