#include "cli/status.h"
#include "cli/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BAR_WIDTH       16
#define RECOVERIES_OVER 3 /* ended ones that are shown */

static const char *text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text == NULL ? "" : text;
}

static int64_t integer_of(const json_t *json, const char *name)
{
    return json_integer_value(json_object_get(json, name));
}

static enum cli_color color_of_phase(const char *phase)
{
    static const struct {
        const char *phase;
        enum cli_color color;
    } colors[] = {{"blocked", CLI_RED},    {"frozen", CLI_RED},     {"paused", CLI_RED},
                  {"probing", CLI_YELLOW}, {"ramping", CLI_YELLOW}, {"steady", CLI_GREEN},
                  {"idle", CLI_PLAIN}};
    for (size_t i = 0; i < sizeof(colors) / sizeof(colors[0]); i++) {
        if (strcmp(colors[i].phase, phase) == 0) {
            return colors[i].color;
        }
    }
    return CLI_PLAIN;
}

/* One line out of text from the network. */
static const char *one_line(const char *text, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "%s", text);
    for (char *at = ret_text; *at != '\0'; at++) {
        *at = (unsigned char)*at < 0x20 || *at == 0x7f ? ' ' : *at;
    }
    return ret_text;
}

static void write_count(struct cli_table *table, size_t column, int64_t count, enum cli_color color)
{
    char text[32];
    cli_table_cell(table, column, count == 0 ? CLI_DIM : color, "%s",
                   cli_count_text(count, text, sizeof(text)));
}

static void write_number(struct cli_table *table, size_t column, const json_t *number)
{
    char text[48];
    cli_table_cell(table, column, CLI_PLAIN, "%s",
                   json_is_number(number) ? cli_number_text(json_number_value(number), text, sizeof(text))
                                          : "-");
}

/* Why each is in its phase: the last thing to be cut off on a narrow terminal, so not in the table. */
static void write_reasons(FILE *out, const struct status_view *view, const json_t *dependencies)
{
    char why[256];
    size_t i;
    json_t *dependency;
    json_array_foreach(dependencies, i, dependency)
    {
        const char *phase = text_of(dependency, "phase");
        if (text_of(dependency, "why")[0] != '\0') {
            fprintf(out, "  %s is ", text_of(dependency, "dependency"));
            cli_print_colored(out, view->colors, color_of_phase(phase), phase);
            fprintf(out, ": %s\n", one_line(text_of(dependency, "why"), why, sizeof(why)));
        }
    }
}

static void write_dependencies(FILE *out, const struct status_view *view, const json_t *dependencies)
{
    static const char *const titles[] = {"DEPENDENCY", "PHASE",     "PROBE",  "RATE/S",    "BURST", "PACE/S",
                                         "TOKENS",     "IN FLIGHT", "WINDOW", "RECOVERED", "FAILED"};
    static const bool right[] = {false, false, false, true, true, true, true, true, true, true, true};
    char window[64];
    struct cli_table table;
    size_t i;
    json_t *dependency;
    cli_table_init(&table, 11, titles, right);
    json_array_foreach(dependencies, i, dependency)
    {
        const char *phase = text_of(dependency, "phase"), *probe = text_of(dependency, "probe");
        snprintf(window, sizeof(window), "%" PRId64 " of %" PRId64, integer_of(dependency, "window"),
                 integer_of(dependency, "in_flight_max"));
        cli_table_row(&table);
        cli_table_cell(&table, 0, CLI_PLAIN, "%s", text_of(dependency, "dependency"));
        cli_table_cell(&table, 1, color_of_phase(phase), "%s", phase[0] == '\0' ? "?" : phase);
        cli_table_cell(&table, 2, strcmp(probe, "down") == 0 ? CLI_RED : CLI_PLAIN, "%s", probe);
        write_number(&table, 3, json_object_get(dependency, "rate"));
        write_number(&table, 4, json_object_get(dependency, "burst"));
        write_number(&table, 5, json_object_get(dependency, "pace"));
        cli_table_cell(&table, 6, CLI_PLAIN, "%.1f",
                       json_number_value(json_object_get(dependency, "tokens")));
        write_count(&table, 7, integer_of(dependency, "in_flight"), CLI_PLAIN);
        cli_table_cell(&table, 8, CLI_PLAIN, "%s", window);
        write_count(&table, 9, integer_of(dependency, "recovered"), CLI_PLAIN);
        write_count(&table, 10, integer_of(dependency, "failed") + integer_of(dependency, "expired"),
                    CLI_YELLOW);
    }
    cli_table_print(&table, out, view->colors);
    cli_table_finish(&table);
    write_reasons(out, view, dependencies);
}

