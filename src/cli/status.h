/* What `headgate status` shows.
 *
 * The story of one picture: status.c asks for /v1/status and /v1/recoveries, status_table.c writes them as
 * aligned tables into a stream, and status.c prints that, or draws it over the one before (--watch).
 * `--instance` is answered in sentences by status_instance.c. */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include "cli/remote.h"

#define STATUS_FLEETS_MAX 2048

/* How far a fleet is back, seen since the watch began, or since nobody was out: for the progress bar. */
struct status_progress {
    char fleet[HG_NAME_MAX + 1];
    int64_t recovered_before;
    bool begun;
};

struct status_view {
    const json_t *status;     /* GET /v1/status */
    const json_t *recoveries; /* GET /v1/recoveries; NULL: not known */
    const char *fleet;        /* show this one only; NULL: all */
    bool colors;
    int64_t now_wall_us;
    struct status_progress *progress; /* STATUS_FLEETS_MAX of them; NULL: no bars */
    size_t progress_count;
};

/* Writes it all. */
void status_write(FILE *out, struct status_view *view);

/* Why an instance is not up, in sentences or as JSON; returns the exit code. */
int status_instance(struct cli_remote *remote, const char *instance);

#endif
