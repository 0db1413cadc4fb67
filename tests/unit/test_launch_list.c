/* The list of instances: what is taken, what is refused, and how it is said. */
#include "check_main.h"

#include "headgate/errors.h"
#include "launch/list.h"

#include <stdio.h>
#include <string.h>

static char said[8192];

static int read_text(const char *text, size_t size, struct list *ret_list)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, size, "r");
    FILE *errors = fmemopen(said, sizeof(said), "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(errors);
    said[0] = '\0';
    int status = list_read(file, "hosts", errors, ret_list);
    fclose(file);
    fclose(errors);
    return status;
}

static struct list good(const char *text)
{
    struct list list;
    ck_assert_msg(read_text(text, strlen(text), &list) == 0, "%s", said);
    ck_assert_str_eq(said, "");
    return list;
}

static void bad(const char *text, const char *words)
{
    struct list list;
    ck_assert_int_eq(read_text(text, strlen(text), &list), HG_E_POLICY);
    ck_assert_msg(strstr(said, words) != NULL, "'%s' in: %s", words, said);
}

START_TEST(test_names_comments_and_blank_lines)
{
    struct list list = good("# all\n\nweb-1\n  web-2  # rack 3\r\n\t\nA.b_c:d@e-9");
    ck_assert_uint_eq(list.count, 3);
    ck_assert_str_eq(list_name(&list, 0), "web-1");
    ck_assert_str_eq(list_name(&list, 1), "web-2");
    ck_assert_str_eq(list_name(&list, 2), "A.b_c:d@e-9");
    ck_assert_uint_eq(list_find(&list, "web-2"), 1);
    ck_assert_uint_eq(list_find(&list, "web-3"), LIST_NONE);
    list_finish(&list);
}
END_TEST

START_TEST(test_every_mistake_is_said_with_its_line)
{
    bad("web-1\nweb 2\n", "hosts:2: web 2: more than one word");
    bad("web-1\nx\nweb-1\n", "hosts:3: web-1: named in line 1 already");
    bad("-web\n", "hosts:1: -web: no instance's name");
    bad("w\xc3\xa4\n", "hosts:1:");
    bad("", "names no instance");
    bad("# nothing\n", "names no instance");
    bad("a b\n-c\n", "hosts:2: -c");
    char long_name[200];
    memset(long_name, 'a', sizeof(long_name));
    long_name[128] = '\0';
    struct list list = good(long_name);
    list_finish(&list);
    long_name[128] = 'a';
    long_name[129] = '\0';
    bad(long_name, "at most 128 bytes");
}
END_TEST

START_TEST(test_many_mistakes_are_counted)
{
    char text[400] = "";
    for (int i = 0; i < 30; i++) {
        strcat(text, "-x\n");
    }
    bad(text, "hosts: and 10 more");
    ck_assert_ptr_nonnull(strstr(said, "hosts:20:"));
    ck_assert_ptr_null(strstr(said, "hosts:21:"));
}
END_TEST

START_TEST(test_a_nul_byte_is_no_text)
{
    struct list list;
    ck_assert_int_eq(read_text("a\0b\nc\n", 6, &list), HG_E_POLICY);
    ck_assert_ptr_nonnull(strstr(said, "hosts:1:"));
}
END_TEST

START_TEST(test_hash_tells_lists_apart)
{
    struct list one = good("a\nb\n"), same = good("# x\na\n\nb"), order = good("b\na\n"),
                joined = good("ab\n");
    ck_assert(list_hash(&one) == list_hash(&same));
    ck_assert(list_hash(&one) != list_hash(&order));
    ck_assert(list_hash(&one) != list_hash(&joined));
    list_finish(&one);
    list_finish(&same);
    list_finish(&order);
    list_finish(&joined);
}
END_TEST

START_TEST(test_a_large_list_is_found_again)
{
    enum { COUNT = 20000 };
    char *text = malloc(COUNT * 12), *end = text, name[32];
    ck_assert_ptr_nonnull(text);
    for (int i = 0; i < COUNT; i++) {
        end += sprintf(end, "web-%d\n", i);
    }
    struct list list = good(text);
    ck_assert_uint_eq(list.count, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "web-%u", i);
        ck_assert_uint_eq(list_find(&list, name), i);
    }
    list_finish(&list);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch_list");
    TCase *tcase = tcase_create("launch_list");
    tcase_add_test(tcase, test_names_comments_and_blank_lines);
    tcase_add_test(tcase, test_every_mistake_is_said_with_its_line);
    tcase_add_test(tcase, test_many_mistakes_are_counted);
    tcase_add_test(tcase, test_a_nul_byte_is_no_text);
    tcase_add_test(tcase, test_hash_tells_lists_apart);
    tcase_add_test(tcase, test_a_large_list_is_found_again);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
