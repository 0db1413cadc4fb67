/* What the journal's tests share. */
#ifndef TESTS_CONTRACT_STORE_JOURNAL_H
#define TESTS_CONTRACT_STORE_JOURNAL_H

#include "store_contract.h"

struct file {
    unsigned char *data;
    size_t size;
};

void journal_path(char *ret_path, size_t size);
struct file file_read(const char *path);
void file_write(const char *path, const unsigned char *data, size_t size);
/* From here on this test does not wait for the disk. */
void syncs_for_free(void);
/* Where the last record begins. */
size_t last_record(const struct file *file);

/* store_create() on the scene's directory; what it says. */
int try_open(char *ret_error, size_t error_size);

TCase *store_journal_damage(void);
TCase *store_journal_kill(void);

#endif
