/* Between the files of src/client.
 *
 * The story of one call: client_permit.c or client_batch.c writes path and body; client_exchange() (client.c)
 * picks the server and, when it cannot answer, the next; client_send() (client_http.c) does the one HTTP
 * request; what came back is turned into a permit or an error by client_answer.c. */
#ifndef CLIENT_CLIENT_INTERNAL_H
#define CLIENT_CLIENT_INTERNAL_H

#include "headgate/client.h"

#include <curl/curl.h>
#include <jansson.h>

#define CLIENT_ANSWER_MAX (32 * 1024 * 1024) /* bytes of one answer: a batch of 10,000 is below 10 MB */
#define CLIENT_PATH_MAX   512
#define CLIENT_ERROR_MAX  1024
#define CLIENT_CONNECT_MAX_US                                                                                \
    INT64_C(2000000)           /* a server that does not even accept must not hold up the next */
#define CLIENT_IDLE_S       20 /* a connection idle for longer is not used again: servers close at 30 */
#define CLIENT_RETRY_US     INT64_C(1000000) /* when nobody said when to ask again */
#define CLIENT_RETRY_MAX_US (INT64_C(86400) * 1000000)
#define CLIENT_PROBLEM_BASE "https://headgate.dev/problems/"

struct client_server {
    char *base;  /* what curl is given: scheme and host, and a path if there is one; without the last slash */
    char *shown; /* what a person is told: the same without a password, or unix:/path */
    char *socket_path; /* unix:/path; NULL otherwise */
    bool loopback;     /* never through a proxy */
    CURL *easy;        /* made when first asked; keeps its connection */
};

struct hg_client {
    struct client_server servers[HG_CLIENT_SERVERS_MAX];
    size_t server_count;
    size_t current; /* the one that answered last */
    int64_t timeout_us;
    hg_client_cancelled_fn cancelled;
    void *user_data;
    struct curl_slist *headers;
    int64_t retry_after_us;
    char error[CLIENT_ERROR_MAX];
};

struct client_answer {
    int status; /* HTTP */
    char *text; /* NUL-terminated, to be freed; NULL while empty */
    size_t size;
    int64_t retry_after_us; /* Retry-After; 0 if there was none */
};

void client_answer_finish(struct client_answer *answer);

/* client_http.c: one request to one server. 0 with an answer, HG_E_UNREACHABLE, HG_E_PROTOCOL, HG_E_CANCELLED
 * or HG_E_NOMEM, and then what happened in ret_why. */
int client_send(struct hg_client *client, struct client_server *server, const char *method, const char *path,
                const char *body, struct client_answer *ret_answer, char *ret_why, size_t why_size)
    __attribute__((warn_unused_result));

/* client.c: asks the servers in turn. 0 with an answer that is no 5xx; else the error, said in client->error.
 */
int client_exchange(struct hg_client *client, const char *method, const char *path, const char *body,
                    struct client_answer *ret_answer) __attribute__((warn_unused_result));
/* Keeps the sentence and returns `error`. */
int client_fail(struct hg_client *client, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The error of an answer that is no 2xx, with its sentence. */
int client_reject(struct hg_client *client, const struct client_answer *answer);
/* HG_E_PROTOCOL: the answer is a 2xx, and nothing that a controller would say. */
int client_reject_answer(struct hg_client *client);

/* client_answer.c */
/* The error that an answer other than 2xx means (never 0), its sentence in ret_text; HG_E_PROTOCOL when no
 * controller speaks like that. ret_retry_us is set for those that say when to ask again. */
int client_problem(const struct client_answer *answer, char *ret_text, size_t size, int64_t *ret_retry_us);
/* Reads what was said of one instance: 0 or the error of that instance, also in ret_permit->status, or
 * HG_E_PROTOCOL when it is no such thing (ret_permit is untouched then). `status` is its HTTP status. */
int client_read_permit(const json_t *json, int status, struct hg_permit *ret_permit);

/* client_permit.c */
/* Whether fleet and instance may stand in a path; false with the sentence in client->error. */
bool client_names_ok(struct hg_client *client, const char *fleet, const char *instance);
/* The members that `verb` sends of `ask`, without the instance; NULL when out of memory. */
json_t *client_ask_json(enum hg_client_verb verb, const struct hg_client_ask *ask);

#endif
