#include "check_main.h"
#include "headgate/errors.h"
#include "headgate/policy.h"
#include "policy_cases.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CASE_COUNT (sizeof(policy_cases) / sizeof(policy_cases[0]))

struct result {
    int status;
    struct hg_policy_set *set;
    struct hg_policy_errors errors;
};

static struct result parse(const char *text, size_t size)
{
    struct result result = {0};
    result.status = hg_policy_set_parse("f.json", text, size, &result.set, &result.errors);
    ck_assert((result.status == 0) == (result.set != NULL));
    ck_assert((result.status == 0) == (result.errors.count == 0));
    return result;
}

static void finish(struct result *result)
{
    hg_policy_set_destroy(result->set);
    hg_policy_errors_finish(&result->errors);
}

/* The text with its quotes, and where the mark was. */
static char *make_text(const char *text, int *ret_line, int *ret_column)
{
    char *made = malloc(strlen(text) + 1), *to = made;
    int line = 1, column = 1;
    *ret_line = *ret_column = 0;
    for (; *text != '\0'; text++) {
        if (*text == '^') {
            *ret_line = line;
            *ret_column = column;
            continue;
        }
        *to++ = *text == '\'' ? '"' : *text;
        column = *text == '\n' ? 1 : column + 1;
        line += *text == '\n';
    }
    *to = '\0';
    return made;
}

static struct result parse_quoted(const char *text)
{
    int line, column;
    char *made = make_text(text, &line, &column);
    struct result result = parse(made, strlen(made));
    free(made);
    return result;
}

START_TEST(test_each_mistake)
{
    const struct policy_case *wanted = &policy_cases[_i];
    int line, column;
    char *text = make_text(wanted->text, &line, &column);
    struct result result = parse(text, strlen(text));
    ck_assert_int_eq(result.status, HG_E_POLICY);
    const struct hg_policy_error *error = &result.errors.errors[0];
    bool right = result.errors.count == 1 && error->line == line && error->column == column &&
                 strcmp(error->path, wanted->path) == 0 && strstr(error->message, wanted->message) != NULL;
    if (!right) {
        hg_policy_errors_print(&result.errors, stderr);
    }
    ck_assert_msg(right, "%s\nwanted f.json:%d:%d: %s: ...%s...", text, line, column, wanted->path,
                  wanted->message);
    finish(&result);
    free(text);
}
END_TEST

START_TEST(test_single_quotes)
{
    const char *text = "{'policy': 'p'}";
    struct result result = parse(text, strlen(text));
    ck_assert_uint_eq(result.errors.count, 1);
    ck_assert_int_eq(result.errors.errors[0].column, 2);
    ck_assert_ptr_nonnull(strstr(result.errors.errors[0].message, "double quotes"));
    finish(&result);
}
END_TEST

START_TEST(test_nul_bytes)
{
    static const char inside[] = "{\"policy\": \"p\0q\"}", outside[] = "{\"policy\":\0 \"p\"}";
    struct result result = parse(inside, sizeof(inside) - 1);
    ck_assert_ptr_nonnull(strstr(result.errors.errors[0].message, "a control character"));
    ck_assert_int_eq(result.errors.errors[0].column, 14);
    finish(&result);
    result = parse(outside, sizeof(outside) - 1);
    ck_assert_ptr_nonnull(strstr(result.errors.errors[0].message, "no JSON value"));
    ck_assert_int_eq(result.errors.errors[0].column, 11);
    finish(&result);
}
END_TEST

