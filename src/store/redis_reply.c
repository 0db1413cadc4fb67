#include "store/redis_reply.h"
#include "headgate/errors.h"
#include "store/pack.h"

#include <stdlib.h>
#include <string.h>

static void read_reasons(struct reader *reader, char reasons[REASONS_KEPT][REASON_MAX + 1])
{
    size_t count = read_array(reader, REASONS_KEPT);
    for (size_t i = 0; i < count; i++) {
        read_text(reader, reasons[i], REASON_MAX);
    }
}

static void read_items(struct reader *reader, struct op_reply *op)
{
    read_text(reader, op->cursor, LIST_CURSOR_MAX);
    size_t count = read_array(reader, LIST_PAGE_MAX);
    if (count == 0) {
        return;
    }
    op->items = calloc(count, sizeof(*op->items));
    if (op->items == NULL) {
        reader->failed = reader->no_memory = true;
        return;
    }
    op->item_count = count;
    for (size_t i = 0; i < count && !reader->failed; i++) {
        struct list_item *item = &op->items[i];
        read_tuple(reader, 6);
        read_text(reader, item->instance, HG_INSTANCE_MAX);
        item->fence = read_int(reader);
        item->attempt = read_int(reader);
        item->since_us = read_int(reader);
        item->until_us = read_int(reader);
        read_reasons(reader, item->reasons);
    }
}

static void read_notes(struct reader *reader, struct op_reply *op)
{
    size_t count = read_array(reader, LIST_PAGE_MAX);
    if (count == 0) {
        return;
    }
    op->notes = calloc(count, sizeof(*op->notes));
    if (op->notes == NULL) {
        reader->failed = reader->no_memory = true;
        return;
    }
    op->note_count = count;
    for (size_t i = 0; i < count && !reader->failed; i++) {
        struct note *note = &op->notes[i];
        read_tuple(reader, 3);
        note->key = read_copy(reader, NOTE_KEY_MAX);
        note->value = read_copy(reader, NOTE_VALUE_MAX);
        note->until_us = read_int(reader);
    }
}

static void read_op(struct reader *reader, enum op_kind kind, struct op_reply *op)
{
    size_t extra = kind == OP_LIST ? 2 : kind == OP_NOTE_LIST ? 1 : 0;
    size_t count = read_array(reader, 17 + extra);
    op->status = read_within(reader, HG_E_CANCELLED, 0);
    op->state = (enum instance_state)read_within(reader, 0, INSTANCE_STATE_COUNT - 1);
    op->line = (enum line)read_within(reader, 0, LINE_COUNT - 1);
    op->number = read_int(reader);
    op->fence = read_int(reader);
    op->attempt = read_int(reader);
    op->since_us = read_int(reader);
    op->until_us = read_int(reader);
    op->already = read_bool(reader);
    op->called = read_bool(reader);
    op->limit = (enum limit)read_within(reader, 0, LIMIT_COUNT - 1);
    op->limit_dependency = read_within(reader, -1, HG_DEPENDENCIES_MAX - 1);
    op->wait_us = read_int(reader);
    op->outcome = (enum outcome)read_within(reader, 0, OUTCOME_COUNT - 1);
    op->leader = read_int(reader);
    op->dropped = read_int(reader);
    read_reasons(reader, op->reasons);
    if (count == 17 + extra && kind == OP_LIST) {
        read_items(reader, op);
    } else if (count == 17 + extra && kind == OP_NOTE_LIST) {
        read_notes(reader, op);
    } else if (count != 17) {
        reader->failed = true;
    }
}

static void read_cohort(struct reader *reader, struct cohort *cohort)
{
    read_tuple(reader, 10);
    cohort->id = read_int(reader);
    cohort->granted = read_int(reader);
    cohort->recovered = read_int(reader);
    cohort->failed = read_int(reader);
    cohort->expired = read_int(reader);
    cohort->excused = read_int(reader);
    cohort->first_us = read_int(reader);
    cohort->last_us = read_int(reader);
    read_tuple(reader, AGAIN_CLASSES);
    for (size_t i = 0; i < AGAIN_CLASSES; i++) {
        cohort->again[i] = read_int(reader);
    }
    read_tuple(reader, HISTOGRAM_SIZE);
    for (size_t i = 0; i < HISTOGRAM_SIZE; i++) {
        cohort->histogram[i] = (int32_t)read_within(reader, 0, INT32_MAX);
    }
}

