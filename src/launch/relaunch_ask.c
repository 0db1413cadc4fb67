/* Asking for permits. */
#include "launch/relaunch_internal.h"

#include "headgate/errors.h"
#include "host/clock.h"

#include "launch/renew.h"

#include <stdio.h>
#include <string.h>

#define ASK_GAP_US                                                                                           \
    INT64_C(100000) /* between two asks that were not full, so that those that are due gather */
#define WAIT_MIN_US INT64_C(100000)
#define EAGER_US    INT64_C(1000000)  /* between two looks whether there is room */
#define HELD_US     INT64_C(30000000) /* how long it is remembered that what is in flight held somebody up */

static void on_granted(struct relaunch *relaunch, uint32_t index, const struct hg_permit *permit)
{
    struct unit *unit = &relaunch->units.all[index];
    unit->fresh = unit->attempts == 0 || unit->fence != permit->fence;
    unit->fence = permit->fence;
    unit->attempt = permit->attempt;
    unit->lease_us = permit->lease_us;
    unit->renew_us = relaunch->ask.call.sent_us + renew_delay_us(permit->lease_us, &relaunch->rng);
    unit->lost = false;
    unit_set_backing_off(&relaunch->units, index, false);
    unit_set_state(&relaunch->units, index, UNIT_GRANTED);
}

static void on_quarantined(struct relaunch *relaunch, uint32_t index, const struct hg_permit *permit)
{
    struct unit *unit = &relaunch->units.all[index];
    if (unit->reason == NULL) {
        unit_set_reason(unit, permit->reason[0] != '\0' ? permit->reason : "failed too often");
    }
    unit_set_backing_off(&relaunch->units, index, false);
    unit_set_state(&relaunch->units, index, UNIT_QUARANTINED);
    relaunch_note(relaunch, RELAUNCH_QUARANTINED, index);
}

static void wait_until(struct relaunch *relaunch, uint32_t index, int64_t due_us)
{
    relaunch->units.all[index].due_us = due_us;
    unit_set_state(&relaunch->units, index, UNIT_WAITING);
}

static void on_item(struct relaunch *relaunch, uint32_t index, const struct hg_permit *permit, int64_t now_us)
{
    struct unit *unit = &relaunch->units.all[index];
    if (permit->status == 0 && permit->state == HG_PERMIT_GRANTED) {
        on_granted(relaunch, index, permit);
    } else if (permit->status == HG_E_QUARANTINED ||
               (permit->status == 0 && permit->state == HG_PERMIT_QUARANTINED)) {
        on_quarantined(relaunch, index, permit);
    } else if (caller_hopeless(permit->status)) {
        wait_until(relaunch, index, RELAUNCH_NEVER_US);
        relaunch_stop(relaunch, hg_error_exit_code(permit->status), "%s: %s",
                      list_name(&relaunch->list, index), permit->detail);
    } else {
        int64_t delay_us = permit->status == 0 ? permit->retry_after_us
                                               : retry_delay_us(1, permit->retry_after_us, &relaunch->rng);
        bool held = strcmp(permit->limit, "in_flight") == 0 || strcmp(permit->limit, "window") == 0;
        relaunch->held_us = held ? now_us : relaunch->held_us;
        snprintf(unit->ticket, sizeof(unit->ticket), "%s", permit->ticket);
        unit_set_backing_off(&relaunch->units, index, permit->state == HG_PERMIT_BACKOFF);
        wait_until(relaunch, index, now_us + (delay_us > WAIT_MIN_US ? delay_us : WAIT_MIN_US));
    }
}

/* What holds the fleet up, for the line of progress. */
static void note_hold(struct relaunch *relaunch, const struct hg_permit *permits, size_t count)
{
    const struct hg_permit *blocked = NULL;
    for (size_t i = 0; i < count; i++) {
        if (permits[i].status == 0 && permits[i].state == HG_PERMIT_BLOCKED) {
            blocked = &permits[i];
        }
    }
    if (blocked == NULL) {
        relaunch->note[0] = '\0';
    } else if (blocked->dependency[0] != '\0') {
        snprintf(relaunch->note, sizeof(relaunch->note), "(held up by %s)", blocked->dependency);
    } else {
        snprintf(relaunch->note, sizeof(relaunch->note), "(held up)");
    }
}

