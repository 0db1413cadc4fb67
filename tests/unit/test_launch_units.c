/* The arithmetic of a relaunch: states, renewals, progress, the report, and how numbers are written. */
#include "check_main.h"

#include "launch/progress.h"
#include "launch/renew.h"
#include "launch/report.h"
#include "launch/units.h"
#include "launch/words.h"

#include <stdio.h>
#include <string.h>

#define S INT64_C(1000000)

START_TEST(test_renewal_comes_at_a_third_of_the_lease)
{
    struct rng rng;
    rng_init(&rng, 7);
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t delay_us = renew_delay_us(30 * S, &rng);
        least = delay_us < least ? delay_us : least;
        most = delay_us > most ? delay_us : most;
    }
    ck_assert_int_ge(least, 9 * S);
    ck_assert_int_le(most, 11 * S);
    ck_assert_int_lt(least, most);
    ck_assert_int_eq(renew_delay_us(0, &rng), 50000);
    ck_assert_int_eq(renew_delay_us(-5, &rng), 50000);
}
END_TEST

START_TEST(test_retries_grow_and_heed_what_was_asked)
{
    struct rng rng;
    rng_init(&rng, 7);
    for (int64_t failures = 0; failures < 40; failures++) {
        int64_t delay_us = retry_delay_us(failures, 0, &rng);
        ck_assert_int_ge(delay_us, S / 4);
        ck_assert_int_le(delay_us, 10 * S);
        ck_assert_int_ge(retry_delay_us(failures, 60 * S, &rng), 60 * S);
        ck_assert_int_le(renew_retry_us(12 * S, failures, 60 * S, &rng), 2 * S);
    }
    ck_assert_int_ge(retry_delay_us(40, 0, &rng), 5 * S);
}
END_TEST

START_TEST(test_words)
{
    char text[WORDS_MAX];
    ck_assert_str_eq(words_duration(-1, text), "?");
    ck_assert_str_eq(words_duration(0, text), "0.0 s");
    ck_assert_str_eq(words_duration(440000, text), "0.4 s");
    ck_assert_str_eq(words_duration(9960000, text), "10 s");
    ck_assert_str_eq(words_duration(59600000, text), "1 min 00 s");
    ck_assert_str_eq(words_duration(200 * S, text), "3 min 20 s");
    ck_assert_str_eq(words_duration(3900 * S, text), "1 h 05 min");
    ck_assert_str_eq(words_count(0, text), "0");
    ck_assert_str_eq(words_count(999, text), "999");
    ck_assert_str_eq(words_count(1000, text), "1,000");
    ck_assert_str_eq(words_count(1234567, text), "1,234,567");
    ck_assert_str_eq(words_count(-123456, text), "-123,456");
    ck_assert_str_eq(words_status(3 << 8, text), "exit 3");
    ck_assert_str_eq(words_status(9, text), "signal 9");
    ck_assert_int_eq(words_exit_code(3 << 8), 3);
    ck_assert_int_eq(words_exit_code(15), 143);
    ck_assert(words_instance_ok("a.b-1:x@y_z"));
    ck_assert(!words_instance_ok(""));
    ck_assert(!words_instance_ok(".a"));
    ck_assert(!words_instance_ok("a/b"));
}
END_TEST

START_TEST(test_rate_is_that_of_the_last_half_minute)
{
    struct progress progress = {0};
    ck_assert(progress_rate(&progress) < 0);
    progress_sample(&progress, 0, 0);
    ck_assert(progress_rate(&progress) < 0);
    ck_assert_int_lt(progress_eta_us(&progress, 5), 0);
    ck_assert_int_eq(progress_eta_us(&progress, 0), 0);
    for (int64_t i = 1; i <= 200; i++) { /* 10/s, then 100/s for 60 s */
        int64_t settled = i <= 80 ? i * 5 : 400 + (i - 80) * 50;
        progress_sample(&progress, i * S / 2, settled);
        progress_sample(&progress, i * S / 2 + 1, 1000000); /* too soon: skipped */
    }
    ck_assert(progress_rate(&progress) > 99.9 && progress_rate(&progress) < 100.1);
    ck_assert_int_eq(progress_eta_us(&progress, 1000) / S, 10);
    for (int64_t i = 201; i <= 300; i++) {
        progress_sample(&progress, i * S / 2, 6400);
    }
    ck_assert(progress_rate(&progress) == 0);
    ck_assert_int_lt(progress_eta_us(&progress, 1000), 0);
}
END_TEST

