/* The Redis store: one group is one EVALSHA, at most GROUPS_UNDER_WAY of them at the server; others wait
 * here. */
#include "headgate/errors.h"
#include "store/group_encode.h"
#include "store/redis_link.h"
#include "store/redis_reply.h"
#include "store/redis_script.h"
#include "store/store_redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_UNDER_WAY 2
#define JOBS_MAX         (2 * HG_POLICIES_MAX) /* waiting and under way; beyond it submit() says HG_E_STORE_FULL */
#define KEY_SIZE         (HG_NAME_MAX + 16)

enum job_state { JOB_FREE, JOB_WAITING, JOB_SENT, JOB_ANSWERED, JOB_STATE_COUNT };

struct job {
    enum job_state state;
    bool reloaded; /* sent once more as EVAL after NOSCRIPT */
    struct redis_store *store;
    const struct group *group;
    store_reply_fn on_reply;
    void *user_data;
    uint64_t order;
    uint64_t sent_ms; /* by the loop's clock */
    struct group_reply *reply;
};

struct redis_store {
    struct store store;
    struct store_options options;
    struct redis_link *link;
    struct job jobs[JOBS_MAX];
    uint64_t order;
    size_t under_way;
    bool closing;
    uv_timer_t watchdog;
    uv_timer_t answers; /* answers given from the loop, not from inside submit() or hiredis */
    size_t open_handles;
    void (*on_closed)(void *user_data);
    void *closed_data;
};

static void send_waiting(struct redis_store *store);

static void answers_cb(uv_timer_t *timer)
{
    struct redis_store *store = timer->data;
    for (size_t i = 0; i < JOBS_MAX && !store->closing; i++) {
        struct job job = store->jobs[i];
        if (job.state == JOB_ANSWERED) {
            store->jobs[i] = (struct job){0};
            job.on_reply(job.user_data, job.reply);
            group_reply_clear(job.reply);
            free(job.reply);
        }
    }
    send_waiting(store);
}

static void answer(struct job *job, int status)
{
    struct redis_store *store = job->store;
    if (job->state == JOB_SENT) {
        store->under_way--;
    }
    job->state = JOB_ANSWERED;
    job->reply->status = status;
    if (status != 0) {
        group_reply_clear(job->reply);
        job->reply->status = status;
    }
    if (!store->closing) {
        (void)uv_timer_start(&store->answers, answers_cb, 0, 0);
    }
}

/* What an error says of the server. */
struct verdict {
    const char *code; /* the error's first word */
    int status;
    bool drop; /* this connection will not get better: a new one, after a pause, may */
};

/* A script of Redis 6.2 names the error it met behind its own. */
static bool says(const char *text, const char *code)
{
    char inner[32];
    snprintf(inner, sizeof(inner), ": -%s ", code);
    return strncmp(text, code, strlen(code)) == 0 || strstr(text, inner) != NULL;
}

static const struct verdict *verdict_of(const char *text)
{
    static const struct verdict verdicts[] = {
        {"OOM", HG_E_STORE_FULL, false},         {"LOADING", HG_E_STORE_AWAY, false},
        {"BUSY", HG_E_STORE_AWAY, false},        {"NOREPLICAS", HG_E_STORE_AWAY, false},
        {"MISCONF", HG_E_STORE_AWAY, false},     {"MASTERDOWN", HG_E_STORE_AWAY, true},
        {"READONLY", HG_E_STORE_AWAY, true}, /* a replica now: the name may lead to the new primary */
        {"NOPERM", HG_E_STORE_UNFIT, true},      {"NOAUTH", HG_E_STORE_UNFIT, true},
        {"", HG_E_STORE_CORRUPT, true}, /* any other */
    };
    size_t i = 0;
    while (!says(text, verdicts[i].code)) {
        i++;
    }
    return &verdicts[i];
}

