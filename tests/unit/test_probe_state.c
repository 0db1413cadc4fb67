#include "headgate/errors.h"
#include "probe/gauge.h"
#include "probe/probe.h"
#include "probe/probe_state.h"
#include "probe/schedule.h"
#include "probe/target.h"

#include "check_main.h"

#include <string.h>

/* Feeds one letter an answer ('+' good, '-' bad) and returns the beliefs after each: '?', 'U' or 'D'. */
static const char *feed(const char *answers, int64_t rise, int64_t fall)
{
    static char beliefs[64];
    struct probe_state state;
    probe_state_init(&state);
    size_t count = 0;
    for (; answers[count] != '\0'; count++) {
        bool known = state.known, up = state.up;
        bool moved = probe_state_feed(&state, answers[count] == '+', rise, fall);
        ck_assert_int_eq(moved, known != state.known || up != state.up);
        beliefs[count] = !state.known ? '?' : state.up ? 'U' : 'D';
    }
    beliefs[count] = '\0';
    return beliefs;
}

START_TEST(test_rise_and_fall)
{
    ck_assert_str_eq(feed("+++--+---++-+++", 3, 2), "??UUDDDDDDDDDDU");
    ck_assert_str_eq(feed("-+-+-+--", 2, 2), "???????D");
    ck_assert_str_eq(feed("+-+-", 1, 1), "UDUD");
    ck_assert_str_eq(feed("+-", 0, -3), "UD");
    ck_assert_str_eq(feed("", 1, 1), "");
    ck_assert_str_eq(feed("+++++", INT64_MAX, 1), "?????");
}
END_TEST

static int read_gauge(const char *body, const char *pointer, int64_t *ret_gauge)
{
    char error[128];
    return gauge_read(body, strlen(body), pointer, ret_gauge, error, sizeof(error));
}

START_TEST(test_gauge_found)
{
    int64_t gauge = 0;
    ck_assert_int_eq(read_gauge("{\"a\":{\"b\":[1,2.5]}}", "/a/b/1", &gauge), 0);
    ck_assert_int_eq(gauge, 2500000);
    ck_assert_int_eq(read_gauge("7", "", &gauge), 0);
    ck_assert_int_eq(gauge, 7000000);
    ck_assert_int_eq(read_gauge("{\"a/b\":{\"~\":-3}}", "/a~1b/~0", &gauge), 0);
    ck_assert_int_eq(gauge, -3000000);
    ck_assert_int_eq(read_gauge("{\"\":4}", "/", &gauge), 0);
    ck_assert_int_eq(gauge, 4000000);
    ck_assert_int_eq(read_gauge("[0.0000004]", "/0", &gauge), 0);
    ck_assert_int_eq(gauge, 0);
}
END_TEST

START_TEST(test_gauge_refused)
{
    int64_t gauge = 42;
    ck_assert_int_eq(read_gauge("", "/a", &gauge), HG_E_PROTOCOL);
    ck_assert_int_eq(read_gauge("<html>", "/a", &gauge), HG_E_PROTOCOL);
    ck_assert_int_eq(read_gauge("{\"a\":\"7\"}", "/a", &gauge), HG_E_PROTOCOL);
    ck_assert_int_eq(read_gauge("{\"a\":7}", "/b", &gauge), HG_E_PROTOCOL);
    ck_assert_int_eq(read_gauge("{\"a\":7}", "a", &gauge), HG_E_PROTOCOL);
    ck_assert_int_eq(read_gauge("{\"a\":7}", "/a/b", &gauge), HG_E_PROTOCOL);
    ck_assert_int_eq(read_gauge("{\"a~\":7}", "/a~", &gauge), HG_E_PROTOCOL);
    ck_assert_int_eq(read_gauge("[7]", "/00", &gauge), HG_E_PROTOCOL);
    ck_assert_int_eq(read_gauge("[7]", "/-", &gauge), HG_E_PROTOCOL);
    ck_assert_int_eq(read_gauge("[7]", "/1", &gauge), HG_E_PROTOCOL);
    ck_assert_int_eq(read_gauge("[7]", "/99999999999999999999", &gauge), HG_E_PROTOCOL);
    ck_assert_int_eq(read_gauge("1e300", "", &gauge), HG_E_PROTOCOL);
    ck_assert_int_eq(read_gauge("9223372036854775807", "", &gauge), HG_E_PROTOCOL);
    ck_assert_int_eq(read_gauge("-9223372036854775808", "", &gauge), HG_E_PROTOCOL);
    ck_assert_int_eq(gauge, 42);
}
END_TEST

