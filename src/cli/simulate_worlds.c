#include "cli/simulate_worlds.h"

#include "headgate/errors.h"
#include "sim/sim.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WINNABLE_OVER 1.5 /* an oracle takes at most so many times the ideal */

/* One law in one world. */
struct world_run {
    double over; /* INFINITY: never */
    double goodput;
    double requests;
    bool violated;
};

struct worlds {
    const struct worlds_options *options;
    struct world_run *runs; /* by law and world */
    bool *winnable;
    int64_t winnable_count;
    bool violated;
};

static int run_world(struct worlds *worlds, const struct sim_scenario *scenario, const struct sim_law *law, int64_t seed,
                     struct world_run *ret_run)
{
    const struct worlds_options *options = worlds->options;
    struct sim_options run = {.law = law, .seed = (uint64_t)seed, .checks = options->checks,
                              .on_progress = options->on_progress, .user_data = options->user_data};
    struct sim_result result;
    options->on_world(options->user_data, seed, law == NULL ? "policy" : law->name);
    int status = sim_run(scenario, &run, &result);
    if (status != 0) {
        return status;
    }
    if (result.violation[0] != '\0') {
        fprintf(stderr, "violation: world %" PRId64 ", law %s: %s\nagain with: headgate simulate --random 1 --seed %" PRId64
                        " --information %s --law %s\n", seed, law == NULL ? "policy" : law->name, result.violation, seed,
                options->information, law == NULL ? "policy" : law->name);
        worlds->violated = true;
    }
    bool there = result.finished && result.t99_s > 0;
    *ret_run = (struct world_run){
        .over = there ? result.t99_s / result.ideal_s : INFINITY,
        .goodput = result.relaunches == 0 ? 0 : (double)result.recovered / (double)result.relaunches,
        .requests = (double)result.requests / (double)result.instances,
    };
    sim_result_finish(&result);
    return 0;
}

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static double quantile(double *values, size_t count, double share)
{
    if (count == 0) {
        return 0;
    }
    qsort(values, count, sizeof(*values), by_size);
    size_t at = (size_t)lround(share * (double)(count - 1));
    return values[at];
}

static void print_over(FILE *out, double over)
{
    if (isfinite(over)) {
        fprintf(out, " %7.2fx |", over);
    } else {
        fprintf(out, "    never |");
    }
}

static void print_law(const struct worlds *worlds, size_t l, double *values, FILE *out)
{
    const struct worlds_options *options = worlds->options;
    const struct world_run *runs = &worlds->runs[l * (size_t)options->count];
    size_t count = 0, unfinished = 0;
    for (int64_t w = 0; w < options->count; w++) {
        if (worlds->winnable[w]) {
            values[count++] = runs[w].over;
            unfinished += isfinite(runs[w].over) ? 0 : 1;
        }
    }
    double median = quantile(values, count, 0.5), p90 = quantile(values, count, 0.9);
    double goodput[2] = {0, 0}; /* and requests: medians */
    for (int f = 0; f < 2; f++) {
        size_t n = 0;
        for (int64_t w = 0; w < options->count; w++) {
            if (worlds->winnable[w]) {
                values[n++] = f == 0 ? runs[w].goodput : runs[w].requests;
            }
        }
        goodput[f] = quantile(values, n, 0.5);
    }
    const char *name = options->laws[l] == NULL ? "policy" : options->laws[l]->name;
    if (options->json) {
        fprintf(out, "%s\n{\"law\":\"%s\",\"unfinished\":%zu,\"median\":%.4f,\"p90\":%.4f,\"goodput\":%.4f,\"requests\":%.2f,"
                     "\"worlds\":[", l == 0 ? "" : ",", name, unfinished, isfinite(median) ? median : -1,
                isfinite(p90) ? p90 : -1, goodput[0], goodput[1]);
        for (int64_t w = 0; w < options->count; w++) {
            fprintf(out, "%s{\"seed\":%" PRId64 ",\"winnable\":%s,\"over\":%.4f,\"goodput\":%.4f}", w == 0 ? "" : ",",
                    options->seed + w, worlds->winnable[w] ? "true" : "false", isfinite(runs[w].over) ? runs[w].over : -1,
                    runs[w].goodput);
        }
        fprintf(out, "]}");
        return;
    }
    fprintf(out, "| %-14s | %10zu |", name, unfinished);
    print_over(out, median);
    print_over(out, p90);
    fprintf(out, "   %5.3f | %8.1f |\n", goodput[0], goodput[1]);
}

