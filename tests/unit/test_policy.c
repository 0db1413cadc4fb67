#include "check_main.h"
#include "headgate/errors.h"
#include "headgate/policy.h"

#include <stdlib.h>
#include <string.h>

#define DEPENDENCY "\"dependencies\": {\"db\": {\"bucket\": {\"rate\": 50, \"burst\": 10}}}"

static const struct {
    const char *text;
    int line;
    int column;
    const char *path;
    const char *message; /* part of it */
} bad[] = {
    {"", 1, 1, "$", "not valid JSON"},
    {"[]", 1, 1, "$", "must be an object"},
    {"{\"policy\": 7}", 1, 12, "$.policy", "must be a string"},
    {"{\"policy\": \"p\",\n \"fleats\": {}}", 2, 12, "$.fleats", "did you mean \"fleets\""},
    {"{\"policy\": \"p\", \"policy\": \"q\"}", 1, 17, "$.policy", "given already on line 1"},
    {"{\"policy\": \"P\"}", 1, 12, "$.policy", "names have a-z"},
    {"{\"policy\": \"p\"}", 1, 1, "$", "\"dependencies\" is missing"},
    {"{\"policy\": \"p\", " DEPENDENCY ", \"fleets\": {\"web\": {\"needs\": {\"dbb\": 1}}}}", 1, 116,
     "$.fleets.web.needs.dbb", "did you mean \"db\""},
    {"{\"policy\": \"p\", " DEPENDENCY ", \"fleets\": {\"web\": {\"needs\": {\"db\": 11}}}}", 1, 115,
     "$.fleets.web.needs.db", "never fits in a burst of 10"},
    {"{\"policy\": \"p\", " DEPENDENCY ", \"fleets\": {\"web\": {\"needs\": {\"db\": 1}, \"lease\": 5}}}", 1, 128,
     "$.fleets.web.lease", "must be a duration with a unit"},
    {"{\"policy\": \"p\", " DEPENDENCY ", \"fleets\": {\"web\": {\"needs\": {\"db\": 1}, \"after\": {\"web\": {}}, "
     "\"size\": 5}}}",
     1, 128, "$.fleets.web.after", "waits for itself"},
    {"{\"dependencies\": {\"db\": {\"bucket\": {\"rate\": 1e9}}}}", 1, 45, "$.dependencies.db.bucket.rate",
     "from 0 to 1e+06"},
    {"{\"dependencies\": {\"db\": {\"probes\": [{\"tcp\": \"a:1\", \"dns\": \"b\"}]}}}", 1, 37,
     "$.dependencies.db.probes[0]", "exactly one of"},
    {"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}}}}}}", 1, 66,
     "$.a.a.a.a.a.a.a.a.a.a.a.a.a", "too deep"},
};

START_TEST(test_bad)
{
    struct hg_policy_set *set = NULL;
    struct hg_policy_errors errors;
    int status = hg_policy_set_parse("f.json", bad[_i].text, strlen(bad[_i].text), &set, &errors);
    ck_assert_int_eq(status, HG_E_POLICY);
    ck_assert_ptr_null(set);
    bool found = false;
    for (size_t i = 0; i < errors.count; i++) {
        const struct hg_policy_error *error = &errors.errors[i];
        found = found || (error->line == bad[_i].line && error->column == bad[_i].column &&
                          strcmp(error->path, bad[_i].path) == 0 && strstr(error->message, bad[_i].message) != NULL);
    }
    if (!found) {
        hg_policy_errors_print(&errors, stderr);
    }
    ck_assert_msg(found, "case %d", _i);
    hg_policy_errors_finish(&errors);
}
END_TEST

START_TEST(test_defaults)
{
    const char *text = "{\"policy\": \"p\", \"dependencies\": {\"db\": {}}, \"fleets\": {\"web\": {\"needs\": {\"db\": 1}}}}";
    struct hg_policy_set *set = NULL;
    struct hg_policy_errors errors;
    ck_assert_int_eq(hg_policy_set_parse("f.json", text, strlen(text), &set, &errors), 0);
    const struct hg_dependency *db = &set->policies[0].dependencies[0];
    const struct hg_fleet *web = &set->policies[0].fleets[0];
    ck_assert_int_eq(db->rate_milli, 50000);
    ck_assert_int_eq(db->burst, 10);
    ck_assert_int_eq(db->in_flight_max, 500);
    ck_assert_int_eq(db->reserve_burst, 1);
    ck_assert_int_eq(db->reserve_in_flight, 25);
    ck_assert_int_eq(db->limiter, HG_LIMITER_SLOW_START);
    ck_assert_int_eq(web->lease_us, 120000000);
    ck_assert_int_eq(web->attempts, 8);
    ck_assert_int_eq(web->backoff_jitter, HG_JITTER_FULL);
    ck_assert_int_eq(set->policies[0].generation, 1);
    hg_policy_set_destroy(set);
    hg_policy_errors_finish(&errors);
}
END_TEST

START_TEST(test_all_errors_at_once)
{
    const char *text = "{\"policy\": \"p\", \"mode\": \"x\", \"generation\": -1, \"dependencies\": {}, \"fleets\": {}}";
    struct hg_policy_set *set = NULL;
    struct hg_policy_errors errors;
    ck_assert_int_eq(hg_policy_set_parse("f.json", text, strlen(text), &set, &errors), HG_E_POLICY);
    ck_assert_uint_eq(errors.count, 4);
    for (size_t i = 1; i < errors.count; i++) {
        ck_assert_int_lt(errors.errors[i - 1].column, errors.errors[i].column);
    }
    hg_policy_errors_finish(&errors);
}
END_TEST

START_TEST(test_missing_file)
{
    const char *paths[] = {"/nowhere/at/all.json"};
    struct hg_policy_set *set = NULL;
    struct hg_policy_errors errors;
    ck_assert_int_eq(hg_policy_set_load(paths, 1, &set, &errors), HG_E_POLICY);
    ck_assert_uint_eq(errors.count, 1);
    ck_assert_ptr_nonnull(strstr(errors.errors[0].message, "cannot be read"));
    hg_policy_errors_finish(&errors);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy");
    TCase *tcase = tcase_create("policy");
    tcase_add_loop_test(tcase, test_bad, 0, (int)(sizeof(bad) / sizeof(bad[0])));
    tcase_add_test(tcase, test_defaults);
    tcase_add_test(tcase, test_all_errors_at_once);
    tcase_add_test(tcase, test_missing_file);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