START_TEST(test_defaults)
{
    struct result result = parse_quoted(
        "{'policy':'p','dependencies':{'db':{'probes':[{'tcp':'a:1'}]}},"
        "'fleets':{'web':{'needs':{'db':1},'after':{'api':{}}},'api':{'size':3,'needs':{'db':1}}}}");
    ck_assert_int_eq(result.status, 0);
    const struct hg_policy *policy = &result.set->policies[0];
    const struct hg_dependency *db = &policy->dependencies[0];
    const struct hg_probe *probe = &db->probes[0];
    const struct hg_fleet *web = &policy->fleets[0];
    ck_assert_int_eq(policy->generation, 1);
    ck_assert_int_eq(policy->mode, HG_POLICY_ENFORCE);
    ck_assert_int_eq(policy->on_store_loss, HG_STORE_LOSS_CLOSED);
    ck_assert_int_eq(policy->store_loss_share_permille, 500);
    ck_assert_int_eq(policy->store_loss_after_us, 3000000);
    ck_assert_int_eq(db->rate_milli, 50000);
    ck_assert_int_eq(db->burst, 10);
    ck_assert_int_eq(db->in_flight_max, 500);
    ck_assert_int_eq(db->reserve_burst, 1);
    ck_assert_int_eq(db->reserve_in_flight, 25);
    ck_assert_int_eq(db->limiter, HG_LIMITER_SLOW_START);
    ck_assert_int_eq(db->request_timeout_us, 0);
    ck_assert_int_eq(probe->interval_us, 1000000);
    ck_assert_int_eq(probe->timeout_us, 500000);
    ck_assert_int_eq(probe->rise, 3);
    ck_assert_int_eq(probe->fall, 2);
    ck_assert_int_eq(probe->jitter_permille, 100);
    ck_assert_int_eq(probe->status_min, 200);
    ck_assert_int_eq(probe->status_max, 399);
    ck_assert_int_eq(probe->min_addresses, 1);
    ck_assert_int_eq(web->size, 0);
    ck_assert_int_eq(web->weight, 1);
    ck_assert_int_eq(web->lease_us, 120000000);
    ck_assert_int_eq(web->backoff_base_us, 1000000);
    ck_assert_int_eq(web->backoff_max_us, 60000000);
    ck_assert_int_eq(web->backoff_jitter, HG_JITTER_FULL);
    ck_assert_int_eq(web->attempts, 8);
    ck_assert_int_eq(web->retry_share_permille, 100);
    ck_assert_int_eq(web->forget_us, INT64_C(3600000000));
    ck_assert_int_eq(web->quarantine_max, 1000);
    ck_assert_uint_eq(web->after[0].fleet, 1);
    ck_assert_int_eq(web->after[0].share_permille, 950);
    ck_assert_int_eq(web->after[0].at_latest_us, 0);
    finish(&result);
}
END_TEST

/* The example of the design, as it is written there. */
static const char design[] =
    "{ '$schema': './headgate-policy.schema.json', 'policy': 'droplets', 'generation': 12, 'dependencies': {"
    "  'dynamodb': { 'probes': ["
    "      { 'dns': 'dynamodb.internal', 'min_addresses': 1 },"
    "      { 'http': 'http://dynamodb.internal:8000/healthz', 'interval': '1s', 'timeout': '500ms', 'rise': "
    "3, 'fall': 2,"
    "        'gauge': { 'json': '/queue_depth', 'soft': 200, 'hard': 2000 } } ],"
    "    'request_timeout': '2s', 'bucket': { 'rate': 500, 'burst': 100 }, 'in_flight': { 'max': 5000 } },"
    "  'network-manager': { 'limiter': { 'mode': 'fixed' }, 'bucket': { 'rate': 50, 'burst': 10 }, "
    "'in_flight': { 'max': 400 } } },"
    " 'fleets': {"
    "  'hypervisors': { 'size': 100000, 'needs': { 'dynamodb': 1 }, 'lease': '2m', 'weight': 8,"
    "    'backoff': { 'base': '1s', 'max': '1m', 'jitter': 'full', 'attempts': 8, 'retry_share': 0.1 } },"
    "  'guests': { 'size': 400000, 'needs': { 'dynamodb': 1, 'network-manager': 1 }, 'lease': '5m',"
    "    'after': { 'hypervisors': { 'share': 0.95, 'at_latest': '30m' } } } },"
    " 'on_store_loss': { 'mode': 'degrade', 'share': 0.5, 'after': '3s' } }";