START_TEST(test_addresses)
{
    struct target target;
    ck_assert_int_eq(target_parse_address(&target, "db.internal:5432"), 0);
    ck_assert_str_eq(target.host, "db.internal");
    ck_assert_int_eq(target.port, 5432);
    ck_assert(!target.literal);
    ck_assert_int_eq(target_parse_address(&target, "[::1]:1"), 0);
    ck_assert_str_eq(target.host, "::1");
    ck_assert(target.literal);
    const char *const bad[] = {"",         ":",     "db",     "db:",    ":80",  "db:0",
                               "db:65536", "db:-1", "db: 80", "db:80x", "[]:80"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(target_parse_address(&target, bad[i]) == HG_E_INVALID, "'%s' was accepted", bad[i]);
    }
}
END_TEST

START_TEST(test_urls)
{
    struct target target;
    ck_assert_int_eq(target_parse_url(&target, "redis://:p%40ss@127.0.0.1/3"), 0);
    ck_assert_str_eq(target.password, "p@ss");
    ck_assert_str_eq(target.user, "");
    ck_assert_int_eq(target.port, 6379);
    ck_assert_int_eq(target.database, 3);
    ck_assert(target.literal);
    ck_assert_int_eq(target_parse_url(&target, "redis://me:word@[::1]:7000"), 0);
    ck_assert_str_eq(target.host, "::1");
    ck_assert_str_eq(target.user, "me");
    ck_assert_int_eq(target.port, 7000);
    ck_assert_int_eq(target.database, 0);
    ck_assert_int_eq(target_parse_url(&target, "https://db.internal/health?x=1"), 0);
    ck_assert_int_eq(target.port, 443);
    ck_assert_str_eq(target.host, "db.internal");
    const char *const bad[] = {"", "redis://", "redis://h/x", "redis://h:0", "redis://h/-1", "http://"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(target_parse_url(&target, bad[i]) == HG_E_INVALID, "'%s' was accepted", bad[i]);
    }
}
END_TEST

START_TEST(test_delays_stay_within_the_jitter)
{
    struct hg_probe probe = {.interval_us = 1000000, .jitter_permille = 100};
    struct rng rng, same;
    rng_init(&rng, 3);
    rng_init(&same, 3);
    int64_t lowest = INT64_MAX, highest = 0;
    for (int i = 0; i < 10000; i++) {
        int64_t delay_ms = schedule_delay_ms(&probe, &rng);
        ck_assert_int_eq(delay_ms, schedule_delay_ms(&probe, &same));
        lowest = delay_ms < lowest ? delay_ms : lowest;
        highest = delay_ms > highest ? delay_ms : highest;
    }
    ck_assert_int_eq(lowest, 900);
    ck_assert_int_eq(highest, 1100);
    for (int i = 0; i < 1000; i++) {
        int64_t delay_ms = schedule_first_delay_ms(&probe, &rng);
        ck_assert(delay_ms >= 0 && delay_ms <= 100);
    }
    probe.jitter_permille = 0;
    ck_assert_int_eq(schedule_delay_ms(&probe, &rng), 1000);
    ck_assert_int_eq(schedule_first_delay_ms(&probe, &rng), 0);
    probe = (struct hg_probe){.interval_us = 1000, .jitter_permille = 1000};
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(schedule_delay_ms(&probe, &rng), PROBE_DELAY_MIN_MS);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("probe_state");
    TCase *tcase = tcase_create("probe_state");
    tcase_add_test(tcase, test_rise_and_fall);
    tcase_add_test(tcase, test_gauge_found);
    tcase_add_test(tcase, test_gauge_refused);
    tcase_add_test(tcase, test_addresses);
    tcase_add_test(tcase, test_urls);
    tcase_add_test(tcase, test_delays_stay_within_the_jitter);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
