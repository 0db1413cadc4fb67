#include "policy/policy_loader.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void loader_error_at(struct loader *loader, int line, int column, const char *path, const char *message)
{
    struct hg_policy_errors *errors = loader->errors;
    if (errors->count >= ERRORS_MAX) {
        return;
    }
    struct hg_policy_error *grown = realloc(errors->errors, (errors->count + 1) * sizeof(*grown));
    if (grown == NULL) {
        loader->nomem = true;
        return;
    }
    errors->errors = grown;
    struct hg_policy_error *error = &grown[errors->count];
    *error = (struct hg_policy_error){
        .file = strdup(loader->file), .line = line, .column = column, .path = strdup(path), .message = strdup(message)};
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
    char message[512];
    int line, column;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    positions_find(&loader->positions, path, &line, &column);
    loader_error_at(loader, line, column, path, message);
}

static int by_place(const void *a, const void *b)
{
    const struct hg_policy_error *left = a, *right = b;
    int files = strcmp(left->file, right->file);
    if (files != 0) {
        return files;
    }
    return left->line != right->line ? left->line - right->line : left->column - right->column;
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
        fprintf(out, "%s:%d:%d: %s: %s\n", error->file, error->line, error->column, error->path, error->message);
    }
    if (errors->count >= ERRORS_MAX) {
        fprintf(out, "and more: only the first %d are listed\n", ERRORS_MAX);
    }
}
