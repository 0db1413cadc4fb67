/* The journal of a relaunch: what happened to whom, so that another start can go on.
 *
 * The story of one journal: relaunch_journal_open() locks the file - a second relaunch on it is refused while
 * the first lives - reads it from the start and hands each entry to the caller, cuts off a last line that a
 * kill left unfinished, and from then on relaunch_journal_write() appends one line an event. A line is with
 * the kernel when relaunch_journal_write() returns, so a killed process loses none; relaunch_journal_sync()
 * makes them outlast the machine.
 *
 * The lines, each with the milliseconds since the relaunch began, the instance, and its permit's fence:
 * - headgate-relaunch 1 web 5f2a9c0d11e08b77 20000 1795526851192
 *   the first: version, fleet, hash of the list, how many, when it began (ms since the epoch)
 * - granted 1042 web-17 1795526851192220 1
 *   its command starts, by the controller's count its first attempt
 * - failed 1950 web-17 1795526851192220 exit 3: no route to host
 * - recovered 9120 web-17 1795526853000001
 *   its command has ended so
 * - confirmed 9130 web-17 1795526853000001
 *   and a controller has taken that
 * - quarantined 9200 web-3 0 exit 3
 * - began 60000 - 4711
 *   another start of relaunch, by its pid */
#ifndef LAUNCH_RELAUNCH_JOURNAL_H
#define LAUNCH_RELAUNCH_JOURNAL_H

#include "headgate/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RELAUNCH_LINE_MAX   512
#define RELAUNCH_REASON_MAX 200

enum relaunch_event {
    RELAUNCH_GRANTED,
    RELAUNCH_FAILED,
    RELAUNCH_RECOVERED,
    RELAUNCH_CONFIRMED,
    RELAUNCH_QUARANTINED,
    RELAUNCH_BEGAN,
    RELAUNCH_EVENT_COUNT
};

struct relaunch_entry {
    enum relaunch_event event;
    int64_t at_ms; /* since the relaunch began */
    char instance[HG_INSTANCE_MAX + 1];
    int64_t fence;                        /* BEGAN: the pid */
    int64_t attempt;                      /* GRANTED */
    char reason[RELAUNCH_REASON_MAX + 1]; /* FAILED, QUARANTINED; one line */
};

struct relaunch_header {
    char fleet[HG_NAME_MAX + 1];
    uint64_t list_hash;
    int64_t count;
    int64_t began_ms; /* since the epoch */
};

struct relaunch_journal {
    int fd; /* -1: closed */
    struct relaunch_header header;
    bool dirty; /* written to since the last sync */
};

/* The line without its end; its size. Bytes of the reason that would break the line are written as spaces. */
size_t relaunch_journal_format(const struct relaunch_entry *entry, char ret_line[RELAUNCH_LINE_MAX]);
/* HG_E_INVALID when it is no such line. */
int relaunch_journal_parse(const char *line, struct relaunch_entry *ret_entry)
    __attribute__((warn_unused_result));

size_t relaunch_journal_format_header(const struct relaunch_header *header, char ret_line[RELAUNCH_LINE_MAX]);
int relaunch_journal_parse_header(const char *line, struct relaunch_header *ret_header)
    __attribute__((warn_unused_result));

/* Called for each entry that is there; false refuses it as one that does not belong. */
typedef bool (*relaunch_journal_entry_fn)(void *user_data, const struct relaunch_entry *entry);

/* Opens or makes it. `wanted` is what its header must say (but for began_ms, which is used for a new one). 0;
 * HG_E_CONFLICT when another process has it or it belongs to another fleet or list; HG_E_INVALID when a line
 * is wrong; HG_E_IO; with the reason in ret_error. */
int relaunch_journal_open(const char *path, const struct relaunch_header *wanted,
                          relaunch_journal_entry_fn on_entry, void *user_data,
                          struct relaunch_journal *ret_journal, char *ret_error, size_t error_size)
    __attribute__((warn_unused_result));
void relaunch_journal_close(struct relaunch_journal *journal);

/* HG_E_IO, with errno set. */
int relaunch_journal_write(struct relaunch_journal *journal, const struct relaunch_entry *entry)
    __attribute__((warn_unused_result));
int relaunch_journal_sync(struct relaunch_journal *journal) __attribute__((warn_unused_result));

#endif
