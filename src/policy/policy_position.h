/* Where each value of a JSON document stands: jansson makes the tree, this tells the line and column of what
 * it holds, says what is wrong with a text that is no JSON, and finds what jansson keeps silent about: a key
 * given twice, nesting that is too deep. What it accepts, jansson accepts.
 *
 * Paths look like $.fleets.web.needs["db.internal"]: a key with other bytes than letters, digits, '_', '$'
 * and
 * '-' stands in brackets and quotes, with what could disturb a terminal escaped, and cut (with a checksum, so
 * that paths stay different) when it is long. */
#ifndef POLICY_POLICY_POSITION_H
#define POLICY_POLICY_POSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_DEPTH_MAX  8
#define POLICY_PATH_MAX   1024
#define POLICY_VALUES_MAX 16384 /* in a file; the largest sensible policy has some 12000 */

struct place {
    int line;
    int column; /* in bytes */
};

struct position {
    char *path; /* $.fleets.web */
    struct place value;
    struct place key; /* of the member that holds it; an item of a list: the same as `value` */
};

struct positions {
    struct position *items; /* in document order */
    size_t count;
    size_t capacity;
    uint16_t *buckets; /* by hash of the path; index + 1 */
};

/* What is wrong at a place. */
typedef void (*position_error_fn)(void *user_data, struct place place, const char *path, const char *message);

/* Walks the text, which must end in a NUL that `size` does not count. May rewrite numbers that no double can
 * hold, see lex_scalar(). HG_E_POLICY when the text cannot be read to its end: the last error says why.
 * HG_E_NOMEM. */
int positions_scan(struct positions *positions, char *text, size_t size, position_error_fn on_error,
                   void *user_data) __attribute__((warn_unused_result));
void positions_finish(struct positions *positions);

/* Where `path` stands; the nearest parent that is there when it is not. */
struct position positions_find(const struct positions *positions, const char *path);

/* Writes parent.key or parent["key"] into an array of POLICY_PATH_MAX; `ret_path` may be `parent`. */
void path_member(char *ret_path, const char *parent, const char *key);
void path_item(char *ret_path, const char *parent, size_t index);

#endif
