/* The store: where a policy's shared state lives and changes atomically.
 *
 * The story of one group: the host calls submit() with the engine's group; the store either answers later, from
 * the loop, through the callback, or not at all before destroy() (then the host answers the callers itself).
 * The callback is never called from inside submit(). One group a policy may be under way. The group and all it
 * points to is borrowed until the callback. The reply is the store's until the callback returns.
 *
 * Implementations: store_memory_ops, store_journal_ops, store_redis_ops. One contract suite holds them equal. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "core/group.h"

#include <uv.h>

struct store;

typedef void (*store_reply_fn)(void *user_data, struct group_reply *reply);

/* Called when the store becomes usable or stops being so, with 0 or a negative hg_error and one line that says
 * why and what would mend it. */
typedef void (*store_state_fn)(void *user_data, int status, const char *text);

/* Injected clock, microseconds since the epoch; NULL for the real one. For tests and the simulator. */
typedef int64_t (*store_clock_fn)(void *user_data);

struct store_options {
    const char *url;
    uv_loop_t *loop;
    bool new_store; /* the operator vouches that nothing is in flight */
    int64_t compact_bytes; /* memory:DIR: a journal longer than this is compacted; 0: 16 MiB */
    store_state_fn on_state;
    void *user_data;
    store_clock_fn clock; /* when set, every store uses it instead of its own */
    void *clock_data;
};

struct store_ops {
    const char *scheme;
    /* See store_create(). */
    int (*create)(const struct store_options *options, struct store **ret_store, char *ret_error, size_t error_size);
    /* 0 when under way; HG_E_STORE_AWAY or HG_E_STORE_FULL at once when it cannot be. */
    int (*submit)(struct store *store, const struct group *group, store_reply_fn on_reply, void *user_data);
    /* Stops everything; `on_closed` is called from the loop when the last handle is closed. */
    void (*destroy)(struct store *store, void (*on_closed)(void *user_data), void *user_data);
};

struct store {
    const struct store_ops *ops;
};

/* Creates the store that `options->url` names: memory:, memory:DIR, redis://[user:pass@]host:port/db.
 * DIR is made if it is missing, belongs to one controller at a time, and is replayed before store_create() returns.
 * HG_E_INVALID for a URL of another form; for a directory that cannot be used HG_E_IO, HG_E_STORE_FULL, HG_E_CONFLICT
 * (another controller has it), HG_E_STORE_CORRUPT (nothing was changed), HG_E_STORE_UNFIT (a newer version's).
 * `ret_error` (of `error_size` bytes) gets one line that says what is wrong and the mend. */
int store_create(const struct store_options *options, struct store **ret_store, char *ret_error,
                 size_t error_size) __attribute__((warn_unused_result));

#endif
