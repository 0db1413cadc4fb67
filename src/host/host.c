#include "host/host.h"

#include "host/clock.h"
#include "host/host_probes.h"
#include "host/log.h"
#include "host/host_metrics.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void timer_cb(uv_timer_t *timer)
{
    struct hg_event event = {.type = HG_EVENT_TICK, .now_us = clock_monotonic_us()};
    (void)host_step(timer->data, &event);
}

void host_schedule(struct host *host)
{
    int64_t deadline_us = hg_engine_next_deadline(host->engine);
    if (deadline_us == INT64_MAX) {
        uv_timer_stop(&host->timer);
        return;
    }
    int64_t delay_us = deadline_us - clock_monotonic_us();
    uv_timer_start(&host->timer, timer_cb, delay_us > 0 ? (uint64_t)(delay_us + 999) / 1000 : 0, 0);
}

void host_log(struct host *host, int level, const char *event, const char *format, ...)
{
    char text[LOG_LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    log_line((enum log_level)level, event, text);
    if (host->api != NULL) {
        api_on_log(host->api, level, event, text);
    }
}

static void reply_cb(void *user_data, struct group_reply *reply)
{
    struct host_submission *submission = user_data;
    struct hg_event event = {.type = HG_EVENT_STORE_REPLY, .now_us = clock_monotonic_us()};
    event.u.store_reply.policy = submission->policy;
    event.u.store_reply.reply = reply;
    (void)host_step(submission->host, &event);
}

static void submit(struct host *host, const struct hg_effect *effect)
{
    size_t policy = effect->policy;
    host->submissions[policy] = (struct host_submission){.host = host, .policy = policy};
    int status =
        host->store->ops->submit(host->store, effect->u.submit.group, reply_cb, &host->submissions[policy]);
    if (status != 0) {
        host->failed[policy] = true;
        host->failed_status[policy] = status;
    }
}

static void carry_out(struct host *host, const struct hg_effect *effect)
{
    switch (effect->type) {
    case HG_EFFECT_REPLY:
        api_on_reply(host->api, effect->u.reply.id, effect->u.reply.item, &effect->u.reply.answer);
        break;
    case HG_EFFECT_SUBMIT:
        submit(host, effect);
        break;
    case HG_EFFECT_LOG:
        host_log(host, effect->u.log.level, effect->u.log.event, "%s", effect->u.log.text);
        break;
    case HG_EFFECT_START_PROBES:
        host_probes_start(host, effect->policy);
        break;
    case HG_EFFECT_STOP_PROBES:
        host_probes_stop(host, effect->policy);
        break;
    case HG_EFFECT_TYPE_COUNT:
        break;
    }
}

static int step_once(struct host *host, const struct hg_event *event)
{
    struct hg_effects effects;
    assert(!host->stepping);
    host->stepping = true;
    int status = hg_engine_step(host->engine, event, &effects);
    for (size_t i = 0; i < effects.count; i++) {
        carry_out(host, &effects.effects[i]);
    }
    host->stepping = false;
    return status;
}

/* Groups that the store refused at once come back as lost; their effects may submit and fail again, so each
 * policy gets one turn: what fails in it waits for the next event. */
static void return_failed(struct host *host)
{
    for (size_t policy = 0; policy < sizeof(host->failed) / sizeof(host->failed[0]); policy++) {
        if (!host->failed[policy]) {
            continue;
        }
        host->failed[policy] = false;
        host->failed_reply->status = host->failed_status[policy];
        host->failed_reply->op_count = 0;
        struct hg_event event = {.type = HG_EVENT_STORE_REPLY, .now_us = clock_monotonic_us()};
        event.u.store_reply.policy = policy;
        event.u.store_reply.reply = host->failed_reply;
        (void)step_once(host, &event);
    }
}

int host_step(struct host *host, const struct hg_event *event)
{
    int status = step_once(host, event);
    return_failed(host);
    host_schedule(host);
    return status;
}

void host_on_store_state(void *user_data, int status, const char *text)
{
    struct host *host = user_data;
    host->store_up = status == 0;
    snprintf(host->store_detail, sizeof(host->store_detail), "%s", text == NULL ? "" : text);
    struct hg_event event = {.type = HG_EVENT_STORE_STATE, .now_us = clock_monotonic_us()};
    event.u.store_state.status = status;
    event.u.store_state.text = text;
    (void)host_step(host, &event);
}

static int ask(void *user_data, size_t policy, const struct hg_request *request)
{
    struct hg_event event = {.type = HG_EVENT_REQUEST, .now_us = clock_monotonic_us()};
    event.u.request.policy = policy;
    event.u.request.request = *request;
    return host_step(user_data, &event);
}

static bool find_fleet(void *user_data, const char *fleet, size_t *ret_policy, size_t *ret_index)
{
    return hg_engine_find_fleet(((struct host *)user_data)->engine, fleet, ret_policy, ret_index);
}

static bool find_gone_fleet(void *user_data, const char *fleet, size_t *ret_policy)
{
    return hg_engine_find_gone_fleet(((struct host *)user_data)->engine, fleet, ret_policy);
}

static bool find_dependency(void *user_data, const char *dependency, size_t *ret_policy, size_t *ret_index)
{
    return hg_engine_find_dependency(((struct host *)user_data)->engine, dependency, ret_policy, ret_index);
}

static size_t policy_count(void *user_data)
{
    return hg_engine_policy_count(((struct host *)user_data)->engine);
}

static bool view(void *user_data, size_t policy, struct hg_view *ret_view)
{
    return hg_engine_view(((struct host *)user_data)->engine, policy, clock_monotonic_us(), ret_view);
}

static const char *store_detail(void *user_data, const char **ret_url, bool *ret_up)
{
    struct host *host = user_data;
    *ret_url = host->store_url;
    *ret_up = host->store_up;
    return host->store_detail;
}

static int64_t wall_us(void *user_data)
{
    (void)user_data;
    return clock_wall_us();
}

struct api_host host_api(struct host *host)
{
    struct api_host api = {.user_data = host,
                           .ask = ask,
                           .find_fleet = find_fleet,
                           .find_gone_fleet = find_gone_fleet,
                           .find_dependency = find_dependency,
                           .policy_count = policy_count,
                           .view = view,
                           .metrics = host_metrics,
                           .store_detail = store_detail,
                           .wall_us = wall_us};
    return api;
}

void host_redact(const char *url, char *ret_text, size_t size)
{
    const char *authority = strstr(url, "://");
    const char *at = authority == NULL ? NULL : strrchr(authority, '@');
    if (at == NULL) {
        snprintf(ret_text, size, "%s", url);
    } else {
        snprintf(ret_text, size, "%.*s://***%s", (int)(authority - url), url, at);
    }
}
