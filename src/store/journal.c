#include "store/journal.h"

#include "headgate/errors.h"
#include "store/crc32c.h"
#include "store/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define HEADER_SIZE 40
#define PROBE_SIZE  65536

static const char head_name[16] = "headgate journal"; /* without its NUL */
static const unsigned char magic[4] = {'H', 'g', 0xe7, '\n'};

static void put_le(unsigned char *at, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        at[i] = (unsigned char)(value >> (8 * i));
    }
}

static uint64_t get_le(const unsigned char *at, size_t width)
{
    uint64_t value = 0;
    for (size_t i = width; i-- > 0;) {
        value = value << 8 | at[i];
    }
    return value;
}

struct header {
    uint32_t kind;
    uint32_t size;
    uint32_t payload_crc;
    uint64_t seq;
    uint64_t durable_seq;
};

static void header_write(unsigned char *at, const struct header *header)
{
    memcpy(at, magic, sizeof(magic));
    put_le(at + 4, header->kind, 4);
    put_le(at + 8, header->size, 4);
    put_le(at + 12, header->payload_crc, 4);
    put_le(at + 16, header->seq, 8);
    put_le(at + 24, header->durable_seq, 8);
    put_le(at + 32, 0, 4);
    put_le(at + 36, crc32c(0, at, 36), 4);
}

static bool header_read(const unsigned char *at, struct header *ret_header)
{
    if (memcmp(at, magic, sizeof(magic)) != 0 || crc32c(0, at, 36) != get_le(at + 36, 4)) {
        return false;
    }
    *ret_header = (struct header){.kind = (uint32_t)get_le(at + 4, 4),
                                  .size = (uint32_t)get_le(at + 8, 4),
                                  .payload_crc = (uint32_t)get_le(at + 12, 4),
                                  .seq = get_le(at + 16, 8),
                                  .durable_seq = get_le(at + 24, 8)};
    return ret_header->kind < JOURNAL_KIND_COUNT && ret_header->size <= JOURNAL_RECORD_MAX;
}

int journal_append(struct journal_batch *batch, enum journal_kind kind, const char *policy, const void *data, size_t size)
{
    struct writer writer = {.data = batch->data, .size = batch->size, .capacity = batch->capacity};
    unsigned char room[HEADER_SIZE] = {0};
    put_raw(&writer, room, sizeof(room));
    size_t begin = writer.size;
    put_text(&writer, policy);
    put_raw(&writer, data, size);
    batch->data = writer.data; /* grown, even where it failed later */
    batch->capacity = writer.capacity;
    if (writer.failed) {
        return HG_E_NOMEM;
    }
    if (writer.size - begin > JOURNAL_RECORD_MAX) {
        return HG_E_TOO_LARGE;
    }
    /* Pieces of a snapshot stand before the first number. */
    uint64_t seq = kind == JOURNAL_GROUP ? batch->last_seq + 1 : batch->last_seq;
    struct header header = {.kind = kind,
                            .size = (uint32_t)(writer.size - begin),
                            .payload_crc = crc32c(0, batch->data + begin, writer.size - begin),
                            .seq = seq,
                            .durable_seq = batch->durable_seq};
    header_write(batch->data + batch->size, &header);
    batch->size = writer.size;
    batch->last_seq = seq;
    return 0;
}

static int write_all(int fd, int64_t offset, const unsigned char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = pwrite(fd, data, size, offset);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return written < 0 ? errno : EIO;
        }
        data += written;
        size -= (size_t)written;
        offset += written;
    }
    return 0;
}

int journal_write(int fd, int64_t offset, const struct journal_batch *batch)
{
    int error = write_all(fd, offset, batch->data, batch->size);
    if (error == 0 && fdatasync(fd) != 0) {
        error = errno;
    }
    if (error != 0) {
        (void)!ftruncate(fd, offset); /* where it fails, journal_probe() tries again before anything is written */
    }
    return error;
}

int journal_probe(int fd, int64_t offset)
{
    static const unsigned char nothing[PROBE_SIZE];
    if (ftruncate(fd, offset) != 0) {
        return errno;
    }
    int error = write_all(fd, offset, nothing, sizeof(nothing));
    if (error == 0 && fdatasync(fd) != 0) {
        error = errno;
    }
    if (ftruncate(fd, offset) != 0 || (error == 0 && fdatasync(fd) != 0)) {
        error = error == 0 ? errno : error;
    }
    return error;
}

int journal_write_head(int fd)
{
    unsigned char head[JOURNAL_HEAD_SIZE] = {0};
    memcpy(head, head_name, sizeof(head_name));
    put_le(head + 16, JOURNAL_VERSION, 4);
    put_le(head + 28, crc32c(0, head, 28), 4);
    return write_all(fd, 0, head, sizeof(head));
}

