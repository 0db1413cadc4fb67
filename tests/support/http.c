#include "http.h"

#include "server.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t write_cb(char *data, size_t size, size_t count, void *user_data)
{
    struct http_answer *answer = user_data;
    size_t bytes = size * count;
    char *grown = realloc(answer->body, answer->size + bytes + 1);
    if (grown == NULL) {
        return 0;
    }
    memcpy(grown + answer->size, data, bytes);
    answer->body = grown;
    answer->size += bytes;
    grown[answer->size] = '\0';
    return bytes;
}

static size_t header_cb(char *line, size_t size, size_t count, void *user_data)
{
    struct http_answer *answer = user_data;
    size_t bytes = size * count;
    if (bytes > 13 && strncasecmp(line, "Content-Type:", 13) == 0) {
        snprintf(answer->content_type, sizeof(answer->content_type), "%.*s", (int)strcspn(line + 14, "\r\n"),
                 line + 14);
    } else if (bytes > 12 && strncasecmp(line, "Retry-After:", 12) == 0) {
        answer->retry_after_s = strtoll(line + 12, NULL, 10);
    }
    return bytes;
}

static CURL *handle_of_process(void)
{
    static CURL *handle;
    if (handle == NULL) {
        handle = curl_easy_init();
    } else {
        curl_easy_reset(handle);
    }
    return handle;
}

static void set_target(CURL *handle, const char *base, const char *path)
{
    char url[4096];
    bool is_unix = strncmp(base, "unix:", 5) == 0;
    snprintf(url, sizeof(url), "%s%s", is_unix ? "http://localhost" : base, path);
    curl_easy_setopt(handle, CURLOPT_URL, url);
    if (is_unix) {
        curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, base + 5);
    }
}

struct http_answer http_ask(const char *base, const char *method, const char *path, const char *body)
{
    struct http_answer answer = {.retry_after_s = -1, .body = calloc(1, 1)};
    CURL *handle = handle_of_process();
    if (answer.body == NULL || handle == NULL) {
        abort();
    }
    set_target(handle, base, path);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)HTTP_ASK_TIMEOUT_MS);
    curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, write_cb);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, header_cb);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, &answer);
    struct curl_slist *headers = NULL;
    if (body != NULL) {
        headers = curl_slist_append(curl_slist_append(NULL, "Content-Type: application/json"), "Expect:");
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    }
    int64_t began_us = server_now_us();
    if (curl_easy_perform(handle) == CURLE_OK) {
        long status = 0;
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
        answer.status = (int)status;
    }
    answer.took_us = server_now_us() - began_us;
    curl_slist_free_all(headers);
    answer.json = json_loadb(answer.body, answer.size, JSON_REJECT_DUPLICATES, NULL);
    return answer;
}

void http_finish(struct http_answer *answer)
{
    json_decref(answer->json);
    free(answer->body);
    *answer = (struct http_answer){0};
}

const json_t *http_at(const struct http_answer *answer, const char *pointer)
{
    const json_t *at = answer->json;
    while (at != NULL && *pointer == '/') {
        char name[128];
        size_t size = strcspn(pointer + 1, "/");
        snprintf(name, sizeof(name), "%.*s", (int)size, pointer + 1);
        at = json_is_array(at) ? json_array_get(at, strtoul(name, NULL, 10)) : json_object_get(at, name);
        pointer += 1 + size;
    }
    return at;
}

const char *http_text(const struct http_answer *answer, const char *pointer)
{
    const char *text = json_string_value(http_at(answer, pointer));
    return text == NULL ? "" : text;
}

int64_t http_int(const struct http_answer *answer, const char *pointer)
{
    const json_t *value = http_at(answer, pointer);
    return json_is_integer(value) ? json_integer_value(value) : INT64_MIN;
}
