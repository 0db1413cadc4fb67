#include "store/journal_open.h"

#include "headgate/errors.h"
#include "store/journal_compact.h"
#include "store/journal_replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME    "lock"
#define DAMAGED_NAME "journal.damaged"

struct opening {
    const char *dir;
    struct journal_files *files;
    char *error;
    size_t error_size;
};

int journal_status_of(int error)
{
    return error == ENOSPC || error == EDQUOT || error == EFBIG ? HG_E_STORE_FULL : HG_E_STORE_AWAY;
}

static int fail(const struct opening *opening, int status, const char *what, int error)
{
    snprintf(opening->error, opening->error_size, "%s: %s: %s", opening->dir, what, strerror(error));
    return status;
}

/* For what was done at start: no room, or input and output failed. */
static int fail_io(const struct opening *opening, const char *what, int error)
{
    return fail(opening, journal_status_of(error) == HG_E_STORE_FULL ? HG_E_STORE_FULL : HG_E_IO, what, error);
}

/* The new directory's own entry must be durable too. */
static int make_directory(const struct opening *opening)
{
    if (mkdir(opening->dir, 0700) != 0) {
        return errno == EEXIST ? 0 : fail_io(opening, "cannot be made; make its parent, or name another", errno);
    }
    char parent[4096];
    snprintf(parent, sizeof(parent), "%s/..", opening->dir);
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return error == 0 ? 0 : fail_io(opening, "its parent cannot be synced", error);
}