START_TEST(test_design_example)
{
    struct result result = parse_quoted(design);
    hg_policy_errors_print(&result.errors, stderr);
    ck_assert_int_eq(result.status, 0);
    const struct hg_policy *policy = &result.set->policies[0];
    const struct hg_dependency *dynamodb = &policy->dependencies[0], *network = &policy->dependencies[1];
    const struct hg_fleet *guests = &policy->fleets[1];
    ck_assert_str_eq(policy->name, "droplets");
    ck_assert_int_eq(policy->generation, 12);
    ck_assert_int_eq(policy->on_store_loss, HG_STORE_LOSS_DEGRADE);
    ck_assert_int_eq(policy->store_loss_share_permille, 500);
    ck_assert_int_eq(policy->store_loss_after_us, 3000000);
    ck_assert_uint_eq(policy->dependency_count, 2);
    ck_assert_uint_eq(dynamodb->probe_count, 2);
    ck_assert_int_eq(dynamodb->probes[0].kind, HG_PROBE_DNS);
    ck_assert_str_eq(dynamodb->probes[0].target, "dynamodb.internal");
    ck_assert_int_eq(dynamodb->probes[1].kind, HG_PROBE_HTTP);
    ck_assert_str_eq(dynamodb->probes[1].gauge_json, "/queue_depth");
    ck_assert_int_eq(dynamodb->probes[1].gauge_soft, INT64_C(200000000));
    ck_assert_int_eq(dynamodb->probes[1].gauge_hard, INT64_C(2000000000));
    ck_assert_int_eq(dynamodb->request_timeout_us, 2000000);
    ck_assert_int_eq(dynamodb->rate_milli, 500000);
    ck_assert_int_eq(dynamodb->in_flight_max, 5000);
    ck_assert_int_eq(network->limiter, HG_LIMITER_FIXED);
    ck_assert_str_eq(guests->name, "guests");
    ck_assert_uint_eq(guests->need_count, 2);
    ck_assert_uint_eq(guests->needs[1].dependency, 1);
    ck_assert_int_eq(guests->after[0].at_latest_us, INT64_C(1800000000));
    finish(&result);
}
END_TEST

/* What is odd and yet right. */
static const char *const good[] = {
    TOP("'mode':'observe'"),
    TOP("'on_store_loss':{'mode':'block'}"),
    TOP("'on_store_loss':{'mode':'unlimited'}"),
    TOP("'generation':1e3"),
    TOP("'generation':0"),
    TOP("'generation':1000000000000000"),
    DB("'bucket':{'rate':0}"),
    DB("'bucket':{'rate':0.001,'burst':1}"),
    DB("'bucket':{'rate':1000000,'burst':1000000},'in_flight':{'max':1000000}"),
    DB("'bucket':{'rate':0.57}"),
    DB("'in_flight':{'max':1}"),
    DB("'probes':[]"),
    PROBE("{'tcp':'[::1]:5432'}"),
    PROBE("{'http':'https://user:p%40ss@[fd00::1]:8443/healthz?deep=1','status':'204'}"),
    PROBE("{'redis':'redis://:secret@cache-1.internal:6379/15'}"),
    PROBE("{'redis':'redis://cache'}"),
    PROBE("{'dns':'_db._tcp.example.internal.','server':'[fd00::2]:53'}"),
    PROBE("{'exec':['/bin/sh','-c','','\xc3\xbc']}"),
    PROBE("{'tcp':'a:1','interval':'100ms'}"), /* the time-out shrinks with it */
    PROBE("{'tcp':'a:65535','interval':'1h','timeout':'1h'}"),
    WEB("'lease':'1.5m'"),
    WEB("'lease':'0.0250000000000h','backoff':{'base':'1ms','max':'1ms'}"),
    WEB("'after':{}"),
    "\r\n\t {'policy':'a.b-c_9','dependencies':{'a.b':{}},'fleets':{'a.b':{'needs':{'a.b':1}}}}\n\n",
};

