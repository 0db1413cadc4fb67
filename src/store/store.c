#include "store/store.h"

#include "headgate/errors.h"
#include "store/store_memory.h"
#include "store/store_redis.h"

#include <stdio.h>
#include <string.h>

int store_create(const struct store_options *options, struct store **ret_store, char *ret_error, size_t error_size)
{
    static const struct store_ops *const stores[] = {&store_memory_ops, &store_redis_ops};
    for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
        if (strncmp(options->url, stores[i]->scheme, strlen(stores[i]->scheme)) == 0) {
            int status = stores[i]->create(options, ret_store);
            if (status != 0 && ret_error[0] == '\0') {
                snprintf(ret_error, error_size, "%s", hg_strerror(status));
            }
            return status;
        }
    }
    snprintf(ret_error, error_size, "'%s' is no store; use memory: or redis://[user:pass@]host:port/db", options->url);
    return HG_E_INVALID;
}
