/* The rules of a policy file, once: the validator reads these tables, and tests hold the JSON Schema and the
 * reference in policies/README.md to them. */
#ifndef POLICY_POLICY_RULES_H
#define POLICY_POLICY_RULES_H

#include "headgate/policy.h"

#define POLICY_FILE_MAX (1024 * 1024) /* bytes */

enum rule_kind {
    RULE_INTEGER,
    RULE_RATE,     /* tokens per second, a multiple of 0.001 -> milli-tokens */
    RULE_DURATION, /* "250ms" -> microseconds */
    RULE_SHARE,    /* 0..1 -> permille */
    RULE_MICRO,    /* a number -> micro-units */
    RULE_ENUM,
    RULE_STRING,
    RULE_OBJECT, /* of `object` */
    RULE_MAP,    /* name -> object of `object` */
    RULE_COSTS,  /* name -> whole number */
    RULE_LIST,   /* of objects of `object` */
    RULE_WORDS,  /* list of strings */
    RULE_KIND_COUNT
};

enum rule_object {
    OBJECT_POLICY,
    OBJECT_DEPENDENCY,
    OBJECT_BUCKET,
    OBJECT_IN_FLIGHT,
    OBJECT_RESERVE,
    OBJECT_LIMITER,
    OBJECT_PROBE,
    OBJECT_GAUGE,
    OBJECT_FLEET,
    OBJECT_AFTER,
    OBJECT_BACKOFF,
    OBJECT_QUARANTINE,
    OBJECT_STORE_LOSS,
    OBJECT_COUNT
};

#define NO_OFFSET ((size_t)-1)
#define UNSET     INT64_MIN /* default that depends on others, or none at all */

struct rule {
    const char *key;
    enum rule_kind kind;
    size_t offset; /* of the value in its struct; NO_OFFSET: taken by hand */
    int64_t min;   /* in the units of the struct */
    int64_t max;
    int64_t fallback;
    const char *const
        *names; /* RULE_ENUM: NULL-terminated; a name's place modulo `name_count` is its value */
    int64_t name_count;
    enum rule_object object;
    const char
        *pattern;     /* RULE_STRING: an extended regular expression that ECMA 262 reads the same, or NULL */
    const char *form; /* what `pattern` asks for, in words */
    bool required;
    const char *doc;
};

struct rule_table {
    const char *name; /* in the schema */
    const struct rule *rules;
    size_t count;
    const char *doc;
};

extern const struct rule_table rule_tables[OBJECT_COUNT];

/* Finds a rule by key, or NULL. */
const struct rule *rule_find(const struct rule_table *table, const char *key);

/* The key nearest to `key` by edits, or NULL if none is near. */
const char *rule_near(const struct rule_table *table, const char *key);

/* How many letters turn one word into the other, if that may be a slip: at most a third of the letters of
 * `a`, and two; otherwise WORDS_APART. */
#define WORDS_APART 1000
int words_distance(const char *a, const char *b);

/* A number of the struct, as a person writes it in a policy. */
void rule_format(enum rule_kind kind, int64_t value, char *ret_text, size_t size);

/* Names of policies, dependencies and fleets. */
#define NAME_PATTERN "^[a-z0-9][a-z0-9._-]{0,62}$"
#define NAME_FORM    "a name: a-z, 0-9, '.', '_', '-', first a letter or digit, at most 63 bytes"

#endif