static void on_unanswered(struct relaunch *relaunch, struct batch *batch, int64_t now_us)
{
    if (relaunch_refused(relaunch, batch->call.status)) {
        relaunch_stop(relaunch, hg_error_exit_code(batch->call.status), "%s", batch->call.error);
    }
    batch->next_us = now_us + retry_delay_us(batch->failures, batch->call.retry_after_us, &relaunch->rng);
    for (size_t i = 0; i < batch->call.count; i++) {
        if (relaunch->units.all[batch->units[i]].ticket[0] == '\0' &&
            !relaunch->units.all[batch->units[i]].backing_off) {
            unit_set_state(&relaunch->units, batch->units[i], UNIT_NEW);
        } else {
            wait_until(relaunch, batch->units[i], now_us);
        }
    }
}

static void learn(struct relaunch *relaunch, bool all_granted, int64_t now_us)
{
    if (!relaunch->asked_early) {
        return;
    }
    size_t twice = relaunch->eager * 2, most = relaunch->batch_max;
    relaunch->eager = !all_granted ? 1 : twice < most ? twice : most;
    relaunch->eager_us = all_granted ? now_us : now_us + EAGER_US;
}

static void on_asked(struct caller_call *call, void *user_data)
{
    struct relaunch *relaunch = user_data;
    struct batch *batch = &relaunch->ask;
    int64_t now_us = clock_monotonic_us();
    if (!relaunch_heard(relaunch, batch) || call->status != 0) {
        on_unanswered(relaunch, batch, now_us);
        relaunch_pump(relaunch);
        return;
    }
    relaunch->others_wait = false;
    for (size_t i = 0; i < call->count; i++) {
        on_item(relaunch, batch->units[i], &call->permits[i], now_us);
        relaunch->others_wait = relaunch->others_wait || call->permits[i].state != HG_PERMIT_GRANTED;
    }
    learn(relaunch, !relaunch->others_wait, now_us);
    note_hold(relaunch, call->permits, call->count);
    batch->next_us = call->count < relaunch->batch_max ? now_us + ASK_GAP_US : now_us;
    relaunch_pump(relaunch);
}

static void add(struct relaunch *relaunch, uint32_t index)
{
    unit_set_state(&relaunch->units, index, UNIT_ASKED);
    batch_add(&relaunch->ask, relaunch, index);
}

/* Those whose time has come; and of those in line some before it, since advice is an estimate and a
 * coordinator knows better: as many as have just made room where what is in flight is the limit, and one a
 * second to see whether there is room at all, twice as many each time that all of them were granted. */
static void add_due(struct relaunch *relaunch, size_t most, int64_t now_us)
{
    bool held = relaunch->held_us != 0 && now_us - relaunch->held_us < HELD_US;
    size_t early = (held ? relaunch->freed : 0) + (now_us >= relaunch->eager_us ? relaunch->eager : 0);
    relaunch->asked_early = false;
    for (int line = 1; line >= 0; line--) {
        while (relaunch->ask.call.count < most) {
            uint32_t index = units_due(&relaunch->units, line == 1);
            if (index == UNIT_NONE) {
                break;
            }
            bool due = relaunch->units.all[index].due_us <= now_us;
            if (!due && (line == 1 || early == 0)) {
                break;
            }
            early -= !due;
            relaunch->asked_early = relaunch->asked_early || !due;
            add(relaunch, index);
        }
    }
    relaunch->freed = 0;
}

/* First those whose time has come, as many as there are free places; then newcomers: all of them once others
 * wait, since they enter the line behind. */
void relaunch_ask_pump(struct relaunch *relaunch, int64_t now_us)
{
    struct units *units = &relaunch->units;
    struct batch *batch = &relaunch->ask;
    size_t taken = relaunch->running + units->granted.count;
    size_t room = taken < relaunch->job_count ? relaunch->job_count - taken : 0;
    size_t most = relaunch->batch_max;
    if (relaunch->stopping || caller_busy(&batch->caller) || now_us < batch->next_us || room == 0) {
        return;
    }
    batch->call.count = 0;
    add_due(relaunch, room < most ? room : most, now_us);
    size_t newcomers = relaunch->others_wait || room > most ? most : room;
    while (batch->call.count < newcomers) {
        uint32_t index = units_fresh(units);
        if (index == UNIT_NONE) {
            break;
        }
        add(relaunch, index);
    }
    if (batch->call.count > 0) {
        batch_start(batch, relaunch, CALLER_ACQUIRE, on_asked);
    }
}
