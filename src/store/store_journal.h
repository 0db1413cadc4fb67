/* memory:DIR: one controller's state, in memory and in a journal on disk; nothing acknowledged is lost with the process. */
#ifndef STORE_STORE_JOURNAL_H
#define STORE_STORE_JOURNAL_H

#include "store/store.h"

extern const struct store_ops store_journal_ops;

#endif
