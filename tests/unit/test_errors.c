#include "headgate/errors.h"

#include "check_main.h"

#include <limits.h>
#include <string.h>

static const int all[] = {
#define NUMBER(name, number, text, http_status, exit_code) -(number),
    HG_ERRORS(NUMBER)
#undef NUMBER
};

START_TEST(test_each_is_one_of_its_kind)
{
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        ck_assert_int_lt(all[i], 0);
        ck_assert_str_ne(hg_strerror(all[i]), "unknown error");
        ck_assert_uint_gt(strlen(hg_strerror(all[i])), 0);
        for (size_t j = 0; j < i; j++) {
            ck_assert_int_ne(all[i], all[j]);
            ck_assert_str_ne(hg_error_name(all[i]), hg_error_name(all[j]));
        }
    }
}
END_TEST

START_TEST(test_statuses_and_exits_are_of_their_range)
{
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        ck_assert_int_ge(hg_error_http_status(all[i]), 400);
        ck_assert_int_le(hg_error_http_status(all[i]), 599);
        ck_assert_int_ge(hg_error_exit_code(all[i]), 1);
        ck_assert_int_le(hg_error_exit_code(all[i]), 125);
    }
    ck_assert_int_eq(hg_error_http_status(HG_E_STORE_AWAY), 503);
    ck_assert_int_eq(hg_error_http_status(HG_E_OVERLOAD), 503);
    ck_assert_int_eq(hg_error_http_status(HG_E_EXPIRED), 409);
    ck_assert_int_eq(hg_error_exit_code(HG_E_POLICY), 65);
}
END_TEST

START_TEST(test_none_and_unknown)
{
    ck_assert_str_eq(hg_strerror(0), "no error");
    ck_assert_str_eq(hg_error_name(0), "OK");
    ck_assert_int_eq(hg_error_http_status(0), 200);
    ck_assert_int_eq(hg_error_exit_code(0), 0);
    static const int unknown[] = {1, -9999, INT_MAX, INT_MIN + 1};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        ck_assert_str_eq(hg_strerror(unknown[i]), "unknown error");
        ck_assert_int_eq(hg_error_http_status(unknown[i]), 500);
        ck_assert_int_eq(hg_error_exit_code(unknown[i]), 70);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("errors");
    TCase *tcase = tcase_create("errors");
    tcase_add_test(tcase, test_each_is_one_of_its_kind);
    tcase_add_test(tcase, test_statuses_and_exits_are_of_their_range);
    tcase_add_test(tcase, test_none_and_unknown);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
