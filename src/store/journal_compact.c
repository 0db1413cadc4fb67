#include "store/journal_compact.h"

#include "headgate/errors.h"
#include "store/journal_replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COPY_SIZE  262144
#define REST_SIZE  262144 /* so little is left for the writer's turn */

static int copy_range(int from, int64_t from_offset, int64_t from_end, int to, int64_t to_offset)
{
    char *buffer = malloc(COPY_SIZE);
    if (buffer == NULL) {
        return ENOMEM;
    }
    int error = 0;
    while (from_offset < from_end && error == 0) {
        int64_t left = from_end - from_offset;
        ssize_t got = pread(from, buffer, left < COPY_SIZE ? (size_t)left : COPY_SIZE, from_offset);
        ssize_t done = 0;
        if (got <= 0) {
            error = got == 0 ? EIO : errno == EINTR ? 0 : errno;
            continue;
        }
        while (done < got && error == 0) {
            ssize_t written = pwrite(to, buffer + done, (size_t)(got - done), to_offset + done);
            if (written > 0) {
                done += written;
            } else {
                error = written == 0 ? EIO : errno == EINTR ? 0 : errno;
            }
        }
        from_offset += got;
        to_offset += got;
    }
    free(buffer);
    return error;
}

static int copy_to_end(struct compaction *compaction, int old_fd, int64_t old_end)
{
    int error = copy_range(old_fd, compaction->copied_to, old_end, compaction->fd, compaction->size);
    if (error == 0) {
        compaction->size += old_end - compaction->copied_to;
        compaction->copied_to = old_end;
    }
    return error;
}

static int error_of_status(int status)
{
    return status == HG_E_CANCELLED ? ECANCELED : status == HG_E_NOMEM ? ENOMEM : EIO;
}

static int make_snapshot(struct compaction *compaction, int old_fd)
{
    struct shelves *shelves = calloc(1, sizeof(*shelves));
    struct journal_reader reader = {.fd = old_fd, .end = atomic_load(compaction->end)};
    if (shelves == NULL) {
        return ENOMEM;
    }
    int status = journal_replay(&reader, shelves, &compaction->stop);
    int error = status != 0 ? error_of_status(status) : reader.offset != reader.end ? EIO : 0;
    if (error == 0) {
        error = journal_snapshot(compaction->fd, shelves, reader.seq, &compaction->size);
    }
    compaction->snapshot_size = compaction->size;
    compaction->copied_to = reader.offset;
    free(reader.buffer);
    shelves_finish(shelves);
    free(shelves);
    return error;
}

static int make(struct compaction *compaction, int old_fd)
{
    int error = make_snapshot(compaction, old_fd);
    while (error == 0) {
        int64_t end = atomic_load(compaction->end);
        if (end - compaction->copied_to <= REST_SIZE) {
            return fdatasync(compaction->fd) != 0 ? errno : 0;
        }
        error = atomic_load(&compaction->stop) ? ECANCELED : copy_to_end(compaction, old_fd, end);
    }
    return error;
}

void compaction_run(struct compaction *compaction)
{
    int old_fd = openat(compaction->dir_fd, JOURNAL_NAME, O_RDONLY | O_CLOEXEC);
    compaction->fd = -1;
    if (old_fd < 0) {
        compaction->error = errno;
        return;
    }
    compaction->fd = openat(compaction->dir_fd, JOURNAL_NEW_NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    compaction->error = compaction->fd < 0 ? errno : make(compaction, old_fd);
    (void)close(old_fd);
    if (compaction->error != 0) {
        compaction_drop(compaction);
    }
}

int compaction_swap(struct compaction *compaction, int old_fd, int64_t old_end)
{
    int error = copy_to_end(compaction, old_fd, old_end);
    if (error == 0 && fdatasync(compaction->fd) != 0) {
        error = errno;
    }
    if (error == 0 && renameat(compaction->dir_fd, JOURNAL_NEW_NAME, compaction->dir_fd, JOURNAL_NAME) != 0) {
        error = errno;
    }
    return error;
}

void compaction_drop(struct compaction *compaction)
{
    if (compaction->fd >= 0) {
        (void)close(compaction->fd);
        compaction->fd = -1;
    }
    (void)unlinkat(compaction->dir_fd, JOURNAL_NEW_NAME, 0);
}
