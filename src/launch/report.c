#include "launch/report.h"

#include "headgate/errors.h"

#include <stdlib.h>
#include <string.h>

static int compare_times(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

/* When `permille` of `total` were there; times are sorted. */
static int64_t time_of(const int64_t *times, int64_t count, int64_t total, int64_t permille)
{
    int64_t wanted = (total * permille + 999) / 1000;
    return wanted > 0 && wanted <= count ? times[wanted - 1] : -1;
}

static void count_reason(struct report *report, const char *text)
{
    for (size_t i = 0; i < report->reason_count; i++) {
        if (strcmp(report->reasons[i].text, text) == 0) {
            report->reasons[i].count++;
            return;
        }
    }
    if (report->reason_count < REPORT_REASONS_MAX) {
        report->reasons[report->reason_count++] = (struct report_reason){text, 1};
        return;
    }
    report->reason_count = REPORT_REASONS_MAX + 1;
    report->reasons[REPORT_REASONS_MAX].text = "other reasons";
    report->reasons[REPORT_REASONS_MAX].count++;
}

static int compare_reasons(const void *a, const void *b)
{
    int64_t left = ((const struct report_reason *)a)->count, right = ((const struct report_reason *)b)->count;
    return left > right ? -1 : left < right;
}

int report_make(const struct units *units, struct report *ret_report)
{
    struct report report = {.total = (int64_t)units->count,
                            .recovered = units->counts[UNIT_RECOVERED],
                            .quarantined = units->counts[UNIT_QUARANTINED],
                            .failures = units->failures};
    int64_t *times = malloc((units->count + 1) * sizeof(*times));
    int64_t count = 0;
    if (times == NULL) {
        return HG_E_NOMEM;
    }
    for (size_t i = 0; i < units->count; i++) {
        const struct unit *unit = &units->all[i];
        if (unit->state == UNIT_RECOVERED) {
            times[count++] = unit->settled_ms;
            report.attempts[unit->attempts < REPORT_ATTEMPTS_MAX ? unit->attempts : REPORT_ATTEMPTS_MAX]++;
        } else if (unit->reason != NULL) {
            count_reason(&report, unit->reason);
        }
    }
    qsort(times, (size_t)count, sizeof(*times), compare_times);
    report.left = report.total - report.recovered - report.quarantined;
    report.t50_ms = time_of(times, count, report.total, 500);
    report.t99_ms = time_of(times, count, report.total, 990);
    report.last_ms = count > 0 ? times[count - 1] : -1;
    free(times);
    size_t apart = report.reason_count < REPORT_REASONS_MAX ? report.reason_count : REPORT_REASONS_MAX;
    qsort(report.reasons, apart, sizeof(report.reasons[0]), compare_reasons);
    *ret_report = report;
    return 0;
}
