/* Keeping the permit while the command starts, and saying how it went. */
#include "launch/run_internal.h"

#include "headgate/errors.h"
#include "host/clock.h"

#include "launch/renew.h"
#include "launch/words.h"

#include <stdio.h>

/* Said once; the command never pays for it. */
static void on_lost(struct run *run, const struct caller_call *call)
{
    run->renew_us = RUN_NEVER_US;
    if (!run->lost) {
        run_say(run, "its permit is lost: %s; the command goes on", call->error);
        run->lost = true;
    }
}

static void on_renewed(struct caller_call *call, void *user_data)
{
    struct run *run = user_data;
    int64_t now_us = clock_monotonic_us();
    bool heard = run_heard(run, call);
    if (call->status == 0) {
        run->lease_us = run->permit.lease_us > 0 ? run->permit.lease_us : run->lease_us;
        run->renew_us = call->sent_us + renew_delay_us(run->lease_us, &run->rng);
    } else if (heard) {
        on_lost(run, call);
    } else {
        run->renew_us =
            now_us + renew_retry_us(run->lease_us, run->failures, call->retry_after_us, &run->rng);
    }
    run_pump(run);
}

static void done(struct run *run)
{
    if (run->state == RUN_ENDED) {
        run_end(run, words_exit_code(run->child_status));
    } else if (run->state == RUN_STARTING) {
        run_set_state(run, RUN_UP);
    }
}

static void on_completed(struct caller_call *call, void *user_data)
{
    struct run *run = user_data;
    char took[WORDS_MAX];
    int64_t now_us = clock_monotonic_us();
    bool heard = run_heard(run, call);
    if (call->status == 0) {
        if (run->outcome == RUN_RECOVERED) {
            run_say(run, "recovered %s after its start", words_duration(now_us - run->spawned_us, took));
        } else if (run->state == RUN_ENDED) {
            run_say(run, "failed: %s; the next attempt may ask again in %s", run->reason,
                    words_duration(run->permit.retry_after_us, took));
        }
        done(run);
    } else if (heard) {
        run_say(run, "its outcome (%s) was not taken: %s",
                run->outcome == RUN_RECOVERED ? "recovered" : run->reason, call->error);
        done(run);
    } else {
        run->report_us = now_us + retry_delay_us(run->failures, call->retry_after_us, &run->rng);
    }
    run_pump(run);
}

void run_resolve(struct run *run, enum run_outcome outcome, const char *reason)
{
    run->outcome = outcome;
    snprintf(run->reason, sizeof(run->reason), "%s", reason);
    run->renew_us = RUN_NEVER_US;
    run->report_us = 0;
}

void run_report_pump(struct run *run, int64_t now_us)
{
    if (run->state == RUN_ENDED && now_us >= run->end_us) {
        run_say(run, "no controller could be told that it %s; the permit will expire",
                run->outcome == RUN_RECOVERED ? "recovered" : "failed");
        run_end(run, words_exit_code(run->child_status));
        return;
    }
    if (caller_busy(&run->caller)) {
        return;
    }
    if (run->outcome != RUN_OPEN && now_us >= run->report_us) {
        run->report_us = RUN_NEVER_US;
        run->ask.recovered = run->outcome == RUN_RECOVERED;
        run->ask.reason = run->reason;
        run_call(run, CALLER_COMPLETE, on_completed);
    } else if (run->outcome == RUN_OPEN && now_us >= run->renew_us) {
        run->renew_us = RUN_NEVER_US;
        run_call(run, CALLER_RENEW, on_renewed);
    }
}

int64_t run_report_due_us(const struct run *run)
{
    int64_t due_us = run->state == RUN_ENDED ? run->end_us : RUN_NEVER_US;
    if (!caller_busy(&run->caller)) {
        due_us = run->report_us < due_us ? run->report_us : due_us;
        due_us = run->renew_us < due_us ? run->renew_us : due_us;
    }
    return due_us;
}
