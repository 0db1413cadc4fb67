#include "cli/simulate_report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static char *copy_or_empty(const char *text)
{
    return strdup(text == NULL ? "" : text);
}

bool report_add(struct report *report, const struct sim_scenario *scenario, const struct report_run *run)
{
    struct report_scenario *last =
        report->scenario_count == 0 ? NULL : &report->scenarios[report->scenario_count - 1];
    if (last == NULL || strcmp(last->name, scenario->name) != 0) {
        struct report_scenario *grown =
            realloc(report->scenarios, (report->scenario_count + 1) * sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        report->scenarios = grown;
        last = &grown[report->scenario_count++];
        *last = (struct report_scenario){.name = copy_or_empty(scenario->name), .story = copy_or_empty(scenario->story)};
        for (size_t d = 0; d < 2 && d < scenario->policy->dependency_count; d++) {
            last->dependencies[d] = copy_or_empty(scenario->policy->dependencies[d].name);
        }
    }
    struct report_run *grown = realloc(last->runs, (last->run_count + 1) * sizeof(*grown));
    if (grown == NULL || last->name == NULL || last->story == NULL) {
        return false;
    }
    last->runs = grown;
    last->runs[last->run_count++] = *run;
    return true;
}

void report_finish(struct report *report)
{
    for (size_t s = 0; s < report->scenario_count; s++) {
        struct report_scenario *scenario = &report->scenarios[s];
        for (size_t r = 0; r < scenario->run_count; r++) {
            sim_result_finish(&scenario->runs[r].result);
        }
        free(scenario->runs);
        free(scenario->name);
        free(scenario->story);
        free(scenario->dependencies[0]);
        free(scenario->dependencies[1]);
    }
    free(report->scenarios);
}

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static double median_of(double *values, size_t count)
{
    if (count == 0) {
        return 0;
    }
    qsort(values, count, sizeof(*values), by_size);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* One figure of a run. */
typedef double (*figure_fn)(const struct report_run *run);

static double figure_goodput(const struct report_run *run)
{
    return run->result.relaunches == 0 ? 0 : (double)run->result.recovered / (double)run->result.relaunches;
}

static double figure_wasted(const struct report_run *run)
{
    double all_s = run->result.useful_s + run->result.wasted_s;
    return all_s > 0 ? run->result.wasted_s / all_s : 0;
}

static double figure_queue(const struct report_run *run)
{
    return run->result.queue_peak;
}

static double figure_errors(const struct report_run *run)
{
    double excess = run->result.background.errors - run->alone.errors;
    return excess > 0 ? excess : 0;
}

static double figure_p99(const struct report_run *run)
{
    return run->result.background.p99_s;
}

static double figure_p99_alone(const struct report_run *run)
{
    return run->alone.p99_s;
}

static double figure_requests(const struct report_run *run)
{
    return run->result.instances == 0 ? 0 : (double)run->result.requests / (double)run->result.instances;
}

static double median_figure(const struct report_run *runs, size_t count, double *values, figure_fn figure)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = figure(&runs[i]);
    }
    return median_of(values, count);
}

size_t report_sum(const struct report_scenario *scenario, size_t first, struct report_sum *ret_sum)
{
    const struct report_run *runs = &scenario->runs[first];
    struct report_sum sum = {.law = runs[0].law, .ideal_s = runs[0].result.ideal_s, .back = 1};
    while (first + sum.runs < scenario->run_count && strcmp(runs[sum.runs].law, sum.law) == 0) {
        sum.runs++;
    }
    double *values = calloc(sum.runs, sizeof(*values));
    size_t there = 0;
    for (size_t i = 0; i < sum.runs && values != NULL; i++) {
        const struct sim_result *result = &runs[i].result;
        double back = result->able == 0 ? 1 : (double)result->back / (double)result->able;
        sum.finished += result->finished;
        sum.back = back < sum.back ? back : sum.back;
        if (result->t99_s > 0) {
            values[there++] = result->t99_s / result->ideal_s;
        }
    }
    if (values != NULL) {
        sum.over_median = median_of(values, there);
        sum.over_most = there == 0 ? 0 : values[there - 1];
        sum.goodput = median_figure(runs, sum.runs, values, figure_goodput);
        sum.wasted = median_figure(runs, sum.runs, values, figure_wasted);
        sum.queue_peak = median_figure(runs, sum.runs, values, figure_queue);
        sum.errors = median_figure(runs, sum.runs, values, figure_errors);
        sum.p99_s = median_figure(runs, sum.runs, values, figure_p99);
        sum.p99_alone_s = median_figure(runs, sum.runs, values, figure_p99_alone);
        sum.requests = median_figure(runs, sum.runs, values, figure_requests);
    }
    free(values);
    *ret_sum = sum;
    return first + sum.runs;
}