START_TEST(test_good)
{
    struct result result = parse_quoted(good[_i]);
    hg_policy_errors_print(&result.errors, stderr);
    ck_assert_msg(result.status == 0, "%s", good[_i]);
    finish(&result);
}
END_TEST

START_TEST(test_exact_values)
{
    struct result result = parse_quoted(
        "{'policy':'p','dependencies':{'db':{'bucket':{'rate':0.57,'burst':3},'probes':[{'tcp':'a:1','"
        "interval':'200ms'}],"
        "'reserve':{'burst':0,'in_flight':7}}},'fleets':{'web':{'needs':{'db':3},'lease':'0.0025h'}}}");
    ck_assert_int_eq(result.status, 0);
    const struct hg_dependency *db = &result.set->policies[0].dependencies[0];
    ck_assert_int_eq(db->rate_milli, 570);
    ck_assert_int_eq(db->burst, 3);
    ck_assert_int_eq(db->reserve_burst, 0);
    ck_assert_int_eq(db->reserve_in_flight, 7);
    ck_assert_int_eq(db->probes[0].timeout_us, 200000);
    ck_assert_int_eq(result.set->policies[0].fleets[0].lease_us, 9000000);
    ck_assert_int_eq(result.set->policies[0].fleets[0].needs[0].cost, 3);
    finish(&result);
}
END_TEST

START_TEST(test_all_errors_at_once)
{
    static const char *const paths[] = {"$.policy",
                                        "$.mode",
                                        "$.generation",
                                        "$.dependencies.db.bucket.rate",
                                        "$.dependencies.db.probes[0]",
                                        "$.dependencies.db.probes[1].fall",
                                        "$.fleets.a.needs.bd",
                                        "$.fleets.a.after.b",
                                        "$.fleets.a.after.b",
                                        "$.fleets.b.lease",
                                        "$.fleets.b.color"};
    struct result result = parse_quoted("{'policy':'P',\n'mode':'x',\n'generation':1e999,\n'dependencies':{'"
                                        "db':{'bucket':{'rate':'1'},\n'probes':[{},\n"
                                        "{'tcp':'a:1','fall':0}]}},\n'fleets':{'a':{'size':1,'needs':{'bd':1}"
                                        ",\n'after':{'b':{}}},\n'b':{'needs':{'db':1},"
                                        "'lease':7,\n'after':{'a':{}},'color':1}}}");
    if (result.errors.count != sizeof(paths) / sizeof(paths[0])) {
        hg_policy_errors_print(&result.errors, stderr);
    }
    ck_assert_uint_eq(result.errors.count, sizeof(paths) / sizeof(paths[0]));
    for (size_t i = 0; i < result.errors.count; i++) {
        ck_assert_str_eq(result.errors.errors[i].path, paths[i]);
    }
    finish(&result);
}
END_TEST

/* What is wrong elsewhere in a dependency does not hide a cost that never fits; a limit that is itself wrong
 * does. */
START_TEST(test_costs_beside_other_errors)
{
    struct result result =
        parse_quoted("{'policy':'p','dependencies':{'db':{'probs':[],'bucket':{'rate':1e999,'burst':10}},"
                     "'queue':{'bucket':{'brust':90}},'cache':{'in_flight':{'max':0}}},"
                     "'fleets':{'web':{'needs':{'db':40,'queue':40,'cache':2}}}}");
    static const char *const paths[] = {"$.dependencies.db.probs", "$.dependencies.db.bucket.rate",
                                        "$.dependencies.queue.bucket.brust",
                                        "$.dependencies.cache.in_flight.max", "$.fleets.web.needs.db"};
    if (result.errors.count != sizeof(paths) / sizeof(paths[0])) {
        hg_policy_errors_print(&result.errors, stderr);
    }
    ck_assert_uint_eq(result.errors.count, sizeof(paths) / sizeof(paths[0]));
    for (size_t i = 0; i < result.errors.count; i++) {
        ck_assert_str_eq(result.errors.errors[i].path, paths[i]);
    }
    finish(&result);
}
END_TEST

