#include "api/api_internal.h"

#include <stdio.h>
#include <string.h>

static const char *state_of(const struct hg_answer *answer)
{
    if (answer->state == INSTANCE_WAITING && answer->blocked) {
        return "blocked";
    }
    return instance_state_name(answer->state);
}

static const char *dependency_of(struct api *api, size_t policy, const struct hg_answer *answer,
                                 struct hg_view *view)
{
    bool known = answer->limit_dependency >= 0 && api->host.view(api->host.user_data, policy, view) &&
                 (size_t)answer->limit_dependency < view->policy->dependency_count;
    return known ? view->policy->dependencies[answer->limit_dependency].name : NULL;
}

static void write_limit(struct json_out *out, const struct hg_answer *answer, const char *dependency)
{
    bool rate = answer->limit == LIMIT_RATE || answer->limit == LIMIT_PACE;
    json_name(out, "limited_by");
    json_put(out, "{");
    json_member(out, "limit", limit_name(answer->limit));
    if (dependency != NULL) {
        json_member(out, "dependency", dependency);
    } else {
        json_member_null(out, "dependency");
    }
    if (answer->limit_value < 0) {
        json_member_null(out, "value");
    } else if (rate) {
        json_name(out, "value");
        json_putf(out, "%.3f", (double)answer->limit_value / 1000);
    } else {
        json_member_int(out, "value", answer->limit_value);
    }
    if (answer->limit_used < 0) {
        json_member_null(out, "used");
    } else {
        json_member_int(out, "used", answer->limit_used);
    }
    json_put(out, "}");
}

static void say_limit(const struct hg_answer *answer, const char *dependency, char *text, size_t size)
{
    const char *name = dependency == NULL ? "a dependency" : dependency;
    long long value = (long long)answer->limit_value, used = (long long)answer->limit_used;
    switch (answer->limit) {
    case LIMIT_LINE:
        snprintf(text, size, "%lld before it in line for %s, where %lld of %lld are in flight.",
                 (long long)answer->position, name, used > 0 ? used : 0, value > 0 ? value : 0);
        break;
    case LIMIT_RATE:
    case LIMIT_PACE:
        snprintf(text, size,
                 "Its turn has come; %s lets %.3g a second through, and the next token is a moment away.",
                 name, (double)value / 1000);
        break;
    case LIMIT_IN_FLIGHT:
    case LIMIT_WINDOW:
        snprintf(text, size, "Its turn has come; %lld of %lld are in flight to %s.", used, value, name);
        break;
    case LIMIT_PAUSED:
        snprintf(text, size, "Paused by an operator.");
        break;
    case LIMIT_BLOCKED:
        snprintf(text, size, value > 0 ? "%s is down; only canaries pass." : "%s is blocked; nobody passes.", name);
        break;
    case LIMIT_AFTER:
        snprintf(text, size, "Waits for another fleet to come back first.");
        break;
    case LIMIT_BACKOFF:
        snprintf(text, size, "Failed before and waits out its backoff.");
        break;
    case LIMIT_QUARANTINE:
        snprintf(text, size, "Failed too often; an operator must release it.");
        break;
    case LIMIT_STORE:
    case LIMIT_NONE:
    case LIMIT_COUNT:
        snprintf(text, size, "Waits.");
        break;
    }
}

static void say_waiting(const struct hg_answer *answer, const char *dependency, char *text, size_t size)
{
    say_limit(answer, dependency, text, size);
    size_t used = strlen(text);
    if (answer->blocked && answer->limit == LIMIT_LINE) {
        snprintf(text, size, "%s is %s; %lld are before it in line.",
                 dependency == NULL ? "A dependency" : dependency,
                 answer->phase < PHASE_COUNT ? phase_name(answer->phase) : "held",
                 (long long)answer->position);
    } else if (answer->eta_us >= 0 && answer->state == INSTANCE_WAITING && used < size) {
        snprintf(text + used, size - used, " About %lld s.",
                 (long long)((answer->eta_us + 999999) / 1000000));
    }
}

void answer_say(struct api *api, size_t policy, const struct hg_answer *answer, char *ret_text, size_t size)
{
    struct hg_view view;
    say_waiting(answer, dependency_of(api, policy, answer, &view), ret_text, size);
}

