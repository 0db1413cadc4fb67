/* Scenario files and runs: mistakes are told with their place, variants extend, the same seed is the same run. */
#include "check_main.h"
#include "headgate/errors.h"
#include "sim/sim.h"
#include "sim/sim_draw.h"
#include "sim/sim_laws.h"

#include <string.h>

static const char small[] =
    "{ \"scenario\": \"small\",\n"
    "  \"policy\": { \"policy\": \"p\",\n"
    "    \"dependencies\": { \"db\": { \"bucket\": { \"rate\": 100, \"burst\": 20 }, \"in_flight\": { \"max\": 100 } } },\n"
    "    \"fleets\": { \"web\": { \"size\": 60, \"needs\": { \"db\": 1 }, \"lease\": \"5m\" } } },\n"
    "  \"dependencies\": { \"db\": { \"servers\": 4, \"service\": \"500ms\", \"timeout\": \"30s\" } },\n"
    "  \"fleets\": { \"web\": { \"boot\": { \"median\": \"3s\", \"sigma\": 0.5 } } }\n"
    "}\n";

static struct sim_scenario *parse(const char *text)
{
    struct sim_scenario *scenario = NULL;
    struct hg_policy_errors errors;
    int status = sim_scenario_parse("small.json", text, strlen(text), &scenario, &errors);
    hg_policy_errors_print(&errors, stderr);
    ck_assert_int_eq(status, 0);
    hg_policy_errors_finish(&errors);
    return scenario;
}

/* FNV-1a of every decision line. */
static void hash_line(void *user_data, const char *line)
{
    uint64_t *hash = user_data;
    for (; *line != '\0'; line++) {
        *hash = (*hash ^ (unsigned char)*line) * UINT64_C(1099511628211);
    }
}

static uint64_t run(const struct sim_scenario *scenario, const char *law, uint64_t seed, struct sim_result *ret_result)
{
    uint64_t hash = 1;
    struct sim_options options = {
        .law = sim_law_find(law), .seed = seed, .checks = true, .on_line = hash_line, .user_data = &hash};
    ck_assert_int_eq(sim_run(scenario, &options, ret_result), 0);
    ck_assert_str_eq(ret_result->violation, "");
    return hash;
}

START_TEST(test_same_seed_same_run)
{
    struct sim_scenario *scenario = parse(small);
    struct sim_result one, two, other;
    uint64_t first = run(scenario, "policy", 5, &one), second = run(scenario, "policy", 5, &two);
    ck_assert(one.finished);
    ck_assert_int_eq(one.back, 60);
    ck_assert_uint_eq(first, second);
    ck_assert_int_eq(one.events, two.events);
    ck_assert(one.t99_s == two.t99_s && one.useful_s == two.useful_s);
    ck_assert_int_eq(memcmp(one.points, two.points, one.point_count * sizeof(one.points[0])), 0);
    uint64_t third = run(scenario, "policy", 6, &other);
    ck_assert(third != first && other.t99_s != one.t99_s);
    sim_result_finish(&one);
    sim_result_finish(&two);
    sim_result_finish(&other);
    sim_scenario_destroy(scenario);
}
END_TEST

/* Each law brings an easy fleet back, and none of them breaks a promise. */
START_TEST(test_laws)
{
    struct sim_scenario *scenario = parse(small);
    for (size_t i = 0; i < sim_law_count; i++) {
        struct sim_result result;
        run(scenario, sim_laws[i].name, 1, &result);
        ck_assert_msg(result.finished, "%s did not finish", sim_laws[i].name);
        ck_assert(result.t50_s > 0 && result.t99_s >= result.t50_s && result.end_s >= result.t99_s);
        sim_result_finish(&result);
    }
    sim_scenario_destroy(scenario);
}
END_TEST

/* 60 relaunches of 3.5 s over 4 servers of 2/s: 8/s, so some 7.5 s and one relaunch. */
START_TEST(test_ideal)
{
    struct sim_scenario *scenario = parse(small);
    struct sim_result result;
    run(scenario, "oracle", 1, &result);
    ck_assert(result.ideal_s > 10 && result.ideal_s < 12);
    ck_assert(result.t99_s >= 0.8 * result.ideal_s);
    sim_result_finish(&result);
    sim_scenario_destroy(scenario);
}
END_TEST

