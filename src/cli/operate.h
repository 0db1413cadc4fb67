/* What the operator's commands share: pause, resume, limit, block, release.
 *
 * The story of one command: it reads its own options and names an action; cli_operate() finds out whether the
 * name is a dependency or a fleet, sends the action, and says what is in force now, until when, and how to
 * end it. */
#ifndef CLI_OPERATE_H
#define CLI_OPERATE_H

#include "cli/remote.h"

struct cli_operate {
    struct cli_remote remote;
    const char *action; /* as the HTTP interface names it */
    const char *name;
    const char *kind;   /* "fleet" or "dependency"; NULL: whichever has the name */
    const char *reason; /* NULL: none */
    int64_t ttl_us;     /* 0: the controller's default */
    double rate;        /* limit; below 0: as it is, likewise the next two */
    int64_t burst;
    int64_t in_flight;
};

#define CLI_TTL_TEXT "after that it ends by itself"

/* Does it; returns the exit code. */
int cli_operate(struct cli_operate *operate);

#endif
