/* The report, for people and as JSON. */
#include "launch/relaunch_internal.h"

#include "headgate/errors.h"

#include "launch/report.h"
#include "launch/words.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 20 /* quarantined or unrecovered instances shown to a person; JSON has them all */

static const char *result_of(const struct relaunch *relaunch, const struct report *report)
{
    return report->left == 0 && report->quarantined == 0 ? "recovered"
           : report->left == 0                           ? "quarantined"
           : relaunch->aborted                           ? "aborted"
                                                         : "stopped";
}

static void write_time(FILE *out, const char *name, int64_t ms)
{
    char text[WORDS_MAX];
    fprintf(out, "  %-12s %s\n", name, ms < 0 ? "-" : words_duration(ms * 1000, text));
}

/* The last lines that a failed command wrote, below its name. */
static void write_output(FILE *out, const char *output)
{
    while (output != NULL && *output != '\0') {
        size_t size = strcspn(output, "\n");
        fprintf(out, "      | %.*s\n", (int)size, output);
        output += output[size] == '\n' ? size + 1 : size;
    }
}

static void write_units(const struct relaunch *relaunch, FILE *out, const char *title, bool quarantined)
{
    int64_t shown = 0, more = 0;
    for (uint32_t i = 0; i < relaunch->units.count; i++) {
        const struct unit *unit = &relaunch->units.all[i];
        bool wanted = quarantined ? unit->state == UNIT_QUARANTINED
                                  : unit->state != UNIT_QUARANTINED && unit->state != UNIT_RECOVERED &&
                                        unit->reason != NULL;
        if (!wanted) {
            continue;
        }
        if (shown == SHOWN_MAX) {
            more++;
            continue;
        }
        fprintf(out, "%s    %s: %s\n", shown++ == 0 ? title : "", list_name(&relaunch->list, i),
                unit->reason == NULL ? "" : unit->reason);
        write_output(out, unit->output != NULL && strchr(unit->output, '\n') != NULL ? unit->output : NULL);
    }
    if (more > 0) {
        fprintf(out, "    and %lld more (the JSON report has all)\n", (long long)more);
    }
}

static void write_attempts(FILE *out, const struct report *report)
{
    char text[WORDS_MAX];
    fprintf(out, "  %-12s", "attempts");
    for (size_t i = 1; i <= REPORT_ATTEMPTS_MAX; i++) {
        if (report->attempts[i] > 0) {
            fprintf(out, " %zu%s: %s ", i, i == REPORT_ATTEMPTS_MAX ? "+" : "",
                    words_count(report->attempts[i], text));
        }
    }
    fprintf(out, "%s\n", report->recovered == 0 ? " -" : "");
}

static void write_text(const struct relaunch *relaunch, const struct report *report, FILE *out)
{
    char a[WORDS_MAX], b[WORDS_MAX];
    fprintf(out, "fleet %s: %s of %s recovered", relaunch->options->fleet, words_count(report->recovered, a),
            words_count(report->total, b));
    if (report->quarantined > 0) {
        fprintf(out, ", %s quarantined", words_count(report->quarantined, a));
    }
    if (report->left > 0) {
        fprintf(out, ", %s left", words_count(report->left, a));
    }
    fputc('\n', out);
    write_time(out, "half after", report->t50_ms);
    write_time(out, "99% after", report->t99_ms);
    write_time(out, "last after", report->last_ms);
    write_attempts(out, report);
    fprintf(out, "  %-12s %s attempts\n", "failed", words_count(report->failures, a));
    if (relaunch->lost > 0) {
        fprintf(out, "  %-12s %s permits were lost while the command ran\n", "lost",
                words_count(relaunch->lost, a));
    }
    for (size_t i = 0; i < report->reason_count; i++) {
        fprintf(out, "%s    %s x %s\n", i == 0 ? "  not recovered, by the last failure:\n" : "",
                words_count(report->reasons[i].count, a), report->reasons[i].text);
    }
    write_units(relaunch, out, "  quarantined (find out why, then release them):\n", true);
    write_units(relaunch, out, "  failed, and to be tried again:\n", false);
    if (relaunch->why[0] != '\0') {
        fprintf(out, "  stopped: %s\n", relaunch->why);
    }
    if (report->left > 0) {
        fprintf(out, "  run the same command again to go on\n");
    }
}

