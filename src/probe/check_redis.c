/* redis: whether a server takes the connection, the password and the database, and answers PING. */
#include "probe/check.h"
#include "headgate/errors.h"
#include "net/ares_uv.h"
#include "net/redis_uv.h"
#include "probe/target.h"

#include <arpa/inet.h>
#include <ares.h>
#include <stdlib.h>
#include <string.h>

struct check_redis {
    struct check check;
    struct target target;
    struct ares_uv *query;
    struct ares_uv_answer answer;
    bool resolved;
    size_t next; /* address to try after the present one */
    redisAsyncContext *context;
};

static void try_next(struct check_redis *redis);

static void say(struct check_redis *redis, enum probe_verdict verdict, const char *text)
{
    struct check_result result;
    check_say(&result, verdict, "redis: %s port %d: %s", redis->target.host, redis->target.port, text);
    check_done(&redis->check, &result);
}

/* AUTH and SELECT are followed by PING, whose answer shows whether they were needed and worked; only their
 * errors are of interest. */
static void on_reply(redisAsyncContext *context, void *reply_data, void *user_data)
{
    struct check_redis *redis = context->data;
    const redisReply *reply = reply_data;
    bool is_ping = user_data != NULL;
    if (redis == NULL || redis->check.options.on_done == NULL) {
        return;
    }
    if (reply == NULL) {
        /* The connection failed or ended: hiredis lets go of the context after this. */
        redis->context = NULL;
        context->data = NULL;
        bool connected = (context->c.flags & REDIS_CONNECTED) != 0;
        if (!connected && redis->next < redis->answer.kept) {
            try_next(redis);
        } else {
            say(redis, PROBE_VERDICT_UNREACHABLE,
                context->errstr != NULL && context->errstr[0] != '\0' ? context->errstr
                                                                      : "the connection ended");
        }
        return;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        say(redis, PROBE_VERDICT_BAD_ANSWER, reply->str);
    } else if (is_ping && reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "PONG") == 0) {
        say(redis, PROBE_VERDICT_UP, "PONG");
    } else if (is_ping) {
        say(redis, PROBE_VERDICT_BAD_ANSWER, "the answer to PING is not PONG");
    }
}

static bool send_commands(redisAsyncContext *context, const struct target *target)
{
    int status = REDIS_OK;
    if (target->user[0] != '\0' && strcmp(target->user, "default") != 0) {
        status = redisAsyncCommand(context, on_reply, NULL, "AUTH %s %s", target->user, target->password);
    } else if (target->password[0] != '\0') {
        status = redisAsyncCommand(context, on_reply, NULL, "AUTH %s", target->password);
    }
    if (status == REDIS_OK && target->database != 0) {
        status = redisAsyncCommand(context, on_reply, NULL, "SELECT %d", target->database);
    }
    return status == REDIS_OK && redisAsyncCommand(context, on_reply, context, "PING") == REDIS_OK;
}

static void try_next(struct check_redis *redis)
{
    char host[INET6_ADDRSTRLEN] = "";
    const struct sockaddr *address = (const struct sockaddr *)&redis->answer.addresses[redis->next++];
    (void)uv_ip_name(address, host, sizeof(host));
    redisAsyncContext *context = redisAsyncConnect(host, redis->target.port);
    if (context == NULL) {
        say(redis, PROBE_VERDICT_NOT_TRIED, hg_strerror(HG_E_NOMEM));
        return;
    }
    if (context->err != 0) {
        char text[128];
        (void)snprintf(text, sizeof(text), "%s", context->errstr);
        redisAsyncFree(context);
        if (redis->next < redis->answer.kept) {
            try_next(redis);
        } else {
            say(redis, PROBE_VERDICT_UNREACHABLE, text);
        }
        return;
    }
    int status = redis_uv_attach(context, redis->check.options.loop);
    if (status != 0 || !send_commands(context, &redis->target)) {
        redisAsyncFree(context);
        say(redis, PROBE_VERDICT_NOT_TRIED, hg_strerror(status != 0 ? status : HG_E_NOMEM));
        return;
    }
    context->data = redis;
    redis->context = context;
}

static void on_answer(void *user_data, const struct ares_uv_answer *answer)
{
    struct check_redis *redis = user_data;
    if (answer->status == ARES_ETIMEOUT) {
        return; /* left to the attempt's timeout */
    }
    if (answer->status != ARES_SUCCESS || answer->kept == 0) {
        struct check_result result;
        check_say_unresolved(&result, "redis", redis->target.host, NULL, answer);
        check_done(&redis->check, &result);
        return;
    }
    redis->answer = *answer;
    redis->resolved = true;
    try_next(redis);
}

static int redis_start(const struct check_options *options, struct check **ret_check,
                       struct check_result *ret_result)
{
    struct check_redis *redis = calloc(1, sizeof(*redis));
    if (redis == NULL) {
        return check_not_tried(ret_result, "redis", HG_E_NOMEM);
    }
    redis->check.options = *options;
    int status = target_parse_url(&redis->target, options->probe->target);
    if (status == 0) {
        struct ares_uv_options query = {.loop = options->loop,
                                        .name = redis->target.host,
                                        .port = redis->target.port,
                                        .try_ms = check_try_ms(options->probe),
                                        .on_done = on_answer,
                                        .user_data = redis};
        status = ares_uv_start(&query, &redis->query);
    }
    if (status != 0) {
        free(redis);
        return check_not_tried(ret_result, "redis", status);
    }
    *ret_check = &redis->check;
    return 0;
}

static void redis_explain_silence(const struct check *check, struct check_result *ret_result)
{
    const struct check_redis *redis = (const struct check_redis *)check;
    int64_t timeout_us = check->options.probe->timeout_us;
    if (!redis->resolved) {
        check_say_resolver_silent(ret_result, "redis", redis->target.host, NULL, timeout_us);
        return;
    }
    check_say(ret_result, PROBE_VERDICT_SILENT, "redis: %s port %d did not answer PING in %lld ms",
              redis->target.host, redis->target.port, (long long)check_ms(timeout_us));
}

static void query_closed(void *user_data)
{
    struct check_redis *redis = user_data;
    check_closed(&redis->check);
}

static void redis_close(struct check *check, void (*on_closed)(void *user_data), void *user_data)
{
    struct check_redis *redis = (struct check_redis *)check;
    check->on_closed = on_closed;
    check->closed_data = user_data;
    if (redis->context != NULL) {
        /* Its pending callbacks come now, or once the one under way returns: either must not find us. */
        redis->context->data = NULL;
        redisAsyncFree(redis->context);
        redis->context = NULL;
    }
    ares_uv_close(redis->query, query_closed, redis);
}

const struct check_ops check_redis_ops = {
    .name = "redis", .start = redis_start, .explain_silence = redis_explain_silence, .close = redis_close};
