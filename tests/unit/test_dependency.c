#include "core/bucket.h"
#include "core/dependency.h"
#include "core/histogram.h"

#include "check_main.h"

#include <stdio.h>
#include <string.h>

#define SECOND INT64_C(1000000)

static char name[] = "db";
static struct hg_probe probes[2];
static struct hg_dependency policy;
static struct snapshot_dependency snapshot;
static struct dependency dependency;
static struct dependency_input input;
static struct plan_dependency plan;
static struct rng rng;
static int64_t recovery_number;

/* What the store does with the plan. */
static void written(void)
{
    snapshot.phase = plan.phase;
    snapshot.window = plan.window;
    snapshot.paced = plan.paced;
    snapshot.pace_milli = plan.pace_milli;
    snapshot.pace_burst = plan.pace_burst;
    snapshot.excused_from_us = plan.excused_from_us;
    snapshot.excused_to_us = plan.excused_to_us;
    if (plan.cohort > snapshot.cohort) {
        snapshot.cohort = plan.cohort;
        memmove(&snapshot.cohorts[1], &snapshot.cohorts[0], (COHORTS_KEPT - 1) * sizeof(snapshot.cohorts[0]));
        snapshot.cohorts[0] = (struct cohort){.id = plan.cohort};
    }
}

static enum phase tick(int64_t span_us)
{
    input.now_us += span_us;
    dependency_step(&dependency, &input);
    dependency_plan(&dependency, &input, &plan);
    ck_assert_int_ge(plan.window, 0);
    ck_assert_int_le(plan.window, plan.in_flight_max);
    written();
    return dependency.phase;
}

static void setup(enum hg_limiter_mode mode, size_t probe_count)
{
    memset(&snapshot, 0, sizeof(snapshot));
    memcpy(snapshot.name, name, sizeof(name));
    probes[0] = probes[1] = (struct hg_probe){.interval_us = SECOND, .timeout_us = SECOND / 2, .rise = 3, .fall = 2};
    policy = (struct hg_dependency){.name = name, .limiter = mode, .rate_milli = 1000000, .burst = 100,
                                    .in_flight_max = 500, .probes = probes, .probe_count = probe_count};
    recovery_number = 0;
    rng_init(&rng, 5);
    input = (struct dependency_input){.now_us = 1000 * SECOND, .policy = &policy, .snapshot = &snapshot, .size = 1000,
                                      .cost = 1, .recovery_number = &recovery_number, .rng = &rng};
    dependency_finish(&dependency);
    dependency_init(&dependency, &policy, &snapshot, input.now_us);
    for (size_t p = 0; p < probe_count; p++) {
        dependency_on_probe(&dependency, p, true, "answers");
    }
    ck_assert_int_eq(tick(0), PHASE_IDLE);
}

static void grant(int64_t count)
{
    snapshot.in_flight += count;
    snapshot.granted += count;
    snapshot.cohorts[0].granted += count;
    snapshot.cohorts[0].first_us = snapshot.cohorts[0].first_us == 0 ? input.now_us : snapshot.cohorts[0].first_us;
    snapshot.cohorts[0].last_us = input.now_us;
}

static void finish(int64_t recovered, int64_t failed)
{
    snapshot.in_flight -= recovered + failed;
    snapshot.recovered += recovered;
    snapshot.failed += failed;
    input.fleets[0].recovered += recovered;
    input.fleets[0].failed += failed;
    bool excused = snapshot.excused_from_us <= input.now_us && input.now_us <= snapshot.excused_to_us;
    snapshot.cohorts[0].recovered += recovered;
    snapshot.cohorts[0].failed += excused ? 0 : failed;
    snapshot.cohorts[0].excused += excused ? failed : 0;
    snapshot.cohorts[0].histogram[histogram_index(SECOND)] += (int32_t)recovered;
}

