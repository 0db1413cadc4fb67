/* The text of a decision line, read back: pairs, key=value or key="value". */
#ifndef CORE_LOGFMT_H
#define CORE_LOGFMT_H

#include <stdbool.h>
#include <stddef.h>

struct logfmt_pair {
    const char *key;
    size_t key_size;
    const char *value; /* as it was written, without its quotes */
    size_t value_size;
};

/* The next pair of `*text`, which moves behind it; false at the end. */
bool logfmt_next(const char **text, struct logfmt_pair *ret_pair);

#endif
