/* redis://[user:pass@]host:port/db: state shared by several controllers; one group is one EVALSHA. */
#ifndef STORE_STORE_REDIS_H
#define STORE_STORE_REDIS_H

#include "store/store.h"

extern const struct store_ops store_redis_ops;

#endif
