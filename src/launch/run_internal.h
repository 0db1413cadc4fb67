/* Between the files of `run`. */
#ifndef LAUNCH_RUN_INTERNAL_H
#define LAUNCH_RUN_INTERNAL_H

#include "launch/caller.h"
#include "launch/child.h"
#include "launch/run.h"
#include "launch/signals.h"

#include "core/rng.h"

#define RUN_NEVER_US INT64_MAX
#define RUN_REPORT_MAX_US                                                                                    \
    INT64_C(10000000)                     /* after the command's end: for its outcome to reach a controller */
#define RUN_LEAVE_MAX_US INT64_C(5000000) /* after a signal while waiting: to leave the line */
#define RUN_CHECK_MAX_US INT64_C(30000000) /* one ready check */
#define RUN_KILL_US      INT64_C(10000000) /* from SIGTERM to SIGKILL, with --kill-unready */
#define RUN_SAY_US       INT64_C(60000000) /* between two lines while waiting, when nobody watches */

enum run_state {
    RUN_WAITING,  /* in line */
    RUN_LEAVING,  /* asked to stop while in line */
    RUN_STARTING, /* the command runs; its outcome is open or not yet reported */
    RUN_UP,       /* the command runs, and there is nothing left to say to a controller */
    RUN_ENDED,    /* the command has ended; its outcome is still to be reported */
    RUN_OVER,
    RUN_STATE_COUNT
};

enum run_outcome { RUN_OPEN, RUN_RECOVERED, RUN_FAILED, RUN_OUTCOME_COUNT };

struct run {
    const struct run_options *options;
    enum run_state state;
    uv_loop_t loop;
    uv_timer_t timer;
    struct signals signals;
    struct child_kept kept;
    struct caller caller;
    struct caller_call call;
    struct hg_client_ask ask;
    struct hg_permit permit; /* the last answer */
    struct rng rng;
    char boot_id[20];

    int64_t started_us;
    int64_t ask_us;     /* when to ask (again) */
    int64_t give_up_us; /* no permit by then */
    int64_t away_us;    /* since when no controller answers; 0: one does */
    int64_t trouble_us; /* since when none can answer, and that was said; 0: one does */
    int64_t failures;   /* unanswered calls in a row */
    int64_t said_us;    /* when the last line about waiting was written */
    enum hg_permit_state said_state;
    bool terminal;   /* a status line can be drawn */
    bool drawn;      /* one is there */
    int stop_signal; /* that ended the waiting */

    bool has_permit;
    bool lost; /* and it was said */
    int64_t fence;
    int64_t attempt;
    int64_t lease_us;
    int64_t renew_us;
    int64_t report_us; /* when to report the outcome (again) */
    enum run_outcome outcome;
    char reason[64];

    pid_t child; /* 0: none */
    int child_status;
    int64_t spawned_us;
    int64_t end_us;       /* RUN_ENDED, RUN_LEAVING: no later */
    pid_t check;          /* the ready check under way; 0: none */
    int64_t check_us;     /* when to begin the next one */
    int64_t check_end_us; /* when the present one is killed */
    int check_status;     /* of the last one */
    int64_t unready_us;   /* when it is not ready in time */
    int64_t kill_us;
    int exit_code;
};

/* run.c */
void run_set_state(struct run *run, enum run_state state);
void run_pump(struct run *run);
void run_end(struct run *run, int exit_code);
/* One line on stderr, under or instead of the status line. */
void run_say(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The answer to a call: keeps track of whether controllers answer, and says so once. True when one did. */
bool run_heard(struct run *run, const struct caller_call *call);
void run_call(struct run *run, enum caller_verb verb, caller_done_fn done);

/* run_wait.c */
void run_wait_pump(struct run *run, int64_t now_us);
void run_leave_pump(struct run *run, int64_t now_us);
int64_t run_wait_due_us(const struct run *run);

/* run_child.c */
void run_start(struct run *run);
void run_child_pump(struct run *run, int64_t now_us);
void run_on_exit(struct run *run, pid_t pid, int wait_status);
int64_t run_child_due_us(const struct run *run);

/* run_report.c */
void run_resolve(struct run *run, enum run_outcome outcome, const char *reason);
void run_report_pump(struct run *run, int64_t now_us);
int64_t run_report_due_us(const struct run *run);

#endif
