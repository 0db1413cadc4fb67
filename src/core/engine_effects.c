#include "core/engine_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void free_texts(struct hg_engine *engine)
{
    for (size_t i = 0; i < engine->text_count; i++) {
        free(engine->texts[i]);
    }
    engine->text_count = 0;
    while (engine->done != NULL) {
        struct pending *next = engine->done->next;
        free(engine->done);
        engine->done = next;
    }
}

void effects_begin(struct hg_engine *engine)
{
    free_texts(engine);
    engine->effect_count = 0;
    if (engine->effect_capacity > EFFECTS_KEPT) {
        struct hg_effect *smaller = realloc(engine->effects, EFFECTS_KEPT * sizeof(*smaller));
        if (smaller != NULL) {
            engine->effects = smaller;
            engine->effect_capacity = EFFECTS_KEPT;
        }
    }
}

void effects_finish(struct hg_engine *engine)
{
    free_texts(engine);
    free(engine->texts);
    free(engine->effects);
}

struct hg_effect *effect_add(struct hg_engine *engine, enum hg_effect_type type, size_t policy)
{
    if (engine->effect_count == engine->effect_capacity) {
        size_t capacity = engine->effect_capacity == 0 ? 64 : 2 * engine->effect_capacity;
        struct hg_effect *grown = realloc(engine->effects, capacity * sizeof(*grown));
        if (grown == NULL) {
            return NULL;
        }
        engine->effects = grown;
        engine->effect_capacity = capacity;
    }
    struct hg_effect *effect = &engine->effects[engine->effect_count++];
    memset(effect, 0, sizeof(*effect));
    effect->type = type;
    effect->policy = policy;
    return effect;
}

/* A line that finds no memory is left out: deciding goes on. */
void effect_log(struct hg_engine *engine, size_t policy, int level, const char *event, const char *format, ...)
{
    if (engine->text_count == engine->text_capacity) {
        size_t capacity = engine->text_capacity == 0 ? 16 : 2 * engine->text_capacity;
        char **grown = realloc(engine->texts, capacity * sizeof(*grown));
        if (grown == NULL) {
            return;
        }
        engine->texts = grown;
        engine->text_capacity = capacity;
    }
    char buffer[LOG_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof(buffer), format, arguments);
    va_end(arguments);
    char *text = strdup(buffer);
    struct hg_effect *effect = text == NULL ? NULL : effect_add(engine, HG_EFFECT_LOG, policy);
    if (effect == NULL) {
        free(text);
        return;
    }
    engine->texts[engine->text_count++] = text;
    effect->u.log.level = level;
    effect->u.log.event = event;
    effect->u.log.text = text;
}
