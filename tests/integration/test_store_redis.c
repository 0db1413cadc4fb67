#include "headgate/errors.h"
#include "store/store.h"

#include "check_main.h"
#include "server.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#define GIVE_UP_MS 10000

static uv_loop_t loop;
static struct store *store;
static int state_status = 1;
static struct group group;
static struct group_reply last;
static bool answered;
static int64_t clock_us = INT64_C(1700000000000000);

static int64_t test_clock(void *data)
{
    (void)data;
    return clock_us;
}

static void on_state(void *data, int status, const char *text)
{
    (void)data;
    (void)text;
    state_status = status;
}

static void on_reply(void *data, struct group_reply *reply)
{
    (void)data;
    last = *reply;
    answered = true;
}

static void run_until(const bool *flag, int wanted_status)
{
    int64_t end_ms = server_now_ms() + GIVE_UP_MS;
    while (flag != NULL ? !*flag : state_status != wanted_status) {
        ck_assert_msg(server_now_ms() < end_ms, "no answer in %d ms", GIVE_UP_MS);
        uv_run(&loop, UV_RUN_ONCE);
    }
}

static void open_store(int port)
{
    char url[64], error[256] = "";
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d/0", port);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    state_status = 1;
    struct store_options options = {.url = url, .loop = &loop, .on_state = on_state, .clock = test_clock};
    ck_assert_int_eq(store_create(&options, &store, error, sizeof(error)), 0);
}

static void on_closed(void *data)
{
    (void)data;
}

