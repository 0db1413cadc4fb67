/* http and https: whether a GET is answered with an expected status, and what the gauge in its body says. */
#include "probe/check.h"
#include "headgate/errors.h"
#include "headgate/version.h"
#include "net/ares_uv.h"
#include "net/curl_uv.h"
#include "probe/gauge.h"
#include "probe/target.h"

#include <arpa/inet.h>
#include <ares.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESOLVE_MAX (TARGET_HOST_MAX + 16 + ARES_UV_ADDRESSES_MAX * (INET6_ADDRSTRLEN + 3))

struct check_http {
    struct check check;
    struct target target;
    struct ares_uv *query;
    struct curl_uv *transfer;
    CURL *easy;
    struct curl_slist *resolve;
    size_t handle_count; /* not closed yet: query and transfer */
    char *body;          /* PROBE_BODY_MAX bytes, when a gauge is wanted */
    size_t body_size;
    bool body_over;
    char error[CURL_ERROR_SIZE];
};

static void part_closed(void *user_data)
{
    struct check_http *http = user_data;
    if (--http->handle_count > 0) {
        return;
    }
    curl_easy_cleanup(http->easy);
    curl_slist_free_all(http->resolve);
    free(http->body);
    check_closed(&http->check);
}

/* Keeps what fits. Past the bound the transfer is ended: the status is known by then. */
static size_t body_cb(char *data, size_t unit, size_t count, void *user_data)
{
    struct check_http *http = user_data;
    size_t size = unit * count;
    if (size > PROBE_BODY_MAX - http->body_size) {
        http->body_over = true;
        return 0;
    }
    if (http->body != NULL) {
        memcpy(http->body + http->body_size, data, size);
    }
    http->body_size += size;
    return size;
}

static void judge(struct check_http *http, struct check_result *ret_result)
{
    const struct hg_probe *probe = http->check.options.probe;
    long status = 0;
    (void)curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < probe->status_min || status > probe->status_max) {
        check_say(ret_result, PROBE_VERDICT_BAD_ANSWER, "http: status %ld, expected %lld to %lld", status,
                  (long long)probe->status_min, (long long)probe->status_max);
        return;
    }
    if (probe->gauge_json == NULL) {
        check_say(ret_result, PROBE_VERDICT_UP, "http: status %ld", status);
        return;
    }
    char error[128];
    int64_t gauge;
    if (http->body_over) {
        check_say(ret_result, PROBE_VERDICT_UP, "http: status %ld, but no gauge: the body exceeds %d bytes",
                  status, PROBE_BODY_MAX);
    } else if (gauge_read(http->body, http->body_size, probe->gauge_json, &gauge, error, sizeof(error)) !=
               0) {
        check_say(ret_result, PROBE_VERDICT_UP, "http: status %ld, but no gauge: %s", status, error);
    } else {
        check_say(ret_result, PROBE_VERDICT_UP, "http: status %ld, gauge %.6g", status, (double)gauge / 1e6);
        ret_result->has_gauge = true;
        ret_result->gauge = gauge;
    }
}

static void on_transferred(void *user_data, CURLcode code)
{
    struct check_http *http = user_data;
    struct check_result result;
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && http->body_over)) {
        judge(http, &result);
    } else if (code == CURLE_OUT_OF_MEMORY || code == CURLE_FAILED_INIT) {
        check_say(&result, PROBE_VERDICT_NOT_TRIED, "http: could not be tried: %s", curl_easy_strerror(code));
    } else if (code == CURLE_COULDNT_CONNECT) {
        long error = 0;
        (void)curl_easy_getinfo(http->easy, CURLINFO_OS_ERRNO, &error);
        check_say(&result, PROBE_VERDICT_UNREACHABLE, "http: %s port %d: %s", http->target.host,
                  http->target.port, error > 0 ? uv_strerror(-(int)error) : http->error);
    } else {
        bool cut_off = code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
                       code == CURLE_PARTIAL_FILE;
        check_say(&result, cut_off ? PROBE_VERDICT_UNREACHABLE : PROBE_VERDICT_BAD_ANSWER, "http: %s",
                  http->error[0] != '\0' ? http->error : curl_easy_strerror(code));
    }
    check_done(&http->check, &result);
}

static bool set_options(struct check_http *http)
{
    CURL *easy = http->easy;
    /* One connection an attempt: that a new one can be made is half of what is asked. No redirects: the
     * target is the dependency itself. No proxy, no signals, no other protocols; certificates are verified,
     * as by default. */
    return curl_easy_setopt(easy, CURLOPT_URL, http->check.options.probe->target) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "headgate-probe/" HG_VERSION) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->error) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_RESOLVE, http->resolve) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_cb) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, http) == CURLE_OK;
}

