/* Between the files of src/policy. */
#ifndef POLICY_POLICY_LOADER_H
#define POLICY_POLICY_LOADER_H

#include "policy/policy_position.h"
#include "policy/policy_rules.h"

#include <jansson.h>

#define ERRORS_MAX 200 /* then the list says that there are more */

struct loader {
    const char *file;
    struct positions positions;
    struct hg_policy_errors *errors;
    bool nomem;
};

/* policy_errors.c */
void loader_error(struct loader *loader, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void loader_error_at(struct loader *loader, int line, int column, const char *path, const char *message);
void errors_sort(struct hg_policy_errors *errors);

/* policy_values.c: one value by its rule into the struct at `base`. */
void loader_defaults(const struct rule_table *table, void *base);
void loader_object(struct loader *loader, const json_t *json, const char *path, enum rule_object object, void *base);
bool loader_map(struct loader *loader, const json_t *json, const char *path, const struct rule *rule);
char *loader_copy(struct loader *loader, const char *text);
/* "250ms" -> microseconds; false if it is none. */
bool duration_parse(const char *text, int64_t *ret_us);

/* policy_read.c: one document into a policy; policy_free.c */
void policy_read(struct loader *loader, const json_t *root, struct hg_policy *policy);
void policy_finish(struct hg_policy *policy);

/* policy_check.c: what spans several values */
void policy_check(struct loader *loader, const struct hg_policy *policy);

#endif