START_TEST(test_line_of_progress)
{
    char line[256];
    struct progress_view view = {.fleet = "web",
                                 .total = 20000,
                                 .recovered = 9990,
                                 .quarantined = 10,
                                 .running = 96,
                                 .waiting = 9800,
                                 .backoff = 104,
                                 .failures = 120,
                                 .rate = 48.2,
                                 .eta_us = 208 * S,
                                 .note = "(held up by db)"};
    progress_write(&view, 200, true, line, sizeof(line));
    ck_assert_str_eq(
        line, "[###############---------------]  9,990/20,000 50%  48/s  ETA 3 min 28 s  in flight 96  "
              "waiting 9,800  failed 120  backing off 104  quarantined 10  (held up by db)");
    for (int columns = 0; columns < 200; columns++) {
        progress_write(&view, columns, true, line, sizeof(line));
        ck_assert_int_le((int)strlen(line), columns);
    }
    progress_write(&view, 52, true, line, sizeof(line)); /* what went wrong stays */
    ck_assert_ptr_nonnull(strstr(line, "quarantined 10"));
    ck_assert_ptr_nonnull(strstr(line, "9,990/20,000"));
    view = (struct progress_view){.total = 0, .rate = -1, .eta_us = -1, .note = ""};
    progress_write(&view, 80, false, line, sizeof(line));
    ck_assert_str_eq(line, "0/0 100%  in flight 0  waiting 0");
}
END_TEST

static void to(struct units *units, uint32_t index, enum unit_state state, int64_t due_us)
{
    units->all[index].due_us = due_us;
    unit_set_state(units, index, state);
}

START_TEST(test_waiting_units_come_in_the_order_of_their_time)
{
    enum { COUNT = 1000 };
    struct units units;
    struct rng rng;
    rng_init(&rng, 3);
    ck_assert_int_eq(units_init(&units, COUNT), 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        ck_assert_uint_eq(units_fresh(&units), i);
        to(&units, i, UNIT_ASKED, 0);
        unit_set_backing_off(&units, i, i % 3 == 0);
        to(&units, i, UNIT_WAITING, rng_between(&rng, 0, 500));
    }
    ck_assert_uint_eq(units_fresh(&units), UNIT_NONE);
    ck_assert_int_eq(units.backing_off, 334);
    int64_t last_us[2] = {0, 0}, seen = 0;
    for (int line = 0; line < 2; line++) {
        for (uint32_t at; (at = units_due(&units, line == 1)) != UNIT_NONE; seen++) {
            ck_assert_int_ge(units.all[at].due_us, last_us[line]);
            last_us[line] = units.all[at].due_us;
            unit_set_state(&units, at, UNIT_ASKED);
        }
    }
    ck_assert_int_eq(seen, COUNT);
    ck_assert_int_eq(units.counts[UNIT_ASKED], COUNT);
    unit_set_state(&units, 5, UNIT_NEW);
    ck_assert_uint_eq(units_fresh(&units), 5);
    units_finish(&units);
}
END_TEST

