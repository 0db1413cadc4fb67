/* A whole fleet from one place: `headgate relaunch`.
 *
 * The story of one instance: its name is read from the list (list.h), it is asked for in a batch
 * (relaunch_ask.c) and waits as told; granted, it gets a place among the children (jobs.c), its permit is
 * renewed in batches (relaunch_keep.c) while its command runs, and the outcome goes back in a batch; a failed
 * one comes back through the controller's backoff until it has recovered or is quarantined. Each step is a
 * line in the journal (relaunch_journal.h) before anything rests on it, so another start goes on where a
 * killed one ended. What is shown meanwhile is screen.c, what remains at the end report.c.
 *
 * Everybody enters the line early, since the controller plans by who waits; but no more of those whose turn
 * has come are asked for than there are free places, so that no permit lies idle. */
#ifndef LAUNCH_RELAUNCH_H
#define LAUNCH_RELAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RELAUNCH_PARALLEL_DEFAULT 256
#define RELAUNCH_PARALLEL_MAX     8192
#define RELAUNCH_BATCH_DEFAULT    1000

struct relaunch_options {
    const char *servers;
    const char *fleet;
    const char *from;    /* a file, or "-" */
    const char *journal; /* NULL: headgate-FLEET.journal */
    const char *report;  /* a file for the report; NULL: none */
    const char *output;  /* a directory for the commands' output; NULL: none */
    bool json;           /* the report */
    bool retry;          /* those that the journal knows as quarantined are asked for again */
    int64_t parallel;
    int64_t batch;
    int64_t timeout_us; /* for one command; 0: none */
    char *const *argv;
};

/* The process's exit code. */
int relaunch_command(const struct relaunch_options *options) __attribute__((warn_unused_result));

#endif
