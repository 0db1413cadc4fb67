#include "store/redis_url.h"
#include "headgate/errors.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool copy_text(const char *from, size_t size, bool decode, char ret_text[REDIS_URL_TEXT_MAX + 1])
{
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        char c = from[i];
        if (decode && c == '%') {
            char digits[3] = {0};
            if (i + 2 >= size || !isxdigit((unsigned char)from[i + 1]) ||
                !isxdigit((unsigned char)from[i + 2])) {
                return false;
            }
            memcpy(digits, &from[i + 1], 2);
            c = (char)strtol(digits, NULL, 16);
            i += 2;
        }
        if (used == REDIS_URL_TEXT_MAX || c == '\0') {
            return false;
        }
        ret_text[used++] = c;
    }
    ret_text[used] = '\0';
    return true;
}

/* The whole of `text` as a number within [low, high]. */
static bool read_number(const char *text, size_t size, int low, int high, int *ret_value)
{
    int value = 0;
    if (size == 0 || size > 5) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (!isdigit((unsigned char)text[i])) {
            return false;
        }
        value = value * 10 + (text[i] - '0');
    }
    *ret_value = value;
    return value >= low && value <= high;
}

static bool read_host(const char *at, size_t size, struct redis_url *url)
{
    const char *end = at + size;
    const char *host_end;
    const char *rest;
    if (size > 0 && at[0] == '[') {
        host_end = memchr(at, ']', size);
        if (host_end == NULL) {
            return false;
        }
        at++;
        rest = host_end + 1;
    } else {
        host_end = memchr(at, ':', size);
        host_end = host_end == NULL ? end : host_end;
        rest = host_end;
    }
    if (host_end == at || !copy_text(at, (size_t)(host_end - at), false, url->host)) {
        return false;
    }
    return rest == end ||
           (rest[0] == ':' && read_number(rest + 1, (size_t)(end - rest - 1), 1, 65535, &url->port));
}

int redis_url_parse(const char *text, struct redis_url *ret_url)
{
    static const char scheme[] = "redis://";
    struct redis_url url = {.port = 6379};
    if (strncmp(text, scheme, sizeof(scheme) - 1) != 0) {
        return HG_E_INVALID;
    }
    const char *at = text + sizeof(scheme) - 1;
    size_t size = strcspn(at, "/");
    const char *slash = at + size;
    const char *login_end = memrchr(at, '@', size);
    if (login_end != NULL) {
        const char *colon = memchr(at, ':', (size_t)(login_end - at));
        if (colon == NULL || !copy_text(at, (size_t)(colon - at), true, url.user) ||
            !copy_text(colon + 1, (size_t)(login_end - colon - 1), true, url.pass)) {
            return HG_E_INVALID;
        }
        size -= (size_t)(login_end + 1 - at);
        at = login_end + 1;
    }
    if (!read_host(at, size, &url)) {
        return HG_E_INVALID;
    }
    if (slash[0] == '/' && slash[1] != '\0' && !read_number(slash + 1, strlen(slash + 1), 0, 9999, &url.db)) {
        return HG_E_INVALID;
    }
    *ret_url = url;
    return 0;
}
