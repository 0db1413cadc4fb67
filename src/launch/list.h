/* The instances of a relaunch: names read from a file, one a line.
 *
 * Blank lines and what follows a # are skipped. A name that no controller would take and a name written twice
 * are errors, with FILE:LINE and the mend; all of them are said before the list is refused. */
#ifndef LAUNCH_LIST_H
#define LAUNCH_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define LIST_MAX        1000000
#define LIST_ERRORS_MAX 20 /* said; the rest is counted */
#define LIST_NONE       UINT32_MAX

struct list {
    char *text;        /* the names, one behind the other, each with its end */
    uint32_t *offsets; /* of each name in text */
    uint32_t *lines;   /* where it stands in the file */
    size_t count;
    uint32_t *table;   /* open addressing: an index, or LIST_NONE */
    size_t table_size; /* a power of two */
    size_t text_size;
    size_t text_room;
    size_t room;
};

/* Reads `file` to its end; `name` is what errors call it; they go to `errors`. 0, HG_E_POLICY when the list
 * is wrong or empty, HG_E_IO, HG_E_NOMEM. */
int list_read(FILE *file, const char *name, FILE *errors, struct list *ret_list)
    __attribute__((warn_unused_result));
void list_finish(struct list *list);

const char *list_name(const struct list *list, size_t index);

/* LIST_NONE when it is not among them. */
uint32_t list_find(const struct list *list, const char *name);

/* Of the names in their order: two lists with the same one are the same (FNV-1a, 64 bits). */
uint64_t list_hash(const struct list *list);

#endif
