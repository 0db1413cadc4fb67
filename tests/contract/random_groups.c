#include "random_groups.h"

#include "core/bucket.h"

#include <stdio.h>
#include <string.h>

#define SECOND_US INT64_C(1000000)

static const char *const fleet_names[RANDOM_FLEETS + 1] = {"web", "db-nodes", "a", "web.2", "nobody"};
static const char *const dependency_names[RANDOM_DEPENDENCIES] = {"db", "net", "auth", "x"};
static const char *const instances[RANDOM_INSTANCES] = {"i-0", "i-1", "i-2", "i-3", "i-4", "A", "z.z", "i-10", "0", "a@b:1"};
static const char *const boots[] = {"", "", "b1", "b2", "0123456789abcdef", "0123456789abcdef-longer-than-sixteen"};
static const char *const reasons[] = {"", "disk", "superseded by boot_id b1",
                                      "a reason that is much longer than what is kept of it, and so it will be cut: "
                                      "0123456789012345678901234567890123456789012345678901234567890123456789"
                                      "0123456789012345678901234567890123456789012345678901234567890123456789"};
static const char *const leader_ids[] = {"c1", "c2"};
static const char *const keys[] = {"override/db", "override/net", "recovery/db/1", "recovery/db/10", "recovery/db/2", "r"};
static const char *const prefixes[] = {"", "override/", "recovery/db/", "recovery/db/1", "zzz"};

static int64_t between(struct random_stream *stream, int64_t low, int64_t high)
{
    return rng_between(&stream->rng, low, high);
}

static bool chance(struct random_stream *stream, int64_t percent)
{
    return between(stream, 1, 100) <= percent;
}

static int64_t pick(struct random_stream *stream, const int64_t *values, size_t count)
{
    return values[between(stream, 0, (int64_t)count - 1)];
}

