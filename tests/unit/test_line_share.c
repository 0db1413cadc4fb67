#include "core/line_share.h"

#include "check_main.h"

#include <math.h>
#include <string.h>

static struct hg_fleet fleets[HG_FLEETS_MAX];
static struct hg_dependency dependencies[HG_DEPENDENCIES_MAX];
static struct hg_policy policy = {.dependencies = dependencies, .fleets = fleets};
static struct line_share share;
static double rates[HG_FLEETS_MAX];

static void setup(void)
{
    memset(fleets, 0, sizeof(fleets));
    memset(&share, 0, sizeof(share));
    policy.dependency_count = 2;
    policy.fleet_count = 0;
    share.supply[0] = share.supply[1] = 20;
}

/* A fleet that waits; a cost of 0 is no need. */
static void add(double weight, int64_t cost_a, int64_t cost_b)
{
    size_t f = policy.fleet_count++;
    for (size_t d = 0; d < 2; d++) {
        int64_t cost = d == 0 ? cost_a : cost_b;
        if (cost > 0) {
            fleets[f].needs[fleets[f].need_count++] = (struct hg_need){d, cost};
        }
    }
    share.weight[f] = weight;
    share.active[f] = true;
}

static void expect(size_t fleet, double rate)
{
    ck_assert_msg(fabs(rates[fleet] - rate) < 1e-6 * (1 + rate), "fleet %zu: %g, not %g", fleet, rates[fleet], rate);
}

START_TEST(test_alone_takes_all)
{
    setup();
    add(1, 1, 0);
    line_share(&policy, &share, rates);
    expect(0, 20);
    fleets[0].needs[0].cost = 5;
    line_share(&policy, &share, rates);
    expect(0, 4);
}
END_TEST

START_TEST(test_by_weight)
{
    setup();
    add(1, 1, 0);
    add(3, 1, 0);
    line_share(&policy, &share, rates);
    expect(0, 5);
    expect(1, 15);
    share.active[1] = false;
    line_share(&policy, &share, rates);
    expect(0, 20);
    expect(1, 0);
}
END_TEST

START_TEST(test_two_needs_beside_one)
{
    setup();
    add(1, 1, 1);
    add(1, 1, 0);
    add(1, 0, 1);
    line_share(&policy, &share, rates);
    expect(0, 10);
    expect(1, 10);
    expect(2, 10);
    share.supply[1] = 5; /* what the first cannot use of a falls to the second */
    line_share(&policy, &share, rates);
    expect(0, 2.5);
    expect(1, 17.5);
    expect(2, 2.5);
}
END_TEST

START_TEST(test_dominant_share)
{
    setup();
    share.supply[0] = 9;
    share.supply[1] = 18;
    add(1, 1, 4); /* the example of the paper, section 4.1 */
    add(1, 3, 1);
    line_share(&policy, &share, rates);
    expect(0, 3);
    expect(1, 2);
}
END_TEST

START_TEST(test_nothing_to_share)
{
    setup();
    add(1, 1, 0);
    add(1, 1, 1);
    add(1, 0, 0); /* needs nothing: not a fleet of this line */
    share.supply[1] = 0;
    line_share(&policy, &share, rates);
    expect(0, 20);
    expect(1, 0);
    expect(2, 0);
    share.supply[0] = 0;
    line_share(&policy, &share, rates);
    expect(0, 0);
}
END_TEST

START_TEST(test_never_more_than_there_is)
{
    /* Every combination of a few weights, costs and supplies, the least and the greatest among them. */
    static const double supplies[] = {1e-6, 1, 1e6};
    static const int64_t costs[] = {1, 1000000};
    for (int code = 0; code < 3 * 3 * 2 * 2 * 2; code++) {
        setup();
        share.supply[0] = supplies[code % 3];
        share.supply[1] = supplies[code / 3 % 3];
        add(1, costs[code / 9 % 2], 1);
        add(1000, 1, costs[code / 18 % 2]);
        add(0.25, costs[code / 36 % 2], 0);
        line_share(&policy, &share, rates);
        for (size_t d = 0; d < 2; d++) {
            double used = 0;
            for (size_t f = 0; f < 3; f++) {
                for (size_t n = 0; n < fleets[f].need_count; n++) {
                    used += fleets[f].needs[n].dependency == d ? rates[f] * (double)fleets[f].needs[n].cost : 0;
                }
            }
            ck_assert_msg(used <= share.supply[d] * (1 + 1e-6), "case %d: %g of %g", code, used, share.supply[d]);
        }
        ck_assert(rates[0] > 0 && rates[1] > 0);
    }
}
END_TEST

START_TEST(test_forecast_of_one)
{
    setup();
    add(1, 1, 0);
    double waiting[HG_FLEETS_MAX] = {100};
    struct line_forecast forecast;
    line_forecast(&policy, &share, waiting, &forecast);
    ck_assert_double_eq_tol(line_forecast_wait(&forecast, 0, 10), 0.5, 1e-9);
    ck_assert_double_eq_tol(line_forecast_wait(&forecast, 0, 100), 5, 1e-9);
    ck_assert_double_eq_tol(line_forecast_wait(&forecast, 0, 120), 6, 1e-9); /* newcomers go on behind */
    ck_assert_double_eq_tol(line_forecast_wait(&forecast, 0, 0), 0, 1e-9);
}
END_TEST

START_TEST(test_forecast_counts_that_others_run_dry)
{
    setup();
    add(1, 1, 0);
    add(1, 1, 0);
    double waiting[HG_FLEETS_MAX] = {100, 300};
    struct line_forecast forecast;
    line_forecast(&policy, &share, waiting, &forecast);
    ck_assert_double_eq_tol(line_forecast_wait(&forecast, 0, 100), 10, 1e-6);
    ck_assert_double_eq_tol(line_forecast_wait(&forecast, 1, 100), 10, 1e-6);
    ck_assert_double_eq_tol(line_forecast_wait(&forecast, 1, 300), 20, 1e-6); /* not 30 */
}
END_TEST

START_TEST(test_forecast_of_nothing)
{
    setup();
    add(1, 1, 0);
    share.supply[0] = 0;
    double waiting[HG_FLEETS_MAX] = {100};
    struct line_forecast forecast;
    line_forecast(&policy, &share, waiting, &forecast);
    ck_assert_double_lt(line_forecast_wait(&forecast, 0, 10), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("line_share");
    TCase *tcase = tcase_create("line_share");
    tcase_add_test(tcase, test_alone_takes_all);
    tcase_add_test(tcase, test_by_weight);
    tcase_add_test(tcase, test_two_needs_beside_one);
    tcase_add_test(tcase, test_dominant_share);
    tcase_add_test(tcase, test_nothing_to_share);
    tcase_add_test(tcase, test_never_more_than_there_is);
    tcase_add_test(tcase, test_forecast_of_one);
    tcase_add_test(tcase, test_forecast_counts_that_others_run_dry);
    tcase_add_test(tcase, test_forecast_of_nothing);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