static void on_error(struct job *job, const char *text)
{
    struct redis_store *store = job->store;
    const struct verdict *verdict = verdict_of(text);
    answer(job, verdict->status);
    if (verdict->drop) {
        redis_link_drop(store->link, verdict->status, text);
    }
}

static int send_job(struct job *job, bool whole);

static void reply_cb(redisAsyncContext *context, void *reply_data, void *user_data)
{
    struct job *job = user_data;
    const redisReply *reply = reply_data;
    (void)context;
    if (job->state != JOB_SENT) {
        return;
    }
    if (reply == NULL) {
        answer(job, HG_E_STORE_AWAY);
    } else if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOSCRIPT", 8) == 0 &&
               !job->reloaded) {
        /* Refused before anything ran: this one may be sent again, with the script. */
        job->reloaded = true;
        if (send_job(job, true) != 0) {
            answer(job, HG_E_STORE_AWAY);
        }
    } else if (reply->type == REDIS_REPLY_ERROR) {
        on_error(job, reply->str);
    } else if (reply->type != REDIS_REPLY_STRING) {
        answer(job, HG_E_STORE_CORRUPT);
    } else {
        redis_link_proved(job->store->link);
        answer(job, redis_reply_read(job->group, reply->str, (size_t)reply->len, job->reply));
    }
}

static void watchdog_cb(uv_timer_t *timer)
{
    struct redis_store *store = timer->data;
    uint64_t now_ms = uv_now(store->options.loop);
    for (size_t i = 0; i < JOBS_MAX; i++) {
        if (store->jobs[i].state == JOB_SENT && now_ms - store->jobs[i].sent_ms >= REDIS_ANSWER_MS) {
            redis_link_drop(store->link, HG_E_STORE_AWAY, "a group was not answered in time");
            return;
        }
    }
}

static int64_t injected_us(const struct redis_store *store)
{
    return store->options.clock == NULL ? -1 : store->options.clock(store->options.clock_data);
}

static int send_job(struct job *job, bool whole)
{
    struct redis_store *store = job->store;
    redisAsyncContext *context = redis_link_context(store->link);
    char keys[4][KEY_SIZE];
    static const char *const names[4] = {"state", "due", "notes", "i:"};
    char *data = NULL;
    size_t size = 0;
    if (context == NULL) {
        return HG_E_STORE_AWAY;
    }
    int status = group_encode(job->group, injected_us(store), &data, &size);
    if (status != 0) {
        return status;
    }
    const char *script = whole ? redis_script : redis_link_script(store->link);
    const char *argv[8] = {whole ? "EVAL" : "EVALSHA", script, "4"};
    size_t sizes[8] = {strlen(argv[0]), strlen(script), 1};
    for (size_t i = 0; i < 4; i++) {
        snprintf(keys[i], sizeof(keys[i]), "hg:{%.*s}:%s", HG_NAME_MAX, job->group->policy, names[i]);
        argv[3 + i] = keys[i];
        sizes[3 + i] = strlen(keys[i]);
    }
    argv[7] = data;
    sizes[7] = size;
    int failed = redisAsyncCommandArgv(context, reply_cb, job, 8, argv, sizes);
    free(data);
    return failed != REDIS_OK ? HG_E_STORE_AWAY : 0;
}

static struct job *oldest_waiting(struct redis_store *store)
{
    struct job *oldest = NULL;
    for (size_t i = 0; i < JOBS_MAX; i++) {
        struct job *job = &store->jobs[i];
        if (job->state == JOB_WAITING && (oldest == NULL || job->order < oldest->order)) {
            oldest = job;
        }
    }
    return oldest;
}

static void send_waiting(struct redis_store *store)
{
    while (!store->closing && store->under_way < GROUPS_UNDER_WAY) {
        struct job *job = oldest_waiting(store);
        if (job == NULL) {
            return;
        }
        int status = send_job(job, false);
        if (status != 0) {
            answer(job, status);
            continue;
        }
        job->state = JOB_SENT;
        job->sent_ms = uv_now(store->options.loop);
        store->under_way++;
    }
}

