#include "cli/cli.h"
#include "cli/simulate_report.h"
#include "cli/simulate_worlds.h"
#include "headgate/errors.h"
#include "host/clock.h"
#include "sim/sim.h"
#include "sim/sim_laws.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAWS_MAX     16
#define PROGRESS_US  INT64_C(1000000)
#define SHRINK_MIN   8 /* instances */

struct simulate {
    const struct cli_command *command;
    const char *laws;
    int64_t seed;
    int64_t repeat;
    double scale;
    bool json;
    bool trace;
    bool schema;
    bool no_checks;
    int64_t random;
    const char *information;
    bool show;
    char world[64];
    const char *html;
    const char *label; /* of the run going on, for the progress */
    bool progress;
    int64_t told_us;
    bool violated; /* a promise was broken: the other runs go on */
};

static void print_line(void *user_data, const char *line)
{
    (void)user_data;
    puts(line);
}

static bool on_progress(void *user_data, double time_s, double back_share)
{
    struct simulate *simulate = user_data;
    int64_t now_us = clock_monotonic_us();
    if (simulate->progress && now_us - simulate->told_us > PROGRESS_US) {
        simulate->told_us = now_us;
        fprintf(stderr, "\r%-40.40s %8.0f s  %5.1f %% back ", simulate->label, time_s, back_share * 100);
        fflush(stderr);
    }
    return true;
}

static int load(const struct simulate *simulate, const char *file, double scale, struct sim_scenario **ret_scenario)
{
    struct hg_policy_errors errors;
    int status = sim_scenario_load(file, ret_scenario, &errors);
    hg_policy_errors_print(&errors, stderr);
    hg_policy_errors_finish(&errors);
    if (status != 0) {
        return status == HG_E_POLICY ? CLI_DATA : cli_fail(simulate->command, 71, "%s", hg_strerror(status));
    }
    sim_scenario_scale(*ret_scenario, scale);
    return 0;
}

static int run_once(struct simulate *simulate, const struct sim_scenario *scenario, const struct sim_law *law,
                    int64_t seed, struct sim_result *ret_result)
{
    struct sim_options options = {.law = law,
                                  .seed = (uint64_t)seed,
                                  .checks = !simulate->no_checks,
                                  .on_line = simulate->trace ? print_line : NULL,
                                  .on_progress = on_progress,
                                  .user_data = simulate};
    int status = sim_run(scenario, &options, ret_result);
    if (simulate->progress) {
        fprintf(stderr, "\r%72s\r", "");
    }
    return status;
}

/* The same with ever smaller fleets while it still fails, and what the smallest one decided before. */
static void tell_violation(struct simulate *simulate, const char *file, const struct sim_law *law, int64_t seed,
                           struct sim_result *result)
{
    double scale = simulate->scale;
    fprintf(stderr, "violation: %s\n", result->violation);
    for (double smaller = scale / 2; result->instances > 2 * SHRINK_MIN; smaller /= 2) {
        struct sim_scenario *scenario = NULL;
        struct sim_result found;
        if (load(simulate, file, smaller, &scenario) != 0) {
            break;
        }
        int status = run_once(simulate, scenario, law, seed, &found);
        sim_scenario_destroy(scenario);
        if (status != 0 || found.violation[0] == '\0') {
            sim_result_finish(&found);
            break;
        }
        sim_result_finish(result);
        *result = found;
        scale = smaller;
    }
    for (size_t i = 0; i < result->trace_count; i++) {
        fprintf(stderr, "%s\n", result->trace[i]);
    }
    fprintf(stderr, "violation: %s\nagain with: headgate simulate %s --law %s --seed %" PRId64 " --scale %g\n",
            result->violation, file, law == NULL ? "policy" : law->name, seed, scale);
}

/* What the other traffic suffers without the fleet, for as long as the run took. */
static int run_alone(const struct sim_scenario *scenario, int64_t seed, double until_s, struct sim_background_result *ret_alone)
{
    struct sim_options options = {
        .seed = (uint64_t)seed, .no_fleet = true, .until_us = (int64_t)(until_s * 1e6)};
    struct sim_result result;
    memset(ret_alone, 0, sizeof(*ret_alone));
    if (scenario->background_count == 0) {
        return 0;
    }
    int status = sim_run(scenario, &options, &result);
    if (status == 0) {
        *ret_alone = result.background;
        sim_result_finish(&result);
    }
    return status;
}

