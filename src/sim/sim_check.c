#include "sim/sim_check.h"

#include "sim/check_limits.h"
#include "sim/check_liveness.h"
#include "sim/check_order.h"
#include "sim/check_permits.h"
#include "sim/sim_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELD_EVERY     20 /* steps between two counts of all permits held */

struct sim_check {
    struct check_limits limits[HG_DEPENDENCIES_MAX];
    struct check_permits permits;
    struct check_order order;
    struct check_liveness liveness;
    bool closed[HG_DEPENDENCIES_MAX];
    int64_t now_us; /* the store's clock at the last group */
    int64_t held_slack; /* permits that a failover forgot */
    char *lines[SIM_TRACE_KEPT];
    size_t line_count;
};

bool sim_check_init(struct sim_world *world)
{
    int64_t count = 1, lease_us = 0;
    const struct hg_policy *policy = world->scenario->policy;
    for (size_t f = 0; f < policy->fleet_count; f++) {
        count += policy->fleets[f].size;
        lease_us = policy->fleets[f].lease_us > lease_us ? policy->fleets[f].lease_us : lease_us;
    }
    struct sim_check *check = calloc(1, sizeof(*check));
    if (check == NULL) {
        return false;
    }
    world->check = check;
    check->permits.count = (size_t)count;
    check->permits.permits = calloc((size_t)count, sizeof(struct check_permit));
    check->permits.grace_us = lease_us > REMEMBER_MIN_US ? lease_us : REMEMBER_MIN_US;
    check->order.places = calloc((size_t)count, sizeof(struct check_order_place));
    return check->permits.permits != NULL && check->order.places != NULL;
}

void sim_check_finish(struct sim_world *world)
{
    struct sim_check *check = world->check;
    if (check == NULL) {
        return;
    }
    struct sim_result *result = world->result;
    result->overtaken = check->order.most;
    for (size_t i = 0; i < SIM_TRACE_KEPT; i++) {
        char *line = check->lines[(check->line_count + i) % SIM_TRACE_KEPT];
        if (line != NULL && result->violation[0] != '\0') {
            result->trace[result->trace_count++] = line;
        } else {
            free(line);
        }
    }
    free(check->permits.permits);
    check_order_finish(&check->order);
    free(check->order.places);
    free(check);
    world->check = NULL;
}

void sim_check_line(struct sim_world *world, const char *line)
{
    struct sim_check *check = world->check;
    char **place = &check->lines[check->line_count++ % SIM_TRACE_KEPT];
    free(*place);
    *place = strdup(line);
}

static void violated(struct sim_world *world, const char *text)
{
    if (world->result->violation[0] == '\0') {
        snprintf(world->result->violation, sizeof(world->result->violation), "%.3f s: %.360s",
                 (double)(world->now_us - SIM_START_US) / SIM_US, text);
    }
}

static void set_limits(struct sim_check *check, const struct snapshot *snapshot)
{
    for (size_t d = 0; d < snapshot->dependency_count; d++) {
        const struct snapshot_dependency *dependency = &snapshot->dependencies[d];
        bool closed = dependency->phase == PHASE_BLOCKED || dependency->phase == PHASE_FROZEN ||
                      dependency->phase == PHASE_PAUSED;
        if (check->closed[d] && !closed) {
            check_order_opened(&check->order);
        }
        check->closed[d] = closed;
        check_limits_set(&check->limits[d], snapshot->now_us, dependency->rate_milli, dependency->burst,
                         dependency->in_flight_max, dependency->window);
    }
}

static void check_op(struct sim_world *world, const struct op *op, const struct op_reply *reply, bool *granted)
{
    struct sim_check *check = world->check;
    size_t i = (size_t)strtoul(op->instance + 1, NULL, 10), f = world->instances[i].fleet;
    const struct hg_fleet *fleet = &world->scenario->policy->fleets[f];
    char text[CHECK_TEXT_MAX] = "";
    if (!check_permits_reply(&check->permits, i, check->now_us, op, reply, text)) {
        violated(world, text);
    }
    if (op->kind != OP_ACQUIRE || reply->status != 0 || world->scenario->policy->mode == HG_POLICY_OBSERVE) {
        return;
    }
    if (!check_order_reply(&check->order, i, f, check->now_us, reply, text)) {
        violated(world, text);
    }
    world->nomem = world->nomem || check->order.nomem;
    for (size_t n = 0; reply->state == INSTANCE_GRANTED && !reply->already && n < fleet->need_count; n++) {
        size_t d = fleet->needs[n].dependency;
        granted[d] = true;
        if (!check_limits_grant(&check->limits[d], check->now_us, fleet->needs[n].cost, text)) {
            violated(world, text);
        }
    }
}

