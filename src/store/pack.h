/* MessagePack, the little of it that groups, replies and the journal need: integers, booleans, texts, arrays.
 * Written in one fixed width a kind, read in every width another writer may choose. */
#ifndef STORE_PACK_H
#define STORE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Grows by itself. Once `failed` (no memory) every further write is dropped: the caller checks once, at the end. `data` is
 * the caller's to free(). */
struct writer {
    unsigned char *data;
    size_t size;
    size_t capacity;
    bool failed;
};

void put_int(struct writer *writer, int64_t value);
/* Times "for ever" may arrive as INT64_MAX; a double holds only TIME_NEVER_US. */
void put_time(struct writer *writer, int64_t time_us);
void put_bool(struct writer *writer, bool value);
void put_array(struct writer *writer, size_t count);
void put_text(struct writer *writer, const char *text); /* NULL is "" */
/* At most `most` bytes of `text`. */
void put_text_cut(struct writer *writer, const char *text, size_t most);

void put_raw(struct writer *writer, const void *data, size_t size); /* as it is */

/* Once `failed`, every further read yields 0, "" or false: the caller checks once, at the end. What is read is bounded by
 * the caller; a damaged or hostile writer costs an error, never memory that is not ours. */
struct reader {
    const unsigned char *at;
    size_t left;
    bool failed;
    bool no_memory;
};

int64_t read_int(struct reader *reader); /* within +-TIME_NEVER_US */
/* An integer within [low, high]: for what becomes an enum, an index or a status. */
int read_within(struct reader *reader, int low, int high);
bool read_bool(struct reader *reader);
/* Number of elements, at most `most`. */
size_t read_array(struct reader *reader, size_t most);
/* An array of exactly `count`. */
void read_tuple(struct reader *reader, size_t count);
/* Whether a boolean comes next; nothing is consumed. */
bool read_is_bool(const struct reader *reader);
/* The bytes of a text without NUL, at most `most` long; they stay in the buffer. */
const char *read_bytes(struct reader *reader, size_t most, size_t *ret_size);
/* Into an array of `most` + 1 bytes. */
void read_text(struct reader *reader, char *ret_text, size_t most);
/* The caller's to free(); NULL sets `no_memory`. */
char *read_copy(struct reader *reader, size_t most);

#endif
