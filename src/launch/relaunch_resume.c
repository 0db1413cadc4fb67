/* Going on where an earlier start ended. */
#include "launch/relaunch_internal.h"

#include "headgate/errors.h"
#include "host/clock.h"

#include "launch/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the entries said last of one instance is kept in its unit while they are read: `recovered` and `lost`
 * stand for "its command ended" here. */
static bool on_entry(void *user_data, const struct relaunch_entry *entry)
{
    struct relaunch *relaunch = user_data;
    if (entry->event == RELAUNCH_BEGAN) {
        return true;
    }
    uint32_t index = list_find(&relaunch->list, entry->instance);
    if (index == LIST_NONE) {
        return false;
    }
    struct unit *unit = &relaunch->units.all[index];
    switch (entry->event) {
    case RELAUNCH_GRANTED:
        unit->attempts += unit->fence != entry->fence;
        unit->fence = entry->fence;
        unit->attempt = entry->attempt;
        unit->recovered = unit->lost = false;
        break;
    case RELAUNCH_FAILED:
        unit->lost = true;
        unit->recovered = false;
        unit_set_reason(unit, entry->reason);
        relaunch->units.failures++;
        break;
    case RELAUNCH_RECOVERED:
        unit->lost = unit->recovered = true;
        unit->settled_ms = entry->at_ms;
        unit_set_reason(unit, NULL);
        break;
    case RELAUNCH_CONFIRMED:
        if (unit->recovered && unit->state == UNIT_NEW) {
            unit_set_state(&relaunch->units, index, UNIT_RECOVERED);
        }
        unit->lost = false;
        break;
    case RELAUNCH_QUARANTINED:
        unit_set_reason(unit, entry->reason);
        unit->lost = false;
        if (unit->state == UNIT_NEW && !relaunch->options->retry) {
            unit_set_state(&relaunch->units, index, UNIT_QUARANTINED);
        }
        break;
    case RELAUNCH_BEGAN:
    case RELAUNCH_EVENT_COUNT:
        break;
    }
    return true;
}

int relaunch_resume(struct relaunch *relaunch)
{
    char path[HG_NAME_MAX + 32], error[600], settled[WORDS_MAX], total[WORDS_MAX];
    struct units *units = &relaunch->units;
    struct relaunch_header wanted = {.list_hash = list_hash(&relaunch->list),
                                     .count = (int64_t)relaunch->list.count,
                                     .began_ms = clock_wall_us() / 1000};
    snprintf(wanted.fleet, sizeof(wanted.fleet), "%s", relaunch->options->fleet);
    snprintf(path, sizeof(path), "headgate-%s.journal", relaunch->options->fleet);
    const char *journal = relaunch->options->journal != NULL ? relaunch->options->journal : path;
    int status =
        relaunch_journal_open(journal, &wanted, on_entry, relaunch, &relaunch->journal, error, sizeof(error));
    if (status != 0) {
        fprintf(stderr, "headgate relaunch: %s\n", error);
        return status == HG_E_IO ? hg_error_exit_code(status) : 65;
    }
    relaunch->began_ms = relaunch->journal.header.began_ms;
    for (uint32_t i = 0; i < units->count; i++) {
        struct unit *unit = &units->all[i];
        if (unit->state == UNIT_NEW && unit->lost) { /* ended, and no controller knows it yet */
            unit_set_state(units, i, UNIT_ENDED);
        }
        unit->lost = false;
    }
    relaunch->resumed = units_settled(units);
    struct relaunch_entry entry = {
        .event = RELAUNCH_BEGAN, .at_ms = relaunch_now_ms(relaunch), .fence = getpid()};
    if (relaunch->resumed > 0 || units->counts[UNIT_ENDED] > 0) {
        screen_say(relaunch, "goes on with %s: %s of %s are settled", journal,
                   words_count(relaunch->resumed, settled), words_count((int64_t)units->count, total));
    }
    if (relaunch_journal_write(&relaunch->journal, &entry) != 0) {
        fprintf(stderr, "headgate relaunch: %s cannot be written\n", journal);
        return hg_error_exit_code(HG_E_IO);
    }
    return 0;
}
