/* The report as one page, for someone who was not there: what happened, a table, who was back when under each law, and
 * for each law what it let in and what that did to the dependency. No scripts, nothing from elsewhere. */
#include "cli/simulate_plot.h"
#include "cli/simulate_report.h"

#include <stdio.h>
#include <string.h>

#define WIDE         720.0
#define NARROW       440.0
#define HEIGHT       210.0
#define COLOURS      12
#define LONGEST      3.0 /* the comparison shows so many times the ideal at most */

static const char style[] =
    "<style>\n"
    ":root{--ink:#1c2430;--soft:#667085;--paper:#fff;--rule:#e4e7ec;--c0:#d92d20;--c1:#e8730c;--c2:#6941c6;--c3:#0e9384;\n"
    "--c4:#17803d;--c5:#0b6bcb;--c6:#c11574;--c7:#a7802a;--c8:#5b2c06;--c9:#475467;--c10:#6ea30d;--c11:#101828;\n"
    "--idle:#d0d5dd;--blocked:#d92d20;--probing:#fdb022;--ramping:#53b1fd;--steady:#17803d;--frozen:#7a5af8;--paused:#98a2b3}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#98a2b3;--paper:#12161d;--rule:#2a3140;--c9:#98a2b3;\n"
    "--c11:#f2f4f7;--c5:#53a5f5;--c2:#9b8afb;--c7:#d3ab4e;--c8:#c98a5a}}\n"
    "body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1380px;margin:0 auto;\n"
    "padding:24px}h1{font-size:24px}h2{font-size:20px;margin:40px 0 4px;border-top:2px solid var(--rule);padding-top:20px}\n"
    "h3{font-size:15px;margin:20px 0 2px}p{margin:4px 0 10px;max-width:75ch}.soft{color:var(--soft)}\n"
    "table{border-collapse:collapse;font-size:13px;margin:10px 0}td,th{padding:3px 10px;text-align:right;\n"
    "border-bottom:1px solid var(--rule);white-space:nowrap}td:first-child,th:first-child{text-align:left}\n"
    "th{font-weight:600;color:var(--soft);white-space:normal;vertical-align:bottom}.bad{color:var(--c0);font-weight:600}\n"
    ".scroll{overflow-x:auto}.row{display:flex;flex-wrap:wrap;gap:8px 16px}svg{max-width:100%;height:auto}\n"
    "svg text{font:11px system-ui,sans-serif;fill:var(--soft)}svg .head{fill:var(--ink);font-weight:600;font-size:12px}\n"
    ".end{text-anchor:end}.mid{text-anchor:middle}.grid{stroke:var(--rule)}.mark{stroke:var(--soft);stroke-dasharray:3 3}\n"
    ".line{fill:none;stroke-width:1.7;stroke-linejoin:round}.dash{stroke-dasharray:5 3}\n"
    ".key{display:inline-block;width:12px;height:9px;margin:0 4px 0 12px}\n";

static const char *const words[PHASE_COUNT] = {"idle", "blocked", "probing", "ramping", "steady", "frozen", "paused"};

static void print_style(FILE *out)
{
    fputs(style, out);
    for (int c = 0; c < COLOURS; c++) {
        fprintf(out, ".c%d{stroke:var(--c%d)}", c, c);
    }
    for (int phase = 0; phase < PHASE_COUNT; phase++) {
        fprintf(out, ".p-%s{fill:var(--%s);background:var(--%s)}", words[phase], words[phase], words[phase]);
    }
    fputs("</style>\n", out);
}

/* ---- what is plotted of a point ---- */

static const struct sim_point *point_at(const void *points, size_t index)
{
    return &((const struct sim_point *)points)[index];
}

static double time_of(const void *points, size_t index)
{
    return point_at(points, index)->time_s;
}

static double back_of(const void *points, size_t index)
{
    return 100 * point_at(points, index)->back_share;
}

static double granted_of(const void *points, size_t index)
{
    return point_at(points, index)->granted_rate;
}

#define OF_DEPENDENCY(name, d, field)                                                                                          \
    static double name(const void *points, size_t index)                                                                      \
    {                                                                                                                         \
        return point_at(points, index)->dependencies[d].field;                                                                \
    }
OF_DEPENDENCY(in_flight_0, 0, in_flight)
OF_DEPENDENCY(limit_0, 0, limit)
OF_DEPENDENCY(queued_0, 0, queued)
OF_DEPENDENCY(capacity_0, 0, capacity)
OF_DEPENDENCY(served_0, 0, served)
OF_DEPENDENCY(in_flight_1, 1, in_flight)
OF_DEPENDENCY(limit_1, 1, limit)
OF_DEPENDENCY(queued_1, 1, queued)
OF_DEPENDENCY(capacity_1, 1, capacity)
OF_DEPENDENCY(served_1, 1, served)

