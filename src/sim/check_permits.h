/* Checker: every instance is granted, waiting, backing off, quarantined or done; none holds two permits at once, none
 * loses its place, and fences only grow. */
#ifndef SIM_CHECK_PERMITS_H
#define SIM_CHECK_PERMITS_H

#include "core/group.h"

struct check_permit {
    int64_t fence;     /* of the permit it holds; 0: none */
    int64_t until_us;  /* when that expires */
    int64_t number;    /* place in line; 0: none known */
    int64_t told_us;   /* when it was told that place */
    uint8_t line;
};

struct check_permits {
    struct check_permit *permits; /* by instance; the caller's */
    size_t count;
    int64_t fence; /* highest given out */
    int64_t grace_us; /* places nobody came for may be dropped after so long */
};

/* The answer to one operation about `instance`, by the store's clock. */
bool check_permits_reply(struct check_permits *check, size_t instance, int64_t now_us, const struct op *op,
                         const struct op_reply *reply, char *ret_text);
/* Writes were lost: places told before may have changed. */
void check_permits_forgive(struct check_permits *check);
/* Instances from `first` to before `last` that hold a permit now. */
int64_t check_permits_held(const struct check_permits *check, size_t first, size_t last, int64_t now_us);

#endif