START_TEST(test_a_few_pass_unasked)
{
    setup(HG_LIMITER_SLOW_START, 0);
    ck_assert_int_eq(plan.window, 10);
    input.line = 5;
    ck_assert_int_eq(tick(SECOND), PHASE_IDLE);
    ck_assert(!dependency.recovery.open);
    snapshot.in_flight = 6; /* eleven there */
    ck_assert_int_eq(tick(SECOND), PHASE_PROBING);
    ck_assert(dependency.recovery.open);
    ck_assert_int_eq(recovery_number, 1);
}
END_TEST

START_TEST(test_a_whole_ramp)
{
    setup(HG_LIMITER_SLOW_START, 0);
    input.line = 2000;
    ck_assert_int_eq(tick(SECOND), PHASE_PROBING);
    ck_assert_int_eq(plan.window, 10);
    grant(10);
    ck_assert_int_eq(tick(SECOND), PHASE_PROBING);
    finish(4, 0);
    ck_assert_int_eq(tick(SECOND), PHASE_PROBING);
    ck_assert_int_eq(plan.window, 6); /* no more than ten canaries in all */
    finish(6, 0);
    ck_assert_int_eq(tick(SECOND), PHASE_RAMPING);
    int rounds = 0;
    while (dependency.phase == PHASE_RAMPING) {
        int64_t window = plan.window;
        grant(window);
        finish(window, 0);
        tick(SECOND);
        ck_assert_int_le(plan.window, window * 3 / 2 + 1);
        ck_assert_int_lt(++rounds, 20);
    }
    ck_assert_int_eq(dependency.phase, PHASE_STEADY);
    ck_assert_int_eq(plan.window, 500);
    input.line = 0;
    ck_assert_int_eq(tick(SECOND), PHASE_STEADY);
    ck_assert_int_eq(tick(QUIET_US), PHASE_IDLE);
    ck_assert(!dependency.recovery.open);
    ck_assert_ptr_nonnull(strstr(dependency.recovery.timeline, "canaries came back well"));
}
END_TEST

START_TEST(test_down_trickle_and_back)
{
    setup(HG_LIMITER_SLOW_START, 2);
    dependency_on_probe(&dependency, 1, false, "no addresses");
    ck_assert_int_eq(tick(SECOND), PHASE_BLOCKED);
    ck_assert_str_eq(dependency.why, "no addresses");
    ck_assert_int_eq(recovery_number, 1);
    static const struct {
        int64_t age_s;
        int64_t pace_s;
    } paces[] = {{5, 10}, {29, 10}, {31, 20}, {59, 20}, {61, 40}, {119, 40}, {121, 60}, {86400, 60}};
    int64_t began_us = input.now_us;
    for (size_t i = 0; i < sizeof(paces) / sizeof(paces[0]); i++) {
        ck_assert_int_eq(tick(began_us + paces[i].age_s * SECOND - input.now_us), PHASE_BLOCKED);
        ck_assert(plan.paced);
        ck_assert_int_eq(plan.window, 1);
        ck_assert_int_eq(plan.pace_burst, TOKEN_MICRO);
        ck_assert_int_eq(plan.pace_milli, 1000 / paces[i].pace_s);
    }
    ck_assert_int_eq(plan.excused_to_us, TIME_NEVER_US);
    ck_assert_int_eq(plan.excused_from_us, began_us - 2 * SECOND - SECOND / 2); /* while the probe still counted */
    dependency_on_probe(&dependency, 1, true, "answers");
    input.line = 100;
    ck_assert_int_eq(tick(SECOND), PHASE_PROBING);
    ck_assert_int_eq(plan.excused_to_us, input.now_us);
}
END_TEST

START_TEST(test_back_and_nobody_waits)
{
    setup(HG_LIMITER_SLOW_START, 1);
    dependency_on_probe(&dependency, 0, false, "refused");
    ck_assert_int_eq(tick(SECOND), PHASE_BLOCKED);
    dependency_on_probe(&dependency, 0, true, "answers");
    ck_assert_int_eq(tick(SECOND), PHASE_IDLE);
    ck_assert(!dependency.recovery.open && dependency.recovery.dirty);
}
END_TEST