void sim_check_group(struct sim_world *world, const struct group *group, const struct group_reply *reply)
{
    struct sim_check *check = world->check;
    bool granted[HG_DEPENDENCIES_MAX] = {false};
    char text[CHECK_TEXT_MAX];
    if (check == NULL) {
        return;
    }
    check->now_us = reply->snapshot.now_us;
    set_limits(check, &reply->snapshot);
    for (size_t i = 0; i < group->op_count; i++) {
        const struct op *op = &group->ops[i];
        if (op->kind == OP_ACQUIRE || op->kind == OP_RENEW || op->kind == OP_COMPLETE) {
            check_op(world, op, &reply->ops[i], granted);
        }
    }
    for (size_t d = 0; d < reply->snapshot.dependency_count; d++) {
        if (!check_limits_in_flight(&check->limits[d], reply->snapshot.dependencies[d].in_flight, granted[d], text)) {
            violated(world, text);
        }
    }
}

/* Own count of permits held against the ceiling: the store's counter is not trusted. */
static void check_held(struct sim_world *world)
{
    struct sim_check *check = world->check;
    const struct hg_policy *policy = world->scenario->policy;
    int64_t held[HG_DEPENDENCIES_MAX] = {0};
    char text[CHECK_TEXT_MAX];
    for (size_t f = 0; f < policy->fleet_count; f++) {
        int64_t permits =
            check_permits_held(&check->permits, world->fleet_first[f], world->fleet_first[f + 1], check->now_us);
        for (size_t n = 0; n < policy->fleets[f].need_count; n++) {
            held[policy->fleets[f].needs[n].dependency] += permits * policy->fleets[f].needs[n].cost;
        }
    }
    for (size_t d = 0; d < policy->dependency_count; d++) {
        int64_t allowed = policy->dependencies[d].in_flight_max + check->held_slack;
        if (check->now_us > 0 && policy->mode != HG_POLICY_OBSERVE && held[d] > allowed) {
            snprintf(text, sizeof(text), "limits: %lld held of %s, %lld allowed", (long long)held[d],
                     policy->dependencies[d].name, (long long)policy->dependencies[d].in_flight_max);
            violated(world, text);
        }
    }
}

void sim_check_step(struct sim_world *world)
{
    struct sim_check *check = world->check;
    char text[CHECK_TEXT_MAX];
    if (check == NULL) {
        return;
    }
    bool waiting = false, fault = world->store_away || world->now_us < SIM_START_US;
    for (size_t f = 0; world->snapshot != NULL && f < world->snapshot->fleet_count; f++) {
        const struct snapshot_line *lines = world->snapshot->fleets[f].lines;
        waiting = waiting || lines[LINE_MAIN].ready + lines[LINE_RETRY].ready > 0;
    }
    if (!check_liveness_step(&check->liveness, world->now_us, world->result->granted, waiting, fault, text)) {
        violated(world, text);
    }
    if (world->step % HELD_EVERY == 0) {
        check_held(world);
    }
}

void sim_check_rollback(struct sim_world *world, int64_t lost_us)
{
    struct sim_check *check = world->check;
    if (check == NULL) {
        return;
    }
    int64_t now_us = check->now_us;
    for (size_t f = 0; f < world->scenario->policy->fleet_count; f++) {
        check->held_slack +=
            check_permits_held(&check->permits, world->fleet_first[f], world->fleet_first[f + 1], now_us);
    }
    for (size_t d = 0; d < HG_DEPENDENCIES_MAX; d++) {
        /* What was granted and forgotten may be granted again: a burst, and the rate for as long as was lost. */
        check->limits[d].slack += check->limits[d].burst + check->limits[d].rate_milli * lost_us / 1000;
    }
    check_permits_forgive(&check->permits);
    check_order_forgive(&check->order, check->permits.count);
}
