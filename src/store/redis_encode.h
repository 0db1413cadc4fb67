/* A group as the script's one argument: MessagePack, in the order src/store/lua/main.lua names the fields. */
#ifndef STORE_REDIS_ENCODE_H
#define STORE_REDIS_ENCODE_H

#include "core/group.h"

/* `raw_us` is the injected time, or -1 when Redis' own TIME decides. `ret_data` is the caller's to free().
 * HG_E_NOMEM, or HG_E_INVALID for an operation without what it needs. */
int redis_encode(const struct group *group, int64_t raw_us, char **ret_data, size_t *ret_size)
    __attribute__((warn_unused_result));

#endif
