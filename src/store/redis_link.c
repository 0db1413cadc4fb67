#include "store/redis_link.h"
#include "core/backoff.h"
#include "core/rng.h"
#include "headgate/errors.h"
#include "store/redis_script.h"
#include "store/redis_url.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRIPT_SHA_SIZE 40

struct redis_link {
    struct redis_url url;
    uv_loop_t *loop;
    redis_link_state_fn on_state;
    void *user_data;
    redisAsyncContext *context; /* also while the handshake is under way */
    bool up;
    bool told; /* whether on_state knows the last status */
    int last_status;
    bool closing;
    bool resolving;
    char script[SCRIPT_SHA_SIZE + 1];
    uv_timer_t timer; /* the handshake's deadline, or the pause before the next try */
    bool timer_open;
    uv_getaddrinfo_t resolve;
    struct rng rng;
    int64_t failures;
    void (*on_closed)(void *user_data);
    void *closed_data;
};

static void retry_cb(uv_timer_t *timer);

static void tell(struct redis_link *link, int status, const char *text)
{
    if (link->closing || (link->told && link->last_status == status)) {
        return;
    }
    link->told = true;
    link->last_status = status;
    link->on_state(link->user_data, status, text);
}

/* The connection is no more (hiredis frees it): say so and try again after a pause. */
static void retry_later(struct redis_link *link, int status, const char *why)
{
    static const struct backoff pauses = {REDIS_RETRY_MIN_MS, REDIS_RETRY_MAX_MS, BACKOFF_JITTER_EQUAL};
    char text[256];
    link->context = NULL;
    link->up = false;
    if (link->closing) {
        return;
    }
    link->failures++;
    int64_t draw = (int64_t)(rng_next(&link->rng) >> (64 - DRAW_BITS));
    (void)uv_timer_start(&link->timer, retry_cb, (uint64_t)backoff_delay_ms(&pauses, link->failures, draw),
                         0);
    snprintf(text, sizeof(text), "Redis at %s:%d: %s", link->url.host, link->url.port, why);
    tell(link, status, text);
}

static void give_up(struct redis_link *link, int status, const char *why)
{
    redisAsyncContext *context = link->context;
    if (context == NULL) {
        return;
    }
    char kept[200];
    snprintf(kept, sizeof(kept), "%s", why);
    retry_later(link, status, kept);
    redisAsyncFree(context);
}

void redis_link_drop(struct redis_link *link, int status, const char *why)
{
    give_up(link, status, why);
}

void redis_link_proved(struct redis_link *link)
{
    link->failures = 0;
}

static void disconnect_cb(const redisAsyncContext *context, int status)
{
    struct redis_link *link = context->data;
    (void)status;
    if (link->context == context) {
        retry_later(link, HG_E_STORE_AWAY, "the connection broke");
    }
}

static void connect_cb(const redisAsyncContext *context, int status)
{
    struct redis_link *link = context->data;
    if (status != REDIS_OK && link->context == context) {
        retry_later(link, HG_E_STORE_AWAY,
                    context->errstr[0] != '\0' ? context->errstr : "the connection failed");
    }
}

static void handshake_timeout_cb(uv_timer_t *timer)
{
    give_up(timer->data, HG_E_STORE_AWAY, "no answer to the first commands");
}

/* True when `reply` is good; otherwise the link has been given up, or is gone already. */
static bool is_good(redisAsyncContext *context, const redisReply *reply, int status)
{
    struct redis_link *link = context->data;
    if (reply == NULL || link->context != context) {
        return false;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        give_up(link, strncmp(reply->str, "LOADING", 7) == 0 ? HG_E_STORE_AWAY : status, reply->str);
        return false;
    }
    return true;
}

static void step_cb(redisAsyncContext *context, void *reply, void *user_data)
{
    (void)user_data;
    (void)is_good(context, reply, HG_E_STORE_UNFIT);
}

/* The text after "name:" at the start of a line of an INFO reply; "" when it is not there. Other lines may hold the word:
 * that of the configuration's file, for one. */