START_TEST(test_what_was_in_flight_keeps_no_canary_back)
{
    setup(HG_LIMITER_SLOW_START, 1);
    snapshot.in_flight = 300;
    dependency_on_probe(&dependency, 0, false, "refused");
    tick(SECOND);
    ck_assert_int_eq(tick(SECOND), PHASE_BLOCKED);
    ck_assert_int_eq(plan.window, 301);
    grant(1);
    tick(SECOND);
    ck_assert_int_eq(plan.window, 301); /* one at a time */
    snapshot.in_flight = 500;
    tick(SECOND);
    ck_assert_int_eq(plan.window, 500); /* never over the ceiling */
}
END_TEST

START_TEST(test_a_probe_that_lies_is_overruled)
{
    setup(HG_LIMITER_SLOW_START, 1);
    input.line = 100;
    dependency_on_probe(&dependency, 0, false, "404");
    ck_assert_int_eq(tick(SECOND), PHASE_BLOCKED);
    for (int i = 0; i < OVERRULE_MIN; i++) {
        ck_assert_int_eq(tick(10 * SECOND), PHASE_BLOCKED);
        grant(1);
        finish(1, 0);
    }
    ck_assert_int_eq(tick(SECOND), PHASE_PROBING);
    ck_assert_ptr_nonnull(strstr(dependency.why, "the probe is not believed (404)"));
    ck_assert_ptr_nonnull(strstr(dependency.recovery.timeline, "the probe is not believed"));
    ck_assert_int_eq(tick(SECOND), PHASE_PROBING); /* it goes on saying down */
    dependency_on_probe(&dependency, 0, true, "200");
    tick(SECOND);
    dependency_on_probe(&dependency, 0, false, "refused"); /* news */
    ck_assert_int_eq(tick(SECOND), PHASE_BLOCKED);
}
END_TEST

START_TEST(test_failures_freeze_and_it_thaws)
{
    setup(HG_LIMITER_SLOW_START, 0);
    input.line = 1000;
    int64_t cool_s = 30;
    ck_assert_int_eq(tick(SECOND), PHASE_PROBING);
    for (int round = 0; round < 6; round++) {
        ck_assert_int_eq(tick(SECOND), PHASE_PROBING);
        int64_t first_us = input.now_us;
        grant(10);
        finish(1, 9);
        ck_assert_int_eq(tick(SECOND), PHASE_FROZEN);
        ck_assert_int_le(plan.excused_from_us, first_us); /* those nine burn no attempt */
        ck_assert_int_eq(plan.excused_to_us, TIME_NEVER_US);
        ck_assert_int_eq(plan.window, 1);
        ck_assert_int_eq(tick(cool_s * SECOND * 9 / 10 - SECOND), PHASE_FROZEN);
        ck_assert_int_eq(tick(cool_s * SECOND * 2 / 10 + 2 * SECOND), PHASE_PROBING);
        cool_s = cool_s * 2 > 300 ? 300 : cool_s * 2;
    }
    ck_assert_int_eq(recovery_number, 1); /* one recovery all along */
}
END_TEST

START_TEST(test_release_thaws_at_once)
{
    setup(HG_LIMITER_SLOW_START, 0);
    input.line = 1000;
    tick(SECOND);
    grant(10);
    finish(0, 10);
    ck_assert_int_eq(tick(SECOND), PHASE_FROZEN);
    dependency.override.released_at_us = input.now_us - SECOND; /* of before */
    ck_assert_int_eq(tick(SECOND), PHASE_FROZEN);
    dependency.override.released_at_us = input.now_us;
    ck_assert_int_eq(tick(SECOND), PHASE_PROBING);
}
END_TEST

