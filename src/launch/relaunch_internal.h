/* Between the files of `relaunch`. */
#ifndef LAUNCH_RELAUNCH_INTERNAL_H
#define LAUNCH_RELAUNCH_INTERNAL_H

#include "launch/caller.h"
#include "launch/relaunch_journal.h"
#include "launch/list.h"
#include "launch/progress.h"
#include "launch/relaunch.h"
#include "launch/signals.h"
#include "launch/units.h"

#include "core/rng.h"

#include <sys/resource.h>

#define RELAUNCH_NEVER_US INT64_MAX
#define RELAUNCH_REPORT_MAX_US                                                                               \
    INT64_C(10000000)                       /* after a stop: for the last outcomes to reach a controller */
#define RELAUNCH_KILL_US   INT64_C(5000000) /* a command that ran out of time: from SIGTERM to SIGKILL */
#define RELAUNCH_LEAVE_MAX 32               /* permits given back in one go */
#define JOB_TAIL_MAX       2048             /* of a running command's output */

/* A command under way. */
struct job {
    uint32_t unit; /* UNIT_NONE: a free place */
    pid_t pid;
    uv_poll_t poll;
    int output;          /* our end of its stdout and stderr; -1: closed */
    int log;             /* its file below --output; -1: none */
    int64_t deadline_us; /* then SIGTERM, later SIGKILL */
    bool timed_out;
    bool closing;            /* the loop still knows the poll */
    size_t tail_size;        /* bytes ever written */
    char tail[JOB_TAIL_MAX]; /* a ring of the last ones */
};

/* One batch and whose it is. */
struct batch {
    struct caller caller;
    struct caller_call call;
    struct hg_client_ask *asks;
    struct hg_permit *permits;
    uint32_t *units;
    int64_t *fences;
    int64_t next_us;  /* not before */
    int64_t failures; /* unanswered in a row */
};

struct relaunch {
    const struct relaunch_options *options;
    uv_loop_t loop;
    uv_timer_t tick;
    struct signals signals;
    struct list list;
    struct units units;
    struct relaunch_journal journal;
    struct rng rng;
    struct batch ask;
    struct batch renew;
    struct batch report; /* outcomes, and permits that are given back */
    struct job *jobs;
    size_t job_count;
    size_t running;
    struct rlimit files; /* as it was: what commands get */
    int64_t spawn_us;    /* no command is started before: the machine had no room for one */

    int64_t started_us; /* this process */
    int64_t began_ms;   /* the relaunch, since the epoch */
    size_t batch_max;   /* instances in one request; halved when a controller finds it too large */
    bool others_wait;   /* the last ask was told to wait: newcomers enter the line behind */
    int64_t held_us;    /* when one was last told that what is in flight holds it up; 0: never */
    size_t freed;       /* outcomes taken since the last ask: places in flight that may be free */
    size_t eager;       /* how many in line are asked for before their time, to see whether there is room */
    int64_t eager_us;   /* not before */
    bool asked_early;   /* some of the ask under way are such */
    int64_t away_us;    /* since when no controller can answer; 0: one does */
    int64_t resumed;    /* settled before this start */
    int64_t lost;       /* permits lost while the command ran */
    size_t output_kept; /* bytes of failed commands' output kept for the report */

    bool stopping; /* asks for nothing more */
    bool aborted;  /* ended at once */
    bool over;
    int64_t stop_end_us; /* outcomes that no controller took by then stay in the journal */
    int exit_code;       /* why it stopped, if not by being told to */
    char why[512];

    struct progress progress;
    int64_t drawn_us;
    int64_t synced_us;
    int64_t said_failures; /* lines about failures since the last line of progress */
    int64_t unsaid_failures;
    bool terminal;
    bool drawn;
    char note[128];
};

/* relaunch.c */
void relaunch_pump(struct relaunch *relaunch);
int64_t relaunch_now_ms(const struct relaunch *relaunch); /* since the relaunch began */
/* Writes one entry; a journal that cannot be written stops the relaunch. */
void relaunch_note(struct relaunch *relaunch, enum relaunch_event event, uint32_t unit);
/* Asks for nothing more; `exit_code` 0: because it was told to. */
void relaunch_stop(struct relaunch *relaunch, int exit_code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool relaunch_heard(struct relaunch *relaunch, struct batch *batch);
/* After a refused batch: whether asking again cannot help. One that was too large is halved. */
bool relaunch_refused(struct relaunch *relaunch, int status);
int batch_init(struct batch *batch, struct relaunch *relaunch, size_t size)
    __attribute__((warn_unused_result));
void batch_finish(struct batch *batch);
void batch_add(struct batch *batch, const struct relaunch *relaunch, uint32_t unit);
void batch_start(struct batch *batch, struct relaunch *relaunch, enum caller_verb verb, caller_done_fn done);

/* relaunch_ask.c */
void relaunch_ask_pump(struct relaunch *relaunch, int64_t now_us);

/* relaunch_keep.c */
void relaunch_renew_pump(struct relaunch *relaunch, int64_t now_us);
void relaunch_report_pump(struct relaunch *relaunch, int64_t now_us);

/* jobs.c */
int jobs_init(struct relaunch *relaunch) __attribute__((warn_unused_result));
void jobs_finish(struct relaunch *relaunch);
void jobs_pump(struct relaunch *relaunch, int64_t now_us);
void jobs_on_exit(struct relaunch *relaunch, pid_t pid, int wait_status);
void jobs_kill(struct relaunch *relaunch, int signal_number);

/* relaunch_resume.c: the journal of the starts before; the exit code, or 0. */
int relaunch_resume(struct relaunch *relaunch) __attribute__((warn_unused_result));

/* screen.c */
void screen_say(struct relaunch *relaunch, const char *format, ...) __attribute__((format(printf, 2, 3)));
void screen_failure(struct relaunch *relaunch, uint32_t unit);
void screen_update(struct relaunch *relaunch, int64_t now_us, bool last);

/* report.c: to stdout and to the file; the exit code, or 0. */
int report_write(struct relaunch *relaunch) __attribute__((warn_unused_result));

#endif
