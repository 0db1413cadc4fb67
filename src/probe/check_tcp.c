/* tcp: whether one of a name's addresses takes a connection. */
#include "probe/check.h"
#include "headgate/errors.h"
#include "net/ares_uv.h"
#include "probe/target.h"

#include <ares.h>
#include <stdlib.h>

struct check_tcp {
    struct check check;
    struct target target;
    struct ares_uv *query;
    struct ares_uv_answer answer;
    bool resolved;
    size_t next; /* address to try after the present one */
    uv_tcp_t tcp;
    uv_connect_t connect;
    bool open;           /* tcp is initialised and not closed */
    size_t handle_count; /* not closed yet: query and tcp */
    bool closing;
};

static void try_next(struct check_tcp *tcp);

static void handle_closed(struct check_tcp *tcp)
{
    tcp->handle_count--;
    if (tcp->closing && tcp->handle_count == 0) {
        check_closed(&tcp->check);
    }
}

static void query_closed(void *user_data)
{
    handle_closed(user_data);
}

static void tcp_closed_cb(uv_handle_t *handle)
{
    struct check_tcp *tcp = handle->data;
    handle_closed(tcp);
}

static void fail(struct check_tcp *tcp, int error)
{
    struct check_result result;
    check_say(&result, PROBE_VERDICT_UNREACHABLE, "tcp: %s: %s", tcp->check.options.probe->target,
              uv_strerror(error));
    check_done(&tcp->check, &result);
}

/* The handle of a failed connection cannot connect again: the next address gets a new one. */
static void retry_closed_cb(uv_handle_t *handle)
{
    struct check_tcp *tcp = handle->data;
    bool go_on = !tcp->closing;
    handle_closed(tcp);
    if (go_on) {
        try_next(tcp);
    }
}

static void connect_cb(uv_connect_t *request, int status)
{
    struct check_tcp *tcp = request->data;
    if (status == UV_ECANCELED || tcp->closing) {
        return;
    }
    if (status == 0) {
        struct check_result result;
        check_say(&result, PROBE_VERDICT_UP, "tcp: %s takes connections", tcp->check.options.probe->target);
        check_done(&tcp->check, &result);
    } else if (tcp->next < tcp->answer.kept) {
        tcp->open = false;
        uv_close((uv_handle_t *)&tcp->tcp, retry_closed_cb);
    } else {
        fail(tcp, status);
    }
}

static void try_next(struct check_tcp *tcp)
{
    (void)uv_tcp_init(tcp->check.options.loop, &tcp->tcp); /* opens nothing yet: cannot fail */
    tcp->tcp.data = tcp;
    tcp->open = true;
    tcp->handle_count++;
    tcp->connect.data = tcp;
    const struct sockaddr *address = (const struct sockaddr *)&tcp->answer.addresses[tcp->next++];
    int status = uv_tcp_connect(&tcp->connect, &tcp->tcp, address, connect_cb);
    if (status == 0) {
        return;
    }
    if (tcp->next < tcp->answer.kept) {
        tcp->open = false;
        uv_close((uv_handle_t *)&tcp->tcp, retry_closed_cb);
    } else {
        fail(tcp, status);
    }
}

static void on_answer(void *user_data, const struct ares_uv_answer *answer)
{
    struct check_tcp *tcp = user_data;
    if (answer->status == ARES_ETIMEOUT) {
        return; /* left to the attempt's timeout */
    }
    if (answer->status != ARES_SUCCESS || answer->kept == 0) {
        struct check_result result;
        check_say_unresolved(&result, "tcp", tcp->target.host, NULL, answer);
        check_done(&tcp->check, &result);
        return;
    }
    tcp->answer = *answer;
    tcp->resolved = true;
    try_next(tcp);
}

static int tcp_start(const struct check_options *options, struct check **ret_check,
                     struct check_result *ret_result)
{
    struct check_tcp *tcp = calloc(1, sizeof(*tcp));
    if (tcp == NULL) {
        return check_not_tried(ret_result, "tcp", HG_E_NOMEM);
    }
    tcp->check.options = *options;
    int status = target_parse_address(&tcp->target, options->probe->target);
    if (status == 0) {
        struct ares_uv_options query = {.loop = options->loop,
                                        .name = tcp->target.host,
                                        .port = tcp->target.port,
                                        .try_ms = check_try_ms(options->probe),
                                        .on_done = on_answer,
                                        .user_data = tcp};
        status = ares_uv_start(&query, &tcp->query);
    }
    if (status != 0) {
        free(tcp);
        return check_not_tried(ret_result, "tcp", status);
    }
    tcp->handle_count = 1;
    *ret_check = &tcp->check;
    return 0;
}

static void tcp_explain_silence(const struct check *check, struct check_result *ret_result)
{
    const struct check_tcp *tcp = (const struct check_tcp *)check;
    const struct hg_probe *probe = check->options.probe;
    if (!tcp->resolved) {
        check_say_resolver_silent(ret_result, "tcp", tcp->target.host, NULL, probe->timeout_us);
        return;
    }
    check_say(ret_result, PROBE_VERDICT_SILENT, "tcp: %s did not take the connection in %lld ms",
              probe->target, (long long)check_ms(probe->timeout_us));
}

static void tcp_close(struct check *check, void (*on_closed)(void *user_data), void *user_data)
{
    struct check_tcp *tcp = (struct check_tcp *)check;
    check->on_closed = on_closed;
    check->closed_data = user_data;
    tcp->closing = true;
    ares_uv_close(tcp->query, query_closed, tcp);
    if (tcp->open) {
        tcp->open = false;
        uv_close((uv_handle_t *)&tcp->tcp, tcp_closed_cb);
    }
}

const struct check_ops check_tcp_ops = {
    .name = "tcp", .start = tcp_start, .explain_silence = tcp_explain_silence, .close = tcp_close};
