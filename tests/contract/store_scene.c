#include "store_contract.h"

#include <stdio.h>
#include <string.h>

struct scene scene;

void scene_begin_unconfigured(int kind)
{
    memset(&scene, 0, sizeof(scene));
    world_init(&scene.world, (enum world_kind)kind);
    scene.dependencies[0] = (struct hg_dependency){.name = "db", .rate_milli = 1000, .burst = 2, .in_flight_max = 10};
    scene.dependencies[1] = (struct hg_dependency){.name = "net", .rate_milli = 10000, .burst = 10, .in_flight_max = 20};
    struct hg_fleet web = {.name = "web",
                           .lease_us = MINUTE,
                           .needs = {{0, 1}},
                           .need_count = 1,
                           .backoff_base_us = SECOND,
                           .backoff_max_us = 4 * SECOND,
                           .backoff_jitter = HG_JITTER_NONE,
                           .attempts = 2,
                           .forget_us = 60 * MINUTE,
                           .quarantine_max = 2};
    scene.fleets[0] = scene.fleets[1] = web;
    scene.fleets[1].name = "both";
    scene.fleets[1].needs[1] = (struct hg_need){1, 2};
    scene.fleets[1].need_count = 2;
    scene.policy = (struct hg_policy){
        .dependencies = scene.dependencies, .dependency_count = 2, .fleets = scene.fleets, .fleet_count = 2};
    scene.plan = (struct plan){.dependency_count = 2, .fleet_count = 2};
    for (size_t i = 0; i < 2; i++) {
        const struct hg_dependency *from = &scene.dependencies[i];
        struct plan_dependency *to = &scene.plan.dependencies[i];
        *to = (struct plan_dependency){.phase = PHASE_STEADY,
                                       .cohort = 1,
                                       .rate_milli = from->rate_milli,
                                       .burst = from->burst,
                                       .in_flight_max = from->in_flight_max,
                                       .window = from->in_flight_max};
        snprintf(to->name, sizeof(to->name), "%s", from->name);
        snprintf(scene.plan.fleets[i].name, sizeof(scene.plan.fleets[i].name), "%s", scene.fleets[i].name);
        scene.plan.fleets[i].lines[LINE_MAIN].base = scene.plan.fleets[i].lines[LINE_RETRY].base = 1000;
    }
}

void scene_begin(int kind)
{
    scene_begin_unconfigured(kind);
    scene.leader = lead("me", 1000 * MINUTE, 0)->leader;
    ck_assert_int_eq(scene.leader, 1);
    ck_assert_int_eq(configure(true), 0);
    ck_assert_int_eq(plan(), 0);
}

void scene_end(void)
{
    world_finish(&scene.world);
}

void wait_us(int64_t us)
{
    scene.world.clock_us += us;
}

void wait_until(int64_t us)
{
    scene.world.clock_us = us;
}

struct op op_about(enum op_kind kind, const char *instance)
{
    return (struct op){.kind = kind, .fleet = "web", .instance = instance, .boot_id = "", .reason = ""};
}

const struct op_reply *one(struct op op)
{
    return world_one(&scene.world, op);
}

const struct op_reply *ask(const char *instance)
{
    return one(op_about(OP_ACQUIRE, instance));
}

const struct op_reply *ask_fleet(const char *name, const char *instance)
{
    struct op op = op_about(OP_ACQUIRE, instance);
    op.fleet = name;
    return one(op);
}

const struct op_reply *ask_boot(const char *instance, const char *boot_id)
{
    struct op op = op_about(OP_ACQUIRE, instance);
    op.boot_id = boot_id;
    return one(op);
}

const struct op_reply *complete(const char *instance, int64_t fence, enum outcome outcome)
{
    struct op op = op_about(OP_COMPLETE, instance);
    op.fence = fence;
    op.outcome = outcome;
    op.reason = outcome == OUTCOME_FAILED ? "disk" : "";
    return one(op);
}

const struct op_reply *renew(const char *instance, int64_t fence)
{
    struct op op = op_about(OP_RENEW, instance);
    op.fence = fence;
    return one(op);
}

const struct op_reply *get(const char *instance)
{
    return one(op_about(OP_GET, instance));
}

const struct op_reply *lead(const char *id, int64_t lease_us, int64_t generation)
{
    return one((struct op){.kind = OP_LEAD, .leader_id = id, .lease_us = lease_us, .generation = generation});
}

int configure(bool fresh)
{
    return one((struct op){.kind = OP_CONFIGURE,
                           .leader = scene.leader,
                           .generation = scene.policy.generation,
                           .fresh = fresh,
                           .policy = &scene.policy})
        ->status;
}

int plan(void)
{
    scene.plan.leader = scene.leader;
    return one((struct op){.kind = OP_PLAN, .leader = scene.leader, .plan = &scene.plan})->status;
}

int64_t grant(const char *instance)
{
    const struct op_reply *reply = ask(instance);
    ck_assert_msg(reply->state == INSTANCE_GRANTED, "%s is %s, limited by %s", instance, instance_state_name(reply->state),
                  limit_name(reply->limit));
    return reply->fence;
}

const struct snapshot *snapshot(void)
{
    return &scene.world.reply.snapshot;
}

const struct snapshot_dependency *dependency(const char *name)
{
    for (size_t d = 0; d < snapshot()->dependency_count; d++) {
        if (strcmp(snapshot()->dependencies[d].name, name) == 0) {
            return &snapshot()->dependencies[d];
        }
    }
    ck_abort_msg("no dependency %s", name);
}

const struct snapshot_fleet *fleet(const char *name)
{
    for (size_t f = 0; f < snapshot()->fleet_count; f++) {
        if (strcmp(snapshot()->fleets[f].name, name) == 0) {
            return &snapshot()->fleets[f];
        }
    }
    ck_abort_msg("no fleet %s", name);
}
