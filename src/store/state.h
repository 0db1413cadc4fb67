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

/* Instances known, in any state. */
size_t state_record_count(const struct state *state);

#endif
