/* The reference of CONTRACT.md: one policy's shared state, in memory, with no clock and no I/O of its own.
 *
 * The story of one group: state_apply() reads the clock it is given, notices lost writes, settles the buckets, takes
 * what is due (expired leases, final failures, forgotten records), applies the operations in order, and takes the
 * snapshot. Everything happens at one instant; the same groups at the same instants always give the same answers, which
 * is what the journal rests on. */
#ifndef STORE_STATE_H
#define STORE_STATE_H

#include "core/group.h"

struct state;

/* HG_E_NOMEM. */
int state_create(struct state **ret_state) __attribute__((warn_unused_result));
void state_destroy(struct state *state); /* NULL is fine */

/* `raw_now_us` is the clock's reading, since the epoch. Operations that find no memory answer HG_E_STORE_FULL.
 * `ret_reply` must be empty (group_reply_clear). */
void state_apply(struct state *state, int64_t raw_now_us, const struct group *group, struct group_reply *ret_reply);

/* Gets one piece of a dump; a status other than 0 ends it. */
typedef int (*state_piece_fn)(void *user_data, const unsigned char *data, size_t size);

/* The whole state, in pieces of a few MiB at most: what state_load() makes of them answers every group as this state would.
 * HG_E_NOMEM, or what `on_piece` returned. */
int state_dump(struct state *state, state_piece_fn on_piece, void *user_data) __attribute__((warn_unused_result));

/* Takes the next piece into a state fresh from state_create(), all in order. HG_E_STORE_CORRUPT, HG_E_NOMEM: the state is fit
 * for state_destroy() only. */
int state_load(struct state *state, const unsigned char *data, size_t size) __attribute__((warn_unused_result));

/* Highest fence given out. */
int64_t state_fence(const struct state *state);

/* Instances known, in any state. */
size_t state_record_count(const struct state *state);

#endif