START_TEST(test_troubles_close_together_are_one)
{
    setup(HG_LIMITER_SLOW_START, 1);
    input.line = 1000;
    dependency_on_probe(&dependency, 0, false, "refused");
    tick(SECOND);
    int64_t from_us = plan.excused_from_us;
    dependency_on_probe(&dependency, 0, true, "answers");
    tick(20 * SECOND);
    dependency_on_probe(&dependency, 0, false, "refused");
    tick(30 * SECOND);
    ck_assert_int_eq(plan.excused_from_us, from_us);
    dependency_on_probe(&dependency, 0, true, "answers");
    tick(20 * SECOND);
    dependency_on_probe(&dependency, 0, false, "refused");
    tick(3600 * SECOND);
    ck_assert_int_gt(plan.excused_from_us, from_us);
}
END_TEST

START_TEST(test_operator)
{
    setup(HG_LIMITER_SLOW_START, 0);
    dependency.override.blocked = true;
    snprintf(dependency.override.reason, sizeof(dependency.override.reason), "maintenance");
    ck_assert_int_eq(tick(SECOND), PHASE_BLOCKED);
    ck_assert_int_eq(plan.window, 0); /* not even canaries */
    ck_assert_str_eq(dependency.why, "operator: maintenance");
    dependency.override.paused = true;
    ck_assert_int_eq(tick(SECOND), PHASE_PAUSED);
    ck_assert_int_eq(plan.window, 0);
    dependency.override.paused = false;
    ck_assert_int_eq(tick(SECOND), PHASE_BLOCKED);
    dependency.override.blocked = false;
    input.line = 100;
    ck_assert_int_eq(tick(SECOND), PHASE_PROBING);
    dependency.override.paused = true;
    ck_assert_int_eq(tick(SECOND), PHASE_PAUSED);
    input.line = 0;
    dependency.override.paused = false;
    ck_assert_int_eq(tick(SECOND), PHASE_IDLE);
}
END_TEST

START_TEST(test_overrides_move_the_ceilings)
{
    setup(HG_LIMITER_FIXED, 0);
    ck_assert_int_eq(plan.window, 500);
    dependency.override.rate_milli = 0;
    dependency.override.burst = 1;
    dependency.override.in_flight = 7;
    tick(SECOND);
    ck_assert_int_eq(plan.rate_milli, 0);
    ck_assert_int_eq(plan.burst, 1);
    ck_assert_int_eq(plan.in_flight_max, 7);
    ck_assert_int_eq(plan.window, 7);
    policy.reserve_in_flight = 10; /* more than there is: it keeps half of it */
    tick(SECOND);
    ck_assert_int_eq(plan.window, 4);
    override_init(&dependency.override); /* expired */
    tick(SECOND);
    ck_assert_int_eq(plan.rate_milli, 1000000);
    ck_assert_int_eq(plan.window, 490);
}
END_TEST

START_TEST(test_a_ceiling_of_nothing_for_a_while)
{
    setup(HG_LIMITER_SLOW_START, 0);
    input.line = 1000;
    tick(SECOND);
    grant(10);
    finish(10, 0);
    ck_assert_int_eq(tick(SECOND), PHASE_RAMPING);
    dependency.override.in_flight = 0;
    tick(SECOND);
    tick(SECOND);
    ck_assert_int_eq(plan.window, 0);
    override_init(&dependency.override);
    tick(SECOND);
    tick(SECOND);
    ck_assert_int_gt(plan.window, 0);
}
END_TEST

START_TEST(test_fixed_has_no_ramp_but_a_record)
{
    setup(HG_LIMITER_FIXED, 0);
    input.line = 5;
    ck_assert_int_eq(tick(SECOND), PHASE_IDLE);
    input.line = 2000;
    ck_assert_int_eq(tick(SECOND), PHASE_STEADY);
    ck_assert_int_eq(plan.window, 500);
    ck_assert(dependency.recovery.open);
    grant(100);
    finish(0, 100);
    ck_assert_int_eq(tick(SECOND), PHASE_STEADY);
    input.line = 0;
    tick(SECOND);
    ck_assert_int_eq(tick(6 * SECOND), PHASE_IDLE);
    ck_assert(!dependency.recovery.open);
}
END_TEST

