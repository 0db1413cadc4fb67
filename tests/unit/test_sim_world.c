/* The worlds are what their scenarios say: capacity, queues, time-outs, crowding, cold, troubles, and clients' manners. */
#include "check_main.h"
#include "headgate/errors.h"
#include "sim/sim.h"
#include "sim/sim_laws.h"

#include <string.h>

/* %s: the dependency, the fleet, and more members of the scenario. */
static const char frame[] =
    "{ \"scenario\": \"world\", \"policy\": { \"policy\": \"p\", \"dependencies\": { \"db\": { \"probes\": [ { \"tcp\": \"db:1\" } ],"
    " \"bucket\": { \"rate\": 1000, \"burst\": 500 }, \"in_flight\": { \"max\": 1000 } } }, \"fleets\": { \"web\": { \"size\": 200,"
    " \"needs\": { \"db\": 1 }, \"lease\": \"2m\" } } },"
    " \"dependencies\": { \"db\": { %s } }, \"fleets\": { \"web\": { %s } } %s }";

static struct sim_result run(const char *dependency, const char *fleet, const char *more, const char *law, double alone_s)
{
    char text[4096];
    struct sim_scenario *scenario = NULL;
    struct hg_policy_errors errors;
    struct sim_result result;
    int size = snprintf(text, sizeof(text), frame, dependency, fleet, more);
    ck_assert(size > 0 && (size_t)size < sizeof(text));
    int status = sim_scenario_parse("world.json", text, (size_t)size, &scenario, &errors);
    hg_policy_errors_print(&errors, stderr);
    hg_policy_errors_finish(&errors);
    ck_assert_int_eq(status, 0);
    struct sim_options options = {.law = sim_law_find(law), .seed = 3, .checks = true, .no_fleet = alone_s > 0,
                                  .until_us = (int64_t)(alone_s * 1e6)};
    ck_assert_int_eq(sim_run(scenario, &options, &result), 0);
    ck_assert_str_eq(result.violation, "");
    sim_scenario_destroy(scenario);
    sim_result_finish(&result);
    return result;
}

#define BACKGROUND(rate, retries) \
    ", \"background\": [ { \"dependency\": \"db\", \"rate\": " #rate ", \"retries\": " #retries ", \"retry_delay\": \"1s\" } ]"

/* 10 servers, 1 s each: 10 a second. */
START_TEST(test_capacity)
{
    struct sim_result half = run("\"servers\": 10, \"service\": \"1s\"", "", BACKGROUND(5, 0), "policy", 2000);
    ck_assert(half.background.errors == 0);
    ck_assert(half.background.rate > 4.7 && half.background.rate < 5.3);
    ck_assert(half.background.p99_s >= 1 && half.background.p99_s < 1.5);
    /* Too much, given up after 5 s and served all the same: nearly all that is served is for nobody. */
    struct sim_result over = run("\"servers\": 10, \"service\": \"1s\", \"timeout\": \"5s\"", "", BACKGROUND(15, 0), "policy", 2000);
    ck_assert(over.background.errors > 0.9);
    ck_assert(over.wasted_s > 0.9 * (over.useful_s + over.wasted_s));
    ck_assert(over.useful_s + over.wasted_s < 10.1 * 2010 && over.useful_s + over.wasted_s > 9.5 * 2000);
    /* Nor does it help that what is given up in the queue is not served: who is next has waited nearly 5 s, and is given up
     * while served. */
    struct sim_result drops = run("\"servers\": 10, \"service\": \"1s\", \"timeout\": \"5s\", \"drops_abandoned\": true", "",
                                  BACKGROUND(15, 0), "policy", 2000);
    ck_assert(drops.background.errors > 0.6 && drops.background.errors < over.background.errors);
    ck_assert(drops.useful_s > over.useful_s);
    /* Bounded: what does not fit is refused at once, and the rest is served in time. */
    struct sim_result bounded = run("\"servers\": 10, \"service\": \"1s\", \"timeout\": \"5s\", \"queue_max\": 20", "",
                                    BACKGROUND(15, 0), "policy", 2000);
    ck_assert(bounded.background.errors > 0.3 && bounded.background.errors < 0.37);
    ck_assert(bounded.wasted_s < 1 && bounded.queue_peak <= 2.01);
    /* Last in, first out: some wait for ever, most hardly at all. */
    struct sim_result lifo = run("\"servers\": 10, \"service\": \"1s\", \"timeout\": \"5s\", \"queue\": \"lifo\"", "",
                                 BACKGROUND(15, 0), "policy", 2000);
    ck_assert(lifo.background.errors < 0.45);
}
END_TEST

