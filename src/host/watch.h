/* Tells when policy files change: a write, a rename over, a new file in a directory, a ConfigMap's new version. Bursts are
 * gathered. */
#ifndef HOST_WATCH_H
#define HOST_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#define WATCH_PATHS_MAX 64
#define WATCH_GATHER_MS 500

struct watch;

typedef void (*watch_fn)(void *user_data);

/* Watches the directories that hold `paths`. A path that cannot be watched is left out: SIGHUP still reloads.
 * HG_E_NOMEM, or HG_E_INVALID for more than WATCH_PATHS_MAX paths. */
int watch_create(uv_loop_t *loop, const char *const *paths, size_t path_count, watch_fn on_change,
                 void *user_data, struct watch **ret_watch) __attribute__((warn_unused_result));

/* Frees itself from the loop once its handles are closed. NULL is fine. */
void watch_destroy(struct watch *watch);

#endif
