#include "headgate/errors.h"
#include "store/group_encode.h"
#include "store/pack.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE 16384

struct decoded_chunk {
    struct decoded_chunk *next;
    size_t used;
    size_t size;
    alignas(max_align_t) char data[];
};

struct source {
    struct reader reader;
    struct decoded_group *decoded;
};

/* Zeroed memory that lives as long as the decoded group; NULL without memory. */
static void *keep(struct source *source, size_t size)
{
    struct decoded_chunk *chunk = source->decoded->chunks;
    size_t need = (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if (chunk == NULL || chunk->size - chunk->used < need) {
        size_t chunk_size = need > CHUNK_SIZE ? need : CHUNK_SIZE;
        chunk = malloc(sizeof(*chunk) + chunk_size);
        if (chunk == NULL) {
            source->reader.failed = source->reader.no_memory = true;
            return NULL;
        }
        *chunk = (struct decoded_chunk){.next = source->decoded->chunks, .size = chunk_size};
        source->decoded->chunks = chunk;
    }
    void *at = chunk->data + chunk->used;
    chunk->used += need;
    memset(at, 0, size);
    return at;
}

static char *keep_text(struct source *source, size_t most)
{
    static char nothing[1] = "";
    size_t size;
    const char *bytes = read_bytes(&source->reader, most, &size);
    char *copy = size == 0 ? NULL : keep(source, size + 1);
    if (copy == NULL) {
        return nothing;
    }
    memcpy(copy, bytes, size);
    return copy;
}

static void read_need(struct source *source, const struct hg_policy *policy, struct hg_need *need)
{
    char name[HG_NAME_MAX + 1];
    read_text(&source->reader, name, HG_NAME_MAX);
    need->cost = read_int(&source->reader);
    for (size_t d = 0; d < policy->dependency_count; d++) {
        if (strcmp(policy->dependencies[d].name, name) == 0) {
            need->dependency = d;
            return;
        }
    }
    source->reader.failed = true;
}

static void read_policy_fleet(struct source *source, const struct hg_policy *policy, struct hg_fleet *fleet)
{
    struct reader *reader = &source->reader;
    read_tuple(reader, 9);
    fleet->name = keep_text(source, HG_NAME_MAX);
    fleet->lease_us = read_int(reader);
    fleet->backoff_base_us = read_int(reader) * 1000;
    fleet->backoff_max_us = read_int(reader) * 1000;
    fleet->backoff_jitter = (enum hg_jitter)read_within(reader, 0, HG_JITTER_COUNT - 1);
    fleet->attempts = read_int(reader);
    fleet->forget_us = read_int(reader);
    fleet->quarantine_max = read_int(reader);
    fleet->need_count = read_array(reader, (size_t)HG_NEEDS_MAX * 2) / 2;
    for (size_t n = 0; n < fleet->need_count && !reader->failed; n++) {
        read_need(source, policy, &fleet->needs[n]);
    }
}

static void read_configure(struct source *source, struct op *op)
{
    struct reader *reader = &source->reader;
    op->leader = read_int(reader);
    op->generation = read_int(reader);
    op->fresh = read_bool(reader);
    struct hg_policy *policy = keep(source, sizeof(*policy));
    size_t count = read_array(reader, HG_DEPENDENCIES_MAX);
    struct hg_dependency *dependencies = keep(source, count * sizeof(*dependencies));
    for (size_t i = 0; i < count && !reader->failed; i++) {
        read_tuple(reader, 6);
        dependencies[i].name = keep_text(source, HG_NAME_MAX);
        dependencies[i].rate_milli = read_int(reader);
        dependencies[i].burst = read_int(reader);
        dependencies[i].in_flight_max = read_int(reader);
        dependencies[i].reserve_burst = read_int(reader);
        dependencies[i].reserve_in_flight = read_int(reader);
    }
    size_t fleet_count = read_array(reader, HG_FLEETS_MAX);
    struct hg_fleet *fleets = keep(source, fleet_count * sizeof(*fleets));
    if (reader->failed) {
        return;
    }
    policy->dependencies = dependencies;
    policy->dependency_count = count;
    policy->fleets = fleets;
    policy->fleet_count = fleet_count;
    policy->generation = op->generation;
    for (size_t i = 0; i < fleet_count && !reader->failed; i++) {
        read_policy_fleet(source, policy, &fleets[i]);
    }
    op->policy = policy;
}

static void read_plan_dependency(struct reader *reader, struct plan_dependency *dependency)
{
    read_tuple(reader, 12);
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
}

static void read_plan(struct source *source, struct op *op)
{
    struct reader *reader = &source->reader;
    struct plan *plan = keep(source, sizeof(*plan));
    if (plan == NULL) {
        return;
    }
    op->leader = plan->leader = read_int(reader);
    plan->dependency_count = read_array(reader, HG_DEPENDENCIES_MAX);
    for (size_t i = 0; i < plan->dependency_count; i++) {
        read_plan_dependency(reader, &plan->dependencies[i]);
    }
    plan->fleet_count = read_array(reader, HG_FLEETS_MAX);
    for (size_t i = 0; i < plan->fleet_count; i++) {
        struct plan_fleet *fleet = &plan->fleets[i];
        read_tuple(reader, 3 + LINE_COUNT * 4);
        read_text(reader, fleet->name, HG_NAME_MAX);
        fleet->paused = read_bool(reader);
        fleet->held = read_bool(reader);
        for (size_t line = 0; line < LINE_COUNT; line++) {
            fleet->lines[line].base = read_int(reader);
            fleet->lines[line].rate_milli = read_int(reader);
            fleet->lines[line].from_us = read_int(reader);
            fleet->lines[line].until_us = read_int(reader);
        }
    }
    op->plan = plan;
}

static void read_note(struct source *source, struct op *op)
{
    struct reader *reader = &source->reader;
    op->leader = read_int(reader);
    op->key = keep_text(source, NOTE_KEY_MAX);
    if (read_is_bool(reader)) {
        (void)read_bool(reader);
    } else {
        op->value = keep_text(source, NOTE_VALUE_MAX);
    }
    op->until_us = read_int(reader);
}

static void read_about_instance(struct source *source, struct op *op)
{
    struct reader *reader = &source->reader;
    op->fleet = keep_text(source, HG_NAME_MAX);
    op->instance = keep_text(source, HG_INSTANCE_MAX);
    if (op->kind == OP_ACQUIRE) {
        op->boot_id = keep_text(source, BOOT_ID_MAX);
        op->priority = read_bool(reader);
        op->observe = read_bool(reader);
    } else if (op->kind != OP_GET && op->kind != OP_RELEASE) {
        op->fence = read_int(reader);
    }
    if (op->kind == OP_COMPLETE) {
        op->outcome = (enum outcome)read_within(reader, 0, OUTCOME_COUNT - 1);
        op->reason = keep_text(source, REASON_MAX);
    }
}

static void read_lead(struct source *source, struct op *op)
{
    op->leader_id = keep_text(source, LEADER_ID_MAX);
    op->lease_us = read_int(&source->reader);
    op->generation = read_int(&source->reader);
}

static void read_list(struct source *source, struct op *op)
{
    op->fleet = keep_text(source, HG_NAME_MAX);
    op->state = (enum instance_state)read_within(&source->reader, 0, INSTANCE_STATE_COUNT - 1);
    op->instance = keep_text(source, LIST_CURSOR_MAX);
    op->count = read_int(&source->reader);
}

static void read_sweep(struct source *source, struct op *op)
{
    op->fleet = keep_text(source, HG_NAME_MAX);
    op->leader = read_int(&source->reader);
    op->number = read_int(&source->reader);
    op->number_retry = read_int(&source->reader);
}

static void read_one(struct source *source, struct op *op)
{
    static const size_t fields[OP_KIND_COUNT] = {
        [OP_ACQUIRE] = 6, [OP_RENEW] = 4, [OP_COMPLETE] = 6,  [OP_LEAVE] = 4,     [OP_GET] = 3,  [OP_RELEASE] = 3, [OP_LEAD] = 4,
        [OP_CONFIGURE] = 6, [OP_PLAN] = 4, [OP_NOTE_PUT] = 5, [OP_NOTE_LIST] = 3, [OP_LIST] = 5, [OP_SWEEP] = 5};
    size_t count = read_array(&source->reader, 6);
    op->kind = (enum op_kind)read_within(&source->reader, 0, OP_KIND_COUNT - 1);
    if (count != fields[op->kind]) {
        source->reader.failed = true;
        return;
    }
    switch (op->kind) {
    case OP_ACQUIRE:
    case OP_RENEW:
    case OP_COMPLETE:
    case OP_LEAVE:
    case OP_GET:
    case OP_RELEASE:
        read_about_instance(source, op);
        break;
    case OP_LEAD:
        read_lead(source, op);
        break;
    case OP_CONFIGURE:
        read_configure(source, op);
        break;
    case OP_PLAN:
        read_plan(source, op);
        break;
    case OP_NOTE_PUT:
        read_note(source, op);
        break;
    case OP_NOTE_LIST:
        op->key = keep_text(source, NOTE_KEY_MAX);
        op->count = read_int(&source->reader);
        break;
    case OP_LIST:
        read_list(source, op);
        break;
    case OP_SWEEP:
        read_sweep(source, op);
        break;
    case OP_KIND_COUNT:
        break;
    }
}

int group_decode(const char *data, size_t size, struct decoded_group *decoded)
{
    struct source source = {.reader = {.at = (const unsigned char *)data, .left = size}, .decoded = decoded};
    struct reader *reader = &source.reader;
    read_tuple(reader, 3);
    decoded->group.seen_fence = read_int(reader);
    decoded->raw_us = read_int(reader);
    decoded->group.op_count = read_array(reader, GROUP_OPS_MAX);
    for (size_t i = 0; i < decoded->group.op_count && !reader->failed; i++) {
        memset(&decoded->group.ops[i], 0, sizeof(decoded->group.ops[i]));
        read_one(&source, &decoded->group.ops[i]);
    }
    if (reader->no_memory) {
        return HG_E_NOMEM;
    }
    return reader->failed || reader->left != 0 ? HG_E_STORE_CORRUPT : 0;
}

void decoded_group_clear(struct decoded_group *decoded)
{
    while (decoded->chunks != NULL) {
        struct decoded_chunk *next = decoded->chunks->next;
        free(decoded->chunks);
        decoded->chunks = next;
    }
    decoded->group.op_count = 0;
}
