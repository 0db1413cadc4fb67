#include "store/group_encode.h"
#include "headgate/errors.h"
#include "store/pack.h"

#include <stdlib.h>
#include <string.h>

static void put_policy_fleet(struct writer *writer, const struct hg_policy *policy,
                             const struct hg_fleet *fleet)
{
    put_array(writer, 9);
    put_text(writer, fleet->name);
    put_int(writer, fleet->lease_us);
    put_int(writer, fleet->backoff_base_us / 1000);
    put_int(writer, fleet->backoff_max_us / 1000);
    put_int(writer, (int64_t)fleet->backoff_jitter);
    put_int(writer, fleet->attempts);
    put_int(writer, fleet->forget_us);
    put_int(writer, fleet->quarantine_max);
    put_array(writer, fleet->need_count * 2);
    for (size_t i = 0; i < fleet->need_count; i++) {
        put_text(writer, policy->dependencies[fleet->needs[i].dependency].name);
        put_int(writer, fleet->needs[i].cost);
    }
}

static void put_configure(struct writer *writer, const struct op *op)
{
    const struct hg_policy *policy = op->policy;
    put_int(writer, op->leader);
    put_int(writer, op->generation);
    put_bool(writer, op->fresh);
    put_array(writer, policy->dependency_count);
    for (size_t i = 0; i < policy->dependency_count; i++) {
        const struct hg_dependency *dependency = &policy->dependencies[i];
        put_array(writer, 6);
        put_text(writer, dependency->name);
        put_int(writer, dependency->rate_milli);
        put_int(writer, dependency->burst);
        put_int(writer, dependency->in_flight_max);
        put_int(writer, dependency->reserve_burst);
        put_int(writer, dependency->reserve_in_flight);
    }
    put_array(writer, policy->fleet_count);
    for (size_t i = 0; i < policy->fleet_count; i++) {
        put_policy_fleet(writer, policy, &policy->fleets[i]);
    }
}

static void put_plan(struct writer *writer, const struct plan *plan)
{
    put_int(writer, plan->leader);
    put_array(writer, plan->dependency_count);
    for (size_t i = 0; i < plan->dependency_count; i++) {
        const struct plan_dependency *dependency = &plan->dependencies[i];
        put_array(writer, 12);
        put_text(writer, dependency->name);
        put_int(writer, (int64_t)dependency->phase);
        put_int(writer, dependency->cohort);
        put_int(writer, dependency->rate_milli);
        put_int(writer, dependency->burst);
        put_int(writer, dependency->in_flight_max);
        put_bool(writer, dependency->paced);
        put_int(writer, dependency->pace_milli);
        put_int(writer, dependency->pace_burst);
        put_int(writer, dependency->window);
        put_time(writer, dependency->excused_from_us);
        put_time(writer, dependency->excused_to_us);
    }
    put_array(writer, plan->fleet_count);
    for (size_t i = 0; i < plan->fleet_count; i++) {
        const struct plan_fleet *fleet = &plan->fleets[i];
        put_array(writer, 3 + LINE_COUNT * 4);
        put_text(writer, fleet->name);
        put_bool(writer, fleet->paused);
        put_bool(writer, fleet->held);
        for (size_t line = 0; line < LINE_COUNT; line++) {
            put_int(writer, fleet->lines[line].base);
            put_int(writer, fleet->lines[line].rate_milli);
            put_time(writer, fleet->lines[line].from_us);
            put_time(writer, fleet->lines[line].until_us);
        }
    }
}

static void put_instance(struct writer *writer, const struct op *op, size_t count)
{
    put_array(writer, count);
    put_int(writer, (int64_t)op->kind);
    put_text(writer, op->fleet);
    put_text(writer, op->instance);
}

static void put_policy(struct writer *writer, const struct op *op, size_t count)
{
    put_array(writer, count);
    put_int(writer, (int64_t)op->kind);
}

static void put_note(struct writer *writer, const struct op *op)
{
    put_policy(writer, op, 5);
    put_int(writer, op->leader);
    put_text(writer, op->key);
    if (op->value == NULL) {
        put_bool(writer, false);
    } else {
        put_text(writer, op->value);
    }
    put_time(writer, op->until_us);
}

static void put_list(struct writer *writer, const struct op *op)
{
    put_policy(writer, op, 5);
    put_text(writer, op->fleet);
    put_int(writer, (int64_t)op->state);
    put_text(writer, op->instance);
    put_int(writer, op->count < 1 ? 1 : op->count < LIST_PAGE_MAX ? op->count : LIST_PAGE_MAX);
}

static void put_sweep(struct writer *writer, const struct op *op)
{
    put_policy(writer, op, 5);
    put_text(writer, op->fleet);
    put_int(writer, op->leader);
    put_int(writer, op->number);
    put_int(writer, op->number_retry);
}

static void put_op(struct writer *writer, const struct op *op)
{
    switch (op->kind) {
    case OP_ACQUIRE:
        put_instance(writer, op, 6);
        put_text(writer, op->boot_id);
        put_bool(writer, op->priority);
        put_bool(writer, op->observe);
        return;
    case OP_RENEW:
    case OP_LEAVE:
        put_instance(writer, op, 4);
        put_int(writer, op->fence);
        return;
    case OP_COMPLETE:
        put_instance(writer, op, 6);
        put_int(writer, op->fence);
        put_int(writer, (int64_t)op->outcome);
        put_text_cut(writer, op->reason, REASON_MAX);
        return;
    case OP_GET:
    case OP_RELEASE:
        put_instance(writer, op, 3);
        return;
    case OP_LEAD:
        put_policy(writer, op, 4);
        put_text(writer, op->leader_id);
        put_int(writer, op->lease_us);
        put_int(writer, op->generation);
        return;
    case OP_CONFIGURE:
        put_policy(writer, op, 6);
        put_configure(writer, op);
        return;
    case OP_PLAN:
        put_policy(writer, op, 4);
        put_plan(writer, op->plan);
        return;
    case OP_NOTE_PUT:
        put_note(writer, op);
        return;
    case OP_NOTE_LIST:
        put_policy(writer, op, 3);
        put_text(writer, op->key);
        put_int(writer, op->count < LIST_PAGE_MAX ? op->count : LIST_PAGE_MAX);
        return;
    case OP_LIST:
        put_list(writer, op);
        return;
    case OP_SWEEP:
        put_sweep(writer, op);
        return;
    case OP_KIND_COUNT:
        break;
    }
    writer->failed = true;
}

int group_encode(const struct group *group, int64_t raw_us, char **ret_data, size_t *ret_size)
{
    struct writer writer = {0};
    for (size_t i = 0; i < group->op_count; i++) {
        const struct op *op = &group->ops[i];
        if ((op->kind == OP_CONFIGURE && op->policy == NULL) || (op->kind == OP_PLAN && op->plan == NULL) ||
            (unsigned int)op->kind >= OP_KIND_COUNT) {
            return HG_E_INVALID;
        }
    }
    put_array(&writer, 3);
    put_int(&writer, group->seen_fence);
    put_int(&writer, raw_us);
    put_array(&writer, group->op_count);
    for (size_t i = 0; i < group->op_count; i++) {
        put_op(&writer, &group->ops[i]);
    }
    if (writer.failed) {
        free(writer.data);
        return HG_E_NOMEM;
    }
    *ret_data = (char *)writer.data;
    *ret_size = writer.size;
    return 0;
}