static void read_dependency(struct reader *reader, struct snapshot_dependency *dependency)
{
    read_tuple(reader, 20);
    read_text(reader, dependency->name, HG_NAME_MAX);
    dependency->phase = (enum phase)read_within(reader, 0, PHASE_COUNT - 1);
    dependency->cohort = read_int(reader);
    dependency->rate_milli = read_int(reader);
    dependency->burst = read_int(reader);
    dependency->in_flight_max = read_int(reader);
    dependency->paced = read_bool(reader);
    dependency->pace_milli = read_int(reader);
    dependency->pace_burst = read_int(reader);
    dependency->window = read_int(reader);
    dependency->excused_from_us = read_int(reader);
    dependency->excused_to_us = read_int(reader);
    dependency->tokens = read_int(reader);
    dependency->in_flight = read_int(reader);
    dependency->spilled = read_int(reader);
    dependency->granted = read_int(reader);
    dependency->recovered = read_int(reader);
    dependency->failed = read_int(reader);
    dependency->expired = read_int(reader);
    size_t count = read_array(reader, COHORTS_KEPT);
    for (size_t i = 0; i < count; i++) {
        read_cohort(reader, &dependency->cohorts[i]);
    }
}

static void read_line(struct reader *reader, struct snapshot_line *line)
{
    read_tuple(reader, 9);
    line->tail = read_int(reader);
    line->serving = read_int(reader);
    line->waiting = read_int(reader);
    line->ready = read_int(reader);
    line->granted = read_int(reader);
    line->plan_base = read_int(reader);
    line->plan_rate_milli = read_int(reader);
    line->plan_from_us = read_int(reader);
    line->plan_until_us = read_int(reader);
}

static void read_fleet(struct reader *reader, struct snapshot_fleet *fleet)
{
    read_tuple(reader, 12);
    read_text(reader, fleet->name, HG_NAME_MAX);
    fleet->paused = read_bool(reader);
    fleet->held = read_bool(reader);
    read_tuple(reader, LINE_COUNT);
    for (size_t i = 0; i < LINE_COUNT; i++) {
        read_line(reader, &fleet->lines[i]);
    }
    fleet->in_flight = read_int(reader);
    fleet->backoff = read_int(reader);
    fleet->quarantined = read_int(reader);
    fleet->granted = read_int(reader);
    fleet->recovered = read_int(reader);
    fleet->failed = read_int(reader);
    fleet->expired = read_int(reader);
    fleet->superseded = read_int(reader);
}

static void read_snapshot(struct reader *reader, struct snapshot *snapshot)
{
    read_tuple(reader, 12);
    snapshot->now_us = read_int(reader);
    snapshot->epoch = read_int(reader);
    snapshot->fence = read_int(reader);
    snapshot->generation = read_int(reader);
    snapshot->learning_until_us = read_int(reader);
    snapshot->longest_lease_us = read_int(reader);
    snapshot->leader = read_int(reader);
    snapshot->leader_until_us = read_int(reader);
    read_text(reader, snapshot->leader_id, LEADER_ID_MAX);
    snapshot->notes_version = read_int(reader);
    snapshot->dependency_count = read_array(reader, HG_DEPENDENCIES_MAX);
    for (size_t i = 0; i < snapshot->dependency_count; i++) {
        read_dependency(reader, &snapshot->dependencies[i]);
    }
    snapshot->fleet_count = read_array(reader, HG_FLEETS_MAX);
    for (size_t i = 0; i < snapshot->fleet_count; i++) {
        read_fleet(reader, &snapshot->fleets[i]);
    }
}

int redis_reply_read(const struct group *group, const char *data, size_t size, struct group_reply *reply)
{
    struct reader reader = {.at = (const unsigned char *)data, .left = size};
    read_tuple(&reader, 2);
    read_snapshot(&reader, &reply->snapshot);
    read_tuple(&reader, group->op_count);
    reply->op_count = group->op_count;
    for (size_t i = 0; i < group->op_count && !reader.failed; i++) {
        read_op(&reader, group->ops[i].kind, &reply->ops[i]);
        struct op_reply *op = &reply->ops[i];
        if (op->limit_dependency >= (int)reply->snapshot.dependency_count) {
            reader.failed = true;
        }
    }
    if (reader.no_memory) {
        return HG_E_NOMEM;
    }
    return reader.failed || reader.left != 0 ? HG_E_STORE_CORRUPT : 0;
}
