#include "core/overrides.h"

#include "core/bucket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void override_init(struct override *override)
{
    memset(override, 0, sizeof(*override));
    override->rate_milli = override->burst = override->in_flight = -1;
}

/* A number named `name`, clamped; -1 where the value does not hold one. What is written comes through the store, which
 * others may write to. */
static int64_t number_of(const char *value, const char *name, int64_t max)
{
    const char *reason = strstr(value, "reason=");
    size_t name_len = strlen(name);
    for (const char *at = value; (at = strstr(at, name)) != NULL; at += name_len) {
        if (reason != NULL && at >= reason) {
            return -1;
        }
        if ((at == value || at[-1] == ' ') && at[name_len] == '=') {
            char *end = NULL;
            long long number = strtoll(at + name_len + 1, &end, 10);
            if (end == at + name_len + 1 || number < 0) {
                return -1;
            }
            return number > max ? max : number;
        }
    }
    return -1;
}

static void read_one(struct override *override, const char *what, const char *value)
{
    if (strcmp(what, "limit") == 0) {
        override->rate_milli = number_of(value, "rate_milli", BUCKET_RATE_MILLI_MAX);
        override->burst = number_of(value, "burst", BUCKET_BURST_MAX);
        override->in_flight = number_of(value, "in_flight", BUCKET_BURST_MAX);
    } else if (strcmp(what, "block") == 0) {
        override->blocked = true;
    } else if (strcmp(what, "pause") == 0) {
        override->paused = true;
    } else if (strcmp(what, "release") == 0) {
        override->released_at_us = number_of(value, "at_us", TIME_NEVER_US);
        return;
    } else {
        return;
    }
    /* What stops grants altogether is what people ask about, not a limit that is in force beside it. */
    if (strcmp(what, "limit") == 0 && (override->blocked || override->paused)) {
        return;
    }
    const char *reason = strstr(value, "reason=");
    snprintf(override->reason, sizeof(override->reason), "%s", reason == NULL ? "" : reason + strlen("reason="));
}

void override_read(struct override *override, const struct note *notes, size_t note_count, bool dependency,
                   const char *name)
{
    override_init(override);
    char prefix[sizeof(OVERRIDE_PREFIX) + HG_NAME_MAX + 8];
    int prefix_len = snprintf(prefix, sizeof(prefix), OVERRIDE_PREFIX "%c/%s/", dependency ? 'd' : 'f', name);
    for (size_t i = 0; i < note_count; i++) {
        if (strncmp(notes[i].key, prefix, (size_t)prefix_len) == 0) {
            read_one(override, notes[i].key + prefix_len, notes[i].value);
        }
    }
}
