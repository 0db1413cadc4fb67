/* Prometheus text exposition, version 0.0.4, written in one pass.
 *
 * The story of one scrape: for each family its HELP and TYPE once, then its samples; label values are escaped
 * and come from policies only, never from callers, so their number is bounded. */
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METRICS_LABELS_MAX 3

struct metrics_text {
    char *text; /* owned; NUL-terminated */
    size_t size;
    size_t capacity;
    bool failed; /* memory ran out */
};

struct metrics_label {
    const char *name;
    const char *value;
};

/* `type`: counter (name ends in _total), gauge. */
void metrics_family(struct metrics_text *text, const char *name, const char *type, const char *help);

/* One sample; `labels` ends with a NULL name, or is NULL. */
void metrics_sample(struct metrics_text *text, const char *name, const struct metrics_label *labels,
                    double value);

void metrics_finish(struct metrics_text *text);

#endif
