#include "demo/report.h"

#include "demo/gate.h"
#include "headgate/errors.h"

#include <jansson.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR_WIDTH    16
#define TTY_EVERY_US 100000
#define LOG_EVERY_US 2000000
#define CELL_MAX     48
#define CELL_WIDTH   24
#define RUNS_MAX     2
#define LINE_MAX_BYTES  256
#define COLUMNS_DEFAULT 80

void demo_progress_init(struct demo_progress *progress, const char *label)
{
    *progress = (struct demo_progress){.label = label, .tty = isatty(STDERR_FILENO) == 1};
}

static double percent(int64_t part, int64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0.0;
}

static int terminal_columns(void)
{
    struct winsize window;
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0;
    return known ? window.ws_col : COLUMNS_DEFAULT;
}

void demo_progress_draw(struct demo_progress *progress, const struct demo_world *world, const char *phase,
                        int64_t age_us)
{
    bool fresh = progress->phase == NULL || strcmp(progress->phase, phase) != 0;
    if (!fresh && age_us - progress->drawn_us < (progress->tty ? TTY_EVERY_US : LOG_EVERY_US)) {
        return;
    }
    if (fresh && progress->phase != NULL && progress->tty) {
        fputc('\n', stderr);
    }
    progress->phase = phase;
    progress->drawn_us = age_us;
    int up = demo_world_count(world, DEMO_UP);
    char bar[BAR_WIDTH + 1];
    int filled = up * BAR_WIDTH / world->config.instances;
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', (size_t)filled);
    bar[BAR_WIDTH] = '\0';
    int64_t done = world->served + world->wasted;
    char line[LINE_MAX_BYTES];
    int size = snprintf(line, sizeof(line),
                        "%s, %s %5.1f s [%s] %d/%d up, queue %lld, user errors %lld, %d loading, wasted %.0f %%",
                        progress->label, phase, (double)age_us / 1e6, bar, up, world->config.instances,
                        (long long)world->queue, (long long)world->background_errors,
                        demo_world_count(world, DEMO_LOADING), percent(world->wasted, done));
    if (progress->tty) {
        /* One line: a wrapped one could not be drawn over. What matters least stands last. */
        int columns = terminal_columns();
        fprintf(stderr, "\r%.*s\033[K", size < columns ? size : columns - 1, line);
    } else {
        fprintf(stderr, "%s\n", line);
    }
    fflush(stderr);
}

void demo_progress_finish(struct demo_progress *progress)
{
    if (progress->tty && progress->phase != NULL) {
        fputc('\n', stderr);
    }
}

void demo_report_setting(const struct demo_config *config, FILE *out)
{
    struct demo_limits limits = demo_gate_limits(config);
    double capacity = (double)config->workers * 1e6 / (double)config->service_us;
    fprintf(out,
            "The dependency: %d workers, %.0f ms a request, so %.0f requests/s; slower, up to\n"
            "%d times, beyond %d open requests; an unbounded queue; a client waits %.1f s, and\n"
            "the work is done even when it has gone.\n",
            config->workers, (double)config->service_us / 1e3, capacity, config->slow_max, config->knee,
            (double)config->request_timeout_us / 1e6);
    fprintf(out,
            "Its users: %d clients ask every %.1f s; %d instances renew a lease every %.1f s\n"
            "and need %d requests to come back, with retries, and backoff with full jitter\n"
            "up to %.1f s.\n",
            config->background, (double)config->background_period_us / 1e6, config->instances,
            (double)config->renew_us / 1e6, config->requests, (double)config->backoff_max_us / 1e6);
    fprintf(out, "The gate's policy: %g relaunches/s, burst %d, %d in flight.\n\n", limits.rate, limits.burst,
            limits.in_flight);
    fflush(out);
}

static void format_time(const struct demo_config *config, const struct demo_result *result, int64_t time_us,
                        char *ret_cell)
{
    if (time_us >= 0) {
        snprintf(ret_cell, CELL_MAX, "%.1f s", (double)time_us / 1e6);
    } else {
        snprintf(ret_cell, CELL_MAX, "not in %.0f s: %d of %d", (double)result->length_us / 1e6, result->back,
                 config->instances);
    }
}

enum row {
    ROW_HALF,
    ROW_MOST,
    ROW_ATTEMPTS,
    ROW_WASTED,
    ROW_QUEUE,
    ROW_USERS,
    ROW_LOST,
    ROW_ASKED,
    ROW_COUNT,
};

