/* memory:DIR. A group waits in the batch while the batch before it is written; one write and one fdatasync take the whole
 * batch to disk in a thread; only then are its groups applied to the states in memory and answered, in order. So memory never
 * runs ahead of the disk: where a write fails, nothing has happened, the callers get 503, and nothing is taken until some bytes
 * could be written and synced again. */
#include "headgate/errors.h"
#include "store/group_encode.h"
#include "store/journal_compact.h"
#include "store/journal_open.h"
#include "store/store_journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMPACT_BYTES    (INT64_C(16) << 20)
#define COMPACT_FACTOR   4 /* and only beyond so many times the last snapshot */
#define RETRY_MS         500
#define STATE_TEXT_MAX   512

struct job {
    struct job *next;
    char policy[HG_NAME_MAX + 1];
    struct decoded_group decoded; /* what a replay would read: applied now as it would be then */
    store_reply_fn on_reply;
    void *user_data;
};

struct queue {
    struct job *first;
    struct job *last;
};

/* One turn of the writer: a batch, or a look whether there is room again. */
struct turn {
    uv_work_t work;
    bool under_way;
    bool probe;
    struct journal_batch batch;
    struct queue jobs;
    bool swap;    /* to the compacted file, afterwards */
    bool swapped;
    int error;    /* errno */
};

struct journal_store {
    struct store store;
    struct store_options options;
    char *dir;
    struct journal_files files;
    struct shelves shelves;
    struct journal_batch batch; /* being filled */
    struct queue jobs;
    struct turn turn;
    int broken;          /* 0, or what submit() says since a turn failed */
    bool dir_unsynced;   /* the writer's: a rename is not durable yet */
    struct compaction compaction;
    uv_work_t compaction_work;
    bool compacting;
    bool swap_ready;
    int64_t compact_at;
    atomic_llong end;    /* files.size, for the compaction */
    uv_timer_t hello;
    uv_timer_t retry;
    struct group_reply reply;
    bool closing;
    size_t open_handles;
    void (*on_closed)(void *user_data);
    void *closed_data;
};

static void start_turn(struct journal_store *store);
static void finish_closing(struct journal_store *store);

static int64_t now_us(const struct journal_store *store)
{
    if (store->options.clock != NULL) {
        return store->options.clock(store->options.clock_data);
    }
    uv_timeval64_t now;
    (void)uv_gettimeofday(&now);
    return now.tv_sec * 1000000 + now.tv_usec;
}

