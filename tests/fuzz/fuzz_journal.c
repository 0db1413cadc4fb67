/* What a journal may hold, should its checksums ever pass what they must not: a group, a piece of a state, or the bytes of a whole
 * file. Each is refused, or bounded; a group that is read is written again the same. */
#include "fuzz/fuzz.h"
#include "headgate/errors.h"
#include "store/group_encode.h"
#include "store/journal.h"
#include "store/state.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum what { WHAT_GROUP, WHAT_PIECE, WHAT_FILE, WHAT_COUNT };

static void encode(const struct decoded_group *decoded, char **ret_data, size_t *ret_size)
{
    int status = group_encode(&decoded->group, decoded->raw_us, ret_data, ret_size);
    FUZZ_CHECK(status == 0);
}

static void fuzz_group(const char *data, size_t size)
{
    static struct decoded_group first, second;
    char *once, *twice;
    size_t once_size, twice_size;
    int status = group_decode(data, size, &first);
    FUZZ_CHECK(status == 0 || status == HG_E_STORE_CORRUPT);
    if (status == 0) {
        encode(&first, &once, &once_size);
        FUZZ_CHECK(group_decode(once, once_size, &second) == 0);
        encode(&second, &twice, &twice_size);
        FUZZ_CHECK(once_size == twice_size && memcmp(once, twice, once_size) == 0);
        free(once);
        free(twice);
        decoded_group_clear(&second);
    }
    decoded_group_clear(&first);
}

static int drop_piece(void *user_data, const unsigned char *data, size_t size)
{
    *(size_t *)user_data += size + (data != NULL);
    return 0;
}

/* Two pieces, cut where the first byte says: what loads can be written. */
static void fuzz_piece(const uint8_t *data, size_t size)
{
    struct state *state;
    if (size < 2 || state_create(&state) != 0) {
        return;
    }
    size_t cut = (size_t)(data[0] | data[1] << 8) % (size - 1);
    size_t written = 0;
    int status = state_load(state, data + 2, cut > size - 2 ? size - 2 : cut);
    if (status == 0 && cut < size - 2) {
        status = state_load(state, data + 2 + cut, size - 2 - cut);
    }
    FUZZ_CHECK(status == 0 || status == HG_E_STORE_CORRUPT || status == HG_E_NOMEM);
    FUZZ_CHECK(status != 0 || state_dump(state, drop_piece, &written) == 0);
    state_destroy(state);
}

static void fuzz_file(const uint8_t *data, size_t size)
{
    int fd = memfd_create("journal", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        abort();
    }
    struct journal_reader reader = {.fd = fd, .end = (int64_t)size};
    struct journal_record record;
    enum journal_tail tail;
    int status;
    while ((status = journal_next(&reader, &record)) == 1) {
        FUZZ_CHECK(record.kind < JOURNAL_KIND_COUNT && record.size <= JOURNAL_RECORD_MAX);
        FUZZ_CHECK(reader.offset <= reader.end);
    }
    FUZZ_CHECK(status == 0 || status == HG_E_STORE_CORRUPT || status == HG_E_STORE_UNFIT);
    if (status == 0) {
        FUZZ_CHECK(journal_judge_tail(&reader, &tail) == 0);
        FUZZ_CHECK((tail == JOURNAL_TAIL_CLEAN) == (reader.offset == reader.end));
    }
    free(reader.buffer);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    switch ((enum what)(data[0] % WHAT_COUNT)) {
    case WHAT_GROUP:
        fuzz_group((const char *)data + 1, size - 1);
        break;
    case WHAT_PIECE:
        fuzz_piece(data + 1, size - 1);
        break;
    case WHAT_FILE:
        fuzz_file(data + 1, size - 1);
        break;
    case WHAT_COUNT:
        break;
    }
    return 0;
}