/* The bytes there are, `size` at most; negative: an error. */
static ssize_t read_at(int fd, int64_t offset, unsigned char *data, size_t size)
{
    size_t got = 0;
    while (got < size) {
        ssize_t count = pread(fd, data + got, size - got, offset + (int64_t)got);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return -1;
        }
        if (count == 0) {
            break;
        }
        got += (size_t)count;
    }
    return (ssize_t)got;
}

static int read_head(struct journal_reader *reader)
{
    unsigned char head[JOURNAL_HEAD_SIZE];
    ssize_t got = read_at(reader->fd, 0, head, sizeof(head));
    if (got < 0) {
        return HG_E_IO;
    }
    if (got < (ssize_t)sizeof(head) || memcmp(head, head_name, sizeof(head_name)) != 0) {
        return HG_E_STORE_CORRUPT;
    }
    if (get_le(head + 16, 4) != JOURNAL_VERSION) {
        return HG_E_STORE_UNFIT;
    }
    if (get_le(head + 28, 4) != crc32c(0, head, 28)) {
        return HG_E_STORE_CORRUPT;
    }
    reader->begun = true;
    reader->offset = JOURNAL_HEAD_SIZE;
    return 0;
}

static int read_record(struct journal_reader *reader, struct journal_record *ret_record)
{
    unsigned char head[HEADER_SIZE];
    struct header header;
    if (reader->end - reader->offset < HEADER_SIZE) {
        return 0;
    }
    if (read_at(reader->fd, reader->offset, head, sizeof(head)) != (ssize_t)sizeof(head)) {
        return HG_E_IO;
    }
    if (!header_read(head, &header) || reader->end - reader->offset - HEADER_SIZE < (int64_t)header.size) {
        return 0;
    }
    if (header.size > reader->capacity) {
        unsigned char *buffer = realloc(reader->buffer, header.size);
        if (buffer == NULL) {
            return HG_E_NOMEM;
        }
        reader->buffer = buffer;
        reader->capacity = header.size;
    }
    if (read_at(reader->fd, reader->offset + HEADER_SIZE, reader->buffer, header.size) != (ssize_t)header.size) {
        return HG_E_IO;
    }
    bool in_order = !reader->complete ? header.kind != JOURNAL_GROUP
                                      : header.kind == JOURNAL_GROUP && header.seq == reader->seq + 1;
    if (!in_order || crc32c(0, reader->buffer, header.size) != header.payload_crc) {
        return 0;
    }
    reader->offset += HEADER_SIZE + (int64_t)header.size;
    reader->seq = header.seq;
    reader->complete = reader->complete || header.kind == JOURNAL_END;
    *ret_record = (struct journal_record){
        .kind = (enum journal_kind)header.kind, .seq = header.seq, .data = reader->buffer, .size = header.size};
    return 1;
}

int journal_next(struct journal_reader *reader, struct journal_record *ret_record)
{
    int status = reader->begun ? 0 : read_head(reader);
    if (status == 0) {
        status = read_record(reader, ret_record);
    }
    /* A snapshot is renamed into its place when it is durable: it has no torn tail. */
    return status == 0 && !reader->complete ? HG_E_STORE_CORRUPT : status;
}

static bool all_zero(const unsigned char *data, size_t size)
{
    while (size > 0 && data[size - 1] == 0) {
        size--;
    }
    return size == 0;
}

/* A later record whose writer knew that the one at the start was durable. */
static bool later_proves(const unsigned char *data, size_t size, uint64_t missing_seq)
{
    const unsigned char *at = data;
    struct header header;
    while ((at = memmem(at, size - (size_t)(at - data), magic, sizeof(magic))) != NULL) {
        if (size - (size_t)(at - data) < HEADER_SIZE) {
            return false;
        }
        if (header_read(at, &header) && header.durable_seq >= missing_seq) {
            return true;
        }
        at++;
    }
    return false;
}

static enum journal_tail judge(const unsigned char *data, size_t size, uint64_t missing_seq)
{
    struct header header;
    if (size == 0) {
        return JOURNAL_TAIL_CLEAN;
    }
    if (later_proves(data, size, missing_seq)) {
        return JOURNAL_TAIL_CORRUPT;
    }
    bool cut = size < HEADER_SIZE;
    if (!cut && header_read(data, &header) && header.seq == missing_seq) {
        cut = size - HEADER_SIZE < header.size;
    }
    return cut || all_zero(data, size) ? JOURNAL_TAIL_TORN : JOURNAL_TAIL_DAMAGED;
}

int journal_judge_tail(const struct journal_reader *reader, enum journal_tail *ret_tail)
{
    size_t size = (size_t)(reader->end - reader->offset);
    unsigned char *data = malloc(size + 1);
    if (data == NULL) {
        return HG_E_NOMEM;
    }
    int status = read_at(reader->fd, reader->offset, data, size) == (ssize_t)size ? 0 : HG_E_IO;
    if (status == 0) {
        *ret_tail = judge(data, size, reader->seq + 1);
    }
    free(data);
    return status;
}
