#include "host/log.h"

#include "core/logfmt.h"
#include "host/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static bool json_lines; /* the one setting of the process's log, made at start */

struct out {
    char *text;
    size_t size;
    size_t used;
};

static void put(struct out *out, const char *text, size_t count)
{
    for (size_t i = 0; i < count && out->used + 1 < out->size; i++) {
        unsigned char byte = (unsigned char)text[i];
        out->text[out->used++] = byte < 0x20 || byte == 0x7f ? ' ' : text[i];
    }
    out->text[out->used] = '\0';
}

static void put_text(struct out *out, const char *text)
{
    put(out, text, strlen(text));
}

static void put_escaped(struct out *out, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (text[i] == '"' || text[i] == '\\') {
            put(out, "\\", 1);
        }
        put(out, &text[i], 1);
    }
}

static void put_pairs(struct out *out, bool json, const char *text)
{
    struct logfmt_pair pair;
    while (logfmt_next(&text, &pair)) {
        put_text(out, json ? ",\"" : " ");
        put(out, pair.key, pair.key_size);
        put_text(out, json ? "\":\"" : "=");
        bool quote = !json && memchr(pair.value, ' ', pair.value_size) != NULL;
        put_text(out, quote ? "\"" : "");
        put_escaped(out, pair.value, pair.value_size);
        put_text(out, json || quote ? "\"" : "");
    }
}

void log_render(char *ret_out, unsigned long size, bool json, long long wall_us, enum log_level level,
                const char *event, const char *text)
{
    static const char *const levels[LOG_LEVEL_COUNT] = {"debug", "info", "warning", "error"};
    struct out out = {.text = ret_out, .size = size};
    char stamp[40], date[32];
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(stamp, sizeof(stamp), "%s.%03lldZ", date, wall_us / 1000 % 1000);
    put_text(&out, json ? "{\"ts\":\"" : "ts=");
    put_text(&out, stamp);
    put_text(&out, json ? "\",\"level\":\"" : " level=");
    put_text(&out, levels[level >= 0 && level < LOG_LEVEL_COUNT ? level : LOG_LEVEL_ERROR]);
    put_text(&out, json ? "\",\"event\":\"" : " event=");
    put_text(&out, event);
    put_text(&out, json ? "\"" : "");
    out.size -= 1; /* room for the brace */
    put_pairs(&out, json, text);
    out.size += 1;
    put_text(&out, json ? "}" : "");
}

void log_init(bool json)
{
    json_lines = json;
}

void log_line(enum log_level level, const char *event, const char *text)
{
    char line[LOG_LINE_MAX];
    log_render(line, sizeof(line), json_lines, clock_wall_us(), level, event, text);
    fprintf(stderr, "%s\n", line);
}
