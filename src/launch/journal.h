/* The journal of a relaunch: what happened to whom, so that another start can go on.
 *
 * The story of one journal: journal_open() locks the file - a second relaunch on it is refused while the first lives -
 * reads it from the start and hands each entry to the caller, cuts off a last line that a kill left unfinished, and
 * from then on journal_write() appends one line an event. A line is with the kernel when journal_write() returns, so
 * a killed process loses none; journal_sync() makes them outlast the machine.
 *
 *   headgate-relaunch 1 web 5f2a9c0d11e08b77 20000 1795526851192   version, fleet, hash of the list, count, began (ms)
 *   granted 1042 web-17 1795526851192220 1                         ms since it began, instance, fence, attempt
 *   failed 1950 web-17 1795526851192220 exit 3: no route           the command has ended
 *   recovered 9120 web-17 1795526853000001
 *   confirmed 9130 web-17 1795526853000001                         a controller has taken the outcome
 *   quarantined 9200 web-3 0 exit 3
 *   began 60000 - 4711                                             another start of relaunch, by its pid */
#ifndef LAUNCH_JOURNAL_H
#define LAUNCH_JOURNAL_H

#include "headgate/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_LINE_MAX   512
#define JOURNAL_REASON_MAX 200

enum journal_event {
    JOURNAL_GRANTED,
    JOURNAL_FAILED,
    JOURNAL_RECOVERED,
    JOURNAL_CONFIRMED,
    JOURNAL_QUARANTINED,
    JOURNAL_BEGAN,
    JOURNAL_EVENT_COUNT
};

struct journal_entry {
    enum journal_event event;
    int64_t at_ms; /* since the relaunch began */
    char instance[HG_INSTANCE_MAX + 1];
    int64_t fence;   /* BEGAN: the pid */
    int64_t attempt; /* GRANTED */
    char reason[JOURNAL_REASON_MAX + 1]; /* FAILED, QUARANTINED; one line */
};

struct journal_header {
    char fleet[HG_NAME_MAX + 1];
    uint64_t list_hash;
    int64_t count;
    int64_t began_ms; /* since the epoch */
};

struct journal {
    int fd; /* -1: closed */
    struct journal_header header;
    bool dirty; /* written to since the last sync */
};

/* The line without its end; its size. Bytes of the reason that would break the line are written as spaces. */
size_t journal_format(const struct journal_entry *entry, char ret_line[JOURNAL_LINE_MAX]);
/* HG_E_INVALID when it is no such line. */
int journal_parse(const char *line, struct journal_entry *ret_entry) __attribute__((warn_unused_result));

size_t journal_format_header(const struct journal_header *header, char ret_line[JOURNAL_LINE_MAX]);
int journal_parse_header(const char *line, struct journal_header *ret_header) __attribute__((warn_unused_result));

/* Called for each entry that is there; false refuses it as one that does not belong. */
typedef bool (*journal_entry_fn)(void *user_data, const struct journal_entry *entry);

/* Opens or makes it. `wanted` is what its header must say (but for began_ms, which is used for a new one). 0;
 * HG_E_CONFLICT when another process has it or it belongs to another fleet or list; HG_E_INVALID when a line is
 * wrong; HG_E_IO; with the reason in ret_error. */
int journal_open(const char *path, const struct journal_header *wanted, journal_entry_fn on_entry, void *user_data,
                 struct journal *ret_journal, char *ret_error, size_t error_size) __attribute__((warn_unused_result));
void journal_close(struct journal *journal);

/* HG_E_IO, with errno set. */
int journal_write(struct journal *journal, const struct journal_entry *entry) __attribute__((warn_unused_result));
int journal_sync(struct journal *journal) __attribute__((warn_unused_result));

#endif
