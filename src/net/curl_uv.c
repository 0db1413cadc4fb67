#include "net/curl_uv.h"
#include "headgate/errors.h"
#include "net/poll_set.h"

#include <stdlib.h>

struct curl_uv {
    struct poll_set set;
    CURLM *multi;
    CURL *easy;
    curl_uv_done_fn on_done;
    void *user_data;
    void (*on_closed)(void *user_data);
    void *closed_data;
};

static void act(struct curl_uv *transfer, curl_socket_t fd, int flags)
{
    int running;
    CURLMcode code = curl_multi_socket_action(transfer->multi, fd, flags, &running);
    CURLcode result = CURLE_OK;
    bool done = code != CURLM_OK;
    if (done) {
        result = CURLE_FAILED_INIT;
    }
    int left;
    for (CURLMsg *message = curl_multi_info_read(transfer->multi, &left); message != NULL;
         message = curl_multi_info_read(transfer->multi, &left)) {
        if (message->msg == CURLMSG_DONE) {
            done = true;
            result = message->data.result;
        }
    }
    curl_uv_done_fn on_done = transfer->on_done;
    if (done && on_done != NULL) {
        transfer->on_done = NULL;
        on_done(transfer->user_data, result);
    }
}

static void on_ready(void *user_data, int fd, int status, int events)
{
    int flags = status != 0 ? CURL_CSELECT_ERR : 0;
    flags |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    flags |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    act(user_data, fd, flags);
}

static void on_timer(void *user_data)
{
    act(user_data, CURL_SOCKET_TIMEOUT, 0);
}

static int socket_cb(CURL *easy, curl_socket_t fd, int what, void *user_data, void *socket_data)
{
    struct curl_uv *transfer = user_data;
    (void)easy;
    (void)socket_data;
    int events = 0;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) {
        events |= UV_READABLE;
    }
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) {
        events |= UV_WRITABLE;
    }
    poll_set_watch(&transfer->set, fd, events);
    return 0;
}

static int timer_cb(CURLM *multi, long delay_ms, void *user_data)
{
    struct curl_uv *transfer = user_data;
    (void)multi;
    poll_set_timer(&transfer->set, delay_ms);
    return 0;
}

static int start(struct curl_uv *transfer)
{
    CURLM *multi = transfer->multi;
    bool fine = curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_cb) == CURLM_OK &&
                curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, transfer) == CURLM_OK &&
                curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_cb) == CURLM_OK &&
                curl_multi_setopt(multi, CURLMOPT_TIMERDATA, transfer) == CURLM_OK;
    /* Adding the handle makes curl ask for its timer: the transfer begins in the loop. */
    return fine && curl_multi_add_handle(multi, transfer->easy) == CURLM_OK ? 0 : HG_E_IO;
}

int curl_uv_start(uv_loop_t *loop, CURLM *multi, CURL *easy, curl_uv_done_fn on_done, void *user_data,
                  struct curl_uv **ret_transfer)
{
    struct curl_uv *transfer = calloc(1, sizeof(*transfer));
    if (transfer == NULL) {
        return HG_E_NOMEM;
    }
    transfer->multi = multi;
    transfer->easy = easy;
    transfer->on_done = on_done;
    transfer->user_data = user_data;
    transfer->set.loop = loop;
    transfer->set.on_ready = on_ready;
    transfer->set.on_timer = on_timer;
    transfer->set.user_data = transfer;
    poll_set_init(&transfer->set);
    int status = start(transfer);
    if (status != 0) {
        curl_uv_close(transfer, NULL, NULL);
        return status;
    }
    *ret_transfer = transfer;
    return 0;
}

static void set_closed(void *user_data)
{
    struct curl_uv *transfer = user_data;
    void (*on_closed)(void *) = transfer->on_closed;
    void *closed_data = transfer->closed_data;
    free(transfer);
    if (on_closed != NULL) {
        on_closed(closed_data);
    }
}

void curl_uv_close(struct curl_uv *transfer, void (*on_closed)(void *user_data), void *user_data)
{
    if (transfer == NULL) {
        return;
    }
    transfer->on_done = NULL;
    transfer->on_closed = on_closed;
    transfer->closed_data = user_data;
    (void)curl_multi_remove_handle(transfer->multi, transfer->easy);
    /* The multi handle lives on: it must not call back into what is freed here. */
    (void)curl_multi_setopt(transfer->multi, CURLMOPT_SOCKETFUNCTION, NULL);
    (void)curl_multi_setopt(transfer->multi, CURLMOPT_TIMERFUNCTION, NULL);
    poll_set_close(&transfer->set, set_closed);
}