/* Writes files into a directory of its own. */
static char directory[] = "/tmp/headgate-test-policy-XXXXXX";

static void make_directory(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void remove_directory(void)
{
    char pattern[64];
    glob_t found;
    static const char *const kinds[] = {"*", ".h*"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(pattern, sizeof(pattern), "%s/%s", directory, kinds[i]);
        if (glob(pattern, 0, NULL, &found) == 0) {
            for (size_t f = 0; f < found.gl_pathc; f++) {
                remove(found.gl_pathv[f]);
            }
            globfree(&found);
        }
    }
    rmdir(directory);
    strcpy(directory + strlen(directory) - 6, "XXXXXX");
}

static void write_file(const char *name, const char *quoted)
{
    char path[128];
    int line, column;
    char *text = make_text(quoted, &line, &column);
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *out = fopen(path, "we");
    ck_assert_ptr_nonnull(out);
    fputs(text, out);
    fclose(out);
    free(text);
}

static struct result load_directory(void)
{
    const char *paths[] = {directory};
    struct result result = {0};
    result.status = hg_policy_set_load(paths, 1, &result.set, &result.errors);
    return result;
}

#define NAMED(policy, dependency, fleet)                                                                     \
    "{'policy':'" policy "',\n'dependencies':{'" dependency "':{}},\n'fleets':{'" fleet                      \
    "':{'needs':{'" dependency "':1}}}}"

START_TEST(test_directory)
{
    write_file("b.json", NAMED("b", "db-b", "fleet-b"));
    write_file("a.json", NAMED("a", "db-a", "fleet-a"));
    write_file("headgate-policy.schema.json", "no JSON at all");
    write_file(".hidden.json", "no JSON at all");
    write_file("notes.txt", "no JSON at all");
    struct result result = load_directory();
    hg_policy_errors_print(&result.errors, stderr);
    ck_assert_int_eq(result.status, 0);
    ck_assert_uint_eq(result.set->policy_count, 2);
    ck_assert_str_eq(result.set->policies[0].name, "a");
    ck_assert_str_eq(result.set->policies[1].name, "b");
    finish(&result);
}
END_TEST

/* A file that is no JSON hides nothing of the others, and names are unique across them all. */
START_TEST(test_errors_across_files)
{
    static const struct {
        const char *file;
        int line, column;
        const char *path;
    } wanted[] = {{"b.json", 1, 1, "$"},
                  {"c.json", 1, 11, "$.policy"},
                  {"c.json", 2, 17, "$.dependencies.db"},
                  {"c.json", 3, 11, "$.fleets.web"},
                  {"d.json", 3, 11, "$.fleets.web"},
                  {"d.json", 3, 11, "$.fleets.web"}};
    write_file("a.json", NAMED("a", "db", "web"));
    write_file("b.json", "^nonsense");
    write_file("c.json", NAMED("a", "db", "web"));
    write_file("d.json", NAMED("d", "db-d", "web"));
    struct result result = load_directory();
    ck_assert_int_eq(result.status, HG_E_POLICY);
    ck_assert_ptr_null(result.set);
    ck_assert_uint_eq(result.errors.count, 6);
    for (size_t i = 0; i < 6; i++) {
        const struct hg_policy_error *error = &result.errors.errors[i];
        ck_assert_str_eq(error->file + strlen(directory) + 1, wanted[i].file);
        ck_assert_int_eq(error->line, wanted[i].line);
        ck_assert_int_eq(error->column, wanted[i].column);
        ck_assert_str_eq(error->path, wanted[i].path);
    }
    ck_assert_ptr_nonnull(strstr(result.errors.errors[1].message, "/a.json; give each policy its own"));
    finish(&result);
}
END_TEST

START_TEST(test_file_given_twice)
{
    char file[128];
    write_file("a.json", NAMED("a", "db", "web"));
    snprintf(file, sizeof(file), "%s/a.json", directory);
    const char *paths[] = {directory, file};
    struct result result = {0};
    result.status = hg_policy_set_load(paths, 2, &result.set, &result.errors);
    ck_assert_int_eq(result.status, HG_E_POLICY);
    ck_assert_uint_eq(result.errors.count, 1);
    ck_assert_ptr_nonnull(strstr(result.errors.errors[0].message, "given twice"));
    finish(&result);
}
END_TEST

START_TEST(test_empty_directory)
{
    struct result result = load_directory();
    ck_assert_int_eq(result.status, HG_E_POLICY);
    ck_assert_ptr_nonnull(strstr(result.errors.errors[0].message, "no *.json file"));
    finish(&result);
}
END_TEST

START_TEST(test_too_many_policies)
{
    for (int i = 0; i < HG_POLICIES_MAX + 2; i++) {
        char name[32], text[256];
        snprintf(name, sizeof(name), "%03d.json", i);
        snprintf(text, sizeof(text),
                 "{'policy':'p%d','dependencies':{'d%d':{}},'fleets':{'f%d':{'needs':{'d%d':1}}}}", i, i, i,
                 i);
        write_file(name, text);
    }
    struct result result = load_directory();
    ck_assert_int_eq(result.status, HG_E_POLICY);
    ck_assert_uint_eq(result.errors.count, 2);
    ck_assert_ptr_nonnull(strstr(result.errors.errors[0].message, "at most 64"));
    finish(&result);
}
END_TEST

START_TEST(test_missing_file)
{
    const char *paths[] = {"/nowhere/at/all.json", "/nowhere/else.json"};
    struct result result = {0};
    result.status = hg_policy_set_load(paths, 2, &result.set, &result.errors);
    ck_assert_int_eq(result.status, HG_E_POLICY);
    ck_assert_uint_eq(result.errors.count, 2);
    ck_assert_ptr_nonnull(strstr(result.errors.errors[0].message, "cannot be read: No such file"));
    finish(&result);
}
END_TEST

START_TEST(test_printed_lines)
{
    char *printed = NULL;
    size_t size = 0;
    struct result result =
        parse_quoted("{'policy':'p','dependencies':{'db':{}},\n 'fleets':{'web':{'needs':{'bd':1}}}}");
    FILE *out = open_memstream(&printed, &size);
    hg_policy_errors_print(&result.errors, out);
    fclose(out);
    ck_assert_str_eq(printed,
                     "f.json:2:28: $.fleets.web.needs.bd: no such dependency; did you mean \"db\"?\n");
    free(printed);
    finish(&result);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy");
    TCase *tcase = tcase_create("policy"), *files = tcase_create("files");
    tcase_add_loop_test(tcase, test_each_mistake, 0, (int)CASE_COUNT);
    tcase_add_loop_test(tcase, test_good, 0, (int)(sizeof(good) / sizeof(good[0])));
    tcase_add_test(tcase, test_single_quotes);
    tcase_add_test(tcase, test_nul_bytes);
    tcase_add_test(tcase, test_defaults);
    tcase_add_test(tcase, test_design_example);
    tcase_add_test(tcase, test_exact_values);
    tcase_add_test(tcase, test_all_errors_at_once);
    tcase_add_test(tcase, test_costs_beside_other_errors);
    tcase_add_test(tcase, test_missing_file);
    tcase_add_test(tcase, test_printed_lines);
    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(files, make_directory, remove_directory);
    tcase_add_test(files, test_directory);
    tcase_add_test(files, test_errors_across_files);
    tcase_add_test(files, test_file_given_twice);
    tcase_add_test(files, test_empty_directory);
    tcase_add_test(files, test_too_many_policies);
    suite_add_tcase(suite, files);
    return run_suite(suite);
}