/* "host:port:address,address": curl must not resolve, it would block the loop. */
static bool set_addresses(struct check_http *http, const struct ares_uv_answer *answer)
{
    char entry[RESOLVE_MAX];
    int size = snprintf(entry, sizeof(entry), "%s:%d:", http->target.host, http->target.port);
    for (size_t i = 0; i < answer->kept; i++) {
        const struct sockaddr *address = (const struct sockaddr *)&answer->addresses[i];
        char text[INET6_ADDRSTRLEN] = "";
        bool six = address->sa_family == AF_INET6;
        if (uv_ip_name(address, text, sizeof(text)) != 0) {
            return false;
        }
        size += snprintf(entry + size, sizeof(entry) - (size_t)size, "%s%s%s%s", i == 0 ? "" : ",",
                         six ? "[" : "", text, six ? "]" : "");
    }
    http->resolve = curl_slist_append(NULL, entry);
    return http->resolve != NULL;
}

static void on_answer(void *user_data, const struct ares_uv_answer *answer)
{
    struct check_http *http = user_data;
    struct check_result result;
    if (answer->status == ARES_ETIMEOUT) {
        return; /* left to the attempt's timeout */
    }
    if (answer->status != ARES_SUCCESS || answer->kept == 0) {
        check_say_unresolved(&result, "http", http->target.host, NULL, answer);
        check_done(&http->check, &result);
        return;
    }
    /* The multi handle is kept for the next attempt, for the CA certificates it has parsed; connections are
     * not. */
    void **multi = http->check.options.kept;
    if (*multi == NULL) {
        *multi = curl_multi_init();
    }
    http->easy = curl_easy_init();
    int status = HG_E_NOMEM;
    if (*multi != NULL && http->easy != NULL && (http->target.literal || set_addresses(http, answer)) &&
        set_options(http)) {
        status = curl_uv_start(http->check.options.loop, *multi, http->easy, on_transferred, http,
                               &http->transfer);
    }
    if (status == 0) {
        http->handle_count++;
    } else {
        (void)check_not_tried(&result, "http", status);
        check_done(&http->check, &result);
    }
}

static int http_start(const struct check_options *options, struct check **ret_check,
                      struct check_result *ret_result)
{
    struct check_http *http = calloc(1, sizeof(*http));
    if (http == NULL) {
        return check_not_tried(ret_result, "http", HG_E_NOMEM);
    }
    http->check.options = *options;
    int status = target_parse_url(&http->target, options->probe->target);
    if (status == 0 && options->probe->gauge_json != NULL) {
        http->body = malloc(PROBE_BODY_MAX);
        status = http->body == NULL ? HG_E_NOMEM : 0;
    }
    if (status == 0) {
        struct ares_uv_options query = {.loop = options->loop,
                                        .name = http->target.host,
                                        .port = http->target.port,
                                        .try_ms = check_try_ms(options->probe),
                                        .on_done = on_answer,
                                        .user_data = http};
        status = ares_uv_start(&query, &http->query);
    }
    if (status != 0) {
        free(http->body);
        free(http);
        return check_not_tried(ret_result, "http", status);
    }
    http->handle_count = 1;
    *ret_check = &http->check;
    return 0;
}

static void http_explain_silence(const struct check *check, struct check_result *ret_result)
{
    const struct check_http *http = (const struct check_http *)check;
    const struct hg_probe *probe = check->options.probe;
    if (http->transfer == NULL) {
        check_say_resolver_silent(ret_result, "http", http->target.host, NULL, probe->timeout_us);
        return;
    }
    check_say(ret_result, PROBE_VERDICT_SILENT, "http: %s port %d did not answer in %lld ms",
              http->target.host, http->target.port, (long long)check_ms(probe->timeout_us));
}

static void http_close(struct check *check, void (*on_closed)(void *user_data), void *user_data)
{
    struct check_http *http = (struct check_http *)check;
    check->on_closed = on_closed;
    check->closed_data = user_data;
    ares_uv_close(http->query, part_closed, http);
    curl_uv_close(http->transfer, part_closed, http);
}

static void http_forget(void *kept)
{
    (void)curl_multi_cleanup(kept);
}

const struct check_ops check_http_ops = {.name = "http",
                                         .start = http_start,
                                         .explain_silence = http_explain_silence,
                                         .close = http_close,
                                         .forget = http_forget};