static int redis_submit(struct store *base, const struct group *group, store_reply_fn on_reply,
                        void *user_data)
{
    struct redis_store *store = (struct redis_store *)base;
    if (redis_link_context(store->link) == NULL) {
        return HG_E_STORE_AWAY;
    }
    for (size_t i = 0; i < JOBS_MAX; i++) {
        struct job *job = &store->jobs[i];
        if (job->state != JOB_FREE) {
            continue;
        }
        struct group_reply *reply = calloc(1, sizeof(*reply));
        if (reply == NULL) {
            return HG_E_STORE_FULL;
        }
        *job = (struct job){.state = JOB_WAITING,
                            .store = store,
                            .group = group,
                            .on_reply = on_reply,
                            .user_data = user_data,
                            .order = store->order++,
                            .reply = reply};
        send_waiting(store);
        return 0;
    }
    return HG_E_STORE_FULL;
}

static void on_link_state(void *user_data, int status, const char *text)
{
    struct redis_store *store = user_data;
    for (size_t i = 0; i < JOBS_MAX && status != 0; i++) {
        if (store->jobs[i].state == JOB_WAITING || store->jobs[i].state == JOB_SENT) {
            answer(&store->jobs[i], HG_E_STORE_AWAY);
        }
    }
    if (store->options.on_state != NULL) {
        store->options.on_state(store->options.user_data, status, text);
    }
}

static int redis_create(const struct store_options *options, struct store **ret_store, char *ret_error, size_t error_size)
{
    struct redis_store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        return HG_E_NOMEM;
    }
    store->store.ops = &store_redis_ops;
    store->options = *options;
    store->options.url = NULL;
    int status = redis_link_create(options->url, options->loop, on_link_state, store, &store->link);
    if (status == HG_E_INVALID) { /* without the URL: it may hold a password */
        snprintf(ret_error, error_size,
                 "the URL of Redis is none; write redis://[[user]:pass@]host[:port][/db], with %%XX for any of : @ / %% in user "
                 "and pass");
    }
    if (status != 0) {
        free(store);
        return status;
    }
    (void)uv_timer_init(options->loop, &store->watchdog);
    (void)uv_timer_init(options->loop, &store->answers);
    store->watchdog.data = store->answers.data = store;
    store->open_handles = 3; /* the link counts as one */
    (void)uv_timer_start(&store->watchdog, watchdog_cb, REDIS_ANSWER_MS / 8, REDIS_ANSWER_MS / 8);
    *ret_store = &store->store;
    return 0;
}

static void closed(void *user_data)
{
    struct redis_store *store = user_data;
    if (--store->open_handles > 0) {
        return;
    }
    void (*on_closed)(void *) = store->on_closed;
    void *closed_data = store->closed_data;
    free(store);
    if (on_closed != NULL) {
        on_closed(closed_data);
    }
}

static void closed_cb(uv_handle_t *handle)
{
    closed(handle->data);
}

static void redis_destroy(struct store *base, void (*on_closed)(void *user_data), void *user_data)
{
    struct redis_store *store = (struct redis_store *)base;
    store->closing = true;
    store->on_closed = on_closed;
    store->closed_data = user_data;
    for (size_t i = 0; i < JOBS_MAX; i++) {
        struct job *job = &store->jobs[i];
        if (job->state != JOB_FREE) {
            job->state = JOB_FREE;
            group_reply_clear(job->reply);
            free(job->reply);
        }
    }
    uv_close((uv_handle_t *)&store->watchdog, closed_cb);
    uv_close((uv_handle_t *)&store->answers, closed_cb);
    redis_link_destroy(store->link, closed, store);
}

const struct store_ops store_redis_ops = {
    .scheme = "redis://", .create = redis_create, .submit = redis_submit, .destroy = redis_destroy};