START_TEST(test_queues_lose_any_of_theirs)
{
    struct units units;
    ck_assert_int_eq(units_init(&units, 4), 0);
    for (uint32_t i = 0; i < 4; i++) {
        to(&units, i, UNIT_ASKED, 0);
        to(&units, i, UNIT_GRANTED, 0);
    }
    to(&units, 3, UNIT_WAITING, 0); /* the last */
    to(&units, 1, UNIT_WAITING, 0); /* in between */
    ck_assert_uint_eq(units_granted(&units), 0);
    to(&units, 0, UNIT_RUNNING, 0);
    ck_assert_uint_eq(units_granted(&units), 2);
    to(&units, 2, UNIT_RUNNING, 0);
    ck_assert_uint_eq(units_granted(&units), UNIT_NONE);
    ck_assert_uint_eq(units.granted.count, 0);
    to(&units, 2, UNIT_ENDED, 0);
    to(&units, 0, UNIT_ENDED, 0);
    ck_assert_uint_eq(units_ended(&units), 2);
    units_finish(&units);
}
END_TEST

static void settle(struct units *units, uint32_t index, int64_t at_ms, uint32_t attempts)
{
    units->all[index].settled_ms = at_ms;
    units->all[index].attempts = attempts;
    unit_set_state(units, index, UNIT_RECOVERED);
}

START_TEST(test_report)
{
    struct units units;
    struct report report;
    ck_assert_int_eq(units_init(&units, 200), 0);
    ck_assert_int_eq(report_make(&units, &report), 0);
    ck_assert_int_eq(report.t50_ms, -1);
    ck_assert_int_eq(report.last_ms, -1);
    ck_assert_int_eq(report.left, 200);
    for (uint32_t i = 0; i < 198; i++) {
        settle(&units, i, 1000 * (198 - i), i < 3 ? 20 : 1); /* out of order */
    }
    unit_set_reason(&units.all[198], "exit 3");
    unit_set_state(&units, 198, UNIT_QUARANTINED);
    unit_set_reason(&units.all[199], "exit 3");
    ck_assert_int_eq(report_make(&units, &report), 0);
    ck_assert_int_eq(report.recovered, 198);
    ck_assert_int_eq(report.quarantined, 1);
    ck_assert_int_eq(report.left, 1);
    ck_assert_int_eq(report.t50_ms, 100000);
    ck_assert_int_eq(report.t99_ms, 198000);
    ck_assert_int_eq(report.attempts[1], 195);
    ck_assert_int_eq(report.attempts[REPORT_ATTEMPTS_MAX], 3);
    ck_assert_uint_eq(report.reason_count, 1);
    ck_assert_int_eq(report.reasons[0].count, 2);
    units_finish(&units);
}
END_TEST

START_TEST(test_reasons_are_bounded_and_the_most_common_first)
{
    struct units units;
    struct report report;
    char reason[32];
    ck_assert_int_eq(units_init(&units, 40), 0);
    for (uint32_t i = 0; i < 40; i++) {
        snprintf(reason, sizeof(reason), "exit %u", i < 20 ? i : 7);
        unit_set_reason(&units.all[i], reason);
    }
    ck_assert_int_eq(report_make(&units, &report), 0);
    ck_assert_uint_eq(report.reason_count, REPORT_REASONS_MAX + 1);
    ck_assert_str_eq(report.reasons[0].text, "exit 7");
    ck_assert_int_eq(report.reasons[0].count, 21);
    ck_assert_int_eq(report.reasons[REPORT_REASONS_MAX].count, 10);
    units_finish(&units);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch_units");
    TCase *tcase = tcase_create("launch_units");
    tcase_add_test(tcase, test_renewal_comes_at_a_third_of_the_lease);
    tcase_add_test(tcase, test_retries_grow_and_heed_what_was_asked);
    tcase_add_test(tcase, test_words);
    tcase_add_test(tcase, test_rate_is_that_of_the_last_half_minute);
    tcase_add_test(tcase, test_line_of_progress);
    tcase_add_test(tcase, test_waiting_units_come_in_the_order_of_their_time);
    tcase_add_test(tcase, test_queues_lose_any_of_theirs);
    tcase_add_test(tcase, test_report);
    tcase_add_test(tcase, test_reasons_are_bounded_and_the_most_common_first);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
