#include "api/api_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS_MAX 16
#define DEPTH_MAX   5

/* How deep the text nests outside strings: jansson recurses as deep as it is told to. */
static int depth_of(const char *text)
{
    int depth = 0, most = 0;
    bool string = false;
    for (; *text != '\0'; text++) {
        if (string) {
            text += *text == '\\' && text[1] != '\0';
            string = *text != '"';
        } else if (*text == '"') {
            string = true;
        } else if (*text == '{' || *text == '[') {
            most = ++depth > most ? depth : most;
        } else if (*text == '}' || *text == ']') {
            depth--;
        }
    }
    return most;
}

static bool kind_ok(struct member *member, const json_t *value, char *ret_detail, size_t size)
{
    int64_t us;
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    switch (member->kind) {
    case MEMBER_STRING:
        if (!json_is_string(value) || (int64_t)strlen(text) < member->min ||
            (int64_t)strlen(text) > member->max) {
            snprintf(ret_detail, size, "\"%s\" must be a string of %lld to %lld bytes.", member->name,
                     (long long)member->min, (long long)member->max);
            return false;
        }
        return true;
    case MEMBER_INTEGER:
        if (!json_is_integer(value) || json_integer_value(value) < member->min ||
            json_integer_value(value) > member->max) {
            snprintf(ret_detail, size, "\"%s\" must be a whole number from %lld to %lld.", member->name,
                     (long long)member->min, (long long)member->max);
            return false;
        }
        return true;
    case MEMBER_NUMBER:
        if (!json_is_number(value) || json_number_value(value) < (double)member->min ||
            json_number_value(value) > (double)member->max) {
            snprintf(ret_detail, size, "\"%s\" must be a number from %lld to %lld.", member->name,
                     (long long)member->min, (long long)member->max);
            return false;
        }
        return true;
    case MEMBER_BOOL:
        if (!json_is_boolean(value)) {
            snprintf(ret_detail, size, "\"%s\" must be true or false.", member->name);
            return false;
        }
        return true;
    case MEMBER_DURATION:
        if (!json_is_string(value) || !duration_of(text, &us) || us < member->min || us > member->max) {
            snprintf(ret_detail, size, "\"%s\" must be a duration with a unit, such as \"30s\" or \"10m\".",
                     member->name);
            return false;
        }
        return true;
    case MEMBER_LIST:
        if (!json_is_array(value) || (int64_t)json_array_size(value) < member->min ||
            (int64_t)json_array_size(value) > member->max) {
            snprintf(ret_detail, size, "\"%s\" must be a list of %lld to %lld items.", member->name,
                     (long long)member->min, (long long)member->max);
            return false;
        }
        return true;
    }
    return false;
}

bool members_read(const json_t *object, struct member *members, size_t member_count, char *ret_detail,
                  size_t detail_size, char *ret_pointer, size_t pointer_size)
{
    const char *name;
    json_t *value;
    ret_pointer[0] = '\0';
    if (!json_is_object(object)) {
        snprintf(ret_detail, detail_size, "It must be a JSON object.");
        return false;
    }
    json_object_foreach((json_t *)object, name, value)
    {
        size_t i = 0;
        snprintf(ret_pointer, pointer_size, "/%s", name);
        while (i < member_count && strcmp(members[i].name, name) != 0) {
            i++;
        }
        if (i == member_count) {
            snprintf(ret_detail, detail_size, "\"%.60s\" is not known here; remove it.", name);
            return false;
        }
        if (!kind_ok(&members[i], value, ret_detail, detail_size)) {
            return false;
        }
        members[i].value = value;
    }
    ret_pointer[0] = '\0';
    for (size_t i = 0; i < member_count; i++) {
        if (members[i].required && members[i].value == NULL) {
            snprintf(ret_detail, detail_size, "\"%s\" is missing.", members[i].name);
            return false;
        }
    }
    return true;
}