#define PICK_TEXT(stream, texts) texts[between(stream, 0, (int64_t)(sizeof(texts) / sizeof(texts[0])) - 1)]
#define PICK(stream, ...) \
    pick(stream, (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

void random_begin(struct random_stream *stream, uint64_t seed, bool crowded, bool walks)
{
    memset(stream, 0, sizeof(*stream));
    rng_init(&stream->rng, seed);
    stream->crowded = crowded;
    stream->walks = walks;
    stream->clock_us = INT64_C(1700000000000000) + between(stream, 0, SECOND_US);
}

static void move_clock(struct random_stream *stream)
{
    switch (between(stream, 0, 19)) {
    case 0:
        stream->clock_us -= between(stream, 1, 2 * SECOND_US);
        break;
    case 1:
        stream->clock_us -= PICK(stream, 1, SECOND_US, SECOND_US + 1, 3600 * SECOND_US);
        break;
    case 2:
        stream->clock_us += PICK(stream, 3 * SECOND_US, 3 * SECOND_US + 1, 40 * SECOND_US, 700 * SECOND_US, 5000 * SECOND_US);
        break;
    case 3:
    case 4:
    case 5:
        break; /* it stands still */
    case 6:
        stream->clock_us += between(stream, 1, 3);
        break;
    case 7:
        stream->clock_us += PICK(stream, 999, 1000, 1001, SECOND_US, 2 * SECOND_US, 10 * SECOND_US);
        break;
    default:
        stream->clock_us += between(stream, 0, 2 * SECOND_US);
        break;
    }
}

static void make_dependency(struct random_stream *stream, struct hg_dependency *dependency, size_t name)
{
    memset(dependency, 0, sizeof(*dependency));
    dependency->name = (char *)dependency_names[name];
    dependency->rate_milli = PICK(stream, 0, 1, 333, 1000, 7777, 50000, BUCKET_RATE_MILLI_MAX);
    dependency->burst = PICK(stream, 3, 4, 10, BUCKET_BURST_MAX);
    dependency->in_flight_max = PICK(stream, 3, 5, 20, 1000000);
    dependency->reserve_burst = chance(stream, 70) ? 0 : PICK(stream, 1, 8);
    dependency->reserve_in_flight = chance(stream, 70) ? 0 : PICK(stream, 1, 8);
}

static void make_fleet(struct random_stream *stream, struct hg_fleet *fleet, size_t name, size_t dependency_count)
{
    memset(fleet, 0, sizeof(*fleet));
    fleet->name = (char *)fleet_names[name];
    fleet->lease_us = PICK(stream, SECOND_US, 5 * SECOND_US, 60 * SECOND_US, 1000 * SECOND_US);
    fleet->need_count = (size_t)between(stream, 1, (int64_t)dependency_count);
    size_t first = (size_t)between(stream, 0, (int64_t)dependency_count - 1);
    for (size_t n = 0; n < fleet->need_count; n++) {
        fleet->needs[n] = (struct hg_need){(first + n) % dependency_count, between(stream, 1, 2)};
    }
    fleet->backoff_base_us = PICK(stream, 1000, 100000, SECOND_US);
    fleet->backoff_max_us = fleet->backoff_base_us * PICK(stream, 1, 3, 64);
    fleet->backoff_jitter = (enum hg_jitter)between(stream, 0, HG_JITTER_COUNT - 1);
    fleet->attempts = between(stream, 1, 4);
    fleet->forget_us = PICK(stream, SECOND_US, 60 * SECOND_US, 3600 * SECOND_US);
    fleet->quarantine_max = PICK(stream, 0, 1, 3, 100);
}

static const struct hg_policy *make_policy(struct random_stream *stream)
{
    struct random_policy *made = &stream->policies[stream->policy_next++];
    size_t count = 0;
    memset(made, 0, sizeof(*made));
    int64_t present = between(stream, 1, (1 << RANDOM_DEPENDENCIES) - 1);
    for (size_t d = 0; d < RANDOM_DEPENDENCIES; d++) {
        if (present >> d & 1) {
            make_dependency(stream, &made->dependencies[count++], d);
        }
    }
    made->policy.dependencies = made->dependencies;
    made->policy.dependency_count = count;
    made->policy.fleets = made->fleets;
    present = between(stream, 1, (1 << RANDOM_FLEETS) - 1) | 1;
    for (size_t f = 0; f < RANDOM_FLEETS; f++) {
        if (present >> f & 1) {
            make_fleet(stream, &made->fleets[made->policy.fleet_count++], f, count);
        }
    }
    return &made->policy;
}

static void make_plan(struct random_stream *stream, struct plan *plan)
{
    memset(plan, 0, sizeof(*plan));
    plan->leader = chance(stream, 95) ? stream->leader : stream->leader + between(stream, -1, 1);
    stream->cohort += between(stream, 0, 1);
    for (size_t d = 0; d < RANDOM_DEPENDENCIES; d++) {
        struct plan_dependency *to = &plan->dependencies[plan->dependency_count++];
        snprintf(to->name, sizeof(to->name), "%s", dependency_names[d]);
        to->phase = (enum phase)between(stream, 0, PHASE_COUNT - 1);
        to->cohort = stream->cohort;
        to->rate_milli = PICK(stream, 0, 1000, 1500, 20001, 1000000);
        to->burst = PICK(stream, 2, 5, 100);
        to->in_flight_max = PICK(stream, 2, 6, 100);
        to->paced = chance(stream, 40);
        to->pace_milli = PICK(stream, 0, 100, 999, 10000);
        to->pace_burst = PICK(stream, 500000, 1000000, 2500000, 10000000);
        to->window = PICK(stream, 0, 1, 4, 50, 100);
        if (chance(stream, 30)) {
            to->excused_from_us = stream->clock_us - between(stream, 0, 100 * SECOND_US);
            to->excused_to_us = chance(stream, 50) ? INT64_MAX : stream->clock_us + between(stream, -SECOND_US, SECOND_US);
        }
    }
    for (size_t f = 0; f < RANDOM_FLEETS; f++) {
        struct plan_fleet *to = &plan->fleets[plan->fleet_count++];
        snprintf(to->name, sizeof(to->name), "%s", fleet_names[f]);
        to->paused = chance(stream, 5);
        to->held = chance(stream, 5);
        for (size_t l = 0; l < LINE_COUNT; l++) {
            to->lines[l] = (struct plan_line){.base = between(stream, 0, stream->tail + 10),
                                              .rate_milli = PICK(stream, 0, 1, 1000, 123457, 50000000),
                                              .from_us = stream->clock_us - between(stream, -SECOND_US, SECOND_US),
                                              .until_us = chance(stream, 20) ? INT64_MAX
                                                                             : stream->clock_us + between(stream, 0, 9 * SECOND_US)};
        }
    }
}

static int64_t some_fence(struct random_stream *stream)
{
    if (chance(stream, 15)) {
        return chance(stream, 50) ? 0 : stream->fence + between(stream, -2, 2);
    }
    return stream->fences[between(stream, 0, RANDOM_FENCES - 1)];
}

static enum op_kind some_kind(struct random_stream *stream)
{
    static const struct {
        enum op_kind kind;
        int64_t weight;
    } kinds[] = {{OP_ACQUIRE, 45}, {OP_RENEW, 8}, {OP_COMPLETE, 20}, {OP_LEAVE, 4}, {OP_GET, 4}, {OP_RELEASE, 2},
                 {OP_LEAD, 3}, {OP_CONFIGURE, 1}, {OP_PLAN, 6}, {OP_NOTE_PUT, 3}, {OP_NOTE_LIST, 1}, {OP_LIST, 2}, {OP_SWEEP, 1}};
    int64_t draw = between(stream, 0, 99);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        draw -= kinds[i].weight;
        if (draw < 0) {
            return kinds[i].kind;
        }
    }
    return OP_GET;
}

static void make_note(struct random_stream *stream, struct op *op)
{
    op->leader = chance(stream, 50) ? 0 : stream->leader;
    op->key = PICK_TEXT(stream, keys);
    op->value = chance(stream, 20) ? NULL : PICK_TEXT(stream, reasons);
    op->until_us = chance(stream, 40) ? TIME_NEVER_US : stream->clock_us + between(stream, -1, 20 * SECOND_US);
}

static void make_op(struct random_stream *stream, enum op_kind kind, struct op *op)
{
    *op = (struct op){.kind = kind, .boot_id = "", .reason = ""};
    op->fleet = chance(stream, 80) ? fleet_names[0] : fleet_names[between(stream, 0, RANDOM_FLEETS)];
    op->instance = PICK_TEXT(stream, instances);
    if (stream->crowded) {
        char *name = stream->names[stream->name_next++];
        snprintf(name, sizeof(stream->names[0]), "n-%d", (int)between(stream, 0, RANDOM_CROWD - 1));
        op->instance = name;
    }
    op->fence = kind == OP_RENEW || kind == OP_COMPLETE || kind == OP_LEAVE ? some_fence(stream) : 0;
    op->leader = chance(stream, 90) ? stream->leader : stream->leader + between(stream, -1, 1);
    op->generation = stream->generation + (chance(stream, 10) ? between(stream, -1, 1) : 0);
    op->count = PICK(stream, 1, 2, 3, 1000);
    switch (kind) {
    case OP_ACQUIRE:
        op->boot_id = PICK_TEXT(stream, boots);
        op->priority = chance(stream, 5);
        op->observe = chance(stream, 5);
        break;
    case OP_COMPLETE:
        op->outcome = chance(stream, 50) ? OUTCOME_RECOVERED : OUTCOME_FAILED;
        op->reason = PICK_TEXT(stream, reasons);
        break;
    case OP_LEAD:
        op->leader_id = PICK_TEXT(stream, leader_ids);
        op->lease_us = PICK(stream, 0, 2 * SECOND_US, 100 * SECOND_US);
        break;
    case OP_CONFIGURE:
        op->policy = make_policy(stream);
        op->fresh = chance(stream, 30);
        break;
    case OP_PLAN:
        op->plan = &stream->plans[stream->policy_next++];
        make_plan(stream, &stream->plans[stream->policy_next - 1]);
        break;
    case OP_NOTE_PUT:
        make_note(stream, op);
        break;
    case OP_NOTE_LIST:
        op->key = PICK_TEXT(stream, prefixes);
        break;
    case OP_LIST:
        op->instance = "";
        op->state = (enum instance_state)between(stream, 1, INSTANCE_STATE_COUNT - 1);
        break;
    case OP_SWEEP:
        op->number = between(stream, 0, stream->tail);
        op->number_retry = between(stream, 0, stream->tail);
        break;
    case OP_RENEW:
    case OP_LEAVE:
    case OP_GET:
    case OP_RELEASE:
    case OP_KIND_COUNT:
        break;
    }
}

void random_group(struct random_stream *stream, struct group *ret_group)
{
    static const enum op_kind first[] = {OP_LEAD, OP_CONFIGURE, OP_PLAN};
    move_clock(stream);
    stream->policy_next = 0;
    stream->name_next = 0;
    ret_group->seen_fence = stream->fence + (chance(stream, 2) ? between(stream, -1000, 1000) : 0);
    ret_group->op_count = 0;
    bool lead = !stream->begun ? chance(stream, 90) : chance(stream, 15);
    if (lead) {
        stream->leader += stream->leader == 0;
        for (size_t i = 0; i < 3; i++) {
            if (first[i] != OP_CONFIGURE || !stream->begun) {
                make_op(stream, first[i], &ret_group->ops[ret_group->op_count++]);
            }
        }
        stream->begun = true;
    }
    int64_t count = between(stream, 1, stream->crowded ? RANDOM_CROWD_OPS - 3 : RANDOM_OPS_MAX - 3);
    for (int64_t i = 0; i < count; i++) {
        enum op_kind kind = some_kind(stream);
        bool walk = kind == OP_LIST || kind == OP_SWEEP;
        make_op(stream, walk && !stream->walks ? OP_GET : kind, &ret_group->ops[ret_group->op_count++]);
    }
}

void random_learn(struct random_stream *stream, const struct group_reply *reply)
{
    const struct snapshot *snapshot = &reply->snapshot;
    stream->leader = snapshot->leader != 0 ? snapshot->leader : stream->leader;
    stream->generation = snapshot->generation < 0 ? 0 : snapshot->generation;
    stream->fence = snapshot->fence;
    for (size_t f = 0; f < snapshot->fleet_count; f++) {
        for (size_t l = 0; l < LINE_COUNT; l++) {
            int64_t tail = snapshot->fleets[f].lines[l].tail;
            stream->tail = tail > stream->tail ? tail : stream->tail;
        }
    }
    for (size_t i = 0; i < reply->op_count; i++) {
        if (reply->ops[i].fence != 0) {
            stream->fences[stream->fence_next++ % RANDOM_FENCES] = reply->ops[i].fence;
        }
    }
}

void random_describe(const struct op *op, char *ret_text, size_t size)
{
    static const char *const names[OP_KIND_COUNT] = {"ACQUIRE", "RENEW", "COMPLETE", "LEAVE", "GET", "RELEASE", "LEAD",
                                                     "CONFIGURE", "PLAN", "NOTE_PUT", "NOTE_LIST", "LIST", "SWEEP"};
    switch (op->kind) {
    case OP_LEAD:
        snprintf(ret_text, size, "LEAD id=%s lease=%lld generation=%lld", op->leader_id, (long long)op->lease_us,
                 (long long)op->generation);
        break;
    case OP_NOTE_PUT:
    case OP_NOTE_LIST:
        snprintf(ret_text, size, "%s key=%s value=%.20s until=%lld", names[op->kind], op->key, op->value == NULL ? "-" : op->value,
                 (long long)op->until_us);
        break;
    case OP_CONFIGURE:
    case OP_PLAN:
        snprintf(ret_text, size, "%s leader=%lld generation=%lld fresh=%d", names[op->kind],
                 (long long)(op->kind == OP_PLAN ? op->plan->leader : op->leader), (long long)op->generation, op->fresh);
        break;
    default:
        snprintf(ret_text, size, "%s %s/%s fence=%lld boot=%s outcome=%d priority=%d observe=%d state=%d count=%lld", names[op->kind],
                 op->fleet, op->instance, (long long)op->fence, op->boot_id, (int)op->outcome, op->priority, op->observe,
                 (int)op->state, (long long)op->count);
        break;
    }
}
