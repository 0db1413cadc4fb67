/* Everybody is let out of quarantine, however large the fleet is: Redis hands the few out in pages, most of them empty. */
#include "check_main.h"
#include "command.h"
#include "daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS     20000
#define QUARANTINED 40
#define CROWD       6000
#define BODY_SIZE   400000

static const char policy[] =
    "{\"policy\":\"p\",\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},"
    "\"bucket\":{\"rate\":1000,\"burst\":100},\"reserve\":{\"burst\":0,\"in_flight\":0},\"in_flight\":{\"max\":1000}}},"
    "\"fleets\":{\"web\":{\"needs\":{\"db\":1},\"lease\":\"5m\",\"backoff\":{\"attempts\":1,\"base\":\"10ms\",\"max\":\"10ms\"}}}}";

static struct daemon_process gate;
static struct server redis;
static char directory[256];

static void setup(void)
{
    char url[64];
    server_make_directory(directory, sizeof(directory));
    ck_assert_int_eq(server_start_redis(&redis, NULL), 0);
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d/0", redis.port);
    struct daemon_setup options = {.policy = policy, .store = url};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
}

static void teardown(void)
{
    daemon_finish(&gate);
    server_stop(&redis);
    server_remove_directory(directory);
}

/* How many items of a batch over NAME0... have `state`. */
static int batch(const char *verb, const char *name, int count, const char *more, const char *state)
{
    char path[64], *body = malloc(BODY_SIZE);
    int used = snprintf(body, BODY_SIZE, "{\"items\":["), found = 0;
    for (int i = 0; i < count; i++) {
        used += snprintf(body + used, (size_t)(BODY_SIZE - used), "%s{\"instance\":\"%s%d\"%s}", i == 0 ? "" : ",", name, i, more);
    }
    snprintf(body + used, (size_t)(BODY_SIZE - used), "]}");
    snprintf(path, sizeof(path), "/v1/fleets/web/permits:%s", verb);
    struct http_answer answer = daemon_ask(&gate, "POST", path, body);
    ck_assert_int_eq(answer.status, 200);
    for (int i = 0; i < count; i++) {
        const json_t *item = json_array_get(http_at(&answer, "/items"), (size_t)i);
        const char *said = json_string_value(json_object_get(item, "state"));
        found += said != NULL && strcmp(said, state) == 0;
    }
    http_finish(&answer);
    free(body);
    return found;
}

static void wait_for(const char *state)
{
    int64_t deadline_ms = server_now_ms() + WAIT_MS;
    while (batch("batch", "q", QUARANTINED, "", state) < QUARANTINED) {
        ck_assert_msg(server_now_ms() < deadline_ms, "not all are %s", state);
        server_pause(20);
    }
}

START_TEST(all_are_released_from_a_large_fleet)
{
    struct command release;
    const char *again[] = {"release", "--server", gate.base, "--fleet", "web", "--all", NULL};
    wait_for("granted");
    ck_assert_int_eq(batch("complete", "q", QUARANTINED, ",\"outcome\":\"failed\"", "backoff"), QUARANTINED);
    wait_for("quarantined");
    (void)batch("batch", "crowd", CROWD, "", "waiting");
    command_start(&release, directory, again);
    ck_assert_int_eq(command_wait(&release), 0);
    ck_assert_int_eq(command_count_said(&release, ": released\n"), QUARANTINED);
    struct http_answer answer = daemon_ask(&gate, "GET", "/v1/fleets/web", NULL);
    ck_assert_int_eq(http_int(&answer, "/quarantined"), 0);
    http_finish(&answer);
    command_start(&release, directory, again);
    ck_assert_int_eq(command_wait(&release), 0);
    ck_assert(command_said(&release, "nobody is in quarantine"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("release");
    TCase *tcase = tcase_create("release");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, all_are_released_from_a_large_fleet);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
