#include "core/recovery.h"

#include "check_main.h"

#include <string.h>

static struct snapshot_dependency dependency = {.name = "db", .granted = 10, .recovered = 5, .failed = 2, .expired = 1};

START_TEST(test_a_record_from_begin_to_end)
{
    struct recovery recovery = {0};
    struct snapshot_dependency now = dependency;
    recovery_add(&recovery, 1000, PHASE_BLOCKED, "not open: left out");
    ck_assert_ptr_null(recovery.timeline);
    recovery_begin(&recovery, 3, 5000000, "refused", &now);
    recovery_add(&recovery, 5000000, PHASE_BLOCKED, "refused");
    recovery_add(&recovery, 9000000, PHASE_PROBING, "it is back");
    now.granted += 7;
    now.recovered += 6;
    now.expired += 1;
    recovery_end(&recovery, 12000000);
    char *text = recovery_format(&recovery, "p", &now);
    ck_assert_str_eq(text, "{\"number\":3,\"dependency\":\"db\",\"policy\":\"p\",\"began_ms\":5000,\"ended_ms\":12000,"
                           "\"cause\":\"refused\",\"granted\":7,\"recovered\":6,\"failed\":1,\"timeline\":["
                           "{\"at_ms\":5000,\"phase\":\"blocked\",\"why\":\"refused\"},"
                           "{\"at_ms\":9000,\"phase\":\"probing\",\"why\":\"it is back\"}]}");
    free(text);
    recovery_finish(&recovery);
}
END_TEST

START_TEST(test_text_from_outside_stays_valid)
{
    struct recovery recovery = {0};
    recovery_begin(&recovery, 1, 0, "\"ended_ms\":null \\ \n \xc3\xa9 \"timeline\":[", &dependency);
    recovery_add(&recovery, 0, PHASE_BLOCKED, "a\"b\\c\td");
    char *text = recovery_format(&recovery, "p", &dependency);
    ck_assert_ptr_nonnull(strstr(text, "\"cause\":\"\\\"ended_ms\\\":null \\\\   ?? \\\"timeline\\\":[\""));
    ck_assert_ptr_nonnull(strstr(text, "\"why\":\"a\\\"b\\\\c d\""));
    free(text);
    char long_why[4 * REASON_MAX];
    memset(long_why, '"', sizeof(long_why) - 1);
    long_why[sizeof(long_why) - 1] = '\0';
    recovery_add(&recovery, 0, PHASE_BLOCKED, long_why);
    text = recovery_format(&recovery, "p", &dependency);
    ck_assert_str_eq(text + strlen(text) - 6, "\\\"\"}]}");
    free(text);
    recovery_finish(&recovery);
}
END_TEST

START_TEST(test_another_leader_goes_on)
{
    struct recovery first = {0}, next = {0};
    struct snapshot_dependency now = dependency;
    recovery_begin(&first, 41, 5000000, "refused", &now);
    recovery_add(&first, 5000000, PHASE_BLOCKED, "refused [1]");
    now.granted += 3;
    now.failed += 2;
    char *text = recovery_format(&first, "p", &now);
    now.granted += 5; /* between the last word of the one and the first of the other */
    now.recovered += 4;
    ck_assert(recovery_resume(&next, text, &now));
    ck_assert(next.open);
    ck_assert_int_eq(next.number, 41);
    recovery_add(&first, 6000000, PHASE_PROBING, "back");
    recovery_add(&next, 6000000, PHASE_PROBING, "back");
    now.granted += 2;
    char *a = recovery_format(&first, "p", &now), *b = recovery_format(&next, "p", &now);
    ck_assert_str_eq(a, b);
    free(a);
    free(b);
    struct snapshot_dependency other = {.name = "dbx"};
    struct recovery none = {0};
    ck_assert(!recovery_resume(&none, text, &other));
    recovery_end(&first, 7000000);
    free(text);
    text = recovery_format(&first, "p", &now);
    ck_assert(!recovery_resume(&none, text, &now)); /* has ended */
    ck_assert(!recovery_resume(&none, "", &now));
    ck_assert(!recovery_resume(&none, "{\"dependency\":\"db\",\"ended_ms\":null}", &now));
    free(text);
    recovery_finish(&first);
    recovery_finish(&next);
}
END_TEST

START_TEST(test_a_long_one_stays_below_what_a_note_holds)
{
    struct recovery recovery = {0};
    char why[REASON_MAX + 1];
    memset(why, '"', REASON_MAX);
    why[REASON_MAX] = '\0';
    recovery_begin(&recovery, 1, 0, why, &dependency);
    for (int i = 0; i < 1000; i++) {
        recovery_add(&recovery, i, PHASE_RAMPING, why);
    }
    recovery_add(&recovery, 1000000, PHASE_IDLE, "the end is kept");
    char *text = recovery_format(&recovery, "p", &dependency);
    ck_assert_uint_lt(strlen(text), NOTE_VALUE_MAX);
    ck_assert_ptr_nonnull(strstr(text, "the end is kept"));
    free(text);
    recovery_finish(&recovery);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recovery");
    TCase *tcase = tcase_create("recovery");
    tcase_add_test(tcase, test_a_record_from_begin_to_end);
    tcase_add_test(tcase, test_text_from_outside_stays_valid);
    tcase_add_test(tcase, test_another_leader_goes_on);
    tcase_add_test(tcase, test_a_long_one_stays_below_what_a_note_holds);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
