/* Strict JSON (RFC 8259), token by token, with a sentence for what is wrong and its mend. */
#ifndef POLICY_POLICY_LEX_H
#define POLICY_POLICY_LEX_H

#include <stddef.h>

struct lex {
    const char *at;
    const char *end; /* *end is NUL */
    const char *line_start;
    int line; /* from 1 */
};

/* Column of `at`, from 1, in bytes. */
int lex_column(const struct lex *lex);

void lex_space(struct lex *lex);

/* Reads a string with `at` on its opening quote. With `ret_text`, which must hold as many bytes as the string
 * spans, its decoded, NUL-terminated text. Returns NULL, or a sentence with `at` on the place. */
const char *lex_string(struct lex *lex, char *ret_text);

/* Reads a number, true, false or null; the same. A number beyond the range of a double is rewritten in place,
 * in `writable` (the start of the same text), as 1e308 of its sign: the check of its range then refuses it in
 * its turn, beside all the other errors. */
const char *lex_scalar(struct lex *lex, const char *text, char *writable);

/* What to say of a byte that cannot begin a value, a key or whatever else was expected; NULL: nothing
 * special. */
const char *lex_hint(const struct lex *lex);

/* Bytes of the UTF-8 sequence at `at` (Unicode 15, table 3-7), 0 if it is none. *end ends the text. */
size_t lex_utf8(const char *at, const char *end);

#endif
