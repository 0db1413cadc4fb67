#include "held.h"

#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
void __real_free(void *old);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
void __wrap_free(void *old);

static bool inside;
static int64_t bytes;
static unsigned fail_every;
static unsigned asked;

static bool fails(void)
{
    return inside && fail_every > 0 && ++asked % fail_every == 0;
}

static void *count(void *block)
{
    if (inside && block != NULL) {
        bytes += (int64_t)malloc_usable_size(block);
    }
    return block;
}

static void uncount(void *block)
{
    if (inside && block != NULL) {
        bytes -= (int64_t)malloc_usable_size(block);
    }
}

void held_enter(void)
{
    inside = true;
}

void held_leave(void)
{
    inside = false;
}

int64_t held_bytes(void)
{
    return bytes;
}

void held_reset(void)
{
    bytes = 0;
}

void held_fail(unsigned every)
{
    fail_every = every;
    asked = 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : count(__real_malloc(size));
}

void *__wrap_calloc(size_t number, size_t size)
{
    return fails() ? NULL : count(__real_calloc(number, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    if (fails()) {
        return NULL;
    }
    int64_t before = inside && old != NULL ? (int64_t)malloc_usable_size(old) : 0;
    void *block = __real_realloc(old, size);
    if (inside && block != NULL) {
        bytes += (int64_t)malloc_usable_size(block) - before;
    }
    return block;
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : count(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t size)
{
    return fails() ? NULL : count(__real_strndup(text, size));
}

void __wrap_free(void *old)
{
    uncount(old);
    __real_free(old);
}