struct views {
    plot_value_fn in_flight, limit, queued, capacity, served;
};
static const struct views views[2] = {{in_flight_0, limit_0, queued_0, capacity_0, served_0},
                                      {in_flight_1, limit_1, queued_1, capacity_1, served_1}};

static double most_of(const struct sim_result *result, plot_value_fn value, double most)
{
    for (size_t i = 0; i < result->point_count; i++) {
        double here = value(result->points, i);
        most = here > most ? here : most;
    }
    return most;
}

/* ---- one law ---- */

static void add_phases(const struct plot *plot, const struct sim_result *result, size_t d)
{
    for (size_t i = 0; i < result->point_count;) {
        enum phase phase = result->points[i].dependencies[d].phase;
        size_t end = i + 1;
        while (end < result->point_count && result->points[end].dependencies[d].phase == phase) {
            end++;
        }
        if (phase < PHASE_COUNT) {
            char class[24];
            snprintf(class, sizeof(class), "p-%s", words[phase]);
            double to = end < result->point_count ? result->points[end].time_s : result->end_s;
            plot_stretch(plot, result->points[i].time_s, to, class, words[phase]);
        }
        i = end;
    }
}

static void print_dependency(FILE *out, const char *name, const struct sim_result *result, size_t d)
{
    char title[160];
    struct plot plot = {.out = out, .title = title, .unit = "", .x_max = result->end_s, .width = NARROW, .height = HEIGHT};
    fputs("<div class=\"row\">", out);
    snprintf(title, sizeof(title), "%.60s: relaunches let in and requests served, per second", name);
    /* What it could serve is the measure; grants far above it are cut. */
    double capacity = most_of(result, views[d].capacity, 0.001), granted = most_of(result, granted_of, 0);
    plot.y_max = granted > 1.1 * capacity ? (granted > 3 * capacity ? 3 * capacity : granted) : 1.1 * capacity;
    plot_begin(&plot);
    plot_line(&plot, result->points, result->point_count, time_of, views[d].capacity, "c9 dash", "capacity", 0);
    plot_line(&plot, result->points, result->point_count, time_of, granted_of, "c5", "let in", 1);
    plot_line(&plot, result->points, result->point_count, time_of, views[d].served, "c4", "served", 2);
    add_phases(&plot, result, d);
    plot_end(&plot);
    snprintf(title, sizeof(title), "%.60s: in flight", name);
    double in_flight = most_of(result, views[d].in_flight, 1), limit = most_of(result, views[d].limit, 1);
    plot.y_max = limit > 2 * in_flight ? 2 * in_flight : limit > in_flight ? limit : in_flight;
    plot_begin(&plot);
    plot_line(&plot, result->points, result->point_count, time_of, views[d].limit, "c9 dash", "limit", 0);
    plot_line(&plot, result->points, result->point_count, time_of, views[d].in_flight, "c5", "in flight", 1);
    add_phases(&plot, result, d);
    plot_end(&plot);
    snprintf(title, sizeof(title), "%.60s: requests waiting inside", name);
    plot.y_max = most_of(result, views[d].queued, 4);
    plot_begin(&plot);
    plot_line(&plot, result->points, result->point_count, time_of, views[d].queued, "c0", "queue", 0);
    add_phases(&plot, result, d);
    plot_end(&plot);
    fputs("</div>\n", out);
}

static void print_law(FILE *out, const struct report_scenario *scenario, const struct report_run *run)
{
    fputs("<h3>", out);
    plot_text(out, run->law);
    const struct sim_result *result = &run->result;
    if (result->t99_s > 0) {
        fprintf(out, " <span class=\"soft\">99 %% back after %.0f s, %.2f times the ideal; seed %lld</span></h3>\n", result->t99_s,
                result->t99_s / result->ideal_s, (long long)run->seed);
    } else {
        fprintf(out, " <span class=\"bad\">never: %lld of %lld back after %.0f s</span> <span class=\"soft\">seed %lld</span></h3>\n",
                (long long)result->back, (long long)result->able, result->end_s, (long long)run->seed);
    }
    for (size_t d = 0; d < 2 && scenario->dependencies[d] != NULL; d++) {
        print_dependency(out, scenario->dependencies[d], result, d);
    }
}

/* ---- one scenario ---- */