static void write_reasons(struct json_out *out, const struct hg_answer *answer)
{
    json_name(out, "reasons");
    json_put(out, "[");
    for (size_t i = 0; answer->op != NULL && i < REASONS_KEPT && answer->op->reasons[i][0] != '\0'; i++) {
        json_put(out, i > 0 ? "," : "");
        json_put_string(out, answer->op->reasons[i]);
    }
    json_put(out, "]");
}

static void write_place(struct json_out *out, const struct hg_answer *answer)
{
    json_member(out, "ticket", answer->ticket);
    json_member_int(out, "position", answer->position);
    if (answer->eta_us < 0) {
        json_member_null(out, "eta_ms");
    } else {
        json_member_int(out, "eta_ms", answer->eta_us / 1000);
    }
}

/* In a batch the item has its name already, and the path has the fleet's. */
static void write_names(struct json_out *out, const struct answer_about *about)
{
    if (about->instance != NULL) {
        json_member(out, "fleet", about->fleet);
        json_member(out, "instance", about->instance);
    }
}

static int write_waiting(struct api *api, const struct answer_about *about, const struct hg_answer *answer,
                         struct json_out *out)
{
    struct hg_view view;
    char detail[256];
    const char *dependency = dependency_of(api, about->policy, answer, &view);
    const char *state = state_of(answer);
    say_waiting(answer, dependency, detail, sizeof(detail));
    json_name(out, "type");
    json_putf(out, "\"" PROBLEM_BASE "%s\"", state);
    json_member(out, "title", answer->state == INSTANCE_BACKOFF ? "Backing off after a failure" : "Not yet");
    json_member_int(out, "status", 429);
    json_member(out, "detail", detail);
    json_member(out, "state", state);
    write_names(out, about);
    if (answer->state == INSTANCE_WAITING) {
        write_place(out, answer);
    }
    json_member_int(out, "retry_after_ms", answer->retry_after_us / 1000);
    if (answer->op != NULL) {
        json_member_int(out, "attempt", answer->op->attempt);
    }
    write_limit(out, answer, dependency);
    return 429;
}

static int write_granted(struct api *api, const struct answer_about *about, const struct hg_answer *answer,
                         struct json_out *out)
{
    struct hg_view view;
    json_member(out, "state", "granted");
    write_names(out, about);
    json_member_int(out, "fence", answer->op->fence);
    json_member_int(out, "lease_ms", answer->lease_us / 1000);
    json_member_int(out, "attempt", answer->op->attempt);
    json_member_bool(out, "already", answer->op->already);
    if (about->kind == OP_ACQUIRE && answer->limit != LIMIT_NONE) {
        json_name(out, "observed");
        json_put(out, "{");
        write_limit(out, answer, dependency_of(api, about->policy, answer, &view));
        json_put(out, "}");
    }
    return 200;
}

static int write_quarantined(const struct answer_about *about, const struct hg_answer *answer,
                             struct json_out *out)
{
    json_name(out, "type");
    json_put(out, "\"" PROBLEM_BASE "quarantined\"");
    json_member(out, "title", "Quarantined");
    json_member_int(out, "status", 409);
    json_member(out, "detail",
                "It failed too often. Find out why, then release it: DELETE "
                "/v1/fleets/{fleet}/quarantine/{instance}.");
    json_member(out, "state", "quarantined");
    write_names(out, about);
    json_member_int(out, "attempt", answer->op == NULL ? 0 : answer->op->attempt);
    write_reasons(out, answer);
    return 409;
}

static int write_outcome(const struct answer_about *about, const struct hg_answer *answer,
                         struct json_out *out)
{
    json_member(out, "state", state_of(answer));
    write_names(out, about);
    json_member_bool(out, "already", answer->op->already);
    json_member_int(out, "attempt", answer->op->attempt);
    if (answer->state == INSTANCE_BACKOFF) {
        json_member_int(out, "retry_after_ms", answer->retry_after_us / 1000);
    }
    return 200;
}