static void info_field(const char *info, const char *name, char *ret_value, size_t size)
{
    size_t length = strlen(name);
    const char *at = info;
    ret_value[0] = '\0';
    while ((at = strstr(at, name)) != NULL && (at[length] != ':' || (at > info && at[-1] != '\n'))) {
        at += length;
    }
    if (at != NULL) {
        at += length + 1;
        snprintf(ret_value, size, "%.*s", (int)strcspn(at, "\r\n"), at);
    }
}

/* Gives the link up when `policy` would throw permits away. */
static void evicts(struct redis_link *link, const char *policy)
{
    if (policy[0] == '\0' || strcmp(policy, "noeviction") == 0) {
        return;
    }
    char why[160];
    snprintf(why, sizeof(why), "maxmemory-policy %.40s would evict permits: set it to noeviction", policy);
    give_up(link, HG_E_STORE_UNFIT, why);
}

static void info_cb(redisAsyncContext *context, void *reply_data, void *user_data)
{
    (void)user_data;
    const redisReply *reply = reply_data;
    char version[32], role[32], policy[64];
    if (!is_good(context, reply, HG_E_STORE_UNFIT)) {
        return;
    }
    const char *info = reply->type == REDIS_REPLY_STRING ? reply->str : "";
    info_field(info, "redis_version", version, sizeof(version));
    info_field(info, "role", role, sizeof(role));
    info_field(info, "maxmemory_policy", policy, sizeof(policy));
    int major = 0, minor = 0;
    if (sscanf(version, "%d.%d", &major, &minor) != 2 || major < 6 || (major == 6 && minor < 2)) {
        give_up(context->data, HG_E_STORE_UNFIT, "too old: Redis 6.2 or newer is needed");
    } else if (role[0] != '\0' && strcmp(role, "master") != 0) {
        give_up(context->data, HG_E_STORE_UNFIT, "a replica takes no writes: name the primary in the URL");
    } else {
        evicts(context->data, policy);
    }
}

/* CONFIG may be forbidden to this user: then INFO's word stands. */
static void config_cb(redisAsyncContext *context, void *reply_data, void *user_data)
{
    (void)user_data;
    struct redis_link *link = context->data;
    const redisReply *reply = reply_data;
    if (reply == NULL || link->context != context || reply->type != REDIS_REPLY_ARRAY ||
        reply->elements < 2 || reply->element[1]->type != REDIS_REPLY_STRING) {
        return;
    }
    evicts(link, reply->element[1]->str);
}

static void script_cb(redisAsyncContext *context, void *reply_data, void *user_data)
{
    (void)user_data;
    struct redis_link *link = context->data;
    const redisReply *reply = reply_data;
    if (!is_good(context, reply, HG_E_STORE_UNFIT)) {
        return;
    }
    if (reply->type != REDIS_REPLY_STRING || reply->len != SCRIPT_SHA_SIZE) {
        give_up(link, HG_E_STORE_UNFIT, "SCRIPT LOAD gave no digest");
        return;
    }
    memcpy(link->script, reply->str, SCRIPT_SHA_SIZE);
    (void)uv_timer_stop(&link->timer);
    link->up = true;
    tell(link, 0, "Redis is there");
}

static void say_hello(struct redis_link *link)
{
    redisAsyncContext *context = link->context;
    int failed = 0;
    if (link->url.pass[0] != '\0') {
        failed |=
            link->url.user[0] == '\0'
                ? redisAsyncCommand(context, step_cb, NULL, "AUTH %s", link->url.pass)
                : redisAsyncCommand(context, step_cb, NULL, "AUTH %s %s", link->url.user, link->url.pass);
    }
    failed |= redisAsyncCommand(context, step_cb, NULL, "SELECT %d", link->url.db);
    failed |= redisAsyncCommand(context, info_cb, NULL, "INFO");
    failed |= redisAsyncCommand(context, config_cb, NULL, "CONFIG GET maxmemory-policy");
    failed |= redisAsyncCommand(context, script_cb, NULL, "SCRIPT LOAD %b", redis_script, redis_script_size);
    if (failed != 0) {
        give_up(link, HG_E_STORE_AWAY, "the first commands could not be sent");
        return;
    }
    (void)uv_timer_start(&link->timer, handshake_timeout_cb, REDIS_ANSWER_MS, 0);
}

