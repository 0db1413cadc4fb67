#include "launch/relaunch_internal.h"

#include "headgate/errors.h"
#include "host/clock.h"

#include "launch/child.h"
#include "launch/words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS          100
#define SYNC_US          INT64_C(1000000)
#define FILES_OTHER      128 /* descriptors beside those of the commands */
#define EXIT_DATA        65
#define EXIT_LATER       75
#define EXIT_QUARANTINED 77

int64_t relaunch_now_ms(const struct relaunch *relaunch)
{
    int64_t ms = clock_wall_us() / 1000 - relaunch->began_ms;
    return ms > 0 ? ms : 0;
}

void relaunch_stop(struct relaunch *relaunch, int exit_code, const char *format, ...)
{
    if (exit_code != 0 && relaunch->exit_code == 0) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(relaunch->why, sizeof(relaunch->why), format, arguments);
        va_end(arguments);
        relaunch->exit_code = exit_code;
        screen_say(relaunch, "stops: %s", relaunch->why);
    }
    relaunch->stopping = true;
}

void relaunch_note(struct relaunch *relaunch, enum relaunch_event event, uint32_t index)
{
    const struct unit *unit = &relaunch->units.all[index];
    struct relaunch_entry entry = {
        .event = event, .at_ms = relaunch_now_ms(relaunch), .fence = unit->fence, .attempt = unit->attempt};
    snprintf(entry.instance, sizeof(entry.instance), "%s", list_name(&relaunch->list, index));
    snprintf(entry.reason, sizeof(entry.reason), "%s", unit->reason == NULL ? "" : unit->reason);
    if (relaunch_journal_write(&relaunch->journal, &entry) != 0) {
        relaunch_stop(relaunch, hg_error_exit_code(HG_E_IO), "the journal cannot be written: %s",
                      strerror(errno));
    }
}

bool relaunch_heard(struct relaunch *relaunch, struct batch *batch)
{
    char text[WORDS_MAX];
    int64_t now_us = clock_monotonic_us();
    int status = batch->call.status;
    bool silent = status == HG_E_UNREACHABLE || status == HG_E_PROTOCOL;
    bool heard = !silent && hg_error_http_status(status) < 500;
    batch->failures = heard ? 0 : batch->failures + 1;
    if (!heard && status != HG_E_CANCELLED && relaunch->away_us == 0) {
        relaunch->away_us = now_us;
        screen_say(relaunch, "%s; what is under way goes on", batch->call.error);
    } else if (heard && relaunch->away_us != 0) {
        screen_say(relaunch, "a controller answers again after %s",
                   words_duration(now_us - relaunch->away_us, text));
        relaunch->away_us = 0;
    }
    return heard;
}

bool relaunch_refused(struct relaunch *relaunch, int status)
{
    if (status == HG_E_TOO_LARGE && relaunch->batch_max > 1) {
        relaunch->batch_max /= 2;
        return false;
    }
    return caller_hopeless(status) || status == HG_E_TOO_LARGE;
}

int batch_init(struct batch *batch, struct relaunch *relaunch, size_t size)
{
    int status = caller_init(&batch->caller, &relaunch->loop, relaunch->options->servers);
    batch->asks = calloc(size, sizeof(*batch->asks));
    batch->permits = calloc(size, sizeof(*batch->permits));
    batch->units = calloc(size, sizeof(*batch->units));
    batch->fences = calloc(size, sizeof(*batch->fences));
    bool ok = batch->asks != NULL && batch->permits != NULL && batch->units != NULL && batch->fences != NULL;
    return status != 0 ? status : ok ? 0 : HG_E_NOMEM;
}

void batch_finish(struct batch *batch)
{
    caller_finish(&batch->caller);
    free(batch->asks);
    free(batch->permits);
    free(batch->units);
    free(batch->fences);
}

