#include "core/phase.h"

#include "check_main.h"

/* Written out again, by hand: from the row to the column. */
static const char *const table[PHASE_COUNT] = {
    /*              i b p r s f P */
    [PHASE_IDLE] = ".bp.s.P",    [PHASE_BLOCKED] = "i.p.s.P", [PHASE_PROBING] = "ib.rsfP", [PHASE_RAMPING] = "ib..sfP",
    [PHASE_STEADY] = "ibpr.fP", [PHASE_FROZEN] = "ibp.s.P",  [PHASE_PAUSED] = "ibp.s..",
};

START_TEST(test_every_pair)
{
    for (int from = 0; from < PHASE_COUNT; from++) {
        for (int to = 0; to < PHASE_COUNT; to++) {
            bool expected = table[from][to] != '.';
            ck_assert_msg(phase_may_follow((enum phase)from, (enum phase)to) == expected, "%s to %s",
                          phase_name((enum phase)from), phase_name((enum phase)to));
        }
    }
}
END_TEST

START_TEST(test_staying_is_no_change)
{
    for (int phase = 0; phase < PHASE_COUNT; phase++) {
        ck_assert(!phase_may_follow((enum phase)phase, (enum phase)phase));
    }
}
END_TEST

START_TEST(test_no_phase_is_a_trap)
{
    /* From each phase every other one is reached, and nothing leads out of the table. */
    for (int from = 0; from < PHASE_COUNT; from++) {
        bool reached[PHASE_COUNT] = {0};
        reached[from] = true;
        for (int round = 0; round < PHASE_COUNT; round++) {
            for (int a = 0; a < PHASE_COUNT; a++) {
                for (int b = 0; b < PHASE_COUNT; b++) {
                    reached[b] = reached[b] || (reached[a] && phase_may_follow((enum phase)a, (enum phase)b));
                }
            }
        }
        for (int to = 0; to < PHASE_COUNT; to++) {
            ck_assert(reached[to]);
        }
        ck_assert(!phase_may_follow((enum phase)from, PHASE_COUNT));
        ck_assert(!phase_may_follow(PHASE_COUNT, (enum phase)from));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("phase");
    TCase *tcase = tcase_create("phase");
    tcase_add_test(tcase, test_every_pair);
    tcase_add_test(tcase, test_staying_is_no_change);
    tcase_add_test(tcase, test_no_phase_is_a_trap);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
