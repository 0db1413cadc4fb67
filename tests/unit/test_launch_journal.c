/* The relaunch's journal: what is written is read back, whatever a kill left at its end. */
#include "check_main.h"

#include "headgate/errors.h"
#include "launch/relaunch_journal.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];
static char error[600];
static struct relaunch_entry seen[16];
static size_t seen_count;

static const struct relaunch_header wanted = {
    .fleet = "web", .list_hash = 0x5f2a9c0d11e08b77, .count = 3, .began_ms = 1795526851192};

static void setup(void)
{
    strcpy(path, "/tmp/headgate-journal-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    unlink(path);
    seen_count = 0;
}

static void teardown(void)
{
    unlink(path);
}

static bool on_entry(void *user_data, const struct relaunch_entry *entry)
{
    (void)user_data;
    ck_assert_uint_lt(seen_count, 16);
    seen[seen_count++] = *entry;
    return strcmp(entry->instance, "stranger") != 0;
}

static int open_with(const struct relaunch_header *header, struct relaunch_journal *ret_journal)
{
    error[0] = '\0';
    seen_count = 0;
    return relaunch_journal_open(path, header, on_entry, NULL, ret_journal, error, sizeof(error));
}

static struct relaunch_entry entry_of(enum relaunch_event event, const char *instance, const char *reason)
{
    struct relaunch_entry entry = {.event = event, .at_ms = 1042, .fence = 1795526851192220, .attempt = 2};
    snprintf(entry.instance, sizeof(entry.instance), "%s", instance);
    snprintf(entry.reason, sizeof(entry.reason), "%s", reason);
    return entry;
}

static void write_entry(struct relaunch_journal *journal, enum relaunch_event event, const char *instance,
                        const char *reason)
{
    struct relaunch_entry entry = entry_of(event, instance, reason);
    ck_assert_int_eq(relaunch_journal_write(journal, &entry), 0);
}

static void append(const char *text)
{
    FILE *file = fopen(path, "a");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

START_TEST(test_lines_are_read_as_they_were_written)
{
    char line[RELAUNCH_LINE_MAX], again[RELAUNCH_LINE_MAX];
    for (int event = 0; event < RELAUNCH_EVENT_COUNT; event++) {
        struct relaunch_entry entry = entry_of((enum relaunch_event)event, "web-1", "exit 3: no route"), read;
        size_t size = relaunch_journal_format(&entry, line);
        ck_assert_uint_eq(size, strlen(line));
        ck_assert_int_eq(relaunch_journal_parse(line, &read), 0);
        relaunch_journal_format(&read, again);
        ck_assert_str_eq(line, again);
        ck_assert_int_eq(read.event, event);
        ck_assert_int_eq(read.fence, entry.fence);
    }
    struct relaunch_entry entry = entry_of(RELAUNCH_FAILED, "web-1", "a\nb\r\x7f"), read;
    relaunch_journal_format(&entry, line);
    ck_assert_ptr_null(strchr(line, '\n'));
    ck_assert_int_eq(relaunch_journal_parse(line, &read), 0);
    ck_assert_str_eq(read.reason, "a b  ");
    struct relaunch_header header;
    relaunch_journal_format_header(&wanted, line);
    ck_assert_str_eq(line, "headgate-relaunch 1 web 5f2a9c0d11e08b77 3 1795526851192");
    ck_assert_int_eq(relaunch_journal_parse_header(line, &header), 0);
    ck_assert(header.list_hash == wanted.list_hash && header.count == 3 &&
              header.began_ms == wanted.began_ms);
}
END_TEST

START_TEST(test_other_lines_are_refused)
{
    static const char *const lines[] = {"",
                                        "granted",
                                        "granted 1 a",
                                        "granted 1 a 5",
                                        "granted 1 a 5 6 7",
                                        "granted x a 5 6",
                                        "granted -1 a 5 6",
                                        "granted 99999999999999999999 a 5 6",
                                        "recovered 1 a 5 6",
                                        "lost 1 a 5",
                                        "recovered 1  5",
                                        " recovered 1 a 5"};
    static const char *const headers[] = {"",
                                          "headgate-relaunch 2 web 5f2a9c0d11e08b77 3 1",
                                          "headgate-relaunch 1 web 5f2a 3 1",
                                          "headgate-relaunch 1 web 5f2a9c0d11e08b77 3",
                                          "headgate-relaunch 1 web 5f2a9c0d11e08b7g 3 1",
                                          "headgate-relaunch 1 web 5f2a9c0d11e08b77 3 1 4"};
    struct relaunch_entry entry;
    struct relaunch_header header;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        ck_assert_msg(relaunch_journal_parse(lines[i], &entry) == HG_E_INVALID, "'%s'", lines[i]);
    }
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        ck_assert_msg(relaunch_journal_parse_header(headers[i], &header) == HG_E_INVALID, "'%s'", headers[i]);
    }
}
END_TEST