static const struct {
    const char *from; /* replaced in `small` ... */
    const char *to;   /* ... by this */
    int line;
    int column;
    const char *path;
    const char *message;
} mistakes[] = {
    {"\"servers\": 4", "\"servers\": 0", 5, 40, "$.dependencies.db.servers", "from 1 to"},
    {"\"timeout\":", "\"timout\":", 5, 63, "$.dependencies.db.timout", "did you mean \"timeout\"?"},
    {"\"500ms\"", "\"half\"", 5, 54, "$.dependencies.db.service", "must be a duration"},
    {"\"sigma\": 0.5", "\"sigma\": 9", 6, 59, "$.fleets.web.boot.sigma", "from 0 to 3"},
    {"\"rate\": 100", "\"rate\": \"x\"", 3, 51, "$.policy.dependencies.db.bucket.rate", "number"},
    {"\"size\": 60, ", "", 4, 24, "$.policy.fleets.web", "\"size\" is missing"},
    {"{ \"web\": { \"boot\"", "{ \"wob\": { \"boot\"", 6, 22, "$.fleets.wob", "not in this scenario's policy"},
    {"\"timeout\": \"30s\"", "\"calls\": \"cache\"", 5, 72, "$.dependencies.db.calls", "no such dependency"},
    {"\"scenario\": \"small\"", "\"extends\": \"nowhere.json\"", 1, 14, "$.extends", "nowhere.json"},
    {"\"scenario\": \"small\",", "\"scenario\": \"small\"", 2, 3, "$", ""},
};

START_TEST(test_mistake)
{
    char text[2048];
    const char *at = strstr(small, mistakes[_i].from);
    ck_assert_ptr_nonnull(at);
    snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - small), small, mistakes[_i].to, at + strlen(mistakes[_i].from));
    struct sim_scenario *scenario = NULL;
    struct hg_policy_errors errors;
    ck_assert_int_eq(sim_scenario_parse("small.json", text, strlen(text), &scenario, &errors), HG_E_POLICY);
    ck_assert(errors.count > 0);
    const struct hg_policy_error *error = &errors.errors[0];
    ck_assert_str_eq(error->path, mistakes[_i].path);
    ck_assert_msg(strstr(error->message, mistakes[_i].message) != NULL, "%s", error->message);
    ck_assert_int_eq(error->line, mistakes[_i].line);
    ck_assert_int_eq(error->column, mistakes[_i].column);
    hg_policy_errors_finish(&errors);
}
END_TEST

/* Drawn worlds are sound, the same for the same seed whatever is known of them, and far apart from each other. */
START_TEST(test_drawn_worlds)
{
    double least = 1e9, most = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct sim_scenario *blind = NULL, *told = NULL;
        char *text = NULL;
        ck_assert_int_eq(sim_draw(seed, SIM_KNOWS_NOTHING, &blind, &text), 0);
        ck_assert_int_eq(sim_draw(seed, SIM_KNOWS_GAUGE_PHASE, &told, NULL), 0);
        const struct sim_dependency_spec *one = &blind->dependencies[0], *two = &told->dependencies[0];
        ck_assert_int_eq(one->servers, two->servers);
        ck_assert(one->service.median_s == two->service.median_s && one->timeout_us == two->timeout_us);
        ck_assert_int_eq(blind->policy->fleets[0].size, told->policy->fleets[0].size);
        ck_assert_int_eq(blind->policy->dependencies[0].request_timeout_us, 0);
        ck_assert_uint_eq(blind->policy->dependencies[0].probe_count, 0);
        ck_assert_int_gt(told->policy->dependencies[0].request_timeout_us, 0);
        ck_assert_ptr_nonnull(told->policy->dependencies[0].probes[0].gauge_json);
        ck_assert(told->fleets[0].phase_report && !blind->fleets[0].phase_report);
        double capacity = (double)one->servers / one->service.median_s;
        least = capacity < least ? capacity : least;
        most = capacity > most ? capacity : most;
        ck_assert_ptr_nonnull(strstr(text, "\"scenario\": \"drawn-"));
        free(text);
        sim_scenario_destroy(blind);
        sim_scenario_destroy(told);
    }
    ck_assert(most > 50 * least);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim");
    TCase *tests = tcase_create("sim");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_same_seed_same_run);
    tcase_add_test(tests, test_laws);
    tcase_add_test(tests, test_ideal);
    tcase_add_test(tests, test_drawn_worlds);
    tcase_add_loop_test(tests, test_mistake, 0, (int)(sizeof(mistakes) / sizeof(mistakes[0])));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
