/* Two answers to the same group, field by field. */
#ifndef TESTS_CONTRACT_COMPARE_REPLIES_H
#define TESTS_CONTRACT_COMPARE_REPLIES_H

#include "core/group.h"

/* False, and which field differs and how. Cursors are each store's own: only whether there is one must agree. */
bool replies_equal(const struct group_reply *a, const struct group_reply *b, char *ret_why, size_t size);

#endif
