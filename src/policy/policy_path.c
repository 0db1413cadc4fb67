#include "policy/policy_lex.h"
#include "policy/policy_position.h"

#include <stdio.h>
#include <string.h>

#define KEY_SHOWN_MAX 72 /* bytes of a key in a path */

static uint32_t checksum(const char *text)
{
    uint32_t hash = UINT32_C(2166136261); /* FNV-1a */
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT32_C(16777619);
    }
    return hash;
}

/* Copies the key as it may be shown; true if that needs quotes. */
static bool show_key(const char *key, char ret_text[KEY_SHOWN_MAX + 16])
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$-";
    const char *end = key + strlen(key);
    bool quoted = key[0] == '\0' || key[strspn(key, plain)] != '\0';
    size_t used = 0;
    for (const char *at = key; at < end;) {
        size_t size = lex_utf8(at, end), shown;
        char piece[8];
        unsigned char c = (unsigned char)*at;
        bool control = c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)at[1] < 0xa0);
        if (control || size == 0) {
            unsigned code = c == 0xc2 && size == 2 ? (unsigned char)at[1] : c;
            shown = (size_t)snprintf(piece, sizeof(piece), "\\u%04x", code);
        } else {
            bool escape = c == '"' || c == '\\';
            piece[0] = '\\';
            memcpy(piece + escape, at, size);
            shown = size + escape;
        }
        if (used + shown > KEY_SHOWN_MAX) {
            snprintf(ret_text + used, 16, "~%08x", checksum(key));
            return true;
        }
        memcpy(ret_text + used, piece, shown);
        used += shown;
        at += size == 0 ? 1 : size;
    }
    ret_text[used] = '\0';
    return quoted;
}

void path_member(char *ret_path, const char *parent, const char *key)
{
    char shown[KEY_SHOWN_MAX + 16];
    size_t used = strlen(parent);
    bool quoted = show_key(key, shown);
    memmove(ret_path, parent, used + 1);
    snprintf(ret_path + used, POLICY_PATH_MAX - used, quoted ? "[\"%s\"]" : ".%s", shown);
}

void path_item(char *ret_path, const char *parent, size_t index)
{
    size_t used = strlen(parent);
    memmove(ret_path, parent, used + 1);
    snprintf(ret_path + used, POLICY_PATH_MAX - used, "[%zu]", index);
}
