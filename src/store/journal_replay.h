/* The journal into states: at start, and in the thread that compacts. */
#ifndef STORE_JOURNAL_REPLAY_H
#define STORE_JOURNAL_REPLAY_H

#include "store/journal.h"
#include "store/shelves.h"

#include <stdatomic.h>

/* Applies every record up to the reader's end or the first that is not whole. HG_E_CANCELLED once `stop` is set (NULL: never);
 * otherwise what journal_next() returns, HG_E_STORE_CORRUPT for a whole record that makes no sense, HG_E_NOMEM. */
int journal_replay(struct journal_reader *reader, struct shelves *shelves, const atomic_bool *stop)
    __attribute__((warn_unused_result));

/* A new journal file with nothing but a snapshot of the states and JOURNAL_END. 0 or an errno; `ret_size` gets its length.
 * It is not synced yet. */
int journal_snapshot(int fd, struct shelves *shelves, uint64_t seq, int64_t *ret_size) __attribute__((warn_unused_result));

#endif
