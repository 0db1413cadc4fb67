/* What the demo shows: a line while it goes on, a table or JSON at the end. */
#ifndef DEMO_REPORT_H
#define DEMO_REPORT_H

#include "demo/run.h"

struct demo_progress {
    const char *label;
    const char *phase; /* drawn last */
    bool tty;
    int64_t drawn_us; /* age of the phase when it was drawn last */
};

/* Progress goes to stderr: one line redrawn on a terminal, else a line every two seconds. */
void demo_progress_init(struct demo_progress *progress, const char *label);
void demo_progress_draw(struct demo_progress *progress, const struct demo_world *world, const char *phase,
                        int64_t age_us);
void demo_progress_finish(struct demo_progress *progress);

/* What is about to be shown, and with which numbers. */
void demo_report_setting(const struct demo_config *config, FILE *out);

/* The runs that ran, side by side. */
void demo_report_table(const struct demo_config *config, const struct demo_result *results, int count,
                       FILE *out);

/* The same as one JSON object. */
int demo_report_json(const struct demo_config *config, const struct demo_result *results, int count,
                     FILE *out) __attribute__((warn_unused_result));

#endif
