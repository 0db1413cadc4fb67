#include "client/client_internal.h"
#include "headgate/errors.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVER_MAX 1024 /* bytes of one URL */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool is_loopback(const char *host)
{
    size_t size = strcspn(host, ":/");
    return (size == 9 && strncmp(host, "localhost", 9) == 0) || strncmp(host, "127.", 4) == 0 ||
           strncmp(host, "[::1]", 5) == 0;
}

/* Reads "http://[user:password@]host[:port][/path]", or the same without "http://". */
static int read_url(const char *text, size_t size, struct client_server *server)
{
    char url[SERVER_MAX];
    bool bare = memmem(text, size, "://", 3) == NULL;
    int written = snprintf(url, sizeof(url), "%s%.*s", bare ? "http://" : "", (int)size, text);
    if (written < 0 || (size_t)written >= sizeof(url)) {
        return HG_E_INVALID;
    }
    bool known = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
    char *host = known ? strstr(url, "://") + 3 : url;
    char *end = url + strlen(url);
    while (end > host && end[-1] == '/') {
        *--end = '\0';
    }
    char *at = strchr(host, '@');
    at = at != NULL && at < host + strcspn(host, "/") ? at : NULL;
    const char *name = at == NULL ? host : at + 1;
    if (!known || name[0] == '\0' || strchr(":/", name[0]) != NULL || strpbrk(url, "?#\"\\<>") != NULL) {
        return HG_E_INVALID;
    }
    server->loopback = is_loopback(name);
    server->base = strdup(url);
    if (at != NULL) {
        memmove(host, name, strlen(name) + 1);
    }
    server->shown = strdup(url);
    return server->base == NULL || server->shown == NULL ? HG_E_NOMEM : 0;
}

static int read_server(const char *text, size_t size, struct client_server *server)
{
    if (size < 5 || strncmp(text, "unix:", 5) != 0) {
        return size == 0 ? HG_E_INVALID : read_url(text, size, server);
    }
    if (size < 7 || size > 5 + 107 || text[5] != '/') { /* what sun_path holds */
        return HG_E_INVALID;
    }
    server->loopback = true;
    server->base = strdup("http://localhost");
    server->shown = strndup(text, size);
    server->socket_path = strndup(text + 5, size - 5);
    return server->base == NULL || server->shown == NULL || server->socket_path == NULL ? HG_E_NOMEM : 0;
}

static int read_servers(struct hg_client *client, const char *text)
{
    while (true) {
        text += strspn(text, " \t");
        size_t size = strcspn(text, ", \t");
        if (client->server_count == HG_CLIENT_SERVERS_MAX) {
            return HG_E_INVALID;
        }
        for (size_t i = 0; i < size; i++) {
            if ((unsigned char)text[i] <= 0x20 || text[i] == 0x7f) {
                return HG_E_INVALID;
            }
        }
        int status = read_server(text, size, &client->servers[client->server_count++]);
        if (status != 0) {
            return status;
        }
        text += size;
        text += strspn(text, " \t");
        if (*text == '\0') {
            return 0;
        }
        if (*text++ != ',') {
            return HG_E_INVALID;
        }
    }
}

int hg_client_create(const struct hg_client_options *options, struct hg_client **ret_client)
{
    if (options->servers == NULL || options->timeout_us < 0) {
        return HG_E_INVALID;
    }
    pthread_once(&curl_once, init_curl);
    struct hg_client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        return HG_E_NOMEM;
    }
    client->timeout_us = options->timeout_us == 0 ? HG_CLIENT_TIMEOUT_DEFAULT_US : options->timeout_us;
    client->cancelled = options->cancelled;
    client->user_data = options->user_data;
    int status = read_servers(client, options->servers);
    /* "Expect:" would cost a round trip for large batches. */
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    client->headers = headers;
    headers = headers == NULL ? NULL : curl_slist_append(headers, "Expect:");
    status = status == 0 && headers == NULL ? HG_E_NOMEM : status;
    if (status != 0) {
        hg_client_destroy(client);
        return status;
    }
    *ret_client = client;
    return 0;
}

void hg_client_destroy(struct hg_client *client)
{
    if (client == NULL) {
        return;
    }
    for (size_t i = 0; i < client->server_count; i++) {
        struct client_server *server = &client->servers[i];
        curl_easy_cleanup(server->easy);
        free(server->base);
        free(server->shown);
        free(server->socket_path);
    }
    curl_slist_free_all(client->headers);
    free(client);
}

