#include "api/api_internal.h"

#include "headgate/version.h"

#include <string.h>

static const struct snapshot_dependency *find_dependency(const struct hg_view *view, const char *name)
{
    for (size_t d = 0; view->snapshot != NULL && d < view->snapshot->dependency_count; d++) {
        if (strcmp(view->snapshot->dependencies[d].name, name) == 0) {
            return &view->snapshot->dependencies[d];
        }
    }
    return NULL;
}

static const struct snapshot_fleet *find_fleet(const struct hg_view *view, const char *name)
{
    for (size_t f = 0; view->snapshot != NULL && f < view->snapshot->fleet_count; f++) {
        if (strcmp(view->snapshot->fleets[f].name, name) == 0) {
            return &view->snapshot->fleets[f];
        }
    }
    return NULL;
}

static void member_rate(struct json_out *out, const char *name, int64_t milli)
{
    json_name(out, name);
    json_putf(out, "%.3f", (double)milli / 1000);
}

static void write_dependency(struct json_out *out, const struct hg_view *view, size_t d)
{
    const struct hg_dependency *policy = &view->policy->dependencies[d];
    const struct snapshot_dependency *state = find_dependency(view, policy->name);
    json_put(out, out->text[out->size - 1] == '}' ? ",{" : "{");
    json_member(out, "dependency", policy->name);
    json_member(out, "policy", view->policy->name);
    json_member(out, "probe",
                policy->probe_count == 0 ? "none"
                : view->probe_up[d] == 1 ? "up"
                : view->probe_up[d] == 0 ? "down"
                                         : "unknown");
    if (state != NULL) {
        json_member(out, "phase", phase_name(state->phase));
        json_member(out, "why", view->why[d] == NULL ? "" : view->why[d]);
        member_rate(out, "rate", state->rate_milli);
        json_member_int(out, "burst", state->burst);
        if (state->paced) {
            member_rate(out, "pace", state->pace_milli);
        } else {
            json_member_null(out, "pace");
        }
        json_member_int(out, "window", state->window);
        json_member_int(out, "in_flight", state->in_flight);
        json_member_int(out, "in_flight_max", state->in_flight_max);
        json_name(out, "tokens");
        json_putf(out, "%.3f", (double)state->tokens / 1e6);
        json_member_int(out, "granted", state->granted);
        json_member_int(out, "recovered", state->recovered);
        json_member_int(out, "failed", state->failed);
        json_member_int(out, "expired", state->expired);
        json_member_int(out, "cohort", state->cohort);
    }
    json_put(out, "}");
}

static void write_fleet(struct json_out *out, const struct hg_view *view, size_t f)
{
    const struct hg_fleet *policy = &view->policy->fleets[f];
    const struct snapshot_fleet *state = find_fleet(view, policy->name);
    json_put(out, out->text[out->size - 1] == '}' ? ",{" : "{");
    json_member(out, "fleet", policy->name);
    json_member(out, "policy", view->policy->name);
    json_member_int(out, "size", policy->size);
    if (state != NULL) {
        const struct snapshot_line *line = state->lines;
        json_member_int(out, "waiting", line[LINE_MAIN].waiting);
        json_member_int(out, "waiting_retry", line[LINE_RETRY].waiting);
        json_member_int(out, "ready", line[LINE_MAIN].ready + line[LINE_RETRY].ready);
        json_member_int(out, "in_flight", state->in_flight);
        json_member_int(out, "backoff", state->backoff);
        json_member_int(out, "quarantined", state->quarantined);
        json_member_int(out, "granted", state->granted);
        json_member_int(out, "recovered", state->recovered);
        json_member_int(out, "failed", state->failed);
        json_member_int(out, "expired", state->expired);
        json_member_int(out, "superseded", state->superseded);
        json_member_int(out, "serving", line[LINE_MAIN].serving);
        json_member_int(out, "tail", line[LINE_MAIN].tail);
        json_member_bool(out, "paused", state->paused);
        json_member_bool(out, "held", state->held);
        if (view->fleet_eta_us[f] < 0) {
            json_member_null(out, "eta_ms");
        } else {
            json_member_int(out, "eta_ms", view->fleet_eta_us[f] / 1000);
        }
    }
    json_put(out, "}");
}