static void close_store(void)
{
    store->ops->destroy(store, on_closed, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

static const struct op_reply *one(struct op op)
{
    group.policy = "p";
    group.op_count = 1;
    group.ops[0] = op;
    answered = false;
    ck_assert_int_eq(store->ops->submit(store, &group, on_reply, NULL), 0);
    run_until(&answered, 0);
    ck_assert_int_eq(last.status, 0);
    return &last.ops[0];
}

static struct op about(enum op_kind kind, const char *instance)
{
    return (struct op){.kind = kind, .fleet = "web", .instance = instance, .boot_id = "", .reason = ""};
}

static void command(int port, const char *text)
{
    redisContext *context = redisConnect("127.0.0.1", port);
    ck_assert_ptr_nonnull(context);
    redisReply *reply = redisCommand(context, text);
    ck_assert_msg(reply != NULL && reply->type == REDIS_REPLY_STATUS, "%s", text);
    freeReplyObject(reply);
    redisFree(context);
}

static void configure(void)
{
    static struct plan plan;
    struct hg_dependency dependency = {.name = "db", .rate_milli = 1000000, .burst = 2, .in_flight_max = 10};
    struct hg_fleet fleet = {.name = "web",
                             .lease_us = 1000000,
                             .need_count = 1,
                             .needs = {{0, 1}},
                             .backoff_base_us = 1000,
                             .backoff_max_us = 1000,
                             .attempts = 2,
                             .forget_us = 1000000000,
                             .quarantine_max = 5};
    struct hg_policy policy = {
        .dependencies = &dependency, .dependency_count = 1, .fleets = &fleet, .fleet_count = 1};
    ck_assert_int_eq(one(about(OP_ACQUIRE, "a"))->status, HG_E_NOT_READY);
    int64_t leader =
        one((struct op){.kind = OP_LEAD, .leader_id = "me", .lease_us = INT64_C(60000000)})->leader;
    ck_assert_int_eq(leader, 1);
    struct op op = {.kind = OP_CONFIGURE, .leader = leader + 1, .fresh = true, .policy = &policy};
    ck_assert_int_eq(one(op)->status, HG_E_STALE);
    op.leader = leader;
    ck_assert_int_eq(one(op)->status, 0);
    plan = (struct plan){.leader = leader, .dependency_count = 1, .fleet_count = 1};
    plan.dependencies[0] = (struct plan_dependency){.name = "db",
                                                    .phase = PHASE_STEADY,
                                                    .cohort = 1,
                                                    .rate_milli = 1000,
                                                    .burst = 2,
                                                    .in_flight_max = 10,
                                                    .window = 10};
    plan.fleets[0] = (struct plan_fleet){.name = "web"};
    plan.fleets[0].lines[0].base = plan.fleets[0].lines[1].base = 3;
    ck_assert_int_eq(one((struct op){.kind = OP_PLAN, .plan = &plan})->status, 0);
}

START_TEST(test_a_wrong_url_is_told_without_its_password)
{
    static const char *const urls[] = {"rediss://:hunter2@127.0.0.1:1", "redis:me:hunter2@127.0.0.1",
                                       "redis://:hunter2@127.0.0.1:99999", "redis://:hunter2@127.0.0.1/x"};
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        char error[256] = "";
        struct store_options options = {.url = urls[i], .loop = &loop};
        ck_assert_int_eq(store_create(&options, &store, error, sizeof(error)), HG_E_INVALID);
        ck_assert_msg(strstr(error, "redis://[") != NULL, "%s: no mend: %s", urls[i], error);
        ck_assert_msg(strstr(error, "hunter2") == NULL, "%s", error);
    }
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}
END_TEST

START_TEST(test_forgotten_script_is_sent_again)
{
    struct server redis;
    ck_assert_int_eq(server_start_redis(&redis, NULL), 0);
    open_store(redis.port);
    run_until(NULL, 0);
    configure();
    command(redis.port, "SCRIPT FLUSH");
    ck_assert_int_eq(one(about(OP_ACQUIRE, "a"))->state, INSTANCE_GRANTED);
    close_store();
    server_stop(&redis);
}
END_TEST

START_TEST(test_evicting_redis_is_refused)
{
    const char *const extra[] = {"--maxmemory-policy", "allkeys-lru", NULL};
    struct server redis;
    ck_assert_int_eq(server_start_redis(&redis, extra), 0);
    open_store(redis.port);
    run_until(NULL, HG_E_STORE_UNFIT);
    close_store();
    server_stop(&redis);
}
END_TEST

START_TEST(test_redis_goes_away)
{
    struct server redis;
    ck_assert_int_eq(server_start_redis(&redis, NULL), 0);
    open_store(redis.port);
    run_until(NULL, 0);
    server_stop(&redis);
    run_until(NULL, HG_E_STORE_AWAY);
    ck_assert_int_eq(store->ops->submit(store, &group, on_reply, NULL), HG_E_STORE_AWAY);
    close_store();
}
END_TEST

/* Away, refused at once, back: the store comes back by itself, and what it then finds is an empty Redis. */
START_TEST(test_redis_comes_back)
{
    struct server redis;
    char program[256], port_text[16];
    ck_assert_int_eq(server_start_redis(&redis, NULL), 0);
    int port = redis.port;
    open_store(port);
    run_until(NULL, 0);
    configure();
    server_stop(&redis);
    run_until(NULL, HG_E_STORE_AWAY);
    for (int64_t end_ms = server_now_ms() + 300; server_now_ms() < end_ms;) { /* several refused attempts */
        uv_run(&loop, UV_RUN_ONCE);
        ck_assert_int_eq(store->ops->submit(store, &group, on_reply, NULL), HG_E_STORE_AWAY);
    }
    ck_assert(server_find_program("redis-server", program, sizeof(program)));
    snprintf(port_text, sizeof(port_text), "%d", port);
    const char *const argv[] = {program, "--port", port_text, "--bind", "127.0.0.1", "--save", "", NULL};
    ck_assert_int_eq(server_start(&redis, argv, port), 0);
    run_until(NULL, 0);
    ck_assert_int_eq(one(about(OP_ACQUIRE, "a"))->status, HG_E_NOT_READY);
    close_store();
    server_stop(&redis);
}
END_TEST

/* Whatever its INFO has before the line that says so: here the name of the configuration's file. */
START_TEST(test_a_replica_is_refused)
{
    char program[256], directory[256], file[300], port_text[16];
    struct server redis;
    ck_assert(server_find_program("redis-server", program, sizeof(program)));
    server_make_directory(directory, sizeof(directory));
    snprintf(file, sizeof(file), "%s/role.conf", directory);
    FILE *out = fopen(file, "we");
    ck_assert(out != NULL && fputs("replicaof 127.0.0.1 1\n", out) >= 0 && fclose(out) == 0);
    int port = server_free_port();
    snprintf(port_text, sizeof(port_text), "%d", port);
    const char *const argv[] = {program, file, "--port", port_text, "--bind", "127.0.0.1", "--save", "", NULL};
    ck_assert_int_eq(server_start(&redis, argv, port), 0);
    open_store(port);
    run_until(NULL, HG_E_STORE_UNFIT);
    close_store();
    server_stop(&redis);
    server_remove_directory(directory);
}
END_TEST

/* Each makes the server refuse groups on a connection that stays; the mend is found without a restart. */
START_TEST(test_a_refusing_redis_is_tried_again)
{
    static const struct {
        const char *harm;
        const char *mend;
        int status; /* of the group */
        int state;  /* of the store, then */
    } cases[] = {
        {"ACL SETUSER default -evalsha", "ACL SETUSER default +evalsha", HG_E_STORE_UNFIT, HG_E_STORE_UNFIT},
        {"REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", HG_E_STORE_AWAY, HG_E_STORE_UNFIT},
    };
    struct server redis;
    ck_assert_int_eq(server_start_redis(&redis, NULL), 0);
    open_store(redis.port);
    run_until(NULL, 0);
    configure();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        command(redis.port, cases[i].harm);
        answered = false;
        ck_assert_int_eq(store->ops->submit(store, &group, on_reply, NULL), 0);
        run_until(&answered, 0);
        ck_assert_int_eq(last.status, cases[i].status);
        run_until(NULL, cases[i].state);
        command(redis.port, cases[i].mend);
        run_until(NULL, 0);
        (void)one(about(OP_ACQUIRE, "a"));
    }
    close_store();
    server_stop(&redis);
}
END_TEST

