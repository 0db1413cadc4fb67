#include "cli/simulate_report.h"

void report_html(const struct report *report, FILE *out)
{
    report_table(report, out);
}
