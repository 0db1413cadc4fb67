#include "net/ares_uv.h"
#include "headgate/errors.h"
#include "net/poll_set.h"

#include <arpa/inet.h>
#include <ares.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 2

struct ares_uv {
    struct poll_set set;
    ares_channel channel;
    int port;
    bool answered;
    struct ares_uv_answer answer;
    ares_uv_done_fn on_done;
    void *user_data;
    void (*on_closed)(void *user_data);
    void *closed_data;
};

/* c-ares must not be destroyed from inside its own callbacks, so the answer is handed on only after it
 * returned. */
static void go_on(struct ares_uv *query)
{
    if (query->answered) {
        poll_set_timer(&query->set, -1);
        ares_uv_done_fn on_done = query->on_done;
        query->on_done = NULL;
        if (on_done != NULL) {
            on_done(query->user_data, &query->answer);
        }
        return;
    }
    struct timeval wait;
    if (ares_timeout(query->channel, NULL, &wait) != NULL) {
        poll_set_timer(&query->set, (int64_t)wait.tv_sec * 1000 + wait.tv_usec / 1000 + 1);
    }
}

static void on_ready(void *user_data, int fd, int status, int events)
{
    struct ares_uv *query = user_data;
    /* An error is met by reading. */
    ares_socket_t read_fd = status != 0 || (events & UV_READABLE) != 0 ? fd : ARES_SOCKET_BAD;
    ares_socket_t write_fd = status == 0 && (events & UV_WRITABLE) != 0 ? fd : ARES_SOCKET_BAD;
    ares_process_fd(query->channel, read_fd, write_fd);
    go_on(query);
}

static void on_timer(void *user_data)
{
    struct ares_uv *query = user_data;
    ares_process_fd(query->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    go_on(query);
}

static void socket_state_cb(void *data, ares_socket_t fd, int readable, int writable)
{
    struct ares_uv *query = data;
    poll_set_watch(&query->set, fd, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0));
}

static void keep(struct ares_uv *query, const struct ares_addrinfo_node *node)
{
    struct ares_uv_answer *answer = &query->answer;
    if (node->ai_family != AF_INET && node->ai_family != AF_INET6) {
        return;
    }
    answer->count++;
    if (answer->kept == ARES_UV_ADDRESSES_MAX || node->ai_addrlen > sizeof(answer->addresses[0])) {
        return;
    }
    struct sockaddr_storage *address = &answer->addresses[answer->kept++];
    memcpy(address, node->ai_addr, node->ai_addrlen);
    in_port_t port = htons((uint16_t)query->port);
    if (node->ai_family == AF_INET) {
        ((struct sockaddr_in *)address)->sin_port = port;
    } else {
        ((struct sockaddr_in6 *)address)->sin6_port = port;
    }
}

static void answer_cb(void *data, int status, int timeouts, struct ares_addrinfo *result)
{
    struct ares_uv *query = data;
    (void)timeouts;
    query->answered = true;
    query->answer.status = status;
    for (struct ares_addrinfo_node *node = result != NULL ? result->nodes : NULL; node != NULL;
         node = node->ai_next) {
        keep(query, node);
    }
    if (result != NULL) {
        ares_freeaddrinfo(result);
    }
}

static int open_channel(struct ares_uv *query, const struct ares_uv_options *options)
{
    static char lookups[] = "b"; /* the resolver only, not /etc/hosts */
    int64_t try_ms = options->try_ms < 1 ? 1 : options->try_ms > 60000 ? 60000 : options->try_ms;
    struct ares_options settings = {.timeout = (int)try_ms,
                                    .tries = TRIES,
                                    .sock_state_cb = socket_state_cb,
                                    .sock_state_cb_data = query};
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    if (options->server != NULL) {
        /* With the one server named, its refusals are the answer, not a reason to try another. */
        settings.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP;
        settings.lookups = lookups;
        mask |= ARES_OPT_FLAGS | ARES_OPT_LOOKUPS;
    }
    int status = ares_init_options(&query->channel, &settings, mask);
    if (status != ARES_SUCCESS) {
        return status == ARES_ENOMEM ? HG_E_NOMEM : HG_E_IO;
    }
    if (options->server != NULL &&
        ares_set_servers_ports_csv(query->channel, options->server) != ARES_SUCCESS) {
        ares_destroy(query->channel);
        return HG_E_INVALID;
    }
    return 0;
}

int ares_uv_start(const struct ares_uv_options *options, struct ares_uv **ret_query)
{
    struct ares_uv *query = calloc(1, sizeof(*query));
    if (query == NULL) {
        return HG_E_NOMEM;
    }
    query->port = options->port;
    query->on_done = options->on_done;
    query->user_data = options->user_data;
    int status = open_channel(query, options);
    if (status != 0) {
        free(query);
        return status;
    }
    query->set.loop = options->loop;
    query->set.on_ready = on_ready;
    query->set.on_timer = on_timer;
    query->set.user_data = query;
    poll_set_init(&query->set);
    struct ares_addrinfo_hints hints = {
        .ai_flags = ARES_AI_NOSORT, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    ares_getaddrinfo(query->channel, options->name, NULL, &hints, answer_cb, query);
    if (query->answered) {
        poll_set_timer(&query->set, 0); /* known without asking: still said from the loop */
    } else {
        go_on(query);
    }
    *ret_query = query;
    return 0;
}

static void set_closed(void *user_data)
{
    struct ares_uv *query = user_data;
    void (*on_closed)(void *) = query->on_closed;
    void *closed_data = query->closed_data;
    free(query);
    if (on_closed != NULL) {
        on_closed(closed_data);
    }
}

void ares_uv_close(struct ares_uv *query, void (*on_closed)(void *user_data), void *user_data)
{
    if (query == NULL) {
        return;
    }
    query->on_done = NULL;
    query->on_closed = on_closed;
    query->closed_data = user_data;
    ares_destroy(query->channel);
    poll_set_close(&query->set, set_closed);
}
