/* What comes back from Redis, to a group whose operations the first bytes choose: damaged or hostile, it is
 * refused, or every text, index and number is within its bounds. */
#include "fuzz/fuzz.h"
#include "headgate/errors.h"
#include "store/redis_reply.h"

#include <stdlib.h>
#include <string.h>

#define OPS_MAX 4

static void check_op(const struct op_reply *op, const struct snapshot *snapshot)
{
    FUZZ_CHECK(op->status <= 0 && op->status >= HG_E_CANCELLED);
    FUZZ_CHECK(op->state < INSTANCE_STATE_COUNT && op->line < LINE_COUNT && op->limit < LIMIT_COUNT);
    FUZZ_CHECK(op->outcome < OUTCOME_COUNT);
    FUZZ_CHECK(op->limit_dependency >= -1 && op->limit_dependency < (int)snapshot->dependency_count);
    FUZZ_CHECK(op->number >= -TIME_NEVER_US && op->number <= TIME_NEVER_US);
    FUZZ_CHECK(memchr(op->cursor, 0, sizeof(op->cursor)) != NULL);
    FUZZ_CHECK(op->item_count <= LIST_PAGE_MAX && (op->item_count == 0 || op->items != NULL));
    FUZZ_CHECK(op->note_count <= LIST_PAGE_MAX && (op->note_count == 0 || op->notes != NULL));
    for (size_t i = 0; i < op->item_count; i++) {
        FUZZ_CHECK(memchr(op->items[i].instance, 0, sizeof(op->items[i].instance)) != NULL);
    }
    for (size_t i = 0; i < op->note_count; i++) {
        FUZZ_CHECK(strlen(op->notes[i].key) <= NOTE_KEY_MAX && strlen(op->notes[i].value) <= NOTE_VALUE_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct group group;
    static struct group_reply reply;
    if (size < 1 || data[0] > OPS_MAX || size < 1 + (size_t)data[0]) {
        return 0;
    }
    memset(&group, 0, sizeof(group));
    group.policy = "fuzz";
    group.op_count = data[0];
    for (size_t i = 0; i < group.op_count; i++) {
        group.ops[i].kind = (enum op_kind)(data[1 + i] % OP_KIND_COUNT);
    }
    size_t head = 1 + group.op_count;
    int status = redis_reply_read(&group, (const char *)data + head, size - head, &reply);
    FUZZ_CHECK(status == 0 || status == HG_E_STORE_CORRUPT);
    if (status == 0) {
        FUZZ_CHECK(reply.op_count == group.op_count);
        FUZZ_CHECK(reply.snapshot.dependency_count <= HG_DEPENDENCIES_MAX);
        FUZZ_CHECK(reply.snapshot.fleet_count <= HG_FLEETS_MAX);
        for (size_t i = 0; i < reply.op_count; i++) {
            check_op(&reply.ops[i], &reply.snapshot);
        }
    }
    group_reply_clear(&reply);
    return 0;
}
