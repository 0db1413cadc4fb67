/* What a person sees while it runs: a bar on a terminal, a line every few seconds elsewhere; on stderr. */
#include "launch/relaunch_internal.h"

#include "host/clock.h"

#include "launch/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DRAW_US         INT64_C(200000)
#define LINE_US         INT64_C(5000000)
#define FAILURES_MAX    5 /* lines about failures between two of progress */
#define COLUMNS_DEFAULT 100
#define COLUMNS_MAX     200

void screen_say(struct relaunch *relaunch, const char *format, ...)
{
    va_list arguments;
    char line[1024];
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    fprintf(stderr, "%sheadgate relaunch: %s\n", relaunch->drawn ? "\r\033[K" : "", line);
    relaunch->drawn = false;
}

void screen_failure(struct relaunch *relaunch, uint32_t unit)
{
    const struct unit *failed = &relaunch->units.all[unit];
    if (relaunch->said_failures >= FAILURES_MAX) {
        relaunch->unsaid_failures++;
        return;
    }
    relaunch->said_failures++;
    screen_say(relaunch, "%s failed, attempt %lld: %s", list_name(&relaunch->list, unit),
               (long long)failed->attempt, failed->reason == NULL ? "" : failed->reason);
}

static void view_of(const struct relaunch *relaunch, char *note, size_t size, struct progress_view *ret_view)
{
    const struct units *units = &relaunch->units;
    const int64_t *counts = units->counts;
    int64_t left = (int64_t)units->count - units_settled(units);
    if (relaunch->away_us != 0) {
        snprintf(note, size, "(no controller can answer)");
    } else if (relaunch->stopping) {
        snprintf(note, size, "(stopping)");
    } else {
        snprintf(note, size, "%s", relaunch->note);
    }
    *ret_view = (struct progress_view){
        .fleet = relaunch->options->fleet,
        .total = (int64_t)units->count,
        .recovered = counts[UNIT_RECOVERED],
        .quarantined = counts[UNIT_QUARANTINED],
        .running = counts[UNIT_RUNNING] + counts[UNIT_GRANTED] + counts[UNIT_ENDED] + counts[UNIT_REPORTED] +
                   counts[UNIT_LEAVING],
        .waiting = counts[UNIT_NEW] + counts[UNIT_WAITING] + counts[UNIT_ASKED] - units->backing_off,
        .backoff = units->backing_off,
        .failures = units->failures,
        .rate = progress_rate(&relaunch->progress),
        .eta_us = relaunch->stopping ? -1 : progress_eta_us(&relaunch->progress, left),
        .note = note};
}

static int columns_of_terminal(void)
{
    struct winsize window;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0) {
        return COLUMNS_DEFAULT;
    }
    return window.ws_col < COLUMNS_MAX ? window.ws_col : COLUMNS_MAX;
}

void screen_update(struct relaunch *relaunch, int64_t now_us, bool last)
{
    struct progress_view view;
    char line[COLUMNS_MAX + 1], note[sizeof(relaunch->note)], prefix[HG_NAME_MAX + 32] = "";
    progress_sample(&relaunch->progress, now_us, units_settled(&relaunch->units));
    if (!last && now_us - relaunch->drawn_us < (relaunch->terminal ? DRAW_US : LINE_US)) {
        return;
    }
    if (relaunch->unsaid_failures > 0 &&
        (last || now_us - relaunch->drawn_us >= LINE_US || !relaunch->terminal)) {
        char count[WORDS_MAX];
        screen_say(relaunch, "and %s more failed", words_count(relaunch->unsaid_failures, count));
        relaunch->unsaid_failures = 0;
    }
    if (relaunch->said_failures > 0) {
        relaunch->said_failures = 0;
    }
    relaunch->drawn_us = now_us;
    view_of(relaunch, note, sizeof(note), &view);
    if (!relaunch->terminal) {
        snprintf(prefix, sizeof(prefix), "headgate relaunch: %s: ", relaunch->options->fleet);
    }
    int columns = relaunch->terminal ? columns_of_terminal() - 1 : COLUMNS_MAX;
    progress_write(&view, columns, relaunch->terminal, line, sizeof(line));
    if (relaunch->terminal) {
        fprintf(stderr, "\r\033[K%s%s", line, last ? "\n" : "");
        relaunch->drawn = !last;
    } else {
        fprintf(stderr, "%s%s\n", prefix, line);
    }
}
