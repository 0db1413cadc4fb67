#include "policy/policy_loader.h"

#include <string.h>

static const struct {
    const char *unit;
    int64_t us;
} units[] = {{"ms", 1000}, {"s", 1000000}, {"m", 60000000}, {"h", INT64_C(3600000000)}};
#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

/* Microseconds of `number` units, with `scale` = 10^(digits behind the point). */
static enum duration_verdict to_us(int64_t number, int64_t scale, int64_t unit_us, int64_t *ret_us)
{
    int64_t ms, us;
    if (__builtin_mul_overflow(number, unit_us / 1000, &ms)) {
        *ret_us = INT64_MAX;
        return DURATION_OK;
    }
    if (ms % scale != 0) {
        return DURATION_TOO_FINE;
    }
    *ret_us = __builtin_mul_overflow(ms / scale, INT64_C(1000), &us) ? INT64_MAX : us;
    return DURATION_OK;
}

enum duration_verdict duration_parse(const char *text, int64_t *ret_us)
{
    size_t whole = strspn(text, "0123456789");
    bool point = text[whole] == '.';
    size_t fraction = point ? strspn(text + whole + 1, "0123456789") : 0;
    const char *unit = text + whole + point + fraction;
    int64_t number = 0, scale = 1;
    size_t u = 0;
    while (u < UNIT_COUNT && strcmp(unit, units[u].unit) != 0) {
        u++;
    }
    if (whole == 0 || (point && fraction == 0) || u == UNIT_COUNT) {
        return DURATION_MALFORMED;
    }
    while (fraction > 0 && text[whole + fraction] == '0') {
        fraction--; /* zeros at the end say nothing */
    }
    if (fraction > 7) {
        return DURATION_TOO_FINE; /* no unit has so many places of a millisecond: 1h is 36 * 10^5 of them */
    }
    for (size_t i = 0; i < whole + point + fraction; i++) {
        if (text[i] == '.') {
            continue;
        }
        scale *= i > whole ? 10 : 1;
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, text[i] - '0', &number)) {
            *ret_us = INT64_MAX;
            return DURATION_OK;
        }
    }
    return to_us(number, scale, units[u].us, ret_us);
}

void duration_format(int64_t us, char *ret_text, size_t size)
{
    size_t best = us == 0 ? 1 : 0;
    for (size_t u = 0; u < UNIT_COUNT && us != 0; u++) {
        best = us % units[u].us == 0 ? u : best;
    }
    snprintf(ret_text, size, "%lld%s", (long long)(us / units[best].us), units[best].unit);
}
