#include "probe/gauge.h"
#include "headgate/errors.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 256

/* Decodes the reference token at `*at` (past its '/') and moves `*at` behind it. */
static bool next_token(const char **at, char *ret_key)
{
    size_t size = 0;
    const char *from = *at;
    while (*from != '\0' && *from != '/') {
        char c = *from++;
        if (c == '~') {
            if (*from != '0' && *from != '1') {
                return false;
            }
            c = *from++ == '0' ? '~' : '/';
        }
        if (size == KEY_MAX - 1) {
            return false;
        }
        ret_key[size++] = c;
    }
    ret_key[size] = '\0';
    *at = from;
    return true;
}

static const json_t *element(const json_t *array, const char *key)
{
    size_t digits = strspn(key, "0123456789");
    if (digits == 0 || digits > 9 || key[digits] != '\0' || (digits > 1 && key[0] == '0')) {
        return NULL;
    }
    return json_array_get(array, (size_t)strtoul(key, NULL, 10));
}

static const json_t *resolve(const json_t *value, const char *pointer)
{
    char key[KEY_MAX];
    while (value != NULL && *pointer == '/') {
        pointer++;
        if (!next_token(&pointer, key)) {
            return NULL;
        }
        value = json_is_array(value) ? element(value, key) : json_object_get(value, key);
    }
    return *pointer == '\0' ? value : NULL;
}

static bool to_micro(const json_t *value, int64_t *ret_micro)
{
    if (json_is_integer(value)) {
        json_int_t whole = json_integer_value(value);
        if (whole > GAUGE_MAX_MICRO / 1000000 || whole < -(GAUGE_MAX_MICRO / 1000000)) {
            return false;
        }
        *ret_micro = (int64_t)whole * 1000000;
        return true;
    }
    double micro = json_real_value(value) * 1e6;
    if (!(fabs(micro) <= (double)GAUGE_MAX_MICRO)) {
        return false;
    }
    *ret_micro = (int64_t)llround(micro);
    return true;
}

int gauge_read(const char *body, size_t size, const char *pointer, int64_t *ret_gauge, char *ret_error,
               size_t error_size)
{
    json_error_t error;
    json_t *root = json_loadb(body, size, JSON_DECODE_ANY, &error);
    if (root == NULL) {
        (void)snprintf(ret_error, error_size, "the body is not JSON (line %d)", error.line);
        return HG_E_PROTOCOL;
    }
    const json_t *value = resolve(root, pointer);
    int status = HG_E_PROTOCOL;
    if (value == NULL) {
        (void)snprintf(ret_error, error_size, "the body has no %s", pointer);
    } else if (!json_is_number(value)) {
        (void)snprintf(ret_error, error_size, "%s is not a number", pointer);
    } else if (!to_micro(value, ret_gauge)) {
        (void)snprintf(ret_error, error_size, "%s is out of range", pointer);
    } else {
        status = 0;
    }
    json_decref(root);
    return status;
}
