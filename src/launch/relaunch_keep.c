/* Keeping the permits of what runs, and saying how each ended. */
#include "launch/relaunch_internal.h"

#include "headgate/errors.h"
#include "host/clock.h"

#include "launch/renew.h"

#include <string.h>

#define RENEW_AHEAD 10 /* a renewal due within a tenth of a lease goes along with one that is due */

static void on_lost(struct relaunch *relaunch, uint32_t index, int64_t now_us)
{
    struct unit *unit = &relaunch->units.all[index];
    unit->lost = true;
    if (unit->state == UNIT_GRANTED) { /* nothing was started: it asks again */
        unit->ticket[0] = '\0';
        unit->due_us = now_us;
        unit_set_state(&relaunch->units, index, UNIT_WAITING);
        return;
    }
    relaunch->lost++;
    if (relaunch->lost == 1) {
        screen_say(relaunch,
                   "%s: its permit is lost while its command runs; the command goes on (said once, the "
                   "report counts them)",
                   list_name(&relaunch->list, index));
    }
}

static void on_renewed(struct caller_call *call, void *user_data)
{
    struct relaunch *relaunch = user_data;
    struct batch *batch = &relaunch->renew;
    int64_t now_us = clock_monotonic_us();
    bool heard = relaunch_heard(relaunch, batch) && call->status == 0;
    for (size_t i = 0; i < call->count; i++) {
        struct unit *unit = &relaunch->units.all[batch->units[i]];
        const struct hg_permit *permit = &call->permits[i];
        if ((unit->state != UNIT_RUNNING && unit->state != UNIT_GRANTED) || unit->fence != batch->fences[i]) {
            continue; /* it ended meanwhile */
        }
        if (heard && permit->status == 0) {
            unit->lease_us = permit->lease_us > 0 ? permit->lease_us : unit->lease_us;
            unit->renew_us = call->sent_us + renew_delay_us(unit->lease_us, &relaunch->rng);
        } else if (heard && caller_lost(permit->status)) {
            on_lost(relaunch, batch->units[i], now_us);
        } else {
            int64_t failures = batch->failures > 0 ? batch->failures : 1;
            int64_t asked_us = heard ? permit->retry_after_us : call->retry_after_us;
            unit->renew_us = now_us + renew_retry_us(unit->lease_us, failures, asked_us, &relaunch->rng);
        }
    }
    relaunch_pump(relaunch);
}

static bool renew_one(struct relaunch *relaunch, uint32_t index, int64_t now_us, bool ahead)
{
    struct unit *unit = &relaunch->units.all[index];
    int64_t early_us = ahead ? unit->lease_us / RENEW_AHEAD : 0;
    if (unit->lost || unit->renew_us == RELAUNCH_NEVER_US || unit->renew_us - early_us > now_us ||
        relaunch->renew.call.count == relaunch->batch_max) {
        return false;
    }
    unit->renew_us = RELAUNCH_NEVER_US;
    batch_add(&relaunch->renew, relaunch, index);
    return true;
}

static void gather_renewals(struct relaunch *relaunch, int64_t now_us, bool ahead)
{
    for (size_t i = 0; i < relaunch->job_count; i++) {
        if (relaunch->jobs[i].unit != UNIT_NONE) {
            (void)renew_one(relaunch, relaunch->jobs[i].unit, now_us, ahead);
        }
    }
    for (uint32_t at = units_granted(&relaunch->units); at != UNIT_NONE; at = relaunch->units.all[at].next) {
        (void)renew_one(relaunch, at, now_us, ahead);
    }
}

void relaunch_renew_pump(struct relaunch *relaunch, int64_t now_us)
{
    struct batch *batch = &relaunch->renew;
    if (caller_busy(&batch->caller)) {
        return;
    }
    batch->call.count = 0;
    gather_renewals(relaunch, now_us, false);
    if (batch->call.count > 0) {
        gather_renewals(relaunch, now_us, true);
        batch_start(batch, relaunch, CALLER_RENEW, on_renewed);
    }
}

static void on_outcome(struct relaunch *relaunch, uint32_t index, const struct hg_permit *permit,
                       int64_t now_us)
{
    struct unit *unit = &relaunch->units.all[index];
    bool answered = permit->status == 0 || caller_lost(permit->status) ||
                    permit->status == HG_E_QUARANTINED || permit->status == HG_E_NOT_FOUND;
    if (!answered) { /* its turn comes again with the next batch */
        unit_set_state(&relaunch->units, index, UNIT_ENDED);
        relaunch->report.next_us = now_us + retry_delay_us(1, permit->retry_after_us, &relaunch->rng);
        return;
    }
    relaunch_note(relaunch, RELAUNCH_CONFIRMED, index);
    relaunch->freed++;
    if (unit->recovered) {
        unit_set_state(&relaunch->units, index, UNIT_RECOVERED);
        return;
    }
    unit->ticket[0] = '\0';
    unit->due_us = now_us + permit->retry_after_us;
    unit_set_backing_off(&relaunch->units, index, true);
    unit_set_state(&relaunch->units, index, UNIT_WAITING);
}

static void on_reported(struct caller_call *call, void *user_data)
{
    struct relaunch *relaunch = user_data;
    struct batch *batch = &relaunch->report;
    int64_t now_us = clock_monotonic_us();
    bool heard = relaunch_heard(relaunch, batch) && call->status == 0;
    if (!heard) {
        batch->next_us = now_us + retry_delay_us(batch->failures > 0 ? batch->failures : 1,
                                                 call->retry_after_us, &relaunch->rng);
        if (relaunch_refused(relaunch, call->status)) {
            relaunch_stop(relaunch, hg_error_exit_code(call->status), "%s", call->error);
        }
    }
    for (size_t i = 0; i < call->count; i++) {
        if (heard) {
            on_outcome(relaunch, batch->units[i], &call->permits[i], now_us);
        } else {
            unit_set_state(&relaunch->units, batch->units[i], UNIT_ENDED);
        }
    }
    relaunch_pump(relaunch);
}

/* One that nobody could be told of expires, and counts as a failure: no more can be done. */
static void on_left(struct caller_call *call, void *user_data)
{
    struct relaunch *relaunch = user_data;
    (void)relaunch_heard(relaunch, &relaunch->report);
    for (size_t i = 0; i < call->count; i++) {
        unit_set_state(&relaunch->units, relaunch->report.units[i], UNIT_NEW);
    }
    relaunch_pump(relaunch);
}

void relaunch_report_pump(struct relaunch *relaunch, int64_t now_us)
{
    struct batch *batch = &relaunch->report;
    struct units *units = &relaunch->units;
    if (caller_busy(&batch->caller) || now_us < batch->next_us) {
        return;
    }
    batch->call.count = 0;
    while (units_ended(units) != UNIT_NONE && batch->call.count < relaunch->batch_max) {
        uint32_t index = units_ended(units);
        unit_set_state(units, index, UNIT_REPORTED);
        batch_add(batch, relaunch, index);
    }
    if (batch->call.count > 0) {
        batch_start(batch, relaunch, CALLER_COMPLETE, on_reported);
        return;
    }
    while (relaunch->stopping && units_granted(units) != UNIT_NONE &&
           batch->call.count < RELAUNCH_LEAVE_MAX && batch->call.count < relaunch->batch_max) {
        uint32_t index = units_granted(units);
        unit_set_state(units, index, UNIT_LEAVING);
        batch_add(batch, relaunch, index);
    }
    if (batch->call.count > 0) {
        batch_start(batch, relaunch, CALLER_LEAVE, on_left);
    }
}