static const char *const row_names[ROW_COUNT] = {
    [ROW_HALF] = "50 % back after",
    [ROW_MOST] = "99 % back after",
    [ROW_ATTEMPTS] = "attempts an instance (most)",
    [ROW_WASTED] = "the dependency's work wasted",
    [ROW_QUEUE] = "peak queue",
    [ROW_USERS] = "errors its users saw",
    [ROW_LOST] = "leases lost again",
    [ROW_ASKED] = "requests to the gate, each",
};

static void format_cell(const struct demo_config *config, const struct demo_result *result, enum row row,
                        char *ret_cell)
{
    switch (row) {
    case ROW_HALF:
        format_time(config, result, result->half_us, ret_cell);
        return;
    case ROW_MOST:
        format_time(config, result, result->most_us, ret_cell);
        return;
    case ROW_ATTEMPTS:
        snprintf(ret_cell, CELL_MAX, "%.2f (%d)", result->attempts_mean, result->attempts_max);
        return;
    case ROW_WASTED:
        snprintf(ret_cell, CELL_MAX, "%.1f %% (%lld)",
                 percent(result->wasted, result->wasted + result->served), (long long)result->wasted);
        return;
    case ROW_QUEUE:
        snprintf(ret_cell, CELL_MAX, "%lld", (long long)result->queue_peak);
        return;
    case ROW_USERS:
        snprintf(ret_cell, CELL_MAX, "%.1f %% (%lld)",
                 percent(result->background_errors, result->background_asked),
                 (long long)result->background_errors);
        return;
    case ROW_LOST:
        snprintf(ret_cell, CELL_MAX, "%lld", (long long)result->lost_again);
        return;
    case ROW_ASKED:
        snprintf(ret_cell, CELL_MAX, result->gated ? "%.1f" : "-", result->asked_mean);
        return;
    case ROW_COUNT:
        break;
    }
    ret_cell[0] = '\0';
}

void demo_report_table(const struct demo_config *config, const struct demo_result *results, int count,
                       FILE *out)
{
    fprintf(out, "\n%-28s", "since the dependency is back");
    for (int i = 0; i < count; i++) {
        fprintf(out, "  %-*s", i + 1 < count ? CELL_WIDTH : 0, results[i].gated ? "through Headgate" : "all at once");
    }
    for (int row = 0; row < ROW_COUNT; row++) {
        fprintf(out, "\n%-28s", row_names[row]);
        for (int i = 0; i < count; i++) {
            char cell[CELL_MAX];
            format_cell(config, &results[i], (enum row)row, cell);
            fprintf(out, "  %-*s", i + 1 < count ? CELL_WIDTH : 0, cell);
        }
    }
    fputc('\n', out);
}

static json_t *time_json(int64_t time_us)
{
    return time_us < 0 ? json_null() : json_integer(time_us / 1000);
}

static json_t *result_json(const struct demo_result *result)
{
    return json_pack("{s:s, s:b, s:i, s:o, s:o, s:I, s:f, s:i, s:f, s:I, s:I, s:I, s:I, s:I, s:I}", "run",
                     result->gated ? "gate" : "herd", "finished", result->finished, "back", result->back,
                     "half_ms", time_json(result->half_us), "most_ms", time_json(result->most_us),
                     "length_ms", (json_int_t)(result->length_us / 1000), "attempts_mean",
                     result->attempts_mean, "attempts_max", result->attempts_max, "asked_mean",
                     result->asked_mean, "served", (json_int_t)result->served, "wasted",
                     (json_int_t)result->wasted, "queue_peak", (json_int_t)result->queue_peak,
                     "background_asked", (json_int_t)result->background_asked, "background_errors",
                     (json_int_t)result->background_errors, "lost_again", (json_int_t)result->lost_again);
}

int demo_report_json(const struct demo_config *config, const struct demo_result *results, int count,
                     FILE *out)
{
    struct demo_limits limits = demo_gate_limits(config);
    json_t *runs = json_array();
    for (int i = 0; i < count; i++) {
        json_array_append_new(runs, result_json(&results[i]));
    }
    json_t *report = json_pack("{s:i, s:{s:i, s:I, s:i, s:I}, s:{s:f, s:i, s:i}, s:o}", "instances",
                               config->instances, "dependency", "workers", config->workers, "service_us",
                               (json_int_t)config->service_us, "knee", config->knee, "request_timeout_ms",
                               (json_int_t)(config->request_timeout_us / 1000), "limits", "rate", limits.rate,
                               "burst", limits.burst, "in_flight", limits.in_flight, "runs", runs);
    if (report == NULL) {
        return HG_E_NOMEM;
    }
    int status = json_dumpf(report, out, JSON_INDENT(2)) == 0 ? 0 : HG_E_IO;
    fputc('\n', out);
    json_decref(report);
    return status;
}
