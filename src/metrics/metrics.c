#include "metrics/metrics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(struct metrics_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct metrics_text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    size_t need = text->size + (size_t)(size < 0 ? 0 : size) + 1;
    if (!text->failed && need > text->capacity) {
        size_t capacity = text->capacity == 0 ? 4096 : text->capacity;
        while (capacity < need) {
            capacity *= 2;
        }
        char *grown = realloc(text->text, capacity);
        text->failed = grown == NULL;
        text->text = grown == NULL ? text->text : grown;
        text->capacity = grown == NULL ? text->capacity : capacity;
    }
    if (!text->failed && size >= 0) {
        vsnprintf(text->text + text->size, (size_t)size + 1, format, again);
        text->size += (size_t)size;
    }
    va_end(again);
}

void metrics_family(struct metrics_text *text, const char *name, const char *type, const char *help)
{
    put(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_value(struct metrics_text *text, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\') {
            put(text, "\\%c", *value);
        } else if (*value == '\n') {
            put(text, "\\n");
        } else {
            put(text, "%c", *value);
        }
    }
}

void metrics_sample(struct metrics_text *text, const char *name, const struct metrics_label *labels,
                    double value)
{
    put(text, "%s", name);
    for (size_t i = 0; labels != NULL && labels[i].name != NULL; i++) {
        put(text, "%s%s=\"", i == 0 ? "{" : ",", labels[i].name);
        put_value(text, labels[i].value);
        put(text, "\"");
    }
    put(text, labels != NULL && labels[0].name != NULL ? "} %.17g\n" : " %.17g\n", value);
}

void metrics_finish(struct metrics_text *text)
{
    free(text->text);
    memset(text, 0, sizeof(*text));
}
