#include "policy/policy_lex.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int lex_column(const struct lex *lex)
{
    return (int)(lex->at - lex->line_start) + 1;
}

void lex_space(struct lex *lex)
{
    while (lex->at < lex->end &&
           (*lex->at == ' ' || *lex->at == '\t' || *lex->at == '\r' || *lex->at == '\n')) {
        if (*lex->at == '\n') {
            lex->line++;
            lex->line_start = lex->at + 1;
        }
        lex->at++;
    }
}

size_t lex_utf8(const char *text, const char *end)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t size = at[0] < 0x80                    ? 1
                  : at[0] >= 0xc2 && at[0] < 0xe0 ? 2
                  : (at[0] & 0xf0) == 0xe0        ? 3
                  : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
                                                  : 0;
    if (size > (size_t)(end - text)) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool outside = (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf4 && at[1] > 0x8f);
    return size > 2 && (overlong || outside) ? 0 : size;
}

/* Four hexadecimal digits, or -1. */
static int32_t hex4(const char *at, const char *end)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF";
        const char *found = at + i < end && at[i] != '\0' ? strchr(digits, at[i]) : NULL;
        if (found == NULL) {
            return -1;
        }
        value = value * 16 + (int32_t)((found - digits) % 16);
    }
    return value;
}

static void put_utf8(char **text, uint32_t code)
{
    unsigned char bytes[4];
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
    for (size_t i = size; i-- > 1;) {
        bytes[i] = (unsigned char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    bytes[0] = (unsigned char)(first[size] | code);
    memcpy(*text, bytes, size);
    *text += size;
}

/* `at` is on a backslash. */
static const char *read_escape(struct lex *lex, char **text)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char name = lex->at + 1 < lex->end ? lex->at[1] : '\0';
    const char *found = name == '\0' ? NULL : strchr(names, name);
    if (found != NULL) {
        lex->at += 2;
        if (*text != NULL) {
            *(*text)++ = values[found - names];
        }
        return NULL;
    }
    int32_t code = name == 'u' ? hex4(lex->at + 2, lex->end) : -1;
    size_t size = 6;
    if (code >= 0xd800 && code <= 0xdbff) {
        bool pair = lex->end - lex->at >= 12 && lex->at[6] == '\\' && lex->at[7] == 'u';
        int32_t low = pair ? hex4(lex->at + 8, lex->end) : -1;
        code = low >= 0xdc00 && low <= 0xdfff ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : -2;
        size = 12;
    } else if (code >= 0xdc00 && code <= 0xdfff) {
        code = -2;
    }
    if (code <= 0) {
        return code == 0    ? "\\u0000 has no place in a policy; remove it"
               : code == -2 ? "half of a surrogate pair; write the character itself"
                            : "a backslash begins one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0041; double "
                              "it to mean itself";
    }
    if (*text != NULL) {
        put_utf8(text, (uint32_t)code);
    }
    lex->at += size;
    return NULL;
}

const char *lex_string(struct lex *lex, char *ret_text)
{
    const char *open = lex->at++;
    char *text = ret_text;
    while (lex->at < lex->end && *lex->at != '"') {
        const char *wrong = NULL;
        if (*lex->at == '\\') {
            wrong = read_escape(lex, &text);
        } else if (*lex->at == '\n' || *lex->at == '\r') {
            lex->at = open;
            wrong = "this string is not closed on its line; add the closing quote";
        } else if ((unsigned char)*lex->at < 0x20) {
            wrong = "a control character in a string; remove it, or write it as \\t or \\u0001";
        } else {
            size_t size = lex_utf8(lex->at, lex->end);
            wrong = size == 0 ? "not UTF-8; save the file as UTF-8" : NULL;
            if (size > 0 && text != NULL) {
                memcpy(text, lex->at, size);
                text += size;
            }
            lex->at += size;
        }
        if (wrong != NULL) {
            return wrong;
        }
    }
    if (lex->at == lex->end) {
        lex->at = open;
        return "this string is not closed; add the closing quote";
    }
    lex->at++;
    if (text != NULL) {
        *text = '\0';
    }
    return NULL;
}

static size_t digits(const char *at)
{
    return strspn(at, "0123456789");
}

/* Bytes of the number at `at`, 0 if it is none. */
static size_t number_size(const char *at)
{
    const char *start = at;
    at += *at == '-';
    size_t whole = digits(at);
    if (whole == 0 || (at[0] == '0' && whole > 1)) {
        return 0;
    }
    at += whole;
    if (*at == '.') {
        size_t fraction = digits(at + 1);
        if (fraction == 0) {
            return 0;
        }
        at += 1 + fraction;
    }
    if (*at == 'e' || *at == 'E') {
        size_t sign = at[1] == '+' || at[1] == '-', exponent = digits(at + 1 + sign);
        if (exponent == 0) {
            return 0;
        }
        at += 1 + sign + exponent;
    }
    return (size_t)(at - start);
}

const char *lex_scalar(struct lex *lex, const char *text, char *writable)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t size = strlen(words[i]);
        if (strncmp(lex->at, words[i], size) == 0) {
            lex->at += size;
            return NULL;
        }
    }
    bool number = *lex->at == '-' || (*lex->at >= '0' && *lex->at <= '9');
    size_t size = number ? number_size(lex->at) : 0;
    if (size == 0) {
        return number ? "no number in JSON: digits with no leading zero, perhaps a fraction and an exponent, "
                        "as 0.5 or 1e3"
                      : "no JSON value; write a number, true, false, a text in double quotes, {...} or [...]";
    }
    char *end;
    double value = strtod(lex->at, &end);
    if (isinf(value) && end == lex->at + size) {
        char *token = writable + (lex->at - text);
        size_t sign = token[0] == '-';
        memset(token + sign, ' ', size - sign);
        memcpy(token + sign, "1e308", 5); /* whatever overflows has as many characters */
    }
    lex->at += size;
    return NULL;
}

const char *lex_hint(const struct lex *lex)
{
    switch (lex->at < lex->end ? *lex->at : '\0') {
    case '/':
    case '#':
        return "JSON has no comments; remove this one";
    case '\'':
        return "texts stand in double quotes; change these";
    default:
        return lex->at < lex->end && lex_utf8(lex->at, lex->end) == 0 ? "not UTF-8; save the file as UTF-8"
                                                                      : NULL;
    }
}
