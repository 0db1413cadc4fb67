#include "sim/check_order.h"

#include "sim/check_limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_US INT64_C(10000000)
#define SLICES   18 /* three minutes */

/* Grants to numbers up to `number`. */
static int64_t granted_up_to(const struct check_order *check, size_t fleet, size_t line, int64_t number)
{
    int64_t sum = 0;
    number = number < check->lines[fleet][line].size ? number : check->lines[fleet][line].size - 1;
    for (; number > 0; number -= number & -number) {
        sum += check->lines[fleet][line].counts[number];
    }
    return sum;
}

/* A tree twice as large: its upper half is empty, so only its own last node counts what is below. */
static bool grow(struct check_order *check, size_t fleet, size_t line, int64_t number)
{
    int64_t size = check->lines[fleet][line].size == 0 ? 1024 : check->lines[fleet][line].size;
    while (size <= number) {
        size *= 2;
    }
    if (size == check->lines[fleet][line].size) {
        return true;
    }
    int32_t *counts = calloc((size_t)size, sizeof(int32_t));
    if (counts == NULL) {
        return false;
    }
    int64_t old = check->lines[fleet][line].size;
    for (int64_t n = 1; n < old; n++) {
        int64_t here = granted_up_to(check, fleet, line, n) - granted_up_to(check, fleet, line, n - 1);
        for (int64_t at = n; here != 0 && at < size; at += at & -at) {
            counts[at] += (int32_t)here;
        }
    }
    free(check->lines[fleet][line].counts);
    check->lines[fleet][line].counts = counts;
    check->lines[fleet][line].size = size;
    return true;
}

static void count_grant(struct check_order *check, size_t fleet, size_t line, int64_t number, int64_t now_us)
{
    int64_t granted = ++check->lines[fleet][line].granted;
    int64_t *fastest = &check->lines[fleet][line].fastest, slice = granted - check->lines[fleet][line].mark_granted;
    *fastest = slice > *fastest ? slice : *fastest;
    if (now_us - check->lines[fleet][line].mark_us >= SLICE_US) {
        check->lines[fleet][line].mark_us = now_us;
        check->lines[fleet][line].mark_granted = granted;
    }
    if (number <= 0) {
        return; /* granted at its first ask: it stands behind everybody */
    }
    if (!grow(check, fleet, line, number)) {
        check->nomem = true;
        return;
    }
    for (int64_t at = number; at < check->lines[fleet][line].size; at += at & -at) {
        check->lines[fleet][line].counts[at]++;
    }
}

void check_order_finish(struct check_order *check)
{
    for (size_t f = 0; f < HG_FLEETS_MAX; f++) {
        for (size_t l = 0; l < LINE_COUNT; l++) {
            free(check->lines[f][l].counts);
        }
    }
}

void check_order_opened(struct check_order *check)
{
    check->openings++;
}

void check_order_forgive(struct check_order *check, size_t count)
{
    memset(check->places, 0, count * sizeof(check->places[0]));
}

bool check_order_reply(struct check_order *check, size_t instance, size_t fleet, int64_t now_us,
                       const struct op_reply *reply, char *ret_text)
{
    struct check_order_place *place = &check->places[instance];
    size_t line = reply->state == INSTANCE_WAITING ? (size_t)reply->line : place->line;
    int64_t granted = check->lines[fleet][line].granted;
    if (reply->state == INSTANCE_WAITING) {
        bool same = place->number == reply->number && place->line == (uint8_t)reply->line;
        place->younger = same && place->openings == check->openings ? place->younger : 0;
        place->number = reply->number;
        place->line = (uint8_t)reply->line;
        if (reply->called && place->younger == 0) {
            place->younger = granted - granted_up_to(check, fleet, line, reply->number) + 1;
            place->openings = check->openings;
        }
        return true;
    }
    if (reply->state != INSTANCE_GRANTED || reply->already) {
        return true;
    }
    bool counts = place->younger > 0 && place->openings == check->openings;
    int64_t younger = granted - granted_up_to(check, fleet, line, place->number) + 1;
    int64_t overtaken = counts ? younger - place->younger : 0;
    int64_t bound = CHECK_ORDER_MIN + SLICES * check->lines[fleet][line].fastest;
    count_grant(check, fleet, line, place->number, now_us);
    *place = (struct check_order_place){0};
    check->most = overtaken > check->most ? overtaken : check->most;
    if (overtaken > bound) {
        snprintf(ret_text, CHECK_TEXT_MAX, "order: i%zu was called, came, and saw %lld younger ones go first, %lld at most",
                 instance, (long long)overtaken, (long long)bound);
        return false;
    }
    return true;
}