static void tell(struct journal_store *store, int status, const char *what, int error)
{
    char text[STATE_TEXT_MAX];
    snprintf(text, sizeof(text), "%s: %s%s%s", store->dir, what, error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
    if (store->options.on_state != NULL && !store->closing) {
        store->options.on_state(store->options.user_data, status, text);
    }
}

static void queue_push(struct queue *queue, struct job *job)
{
    job->next = NULL;
    if (queue->last == NULL) {
        queue->first = job;
    } else {
        queue->last->next = job;
    }
    queue->last = job;
}

static struct job *queue_pop(struct queue *queue)
{
    struct job *job = queue->first;
    if (job != NULL) {
        queue->first = job->next;
        if (queue->first == NULL) {
            queue->last = NULL;
        }
    }
    return job;
}

static void job_free(struct job *job)
{
    decoded_group_clear(&job->decoded);
    free(job);
}

static void answer(struct journal_store *store, struct job *job, int status)
{
    struct state *state = status == 0 ? shelves_find(&store->shelves, job->policy) : NULL;
    if (state != NULL) {
        state_apply(state, job->decoded.raw_us, &job->decoded.group, &store->reply);
    } else {
        store->reply.status = status != 0 ? status : HG_E_STORE_FULL;
        store->reply.op_count = 0;
    }
    if (!store->closing) {
        job->on_reply(job->user_data, &store->reply);
    }
    group_reply_clear(&store->reply);
    job_free(job);
}

static void answer_all(struct journal_store *store, struct queue *jobs, int status)
{
    struct job *job;
    while ((job = queue_pop(jobs)) != NULL) {
        answer(store, job, status);
    }
}

/* In the thread. */
static void turn_work(uv_work_t *work)
{
    struct journal_store *store = work->data;
    struct turn *turn = &store->turn;
    turn->swapped = false;
    turn->error = store->dir_unsynced && fsync(store->files.dir_fd) != 0 ? errno : 0;
    if (turn->error != 0) {
        return;
    }
    store->dir_unsynced = false;
    if (turn->probe) {
        turn->error = journal_probe(store->files.fd, store->files.size);
        return;
    }
    turn->error = turn->batch.size == 0 ? 0 : journal_write(store->files.fd, store->files.size, &turn->batch);
    if (turn->error == 0 && turn->swap) {
        int64_t end = store->files.size + (int64_t)turn->batch.size;
        turn->swapped = compaction_swap(&store->compaction, store->files.fd, end) == 0;
        store->dir_unsynced = turn->swapped && fsync(store->files.dir_fd) != 0;
    }
}

static void take_new_file(struct journal_store *store)
{
    store->swap_ready = false;
    if (!store->turn.swapped) {
        compaction_drop(&store->compaction);
        store->compact_at = 2 * store->files.size; /* there was no room: not again at once */
        return;
    }
    (void)close(store->files.fd);
    store->files.fd = store->compaction.fd;
    store->compaction.fd = -1;
    store->files.size = store->compaction.size;
    int64_t least = store->options.compact_bytes > 0 ? store->options.compact_bytes : COMPACT_BYTES;
    int64_t next = COMPACT_FACTOR * store->compaction.snapshot_size;
    store->compact_at = next > least ? next : least;
}

static void compaction_work_cb(uv_work_t *work)
{
    struct journal_store *store = work->data;
    compaction_run(&store->compaction);
}

static void compaction_done_cb(uv_work_t *work, int status)
{
    struct journal_store *store = work->data;
    (void)status;
    store->compacting = false;
    if (store->closing) {
        finish_closing(store);
    } else if (store->compaction.error != 0) {
        store->compact_at = 2 * store->files.size;
    } else {
        store->swap_ready = true;
        start_turn(store);
    }
}

static void compact_if_due(struct journal_store *store)
{
    if (store->closing || store->compacting || store->swap_ready || store->files.size < store->compact_at) {
        return;
    }
    store->compaction.dir_fd = store->files.dir_fd;
    store->compaction.end = &store->end;
    store->compaction.fd = -1;
    atomic_store(&store->compaction.stop, false);
    store->compaction_work.data = store;
    store->compacting =
        uv_queue_work(store->options.loop, &store->compaction_work, compaction_work_cb, compaction_done_cb) == 0;
}

static void retry_cb(uv_timer_t *timer)
{
    struct journal_store *store = timer->data;
    start_turn(store);
}

/* Nothing of this turn, nor of what waited behind it, has happened. */
static void turn_failed(struct journal_store *store)
{
    int status = journal_status_of(store->turn.error);
    bool news = store->broken == 0;
    store->broken = status;
    struct queue waiting = store->jobs;
    store->jobs = (struct queue){0};
    store->batch.size = 0;
    (void)uv_timer_start(&store->retry, retry_cb, RETRY_MS, 0);
    if (news) {
        tell(store, status, "no permit is granted until the journal can be written", store->turn.error);
    }
    answer_all(store, &store->turn.jobs, status);
    answer_all(store, &waiting, status);
}

static void turn_succeeded(struct journal_store *store)
{
    struct turn *turn = &store->turn;
    store->files.size += (int64_t)turn->batch.size;
    if (turn->batch.size > 0) {
        store->files.seq = turn->batch.last_seq;
    }
    if (turn->swap) {
        take_new_file(store);
    }
    atomic_store(&store->end, store->files.size);
    if (store->broken != 0) {
        store->broken = 0;
        tell(store, 0, "the journal can be written again", 0);
    }
    answer_all(store, &turn->jobs, 0);
}

static void turn_done_cb(uv_work_t *work, int status)
{
    struct journal_store *store = work->data;
    struct turn *turn = &store->turn;
    (void)status;
    if (turn->error != 0) {
        turn_failed(store);
    } else {
        turn_succeeded(store);
    }
    turn->batch.size = 0;
    turn->under_way = false;
    if (store->closing) {
        finish_closing(store);
        return;
    }
    compact_if_due(store);
    if (store->broken == 0 && (store->jobs.first != NULL || store->swap_ready)) {
        start_turn(store);
    }
}

static void start_turn(struct journal_store *store)
{
    struct turn *turn = &store->turn;
    if (turn->under_way || store->closing) {
        return;
    }
    turn->probe = store->broken != 0;
    turn->swap = store->swap_ready && !turn->probe;
    if (!turn->probe) {
        struct journal_batch empty = turn->batch; /* its memory is used again */
        turn->batch = store->batch;
        store->batch = empty;
        turn->jobs = store->jobs;
        store->jobs = (struct queue){0};
    }
    turn->work.data = store;
    turn->under_way = true;
    if (uv_queue_work(store->options.loop, &turn->work, turn_work, turn_done_cb) != 0) {
        abort(); /* it fails only without a work callback */
    }
}

/* The first record of a batch follows what is in the file or under way. */
static void begin_batch(struct journal_store *store)
{
    if (store->batch.size == 0) {
        bool behind = store->turn.under_way && store->turn.batch.size > 0;
        store->batch.last_seq = behind ? store->turn.batch.last_seq : store->files.seq;
        store->batch.durable_seq = store->batch.last_seq; /* written only when that one is durable */
    }
}

/* Into the batch, as a replay will read it. */
static int enter(struct journal_store *store, const struct group *group, struct job *job)
{
    char *data = NULL;
    size_t size = 0;
    snprintf(job->policy, sizeof(job->policy), "%s", group->policy);
    int status = shelves_find(&store->shelves, job->policy) == NULL ? HG_E_STORE_FULL
                                                                    : group_encode(group, now_us(store), &data, &size);
    if (status == 0) {
        status = group_decode(data, size, &job->decoded);
        status = status == HG_E_STORE_CORRUPT ? HG_E_INVALID : status;
    }
    if (status == 0) {
        begin_batch(store);
        status = journal_append(&store->batch, JOURNAL_GROUP, job->policy, data, size);
    }
    free(data);
    return status == HG_E_NOMEM ? HG_E_STORE_FULL : status;
}

static int journal_submit(struct store *base, const struct group *group, store_reply_fn on_reply, void *user_data)
{
    struct journal_store *store = (struct journal_store *)base;
    if (store->broken != 0) {
        return store->broken;
    }
    struct job *job = malloc(sizeof(*job));
    if (job == NULL) {
        return HG_E_STORE_FULL;
    }
    job->decoded.chunks = NULL;
    job->on_reply = on_reply;
    job->user_data = user_data;
    int status = enter(store, group, job);
    if (status != 0) {
        job_free(job);
        return status;
    }
    queue_push(&store->jobs, job);
    start_turn(store);
    return 0;
}

static void hello_cb(uv_timer_t *timer)
{
    struct journal_store *store = timer->data;
    tell(store, 0, store->files.lost_tail ? "journaled; its damaged end is kept as journal.damaged: as if writes were lost, "
                                            "only canaries pass for one lease"
                                          : "journaled", 0);
}

/* One group without operations, for a policy, at start: applied, and put into the batch. */
static int note(struct journal_store *store, struct shelf *shelf, struct group *group, int64_t seen_fence)
{
    char *data = NULL;
    size_t size = 0;
    int64_t raw_us = now_us(store);
    group->seen_fence = seen_fence;
    int status = group_encode(group, raw_us, &data, &size);
    if (status == 0) {
        status = journal_append(&store->batch, JOURNAL_GROUP, shelf->policy, data, size);
        state_apply(shelf->state, raw_us, group, &store->reply);
        group_reply_clear(&store->reply);
    }
    free(data);
    return status;
}

/* Every policy is told that the store was away, so that no lease runs out at once that nobody could renew; and, where the last
 * record may have been acknowledged and is gone, that writes were lost. */
static int note_return(struct journal_store *store, char *ret_error, size_t error_size)
{
    struct group *group = calloc(1, sizeof(*group));
    int status = group == NULL ? HG_E_NOMEM : 0;
    begin_batch(store);
    for (size_t i = 0; i < store->shelves.count && status == 0; i++) {
        struct shelf *shelf = &store->shelves.list[i];
        if (store->files.lost_tail) {
            status = note(store, shelf, group, state_fence(shelf->state) + 1);
        }
        if (status == 0) {
            status = note(store, shelf, group, SEEN_RETURN);
        }
    }
    free(group);
    if (status == 0 && store->batch.size > 0) {
        int error = journal_write(store->files.fd, store->files.size, &store->batch);
        if (error != 0) {
            snprintf(ret_error, error_size, "%s: its journal cannot be written: %s", store->dir, strerror(error));
            return journal_status_of(error) == HG_E_STORE_FULL ? HG_E_STORE_FULL : HG_E_IO;
        }
        store->files.size += (int64_t)store->batch.size;
        store->files.seq = store->batch.last_seq;
        store->batch.size = 0;
    }
    return status;
}

static void free_all(struct journal_store *store)
{
    journal_close(&store->files);
    shelves_finish(&store->shelves);
    free(store->batch.data);
    free(store->turn.batch.data);
    free(store->dir);
    free(store);
}

static int journal_create(const struct store_options *options, struct store **ret_store, char *ret_error, size_t error_size)
{
    struct journal_store *store = calloc(1, sizeof(*store));
    const char *dir = options->url + strlen(store_journal_ops.scheme);
    char *copy = strdup(dir);
    if (store == NULL || copy == NULL) {
        free(store);
        free(copy);
        return HG_E_NOMEM;
    }
    store->store.ops = &store_journal_ops;
    store->options = *options;
    store->options.url = NULL;
    store->dir = copy;
    store->compaction.fd = -1;
    store->files = (struct journal_files){.dir_fd = -1, .lock_fd = -1, .fd = -1};
    int status = journal_open(dir, &store->shelves, &store->files, ret_error, error_size);
    if (status == 0) {
        status = note_return(store, ret_error, error_size);
    }
    if (status != 0) {
        free_all(store);
        return status;
    }
    atomic_init(&store->end, store->files.size);
    store->compact_at = options->compact_bytes > 0 ? options->compact_bytes : COMPACT_BYTES;
    (void)uv_timer_init(options->loop, &store->hello);
    (void)uv_timer_init(options->loop, &store->retry);
    store->hello.data = store->retry.data = store;
    store->open_handles = 2;
    (void)uv_timer_start(&store->hello, hello_cb, 0, 0);
    *ret_store = &store->store;
    return 0;
}

static void closed_cb(uv_handle_t *handle)
{
    struct journal_store *store = handle->data;
    store->open_handles--;
    finish_closing(store);
}

/* The last of handles and threads frees it. */
static void finish_closing(struct journal_store *store)
{
    if (store->open_handles > 0 || store->turn.under_way || store->compacting) {
        return;
    }
    if (store->compaction.fd >= 0) {
        compaction_drop(&store->compaction);
    }
    struct job *job;
    while ((job = queue_pop(&store->jobs)) != NULL) {
        job_free(job);
    }
    void (*on_closed)(void *user_data) = store->on_closed;
    void *closed_data = store->closed_data;
    free_all(store);
    if (on_closed != NULL) {
        on_closed(closed_data);
    }
}

static void journal_destroy(struct store *base, void (*on_closed)(void *user_data), void *user_data)
{
    struct journal_store *store = (struct journal_store *)base;
    store->closing = true;
    store->on_closed = on_closed;
    store->closed_data = user_data;
    atomic_store(&store->compaction.stop, true);
    uv_close((uv_handle_t *)&store->hello, closed_cb);
    uv_close((uv_handle_t *)&store->retry, closed_cb);
}

const struct store_ops store_journal_ops = {
    .scheme = "memory:",
    .create = journal_create,
    .submit = journal_submit,
    .destroy = journal_destroy,
};