/* Instances of a fleet that are not back yet and will come. */
static int64_t count_out(const json_t *fleet)
{
    return integer_of(fleet, "waiting") + integer_of(fleet, "waiting_retry") +
           integer_of(fleet, "in_flight") + integer_of(fleet, "backoff");
}

static struct status_progress *find_progress(struct status_view *view, const char *fleet)
{
    for (size_t i = 0; i < view->progress_count; i++) {
        if (strcmp(view->progress[i].fleet, fleet) == 0) {
            return &view->progress[i];
        }
    }
    if (view->progress_count == STATUS_FLEETS_MAX) {
        return NULL;
    }
    struct status_progress *progress = &view->progress[view->progress_count++];
    snprintf(progress->fleet, sizeof(progress->fleet), "%s", fleet);
    progress->begun = false;
    return progress;
}

static void write_bar(struct cli_table *table, size_t column, struct status_view *view, const json_t *fleet)
{
    char bar[BAR_WIDTH + 1];
    struct status_progress *progress = find_progress(view, text_of(fleet, "fleet"));
    int64_t out = count_out(fleet), recovered = integer_of(fleet, "recovered");
    if (progress == NULL) {
        return;
    }
    if (!progress->begun || recovered < progress->recovered_before) {
        progress->recovered_before = recovered;
        progress->begun = true;
    }
    int64_t back = recovered - progress->recovered_before, all = back + out;
    if (all == 0) {
        cli_table_cell(table, column, CLI_DIM, "nobody is out");
        return;
    }
    int filled = (int)(back * BAR_WIDTH / all);
    for (int i = 0; i < BAR_WIDTH; i++) {
        bar[i] = i < filled ? '#' : '.';
    }
    bar[BAR_WIDTH] = '\0';
    cli_table_cell(table, column, out == 0 ? CLI_GREEN : CLI_PLAIN, "[%s] %3" PRId64 " %%", bar,
                   back * 100 / all);
}

static void write_eta(struct cli_table *table, size_t column, const json_t *fleet)
{
    char time[48];
    const json_t *eta = json_object_get(fleet, "eta_ms");
    if (json_is_true(json_object_get(fleet, "paused"))) {
        cli_table_cell(table, column, CLI_RED, "paused");
    } else if (json_is_true(json_object_get(fleet, "held"))) {
        cli_table_cell(table, column, CLI_YELLOW, "after others");
    } else if (integer_of(fleet, "waiting") + integer_of(fleet, "waiting_retry") == 0) {
        cli_table_cell(table, column, CLI_DIM, "-");
    } else if (json_is_integer(eta)) {
        cli_table_cell(table, column, CLI_PLAIN, "%s",
                       cli_time_text((int64_t)json_integer_value(eta) * 1000, time, sizeof(time)));
    } else {
        cli_table_cell(table, column, CLI_PLAIN, "not known");
    }
}

static void write_fleets(FILE *out, struct status_view *view, const json_t *fleets)
{
    static const char *const titles[] = {"FLEET",   "ETA",         "WAITING",   "RETRYING", "IN FLIGHT",
                                         "BACKOFF", "QUARANTINED", "RECOVERED", "FAILED"};
    static const char *const titles_bar[] = {"FLEET",     "BACK",    "ETA",         "WAITING",   "RETRYING",
                                             "IN FLIGHT", "BACKOFF", "QUARANTINED", "RECOVERED", "FAILED"};
    static const bool right[] = {false, true, true, true, true, true, true, true, true, true};
    struct cli_table table;
    size_t i;
    json_t *fleet;
    size_t bar = view->progress == NULL ? 0 : 1;
    cli_table_init(&table, 9 + bar, bar == 0 ? titles : titles_bar, right);
    json_array_foreach(fleets, i, fleet)
    {
        const char *name = text_of(fleet, "fleet");
        if (view->fleet != NULL && strcmp(view->fleet, name) != 0) {
            continue;
        }
        cli_table_row(&table);
        cli_table_cell(&table, 0, CLI_PLAIN, "%s", name);
        if (bar > 0) {
            write_bar(&table, 1, view, fleet);
        }
        write_eta(&table, 1 + bar, fleet);
        write_count(&table, 2 + bar, integer_of(fleet, "waiting"), CLI_PLAIN);
        write_count(&table, 3 + bar, integer_of(fleet, "waiting_retry"), CLI_PLAIN);
        write_count(&table, 4 + bar, integer_of(fleet, "in_flight"), CLI_PLAIN);
        write_count(&table, 5 + bar, integer_of(fleet, "backoff"), CLI_YELLOW);
        write_count(&table, 6 + bar, integer_of(fleet, "quarantined"), CLI_RED);
        write_count(&table, 7 + bar, integer_of(fleet, "recovered"), CLI_PLAIN);
        write_count(&table, 8 + bar, integer_of(fleet, "failed") + integer_of(fleet, "expired"), CLI_YELLOW);
    }
    cli_table_print(&table, out, view->colors);
    cli_table_finish(&table);
}

