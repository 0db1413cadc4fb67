#include "store/pack.h"

#include "core/group.h"

#include <stdlib.h>
#include <string.h>

static unsigned char *reserve(struct writer *writer, size_t size)
{
    if (writer->failed) {
        return NULL;
    }
    if (writer->capacity - writer->size < size) {
        size_t capacity = (writer->capacity + size) * 2;
        unsigned char *data = realloc(writer->data, capacity);
        if (data == NULL) {
            writer->failed = true;
            return NULL;
        }
        writer->data = data;
        writer->capacity = capacity;
    }
    unsigned char *at = writer->data + writer->size;
    writer->size += size;
    return at;
}

/* A tag and `width` bytes of `value`, big-endian. */
static void put_tagged(struct writer *writer, unsigned char tag, uint64_t value, size_t width)
{
    unsigned char *at = reserve(writer, 1 + width);
    if (at == NULL) {
        return;
    }
    at[0] = tag;
    for (size_t i = 0; i < width; i++) {
        at[1 + i] = (unsigned char)(value >> (8 * (width - 1 - i)));
    }
}

void put_int(struct writer *writer, int64_t value)
{
    if (value >= 0 && value < 128) {
        put_tagged(writer, (unsigned char)value, 0, 0);
    } else {
        put_tagged(writer, 0xd3, (uint64_t)value, 8);
    }
}

void put_time(struct writer *writer, int64_t time_us)
{
    put_int(writer, time_us > TIME_NEVER_US ? TIME_NEVER_US : time_us);
}

void put_bool(struct writer *writer, bool value)
{
    put_tagged(writer, value ? 0xc3 : 0xc2, 0, 0);
}

void put_array(struct writer *writer, size_t count)
{
    put_tagged(writer, 0xdd, count, 4);
}

void put_text(struct writer *writer, const char *text)
{
    put_text_cut(writer, text, INT32_MAX);
}

void put_text_cut(struct writer *writer, const char *text, size_t most)
{
    size_t size = text != NULL ? strnlen(text, most) : 0;
    put_tagged(writer, 0xdb, size, 4);
    put_raw(writer, text, size);
}

void put_raw(struct writer *writer, const void *data, size_t size)
{
    unsigned char *at = reserve(writer, size);
    if (at != NULL && size > 0) {
        memcpy(at, data, size);
    }
}

static uint64_t take(struct reader *reader, size_t width)
{
    if (reader->failed || reader->left < width) {
        reader->failed = true;
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++) {
        value = value << 8 | reader->at[i];
    }
    reader->at += width;
    reader->left -= width;
    return value;
}

static int64_t bounded(struct reader *reader, int64_t value)
{
    if (value < -TIME_NEVER_US || value > TIME_NEVER_US) {
        reader->failed = true;
        return 0;
    }
    return value;
}

int64_t read_int(struct reader *reader)
{
    uint64_t tag = take(reader, 1);
    if (tag <= 0x7f) {
        return (int64_t)tag;
    }
    if (tag >= 0xe0) {
        return (int64_t)tag - 256;
    }
    switch (tag) {
    case 0xcc:
    case 0xcd:
    case 0xce:
        return (int64_t)take(reader, (size_t)1 << (tag - 0xcc));
    case 0xcf: {
        uint64_t value = take(reader, 8);
        return bounded(reader, value > INT64_MAX ? INT64_MAX : (int64_t)value);
    }
    case 0xd0:
        return (int8_t)take(reader, 1);
    case 0xd1:
        return (int16_t)take(reader, 2);
    case 0xd2:
        return (int32_t)take(reader, 4);
    case 0xd3:
        return bounded(reader, (int64_t)take(reader, 8));
    default:
        reader->failed = true;
        return 0;
    }
}

int read_within(struct reader *reader, int low, int high)
{
    int64_t value = read_int(reader);
    if (value < low || value > high) {
        reader->failed = true;
        return low > 0 ? low : 0;
    }
    return (int)value;
}

bool read_is_bool(const struct reader *reader)
{
    return !reader->failed && reader->left > 0 && (reader->at[0] == 0xc2 || reader->at[0] == 0xc3);
}

bool read_bool(struct reader *reader)
{
    uint64_t tag = take(reader, 1);
    if (tag != 0xc2 && tag != 0xc3) {
        reader->failed = true;
    }
    return tag == 0xc3;
}

size_t read_array(struct reader *reader, size_t most)
{
    uint64_t tag = take(reader, 1);
    uint64_t count = 0;
    if (tag >= 0x90 && tag <= 0x9f) {
        count = tag & 0x0f;
    } else if (tag == 0xdc) {
        count = take(reader, 2);
    } else if (tag == 0xdd) {
        count = take(reader, 4);
    } else if (tag != 0x80) { /* an empty Lua table may be either */
        reader->failed = true;
    }
    if (count > most) {
        reader->failed = true;
    }
    return reader->failed ? 0 : (size_t)count;
}

void read_tuple(struct reader *reader, size_t count)
{
    if (read_array(reader, count) != count) {
        reader->failed = true;
    }
}

const char *read_bytes(struct reader *reader, size_t most, size_t *ret_size)
{
    uint64_t tag = take(reader, 1);
    uint64_t size = 0;
    if (tag >= 0xa0 && tag <= 0xbf) {
        size = tag & 0x1f;
    } else if (tag >= 0xd9 && tag <= 0xdb) {
        size = take(reader, (size_t)1 << (tag - 0xd9));
    } else {
        reader->failed = true;
    }
    if (reader->failed || size > most || size > reader->left || memchr(reader->at, 0, (size_t)size) != NULL) {
        reader->failed = true;
        *ret_size = 0;
        return "";
    }
    const char *bytes = (const char *)reader->at;
    reader->at += size;
    reader->left -= (size_t)size;
    *ret_size = (size_t)size;
    return bytes;
}

void read_text(struct reader *reader, char *ret_text, size_t most)
{
    size_t size;
    const char *bytes = read_bytes(reader, most, &size);
    memcpy(ret_text, bytes, size);
    ret_text[size] = '\0';
}

char *read_copy(struct reader *reader, size_t most)
{
    size_t size;
    const char *bytes = read_bytes(reader, most, &size);
    char *copy = strndup(bytes, size);
    reader->no_memory = reader->no_memory || copy == NULL;
    return copy;
}
