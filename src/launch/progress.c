#include "launch/progress.h"

#include "launch/words.h"

#include <stdio.h>
#include <string.h>

#define BAR_MIN 10
#define BAR_MAX 30
#define PARTS   9

void progress_sample(struct progress *progress, int64_t now_us, int64_t settled)
{
    size_t last = (progress->first + progress->count + PROGRESS_SAMPLES - 1) % PROGRESS_SAMPLES;
    if (progress->count > 0 && now_us - progress->samples[last].at_us < PROGRESS_SAMPLE_US) {
        return;
    }
    size_t at = (progress->first + progress->count) % PROGRESS_SAMPLES;
    progress->samples[at].at_us = now_us;
    progress->samples[at].settled = settled;
    if (progress->count < PROGRESS_SAMPLES) {
        progress->count++;
    } else {
        progress->first = (progress->first + 1) % PROGRESS_SAMPLES;
    }
}

double progress_rate(const struct progress *progress)
{
    if (progress->count < 2) {
        return -1;
    }
    size_t last = (progress->first + progress->count - 1) % PROGRESS_SAMPLES;
    int64_t span_us = progress->samples[last].at_us - progress->samples[progress->first].at_us;
    int64_t grown = progress->samples[last].settled - progress->samples[progress->first].settled;
    return span_us <= 0 ? -1 : (double)grown * 1e6 / (double)span_us;
}

int64_t progress_eta_us(const struct progress *progress, int64_t left)
{
    double rate = progress_rate(progress);
    if (left <= 0) {
        return 0;
    }
    double seconds = rate > 0 ? (double)left / rate : -1;
    return seconds < 0 || seconds > 1e9 ? -1 : (int64_t)(seconds * 1e6);
}

/* Adds " part" if it fits. */
static void append(char *text, size_t size, int columns, const char *part)
{
    size_t used = strlen(text), wanted = strlen(part);
    size_t gap = used > 0 ? 2 : 0;
    if (wanted > 0 && used + gap + wanted <= (size_t)columns && used + gap + wanted < size) {
        snprintf(text + used, size - used, "%s%s", gap > 0 ? "  " : "", part);
    }
}

static void write_bar(const struct progress_view *view, int width, char *text)
{
    int64_t settled = view->recovered + view->quarantined;
    int full = view->total > 0 ? (int)(settled * width / view->total) : 0;
    text[0] = '[';
    for (int i = 0; i < width; i++) {
        text[i + 1] = i < full ? '#' : '-';
    }
    text[width + 1] = ']';
    text[width + 2] = '\0';
}

void progress_write(const struct progress_view *view, int columns, bool bar, char *ret_text, size_t size)
{
    char a[WORDS_MAX], b[WORDS_MAX], parts[PARTS][96], line[512] = "", drawn[BAR_MAX + 3];
    int64_t settled = view->recovered + view->quarantined;
    memset(parts, 0, sizeof(parts));
    snprintf(parts[0], sizeof(parts[0]), "%s/%s %lld%%", words_count(view->recovered, a),
             words_count(view->total, b), view->total > 0 ? (long long)(settled * 100 / view->total) : 100);
    if (view->rate >= 0) {
        snprintf(parts[1], sizeof(parts[1]), "%.*f/s", view->rate < 10 ? 1 : 0, view->rate);
    }
    if (view->eta_us >= 0) {
        snprintf(parts[2], sizeof(parts[2]), "ETA %s", words_duration(view->eta_us, a));
    }
    snprintf(parts[3], sizeof(parts[3]), "in flight %s", words_count(view->running, a));
    snprintf(parts[4], sizeof(parts[4]), "waiting %s", words_count(view->waiting, a));
    if (view->failures > 0) {
        snprintf(parts[5], sizeof(parts[5]), "failed %s", words_count(view->failures, a));
    }
    if (view->backoff > 0) {
        snprintf(parts[6], sizeof(parts[6]), "backing off %s", words_count(view->backoff, a));
    }
    if (view->quarantined > 0) {
        snprintf(parts[7], sizeof(parts[7]), "quarantined %s", words_count(view->quarantined, a));
    }
    snprintf(parts[8], sizeof(parts[8]), "%s", view->note);
    /* What went wrong is never what is left out, if anything is. */
    static const int order[PARTS] = {0, 8, 7, 5, 1, 2, 3, 4, 6};
    bool fits[PARTS] = {false};
    size_t used = 0;
    for (size_t i = 0; i < PARTS; i++) {
        size_t wanted = strlen(parts[order[i]]);
        fits[order[i]] = wanted > 0 && used + wanted + (used > 0 ? 2 : 0) <= (size_t)columns;
        used += fits[order[i]] ? wanted + (used > 0 ? 2 : 0) : 0;
    }
    int room = columns - (int)used - 4;
    if (bar && room >= BAR_MIN) {
        write_bar(view, room > BAR_MAX ? BAR_MAX : room, drawn);
        append(line, sizeof(line), columns, drawn);
    }
    for (size_t i = 0; i < PARTS; i++) {
        append(line, sizeof(line), columns, fits[i] ? parts[i] : "");
    }
    snprintf(ret_text, size, "%s", line);
}
