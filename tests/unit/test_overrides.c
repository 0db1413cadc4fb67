#include "core/bucket.h"
#include "core/overrides.h"

#include "check_main.h"

static struct override read_notes(struct note *notes, size_t count, bool dependency, const char *name)
{
    struct override override;
    override_read(&override, notes, count, dependency, name);
    return override;
}

static struct override read_one(const char *key, const char *value)
{
    struct note note = {.key = (char *)(uintptr_t)key, .value = (char *)(uintptr_t)value};
    return read_notes(&note, 1, true, "db");
}

START_TEST(test_none)
{
    struct override override = read_notes(NULL, 0, true, "db");
    ck_assert_int_eq(override.rate_milli, -1);
    ck_assert_int_eq(override.burst, -1);
    ck_assert_int_eq(override.in_flight, -1);
    ck_assert(!override.blocked && !override.paused);
    ck_assert_int_eq(override.released_at_us, 0);
}
END_TEST

START_TEST(test_limit_in_part_or_whole)
{
    struct override override = read_one("override/d/db/limit", "rate_milli=2500 burst=7 in_flight=9 at_us=1 reason=x");
    ck_assert_int_eq(override.rate_milli, 2500);
    ck_assert_int_eq(override.burst, 7);
    ck_assert_int_eq(override.in_flight, 9);
    ck_assert_str_eq(override.reason, "x");
    override = read_one("override/d/db/limit", "rate_milli=0 at_us=1 reason=");
    ck_assert_int_eq(override.rate_milli, 0);
    ck_assert_int_eq(override.burst, -1);
    ck_assert_int_eq(override.in_flight, -1);
}
END_TEST

START_TEST(test_a_reason_is_no_number)
{
    struct override override = read_one("override/d/db/limit", "rate_milli=5 at_us=1 reason=burst=99 in_flight=1");
    ck_assert_int_eq(override.burst, -1);
    ck_assert_int_eq(override.in_flight, -1);
    ck_assert_str_eq(override.reason, "burst=99 in_flight=1");
    override = read_one("override/d/db/limit", "xrate_milli=5 at_us=1 reason=");
    ck_assert_int_eq(override.rate_milli, -1);
}
END_TEST

START_TEST(test_nonsense_is_clamped_or_left_out)
{
    struct override override = read_one("override/d/db/limit", "rate_milli=99999999999999999999 burst=-4 in_flight=z");
    ck_assert_int_eq(override.rate_milli, BUCKET_RATE_MILLI_MAX);
    ck_assert_int_eq(override.burst, -1);
    ck_assert_int_eq(override.in_flight, -1);
    override = read_one("override/d/db/limit", "");
    ck_assert_int_eq(override.rate_milli, -1);
    override = read_one("override/d/db/dance", "rate_milli=1 reason=x");
    ck_assert_int_eq(override.rate_milli, -1);
    ck_assert_str_eq(override.reason, "");
}
END_TEST

START_TEST(test_only_its_own)
{
    struct note notes[] = {{.key = "override/d/db/block", .value = "at_us=1 reason=a"},
                           {.key = "override/d/db2/pause", .value = "at_us=1 reason=b"},
                           {.key = "override/f/db/pause", .value = "at_us=1 reason=c"},
                           {.key = "override/d/db/release", .value = "at_us=77 reason=d"}};
    struct override override = read_notes(notes, 4, true, "db");
    ck_assert(override.blocked && !override.paused);
    ck_assert_int_eq(override.released_at_us, 77);
    ck_assert_str_eq(override.reason, "a");
    override = read_notes(notes, 4, false, "db");
    ck_assert(override.paused && !override.blocked);
    override = read_notes(notes, 4, true, "db2");
    ck_assert(override.paused && !override.blocked);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("overrides");
    TCase *tcase = tcase_create("overrides");
    tcase_add_test(tcase, test_none);
    tcase_add_test(tcase, test_limit_in_part_or_whole);
    tcase_add_test(tcase, test_a_reason_is_no_number);
    tcase_add_test(tcase, test_nonsense_is_clamped_or_left_out);
    tcase_add_test(tcase, test_only_its_own);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
