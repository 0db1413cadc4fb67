/* A policy file. Whatever it says, it loads or every error has a place and a mend; our strict scanner and
 * jansson agree on what is JSON; and what loads is sound: the engine relies on it. */
#include "core/bucket.h"
#include "fuzz/fuzz.h"
#include "headgate/errors.h"
#include "headgate/policy.h"
#include "policy/policy_position.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct scan_result {
    bool bounded; /* refused for what a policy may be, not for what JSON is */
};

static void on_error(void *user_data, struct place place, const char *path, const char *message)
{
    struct scan_result *result = user_data;
    FUZZ_CHECK(place.line >= 1 && place.column >= 1 && path[0] == '$');
    result->bounded =
        result->bounded || strstr(message, "nested too deep") != NULL || strstr(message, "values;") != NULL;
}

static void compare_with_jansson(const char *data, size_t size)
{
    struct positions positions = {0};
    struct scan_result result = {0};
    char *text = malloc(size + 1);
    FUZZ_CHECK(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    int status = positions_scan(&positions, text, size, on_error, &result);
    json_t *tree = json_loadb(text, size, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
    /* What stopped half way may have left a number too large for jansson behind. */
    FUZZ_CHECK(status != 0 || tree != NULL);
    /* jansson takes a NUL between two tokens for the end. */
    FUZZ_CHECK(status == 0 || tree == NULL || result.bounded || memchr(data, 0, size) != NULL);
    json_decref(tree);
    positions_finish(&positions);
    free(text);
}

static void check_fleet(const struct hg_policy *policy, const struct hg_fleet *fleet)
{
    FUZZ_CHECK(fleet->name[0] != '\0' && strlen(fleet->name) <= HG_NAME_MAX);
    FUZZ_CHECK(fleet->need_count >= 1 && fleet->need_count <= HG_NEEDS_MAX);
    FUZZ_CHECK(fleet->after_count <= HG_AFTER_MAX);
    FUZZ_CHECK(fleet->backoff_base_us >= 1000 && fleet->backoff_base_us <= fleet->backoff_max_us);
    FUZZ_CHECK(fleet->lease_us >= 1000000 && fleet->weight >= 1 && fleet->attempts >= 1);
    for (size_t n = 0; n < fleet->need_count; n++) {
        FUZZ_CHECK(fleet->needs[n].dependency < policy->dependency_count);
        const struct hg_dependency *dependency = &policy->dependencies[fleet->needs[n].dependency];
        FUZZ_CHECK(fleet->needs[n].cost >= 1);
        FUZZ_CHECK(fleet->needs[n].cost <= dependency->burst - dependency->reserve_burst);
        FUZZ_CHECK(fleet->needs[n].cost <= dependency->in_flight_max - dependency->reserve_in_flight);
    }
    for (size_t a = 0; a < fleet->after_count; a++) {
        FUZZ_CHECK(fleet->after[a].fleet < policy->fleet_count);
        FUZZ_CHECK(policy->fleets[fleet->after[a].fleet].size > 0);
        FUZZ_CHECK(fleet->after[a].share_permille >= 1 && fleet->after[a].share_permille <= 1000);
    }
}

static void check_dependency(const struct hg_dependency *dependency)
{
    FUZZ_CHECK(dependency->rate_milli >= 0 && dependency->rate_milli <= BUCKET_RATE_MILLI_MAX);
    FUZZ_CHECK(dependency->burst >= 1 && dependency->burst <= BUCKET_BURST_MAX);
    FUZZ_CHECK(dependency->in_flight_max >= 1 && dependency->in_flight_max <= BUCKET_BURST_MAX);
    for (size_t p = 0; p < dependency->probe_count; p++) {
        const struct hg_probe *probe = &dependency->probes[p];
        FUZZ_CHECK(probe->timeout_us >= 10000 && probe->timeout_us <= probe->interval_us);
        FUZZ_CHECK(probe->kind == HG_PROBE_EXEC ? probe->argc >= 1 && probe->argv[probe->argc] == NULL
                                                : probe->target != NULL && probe->target[0] != '\0');
        FUZZ_CHECK(probe->status_min >= 100 && probe->status_min <= probe->status_max &&
                   probe->status_max <= 599);
        FUZZ_CHECK(probe->gauge_json == NULL || probe->gauge_soft < probe->gauge_hard);
    }
}

static void check_printed(const struct hg_policy_errors *errors)
{
    char *printed = NULL;
    size_t size = 0, lines = 0;
    FILE *out = open_memstream(&printed, &size);
    FUZZ_CHECK(out != NULL);
    hg_policy_errors_print(errors, out);
    fclose(out);
    for (size_t i = 0; i < size; i++) {
        lines += printed[i] == '\n';
        FUZZ_CHECK(printed[i] == '\n' || (unsigned char)printed[i] >= 0x20);
    }
    FUZZ_CHECK(lines == errors->count + (errors->more > 0));
    free(printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hg_policy_set *set = NULL;
    struct hg_policy_errors errors;
    int status = hg_policy_set_parse("fuzz.json", (const char *)data, size, &set, &errors);
    FUZZ_CHECK(status == 0 || status == HG_E_POLICY);
    FUZZ_CHECK((status == 0) == (set != NULL) && (status == 0) == (errors.count == 0));
    check_printed(&errors);
    for (size_t d = 0; set != NULL && d < set->policies[0].dependency_count; d++) {
        check_dependency(&set->policies[0].dependencies[d]);
    }
    for (size_t f = 0; set != NULL && f < set->policies[0].fleet_count; f++) {
        check_fleet(&set->policies[0], &set->policies[0].fleets[f]);
    }
    hg_policy_set_destroy(set);
    hg_policy_errors_finish(&errors);
    compare_with_jansson((const char *)data, size);
    return 0;
}
