/* The directory of memory:DIR: taken, made, locked, replayed. */
#ifndef STORE_JOURNAL_OPEN_H
#define STORE_JOURNAL_OPEN_H

#include "store/journal.h"
#include "store/shelves.h"

struct journal_files {
    int dir_fd;
    int lock_fd; /* holds the lock while it is open */
    int fd;      /* of the journal */
    int64_t size; /* of its durable part */
    uint64_t seq; /* of the last record in it */
    bool lost_tail;    /* a damaged last record was put aside: writes may be lost */
};

/* Opens `dir`, made with mode 0700 if it is missing, and replays its journal into `shelves`. Errors as store_create(), and
 * `ret_error`; then nothing is open and the journal is as it was. */
int journal_open(const char *dir, struct shelves *shelves, struct journal_files *ret_files, char *ret_error, size_t error_size)
    __attribute__((warn_unused_result));

void journal_close(struct journal_files *files);

/* HG_E_STORE_FULL where there is no room, else HG_E_STORE_AWAY. */
int journal_status_of(int error);

#endif
