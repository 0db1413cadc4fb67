#include "client/client_internal.h"
#include "headgate/errors.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

struct receiving {
    struct client_answer *answer;
    size_t capacity;
    bool too_large;
    bool out_of_memory;
};

void client_answer_finish(struct client_answer *answer)
{
    free(answer->text);
    answer->text = NULL;
    answer->size = 0;
}

static size_t on_body(char *data, size_t unit, size_t count, void *user_data)
{
    struct receiving *receiving = user_data;
    struct client_answer *answer = receiving->answer;
    size_t size = unit * count;
    if (size > CLIENT_ANSWER_MAX - answer->size) {
        receiving->too_large = true;
        return 0;
    }
    if (answer->size + size + 1 > receiving->capacity) {
        size_t capacity = 2 * (answer->size + size + 1);
        char *text = realloc(answer->text, capacity);
        if (text == NULL) {
            receiving->out_of_memory = true;
            return 0;
        }
        answer->text = text;
        receiving->capacity = capacity;
    }
    memcpy(answer->text + answer->size, data, size);
    answer->size += size;
    answer->text[answer->size] = '\0';
    return size;
}

/* Sockets that a wrapped command does not inherit. */
static curl_socket_t open_socket(void *user_data, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)user_data;
    (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int on_progress(void *user_data, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct hg_client *client = user_data;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return client->cancelled != NULL && client->cancelled(client->user_data) ? 1 : 0;
}

static CURL *make_easy(struct hg_client *client, const struct client_server *server)
{
    CURL *easy = curl_easy_init();
    if (easy == NULL) {
        return NULL;
    }
    int64_t connect_us =
        client->timeout_us < CLIENT_CONNECT_MAX_US ? client->timeout_us : CLIENT_CONNECT_MAX_US;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "headgate");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, client->headers);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)((client->timeout_us + 999) / 1000));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)((connect_us + 999) / 1000));
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)CLIENT_IDLE_S);
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)CLIENT_ANSWER_MAX);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, client);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, client->cancelled == NULL ? 1L : 0L);
    if (server->socket_path != NULL) {
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, server->socket_path);
    }
    if (server->loopback) {
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    }
    return easy;
}

/* TLS may write to a connection that the other side has closed: the signal for it is not the caller's
 * business. */
static CURLcode perform(CURL *easy)
{
    static const struct timespec at_once = {0};
    sigset_t pipe, before, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    CURLcode code = curl_easy_perform(easy);
    if (!was_pending) {
        while (sigtimedwait(&pipe, NULL, &at_once) == SIGPIPE) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

static int failure(const struct hg_client *client, CURL *easy, const struct receiving *receiving,
                   CURLcode code, const char *text, char *ret_why, size_t size)
{
    const char *said = text[0] != '\0' ? text : curl_easy_strerror(code);
    if (receiving->too_large || code == CURLE_FILESIZE_EXCEEDED) {
        snprintf(ret_why, size, "its answer is larger than %d MB", CLIENT_ANSWER_MAX / (1024 * 1024));
        return HG_E_PROTOCOL;
    }
    long error = 0;
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
        snprintf(ret_why, size, "%s", error > 0 ? strerror((int)error) : said);
        return HG_E_UNREACHABLE;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_WRITE_ERROR:
        snprintf(ret_why, size, "out of memory");
        return HG_E_NOMEM;
    case CURLE_ABORTED_BY_CALLBACK:
        snprintf(ret_why, size, "cancelled");
        return HG_E_CANCELLED;
    case CURLE_OPERATION_TIMEDOUT:
        snprintf(ret_why, size, "no answer within %.3g s", (double)client->timeout_us / 1e6);
        return HG_E_UNREACHABLE;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
        snprintf(ret_why, size, "it does not speak HTTP: %s", said);
        return HG_E_PROTOCOL;
    default:
        snprintf(ret_why, size, "%s", said);
        return HG_E_UNREACHABLE;
    }
}

static void read_retry_after(CURL *easy, struct client_answer *answer)
{
    curl_off_t seconds = 0;
    bool given = curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0;
    if (given) {
        answer->retry_after_us = seconds > 86400 ? CLIENT_RETRY_MAX_US : (int64_t)seconds * 1000000;
    }
}

int client_send(struct hg_client *client, struct client_server *server, const char *method, const char *path,
                const char *body, struct client_answer *ret_answer, char *ret_why, size_t why_size)
{
    char url[2048], text[CURL_ERROR_SIZE] = "";
    struct client_answer answer = {0};
    struct receiving receiving = {.answer = &answer};
    if (server->easy == NULL) {
        server->easy = make_easy(client, server);
    }
    if (server->easy == NULL) {
        snprintf(ret_why, why_size, "out of memory");
        return HG_E_NOMEM;
    }
    snprintf(url, sizeof(url), "%s%s", server->base, path);
    curl_easy_setopt(server->easy, CURLOPT_URL, url);
    curl_easy_setopt(server->easy, CURLOPT_ERRORBUFFER, text);
    curl_easy_setopt(server->easy, CURLOPT_WRITEDATA, &receiving);
    if (strcmp(method, "GET") == 0) {
        curl_easy_setopt(server->easy, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(server->easy, CURLOPT_CUSTOMREQUEST, NULL);
    } else {
        curl_easy_setopt(server->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(server->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)(body == NULL ? 0 : strlen(body)));
        curl_easy_setopt(server->easy, CURLOPT_POSTFIELDS, body == NULL ? "" : body);
        curl_easy_setopt(server->easy, CURLOPT_CUSTOMREQUEST, method);
    }
    CURLcode code = perform(server->easy);
    curl_easy_setopt(server->easy, CURLOPT_ERRORBUFFER, NULL);
    if (code != CURLE_OK) {
        client_answer_finish(&answer);
        return failure(client, server->easy, &receiving, code, text, ret_why, why_size);
    }
    long status = 0;
    curl_easy_getinfo(server->easy, CURLINFO_RESPONSE_CODE, &status);
    answer.status = (int)status;
    read_retry_after(server->easy, &answer);
    *ret_answer = answer;
    return 0;
}
