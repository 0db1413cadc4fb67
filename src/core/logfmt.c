#include "core/logfmt.h"

#include <string.h>

/* A quote ends the value only where the line ends or another pair follows: reasons of operators and texts of
 * probes may hold quotes. */
static bool ends_value(const char *at)
{
    if (at[0] != '"' || at[1] == '\0') {
        return at[0] == '"';
    }
    size_t key = at[1] == ' ' ? strspn(at + 2, "abcdefghijklmnopqrstuvwxyz0123456789_") : 0;
    return key > 0 && at[2 + key] == '=';
}

bool logfmt_next(const char **text, struct logfmt_pair *ret_pair)
{
    const char *at = *text;
    while (*at == ' ') {
        at++;
    }
    struct logfmt_pair pair = {.key = at, .key_size = strcspn(at, "= ")};
    at += pair.key_size;
    pair.value = at;
    if (*at == '=' && at[1] != '"') {
        pair.value = at + 1;
        pair.value_size = strcspn(at + 1, " ");
        at = pair.value + pair.value_size;
    } else if (*at == '=') {
        pair.value = at += 2;
        while (*at != '\0' && !ends_value(at)) {
            at++;
        }
        pair.value_size = (size_t)(at - pair.value);
        at += *at == '"';
    }
    if (pair.key_size == 0) {
        return false;
    }
    *text = at;
    *ret_pair = pair;
    return true;
}