static int run_file(struct simulate *simulate, const char *file, const struct sim_law *const *laws, size_t law_count,
                    struct report *report)
{
    struct sim_scenario *scenario = NULL;
    int code = load(simulate, file, simulate->scale, &scenario);
    for (size_t l = 0; code == 0 && l < law_count; l++) {
        for (int64_t n = 0; code == 0 && n < simulate->repeat; n++) {
            char label[128];
            struct report_run run = {.law = laws[l] == NULL ? "policy" : laws[l]->name, .seed = simulate->seed + n};
            snprintf(label, sizeof(label), "%s %s seed %" PRId64, scenario->name, run.law, run.seed);
            simulate->label = label;
            int64_t began_us = clock_monotonic_us();
            int status = run_once(simulate, scenario, laws[l], run.seed, &run.result);
            run.wall_s = (double)(clock_monotonic_us() - began_us) / 1e6;
            status = status != 0 ? status : run_alone(scenario, run.seed, run.result.end_s, &run.alone);
            if (status == 0 && run.result.violation[0] != '\0') {
                tell_violation(simulate, file, laws[l], run.seed, &run.result);
                sim_result_finish(&run.result);
                simulate->violated = true;
            } else if (status != 0 || !report_add(report, scenario, &run)) {
                code = cli_fail(simulate->command, 71, "%s", hg_strerror(status != 0 ? status : HG_E_NOMEM));
            }
        }
    }
    sim_scenario_destroy(scenario);
    return code;
}

/* "a,b" or "all"; the policy's own limiter is "policy". */
static int read_laws(const struct simulate *simulate, const struct sim_law **ret_laws, size_t *ret_count)
{
    if (strcmp(simulate->laws, "all") == 0) {
        for (size_t i = 0; i < sim_law_count; i++) {
            ret_laws[(*ret_count)++] = &sim_laws[i];
        }
        return 0;
    }
    char *copy = strdup(simulate->laws), *rest = NULL;
    for (char *name = copy == NULL ? NULL : strtok_r(copy, ",", &rest); name != NULL && *ret_count < LAWS_MAX;
         name = strtok_r(NULL, ",", &rest)) {
        const struct sim_law *law = sim_law_find(name);
        if (law == NULL && strcmp(name, "policy") != 0) {
            char known[512] = "policy";
            for (size_t i = 0; i < sim_law_count; i++) {
                strcat(strcat(known, ", "), sim_laws[i].name);
            }
            int code = cli_fail(simulate->command, CLI_USAGE, "there is no law '%s'; known: all, %s", name, known);
            free(copy);
            return code;
        }
        ret_laws[(*ret_count)++] = law;
    }
    free(copy);
    return *ret_count > 0 ? 0 : cli_fail(simulate->command, CLI_USAGE, "--law names no law");
}

static int give_report(const struct simulate *simulate, const struct report *report)
{
    if (simulate->json) {
        report_json(report, stdout);
    } else if (!simulate->trace) {
        report_table(report, stdout);
    }
    if (simulate->html != NULL) {
        FILE *out = fopen(simulate->html, "w");
        if (out == NULL) {
            return cli_fail(simulate->command, CLI_IO, "cannot write %s", simulate->html);
        }
        report_html(report, out);
        if (fclose(out) != 0) {
            return cli_fail(simulate->command, CLI_IO, "cannot write %s", simulate->html);
        }
    }
    return 0;
}

/* Options may stand before, between and behind the files. */
static int read_arguments(const struct cli_command *command, const struct cli_option *options, size_t option_count,
                          int argc, char **argv, struct cli_list *files)
{
    do {
        struct cli_parse parse = {command, options, option_count, 0, CLI_LIST_MAX};
        int code = cli_parse(&parse, argc, argv);
        if (code >= 0) {
            return code;
        }
        size_t taken = 0;
        while (taken < parse.rest_count && strncmp(parse.rest[taken], "--", 2) != 0 && files->count < CLI_LIST_MAX) {
            files->values[files->count++] = parse.rest[taken++];
        }
        /* What follows stands behind something that takes the place of the command's name. */
        argv = parse.rest + taken - 1;
        argc = (int)(parse.rest_count - taken) + 1;
    } while (argc > 1);
    return -1;
}