void batch_add(struct batch *batch, const struct relaunch *relaunch, uint32_t index)
{
    const struct unit *unit = &relaunch->units.all[index];
    size_t at = batch->call.count++;
    batch->units[at] = index;
    batch->fences[at] = unit->fence;
    batch->asks[at] = (struct hg_client_ask){.fleet = relaunch->options->fleet,
                                             .instance = list_name(&relaunch->list, index),
                                             .ticket = unit->ticket,
                                             .fence = unit->fence,
                                             .recovered = unit->recovered,
                                             .reason = unit->reason};
}

void batch_start(struct batch *batch, struct relaunch *relaunch, enum caller_verb verb, caller_done_fn done)
{
    batch->call.verb = verb;
    batch->call.fleet = relaunch->options->fleet;
    batch->call.asks = batch->asks;
    batch->call.permits = batch->permits;
    batch->call.batch = verb != CALLER_LEAVE;
    caller_start(&batch->caller, &batch->call, done, relaunch);
}

static void end(struct relaunch *relaunch)
{
    relaunch->over = true;
    uv_stop(&relaunch->loop);
}

/* Whether there is nothing left to do, or nothing left to wait for. */
static bool is_over(struct relaunch *relaunch, int64_t now_us)
{
    const struct units *units = &relaunch->units;
    const int64_t *counts = units->counts;
    if (units_settled(units) == (int64_t)units->count) {
        return true;
    }
    if (!relaunch->stopping || counts[UNIT_RUNNING] > 0) {
        return false;
    }
    if (counts[UNIT_ASKED] + counts[UNIT_GRANTED] + counts[UNIT_LEAVING] + counts[UNIT_ENDED] +
            counts[UNIT_REPORTED] ==
        0) {
        return true;
    }
    if (relaunch->stop_end_us == 0) {
        relaunch->stop_end_us = now_us + RELAUNCH_REPORT_MAX_US;
    }
    return now_us >= relaunch->stop_end_us;
}

void relaunch_pump(struct relaunch *relaunch)
{
    int64_t now_us = clock_monotonic_us();
    if (relaunch->over) {
        return;
    }
    jobs_pump(relaunch, now_us);
    relaunch_ask_pump(relaunch, now_us);
    relaunch_renew_pump(relaunch, now_us);
    relaunch_report_pump(relaunch, now_us);
    if (is_over(relaunch, now_us)) {
        end(relaunch);
    }
}

static void tick_cb(uv_timer_t *timer)
{
    struct relaunch *relaunch = timer->data;
    int64_t now_us = clock_monotonic_us();
    relaunch_pump(relaunch);
    screen_update(relaunch, now_us, false);
    if (now_us - relaunch->synced_us >= SYNC_US) {
        relaunch->synced_us = now_us;
        if (relaunch_journal_sync(&relaunch->journal) != 0) {
            relaunch_stop(relaunch, hg_error_exit_code(HG_E_IO), "the journal cannot be written: %s",
                          strerror(errno));
        }
    }
}

static void on_signal(void *user_data, int signal_number, bool from_terminal)
{
    struct relaunch *relaunch = user_data;
    char running[WORDS_MAX];
    (void)from_terminal;
    if (signal_number != SIGINT && signal_number != SIGTERM && signal_number != SIGHUP &&
        signal_number != SIGQUIT) {
        return;
    }
    if (relaunch->stopping) {
        jobs_kill(relaunch, SIGTERM);
        relaunch->aborted = true;
        end(relaunch);
        return;
    }
    relaunch_stop(relaunch, 0, "%s", "");
    screen_say(relaunch, "stopping: waits for %s under way; once more ends them",
               words_count((int64_t)relaunch->running, running));
    relaunch_pump(relaunch);
}

static void on_exit_of(void *user_data, pid_t pid, int wait_status)
{
    struct relaunch *relaunch = user_data;
    jobs_on_exit(relaunch, pid, wait_status);
    relaunch_pump(relaunch);
}

