#ifndef STORE_STORE_MEMORY_H
#define STORE_STORE_MEMORY_H

#include "store/store.h"

/* memory: */
extern const struct store_ops store_memory_ops;

#endif