static void connect_to(struct redis_link *link, const char *address)
{
    redisAsyncContext *context = redisAsyncConnect(address, link->url.port);
    if (context == NULL) {
        retry_later(link, HG_E_STORE_AWAY, "no memory for a connection");
        return;
    }
    context->data = link;
    if (context->err != 0 || redis_uv_attach(context, link->loop) != 0) {
        retry_later(link, HG_E_STORE_AWAY, context->errstr[0] != '\0' ? context->errstr : "cannot connect");
        redisAsyncFree(context);
        return;
    }
    link->context = context;
    (void)redisAsyncSetConnectCallback(context, connect_cb);
    (void)redisAsyncSetDisconnectCallback(context, disconnect_cb);
    say_hello(link);
}

static void finish_closing(struct redis_link *link)
{
    if (link->timer_open || link->resolving) {
        return;
    }
    void (*on_closed)(void *) = link->on_closed;
    void *closed_data = link->closed_data;
    free(link);
    on_closed(closed_data);
}

static void resolved_cb(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses)
{
    struct redis_link *link = request->data;
    char address[64] = "";
    link->resolving = false;
    if (status == 0 && addresses != NULL) {
        int family = addresses->ai_family;
        if (family == AF_INET6) {
            (void)uv_ip6_name((const struct sockaddr_in6 *)(const void *)addresses->ai_addr, address,
                              sizeof(address));
        } else {
            (void)uv_ip4_name((const struct sockaddr_in *)(const void *)addresses->ai_addr, address,
                              sizeof(address));
        }
    }
    uv_freeaddrinfo(addresses);
    if (link->closing) {
        finish_closing(link);
    } else if (address[0] == '\0') {
        retry_later(link, HG_E_STORE_AWAY, status != 0 ? uv_strerror(status) : "the name has no address");
    } else {
        connect_to(link, address);
    }
}

static void retry_cb(uv_timer_t *timer)
{
    struct redis_link *link = timer->data;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    link->resolve.data = link;
    link->resolving =
        uv_getaddrinfo(link->loop, &link->resolve, resolved_cb, link->url.host, NULL, &hints) == 0;
    if (!link->resolving) {
        retry_later(link, HG_E_STORE_AWAY, "the name cannot be looked up");
    }
}

int redis_link_create(const char *url, uv_loop_t *loop, redis_link_state_fn on_state, void *user_data,
                      struct redis_link **ret_link)
{
    struct redis_link *link = calloc(1, sizeof(*link));
    uint64_t seed = 0;
    if (link == NULL) {
        return HG_E_NOMEM;
    }
    int status = redis_url_parse(url, &link->url);
    if (status != 0 || uv_timer_init(loop, &link->timer) != 0) {
        free(link);
        return status != 0 ? status : HG_E_IO;
    }
    (void)uv_random(NULL, NULL, &seed, sizeof(seed), 0, NULL);
    rng_init(&link->rng, seed);
    link->loop = loop;
    link->on_state = on_state;
    link->user_data = user_data;
    link->timer.data = link;
    link->timer_open = true;
    (void)uv_timer_start(&link->timer, retry_cb, 0, 0);
    *ret_link = link;
    return 0;
}

redisAsyncContext *redis_link_context(const struct redis_link *link)
{
    return link->up ? link->context : NULL;
}

const char *redis_link_script(const struct redis_link *link)
{
    return link->script;
}

static void timer_closed_cb(uv_handle_t *handle)
{
    struct redis_link *link = handle->data;
    link->timer_open = false;
    finish_closing(link);
}

void redis_link_destroy(struct redis_link *link, void (*on_closed)(void *user_data), void *user_data)
{
    redisAsyncContext *context = link->context;
    link->closing = true;
    link->on_closed = on_closed;
    link->closed_data = user_data;
    link->context = NULL;
    link->up = false;
    if (context != NULL) {
        redisAsyncFree(context);
    }
    uv_close((uv_handle_t *)&link->timer, timer_closed_cb);
}
