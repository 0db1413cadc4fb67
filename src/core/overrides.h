/* What an operator changed at run time, as it lies in the store's notes:
 *   override/d/<dependency>/limit | block | pause | release, override/f/<fleet>/pause
 * with one line `rate_milli=N burst=N in_flight=N at_us=N reason=<rest of line>`, absent members left out. */
#ifndef CORE_OVERRIDES_H
#define CORE_OVERRIDES_H

#include "core/group.h"

#define OVERRIDE_PREFIX "override/"

struct override {
    int64_t rate_milli; /* -1: not overridden; likewise below */
    int64_t burst;
    int64_t in_flight;
    bool blocked;
    bool paused;
    int64_t released_at_us; /* when an operator asked to leave `frozen`; 0: not */
    char reason[REASON_MAX + 1];
};

/* No override at all. */
void override_init(struct override *override);

/* What the notes say of one dependency, or of one fleet (`dependency` false). */
void override_read(struct override *override, const struct note *notes, size_t note_count, bool dependency,
                   const char *name);

#endif
