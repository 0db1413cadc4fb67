#include "core/logfmt.h"

#include "check_main.h"

#include <stdio.h>
#include <string.h>

/* All pairs, as key[value]. */
static void read_all(const char *text, char *ret_text, size_t size)
{
    struct logfmt_pair pair;
    size_t used = 0;
    ret_text[0] = '\0';
    while (logfmt_next(&text, &pair)) {
        used += (size_t)snprintf(ret_text + used, size - used, "%.*s[%.*s]", (int)pair.key_size, pair.key,
                                 (int)pair.value_size, pair.value);
        ck_assert_uint_lt(used, size);
    }
}

static const struct {
    const char *text;
    const char *pairs;
} cases[] = {
    {"", ""},
    {"   ", ""},
    {"a=1 b=two", "a[1]b[two]"},
    {"a= b=", "a[]b[]"},
    {"a=\"\" b=\"x y\"", "a[]b[x y]"},
    {"bare a=1", "bare[]a[1]"},
    {"why=\"it said \"no\" twice\"", "why[it said \"no\" twice]"},
    {"why=\"a \"b\" c=d\" e=f", "why[a \"b]c[d\"]e[f]"}, /* cannot be told apart from a pair */
    {"why=\"a \"b\" = c\"", "why[a \"b\" = c]"},
    {"why=\"not closed", "why[not closed]"},
    {"why=\"", "why[]"},
    {"why=\"a\"b", "why[a\"b]"},
    {"=x a=1", ""}, /* no key: nothing that follows is trusted */
};

START_TEST(pairs_are_read_back)
{
    char pairs[200];
    read_all(cases[_i].text, pairs, sizeof(pairs));
    ck_assert_str_eq(pairs, cases[_i].pairs);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("logfmt");
    TCase *tcase = tcase_create("pairs");
    tcase_add_loop_test(tcase, pairs_are_read_back, 0, (int)(sizeof(cases) / sizeof(cases[0])));
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
