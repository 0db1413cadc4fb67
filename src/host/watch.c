#include "host/watch.h"

#include "headgate/errors.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct watch {
    uv_fs_event_t events[WATCH_PATHS_MAX];
    uv_timer_t timer;
    size_t event_count;
    size_t open_count; /* handles not closed yet */
    watch_fn on_change;
    void *user_data;
};

static void closed_cb(uv_handle_t *handle)
{
    struct watch *watch = handle->data;
    if (--watch->open_count == 0) {
        free(watch);
    }
}

static void timer_cb(uv_timer_t *timer)
{
    struct watch *watch = timer->data;
    watch->on_change(watch->user_data);
}

/* Editors leave other files beside; only *.json is read. In a mounted ConfigMap those are links by way of ..data, which alone
 * is renamed when they change. */
static bool is_policy(const char *name)
{
    size_t size = strlen(name);
    return (size > 5 && strcmp(name + size - 5, ".json") == 0) || strcmp(name, "..data") == 0;
}

static void changed_cb(uv_fs_event_t *event, const char *name, int changes, int status)
{
    struct watch *watch = event->data;
    (void)changes;
    if (status == 0 && (name == NULL || is_policy(name))) {
        uv_timer_start(&watch->timer, timer_cb, WATCH_GATHER_MS, 0);
    }
}

/* A file is watched through its directory, so that a rename over it is seen. */
static void watch_path(struct watch *watch, uv_loop_t *loop, const char *path)
{
    struct stat info;
    char *copy = strdup(path);
    if (copy == NULL) {
        return;
    }
    bool directory = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    uv_fs_event_t *event = &watch->events[watch->event_count];
    if (uv_fs_event_init(loop, event) == 0) {
        event->data = watch;
        watch->event_count++;
        watch->open_count++;
        if (uv_fs_event_start(event, changed_cb, directory ? copy : dirname(copy), 0) == 0) {
            uv_unref((uv_handle_t *)event);
        }
    }
    free(copy);
}

int watch_create(uv_loop_t *loop, const char *const *paths, size_t path_count, watch_fn on_change,
                 void *user_data, struct watch **ret_watch)
{
    if (path_count > WATCH_PATHS_MAX) {
        return HG_E_INVALID;
    }
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return HG_E_NOMEM;
    }
    watch->on_change = on_change;
    watch->user_data = user_data;
    uv_timer_init(loop, &watch->timer);
    watch->timer.data = watch;
    watch->open_count = 1;
    for (size_t i = 0; i < path_count; i++) {
        watch_path(watch, loop, paths[i]);
    }
    *ret_watch = watch;
    return 0;
}

void watch_destroy(struct watch *watch)
{
    if (watch == NULL) {
        return;
    }
    for (size_t i = 0; i < watch->event_count; i++) {
        uv_close((uv_handle_t *)&watch->events[i], closed_cb);
    }
    uv_close((uv_handle_t *)&watch->timer, closed_cb);
}
