/* A shorter journal that says the same, made beside the one in use.
 *
 * A thread replays the journal's durable part into states of its own, writes them as a snapshot to journal.new, and copies
 * what was appended meanwhile; the loop's states are not touched and nobody waits. What is left to copy then is short: the
 * writer's next turn copies it, syncs, and renames journal.new over journal. A crash at any byte leaves one of the two whole. */
#ifndef STORE_JOURNAL_COMPACT_H
#define STORE_JOURNAL_COMPACT_H

#include <stdatomic.h>
#include <stdint.h>

struct compaction {
    int dir_fd;          /* in */
    atomic_llong *end;   /* in: length of the journal's durable part; it may grow meanwhile */
    atomic_bool stop;    /* set it to give up */
    int error;           /* out: 0, an errno, or ECANCELED */
    int fd;              /* out: of journal.new; the caller's */
    int64_t copied_to;   /* out: how far into the old journal it reaches */
    int64_t size;        /* out: its length */
    int64_t snapshot_size;
};

/* Takes long; to be called in a thread. Where it fails nothing is left behind. */
void compaction_run(struct compaction *compaction);

/* Copies what is left of the old journal up to `old_end` and takes its place. 0, and the directory is to be synced before
 * anything else is acknowledged; or an errno, and the old one stays. */
int compaction_swap(struct compaction *compaction, int old_fd, int64_t old_end) __attribute__((warn_unused_result));

/* Drops a result that is not wanted. */
void compaction_drop(struct compaction *compaction);

#define JOURNAL_NAME     "journal"
#define JOURNAL_NEW_NAME "journal.new"

#endif
