#include "store_world.h"

#include "headgate/errors.h"
#include "server.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GIVE_UP_MS 20000

static struct server redis;
static int worlds; /* of this process: each has a policy name of its own */

const char *world_name(enum world_kind kind)
{
    static const char *const names[WORLD_KIND_COUNT] = {"memory:", "memory:DIR", "redis://"};
    return names[kind];
}

int world_start_redis(void)
{
    return server_start_redis(&redis, NULL);
}

void world_stop_redis(void)
{
    server_stop(&redis);
}

static int64_t read_clock(void *data)
{
    return ((struct world *)data)->clock_us;
}

static void on_state(void *data, int status, const char *text)
{
    struct world *world = data;
    world->state_status = status;
    snprintf(world->state_text, sizeof(world->state_text), "%s", text);
}

static void on_reply(void *data, struct group_reply *reply)
{
    struct world *world = data;
    world->reply = *reply;
    for (size_t i = 0; i < reply->op_count; i++) { /* they are the world's now */
        reply->ops[i].items = NULL;
        reply->ops[i].item_count = 0;
        reply->ops[i].notes = NULL;
        reply->ops[i].note_count = 0;
    }
    world->answered = true;
}

static void on_closed(void *data)
{
    ((struct world *)data)->closed = true;
}

void world_run_until(struct world *world, const bool *flag, const char *what)
{
    int64_t end_ms = server_now_ms() + GIVE_UP_MS;
    while (!*flag) {
        ck_assert_msg(server_now_ms() < end_ms, "%s: no %s in %d ms (%s)", world->url, what, GIVE_UP_MS, world->state_text);
        uv_run(&world->loop, UV_RUN_ONCE);
    }
}

void world_open(struct world *world)
{
    char error[512] = "";
    struct store_options options = {.url = world->url,
                                    .loop = &world->loop,
                                    .on_state = on_state,
                                    .user_data = world,
                                    .compact_bytes = world->compact_bytes,
                                    .clock = world->real_clock ? NULL : read_clock,
                                    .clock_data = world};
    world->state_status = 1;
    world->closed = false;
    ck_assert_int_eq(uv_loop_init(&world->loop), 0);
    int status = store_create(&options, &world->store, error, sizeof(error));
    ck_assert_msg(status == 0, "%s: %s", world->url, error);
    int64_t end_ms = server_now_ms() + GIVE_UP_MS;
    while (world->state_status != 0) {
        ck_assert_msg(server_now_ms() < end_ms, "%s is not ready: %s", world->url, world->state_text);
        uv_run(&world->loop, UV_RUN_ONCE);
    }
}

void world_init(struct world *world, enum world_kind kind)
{
    memset(world, 0, sizeof(*world));
    world->kind = kind;
    world->clock_us = WORLD_BEGIN_US;
    snprintf(world->policy, sizeof(world->policy), "p%d.%d", (int)getpid(), worlds++);
    switch (kind) {
    case WORLD_MEMORY:
        snprintf(world->url, sizeof(world->url), "memory:");
        break;
    case WORLD_JOURNAL:
        server_make_directory(world->directory, sizeof(world->directory));
        snprintf(world->url, sizeof(world->url), "memory:%s/state", world->directory);
        break;
    case WORLD_REDIS:
    case WORLD_KIND_COUNT:
        ck_assert_int_ne(redis.pid, 0);
        snprintf(world->url, sizeof(world->url), "redis://127.0.0.1:%d/0", redis.port);
        break;
    }
    world_open(world);
}

void world_close(struct world *world)
{
    group_reply_clear(&world->reply);
    world->store->ops->destroy(world->store, on_closed, world);
    world_run_until(world, &world->closed, "end");
    world->store = NULL;
    ck_assert_int_eq(uv_loop_close(&world->loop), 0);
}

void world_restart(struct world *world)
{
    if (world->kind != WORLD_MEMORY) {
        world_close(world);
        world_open(world);
    }
}

void world_finish(struct world *world)
{
    world_close(world);
    if (world->directory[0] != '\0') {
        server_remove_directory(world->directory);
    }
}

int world_group_status(struct world *world, struct group *group)
{
    group->policy = world->policy;
    group_reply_clear(&world->reply);
    world->answered = false;
    int status = world->store->ops->submit(world->store, group, on_reply, world);
    if (status != 0) {
        return status;
    }
    ck_assert(!world->answered); /* never from inside submit() */
    world_run_until(world, &world->answered, "answer");
    return world->reply.status;
}

const struct group_reply *world_group(struct world *world, struct group *group)
{
    int status = world_group_status(world, group);
    fflush(stdout);
    ck_assert_msg(status == 0, "%s: %s (%s)", world->url, hg_strerror(status), world->state_text);
    ck_assert_uint_eq(world->reply.op_count, group->op_count);
    return &world->reply;
}

const struct op_reply *world_one(struct world *world, struct op op)
{
    world->group.op_count = 1;
    world->group.ops[0] = op;
    return &world_group(world, &world->group)->ops[0];
}
