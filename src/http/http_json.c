#include "http/http_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct json_out *out, size_t more)
{
    if (out->failed || out->size + more + 1 <= out->capacity) {
        return !out->failed;
    }
    size_t capacity = out->capacity == 0 ? 512 : out->capacity;
    while (capacity < out->size + more + 1) {
        capacity *= 2;
    }
    char *grown = realloc(out->text, capacity);
    if (grown == NULL) {
        out->failed = true;
        return false;
    }
    out->text = grown;
    out->capacity = capacity;
    return true;
}

void json_out_finish(struct json_out *out)
{
    free(out->text);
    memset(out, 0, sizeof(*out));
}

static void put_bytes(struct json_out *out, const char *text, size_t size)
{
    if (reserve(out, size)) {
        memcpy(out->text + out->size, text, size);
        out->size += size;
        out->text[out->size] = '\0';
    }
}

void json_put(struct json_out *out, const char *text)
{
    put_bytes(out, text, strlen(text));
}

void json_putf(struct json_out *out, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size >= 0 && reserve(out, (size_t)size)) {
        vsnprintf(out->text + out->size, (size_t)size + 1, format, again);
        out->size += (size_t)size;
    }
    va_end(again);
}

/* Bytes of the UTF-8 sequence at `at`, 0 if it is none (Unicode 15, table 3-7). */
static size_t sequence(const unsigned char *at)
{
    size_t size = at[0] < 0x80                    ? 1
                  : at[0] >= 0xc2 && at[0] < 0xe0 ? 2
                  : (at[0] & 0xf0) == 0xe0        ? 3
                  : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
                                                  : 0;
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool outside = (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf4 && at[1] > 0x8f);
    return size > 2 && (overlong || outside) ? 0 : size;
}

void json_put_string(struct json_out *out, const char *text)
{
    put_bytes(out, "\"", 1);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        size_t size = sequence(at);
        if (*at == '"' || *at == '\\') {
            char escaped[2] = {'\\', (char)*at};
            put_bytes(out, escaped, 2);
        } else if (*at < 0x20) {
            json_putf(out, "\\u%04x", *at);
        } else if (size == 0) {
            put_bytes(out, "\xef\xbf\xbd", 3);
        } else {
            put_bytes(out, (const char *)at, size);
        }
        at += size == 0 ? 1 : size;
    }
    put_bytes(out, "\"", 1);
}

void json_name(struct json_out *out, const char *name)
{
    char last = out->size == 0 ? '{' : out->text[out->size - 1];
    if (last != '{' && last != '[') {
        put_bytes(out, ",", 1);
    }
    put_bytes(out, "\"", 1);
    json_put(out, name);
    put_bytes(out, "\":", 2);
}

void json_member(struct json_out *out, const char *name, const char *value)
{
    json_name(out, name);
    json_put_string(out, value);
}

void json_member_int(struct json_out *out, const char *name, int64_t value)
{
    json_name(out, name);
    json_putf(out, "%lld", (long long)value);
}

void json_member_bool(struct json_out *out, const char *name, bool value)
{
    json_name(out, name);
    json_put(out, value ? "true" : "false");
}

void json_member_null(struct json_out *out, const char *name)
{
    json_name(out, name);
    json_put(out, "null");
}

void json_problem(struct json_out *out, const char *slug, const char *title, int status, const char *detail)
{
    json_put(out, "{\"type\":\"" PROBLEM_BASE);
    json_put(out, slug);
    json_put(out, "\"");
    json_member(out, "title", title);
    json_member_int(out, "status", status);
    if (detail != NULL) {
        json_member(out, "detail", detail);
    }
}