/* used_memory of the server, in bytes. */
static long long used_memory(int port)
{
    redisContext *context = redisConnect("127.0.0.1", port);
    ck_assert_ptr_nonnull(context);
    redisReply *reply = redisCommand(context, "INFO memory");
    ck_assert(reply != NULL && reply->type == REDIS_REPLY_STRING);
    const char *at = strstr(reply->str, "used_memory:");
    ck_assert_ptr_nonnull(at);
    long long bytes = atoll(at + strlen("used_memory:"));
    freeReplyObject(reply);
    redisFree(context);
    return bytes;
}

START_TEST(test_memory_of_the_waiting)
{
    static char names[GROUP_OPS_MAX][32];
    const int instances = 20000;
    struct server redis;
    ck_assert_int_eq(server_start_redis(&redis, NULL), 0);
    open_store(redis.port);
    run_until(NULL, 0);
    configure();
    ck_assert_int_eq(one(about(OP_ACQUIRE, "a"))->state, INSTANCE_GRANTED);
    ck_assert_int_eq(one(about(OP_ACQUIRE, "b"))->state, INSTANCE_GRANTED);
    long long before = used_memory(redis.port);
    for (int done = 0; done < instances;) {
        group.op_count = 0;
        for (; group.op_count < GROUP_OPS_MAX && done < instances; done++) {
            snprintf(names[group.op_count], sizeof(names[0]), "instance-%06d", done);
            group.ops[group.op_count] = about(OP_ACQUIRE, names[group.op_count]);
            group.op_count++;
        }
        answered = false;
        ck_assert_int_eq(store->ops->submit(store, &group, on_reply, NULL), 0);
        run_until(&answered, 0);
        ck_assert_int_eq(last.status, 0);
    }
    ck_assert_int_eq(last.snapshot.fleets[0].lines[LINE_MAIN].waiting, instances);
    long long each = (used_memory(redis.port) - before) / instances;
    printf("%lld bytes of Redis memory per waiting instance\n", each);
    ck_assert_int_le(each, 150);
    close_store();
    server_stop(&redis);
}
END_TEST

int main(void)
{
    char path[256];
    if (!server_find_program("redis-server", path, sizeof(path))) {
        return 77;
    }
    Suite *suite = suite_create("store_redis");
    TCase *tcase = tcase_create("store_redis");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_a_wrong_url_is_told_without_its_password);
    tcase_add_test(tcase, test_forgotten_script_is_sent_again);
    tcase_add_test(tcase, test_evicting_redis_is_refused);
    tcase_add_test(tcase, test_redis_goes_away);
    tcase_add_test(tcase, test_redis_comes_back);
    tcase_add_test(tcase, test_a_replica_is_refused);
    tcase_add_test(tcase, test_a_refusing_redis_is_tried_again);
    tcase_add_test(tcase, test_memory_of_the_waiting);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
