/* Between the files of src/policy. */
#ifndef POLICY_POLICY_LOADER_H
#define POLICY_POLICY_LOADER_H

#include "policy/policy_position.h"
#include "policy/policy_rules.h"

#include <jansson.h>

#define ERRORS_PER_FILE_MAX 100 /* listed; the others are counted */
#define MESSAGE_MAX         640

struct loader {
    const char *file;
    struct positions positions;
    struct hg_policy_errors *errors;
    size_t first_error; /* of this file in `errors` */
    size_t error_count; /* of this file, those that are only counted with them */
    bool nomem;
};

/* policy_errors.c: what is wrong with the value at `path`, or with its key. */
void loader_error(struct loader *loader, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void loader_error_key(struct loader *loader, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void loader_error_at(struct loader *loader, struct place place, const char *path, const char *message);
/* Whether nothing is wrong at `path` and below it so far: rules that span several values look at sound ones
 * only, so that one mistake is one error. */
bool loader_clean(const struct loader *loader, const char *path);
/* The same without what is below. */
bool loader_clean_at(const struct loader *loader, const char *path);
/* Whether the document has a value there. */
bool loader_given(const struct loader *loader, const char *path);
void errors_sort(struct hg_policy_errors *errors);

/* policy_values.c: one value by its rule into the struct at `base`. */
void loader_defaults(const struct rule_table *table, void *base);
void loader_object(struct loader *loader, const json_t *json, const char *path, enum rule_object object,
                   void *base);
bool loader_map(struct loader *loader, const json_t *json, const char *path, const struct rule *rule);
char *loader_copy(struct loader *loader, const char *text);
/* A text by the pattern of its rule. */
bool loader_matches(struct loader *loader, const char *text, const char *pattern);

/* policy_duration.c: "250ms" -> microseconds. */
enum duration_verdict { DURATION_OK, DURATION_MALFORMED, DURATION_TOO_FINE };
/* One that no int64_t can hold comes as INT64_MAX. */
enum duration_verdict duration_parse(const char *text, int64_t *ret_us);
void duration_format(int64_t us, char *ret_text, size_t size);

/* policy_probe.c */
void probes_read(struct loader *loader, const json_t *json, const char *path,
                 struct hg_dependency *dependency);

/* policy_read.c: one document into a policy; policy_free.c */
void policy_read(struct loader *loader, const json_t *root, struct hg_policy *policy);
void policy_finish(struct hg_policy *policy);

/* policy_check.c: what spans several values */
void policy_check(struct loader *loader, const struct hg_policy *policy);

#endif
