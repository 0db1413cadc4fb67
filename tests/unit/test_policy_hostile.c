/* Policies made to hurt: long, deep, or wrong in a hundred thousand places. They cost bounded time (Check's
 * own limit ends a test that does not) and a bounded list of errors. */
#include "check_main.h"
#include "headgate/errors.h"
#include "headgate/policy.h"

#include <stdlib.h>
#include <string.h>

#define MIB           ((size_t)1024 * 1024)
#define LISTED_MAX    100
#define LINE_SIZE_MAX 2000

struct text {
    char *bytes;
    size_t size;
};

static struct text text_make(size_t capacity)
{
    struct text text = {malloc(capacity + 1), 0};
    ck_assert_ptr_nonnull(text.bytes);
    return text;
}

static void put(struct text *text, const char *bytes)
{
    size_t size = strlen(bytes);
    memcpy(text->bytes + text->size, bytes, size + 1);
    text->size += size;
}

static void put_times(struct text *text, const char *bytes, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        put(text, bytes);
    }
}

/* Refused with `listed` errors and `more` that are only counted, the first with this message. */
static void check_refused(struct text *text, size_t listed, size_t more, const char *message)
{
    struct hg_policy_set *set = NULL;
    struct hg_policy_errors errors;
    char *printed = NULL, last[80];
    size_t size = 0, lines = 0;
    ck_assert_int_eq(hg_policy_set_parse("f.json", text->bytes, text->size, &set, &errors), HG_E_POLICY);
    ck_assert_uint_eq(errors.count, listed);
    ck_assert_uint_eq(errors.more, more);
    ck_assert_msg(strstr(errors.errors[0].message, message) != NULL, "%s", errors.errors[0].message);
    FILE *out = open_memstream(&printed, &size);
    hg_policy_errors_print(&errors, out);
    fclose(out);
    for (size_t i = 0; i < size; i++) {
        lines += printed[i] == '\n';
    }
    ck_assert_uint_eq(lines, listed + (more > 0));
    ck_assert_uint_lt(size, (listed + 1) * LINE_SIZE_MAX);
    snprintf(last, sizeof(last), "\nand %zu more; ", more);
    ck_assert(more == 0 || strstr(printed, last) != NULL);
    free(printed);
    hg_policy_errors_finish(&errors);
    free(text->bytes);
}

START_TEST(test_ten_megabytes)
{
    struct text text = text_make(10 * MIB);
    put(&text, "{\"policy\":\"");
    memset(text.bytes + text.size, 'x', 10 * MIB - text.size);
    text.size = 10 * MIB;
    text.bytes[text.size] = '\0';
    char file[] = "/tmp/headgate-test-policy-XXXXXX";
    int descriptor = mkstemp(file);
    ck_assert_int_ge(descriptor, 0);
    FILE *out = fdopen(descriptor, "w");
    ck_assert_uint_eq(fwrite(text.bytes, 1, text.size, out), text.size);
    fclose(out);
    const char *paths[] = {file};
    struct hg_policy_set *set = NULL;
    struct hg_policy_errors errors;
    int status = hg_policy_set_load(paths, 1, &set, &errors);
    remove(file);
    ck_assert_int_eq(status, HG_E_POLICY);
    ck_assert_ptr_nonnull(strstr(errors.errors[0].message, "longer than 1 MiB"));
    hg_policy_errors_finish(&errors);
    check_refused(&text, 1, 0, "longer than 1 MiB");
}
END_TEST

START_TEST(test_a_million_brackets)
{
    static const char *const openings[] = {"[", "{\"a\":", "[{\"a\":"};
    struct text text = text_make(MIB);
    put_times(&text, openings[_i], 1000000 / strlen(openings[_i]));
    check_refused(&text, 1, 0, "nested too deep");
}
END_TEST

START_TEST(test_unknown_keys)
{
    struct text text = text_make(MIB);
    put(&text, "{\"policy\":\"p\",\"dependencies\":{\"db\":{}},\"fleets\":{\"web\":{\"needs\":{\"db\":1}}}");
    for (int i = 0; i < 16000; i++) {
        char member[40];
        snprintf(member, sizeof(member), ",\"colour-%d\":1", i);
        put(&text, member);
    }
    put(&text, "}");
    check_refused(&text, LISTED_MAX, 16000 - LISTED_MAX, "unknown key");
}
END_TEST

START_TEST(test_too_many_values)
{
    struct text text = text_make(MIB);
    put(&text, "{\"policy\":[1");
    put_times(&text, ",1", 100000);
    put(&text, "]}");
    check_refused(&text, 1, 0, "more than 16384 values");
}
END_TEST

START_TEST(test_a_hundred_thousand_errors)
{
    struct text text = text_make(MIB);
    put(&text, "{\"policy\":\"p\",\"dependencies\":{\"db\":{}},\"fleets\":{\"web\":{\"needs\":{\"db\":1}}}");
    put_times(&text, ",\"mode\":0", 100001);
    put(&text, "}");
    /* 100,000 repeated, and the last one, which is the one that counts, is wrong. */
    check_refused(&text, LISTED_MAX, 100001 - LISTED_MAX, "given already");
}
END_TEST

START_TEST(test_long_things)
{
    static const char *const texts[][3] = {
        {"{\"generation\":", "9", "}"},
        {"{\"generation\":0.", "0", "1}"},
        {"{\"policy\":\"", "p", "\"}"},
        {"{\"", "k", "\":1}"},
        {"{\"", "\\u001b", "\":1}"},
        {"{\"fleets\":{\"", "f", "\":{}}}"},
        {"{\"dependencies\":{\"db\":{\"probes\":[{\"dns\":\"", "a.", "\"}]}}}"},
        {"{\"fleets\":{\"f\":{\"lease\":\"", "1", "s\"}}}"},
    };
    struct text text = text_make(MIB);
    struct hg_policy_set *set = NULL;
    struct hg_policy_errors errors;
    put(&text, texts[_i][0]);
    put_times(&text, texts[_i][1], 1000000 / strlen(texts[_i][1]));
    put(&text, texts[_i][2]);
    ck_assert_int_eq(hg_policy_set_parse("f.json", text.bytes, text.size, &set, &errors), HG_E_POLICY);
    ck_assert_uint_ge(errors.count, 1);
    for (size_t i = 0; i < errors.count; i++) {
        ck_assert_uint_lt(strlen(errors.errors[i].path), LINE_SIZE_MAX);
        ck_assert_uint_lt(strlen(errors.errors[i].message), LINE_SIZE_MAX);
    }
    hg_policy_errors_finish(&errors);
    free(text.bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy_hostile");
    TCase *tcase = tcase_create("hostile");
    tcase_add_test(tcase, test_ten_megabytes);
    tcase_add_loop_test(tcase, test_a_million_brackets, 0, 3);
    tcase_add_test(tcase, test_unknown_keys);
    tcase_add_test(tcase, test_too_many_values);
    tcase_add_test(tcase, test_a_hundred_thousand_errors);
    tcase_add_loop_test(tcase, test_long_things, 0, 8);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
