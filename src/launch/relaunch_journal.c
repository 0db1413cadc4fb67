#include "launch/relaunch_journal.h"

#include "headgate/errors.h"

#include "launch/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "headgate-relaunch 1"

static const char *const names[RELAUNCH_EVENT_COUNT] = {"granted",   "failed",      "recovered",
                                                        "confirmed", "quarantined", "began"};

size_t relaunch_journal_format(const struct relaunch_entry *entry, char ret_line[RELAUNCH_LINE_MAX])
{
    int size = snprintf(ret_line, RELAUNCH_LINE_MAX, "%s %" PRId64 " %s %" PRId64, names[entry->event],
                        entry->at_ms, entry->instance[0] == '\0' ? "-" : entry->instance, entry->fence);
    if (entry->event == RELAUNCH_GRANTED) {
        size += snprintf(ret_line + size, RELAUNCH_LINE_MAX - (size_t)size, " %" PRId64, entry->attempt);
    } else if (entry->event == RELAUNCH_FAILED || entry->event == RELAUNCH_QUARANTINED) {
        size += snprintf(ret_line + size, RELAUNCH_LINE_MAX - (size_t)size, " %s", entry->reason);
    }
    for (int i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)ret_line[i];
        ret_line[i] = byte < 0x20 || byte == 0x7f ? ' ' : ret_line[i];
    }
    return (size_t)size;
}

/* A whole number and the blank behind it (or the end). */
static bool read_number(const char **at, int64_t *ret_number)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(*at, &end, 10);
    if (end == *at || errno != 0 || number < 0 || (*end != ' ' && *end != '\0')) {
        return false;
    }
    *ret_number = number;
    *at = *end == ' ' ? end + 1 : end;
    return true;
}

static bool read_word(const char **at, char *ret_word, size_t size)
{
    size_t length = strcspn(*at, " ");
    if (length == 0 || length >= size || (*at)[length] != ' ') {
        return false;
    }
    memcpy(ret_word, *at, length);
    ret_word[length] = '\0';
    *at += length + 1;
    return true;
}

int relaunch_journal_parse(const char *line, struct relaunch_entry *ret_entry)
{
    struct relaunch_entry entry = {.event = RELAUNCH_EVENT_COUNT};
    char name[16];
    if (!read_word(&line, name, sizeof(name))) {
        return HG_E_INVALID;
    }
    for (size_t i = 0; i < RELAUNCH_EVENT_COUNT; i++) {
        if (strcmp(name, names[i]) == 0) {
            entry.event = (enum relaunch_event)i;
        }
    }
    bool ok = entry.event != RELAUNCH_EVENT_COUNT && read_number(&line, &entry.at_ms) &&
              read_word(&line, entry.instance, sizeof(entry.instance)) && read_number(&line, &entry.fence);
    if (ok && entry.event == RELAUNCH_GRANTED) {
        ok = read_number(&line, &entry.attempt);
    } else if (ok && (entry.event == RELAUNCH_FAILED || entry.event == RELAUNCH_QUARANTINED)) {
        ok = strlen(line) <= RELAUNCH_REASON_MAX;
        snprintf(entry.reason, sizeof(entry.reason), "%s", line);
        line += strlen(line);
    }
    if (!ok || *line != '\0') {
        return HG_E_INVALID;
    }
    *ret_entry = entry;
    return 0;
}

size_t relaunch_journal_format_header(const struct relaunch_header *header, char ret_line[RELAUNCH_LINE_MAX])
{
    return (size_t)snprintf(ret_line, RELAUNCH_LINE_MAX, MAGIC " %s %016" PRIx64 " %" PRId64 " %" PRId64,
                            header->fleet, header->list_hash, header->count, header->began_ms);
}

int relaunch_journal_parse_header(const char *line, struct relaunch_header *ret_header)
{
    struct relaunch_header header = {.count = 0};
    char hash[17];
    size_t magic = strlen(MAGIC " ");
    if (strncmp(line, MAGIC " ", magic) != 0) {
        return HG_E_INVALID;
    }
    line += magic;
    if (!read_word(&line, header.fleet, sizeof(header.fleet)) || !read_word(&line, hash, sizeof(hash)) ||
        strlen(hash) != 16 || strspn(hash, "0123456789abcdef") != 16 || !read_number(&line, &header.count) ||
        !read_number(&line, &header.began_ms) || *line != '\0') {
        return HG_E_INVALID;
    }
    header.list_hash = strtoull(hash, NULL, 16);
    *ret_header = header;
    return 0;
}

static int write_line(int fd, char line[RELAUNCH_LINE_MAX], size_t size)
{
    line[size++] = '\n';
    for (size_t done = 0; done < size;) {
        ssize_t written = write(fd, line + done, size - done);
        if (written < 0 && errno != EINTR) {
            return HG_E_IO;
        }
        done += written > 0 ? (size_t)written : 0;
    }
    return 0;
}

int relaunch_journal_write(struct relaunch_journal *journal, const struct relaunch_entry *entry)
{
    char line[RELAUNCH_LINE_MAX];
    journal->dirty = true;
    return write_line(journal->fd, line, relaunch_journal_format(entry, line));
}

int relaunch_journal_sync(struct relaunch_journal *journal)
{
    if (!journal->dirty) {
        return 0;
    }
    journal->dirty = false;
    return fdatasync(journal->fd) == 0 ? 0 : HG_E_IO;
}

