#include "launch/run_internal.h"

#include "headgate/errors.h"
#include "host/clock.h"

#include "launch/child.h"
#include "launch/words.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const bool allowed[RUN_STATE_COUNT][RUN_STATE_COUNT] = {
    [RUN_WAITING] =
        {[RUN_LEAVING] = true, [RUN_STARTING] = true, [RUN_UP] = true, [RUN_ENDED] = true, [RUN_OVER] = true},
    [RUN_LEAVING] = {[RUN_OVER] = true},
    [RUN_STARTING] = {[RUN_UP] = true, [RUN_ENDED] = true, [RUN_OVER] = true},
    [RUN_UP] = {[RUN_OVER] = true},
    [RUN_ENDED] = {[RUN_OVER] = true},
};

void run_set_state(struct run *run, enum run_state state)
{
    assert(allowed[run->state][state]);
    run->state = state;
}

void run_end(struct run *run, int exit_code)
{
    run_set_state(run, RUN_OVER);
    run->exit_code = exit_code;
}

void run_say(struct run *run, const char *format, ...)
{
    va_list arguments;
    char line[1024];
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    fprintf(stderr, "%sheadgate run: %s: %s\n", run->drawn ? "\r\033[K" : "", run->options->instance, line);
    run->drawn = false;
}

bool run_heard(struct run *run, const struct caller_call *call)
{
    char text[WORDS_MAX];
    int64_t now_us = clock_monotonic_us();
    bool silent = call->status == HG_E_UNREACHABLE || call->status == HG_E_PROTOCOL;
    bool heard = !silent && hg_error_http_status(call->status) < 500;
    run->failures = heard ? 0 : run->failures + 1;
    run->away_us = !silent ? 0 : run->away_us == 0 ? now_us : run->away_us;
    if (!heard && call->status != HG_E_CANCELLED && run->trouble_us == 0) {
        run->trouble_us = now_us;
        run_say(run, "%s; trying again%s", call->error, run->child > 0 ? ", the command goes on" : "");
    } else if (heard && run->trouble_us != 0) {
        run_say(run, "a controller answers again after %s", words_duration(now_us - run->trouble_us, text));
        run->trouble_us = 0;
    }
    return heard;
}

void run_call(struct run *run, enum caller_verb verb, caller_done_fn done)
{
    run->ask.fence = verb == CALLER_ACQUIRE ? 0 : run->fence;
    run->call = (struct caller_call){
        .verb = verb, .fleet = run->options->fleet, .asks = &run->ask, .count = 1, .permits = &run->permit};
    caller_start(&run->caller, &run->call, done, run);
}