static void print_comparison(FILE *out, const struct report_scenario *scenario)
{
    double ideal_s = scenario->runs[0].result.ideal_s, longest_s = 1.5 * ideal_s;
    for (size_t r = 0; r < scenario->run_count; r++) {
        double t99_s = scenario->runs[r].result.t99_s;
        longest_s = 1.05 * t99_s > longest_s ? 1.05 * t99_s : longest_s;
    }
    longest_s = longest_s > LONGEST * ideal_s ? LONGEST * ideal_s : longest_s;
    struct plot plot = {.out = out, .title = "instances back, by law (first seed)", .unit = " %", .x_max = longest_s,
                        .y_max = 100, .width = WIDE, .height = 320};
    plot_begin(&plot);
    plot_mark(&plot, ideal_s, "ideal");
    int place = 0;
    for (size_t r = 0; r < scenario->run_count; r++) {
        const struct report_run *run = &scenario->runs[r];
        if (r > 0 && strcmp(run->law, scenario->runs[r - 1].law) == 0) {
            continue;
        }
        char class[8];
        snprintf(class, sizeof(class), "c%d", place % COLOURS);
        plot_line(&plot, run->result.points, run->result.point_count, time_of, back_of, class, run->law, place);
        place++;
    }
    plot_end(&plot);
}

static void print_over(FILE *out, double over)
{
    if (over > 0) {
        fprintf(out, "<td>%.2f</td>", over);
    } else {
        fputs("<td class=\"bad\">never</td>", out);
    }
}

static void print_sums(FILE *out, const struct report_scenario *scenario)
{
    fprintf(out,
            "<div class=\"scroll\"><table><tr><th>law</th><th>finished</th><th>least back</th><th>99 %% back, over the ideal of "
            "%.0f s: median</th><th>slowest seed</th><th>relaunches that succeed</th><th>service wasted</th>"
            "<th>longest queue, per server</th><th>other traffic: errors more than alone</th><th>its p99</th>"
            "<th>its p99 alone</th><th>requests an instance</th></tr>\n",
            scenario->runs[0].result.ideal_s);
    for (size_t first = 0; first < scenario->run_count;) {
        struct report_sum sum;
        first = report_sum(scenario, first, &sum);
        fputs("<tr><td>", out);
        plot_text(out, sum.law);
        fprintf(out, "</td><td%s>%zu of %zu</td><td>%.1f %%</td>", sum.finished < sum.runs ? " class=\"bad\"" : "", sum.finished,
                sum.runs, 100 * sum.back);
        print_over(out, sum.over_median);
        print_over(out, sum.over_most);
        fprintf(out, "<td>%.1f %%</td><td>%.1f %%</td><td>%.1f</td>", 100 * sum.goodput, 100 * sum.wasted, sum.queue_peak);
        if (scenario->runs[0].alone.rate > 0) {
            fprintf(out, "<td>%.2f %%</td><td>%.2f s</td><td>%.2f s</td>", 100 * sum.errors, sum.p99_s, sum.p99_alone_s);
        } else {
            fputs("<td class=\"soft\">-</td><td class=\"soft\">-</td><td class=\"soft\">-</td>", out);
        }
        fprintf(out, "<td>%.1f</td></tr>\n", sum.requests);
    }
    fputs("</table></div>\n", out);
}

static void print_scenario(FILE *out, const struct report_scenario *scenario)
{
    fputs("<h2 id=\"", out);
    plot_text(out, scenario->name);
    fputs("\">", out);
    plot_text(out, scenario->name);
    fputs("</h2><p>", out);
    plot_text(out, scenario->story);
    fputs("</p>\n", out);
    print_sums(out, scenario);
    print_comparison(out, scenario);
    for (size_t r = 0; r < scenario->run_count; r++) {
        if (r == 0 || strcmp(scenario->runs[r].law, scenario->runs[r - 1].law) != 0) {
            print_law(out, scenario, &scenario->runs[r]);
        }
    }
}

void report_html(const struct report *report, FILE *out)
{
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
          "content=\"width=device-width,initial-scale=1\"><title>Headgate: simulated returns</title>\n",
          out);
    print_style(out);
    fputs("</head><body><h1>Simulated returns</h1>\n<p>A fleet comes back to dependencies that have recovered but cannot take all "
          "of it at once. Each law decides how many may relaunch, and when. <b>Ideal</b> is what a controller that knew everything "
          "could reach: the dependencies' capacity, less other traffic and within the operator's ceilings, plus one relaunch. "
          "The bar under a plot's axis is the phase:",
          out);
    for (int phase = 0; phase < PHASE_COUNT; phase++) {
        fprintf(out, "<span class=\"key p-%s\"></span>%s", words[phase], words[phase]);
    }
    fputs(".</p>\n<p>", out);
    for (size_t s = 0; s < report->scenario_count; s++) {
        fputs("<a href=\"#", out);
        plot_text(out, report->scenarios[s].name);
        fputs("\">", out);
        plot_text(out, report->scenarios[s].name);
        fputs("</a> ", out);
    }
    fputs("</p>\n", out);
    for (size_t s = 0; s < report->scenario_count; s++) {
        print_scenario(out, &report->scenarios[s]);
    }
    fputs("</body></html>\n", out);
}
