/* The script's reply into a struct group_reply. Every length and number is checked: a damaged or hostile
 * Redis costs an error, never memory that is not ours. */
#ifndef STORE_REDIS_REPLY_H
#define STORE_REDIS_REPLY_H

#include "core/group.h"

/* Reads the reply to `group` into `reply`, which must be zeroed. HG_E_STORE_CORRUPT when the bytes are not a
 * reply to that group, HG_E_NOMEM; either way group_reply_clear() frees what was read. */
int redis_reply_read(const struct group *group, const char *data, size_t size, struct group_reply *reply)
    __attribute__((warn_unused_result));

#endif
