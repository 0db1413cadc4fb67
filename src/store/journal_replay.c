#include "store/journal_replay.h"

#include "headgate/errors.h"
#include "store/group_encode.h"
#include "store/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define FLUSH_SIZE (1u << 20)

/* Both are large: one of each a replay. */
struct replay {
    struct shelves *shelves;
    struct decoded_group decoded;
    struct group_reply reply;
};

static int replay_group(struct replay *replay, struct state *state, const struct reader *payload)
{
    int status = group_decode((const char *)payload->at, payload->left, &replay->decoded);
    if (status == 0) {
        state_apply(state, replay->decoded.raw_us, &replay->decoded.group, &replay->reply);
        group_reply_clear(&replay->reply);
    }
    decoded_group_clear(&replay->decoded);
    return status;
}

static int replay_record(struct replay *replay, const struct journal_record *record)
{
    char policy[HG_NAME_MAX + 1];
    if (record->kind == JOURNAL_END) {
        return 0;
    }
    struct reader payload = {.at = record->data, .left = record->size};
    read_text(&payload, policy, HG_NAME_MAX);
    if (payload.failed) {
        return HG_E_STORE_CORRUPT;
    }
    struct state *state = shelves_find(replay->shelves, policy);
    if (state == NULL) {
        return HG_E_NOMEM;
    }
    return record->kind == JOURNAL_PIECE ? state_load(state, payload.at, payload.left)
                                         : replay_group(replay, state, &payload);
}

int journal_replay(struct journal_reader *reader, struct shelves *shelves, const atomic_bool *stop)
{
    struct replay *replay = calloc(1, sizeof(*replay));
    if (replay == NULL) {
        return HG_E_NOMEM;
    }
    replay->shelves = shelves;
    struct journal_record record;
    int64_t at = reader->offset;
    int status;
    while ((status = journal_next(reader, &record)) == 1) {
        status = stop != NULL && atomic_load(stop) ? HG_E_CANCELLED : replay_record(replay, &record);
        if (status != 0) {
            reader->offset = at; /* of the record that made no sense */
            break;
        }
        at = reader->offset;
    }
    free(replay);
    return status;
}

struct snapshot_file {
    int fd;
    int64_t offset;
    int error;
    const char *policy;
    struct journal_batch batch;
};

static int flush(struct snapshot_file *file)
{
    size_t done = 0;
    while (done < file->batch.size) {
        ssize_t written = pwrite(file->fd, file->batch.data + done, file->batch.size - done, file->offset);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            file->error = written < 0 ? errno : EIO;
            return HG_E_IO;
        }
        done += (size_t)written;
        file->offset += written;
    }
    file->batch.size = 0;
    return 0;
}

static int on_piece(void *user_data, const unsigned char *data, size_t size)
{
    struct snapshot_file *file = user_data;
    int status = journal_append(&file->batch, JOURNAL_PIECE, file->policy, data, size);
    return status == 0 && file->batch.size >= FLUSH_SIZE ? flush(file) : status;
}

int journal_snapshot(int fd, struct shelves *shelves, uint64_t seq, int64_t *ret_size)
{
    struct snapshot_file file = {.fd = fd, .offset = JOURNAL_HEAD_SIZE, .batch = {.last_seq = seq, .durable_seq = seq}};
    int error = journal_write_head(fd);
    if (error != 0) {
        return error;
    }
    int status = 0;
    for (size_t i = 0; i < shelves->count && status == 0; i++) {
        file.policy = shelves->list[i].policy;
        status = state_dump(shelves->list[i].state, on_piece, &file);
    }
    if (status == 0) {
        status = journal_append(&file.batch, JOURNAL_END, "", NULL, 0);
    }
    if (status == 0) {
        status = flush(&file);
    }
    free(file.batch.data);
    *ret_size = file.offset;
    return status == 0 ? 0 : file.error != 0 ? file.error : ENOMEM;
}