START_TEST(test_trouble)
{
    const char *browned = "\"servers\": 10, \"service\": \"1s\", \"timeout\": \"5s\", \"brown_outs\": "
                          "[ { \"from\": \"0s\", \"to\": \"1000s\", \"share\": 0.4 } ]";
    struct sim_result half = run(browned, "", BACKGROUND(5, 0), "policy", 2000);
    ck_assert(half.background.errors > 0.4 && half.background.errors < 0.65);
    struct sim_result refused = run("\"servers\": 10, \"service\": \"1s\", \"timeout\": \"5s\", \"outages\": "
                                    "[ { \"from\": \"500s\", \"to\": \"1000s\", \"kind\": \"refused\" } ]", "",
                                    BACKGROUND(5, 0), "policy", 2000);
    ck_assert(refused.background.errors > 0.22 && refused.background.errors < 0.28);
    /* Silent: what came in is served afterwards, for nobody. */
    struct sim_result silent = run("\"servers\": 10, \"service\": \"1s\", \"timeout\": \"5s\", \"outages\": "
                                   "[ { \"from\": \"500s\", \"to\": \"1000s\", \"kind\": \"silent\" } ]", "",
                                   BACKGROUND(5, 0), "policy", 2000);
    ck_assert(silent.background.errors > 0.4 && silent.wasted_s > 2000);
    struct sim_result crowded = run("\"servers\": 10, \"service\": \"1s\", \"timeout\": \"5s\", \"contention\": "
                                    "{ \"knee\": 12, \"sigma\": 1 }", "", BACKGROUND(11, 0), "policy", 2000);
    ck_assert(crowded.background.errors > 0.9); /* and at 9, below the knee: */
    struct sim_result calm = run("\"servers\": 20, \"service\": \"1s\", \"timeout\": \"5s\", \"contention\": "
                                 "{ \"knee\": 25, \"sigma\": 1 }", "", BACKGROUND(11, 0), "policy", 2000);
    ck_assert(calm.background.errors < 0.01);
    /* Retries alone keep it down though a moment's trouble is long over. */
    struct sim_result storm = run("\"servers\": 10, \"service\": \"1s\", \"timeout\": \"5s\", \"outages\": "
                                  "[ { \"from\": \"100s\", \"to\": \"160s\", \"kind\": \"silent\" } ]", "",
                                  BACKGROUND(7, 5), "policy", 2000);
    ck_assert(storm.background.errors > 0.8);
}
END_TEST

#define EASY "\"servers\": 20, \"service\": \"1s\", \"timeout\": \"30s\""

START_TEST(test_manners)
{
    static const char *const fleets[] = {
        "\"report\": { \"lost\": 0.3, \"late\": 0.5, \"late_by\": \"40s\", \"twice\": 0.5 }",
        "\"hangs\": { \"share\": 0.1, \"for\": \"4m\" }",
        "\"fails\": { \"share\": 0.2, \"after\": \"2s\" }",
        "\"client\": { \"poll\": 0.5, \"poll_every\": \"3s\" }",
        "\"client\": { \"late\": 1, \"late_by\": { \"median\": \"20s\", \"sigma\": 1 } }",
        "\"client\": { \"never\": 0.2 }",
        "\"work\": { \"requests\": 5, \"when\": \"spread\", \"retries\": 2 }",
        "\"work\": { \"requests\": 5, \"when\": \"start\", \"parallel\": true, \"retries\": 2 }, \"report\": { \"phase\": true }",
        "\"classes\": [ { \"share\": 0.2, \"boot_times\": 5, \"work_times\": 10 } ], \"classes_in_order\": true",
        "\"boot\": \"4m\"", /* longer than the lease: it is renewed */
    };
    for (size_t i = 0; i < sizeof(fleets) / sizeof(fleets[0]); i++) {
        struct sim_result result = run(EASY, fleets[i], ", \"time_limit\": \"6h\"", "policy", 0);
        ck_assert_msg(result.finished, "%s: %lld of %lld back after %.0f s", fleets[i], (long long)result.back,
                      (long long)result.able, result.end_s);
        ck_assert_int_eq(result.back, result.able);
        ck_assert(result.able == 200 || strstr(fleets[i], "fails") != NULL || strstr(fleets[i], "never") != NULL);
    }
}
END_TEST

START_TEST(test_controllers)
{
    static const char *const more[] = {
        ", \"controllers\": { \"count\": 3, \"clocks\": [ { \"ahead\": \"-30s\" }, { \"ahead\": \"1m\" } ] }",
        (", \"controllers\": { \"count\": 2, \"restarts\": [ { \"controller\": 0, \"at\": \"20s\", \"for\": \"10s\" },"
         " { \"controller\": 1, \"at\": \"40s\", \"for\": \"1s\" } ] }"),
        ", \"controllers\": { \"restarts\": [ { \"at\": \"10s\", \"for\": \"30s\" } ] }", /* the only one */
        ", \"store\": { \"latency\": { \"median\": \"20ms\", \"sigma\": 1 }, \"loss\": 0.05 }",
        ", \"store\": { \"failovers\": [ { \"at\": \"15s\", \"for\": \"20s\", \"lost\": \"10s\" } ] }",
        ", \"store\": { \"clock_steps\": [ { \"at\": \"10s\", \"by\": \"-5s\" }, { \"at\": \"20s\", \"by\": \"60s\" } ] }",
    };
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        struct sim_result result = run(EASY, "", more[i], "policy", 0);
        ck_assert_msg(result.finished, "%s: %lld of %lld back after %.0f s", more[i], (long long)result.back,
                      (long long)result.able, result.end_s);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim_world");
    TCase *tests = tcase_create("sim_world");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_capacity);
    tcase_add_test(tests, test_trouble);
    tcase_add_test(tests, test_manners);
    tcase_add_test(tests, test_controllers);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