static void write_recovery(FILE *out, const struct status_view *view, const json_t *recovery)
{
    char began[48], length[48], cause[256];
    const json_t *ended = json_object_get(recovery, "ended_ms");
    bool over = json_is_integer(ended);
    int64_t began_us = integer_of(recovery, "began_ms") * 1000;
    int64_t ended_us = over ? (int64_t)json_integer_value(ended) * 1000 : view->now_wall_us;
    const json_t *timeline = json_object_get(recovery, "timeline");
    const char *phase = text_of(json_array_get(timeline, json_array_size(timeline) - 1), "phase");
    fprintf(out, "  #%" PRId64 " %s ", integer_of(recovery, "number"), text_of(recovery, "dependency"));
    cli_print_colored(out, view->colors, over ? CLI_GREEN : color_of_phase(phase), over ? "over" : phase);
    fprintf(out, ", began %s, %s %s: %s; granted %" PRId64 ", recovered %" PRId64 ", failed %" PRId64 "\n",
            cli_clock_text(began_us, view->now_wall_us, began, sizeof(began)), over ? "took" : "for",
            cli_time_text(ended_us > began_us ? ended_us - began_us : 0, length, sizeof(length)),
            one_line(text_of(recovery, "cause"), cause, sizeof(cause)), integer_of(recovery, "granted"),
            integer_of(recovery, "recovered"), integer_of(recovery, "failed"));
}

static void write_recoveries(FILE *out, const struct status_view *view, const char *policy)
{
    size_t i, over = 0, shown = 0;
    json_t *recovery;
    json_array_foreach(json_object_get(view->recoveries, "recoveries"), i, recovery)
    {
        bool ended = json_is_integer(json_object_get(recovery, "ended_ms"));
        if (strcmp(text_of(recovery, "policy"), policy) != 0 || (ended && over++ >= RECOVERIES_OVER)) {
            continue;
        }
        if (shown++ == 0) {
            fputc('\n', out);
            cli_print_colored(out, view->colors, CLI_BOLD, "RECOVERIES");
            fputc('\n', out);
        }
        write_recovery(out, view, recovery);
    }
}

static void write_policy(FILE *out, struct status_view *view, const json_t *policy)
{
    char time[48];
    const char *leader = text_of(policy, "leader"), *name = text_of(policy, "policy");
    fputc('\n', out);
    cli_print_colored(out, view->colors, CLI_BOLD, name);
    fprintf(out, "  generation %" PRId64 ", led by %s%s", integer_of(policy, "generation"),
            leader[0] == '\0' ? "nobody" : leader,
            json_is_true(json_object_get(policy, "leading")) ? " (this one)" : "");
    if (strcmp(text_of(policy, "mode"), "observe") == 0) {
        fputs(", ", out);
        cli_print_colored(out, view->colors, CLI_YELLOW, "observes only: everything is granted");
    }
    if (json_is_true(json_object_get(policy, "learning"))) {
        fprintf(out, ", learning what is in flight for another %s: only canaries pass",
                cli_time_text(integer_of(policy, "learning_ms") * 1000, time, sizeof(time)));
    }
    if (!json_is_true(json_object_get(policy, "ready"))) {
        fputs(", ", out);
        cli_print_colored(out, view->colors, CLI_RED, "cannot answer yet");
    }
    fputs("\n\n", out);
    write_dependencies(out, view, json_object_get(policy, "dependencies"));
    fputc('\n', out);
    write_fleets(out, view, json_object_get(policy, "fleets"));
    write_recoveries(out, view, name);
}

static bool has_fleet(const json_t *policy, const char *name)
{
    size_t i;
    json_t *fleet;
    json_array_foreach(json_object_get(policy, "fleets"), i, fleet)
    {
        if (strcmp(text_of(fleet, "fleet"), name) == 0) {
            return true;
        }
    }
    return false;
}

void status_write(FILE *out, struct status_view *view)
{
    char detail[256];
    size_t i;
    json_t *policy;
    const json_t *store = json_object_get(view->status, "store");
    bool up = json_is_true(json_object_get(store, "up"));
    fprintf(out, "headgate %s on %s; store %s ", text_of(view->status, "version"),
            text_of(view->status, "controller"), text_of(store, "url"));
    cli_print_colored(out, view->colors, up ? CLI_PLAIN : CLI_RED,
                      up ? "is up" : "is AWAY, nobody is granted");
    fprintf(out, " (%s)\n", one_line(text_of(store, "detail"), detail, sizeof(detail)));
    json_array_foreach(json_object_get(view->status, "policies"), i, policy)
    {
        if (view->fleet == NULL || has_fleet(policy, view->fleet)) {
            write_policy(out, view, policy);
        }
    }
}