static int write_record(struct api *api, const struct answer_about *about, const struct hg_answer *answer,
                        struct json_out *out)
{
    struct hg_view view;
    char detail[256] = "";
    const struct op_reply *op = answer->op;
    const char *dependency = dependency_of(api, about->policy, answer, &view);
    write_names(out, about);
    json_member(out, "state", state_of(answer));
    if (answer->state != INSTANCE_NONE) {
        json_member_int(out, "attempt", op->attempt);
        json_member_int(out, "fence", op->fence);
        json_member_int(out, "since_ms", op->since_us / 1000);
        json_member_int(out, "until_ms", op->until_us / 1000);
    }
    if (answer->state == INSTANCE_WAITING) {
        json_member(out, "line", op->line == LINE_RETRY ? "retry" : "main");
        write_place(out, answer);
        write_limit(out, answer, dependency);
        say_waiting(answer, dependency, detail, sizeof(detail));
    } else if (answer->state == INSTANCE_GRANTED) {
        json_member_int(out, "lease_ms", answer->lease_us / 1000);
        snprintf(detail, sizeof(detail), "It holds a permit for another %lld s.",
                 (long long)(answer->lease_us / 1000000));
    } else if (answer->state == INSTANCE_NONE) {
        snprintf(detail, sizeof(detail), "It has never asked, or was forgotten.");
    } else if (answer->state == INSTANCE_DONE) {
        snprintf(detail, sizeof(detail), "It has recovered.");
    } else {
        say_limit(answer, dependency, detail, sizeof(detail));
    }
    if (answer->retry_after_us > 0) {
        json_member_int(out, "retry_after_ms", answer->retry_after_us / 1000);
    }
    write_reasons(out, answer);
    json_member(out, "detail", detail);
    return 200;
}

/* What the record says, against what the caller said. */
static const char *conflict_text(enum instance_state state)
{
    static const char *const texts[INSTANCE_STATE_COUNT] = {
        [INSTANCE_NONE] = "It holds no permit: it has never asked, or was forgotten.",
        [INSTANCE_WAITING] = "It holds no permit: it waits in line.",
        [INSTANCE_GRANTED] = "It holds a permit, but with another fence.",
        [INSTANCE_BACKOFF] = "It holds no permit: it failed and backs off.",
        [INSTANCE_QUARANTINED] = "It holds no permit: it is quarantined.",
        [INSTANCE_DONE] = "It holds no permit: it has recovered already.",
    };
    return texts[state];
}

int answer_write(struct api *api, const struct answer_about *about, const struct hg_answer *answer,
                 struct json_out *out)
{
    if (answer->status != 0) {
        size_t before = out->size;
        struct json_out problem = {0};
        int status = hg_error_http_status(answer->status);
        if (about->kind == OP_ACQUIRE && answer->status == HG_E_NOT_FOUND) {
            /* It was there when this was asked. */
            json_problem(&problem, "not-found", "This fleet was removed", status,
                         "The policy in force no longer names it; permits it holds may be completed.");
        } else if (answer->status == HG_E_CONFLICT && answer->op != NULL) {
            json_problem(&problem, "conflict", hg_strerror(HG_E_CONFLICT), status, conflict_text(answer->op->state));
        } else {
            status = problem_of_error(&problem, answer->status, answer->retry_after_us);
        }
        /* The members, behind those that are there already. */
        json_put(out, before > 0 && out->text[before - 1] != '{' ? "," : "");
        json_put(out, problem.failed ? "" : problem.text + 1);
        json_member(out, "state", answer->op == NULL ? "unknown" : state_of(answer));
        out->failed = out->failed || problem.failed;
        json_out_finish(&problem);
        return status;
    }
    if (about->kind == OP_GET) {
        return write_record(api, about, answer, out);
    }
    if (about->kind == OP_COMPLETE || about->kind == OP_LEAVE || about->kind == OP_RELEASE) {
        return write_outcome(about, answer, out);
    }
    switch (answer->state) {
    case INSTANCE_GRANTED:
        return write_granted(api, about, answer, out);
    case INSTANCE_QUARANTINED:
        return write_quarantined(about, answer, out);
    case INSTANCE_WAITING:
    case INSTANCE_BACKOFF:
    case INSTANCE_NONE:
    case INSTANCE_DONE:
    case INSTANCE_STATE_COUNT:
        break;
    }
    return write_waiting(api, about, answer, out);
}
