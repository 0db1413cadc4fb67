#include "host/log.h"

#include "host/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINE_MAX_SIZE 4096

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

/* One key=value or key="value" of logfmt; returns what follows it. */
static const char *next_pair(const char *at, const char **ret_key, size_t *ret_key_size,
                             const char **ret_value, size_t *ret_value_size)
{
    while (*at == ' ') {
        at++;
    }
    *ret_key = at;
    *ret_key_size = strcspn(at, "= ");
    at += *ret_key_size;
    *ret_value = at;
    *ret_value_size = 0;
    if (*at != '=') {
        return at;
    }
    at++;
    if (*at != '"') {
        *ret_value = at;
        *ret_value_size = strcspn(at, " ");
        return at + *ret_value_size;
    }
    at++;
    *ret_value = at;
    /* A quote ends the value only where a pair or the line ends: texts of probes may hold quotes. */
    while (*at != '\0' && !(*at == '"' && (at[1] == ' ' || at[1] == '\0'))) {
        at++;
    }
    *ret_value_size = (size_t)(at - *ret_value);
    return *at == '"' ? at + 1 : at;
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
    while (*text != '\0') {
        const char *key, *value;
        size_t key_size, value_size;
        text = next_pair(text, &key, &key_size, &value, &value_size);
        if (key_size == 0) {
            break;
        }
        put_text(out, json ? ",\"" : " ");
        put(out, key, key_size);
        put_text(out, json ? "\":\"" : "=");
        bool quote = !json && memchr(value, ' ', value_size) != NULL;
        put_text(out, quote ? "\"" : "");
        put_escaped(out, value, value_size);
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
    char line[LINE_MAX_SIZE];
    log_render(line, sizeof(line), json_lines, clock_wall_us(), level, event, text);
    fprintf(stderr, "%s\n", line);
}

void log_format(enum log_level level, const char *event, const char *format, ...)
{
    char text[LINE_MAX_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    log_line(level, event, text);
}