json_t *body_parse(const struct http_request *request, struct body_error *ret_error)
{
    json_error_t error;
    memset(ret_error, 0, sizeof(*ret_error));
    ret_error->title = "The body is not valid JSON";
    if (strlen(request->body) != request->body_size) {
        /* jansson would take it for the end and not look at what follows. */
        snprintf(ret_error->detail, sizeof(ret_error->detail), "It has a NUL byte.");
        return NULL;
    }
    if (depth_of(request->body) > DEPTH_MAX) {
        ret_error->title = "The body nests too deep";
        snprintf(ret_error->detail, sizeof(ret_error->detail), "At most %d levels.", DEPTH_MAX);
        return NULL;
    }
    json_t *root =
        json_loadb(request->body, request->body_size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (root == NULL) {
        snprintf(ret_error->detail, sizeof(ret_error->detail), "%s", error.text);
        ret_error->line = error.line;
        ret_error->column = error.column;
    }
    return root;
}

static void refuse_json(struct http_exchange *exchange, const struct body_error *error)
{
    struct json_out out = {0};
    json_problem(&out, "bad-json", error->title, 400, error->detail);
    if (error->line > 0) {
        json_member_int(&out, "line", error->line);
        json_member_int(&out, "column", error->column);
    }
    json_put(&out, "}");
    respond(exchange, 400, &out, 0);
}

json_t *body_read(struct api_context *context, struct member *members, size_t member_count)
{
    struct body_error error;
    char detail[200], pointer[160];
    const struct http_request *request = context->request;
    bool empty = strspn(request->body, " \t\r\n") == request->body_size;
    json_t *root = empty ? json_object() : body_parse(request, &error);
    if (root == NULL && empty) {
        respond_error(context->exchange, HG_E_NOMEM, 1000000);
        return NULL;
    }
    if (root == NULL) {
        refuse_json(context->exchange, &error);
        return NULL;
    }
    if (!members_read(root, members, member_count, detail, sizeof(detail), pointer, sizeof(pointer))) {
        respond_problem(context->exchange, "bad-request", "The body is not as it should be", 400, detail,
                        pointer);
        json_decref(root);
        return NULL;
    }
    return root;
}

const char *member_text(const struct member *member)
{
    return member->value == NULL ? "" : json_string_value(member->value);
}

int64_t member_integer(const struct member *member, int64_t fallback)
{
    return member->value == NULL ? fallback : json_integer_value(member->value);
}

bool duration_of(const char *text, int64_t *ret_us)
{
    static const struct {
        const char *unit;
        int64_t us;
    } units[] = {{"ms", 1000}, {"s", 1000000}, {"m", 60000000}, {"h", INT64_C(3600000000)}};
    char *end = NULL;
    bool digit = text[0] >= '0' && text[0] <= '9';
    double number = digit ? strtod(text, &end) : -1;
    if (digit && end != text + strspn(text, "0123456789.")) {
        return false; /* strtod knows 0x10 and 1e3 too */
    }
    for (size_t i = 0; number >= 0 && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].unit) == 0 && number * (double)units[i].us < 9e15) {
            *ret_us = (int64_t)(number * (double)units[i].us);
            return true;
        }
    }
    return false;
}

bool query_find(const char *query, const char *name, char *ret_value, size_t size)
{
    size_t name_size = strlen(name);
    for (const char *at = query; *at != '\0';
         at += at[strcspn(at, "&")] == '&' ? strcspn(at, "&") + 1 : strcspn(at, "&")) {
        if (strncmp(at, name, name_size) == 0 && at[name_size] == '=') {
            const char *value = at + name_size + 1;
            snprintf(ret_value, size, "%.*s", (int)strcspn(value, "&"), value);
            return true;
        }
    }
    return false;
}

bool instance_name_ok(const char *name)
{
    size_t size = strlen(name);
    bool first = (name[0] >= '0' && name[0] <= '9') || (name[0] >= 'A' && name[0] <= 'Z') ||
                 (name[0] >= 'a' && name[0] <= 'z');
    return first && size <= HG_INSTANCE_MAX &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@-") == size;
}
