#include "api/api_internal.h"

#include <stdio.h>

int64_t retry_after_s(int64_t retry_after_us)
{
    int64_t seconds = (retry_after_us + 999999) / 1000000;
    return seconds < 1 ? 1 : seconds;
}

void respond(struct http_exchange *exchange, int status, struct json_out *out, int64_t retry_after_us)
{
    char seconds[24];
    struct http_header headers[] = {{NULL, NULL}, {NULL, NULL}};
    if (out->failed) {
        json_out_finish(out);
        struct http_response none = {.status = 503, .body = "{}", .body_size = 2};
        http_respond(exchange, &none);
        return;
    }
    if (retry_after_us > 0 && (status == 429 || status == 503)) {
        snprintf(seconds, sizeof(seconds), "%lld", (long long)retry_after_s(retry_after_us));
        headers[0] = (struct http_header){"Retry-After", seconds};
    }
    struct http_response response = {.status = status,
                                     .content_type = status >= 400 ? PROBLEM_TYPE : NULL,
                                     .body = out->text,
                                     .body_size = out->size,
                                     .headers = headers};
    http_respond(exchange, &response);
    json_out_finish(out);
}

void respond_problem(struct http_exchange *exchange, const char *slug, const char *title, int status,
                     const char *detail, const char *pointer)
{
    struct json_out out = {0};
    json_problem(&out, slug, title, status, detail);
    if (pointer != NULL) {
        json_member(&out, "pointer", pointer);
    }
    json_put(&out, "}");
    respond(exchange, status, &out, 0);
}

int problem_of_error(struct json_out *out, int error, int64_t retry_after_us)
{
    static const struct {
        int error;
        const char *slug;
        const char *detail;
    } texts[] = {
        {HG_E_STORE_AWAY, "store-away",
         "The store cannot be reached; nobody is granted until it is back. Ask again."},
        {HG_E_STORE_FULL, "store-full",
         "The store has no room; nothing was granted. Make room, then ask again."},
        {HG_E_STORE_UNFIT, "store-unfit", "The store is not fit for use; see /v1/status for why."},
        {HG_E_STORE_CORRUPT, "store-corrupt", "The store's data is damaged; see the log for where."},
        {HG_E_OVERLOAD, "overload", "Too many requests are under way here. Ask again after Retry-After."},
        {HG_E_NOT_READY, "not-ready", "This controller is starting. Ask again after Retry-After."},
        {HG_E_NOT_FOUND, "not-found", "There is no such fleet, dependency or instance here."},
        {HG_E_EXPIRED, "expired", "The lease ran out, which counts as a failure. Ask for a new permit."},
        {HG_E_SUPERSEDED, "superseded",
         "A newer permit or another life of this instance has taken its place."},
        {HG_E_CONFLICT, "conflict", "This contradicts what is recorded of the instance."},
        {HG_E_STALE, "stale", "A newer leader has written."},
        {HG_E_NOMEM, "overload", "Out of memory. Ask again after Retry-After."},
    };
    int status = hg_error_http_status(error);
    size_t i = 0;
    while (i < sizeof(texts) / sizeof(texts[0]) && texts[i].error != error) {
        i++;
    }
    bool listed = i < sizeof(texts) / sizeof(texts[0]);
    json_problem(out, listed ? texts[i].slug : "error", hg_strerror(error), status,
                 listed ? texts[i].detail : NULL);
    if (status == 503 && retry_after_us > 0) {
        json_member_int(out, "retry_after_ms", retry_after_us / 1000);
    }
    return status;
}

void respond_error(struct http_exchange *exchange, int error, int64_t retry_after_us)
{
    struct json_out out = {0};
    int status = problem_of_error(&out, error, retry_after_us);
    json_put(&out, "}");
    respond(exchange, status, &out, retry_after_us);
}
