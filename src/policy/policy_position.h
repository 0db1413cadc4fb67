/* Where each value of a JSON document stands: jansson parses, this tells the line and column of what it parsed, and
 * finds what jansson keeps silent about: a key given twice, nesting that is too deep. */
#ifndef POLICY_POLICY_POSITION_H
#define POLICY_POLICY_POSITION_H

#include <stdbool.h>
#include <stddef.h>

#define POLICY_DEPTH_MAX  12
#define POLICY_PATH_MAX   512
#define POLICY_VALUES_MAX 65536 /* in a file */

struct position {
    char *path; /* $.fleets.web */
    int line;
    int column;
};

struct positions {
    struct position *items; /* in document order */
    size_t count;
    size_t capacity;
};

/* What is wrong at a place; called in document order. */
typedef void (*position_error_fn)(void *user_data, int line, int column, const char *path, const char *message);

/* Walks a document that jansson accepted. HG_E_NOMEM. */
int positions_scan(struct positions *positions, const char *text, size_t size, position_error_fn on_error,
                   void *user_data) __attribute__((warn_unused_result));
void positions_finish(struct positions *positions);

/* Where `path` stands; the nearest parent that is there when it is not. */
void positions_find(const struct positions *positions, const char *path, int *ret_line, int *ret_column);

#endif
