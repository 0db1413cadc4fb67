/* In line: asking, waiting as told, and saying how it stands. */
#include "launch/run_internal.h"

#include "headgate/errors.h"
#include "host/clock.h"

#include "launch/renew.h"
#include "launch/words.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WAIT_MIN_US      50000
#define NOTIFY_MARGIN_US INT64_C(30000000) /* beyond the next ask, for an answer to come in */
#define COLUMNS_DEFAULT  80

static void describe(const struct run *run, char *text, size_t size)
{
    char place[WORDS_MAX], eta[WORDS_MAX];
    const struct hg_permit *permit = &run->permit;
    if (permit->state == HG_PERMIT_WAITING && permit->position > 0 && permit->eta_us >= 0) {
        snprintf(text, size, "in line for %s: %s before it, about %s; %s", run->options->fleet,
                 words_count(permit->position, place), words_duration(permit->eta_us, eta), permit->detail);
    } else {
        snprintf(text, size, "%s in %s: %s", hg_permit_state_name(permit->state), run->options->fleet,
                 permit->detail);
    }
}

/* A status line on a terminal; elsewhere a line when something changes, and now and then. */
static void show(struct run *run, int64_t now_us)
{
    char text[512];
    struct winsize window;
    describe(run, text, sizeof(text));
    if (run->options->notify != NULL) {
        run->options->notify(text, run->permit.retry_after_us + NOTIFY_MARGIN_US);
    }
    if (run->terminal) {
        int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 ? window.ws_col
                                                                                          : COLUMNS_DEFAULT;
        char line[640];
        snprintf(line, sizeof(line), "headgate run: %s: %s", run->options->instance, text);
        fprintf(stderr, "\r\033[K%.*s", columns - 1, line);
        run->drawn = true;
    } else if (run->permit.state != run->said_state || now_us - run->said_us >= RUN_SAY_US) {
        run_say(run, "%s", text);
        run->said_us = now_us;
    }
    run->said_state = run->permit.state;
}

static void on_granted(struct run *run, const struct caller_call *call, int64_t now_us)
{
    char waited[WORDS_MAX];
    run->has_permit = true;
    run->fence = run->permit.fence;
    run->attempt = run->permit.attempt;
    run->lease_us = run->permit.lease_us;
    run->renew_us = call->sent_us + renew_delay_us(run->lease_us, &run->rng);
    run_say(run, "granted after %s (fleet %s, attempt %lld, fence %lld)",
            words_duration(now_us - run->started_us, waited), run->options->fleet, (long long)run->attempt,
            (long long)run->fence);
    if (run->options->notify != NULL) {
        run->options->notify("granted", 0);
    }
}

static void on_acquired(struct caller_call *call, void *user_data)
{
    struct run *run = user_data;
    if (run->state == RUN_OVER) {
        return; /* it came in the turn that ended the wait: nothing follows from it any more */
    }
    int64_t now_us = clock_monotonic_us();
    bool heard = run_heard(run, call);
    int64_t delay_us = run->permit.retry_after_us > WAIT_MIN_US ? run->permit.retry_after_us : WAIT_MIN_US;
    if (call->status == 0 && run->permit.state == HG_PERMIT_GRANTED) {
        on_granted(run, call, now_us);
        if (run->state == RUN_WAITING) {
            run_start(run);
        }
    } else if (call->status == HG_E_QUARANTINED) {
        run_say(run, "quarantined: %s%s%s", call->error,
                run->permit.reason[0] == '\0' ? "" : " Last failure: ", run->permit.reason);
        run_end(run, hg_error_exit_code(call->status));
    } else if (caller_hopeless(call->status)) {
        run_say(run, "%s", call->error);
        run_end(run, hg_error_exit_code(call->status));
    } else if (call->status == 0) {
        run->ask_us = now_us + delay_us;
        run->ask.ticket = run->permit.ticket;
        show(run, now_us);
    } else {
        run->ask_us = now_us + retry_delay_us(heard ? 1 : run->failures, call->retry_after_us, &run->rng);
    }
    run_pump(run);
}

/* What to do when no controller has answered for too long; false to go on waiting. */
static bool act_unreachable(struct run *run)
{
    switch (run->options->on_unreachable) {
    case RUN_UNREACHABLE_PROCEED:
        run_say(run, "no controller answers: the command starts without a permit, as --on-unreachable says");
        run_start(run);
        return true;
    case RUN_UNREACHABLE_FAIL:
        run_say(run, "no controller answers; the command was not started");
        run_end(run, hg_error_exit_code(HG_E_UNREACHABLE));
        return true;
    case RUN_UNREACHABLE_WAIT:
    case RUN_UNREACHABLE_COUNT:
        break;
    }
    return false;
}

void run_wait_pump(struct run *run, int64_t now_us)
{
    char waited[WORDS_MAX];
    if (caller_busy(&run->caller)) {
        return; /* its answer may be the permit */
    }
    if (now_us >= run->give_up_us) {
        run_say(run, "not granted within %s%s; the command was not started",
                words_duration(run->options->timeout_us, waited),
                run->away_us != 0 ? ", and no controller answers" : "; its place in line is kept");
        run_end(run, hg_error_exit_code(run->away_us != 0 ? HG_E_UNREACHABLE : HG_E_TIMEOUT));
        return;
    }
    if (run->away_us != 0 && now_us - run->away_us >= run->options->unreachable_after_us &&
        act_unreachable(run)) {
        return;
    }
    if (now_us >= run->ask_us) {
        run_call(run, CALLER_ACQUIRE, on_acquired);
    }
}

static void on_left(struct caller_call *call, void *user_data)
{
    struct run *run = user_data;
    if (run->state == RUN_LEAVING) {
        run_say(run, call->status == 0 ? "left the line"
                                       : "stopped; no controller could be told that it left the line");
        run_end(run, 128 + run->stop_signal);
    }
    run_pump(run);
}

/* An ask under way is waited for, since it may bring a permit that must be given back. */
void run_leave_pump(struct run *run, int64_t now_us)
{
    if (now_us >= run->end_us) {
        run_end(run, 128 + run->stop_signal);
    } else if (!caller_busy(&run->caller)) {
        run_call(run, CALLER_LEAVE, on_left);
    }
}

int64_t run_wait_due_us(const struct run *run)
{
    if (run->state == RUN_LEAVING) {
        return run->end_us;
    }
    if (caller_busy(&run->caller)) {
        return RUN_NEVER_US;
    }
    int64_t due_us = run->ask_us < run->give_up_us ? run->ask_us : run->give_up_us;
    int64_t away_end_us = run->away_us + run->options->unreachable_after_us;
    bool ends = run->away_us != 0 && run->options->on_unreachable != RUN_UNREACHABLE_WAIT;
    return ends && away_end_us < due_us ? away_end_us : due_us;
}