const char *hg_client_error(const struct hg_client *client)
{
    return client->error;
}

const char *hg_client_server(const struct hg_client *client)
{
    return client->servers[client->current].shown;
}

int64_t hg_client_retry_after_us(const struct hg_client *client)
{
    return client->retry_after_us;
}

int client_fail(struct hg_client *client, int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(client->error, sizeof(client->error), format, arguments);
    va_end(arguments);
    return error;
}

/* Which of two servers' errors tells more: a controller's own word, then a stranger's answer, then silence.
 */
static int rank(int error)
{
    return error == 0 ? 0 : error == HG_E_UNREACHABLE ? 1 : error == HG_E_PROTOCOL ? 2 : 3;
}

/* Adds "URL: why" to the sentence. */
static void note_failure(struct hg_client *client, const struct client_server *server, const char *why)
{
    size_t used = strlen(client->error);
    snprintf(client->error + used, sizeof(client->error) - used, "%s%s: %s",
             used == 0 ? "no controller answers: " : "; ", server->shown, why);
}

/* A 5xx is the server's own inability: another may be able. */
static int ask_one(struct hg_client *client, struct client_server *server, const char *method,
                   const char *path, const char *body, struct client_answer *ret_answer,
                   int64_t *ret_retry_us)
{
    char why[512] = "";
    struct client_answer answer = {0};
    int status = client_send(client, server, method, path, body, &answer, why, sizeof(why));
    if (status == 0 && answer.status < 500) {
        *ret_answer = answer;
        return 0;
    }
    if (status == 0) {
        status = client_problem(&answer, why, sizeof(why), ret_retry_us);
        client_answer_finish(&answer);
    }
    note_failure(client, server, why);
    return status;
}

int client_exchange(struct hg_client *client, const char *method, const char *path, const char *body,
                    struct client_answer *ret_answer)
{
    int worst = 0;
    client->error[0] = '\0';
    client->retry_after_us = 0;
    size_t first = client->current;
    for (size_t i = 0; i < client->server_count; i++) {
        size_t at = (first + i) % client->server_count;
        int64_t retry_us = CLIENT_RETRY_US;
        int status = ask_one(client, &client->servers[at], method, path, body, ret_answer, &retry_us);
        if (status == 0) {
            client->current = at;
            client->error[0] = '\0';
            client->retry_after_us = 0;
            return 0;
        }
        if (rank(status) > rank(worst)) {
            worst = status;
            client->retry_after_us = retry_us;
        }
        if (status == HG_E_NOMEM || status == HG_E_CANCELLED) {
            return client_fail(client, status, "%s", hg_strerror(status));
        }
    }
    return worst;
}

int client_reject(struct hg_client *client, const struct client_answer *answer)
{
    char why[512];
    int error = client_problem(answer, why, sizeof(why), &client->retry_after_us);
    bool stranger = error == HG_E_PROTOCOL;
    return client_fail(client, error, "%s%s%s", stranger ? hg_client_server(client) : "",
                       stranger ? ": " : "", why);
}

int client_reject_answer(struct hg_client *client)
{
    return client_fail(client, HG_E_PROTOCOL, "%s: its answer is not a controller's; is the address right?",
                       hg_client_server(client));
}

int hg_client_call(struct hg_client *client, const char *method, const char *path, const char *body,
                   char **ret_text)
{
    struct client_answer answer = {0};
    if (ret_text != NULL) {
        *ret_text = NULL;
    }
    if (path[0] != '/' || strlen(path) >= CLIENT_PATH_MAX || strpbrk(path, " \t\r\n") != NULL) {
        return client_fail(client, HG_E_INVALID, "'%.100s' is no path of the HTTP interface", path);
    }
    int status = client_exchange(client, method, path, body, &answer);
    if (status != 0) {
        return status;
    }
    if (answer.status < 200 || answer.status > 299) {
        status = client_reject(client, &answer);
    }
    if (ret_text == NULL) {
        client_answer_finish(&answer);
        return status;
    }
    *ret_text = answer.text != NULL ? answer.text : strdup("");
    return *ret_text == NULL ? client_fail(client, HG_E_NOMEM, "%s", hg_strerror(HG_E_NOMEM)) : status;
}
