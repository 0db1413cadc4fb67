/* One connection to one Redis, kept up.
 *
 * The story of a connection: the host's name is resolved by the loop, hiredis connects, AUTH and SELECT
 * follow, then the fitness checks (a primary, version 6.2 or newer, maxmemory-policy noeviction) and SCRIPT
 * LOAD; only when all that has answered within REDIS_ANSWER_MS the link is up. It goes down when the
 * connection breaks or redis_link_drop() says so, and tries again after a jittered backoff, for ever. */
#ifndef STORE_REDIS_LINK_H
#define STORE_REDIS_LINK_H

#include "net/redis_uv.h"

#include <uv.h>

#define REDIS_ANSWER_MS    1000 /* a handshake or a group without an answer for so long: away */
#define REDIS_RETRY_MIN_MS 50
#define REDIS_RETRY_MAX_MS 3000

struct redis_link;

/* Status 0: up. Else down (HG_E_STORE_AWAY, HG_E_STORE_UNFIT, or what redis_link_drop() was given), `text` says why and the
 * mend. Called when that changes. */
typedef void (*redis_link_state_fn)(void *user_data, int status, const char *text);

/* `url` is redis://[[user]:pass@]host[:port][/db]. HG_E_INVALID for another form, HG_E_NOMEM, HG_E_IO. */
int redis_link_create(const char *url, uv_loop_t *loop, redis_link_state_fn on_state, void *user_data,
                      struct redis_link **ret_link) __attribute__((warn_unused_result));

/* The connection while the link is up, else NULL. */
redisAsyncContext *redis_link_context(const struct redis_link *link);

/* The script's name at the server; valid while the link is up. */
const char *redis_link_script(const struct redis_link *link);

/* Gives this connection up, for `status`; a new one is tried after a pause. Pending commands get NULL replies before this
 * returns, or, from inside one's callback, when that returns. */
void redis_link_drop(struct redis_link *link, int status, const char *why);

/* The server does what it is there for: only then do the pauses begin with the shortest again. */
void redis_link_proved(struct redis_link *link);

/* Never calls on_state again; `on_closed` comes from the loop when the last handle is closed. */
void redis_link_destroy(struct redis_link *link, void (*on_closed)(void *user_data), void *user_data);

#endif