/* Room for two descriptors a command; the commands themselves get no more than they would have had. */
static bool raise_files(struct relaunch *relaunch)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)relaunch->options->parallel * 2 + FILES_OTHER;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return true;
    }
    relaunch->files = limit;
    if (limit.rlim_cur >= wanted) {
        return true;
    }
    if (limit.rlim_max < wanted) {
        fprintf(stderr,
                "headgate relaunch: --parallel %lld needs %llu open files, and the limit is %llu: raise it "
                "(ulimit -n) or lower --parallel\n",
                (long long)relaunch->options->parallel, (unsigned long long)wanted,
                (unsigned long long)limit.rlim_max);
        return false;
    }
    limit.rlim_cur = wanted;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static int read_list(struct relaunch *relaunch)
{
    const char *from = relaunch->options->from;
    bool input = strcmp(from, "-") == 0;
    FILE *file = input ? stdin : fopen(from, "re");
    if (file == NULL) {
        fprintf(stderr, "headgate relaunch: %s: %s\n", from, strerror(errno));
        return errno == ENOENT ? 66 : hg_error_exit_code(HG_E_IO);
    }
    int status = list_read(file, input ? "standard input" : from, stderr, &relaunch->list);
    if (status == HG_E_IO || status == HG_E_NOMEM) {
        fprintf(stderr, "headgate relaunch: %s: %s\n", from,
                status == HG_E_IO ? strerror(errno) : hg_strerror(status));
    }
    if (!input) {
        fclose(file);
    }
    return status == 0 ? 0 : status == HG_E_POLICY ? EXIT_DATA : hg_error_exit_code(status);
}

/* Before, not after, the fleet is relaunched: the command can be found, the report can be written. */
static int check_options(const struct relaunch *relaunch)
{
    const char *path = relaunch->options->report;
    FILE *report = path == NULL ? NULL : fopen(path, "ae");
    if (path != NULL && report == NULL) {
        fprintf(stderr, "headgate relaunch: %s: %s\n", path, strerror(errno));
        return hg_error_exit_code(HG_E_IO);
    }
    if (report != NULL) {
        fclose(report);
    }
    const char *program = relaunch->options->argv[0];
    int error = strstr(program, "{}") != NULL ? 0 : child_find(program);
    if (error != 0) {
        fprintf(stderr, "headgate relaunch: %s: %s\n", program, strerror(error));
    }
    return error == 0 ? 0 : error == ENOENT ? 127 : 126;
}

/* The loop is made; finish() is due whatever comes of it. */
static int init_loop(struct relaunch *relaunch)
{
    size_t batch = relaunch->batch_max;
    relaunch->signals.user_data = relaunch;
    relaunch->signals.on_signal = on_signal;
    relaunch->signals.on_exit = on_exit_of;
    uv_timer_init(&relaunch->loop, &relaunch->tick);
    relaunch->tick.data = relaunch;
    int status = signals_init(&relaunch->signals, &relaunch->loop);
    status = status == 0 ? batch_init(&relaunch->ask, relaunch, batch) : status;
    status = status == 0 ? batch_init(&relaunch->renew, relaunch, batch) : status;
    status = status == 0 ? batch_init(&relaunch->report, relaunch, batch) : status;
    status = status == 0 ? jobs_init(relaunch) : status;
    if (status != 0) {
        fprintf(stderr, "headgate relaunch: %s\n",
                status == HG_E_INVALID ? "--server: these are no controllers' addresses"
                                       : hg_strerror(status));
        return hg_error_exit_code(status);
    }
    uv_timer_start(&relaunch->tick, tick_cb, 0, TICK_MS);
    return 0;
}

static int exit_code_of(const struct relaunch *relaunch, int report_code)
{
    const struct units *units = &relaunch->units;
    if (relaunch->exit_code != 0) {
        return relaunch->exit_code;
    }
    if (units_settled(units) < (int64_t)units->count) {
        return EXIT_LATER;
    }
    return units->counts[UNIT_QUARANTINED] > 0 ? EXIT_QUARANTINED : report_code;
}

