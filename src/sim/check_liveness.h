/* Checker: while somebody waits and nothing is broken, somebody is granted now and then. */
#ifndef SIM_CHECK_LIVENESS_H
#define SIM_CHECK_LIVENESS_H

#include <stdbool.h>
#include <stdint.h>

#define CHECK_LIVENESS_US (INT64_C(1200) * 1000000) /* longer than the longest freeze and the slowest canary */

struct check_liveness {
    int64_t granted;
    int64_t since_us; /* of the last grant, fault, or empty line */
};

bool check_liveness_step(struct check_liveness *check, int64_t now_us, int64_t granted, bool waiting, bool fault,
                         char *ret_text);

#endif