static int64_t earlier(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

static void timer_cb(uv_timer_t *timer)
{
    run_pump(timer->data);
}

/* Does what is due, and waits for what is due next. What an answer or an ended child changes comes here too.
 */
void run_pump(struct run *run)
{
    int64_t now_us = clock_monotonic_us(), due_us = RUN_NEVER_US;
    if (run->state == RUN_WAITING) {
        run_wait_pump(run, now_us);
    }
    if (run->state == RUN_LEAVING) {
        run_leave_pump(run, now_us);
    }
    if (run->state == RUN_STARTING) {
        run_child_pump(run, now_us);
    }
    if (run->state == RUN_STARTING || run->state == RUN_ENDED) {
        run_report_pump(run, now_us);
    }
    switch (run->state) {
    case RUN_WAITING:
    case RUN_LEAVING:
        due_us = run_wait_due_us(run);
        break;
    case RUN_STARTING:
        due_us = earlier(run_child_due_us(run), run_report_due_us(run));
        break;
    case RUN_ENDED:
        due_us = run_report_due_us(run);
        break;
    case RUN_UP:
        due_us = run->kill_us;
        if (now_us >= run->kill_us) {
            run_child_pump(run, now_us);
            due_us = RUN_NEVER_US;
        }
        break;
    case RUN_OVER:
        uv_stop(&run->loop);
        return;
    case RUN_STATE_COUNT:
        break;
    }
    if (due_us == RUN_NEVER_US) {
        uv_timer_stop(&run->timer);
        return;
    }
    int64_t wait_us = due_us > now_us ? due_us - now_us : 0;
    uv_update_time(&run->loop);
    uv_timer_start(&run->timer, timer_cb, (uint64_t)(wait_us / 1000 + 1), 0);
}

static bool stops(int signal_number)
{
    return signal_number == SIGTERM || signal_number == SIGINT || signal_number == SIGHUP ||
           signal_number == SIGQUIT;
}

static void on_signal(void *user_data, int signal_number, bool from_terminal)
{
    struct run *run = user_data;
    if (run->child > 0) {
        /* The terminal's ^C went to the whole foreground group: the command has it, unless it made its own.
         */
        bool has_it = from_terminal && signal_number != SIGHUP && getpgid(run->child) == getpgrp();
        if (!has_it) {
            kill(run->child, signal_number);
        }
        return;
    }
    if (!stops(signal_number)) {
        return;
    }
    if (run->state == RUN_WAITING) {
        run->stop_signal = signal_number;
        run->end_us = clock_monotonic_us() + RUN_LEAVE_MAX_US;
        run_set_state(run, RUN_LEAVING);
    } else if (run->state == RUN_LEAVING) {
        run_end(run, 128 + run->stop_signal);
    } else if (run->state == RUN_ENDED) {
        run_end(run, words_exit_code(run->child_status));
    }
    run_pump(run);
}

static void on_exit_of(void *user_data, pid_t pid, int wait_status)
{
    struct run *run = user_data;
    run_on_exit(run, pid, wait_status);
    run_pump(run);
}

/* The loop is made. */
static int init(struct run *run, const struct run_options *options)
{
    uint64_t seed = clock_seed();
    run->options = options;
    run->started_us = clock_monotonic_us();
    run->give_up_us = options->timeout_us > 0 ? run->started_us + options->timeout_us : RUN_NEVER_US;
    run->renew_us = run->report_us = run->unready_us = run->kill_us = RUN_NEVER_US;
    run->said_state = HG_PERMIT_STATE_COUNT;
    run->terminal = isatty(STDERR_FILENO) == 1;
    snprintf(run->boot_id, sizeof(run->boot_id), "%016llx", (unsigned long long)seed);
    rng_init(&run->rng, seed ^ (uint64_t)getpid());
    run->ask = (struct hg_client_ask){.fleet = options->fleet,
                                      .instance = options->instance,
                                      .boot_id = options->boot_id != NULL ? options->boot_id : run->boot_id,
                                      .ticket = "",
                                      .priority = options->priority};
    run->signals.user_data = run;
    run->signals.on_signal = on_signal;
    run->signals.on_exit = on_exit_of;
    uv_timer_init(&run->loop, &run->timer);
    run->timer.data = run;
    int status = signals_init(&run->signals, &run->loop);
    return status != 0 ? status : caller_init(&run->caller, &run->loop, options->servers);
}

/* What is left in the loop: the threads end a cancelled call within a second. */
static void finish(struct run *run)
{
    caller_cancel(&run->caller);
    uv_close((uv_handle_t *)&run->timer, NULL);
    signals_finish(&run->signals);
    uv_run(&run->loop, UV_RUN_DEFAULT);
    uv_loop_close(&run->loop);
    caller_finish(&run->caller);
}

int run_command(const struct run_options *options)
{
    struct run run = {.options = options};
    child_fill_standard();
    child_find_kept(&run.kept);
    int found = child_find(options->argv[0]);
    if (found != 0) {
        fprintf(stderr, "headgate run: %s: %s\n", options->argv[0], strerror(found));
        return found == ENOENT ? 127 : 126;
    }
    if (uv_loop_init(&run.loop) != 0) {
        fprintf(stderr, "headgate run: %s\n", hg_strerror(HG_E_NOMEM));
        return hg_error_exit_code(HG_E_NOMEM);
    }
    int status = init(&run, options);
    if (status != 0) {
        fprintf(stderr, "headgate run: %s\n",
                status == HG_E_INVALID ? "--server: these are no controllers' addresses"
                                       : hg_strerror(status));
        run.exit_code = hg_error_exit_code(status);
    } else {
        run_pump(&run);
        if (run.state != RUN_OVER) {
            uv_run(&run.loop, UV_RUN_DEFAULT);
        }
    }
    if (run.drawn) {
        fputs("\r\033[K", stderr);
    }
    finish(&run);
    return run.exit_code;
}
