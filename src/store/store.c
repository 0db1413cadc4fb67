#include "store/store.h"

#include "headgate/errors.h"
#include "store/store_journal.h"
#include "store/store_memory.h"
#include "store/store_redis.h"

#include <stdio.h>
#include <string.h>

int store_create(const struct store_options *options, struct store **ret_store, char *ret_error, size_t error_size)
{
    static const struct store_ops *const stores[] = {&store_memory_ops, &store_journal_ops, &store_redis_ops};
    ret_error[0] = '\0';
    for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
        bool whole = stores[i] == &store_memory_ops; /* memory:DIR is another */
        size_t length = strlen(stores[i]->scheme) + whole;
        if (strncmp(options->url, stores[i]->scheme, length) == 0) {
            int status = stores[i]->create(options, ret_store, ret_error, error_size);
            if (status != 0 && ret_error[0] == '\0') {
                snprintf(ret_error, error_size, "%s", hg_strerror(status));
            }
            return status;
        }
    }
    size_t scheme = strcspn(options->url, ":"); /* what follows may hold a password */
    snprintf(ret_error, error_size, "'%.*s%s' is no store; use memory:, memory:DIR or redis://[user:pass@]host:port/db",
             (int)scheme, options->url, options->url[scheme] == ':' ? ":..." : "");
    return HG_E_INVALID;
}
