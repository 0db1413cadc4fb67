#include "net/redis_uv.h"
#include "headgate/errors.h"

#include "check_main.h"
#include "server.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define GIVE_UP_MS 10000

struct seen {
    int connects;
    int connect_status;
    int disconnects;
    int replies;
    int null_replies;
    char last[64];
    bool free_in_reply;
};

static uv_loop_t loop;
static uv_timer_t guard;
static bool gave_up;

static void guard_cb(uv_timer_t *timer)
{
    (void)timer;
    gave_up = true;
}

static void on_connect(const redisAsyncContext *context, int status)
{
    struct seen *seen = context->data;
    seen->connects++;
    seen->connect_status = status;
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
    (void)status;
    struct seen *seen = context->data;
    seen->disconnects++;
}

static void on_reply(redisAsyncContext *context, void *reply_data, void *user_data)
{
    struct seen *seen = user_data;
    redisReply *reply = reply_data;
    if (reply == NULL) {
        seen->null_replies++;
        return;
    }
    seen->replies++;
    snprintf(seen->last, sizeof(seen->last), "%s", reply->str != NULL ? reply->str : "");
    if (seen->free_in_reply) {
        redisAsyncFree(context);
    }
}

static redisAsyncContext *connect_to(int port, struct seen *seen)
{
    redisAsyncContext *context = redisAsyncConnect("127.0.0.1", port);
    ck_assert_ptr_nonnull(context);
    context->data = seen;
    ck_assert_int_eq(redis_uv_attach(context, &loop), 0);
    redisAsyncSetConnectCallback(context, on_connect);
    redisAsyncSetDisconnectCallback(context, on_disconnect);
    return context;
}

static void setup(void)
{
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    ck_assert_int_eq(uv_timer_init(&loop, &guard), 0);
    ck_assert_int_eq(uv_timer_start(&guard, guard_cb, GIVE_UP_MS, 0), 0);
    uv_unref((uv_handle_t *)&guard);
    gave_up = false;
}

/* Runs until nothing is left to wait for: that this happens at all shows that the watcher lets go. */
static void run_to_the_end(void)
{
    while (uv_run(&loop, UV_RUN_ONCE) != 0) {
        ck_assert_msg(!gave_up, "the connection neither answered nor failed in %d ms", GIVE_UP_MS);
    }
    uv_close((uv_handle_t *)&guard, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

START_TEST(test_ping_is_answered)
{
    struct server redis;
    ck_assert_int_eq(server_start_redis(&redis, NULL), 0);
    setup();
    struct seen seen = {0};
    redisAsyncContext *context = connect_to(redis.port, &seen);
    ck_assert_int_eq(redis_uv_attach(context, &loop), HG_E_INVALID);
    ck_assert_int_eq(redisAsyncCommand(context, on_reply, &seen, "PING"), REDIS_OK);
    redisAsyncDisconnect(context);
    run_to_the_end();
    ck_assert_int_eq(seen.connects, 1);
    ck_assert_int_eq(seen.connect_status, REDIS_OK);
    ck_assert_int_eq(seen.replies, 1);
    ck_assert_str_eq(seen.last, "PONG");
    ck_assert_int_eq(seen.disconnects, 1);
    server_stop(&redis);
}
END_TEST

START_TEST(test_freed_inside_a_reply)
{
    struct server redis;
    ck_assert_int_eq(server_start_redis(&redis, NULL), 0);
    setup();
    struct seen seen = {.free_in_reply = true};
    redisAsyncContext *context = connect_to(redis.port, &seen);
    ck_assert_int_eq(redisAsyncCommand(context, on_reply, &seen, "PING"), REDIS_OK);
    ck_assert_int_eq(redisAsyncCommand(context, on_reply, &seen, "BLPOP nothing 0"), REDIS_OK);
    run_to_the_end();
    ck_assert_int_eq(seen.replies, 1);
    ck_assert_int_eq(seen.null_replies, 1);
    server_stop(&redis);
}
END_TEST

START_TEST(test_refused_is_reported)
{
    setup();
    struct seen seen = {0};
    redisAsyncContext *context = connect_to(server_free_port(), &seen);
    ck_assert_int_eq(redisAsyncCommand(context, on_reply, &seen, "PING"), REDIS_OK);
    run_to_the_end();
    ck_assert_int_eq(seen.connects, 1);
    ck_assert_int_eq(seen.connect_status, REDIS_ERR);
    ck_assert_int_eq(seen.replies, 0);
    ck_assert_int_eq(seen.null_replies, 1);
}
END_TEST

START_TEST(test_killed_server_is_reported)
{
    struct server redis;
    ck_assert_int_eq(server_start_redis(&redis, NULL), 0);
    setup();
    struct seen seen = {0};
    redisAsyncContext *context = connect_to(redis.port, &seen);
    ck_assert_int_eq(redisAsyncCommand(context, on_reply, &seen, "PING"), REDIS_OK);
    while (seen.replies == 0) {
        ck_assert(!gave_up);
        uv_run(&loop, UV_RUN_ONCE);
    }
    ck_assert_int_eq(redisAsyncCommand(context, on_reply, &seen, "BLPOP nothing 0"), REDIS_OK);
    server_signal(&redis, SIGKILL);
    run_to_the_end();
    ck_assert_int_eq(seen.null_replies, 1);
    ck_assert_int_eq(seen.disconnects, 1);
    server_stop(&redis);
}
END_TEST

START_TEST(test_freed_while_nothing_answers)
{
    int port;
    int fd = server_listen_silent(&port);
    setup();
    struct seen seen = {0};
    redisAsyncContext *context = connect_to(port, &seen);
    ck_assert_int_eq(redisAsyncCommand(context, on_reply, &seen, "PING"), REDIS_OK);
    while (seen.connects == 0) {
        ck_assert(!gave_up);
        uv_run(&loop, UV_RUN_ONCE);
    }
    redisAsyncFree(context);
    run_to_the_end();
    ck_assert_int_eq(seen.null_replies, 1);
    close(fd);
}
END_TEST

int main(void)
{
    char path[256];
    if (!server_find_program("redis-server", path, sizeof(path))) {
        return 77;
    }
    Suite *suite = suite_create("redis_uv");
    TCase *tcase = tcase_create("redis_uv");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_ping_is_answered);
    tcase_add_test(tcase, test_freed_inside_a_reply);
    tcase_add_test(tcase, test_refused_is_reported);
    tcase_add_test(tcase, test_killed_server_is_reported);
    tcase_add_test(tcase, test_freed_while_nothing_answers);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
