/* memory: one controller's state, gone with it. Groups are applied at once and answered from the loop. */
#include "headgate/errors.h"
#include "store/shelves.h"
#include "store/store_memory.h"

#include <stdlib.h>

struct job {
    struct job *next;
    struct memory *memory;
    const struct group *group;
    store_reply_fn on_reply;
    void *user_data;
};

struct memory {
    struct store store;
    struct store_options options;
    uv_idle_t idle; /* runs while answers are due */
    uv_timer_t hello;
    struct shelves shelves;
    struct job *first;
    struct job *last;
    struct group_reply reply;
    size_t open_handles;
    void (*on_closed)(void *user_data);
    void *closed_data;
};

static int64_t now_us(const struct memory *memory)
{
    if (memory->options.clock != NULL) {
        return memory->options.clock(memory->options.clock_data);
    }
    uv_timeval64_t now;
    (void)uv_gettimeofday(&now);
    return now.tv_sec * 1000000 + now.tv_usec;
}

static void run_cb(uv_idle_t *idle)
{
    struct memory *memory = idle->data;
    struct job *job = memory->first;
    memory->first = job->next;
    if (memory->first == NULL) {
        memory->last = NULL;
        uv_idle_stop(idle);
    }
    struct state *state = shelves_find(&memory->shelves, job->group->policy);
    if (state == NULL) {
        memory->reply.status = HG_E_STORE_FULL;
        memory->reply.op_count = 0;
    } else {
        state_apply(state, now_us(memory), job->group, &memory->reply);
    }
    job->on_reply(job->user_data, &memory->reply);
    group_reply_clear(&memory->reply);
    free(job);
}

static int memory_submit(struct store *store, const struct group *group, store_reply_fn on_reply, void *user_data)
{
    struct memory *memory = (struct memory *)store;
    struct job *job = malloc(sizeof(*job));
    if (job == NULL) {
        return HG_E_STORE_FULL;
    }
    *job = (struct job){.memory = memory, .group = group, .on_reply = on_reply, .user_data = user_data};
    if (memory->last == NULL) {
        memory->first = job;
    } else {
        memory->last->next = job;
    }
    memory->last = job;
    uv_idle_start(&memory->idle, run_cb);
    return 0;
}

static void hello_cb(uv_timer_t *timer)
{
    struct memory *memory = timer->data;
    if (memory->options.on_state != NULL) {
        memory->options.on_state(memory->options.user_data, 0, "in memory: gone when this controller stops");
    }
}

static int memory_create(const struct store_options *options, struct store **ret_store, char *ret_error, size_t error_size)
{
    (void)ret_error;
    (void)error_size;
    struct memory *memory = calloc(1, sizeof(*memory));
    if (memory == NULL) {
        return HG_E_NOMEM;
    }
    memory->store.ops = &store_memory_ops;
    memory->options = *options;
    uv_idle_init(options->loop, &memory->idle);
    memory->idle.data = memory;
    uv_timer_init(options->loop, &memory->hello);
    memory->hello.data = memory;
    uv_timer_start(&memory->hello, hello_cb, 0, 0);
    memory->open_handles = 2;
    *ret_store = &memory->store;
    return 0;
}

static void closed_cb(uv_handle_t *handle)
{
    struct memory *memory = handle->data;
    if (--memory->open_handles > 0) {
        return;
    }
    while (memory->first != NULL) {
        struct job *next = memory->first->next;
        free(memory->first);
        memory->first = next;
    }
    shelves_finish(&memory->shelves);
    void (*on_closed)(void *user_data) = memory->on_closed;
    void *user_data = memory->closed_data;
    free(memory);
    if (on_closed != NULL) {
        on_closed(user_data);
    }
}

static void memory_destroy(struct store *store, void (*on_closed)(void *user_data), void *user_data)
{
    struct memory *memory = (struct memory *)store;
    memory->on_closed = on_closed;
    memory->closed_data = user_data;
    uv_close((uv_handle_t *)&memory->idle, closed_cb);
    uv_close((uv_handle_t *)&memory->hello, closed_cb);
}

const struct store_ops store_memory_ops = {
    .scheme = "memory:",
    .create = memory_create,
    .submit = memory_submit,
    .destroy = memory_destroy,
};