static void write_all(struct json_out *out, const struct hg_view *view, bool fleets)
{
    size_t count = fleets ? view->policy->fleet_count : view->policy->dependency_count;
    for (size_t i = 0; i < count; i++) {
        if (fleets) {
            write_fleet(out, view, i);
        } else {
            write_dependency(out, view, i);
        }
    }
}

static void write_policy(struct json_out *out, const struct hg_view *view)
{
    const struct snapshot *snapshot = view->snapshot;
    int64_t learning_us = snapshot == NULL ? 0 : snapshot->learning_until_us - snapshot->now_us;
    json_put(out, out->text[out->size - 1] == '}' ? ",{" : "{");
    json_member(out, "policy", view->policy->name);
    json_member_int(out, "generation", view->policy->generation);
    json_member(out, "mode", view->policy->mode == HG_POLICY_OBSERVE ? "observe" : "enforce");
    json_member_bool(out, "ready", view->ready);
    json_member_bool(out, "leading", view->leading);
    json_member(out, "leader", snapshot == NULL ? "" : snapshot->leader_id);
    json_member_bool(out, "learning", learning_us > 0);
    json_member_int(out, "learning_ms", learning_us > 0 ? learning_us / 1000 : 0);
    json_name(out, "dependencies");
    json_put(out, "[");
    write_all(out, view, false);
    json_put(out, "]");
    json_name(out, "fleets");
    json_put(out, "[");
    write_all(out, view, true);
    json_put(out, "]}");
}

void status_get(struct api_context *context)
{
    struct api *api = context->api;
    struct json_out out = {0};
    struct hg_view view;
    const char *url;
    bool up, ready = true;
    const char *detail = api->host.store_detail(api->host.user_data, &url, &up);
    size_t count = api->host.policy_count(api->host.user_data);
    for (size_t p = 0; p < count; p++) {
        ready = ready && (!api->host.view(api->host.user_data, p, &view) || view.ready);
    }
    json_put(&out, "{");
    json_member(&out, "version", HG_VERSION);
    json_member(&out, "controller", api->controller_id);
    json_member_bool(&out, "ready", ready);
    json_name(&out, "store");
    json_put(&out, "{");
    json_member(&out, "url", url);
    json_member_bool(&out, "up", up);
    json_member(&out, "detail", detail);
    json_put(&out, "}");
    json_name(&out, "policies");
    json_put(&out, "[");
    for (size_t p = 0; p < count; p++) {
        if (api->host.view(api->host.user_data, p, &view)) {
            write_policy(&out, &view);
        }
    }
    json_put(&out, "]}");
    respond(context->exchange, 200, &out, 0);
}

static void list_all(struct api_context *context, bool fleets)
{
    struct api *api = context->api;
    struct json_out out = {0};
    struct hg_view view;
    json_put(&out, fleets ? "{\"fleets\":[" : "{\"dependencies\":[");
    for (size_t p = 0; p < api->host.policy_count(api->host.user_data); p++) {
        if (api->host.view(api->host.user_data, p, &view)) {
            write_all(&out, &view, fleets);
        }
    }
    json_put(&out, "]}");
    respond(context->exchange, 200, &out, 0);
}

void fleets_get(struct api_context *context)
{
    list_all(context, true);
}

void dependencies_get(struct api_context *context)
{
    list_all(context, false);
}

static void get_one(struct api_context *context, bool fleet)
{
    struct api *api = context->api;
    struct json_out out = {0};
    struct hg_view view;
    size_t policy, index;
    bool found = fleet ? api->host.find_fleet(api->host.user_data, context->match.fleet, &policy, &index)
                       : api->host.find_dependency(api->host.user_data, context->match.name, &policy, &index);
    if (!found || !api->host.view(api->host.user_data, policy, &view)) {
        respond_problem(context->exchange, "not-found",
                        fleet ? "There is no such fleet" : "There is no such dependency", 404,
                        "No policy in force names it; see /v1/status.", NULL);
        return;
    }
    json_put(&out, "\n"); /* what the writers look back at */
    if (fleet) {
        write_fleet(&out, &view, index);
    } else {
        write_dependency(&out, &view, index);
    }
    respond(context->exchange, 200, &out, 0);
}

void fleet_get(struct api_context *context)
{
    get_one(context, true);
}

void dependency_get(struct api_context *context)
{
    get_one(context, false);
}
