/* The journal's file: records with checksums, appended and made durable in batches, replayed from the start.
 *
 * The story of one record: journal_append() adds it to a batch in memory; journal_write() takes the batch to the file with
 * one write and one fdatasync, and only when that has returned does the batch count; a batch that failed is cut off again. At the
 * next start journal_next() gives back every record in order. When it meets one that is not whole, the tail tells what
 * happened:
 * - cut short, or never written (zeros): the batch was torn and nobody was answered: it goes;
 * - damaged, and later records are whole that were written after it was durable: nothing is touched, HG_E_STORE_CORRUPT;
 * - damaged, and nothing follows that proves it durable: it may have been answered. It is put aside and goes, and the
 *   caller treats the state as one that has lost writes.
 *
 * The file: a head of 32 bytes (name, version, checksum); the records of a snapshot, closed by JOURNAL_END; then groups.
 * A record: a header of 40 bytes, little-endian, and the payload: a policy's name and either a piece of its state or a
 * group with its time (MessagePack). Sequence numbers go up by one from the one in JOURNAL_END. */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_VERSION    1
#define JOURNAL_RECORD_MAX (16u << 20) /* bytes of payload */

enum journal_kind { JOURNAL_PIECE, JOURNAL_END, JOURNAL_GROUP, JOURNAL_KIND_COUNT };

struct journal_record {
    enum journal_kind kind;
    uint64_t seq;
    const unsigned char *data; /* the payload; the reader's until the next call */
    size_t size;
};

/* Records to be written together. Zero it before the first use; `data` is freed with free(). */
struct journal_batch {
    unsigned char *data;
    size_t size;
    size_t capacity;
    uint64_t last_seq;    /* of the last record in it */
    uint64_t durable_seq; /* known durable when the batch was begun */
};

/* Adds a record whose payload is `policy` (MessagePack) and `data`. HG_E_NOMEM, HG_E_TOO_LARGE: nothing was added. */
int journal_append(struct journal_batch *batch, enum journal_kind kind, const char *policy, const void *data, size_t size)
    __attribute__((warn_unused_result));

/* Appends the batch to the file, of which `offset` bytes count, and makes it durable. 0 or an errno: then the file has been
 * cut back to `offset` if that was possible. */
int journal_write(int fd, int64_t offset, const struct journal_batch *batch) __attribute__((warn_unused_result));

/* Whether there is room again: writes and syncs some bytes beyond `offset` and cuts them off. 0 or an errno. */
int journal_probe(int fd, int64_t offset) __attribute__((warn_unused_result));

/* Reads from the head up to `end` bytes. Zero it, set fd and end. */
struct journal_reader {
    int fd;
    int64_t end;
    int64_t offset; /* of the next record */
    uint64_t seq;   /* of the last record read */
    bool begun;     /* the head has been read */
    bool complete;  /* JOURNAL_END has been seen */
    unsigned char *buffer;
    size_t capacity;
};

/* 1 and a record; 0 at the end, and where the record at `offset` is not whole; HG_E_IO, HG_E_NOMEM; HG_E_STORE_CORRUPT for a
 * damaged head or snapshot; HG_E_STORE_UNFIT for a version this program does not know. */
int journal_next(struct journal_reader *reader, struct journal_record *ret_record) __attribute__((warn_unused_result));

enum journal_tail { JOURNAL_TAIL_CLEAN, JOURNAL_TAIL_TORN, JOURNAL_TAIL_DAMAGED, JOURNAL_TAIL_CORRUPT };

/* What lies at and behind `offset`, where journal_next() stopped. HG_E_IO, HG_E_NOMEM. */
int journal_judge_tail(const struct journal_reader *reader, enum journal_tail *ret_tail) __attribute__((warn_unused_result));

/* The head, written at the start of an empty file. An errno or 0. */
int journal_write_head(int fd) __attribute__((warn_unused_result));

#define JOURNAL_HEAD_SIZE 32

#endif