static void print_over(FILE *out, double over)
{
    if (over > 0) {
        fprintf(out, " %6.2fx |", over);
    } else {
        fprintf(out, "   never |");
    }
}

void report_table(const struct report *report, FILE *out)
{
    fprintf(out, "| scenario | law            | finished |  back | ideal s | median |    most | goodput | wasted | queue | "
                 "errors |   p99 s (alone) | requests |\n"
                 "|----------|----------------|---------:|------:|--------:|-------:|--------:|--------:|-------:|------:|"
                 "-------:|----------------:|---------:|\n");
    for (size_t s = 0; s < report->scenario_count; s++) {
        const struct report_scenario *scenario = &report->scenarios[s];
        for (size_t first = 0; first < scenario->run_count;) {
            struct report_sum sum;
            first = report_sum(scenario, first, &sum);
            fprintf(out, "| %-8s | %-14s | %3zu of %-2zu| %5.3f | %7.0f |", scenario->name, sum.law, sum.finished, sum.runs,
                    sum.back, sum.ideal_s);
            print_over(out, sum.over_median);
            print_over(out, sum.over_most);
            fprintf(out, "   %5.3f |  %5.3f | %5.1f | %6.4f | %6.2f (%6.2f) | %8.1f |\n", sum.goodput, sum.wasted,
                    sum.queue_peak, sum.errors, sum.p99_s, sum.p99_alone_s, sum.requests);
        }
    }
}

static void print_escaped(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            fprintf(out, "\\%c", *text);
        } else if ((unsigned char)*text < 0x20) {
            fprintf(out, "\\u%04x", (unsigned)*text);
        } else {
            fputc(*text, out);
        }
    }
    fputc('"', out);
}

static void print_run(FILE *out, const struct report_run *run)
{
    const struct sim_result *result = &run->result;
    fprintf(out,
            "{\"law\":\"%s\",\"seed\":%" PRId64 ",\"finished\":%s,\"ideal_s\":%.3f,\"t50_s\":%.3f,\"t99_s\":%.3f,"
            "\"end_s\":%.3f,\"instances\":%" PRId64 ",\"able\":%" PRId64 ",\"back\":%" PRId64 ",\"quarantined\":%" PRId64
            ",\"relaunches\":%" PRId64 ",\"recovered\":%" PRId64 ",\"granted\":%" PRId64 ",\"requests\":%" PRId64
            ",\"overtaken\":%" PRId64 ",\"goodput\":%.6f,\"useful_s\":%.3f,\"wasted_s\":%.3f,\"queue_peak\":%.3f,"
            "\"background\":{\"rate\":%.4f,\"errors\":%.6f,\"p99_s\":%.4f,\"errors_alone\":%.6f,\"p99_alone_s\":%.4f},"
            "\"events\":%" PRId64 "}",
            run->law, run->seed, result->finished ? "true" : "false", result->ideal_s, result->t50_s, result->t99_s,
            result->end_s, result->instances, result->able, result->back, result->quarantined, result->relaunches,
            result->recovered, result->granted, result->requests, result->overtaken, figure_goodput(run), result->useful_s,
            result->wasted_s, result->queue_peak, result->background.rate, result->background.errors, result->background.p99_s,
            run->alone.errors, run->alone.p99_s, result->events);
}

void report_json(const struct report *report, FILE *out)
{
    fputs("{\"scenarios\":[", out);
    for (size_t s = 0; s < report->scenario_count; s++) {
        const struct report_scenario *scenario = &report->scenarios[s];
        fprintf(out, "%s\n{\"scenario\":", s == 0 ? "" : ",");
        print_escaped(out, scenario->name);
        fputs(",\"runs\":[", out);
        for (size_t r = 0; r < scenario->run_count; r++) {
            fputs(r == 0 ? "\n" : ",\n", out);
            print_run(out, &scenario->runs[r]);
        }
        fputs("]}", out);
    }
    fputs("]}\n", out);
}