START_TEST(test_a_crowd_while_a_few_come_and_go)
{
    setup(HG_LIMITER_FIXED, 1);
    dependency_on_probe(&dependency, 0, false, "refused");
    tick(SECOND);
    dependency_on_probe(&dependency, 0, true, "answers");
    input.line = 3;
    ck_assert_int_eq(tick(SECOND), PHASE_STEADY);
    ck_assert_int_eq(tick(59 * SECOND), PHASE_STEADY);
    ck_assert_int_eq(tick(2 * SECOND), PHASE_IDLE); /* a few are no crowd: the record ends */
    ck_assert_int_eq(recovery_number, 1);
    recovery_finish(&dependency.recovery); /* written */
    ck_assert_int_eq(tick(SECOND), PHASE_IDLE);
    input.line = 1000;
    ck_assert_int_eq(tick(SECOND), PHASE_STEADY);
    ck_assert_int_eq(recovery_number, 2);
}
END_TEST

START_TEST(test_the_end_that_was_not_written_is_no_end)
{
    setup(HG_LIMITER_FIXED, 0);
    input.line = 1000;
    tick(SECOND);
    input.line = 0;
    ck_assert_int_eq(tick(6 * SECOND), PHASE_IDLE);
    ck_assert(!dependency.recovery.open && dependency.recovery.dirty);
    input.line = 1000;
    tick(SECOND);
    ck_assert(dependency.recovery.open);
    ck_assert_int_eq(dependency.recovery.number, 1);
    ck_assert_int_eq(dependency.recovery.ended_us, 0);
}
END_TEST

START_TEST(test_from_fixed_to_slow_start_and_back)
{
    setup(HG_LIMITER_FIXED, 0);
    input.line = 1000;
    ck_assert_int_eq(tick(SECOND), PHASE_STEADY);
    policy.limiter = HG_LIMITER_SLOW_START;
    policy.in_flight_max = 800;
    ck_assert_int_eq(tick(SECOND), PHASE_RAMPING);
    ck_assert_int_eq(plan.window, 500);
    policy.limiter = HG_LIMITER_FIXED;
    ck_assert_int_eq(tick(SECOND), PHASE_STEADY);
    tick(SECOND);
    ck_assert_int_eq(plan.window, 800);
}
END_TEST

START_TEST(test_another_leader_judges_anew)
{
    setup(HG_LIMITER_SLOW_START, 0);
    input.line = 1000;
    tick(SECOND);
    grant(10);
    input.fleets[0].retries = 1000000; /* of all times */
    struct dependency next;
    memset(&next, 0, sizeof(next));
    dependency_init(&next, &policy, &snapshot, input.now_us);
    dependency_finish(&dependency);
    dependency = next;
    ck_assert_int_eq(tick(SECOND), PHASE_PROBING);
    grant(10);
    finish(0, 10);
    ck_assert_int_eq(tick(SECOND), PHASE_FROZEN); /* not explained by retries of long ago */
}
END_TEST

START_TEST(test_learning_keeps_to_the_first_window)
{
    setup(HG_LIMITER_FIXED, 0);
    input.learning = true;
    tick(SECOND);
    ck_assert_int_eq(plan.window, 10);
}
END_TEST

START_TEST(test_probes_not_heard_yet)
{
    setup(HG_LIMITER_SLOW_START, 2);
    dependency.probes[0].state = PROBE_UNKNOWN;
    ck_assert_int_eq(dependency_probe_state(&dependency, &policy), PROBE_UNKNOWN);
    dependency_on_probe(&dependency, 1, false, NULL);
    ck_assert_int_eq(dependency_probe_state(&dependency, &policy), PROBE_DOWN);
    ck_assert_int_eq(tick(SECOND), PHASE_BLOCKED);
    dependency_on_probe(&dependency, 1, true, NULL);
    ck_assert_int_eq(tick(SECOND), PHASE_BLOCKED); /* not before all have spoken */
    dependency_on_probe(&dependency, 0, true, NULL);
    ck_assert_int_eq(tick(SECOND), PHASE_IDLE);
    dependency_on_probe(&dependency, 99, false, "not there");
    ck_assert_int_eq(tick(SECOND), PHASE_IDLE);
}
END_TEST

