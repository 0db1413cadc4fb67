/* Values of a scenario file by table: reading, defaults and JSON Schema all come from the same rows. */
#ifndef SIM_SIM_FIELDS_H
#define SIM_SIM_FIELDS_H

#include "policy/policy_loader.h"
#include "sim/sim_random.h"

enum field_kind {
    FIELD_DURATION, /* "250ms", also negative -> int64_t microseconds */
    FIELD_NUMBER,   /* double */
    FIELD_INTEGER,  /* int64_t */
    FIELD_FLAG,     /* bool */
    FIELD_ENUM,     /* one of `names` -> int64_t */
    FIELD_TEXT,     /* char *, owned */
    FIELD_DIST,     /* "4s" or {median, sigma, min, max} -> struct sim_dist */
    FIELD_OBJECT,   /* of `table`, its values in the same struct */
    FIELD_LIST,     /* of objects of `table`: an array at `offset`, its count at `count_offset` */
    FIELD_MAP,      /* name -> object of `table`; taken by hand */
    FIELD_HAND,     /* anything; taken by hand */
    FIELD_KIND_COUNT
};

struct field_table;

struct field {
    const char *key;
    enum field_kind kind;
    size_t offset;
    double min; /* FIELD_DURATION: seconds; FIELD_LIST: most items is `max` */
    double max;
    double fallback; /* FIELD_DURATION: seconds; FIELD_DIST: the median */
    const char *const *names; /* FIELD_ENUM: NULL-terminated */
    const struct field_table *table;
    size_t stride;
    size_t count_offset;
    bool required;
    const char *doc;
};

struct field_table {
    const char *name;
    const struct field *fields;
    size_t count;
    const char *doc;
};

void fields_default(const struct field_table *table, void *base);
void fields_read(struct loader *loader, const json_t *json, const char *path, const struct field_table *table,
                 void *base);
void fields_finish(const struct field_table *table, void *base);

#endif