/* What the threads still do is cancelled; commands that were told to end are not waited for. */
static void finish(struct relaunch *relaunch)
{
    caller_cancel(&relaunch->ask.caller);
    caller_cancel(&relaunch->renew.caller);
    caller_cancel(&relaunch->report.caller);
    uv_close((uv_handle_t *)&relaunch->tick, NULL);
    signals_finish(&relaunch->signals);
    for (size_t i = 0; i < relaunch->job_count; i++) {
        if (relaunch->jobs[i].unit != UNIT_NONE) {
            uv_close((uv_handle_t *)&relaunch->jobs[i].poll, NULL);
        }
    }
    uv_run(&relaunch->loop, UV_RUN_DEFAULT);
    uv_loop_close(&relaunch->loop);
    batch_finish(&relaunch->ask);
    batch_finish(&relaunch->renew);
    batch_finish(&relaunch->report);
    jobs_finish(relaunch);
}

static int run(struct relaunch *relaunch)
{
    char total[WORDS_MAX];
    if (uv_loop_init(&relaunch->loop) != 0) {
        fprintf(stderr, "headgate relaunch: %s\n", hg_strerror(HG_E_NOMEM));
        return hg_error_exit_code(HG_E_NOMEM);
    }
    int code = init_loop(relaunch);
    if (code != 0) {
        finish(relaunch);
        return code;
    }
    screen_say(relaunch, "%s instances of fleet %s, at most %lld at once",
               words_count((int64_t)relaunch->units.count - relaunch->resumed, total),
               relaunch->options->fleet, (long long)relaunch->options->parallel);
    uv_run(&relaunch->loop, UV_RUN_DEFAULT);
    screen_update(relaunch, clock_monotonic_us(), true);
    finish(relaunch);
    if (relaunch_journal_sync(&relaunch->journal) != 0 && relaunch->exit_code == 0) {
        relaunch->exit_code = hg_error_exit_code(HG_E_IO);
    }
    return exit_code_of(relaunch, report_write(relaunch));
}

int relaunch_command(const struct relaunch_options *options)
{
    struct relaunch *relaunch = calloc(1, sizeof(*relaunch));
    if (relaunch == NULL) {
        return hg_error_exit_code(HG_E_NOMEM);
    }
    relaunch->options = options;
    relaunch->eager = 1;
    relaunch->batch_max = (size_t)options->batch;
    relaunch->journal.fd = -1;
    relaunch->started_us = relaunch->synced_us = clock_monotonic_us();
    relaunch->drawn_us = relaunch->started_us;
    relaunch->terminal = isatty(STDERR_FILENO) == 1;
    rng_init(&relaunch->rng, clock_seed());
    child_fill_standard();
    int code = check_options(relaunch);
    code = code == 0 && !raise_files(relaunch) ? 64 : code;
    code = code == 0 ? read_list(relaunch) : code;
    if (code == 0 && units_init(&relaunch->units, relaunch->list.count) != 0) {
        code = hg_error_exit_code(HG_E_NOMEM);
    }
    code = code == 0 ? relaunch_resume(relaunch) : code;
    if (code == 0 && units_settled(&relaunch->units) == (int64_t)relaunch->units.count) {
        screen_say(relaunch, "nothing is left to do; to relaunch them again, remove the journal%s",
                   relaunch->units.counts[UNIT_QUARANTINED] > 0 ? ", or try those in quarantine with --retry"
                                                                : "");
        code = exit_code_of(relaunch, report_write(relaunch));
    } else if (code == 0) {
        code = run(relaunch);
    }
    relaunch_journal_close(&relaunch->journal);
    units_finish(&relaunch->units);
    list_finish(&relaunch->list);
    free(relaunch);
    return code;
}