struct replay {
    const char *path;
    const struct relaunch_header *wanted;
    relaunch_journal_entry_fn on_entry;
    void *user_data;
    char *error;
    size_t error_size;
    struct relaunch_header header;
    off_t good; /* bytes of whole lines */
};

static int refuse_header(struct replay *replay)
{
    const struct relaunch_header *header = &replay->header, *wanted = replay->wanted;
    if (strcmp(header->fleet, wanted->fleet) != 0) {
        snprintf(replay->error, replay->error_size,
                 "%s is the journal of fleet %s, not %s; name another with --journal", replay->path,
                 header->fleet, wanted->fleet);
    } else {
        snprintf(replay->error, replay->error_size,
                 "%s belongs to another list of instances (%" PRId64 ", this one has %" PRId64
                 "): give the same list to go on, or remove the journal to begin anew",
                 replay->path, header->count, wanted->count);
    }
    return HG_E_CONFLICT;
}

static int replay_line(struct replay *replay, size_t number, const char *line)
{
    struct relaunch_entry entry;
    const struct relaunch_header *wanted = replay->wanted;
    if (number == 1) {
        if (relaunch_journal_parse_header(line, &replay->header) != 0) {
            snprintf(replay->error, replay->error_size, "%s:1: this is no journal of headgate relaunch",
                     replay->path);
            return HG_E_INVALID;
        }
        bool same = strcmp(replay->header.fleet, wanted->fleet) == 0 &&
                    replay->header.list_hash == wanted->list_hash && replay->header.count == wanted->count;
        return same ? 0 : refuse_header(replay);
    }
    if (relaunch_journal_parse(line, &entry) != 0 || !replay->on_entry(replay->user_data, &entry)) {
        snprintf(
            replay->error, replay->error_size,
            "%s:%zu: this line is damaged; remove it (what it said is asked again), or remove the journal to "
            "begin anew",
            replay->path, number);
        return HG_E_INVALID;
    }
    return 0;
}

static int replay_file(struct replay *replay, FILE *file)
{
    char line[RELAUNCH_LINE_MAX + 1];
    enum lines_end end = LINES_WHOLE;
    int status = 0;
    for (size_t number = 1; status == 0; number++) {
        end = lines_read(file, line, sizeof(line));
        if (end == LINES_EOF || end == LINES_TORN) {
            break; /* torn: a kill came in between, and it is asked again */
        }
        status = replay_line(replay, number, end == LINES_WHOLE ? line : "");
        replay->good += (off_t)strlen(line) + 1;
    }
    if (status == 0 && ferror(file)) {
        snprintf(replay->error, replay->error_size, "%s: %s", replay->path, strerror(errno));
        status = HG_E_IO;
    }
    return status;
}

static int lock_file(const char *path, char *ret_error, size_t error_size, int *ret_fd)
{
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) {
        snprintf(ret_error, error_size, "%s: %s", path, strerror(errno));
        return HG_E_IO;
    }
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        snprintf(ret_error, error_size, "%s is no regular file: name another with --journal", path);
        close(fd);
        return HG_E_IO;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        bool taken = errno == EWOULDBLOCK;
        snprintf(ret_error, error_size,
                 taken ? "%s: another relaunch is under way with this journal" : "%s: %s", path,
                 strerror(errno));
        close(fd);
        return taken ? HG_E_CONFLICT : HG_E_IO;
    }
    *ret_fd = fd;
    return 0;
}

/* The entry of a new file is durable only with its directory. */
static bool sync_directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
    int fd = directory == NULL ? -1 : open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(directory);
    bool done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return done;
}

/* Reads what is there, and makes it end with a whole line. */
static int replay_all(struct replay *replay, int fd)
{
    char line[RELAUNCH_LINE_MAX];
    FILE *file = fopen(replay->path, "re");
    int status = file == NULL ? HG_E_IO : replay_file(replay, file);
    if (file == NULL) {
        snprintf(replay->error, replay->error_size, "%s: %s", replay->path, strerror(errno));
    } else {
        fclose(file);
    }
    if (status != 0) {
        return status;
    }
    bool ok = ftruncate(fd, replay->good) == 0;
    if (ok && replay->good == 0) {
        replay->header = *replay->wanted;
        ok = write_line(fd, line, relaunch_journal_format_header(&replay->header, line)) == 0 &&
             fdatasync(fd) == 0 && sync_directory_of(replay->path);
    }
    if (!ok) {
        snprintf(replay->error, replay->error_size, "%s: %s", replay->path, strerror(errno));
    }
    return ok ? 0 : HG_E_IO;
}

int relaunch_journal_open(const char *path, const struct relaunch_header *wanted,
                          relaunch_journal_entry_fn on_entry, void *user_data,
                          struct relaunch_journal *ret_journal, char *ret_error, size_t error_size)
{
    struct replay replay = {.path = path,
                            .wanted = wanted,
                            .on_entry = on_entry,
                            .user_data = user_data,
                            .error = ret_error,
                            .error_size = error_size};
    int fd = -1;
    int status = lock_file(path, ret_error, error_size, &fd);
    if (status != 0) {
        return status;
    }
    status = replay_all(&replay, fd);
    if (status != 0) {
        close(fd);
        return status;
    }
    *ret_journal = (struct relaunch_journal){.fd = fd, .header = replay.header, .dirty = true};
    return 0;
}

void relaunch_journal_close(struct relaunch_journal *journal)
{
    if (journal->fd >= 0) {
        close(journal->fd);
        journal->fd = -1;
    }
}
