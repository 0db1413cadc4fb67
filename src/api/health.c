#include "api/api_internal.h"

#include "headgate/version.h"

#include <stdlib.h>
#include <string.h>

void healthz_get(struct api_context *context)
{
    struct json_out out = {0};
    json_put(&out, "{\"alive\":true}");
    respond(context->exchange, 200, &out, 0);
}

void readyz_get(struct api_context *context)
{
    struct api *api = context->api;
    struct json_out out = {0};
    struct hg_view view;
    const char *url;
    bool up, ready = true;
    const char *detail = api->host.store_detail(api->host.user_data, &url, &up);
    for (size_t p = 0; p < api->host.policy_count(api->host.user_data); p++) {
        ready = ready && (!api->host.view(api->host.user_data, p, &view) || view.ready);
    }
    if (ready) {
        json_put(&out, "{");
    } else {
        json_problem(&out, up ? "not-ready" : "store-away", "Cannot answer yet", 503, detail);
    }
    json_member_bool(&out, "ready", ready);
    json_name(&out, "store");
    json_put(&out, "{");
    json_member(&out, "url", url);
    json_member_bool(&out, "up", up);
    json_member(&out, "detail", detail);
    json_put(&out, "}}");
    respond(context->exchange, ready ? 200 : 503, &out, ready ? 0 : 1000000);
}

void metrics_get(struct api_context *context)
{
    struct api *api = context->api;
    char *text = NULL;
    size_t size = 0;
    int status = api->host.metrics(api->host.user_data, &text, &size);
    if (status != 0) {
        respond_error(context->exchange, status, 1000000);
        return;
    }
    struct http_response response = {.status = 200,
                                     .content_type = "text/plain; version=0.0.4; charset=utf-8",
                                     .body = text,
                                     .body_size = size};
    http_respond(context->exchange, &response);
    free(text);
}

void root_get(struct api_context *context)
{
    static const char text[] = "Headgate " HG_VERSION "\n\n"
                               "/v1/status        where everything stands\n"
                               "/v1/recoveries    incidents and their timelines\n"
                               "/v1/events        decisions as they are made\n"
                               "/metrics          for Prometheus\n"
                               "/healthz /readyz  alive; can answer\n";
    struct http_response response = {.status = 200,
                                     .content_type = "text/plain; charset=utf-8",
                                     .body = text,
                                     .body_size = sizeof(text) - 1};
    http_respond(context->exchange, &response);
}
