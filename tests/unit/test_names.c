#include "core/group.h"

#include "check_main.h"

#include <string.h>

typedef const char *(*name_fn)(int value);

static const char *phase_of(int value)
{
    return phase_name((enum phase)value);
}

static const char *state_of(int value)
{
    return instance_state_name((enum instance_state)value);
}

static const char *limit_of(int value)
{
    return limit_name((enum limit)value);
}

static const char *outcome_of(int value)
{
    return outcome_name((enum outcome)value);
}

static const struct {
    name_fn name;
    int count;
} kinds[] = {{phase_of, PHASE_COUNT}, {state_of, INSTANCE_STATE_COUNT}, {limit_of, LIMIT_COUNT},
             {outcome_of, OUTCOME_COUNT}};

START_TEST(test_each_has_its_own)
{
    for (int a = 0; a < kinds[_i].count; a++) {
        ck_assert_ptr_nonnull(kinds[_i].name(a));
        ck_assert_uint_gt(strlen(kinds[_i].name(a)), 0);
        for (int b = 0; b < a; b++) {
            ck_assert_str_ne(kinds[_i].name(a), kinds[_i].name(b));
        }
    }
    ck_assert_str_eq(kinds[_i].name(-1), "none");
    ck_assert_str_eq(kinds[_i].name(kinds[_i].count), "none");
}
END_TEST

START_TEST(test_in_their_order)
{
    ck_assert_str_eq(phase_name(PHASE_FROZEN), "frozen");
    ck_assert_str_eq(instance_state_name(INSTANCE_DONE), "recovered");
    ck_assert_str_eq(limit_name(LIMIT_WINDOW), "window");
    ck_assert_str_eq(limit_name(LIMIT_STORE), "store");
    ck_assert_str_eq(outcome_name(OUTCOME_EXPIRED), "expired");
}
END_TEST

START_TEST(test_clear_frees_what_a_reply_owns)
{
    static struct group_reply reply;
    reply.op_count = 2;
    reply.ops[0].items = calloc(3, sizeof(struct list_item));
    reply.ops[0].item_count = 3;
    reply.ops[1].notes = calloc(1, sizeof(struct note));
    reply.ops[1].notes[0].key = strdup("k");
    reply.ops[1].notes[0].value = strdup("v");
    reply.ops[1].note_count = 1;
    group_reply_clear(&reply);
    ck_assert_uint_eq(reply.op_count, 0);
    ck_assert_ptr_null(reply.ops[0].items);
    ck_assert_ptr_null(reply.ops[1].notes);
    group_reply_clear(&reply);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("names");
    TCase *tcase = tcase_create("names");
    tcase_add_loop_test(tcase, test_each_has_its_own, 0, (int)(sizeof(kinds) / sizeof(kinds[0])));
    tcase_add_test(tcase, test_in_their_order);
    tcase_add_test(tcase, test_clear_frees_what_a_reply_owns);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
