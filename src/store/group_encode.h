/* A group as MessagePack: the one argument of the Redis script, and what the journal keeps of it. The order of the fields
 * is written once, in group_encode.c; src/store/lua/main.lua and group_decode.c name them in that order. */
#ifndef STORE_GROUP_ENCODE_H
#define STORE_GROUP_ENCODE_H

#include "core/group.h"

/* `raw_us` is the time that decides, or -1 when Redis' own TIME does. `ret_data` is the caller's to free().
 * HG_E_NOMEM, or HG_E_INVALID for an operation without what it needs. */
int group_encode(const struct group *group, int64_t raw_us, char **ret_data, size_t *ret_size)
    __attribute__((warn_unused_result));

struct decoded_chunk;

/* A group that owns what its operations point to. Zero it before the first use. */
struct decoded_group {
    struct group group; /* .policy is not part of the encoding: the caller's to set */
    int64_t raw_us;
    struct decoded_chunk *chunks;
};

/* The way back. HG_E_STORE_CORRUPT for bytes that are no group (names and texts beyond their bounds included),
 * HG_E_NOMEM; either way decoded_group_clear() frees what was read. */
int group_decode(const char *data, size_t size, struct decoded_group *decoded) __attribute__((warn_unused_result));

void decoded_group_clear(struct decoded_group *decoded);

#endif
