#include "http/headers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct framing {
    const char *length;
    const char *encoding;
    bool bad;
};

static bool is_name(const char *key, size_t size, const char *name)
{
    return size == strlen(name) && strncasecmp(key, name, size) == 0;
}

static bool has_blank(const char *key, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)key[i] <= ' ' || key[i] == 0x7f) {
            return true;
        }
    }
    return size == 0;
}

static enum MHD_Result look_cb(void *user_data, enum MHD_ValueKind kind, const char *key, size_t key_size,
                               const char *value, size_t value_size)
{
    struct framing *framing = user_data;
    (void)kind;
    (void)value_size;
    if (has_blank(key, key_size) || value == NULL) {
        framing->bad = true;
    } else if (is_name(key, key_size, "Content-Length")) {
        framing->bad = framing->bad || framing->length != NULL;
        framing->length = value;
    } else if (is_name(key, key_size, "Transfer-Encoding")) {
        framing->bad = framing->bad || framing->encoding != NULL || strcasecmp(value, "chunked") != 0;
        framing->encoding = value;
    }
    return MHD_YES;
}

int headers_check(struct MHD_Connection *connection, size_t body_max)
{
    struct framing framing = {0};
    (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, look_cb, &framing);
    if (framing.bad || (framing.length != NULL && framing.encoding != NULL)) {
        return 400;
    }
    return framing.length != NULL && strtoull(framing.length, NULL, 10) > body_max ? 413 : 0;
}