static int take_lock(const struct opening *opening)
{
    struct journal_files *files = opening->files;
    char pid[32] = "";
    files->lock_fd = openat(files->dir_fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (files->lock_fd < 0) {
        return fail_io(opening, "its lock cannot be opened", errno);
    }
    if (flock(files->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            return fail_io(opening, "its lock cannot be taken", errno);
        }
        ssize_t got = pread(files->lock_fd, pid, sizeof(pid) - 1, 0);
        pid[got > 0 ? got : 0] = '\0';
        pid[strcspn(pid, "\n")] = '\0';
        snprintf(opening->error, opening->error_size,
                 "%s: another controller has it (process %s); stop that one, or use a directory of its own", opening->dir,
                 pid[0] != '\0' ? pid : "unknown");
        return HG_E_CONFLICT;
    }
    snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (ftruncate(files->lock_fd, 0) != 0 || pwrite(files->lock_fd, pid, strlen(pid), 0) < 0) {
        return 0; /* the number is for people only: a full disk must not keep the state from being read */
    }
    return 0;
}

/* An empty journal appears whole, like a compacted one. */
static int make_journal(const struct opening *opening)
{
    struct journal_files *files = opening->files;
    struct shelves empty = {.count = 0};
    int64_t size = 0;
    int fd = openat(files->dir_fd, JOURNAL_NEW_NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int error = fd < 0 ? errno : journal_snapshot(fd, &empty, 0, &size);
    if (error == 0 && (fdatasync(fd) != 0 ||
                       renameat(files->dir_fd, JOURNAL_NEW_NAME, files->dir_fd, JOURNAL_NAME) != 0 ||
                       fsync(files->dir_fd) != 0)) {
        error = errno;
    }
    files->fd = fd;
    return error == 0 ? 0 : fail_io(opening, "no journal can be made in it", error);
}

static int open_journal(const struct opening *opening)
{
    struct journal_files *files = opening->files;
    files->fd = openat(files->dir_fd, JOURNAL_NAME, O_RDWR | O_CLOEXEC);
    if (files->fd < 0 && errno != ENOENT) {
        return fail_io(opening, "its journal cannot be opened", errno);
    }
    return files->fd < 0 ? make_journal(opening) : 0;
}

/* Durable, its name too, before the journal is cut: else a crash could leave it in neither. */
static int copy_aside(const struct opening *opening, int64_t offset, int64_t end)
{
    struct journal_files *files = opening->files;
    size_t size = (size_t)(end - offset);
    char *data = malloc(size);
    if (data == NULL) {
        return HG_E_NOMEM;
    }
    int fd = openat(files->dir_fd, DAMAGED_NAME, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    errno = fd < 0 ? errno : 0; /* a short read or write sets none */
    bool done = fd >= 0 && pread(files->fd, data, size, offset) == (ssize_t)size &&
                write(fd, data, size) == (ssize_t)size && fsync(fd) == 0 && fsync(files->dir_fd) == 0;
    int error = done ? 0 : errno != 0 ? errno : EIO;
    if (fd >= 0) {
        (void)close(fd);
    }
    free(data);
    return error == 0 ? 0 : fail_io(opening, "the damaged end of its journal cannot be put aside as " DAMAGED_NAME, error);
}

static int say_corrupt(const struct opening *opening, int64_t offset)
{
    snprintf(opening->error, opening->error_size,
             "%s/" JOURNAL_NAME ": damaged at byte %lld, and that part was in force; nothing was changed. Restore the file from a copy, "
             "or move it away to begin with an empty store",
             opening->dir, (long long)offset);
    return HG_E_STORE_CORRUPT;
}

/* Cuts off what was never acknowledged. */
static int mend_tail(const struct opening *opening, const struct journal_reader *reader)
{
    enum journal_tail tail;
    int status = journal_judge_tail(reader, &tail);
    if (status != 0) {
        return fail(opening, status, "the end of its journal cannot be read", errno);
    }
    switch (tail) {
    case JOURNAL_TAIL_CLEAN:
        return 0;
    case JOURNAL_TAIL_CORRUPT:
        return say_corrupt(opening, reader->offset);
    case JOURNAL_TAIL_DAMAGED:
        status = copy_aside(opening, reader->offset, reader->end);
        if (status != 0) {
            return status;
        }
        opening->files->lost_tail = true;
        break;
    case JOURNAL_TAIL_TORN:
        break;
    }
    bool done = ftruncate(opening->files->fd, reader->offset) == 0 && fdatasync(opening->files->fd) == 0;
    return done ? 0 : fail_io(opening, "the torn end of its journal cannot be cut off", errno);
}

static int replay(const struct opening *opening, struct shelves *shelves)
{
    struct journal_files *files = opening->files;
    struct stat info;
    if (fstat(files->fd, &info) != 0) {
        return fail_io(opening, "its journal cannot be read", errno);
    }
    struct journal_reader reader = {.fd = files->fd, .end = info.st_size};
    int status = journal_replay(&reader, shelves, NULL);
    if (status == 0) {
        status = mend_tail(opening, &reader);
    } else if (status == HG_E_STORE_CORRUPT) {
        status = say_corrupt(opening, reader.offset);
    } else if (status == HG_E_STORE_UNFIT) {
        snprintf(opening->error, opening->error_size,
                 "%s/" JOURNAL_NAME ": written by another version of headgate, in a format other than %d; use that version, or "
                 "move the file away to begin with an empty store", opening->dir, JOURNAL_VERSION);
    } else {
        status = fail(opening, status, "its journal cannot be read", status == HG_E_NOMEM ? ENOMEM : errno);
    }
    files->size = reader.offset;
    files->seq = reader.seq;
    free(reader.buffer);
    return status;
}

static int open_all(const struct opening *opening, struct shelves *shelves)
{
    struct journal_files *files = opening->files;
    int status = make_directory(opening);
    if (status != 0) {
        return status;
    }
    files->dir_fd = open(opening->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (files->dir_fd < 0) {
        return fail_io(opening, "cannot be opened", errno);
    }
    status = take_lock(opening);
    if (status == 0) {
        (void)unlinkat(files->dir_fd, JOURNAL_NEW_NAME, 0); /* of a compaction that was cut short */
        status = open_journal(opening);
    }
    return status == 0 ? replay(opening, shelves) : status;
}

int journal_open(const char *dir, struct shelves *shelves, struct journal_files *ret_files, char *ret_error, size_t error_size)
{
    struct journal_files files = {.dir_fd = -1, .lock_fd = -1, .fd = -1};
    struct opening opening = {.dir = dir, .files = &files, .error = ret_error, .error_size = error_size};
    int status = open_all(&opening, shelves);
    if (status != 0) {
        journal_close(&files);
        shelves_finish(shelves);
        return status;
    }
    *ret_files = files;
    return 0;
}

void journal_close(struct journal_files *files)
{
    const int fds[] = {files->fd, files->dir_fd, files->lock_fd}; /* the lock last */
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    *files = (struct journal_files){.dir_fd = -1, .lock_fd = -1, .fd = -1};
}