/* Whatever happens in whatever order: only allowed turns (asserted inside), sane plans, and once all is well for long
 * enough it is idle. The clock stands, goes back and jumps meanwhile. */
START_TEST(test_random_lives)
{
    setup(_i % 2 == 0 ? HG_LIMITER_SLOW_START : HG_LIMITER_FIXED, 2);
    rng_init(&rng, (uint64_t)_i + 100);
    for (int step = 0; step < 3000; step++) {
        switch (rng_between(&rng, 0, 9)) {
        case 0:
            dependency_on_probe(&dependency, (size_t)rng_between(&rng, 0, 1), rng_between(&rng, 0, 1) == 1, "x");
            break;
        case 1:
            dependency.override.paused = rng_between(&rng, 0, 3) == 0;
            break;
        case 2:
            dependency.override.blocked = rng_between(&rng, 0, 3) == 0;
            break;
        case 3:
            dependency.override.in_flight = rng_between(&rng, -1, 20);
            break;
        case 4:
            input.line = rng_between(&rng, 0, 1) * rng_between(&rng, 0, 2000);
            break;
        case 5:
            dependency.override.released_at_us = input.now_us;
            break;
        case 6: {
            int64_t failed = rng_between(&rng, 0, snapshot.in_flight);
            finish(rng_between(&rng, 0, snapshot.in_flight - failed), failed);
            break;
        }
        default:
            if (plan.window > snapshot.in_flight) {
                grant(rng_between(&rng, 0, plan.window - snapshot.in_flight));
            }
            break;
        }
        static const int64_t spans[] = {0, 200000, 1000000, -3000000, 60000000};
        tick(spans[rng_between(&rng, 0, 4)]);
    }
    override_init(&dependency.override);
    dependency_on_probe(&dependency, 0, true, "x");
    dependency_on_probe(&dependency, 1, true, "x");
    input.line = 0;
    finish(snapshot.in_flight, 0);
    for (int step = 0; step < 500; step++) {
        tick(SECOND);
    }
    ck_assert_int_eq(dependency.phase, PHASE_IDLE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dependency");
    TCase *tcase = tcase_create("dependency");
    tcase_add_test(tcase, test_a_few_pass_unasked);
    tcase_add_test(tcase, test_a_whole_ramp);
    tcase_add_test(tcase, test_down_trickle_and_back);
    tcase_add_test(tcase, test_back_and_nobody_waits);
    tcase_add_test(tcase, test_what_was_in_flight_keeps_no_canary_back);
    tcase_add_test(tcase, test_a_probe_that_lies_is_overruled);
    tcase_add_test(tcase, test_failures_freeze_and_it_thaws);
    tcase_add_test(tcase, test_release_thaws_at_once);
    tcase_add_test(tcase, test_troubles_close_together_are_one);
    tcase_add_test(tcase, test_operator);
    tcase_add_test(tcase, test_overrides_move_the_ceilings);
    tcase_add_test(tcase, test_a_ceiling_of_nothing_for_a_while);
    tcase_add_test(tcase, test_fixed_has_no_ramp_but_a_record);
    tcase_add_test(tcase, test_a_crowd_while_a_few_come_and_go);
    tcase_add_test(tcase, test_the_end_that_was_not_written_is_no_end);
    tcase_add_test(tcase, test_from_fixed_to_slow_start_and_back);
    tcase_add_test(tcase, test_another_leader_judges_anew);
    tcase_add_test(tcase, test_learning_keeps_to_the_first_window);
    tcase_add_test(tcase, test_probes_not_heard_yet);
    tcase_add_loop_test(tcase, test_random_lives, 0, 20);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
