#include "compare_replies.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct place {
    char name[128]; /* such as "op 3 " or "snapshot fleet web " */
    char *why;
    size_t size;
};

static void at(struct place *place, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void at(struct place *place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(place->name, sizeof(place->name), format, arguments);
    va_end(arguments);
}

static bool same_number(const struct place *place, const char *field, int64_t a, int64_t b)
{
    if (a != b) {
        snprintf(place->why, place->size, "%s%s: %lld and %lld", place->name, field, (long long)a, (long long)b);
    }
    return a == b;
}

static bool same_text(const struct place *place, const char *field, const char *a, const char *b)
{
    bool same = strcmp(a, b) == 0;
    if (!same) {
        snprintf(place->why, place->size, "%s%s: '%s' and '%s'", place->name, field, a, b);
    }
    return same;
}

#define NUMBER(field) same_number(place, #field, (int64_t)a->field, (int64_t)b->field)
#define TEXT(field)   same_text(place, #field, a->field, b->field)

static bool same_reasons(const struct place *place, const char a[REASONS_KEPT][REASON_MAX + 1],
                         const char b[REASONS_KEPT][REASON_MAX + 1])
{
    return same_text(place, "reasons[0]", a[0], b[0]) && same_text(place, "reasons[1]", a[1], b[1]) &&
           same_text(place, "reasons[2]", a[2], b[2]);
}

static bool same_items(struct place *place, const struct op_reply *a, const struct op_reply *b)
{
    bool same = NUMBER(item_count) && NUMBER(note_count) && same_number(place, "has a cursor", a->cursor[0] != 0, b->cursor[0] != 0);
    for (size_t i = 0; i < a->item_count && same; i++) {
        same = TEXT(items[i].instance) && NUMBER(items[i].fence) && NUMBER(items[i].attempt) && NUMBER(items[i].since_us) &&
               NUMBER(items[i].until_us) && same_reasons(place, a->items[i].reasons, b->items[i].reasons);
    }
    for (size_t i = 0; i < a->note_count && same; i++) {
        same = TEXT(notes[i].key) && TEXT(notes[i].value) && NUMBER(notes[i].until_us);
    }
    return same;
}

static bool same_op(struct place *place, const struct op_reply *a, const struct op_reply *b)
{
    return NUMBER(status) && NUMBER(state) && NUMBER(line) && NUMBER(number) && NUMBER(fence) && NUMBER(attempt) &&
           NUMBER(since_us) && NUMBER(until_us) && NUMBER(already) && NUMBER(called) && NUMBER(limit) &&
           NUMBER(limit_dependency) && NUMBER(wait_us) && NUMBER(outcome) && NUMBER(leader) && NUMBER(dropped) &&
           same_reasons(place, a->reasons, b->reasons) && same_items(place, a, b);
}

static bool same_cohort(struct place *place, const struct cohort *a, const struct cohort *b)
{
    bool same = NUMBER(id) && NUMBER(granted) && NUMBER(recovered) && NUMBER(failed) && NUMBER(expired) && NUMBER(excused) &&
                NUMBER(first_us) && NUMBER(last_us);
    for (size_t i = 0; i < AGAIN_CLASSES && same; i++) {
        same = NUMBER(again[i]);
    }
    for (size_t i = 0; i < HISTOGRAM_SIZE && same; i++) {
        same = NUMBER(histogram[i]);
    }
    return same;
}

static bool same_dependency(struct place *place, const struct snapshot_dependency *a, const struct snapshot_dependency *b)
{
    bool same = TEXT(name) && NUMBER(phase) && NUMBER(cohort) && NUMBER(rate_milli) && NUMBER(burst) && NUMBER(in_flight_max) &&
                NUMBER(paced) && NUMBER(pace_milli) && NUMBER(pace_burst) && NUMBER(window) && NUMBER(excused_from_us) &&
                NUMBER(excused_to_us) && NUMBER(tokens) && NUMBER(in_flight) && NUMBER(spilled) && NUMBER(granted) &&
                NUMBER(recovered) && NUMBER(failed) && NUMBER(expired);
    for (size_t c = 0; c < COHORTS_KEPT && same; c++) {
        same = same_cohort(place, &a->cohorts[c], &b->cohorts[c]);
    }
    return same;
}

static bool same_line(struct place *place, const struct snapshot_line *a, const struct snapshot_line *b)
{
    return NUMBER(tail) && NUMBER(serving) && NUMBER(waiting) && NUMBER(ready) && NUMBER(granted) && NUMBER(plan_base) &&
           NUMBER(plan_rate_milli) && NUMBER(plan_from_us) && NUMBER(plan_until_us);
}

static bool same_fleet(struct place *place, const struct snapshot_fleet *a, const struct snapshot_fleet *b)
{
    return TEXT(name) && NUMBER(paused) && NUMBER(held) && same_line(place, &a->lines[0], &b->lines[0]) &&
           same_line(place, &a->lines[1], &b->lines[1]) && NUMBER(in_flight) && NUMBER(backoff) && NUMBER(quarantined) &&
           NUMBER(granted) && NUMBER(recovered) && NUMBER(failed) && NUMBER(expired) && NUMBER(superseded);
}

static bool same_snapshot(struct place *place, const struct snapshot *a, const struct snapshot *b)
{
    at(place, "snapshot ");
    bool same = NUMBER(now_us) && NUMBER(epoch) && NUMBER(fence) && NUMBER(generation) && NUMBER(learning_until_us) &&
                NUMBER(longest_lease_us) && NUMBER(leader) && NUMBER(leader_until_us) && TEXT(leader_id) && NUMBER(notes_version) &&
                NUMBER(dependency_count) && NUMBER(fleet_count);
    for (size_t d = 0; d < a->dependency_count && same; d++) {
        at(place, "snapshot dependency %s ", a->dependencies[d].name);
        same = same_dependency(place, &a->dependencies[d], &b->dependencies[d]);
    }
    for (size_t f = 0; f < a->fleet_count && same; f++) {
        at(place, "snapshot fleet %s ", a->fleets[f].name);
        same = same_fleet(place, &a->fleets[f], &b->fleets[f]);
    }
    return same;
}

bool replies_equal(const struct group_reply *a, const struct group_reply *b, char *ret_why, size_t size)
{
    struct place storage = {.why = ret_why, .size = size}, *place = &storage;
    bool same = NUMBER(status) && NUMBER(op_count);
    for (size_t i = 0; i < a->op_count && same; i++) {
        at(place, "op %zu ", i);
        same = same_op(place, &a->ops[i], &b->ops[i]);
    }
    return same && same_snapshot(place, &a->snapshot, &b->snapshot);
}