static json_t *time_json(int64_t ms)
{
    return ms < 0 ? json_null() : json_real((double)ms / 1000);
}

/* Commands write what they like; JSON is UTF-8. */
static json_t *text_json(const char *text)
{
    json_t *json = text == NULL ? json_null() : json_string(text);
    if (json != NULL) {
        return json;
    }
    char *plain = strdup(text);
    for (char *at = plain; at != NULL && *at != '\0'; at++) {
        *at = (unsigned char)*at >= 0x80 ? '?' : *at;
    }
    json = plain == NULL ? NULL : json_string(plain);
    free(plain);
    return json;
}

static json_t *units_json(const struct relaunch *relaunch, bool quarantined)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < relaunch->units.count; i++) {
        const struct unit *unit = &relaunch->units.all[i];
        bool wanted = quarantined ? unit->state == UNIT_QUARANTINED
                                  : unit->state != UNIT_QUARANTINED && unit->state != UNIT_RECOVERED;
        if (wanted) {
            json_array_append_new(list,
                                  json_pack("{s:s, s:i, s:o, s:o}", "instance", list_name(&relaunch->list, i),
                                            "attempts", (int)unit->attempts, "reason",
                                            text_json(unit->reason), "output", text_json(unit->output)));
        }
    }
    return list;
}

static json_t *report_json(const struct relaunch *relaunch, const struct report *report)
{
    json_t *attempts = json_object(), *reasons = json_array();
    for (size_t i = 1; i <= REPORT_ATTEMPTS_MAX; i++) {
        char name[8];
        snprintf(name, sizeof(name), "%zu", i);
        if (report->attempts[i] > 0) {
            json_object_set_new(attempts, name, json_integer(report->attempts[i]));
        }
    }
    for (size_t i = 0; i < report->reason_count; i++) {
        json_array_append_new(reasons, json_pack("{s:o, s:I}", "reason", text_json(report->reasons[i].text),
                                                 "count", (json_int_t)report->reasons[i].count));
    }
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "fleet", relaunch->options->fleet, "result", result_of(relaunch, report), "total",
                     (json_int_t)report->total, "recovered", (json_int_t)report->recovered, "quarantined",
                     (json_int_t)report->quarantined, "left", (json_int_t)report->left, "failed_attempts",
                     (json_int_t)report->failures, "lost_permits", (json_int_t)relaunch->lost,
                     "seconds_to_50_percent", time_json(report->t50_ms), "seconds_to_99_percent",
                     time_json(report->t99_ms), "seconds_to_last", time_json(report->last_ms), "attempts",
                     attempts, "failures", reasons, "quarantine", units_json(relaunch, true), "unrecovered",
                     units_json(relaunch, false), "stopped_because",
                     relaunch->why[0] == '\0' ? json_null() : text_json(relaunch->why));
}

static bool write_to(const struct relaunch *relaunch, const struct report *report, FILE *out, bool json)
{
    if (!json) {
        write_text(relaunch, report, out);
        return ferror(out) == 0;
    }
    json_t *root = report_json(relaunch, report);
    bool ok = root != NULL && json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) == 0 &&
              fputc('\n', out) != EOF;
    json_decref(root);
    return ok;
}

static bool is_json_file(const char *path)
{
    size_t size = strlen(path);
    return size > 5 && strcmp(path + size - 5, ".json") == 0;
}

int report_write(struct relaunch *relaunch)
{
    struct report report;
    const char *path = relaunch->options->report;
    int failure = hg_error_exit_code(HG_E_IO);
    if (report_make(&relaunch->units, &report) != 0) {
        return hg_error_exit_code(HG_E_NOMEM);
    }
    bool ok = write_to(relaunch, &report, stdout, relaunch->options->json) && fflush(stdout) == 0;
    if (!ok) {
        fprintf(stderr, "headgate relaunch: the report cannot be written to standard output\n");
    }
    FILE *file = path == NULL ? NULL : fopen(path, "we");
    if (path != NULL) {
        bool written =
            file != NULL && write_to(relaunch, &report, file, relaunch->options->json || is_json_file(path));
        written = file != NULL && fclose(file) == 0 && written;
        if (!written) {
            fprintf(stderr, "headgate relaunch: %s: %s\n", path, strerror(errno));
        }
        ok = ok && written;
    }
    return ok ? 0 : failure;
}