static void print_all(const struct worlds *worlds, double *values, FILE *out)
{
    const struct worlds_options *options = worlds->options;
    if (options->json) {
        fprintf(out, "{\"worlds\":%" PRId64 ",\"winnable\":%" PRId64 ",\"information\":\"%s\",\"laws\":[", options->count,
                worlds->winnable_count, options->information);
    } else {
        fprintf(out, "%" PRId64 " worlds from seed %" PRId64 ", known: %s; in %" PRId64 " of them an oracle stays below %.1f times the "
                     "ideal. Of these:\n\n"
                     "| law            | unfinished |  median |      p90 | goodput | requests |\n"
                     "|----------------|-----------:|--------:|---------:|--------:|---------:|\n",
                options->count, options->seed, options->information, worlds->winnable_count, WINNABLE_OVER);
    }
    for (size_t l = 0; l < options->law_count; l++) {
        print_law(worlds, l, values, out);
    }
    fputs(options->json ? "]}\n" : "", out);
}

static int run_all(struct worlds *worlds, enum sim_information information, FILE *out)
{
    const struct worlds_options *options = worlds->options;
    for (int64_t w = 0; w < options->count; w++) {
        struct sim_scenario *scenario = NULL;
        struct world_run oracle;
        char *text = NULL;
        int status = sim_draw((uint64_t)(options->seed + w), information, &scenario, &text);
        if (status == 0 && options->show) {
            fputs(text, out);
        } else if (status == 0) {
            status = run_world(worlds, scenario, sim_law_find("oracle"), options->seed + w, &oracle);
            worlds->winnable[w] = status == 0 && oracle.over < WINNABLE_OVER;
            worlds->winnable_count += worlds->winnable[w];
        }
        for (size_t l = 0; status == 0 && !options->show && worlds->winnable[w] && l < options->law_count; l++) {
            status = run_world(worlds, scenario, options->laws[l], options->seed + w,
                               &worlds->runs[l * (size_t)options->count + (size_t)w]);
        }
        free(text);
        sim_scenario_destroy(scenario);
        if (status != 0) {
            return cli_fail(options->command, 71, "%s", hg_strerror(status));
        }
    }
    return 0;
}

int worlds_run(const struct worlds_options *options, FILE *out)
{
    size_t information = 0;
    while (sim_information_names[information] != NULL && strcmp(sim_information_names[information], options->information) != 0) {
        information++;
    }
    if (sim_information_names[information] == NULL) {
        return cli_fail(options->command, CLI_USAGE,
                        "--information takes blind, timeout, phase, gauge, gauge+phase, probe, noisy or lying, not '%s'",
                        options->information);
    }
    size_t count = (size_t)options->count;
    struct worlds worlds = {.options = options,
                            .runs = calloc(options->law_count * count, sizeof(struct world_run)),
                            .winnable = calloc(count, sizeof(bool))};
    double *values = calloc(count, sizeof(double));
    int code = worlds.runs == NULL || worlds.winnable == NULL || values == NULL
                   ? cli_fail(options->command, 71, "%s", hg_strerror(HG_E_NOMEM))
                   : run_all(&worlds, (enum sim_information)information, out);
    if (code == 0 && !options->show) {
        print_all(&worlds, values, out);
    }
    free(worlds.runs);
    free(worlds.winnable);
    free(values);
    return code != 0 ? code : worlds.violated ? 1 : 0;
}