START_TEST(test_another_start_goes_on)
{
    struct relaunch_journal journal;
    struct relaunch_header later = wanted;
    ck_assert_int_eq(open_with(&wanted, &journal), 0);
    ck_assert_uint_eq(seen_count, 0);
    write_entry(&journal, RELAUNCH_GRANTED, "web-1", "");
    write_entry(&journal, RELAUNCH_FAILED, "web-1", "exit 3");
    ck_assert_int_eq(relaunch_journal_sync(&journal), 0);
    relaunch_journal_close(&journal);
    later.began_ms += 5000;
    ck_assert_int_eq(open_with(&later, &journal), 0);
    ck_assert_uint_eq(seen_count, 2);
    ck_assert_int_eq(seen[0].event, RELAUNCH_GRANTED);
    ck_assert_int_eq(seen[0].attempt, 2);
    ck_assert_str_eq(seen[1].reason, "exit 3");
    ck_assert_int_eq(journal.header.began_ms, wanted.began_ms);
    relaunch_journal_close(&journal);
}
END_TEST

/* Cut at every byte: what is whole is read, what is torn is gone, and what is written next is read after. */
START_TEST(test_a_torn_end_is_cut_off)
{
    struct relaunch_journal journal;
    struct stat info;
    ck_assert_int_eq(open_with(&wanted, &journal), 0);
    write_entry(&journal, RELAUNCH_GRANTED, "web-1", "");
    ck_assert_int_eq(fstat(journal.fd, &info), 0);
    off_t whole = info.st_size;
    write_entry(&journal, RELAUNCH_RECOVERED, "web-1", "");
    ck_assert_int_eq(fstat(journal.fd, &info), 0);
    relaunch_journal_close(&journal);
    for (off_t size = info.st_size - 1; size >= whole; size--) {
        ck_assert_int_eq(truncate(path, size), 0);
        ck_assert_int_eq(open_with(&wanted, &journal), 0);
        ck_assert_uint_eq(seen_count, 1);
        write_entry(&journal, RELAUNCH_RECOVERED, "web-2", "");
        relaunch_journal_close(&journal);
        ck_assert_int_eq(open_with(&wanted, &journal), 0);
        ck_assert_uint_eq(seen_count, 2);
        ck_assert_str_eq(seen[1].instance, "web-2");
        relaunch_journal_close(&journal);
    }
    ck_assert_int_eq(truncate(path, 10), 0); /* in the header: nothing was granted yet */
    ck_assert_int_eq(open_with(&wanted, &journal), 0);
    ck_assert_uint_eq(seen_count, 0);
    relaunch_journal_close(&journal);
}
END_TEST

START_TEST(test_what_does_not_belong_is_refused)
{
    struct relaunch_journal journal, second;
    struct relaunch_header other = wanted;
    ck_assert_int_eq(open_with(&wanted, &journal), 0);
    ck_assert_int_eq(open_with(&wanted, &second), HG_E_CONFLICT);
    ck_assert_ptr_nonnull(strstr(error, "another relaunch is under way"));
    relaunch_journal_close(&journal);

    snprintf(other.fleet, sizeof(other.fleet), "db");
    ck_assert_int_eq(open_with(&other, &second), HG_E_CONFLICT);
    ck_assert_ptr_nonnull(strstr(error, "is the journal of fleet web, not db"));
    other = wanted;
    other.list_hash++;
    ck_assert_int_eq(open_with(&other, &second), HG_E_CONFLICT);
    ck_assert_ptr_nonnull(strstr(error, "another list"));

    append("granted 1 stranger 5 1\n");
    ck_assert_int_eq(open_with(&wanted, &second), HG_E_INVALID);
    ck_assert_ptr_nonnull(strstr(error, ":2: this line is damaged"));
    ck_assert_int_eq(truncate(path, 0), 0);
    append("something else\nentirely\n");
    ck_assert_int_eq(open_with(&wanted, &second), HG_E_INVALID);
    ck_assert_ptr_nonnull(strstr(error, ":1: this is no journal"));
    unlink(path);
    strcpy(path, "/nonexistent/journal");
    ck_assert_int_eq(open_with(&wanted, &second), HG_E_IO);
    ck_assert_ptr_nonnull(strstr(error, "No such file"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch_journal");
    TCase *tcase = tcase_create("launch_journal");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_lines_are_read_as_they_were_written);
    tcase_add_test(tcase, test_other_lines_are_refused);
    tcase_add_test(tcase, test_another_start_goes_on);
    tcase_add_test(tcase, test_a_torn_end_is_cut_off);
    tcase_add_test(tcase, test_what_does_not_belong_is_refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
