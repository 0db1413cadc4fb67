#include "policy/policy_loader.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void loader_error_at(struct loader *loader, struct place place, const char *path, const char *message)
{
    struct hg_policy_errors *errors = loader->errors;
    if (loader->error_count++ >= ERRORS_PER_FILE_MAX) {
        errors->more++;
        return;
    }
    struct hg_policy_error *grown = realloc(errors->errors, (errors->count + 1) * sizeof(*grown));
    if (grown == NULL) {
        loader->nomem = true;
        return;
    }
    errors->errors = grown;
    struct hg_policy_error *error = &grown[errors->count];
    *error = (struct hg_policy_error){.file = strdup(loader->file),
                                      .line = place.line,
                                      .column = place.column,
                                      .path = strdup(path),
                                      .message = strdup(message)};
    if (error->file == NULL || error->path == NULL || error->message == NULL) {
        free(error->file);
        free(error->path);
        free(error->message);
        loader->nomem = true;
        return;
    }
    errors->count++;
}

void loader_error(struct loader *loader, const char *path, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    loader_error_at(loader, positions_find(&loader->positions, path).value, path, message);
}

void loader_error_key(struct loader *loader, const char *path, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    loader_error_at(loader, positions_find(&loader->positions, path).key, path, message);
}

static bool find_error(const struct loader *loader, const char *path, bool below)
{
    size_t size = strlen(path);
    for (size_t i = loader->first_error; i < loader->errors->count; i++) {
        const char *other = loader->errors->errors[i].path;
        bool inside = strncmp(other, path, size) == 0 && (other[size] == '.' || other[size] == '[');
        if (strcmp(other, path) == 0 || (below && inside)) {
            return true;
        }
    }
    return false;
}

bool loader_clean(const struct loader *loader, const char *path)
{
    return !find_error(loader, path, true);
}

bool loader_clean_at(const struct loader *loader, const char *path)
{
    return !find_error(loader, path, false);
}

bool loader_given(const struct loader *loader, const char *path)
{
    struct position position = positions_find(&loader->positions, path);
    return position.path != NULL && strcmp(position.path, path) == 0;
}

static int by_place(const void *a, const void *b)
{
    const struct hg_policy_error *left = a, *right = b;
    int files = strcmp(left->file, right->file);
    if (files != 0) {
        return files;
    }
    if (left->line != right->line) {
        return left->line < right->line ? -1 : 1;
    }
    if (left->column != right->column) {
        return left->column < right->column ? -1 : 1;
    }
    int paths = strcmp(left->path, right->path);
    return paths != 0 ? paths : strcmp(left->message, right->message);
}

void errors_sort(struct hg_policy_errors *errors)
{
    if (errors->count > 1) {
        qsort(errors->errors, errors->count, sizeof(errors->errors[0]), by_place);
    }
}

void hg_policy_errors_finish(struct hg_policy_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++) {
        free(errors->errors[i].file);
        free(errors->errors[i].path);
        free(errors->errors[i].message);
    }
    free(errors->errors);
    memset(errors, 0, sizeof(*errors));
}

void hg_policy_errors_print(const struct hg_policy_errors *errors, FILE *out)
{
    for (size_t i = 0; i < errors->count; i++) {
        const struct hg_policy_error *error = &errors->errors[i];
        fprintf(out, "%s:%d:%d: %s: %s\n", error->file, error->line, error->column, error->path,
                error->message);
    }
    if (errors->more > 0) {
        fprintf(out, "and %zu more; at most %d of a file are listed\n", errors->more, ERRORS_PER_FILE_MAX);
    }
}