static void on_world(void *user_data, int64_t seed, const char *law)
{
    struct simulate *simulate = user_data;
    snprintf(simulate->world, sizeof(simulate->world), "world %" PRId64 " %s", seed, law);
    simulate->label = simulate->world;
}

static int run_random(struct simulate *simulate, const struct sim_law *const *laws, size_t law_count)
{
    struct worlds_options options = {.command = simulate->command,
                                     .laws = laws,
                                     .law_count = law_count,
                                     .count = simulate->random,
                                     .seed = simulate->seed,
                                     .information = simulate->information,
                                     .json = simulate->json,
                                     .show = simulate->show,
                                     .checks = !simulate->no_checks,
                                     .on_progress = on_progress,
                                     .on_world = on_world,
                                     .user_data = simulate};
    return worlds_run(&options, stdout);
}

int cli_simulate(const struct cli_command *command, int argc, char **argv)
{
    struct simulate simulate = {.command = command, .laws = "policy", .seed = 1, .repeat = 1, .scale = 1,
                                .information = "gauge+phase"};
    const struct cli_option options[] = {
        {"law", CLI_TEXT, "LAW[,LAW]", "who decides: policy (its own limiter, the default), none, client-backoff,\n"
                                       "fixed-50, fixed-100, fixed-200, slow-start, aimd, vegas, gradient2, bbr,\n"
                                       "oracle, or all", &simulate.laws},
        {"seed", CLI_INTEGER, "N", "of every draw (1): the same seed gives the same run", &simulate.seed, .min = 0, .max = 1e15},
        {"repeat", CLI_INTEGER, "K", "so many seeds, from --seed on (1)", &simulate.repeat, .min = 1, .max = 10000},
        {"scale", CLI_NUMBER, "X", "fleets so many times as large (1)", &simulate.scale, .min = 1e-6, .max = 1000},
        {"json", CLI_FLAG, NULL, "the report as JSON", &simulate.json},
        {"html", CLI_TEXT, "FILE", "the report as one page with plots", &simulate.html},
        {"trace", CLI_FLAG, NULL, "every decision as it is made, instead of the table", &simulate.trace},
        {"no-checks", CLI_FLAG, NULL, "without the checkers, which take about a tenth of the time", &simulate.no_checks},
        {"random", CLI_INTEGER, "N", "N worlds drawn at random from --seed on, instead of files; in the table those\n"
                                     "that a controller that knows all could bring back in 1.5 times the ideal",
         &simulate.random, .min = 1, .max = 100000},
        {"information", CLI_TEXT, "WHAT", "what is known of them: blind, timeout, phase, gauge, gauge+phase (the default),\n"
                                          "probe, noisy, lying", &simulate.information},
        {"show", CLI_FLAG, NULL, "with --random: print the worlds as scenario files and run nothing", &simulate.show},
        {"schema", CLI_FLAG, NULL, "print the JSON Schema of scenario files", &simulate.schema},
    };
    const struct sim_law *laws[LAWS_MAX];
    size_t law_count = 0;
    struct cli_list files = {0};
    int code = read_arguments(command, options, sizeof(options) / sizeof(options[0]), argc, argv, &files);
    if (code >= 0) {
        return code;
    }
    if (simulate.schema) {
        sim_schema_print(stdout);
        return 0;
    }
    if (files.count == 0 && simulate.random == 0) {
        return cli_fail(command, CLI_USAGE, "no scenario given; see headgate simulate --help");
    }
    code = read_laws(&simulate, laws, &law_count);
    if (code != 0) {
        return code;
    }
    simulate.progress = isatty(STDERR_FILENO) && !simulate.trace;
    if (simulate.random > 0) {
        return run_random(&simulate, laws, law_count);
    }
    struct report report = {0};
    for (size_t i = 0; code == 0 && i < files.count; i++) {
        code = run_file(&simulate, files.values[i], laws, law_count, &report);
    }
    int given = report.scenario_count == 0 && !simulate.json ? 0 : give_report(&simulate, &report);
    report_finish(&report);
    return code != 0 ? code : simulate.violated ? 1 : given;
}
