#include "probe/target.h"
#include "headgate/errors.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define REDIS_PORT   6379
#define DATABASE_MAX 1000000

static int number_of(const char *text, long lowest, long highest)
{
    char *end;
    if (text[0] < '0' || text[0] > '9') {
        return -1;
    }
    long number = strtol(text, &end, 10);
    return *end == '\0' && number >= lowest && number <= highest ? (int)number : -1;
}

static int set_host(struct target *target, const char *host, size_t size)
{
    if (size >= 2 && host[0] == '[' && host[size - 1] == ']') {
        host++;
        size -= 2;
    }
    if (size == 0 || size > TARGET_HOST_MAX) {
        return HG_E_INVALID;
    }
    memcpy(target->host, host, size);
    target->host[size] = '\0';
    struct in6_addr ignored;
    target->literal =
        inet_pton(AF_INET, target->host, &ignored) == 1 || inet_pton(AF_INET6, target->host, &ignored) == 1;
    return 0;
}

int target_parse_address(struct target *ret_target, const char *text)
{
    struct target target = {0};
    const char *colon = strrchr(text, ':');
    if (colon == NULL || set_host(&target, text, (size_t)(colon - text)) != 0) {
        return HG_E_INVALID;
    }
    target.port = number_of(colon + 1, 1, 65535);
    if (target.port < 0) {
        return HG_E_INVALID;
    }
    *ret_target = target;
    return 0;
}

/* One decoded part of the URL, "" when it has none. */
static int get_part(CURLU *handle, CURLUPart part, unsigned flags, char *ret_text, size_t size)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(handle, part, &text, flags);
    ret_text[0] = '\0';
    if (code == CURLUE_NO_USER || code == CURLUE_NO_PASSWORD || code == CURLUE_NO_PORT) {
        return 0;
    }
    if (code != CURLUE_OK || strlen(text) >= size) {
        curl_free(text);
        return HG_E_INVALID;
    }
    memcpy(ret_text, text, strlen(text) + 1);
    curl_free(text);
    return 0;
}

static int read_parts(CURLU *handle, const char *url, struct target *target)
{
    char scheme[16];
    char host[TARGET_HOST_MAX + 3];
    char port[16];
    char path[1024];
    if (curl_url_set(handle, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
        get_part(handle, CURLUPART_SCHEME, 0, scheme, sizeof(scheme)) != 0 ||
        get_part(handle, CURLUPART_HOST, 0, host, sizeof(host)) != 0 ||
        get_part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT, port, sizeof(port)) != 0 ||
        get_part(handle, CURLUPART_USER, CURLU_URLDECODE, target->user, sizeof(target->user)) != 0 ||
        get_part(handle, CURLUPART_PASSWORD, CURLU_URLDECODE, target->password, sizeof(target->password)) !=
            0 ||
        set_host(target, host, strlen(host)) != 0) {
        return HG_E_INVALID;
    }
    bool redis = strcmp(scheme, "redis") == 0;
    target->port = port[0] == '\0' && redis ? REDIS_PORT : number_of(port, 1, 65535);
    if (redis) {
        if (get_part(handle, CURLUPART_PATH, 0, path, sizeof(path)) != 0) {
            return HG_E_INVALID;
        }
        target->database =
            strcmp(path, "/") == 0 || path[0] == '\0' ? 0 : number_of(path + 1, 0, DATABASE_MAX);
    }
    return target->port < 0 || target->database < 0 ? HG_E_INVALID : 0;
}

int target_parse_url(struct target *ret_target, const char *url)
{
    CURLU *handle = curl_url();
    if (handle == NULL) {
        return HG_E_NOMEM;
    }
    struct target target = {0};
    int status = read_parts(handle, url, &target);
    curl_url_cleanup(handle);
    if (status == 0) {
        *ret_target = target;
    }
    return status;
}
