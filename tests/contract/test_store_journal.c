/* memory:DIR: what is on disk, and what happens when the disk does not play along. */
#include "store_journal.h"

#include "../unit/check_main.h"
#include "server.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_int syncs;
static atomic_int syncs_to_fail;
static atomic_bool syncs_wait;
static sem_t sync_may_go;
static atomic_int syncs_of_new;
static atomic_int sync_of_new_to_fail; /* which, of those of journal.new; 0: none */

static bool is_new_file(int fd)
{
    char link[64], path[512];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof(path) - 1);
    path[size < 0 ? 0 : size] = '\0';
    return strstr(path, "/journal.new") != NULL;
}

static atomic_bool syncs_are_free; /* what is looked at is the file, not the disk */

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

void syncs_for_free(void)
{
    atomic_store(&syncs_are_free, true);
}

int __wrap_fsync(int fd)
{
    return atomic_load(&syncs_are_free) ? 0 : __real_fsync(fd);
}

/* The store's fdatasync, by way of the linker. */
int __wrap_fdatasync(int fd)
{
    atomic_fetch_add(&syncs, 1);
    if (atomic_load(&syncs_wait)) {
        sem_wait(&sync_may_go);
    }
    if (is_new_file(fd) && atomic_fetch_add(&syncs_of_new, 1) + 1 == atomic_load(&sync_of_new_to_fail)) {
        errno = ENOSPC;
        return -1;
    }
    if (atomic_load(&syncs_to_fail) > 0) {
        atomic_fetch_sub(&syncs_to_fail, 1);
        errno = EIO;
        return -1;
    }
    return atomic_load(&syncs_are_free) ? 0 : __real_fdatasync(fd);
}

void journal_path(char *ret_path, size_t size)
{
    snprintf(ret_path, size, "%s/state/journal", scene.world.directory);
}

struct file file_read(const char *path)
{
    struct stat info;
    FILE *in = fopen(path, "rb");
    ck_assert_msg(in != NULL && fstat(fileno(in), &info) == 0, "%s: %s", path, strerror(errno));
    struct file file = {.data = malloc((size_t)info.st_size + 1), .size = (size_t)info.st_size};
    ck_assert_uint_eq(fread(file.data, 1, file.size, in), file.size);
    fclose(in);
    return file;
}

void file_write(const char *path, const unsigned char *data, size_t size)
{
    (void)remove(path); /* ext4 writes a file that was truncated and filled again to disk at once */
    FILE *out = fopen(path, "wb");
    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(data, 1, size, out), size);
    fclose(out);
}

size_t last_record(const struct file *file)
{
    static const unsigned char magic[4] = {'H', 'g', 0xe7, '\n'};
    size_t found = 0;
    for (size_t i = 0; i + sizeof(magic) <= file->size; i++) {
        found = memcmp(file->data + i, magic, sizeof(magic)) == 0 ? i : found;
    }
    ck_assert_uint_gt(found, 0);
    return found;
}

int try_open(char *ret_error, size_t error_size)
{
    uv_loop_t loop;
    struct store *store = NULL;
    struct store_options options = {.url = scene.world.url, .loop = &loop};
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    int status = store_create(&options, &store, ret_error, error_size);
    if (status == 0) {
        store->ops->destroy(store, NULL, NULL);
        uv_run(&loop, UV_RUN_DEFAULT);
    }
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    return status;
}

START_TEST(test_directory)
{
    char path[300], error[512] = "";
    struct stat info;
    scene_begin(WORLD_JOURNAL);
    snprintf(path, sizeof(path), "%s/state", scene.world.directory);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_int_eq(info.st_mode & 0777, 0700);
    snprintf(scene.world.url, sizeof(scene.world.url), "memory:%s/missing/state", scene.world.directory);
    ck_assert_int_eq(try_open(error, sizeof(error)), HG_E_IO);
    ck_assert_ptr_nonnull(strstr(error, "missing/state: cannot be made"));
    snprintf(scene.world.url, sizeof(scene.world.url), "memory:%s/state/journal", scene.world.directory);
    ck_assert_int_eq(try_open(error, sizeof(error)), HG_E_IO);
    ck_assert_int_eq(chdir(scene.world.directory), 0); /* a relative one */
    snprintf(scene.world.url, sizeof(scene.world.url), "memory:here");
    ck_assert_int_eq(try_open(error, sizeof(error)), 0);
    ck_assert_int_eq(stat("here/journal", &info), 0);
    ck_assert_int_eq(chdir("/"), 0);
    scene_end();
}
END_TEST

START_TEST(test_one_controller_a_directory)
{
    char error[512] = "", pid[32];
    scene_begin(WORLD_JOURNAL);
    ck_assert_int_eq(try_open(error, sizeof(error)), HG_E_CONFLICT);
    snprintf(pid, sizeof(pid), "process %d", (int)getpid());
    ck_assert_msg(strstr(error, pid) != NULL, "%s", error);
    (void)grant("a"); /* undisturbed */
    world_close(&scene.world);
    ck_assert_int_eq(try_open(error, sizeof(error)), 0);
    world_open(&scene.world);
    ck_assert(ask("a")->already);
    scene_end();
}
END_TEST

static int answers;

static void count_reply(void *data, struct group_reply *reply)
{
    (void)data;
    ck_assert_int_eq(reply->status, 0);
    answers++;
}

static void on_tick(uv_timer_t *timer)
{
    (*(int *)timer->data)++;
}

/* While one batch is synced the next one fills, and the loop goes on. */
START_TEST(test_groups_share_a_sync)
{
    static struct group groups[20];
    static char policies[20][16];
    int ticks = 0;
    uv_timer_t timer;
    scene_begin(WORLD_JOURNAL);
    sem_init(&sync_may_go, 0, 0);
    atomic_store(&syncs, 0);
    atomic_store(&syncs_wait, true);
    for (size_t i = 0; i < 20; i++) {
        snprintf(policies[i], sizeof(policies[i]), "policy-%zu", i);
        groups[i].policy = policies[i];
        groups[i].op_count = 1;
        groups[i].ops[0] = (struct op){.kind = OP_LEAD, .leader_id = "me", .lease_us = SECOND};
        ck_assert_int_eq(scene.world.store->ops->submit(scene.world.store, &groups[i], count_reply, NULL), 0);
    }
    uv_timer_init(&scene.world.loop, &timer);
    timer.data = &ticks;
    uv_timer_start(&timer, on_tick, 1, 1);
    while (ticks < 10) {
        uv_run(&scene.world.loop, UV_RUN_ONCE);
    }
    ck_assert_int_eq(answers, 0); /* nobody before the sync has returned */
    ck_assert_int_eq(atomic_load(&syncs), 1);
    atomic_store(&syncs_wait, false);
    sem_post(&sync_may_go);
    while (answers < 20) {
        uv_run(&scene.world.loop, UV_RUN_ONCE);
    }
    ck_assert_int_eq(atomic_load(&syncs), 2); /* the first alone, the nineteen others together */
    uv_close((uv_handle_t *)&timer, NULL);
    scene_end();
}
END_TEST

static int ask_status(const char *instance)
{
    scene.world.group.op_count = 1;
    scene.world.group.ops[0] = op_about(OP_ACQUIRE, instance);
    return world_group_status(&scene.world, &scene.world.group);
}

static void wait_for_room(void)
{
    int64_t end_ms = server_now_ms() + 20000;
    while (scene.world.state_status != 0) {
        ck_assert_msg(server_now_ms() < end_ms, "%s", scene.world.state_text);
        uv_run(&scene.world.loop, UV_RUN_ONCE);
    }
}

static off_t journal_size(void)
{
    char path[300];
    struct stat info;
    journal_path(path, sizeof(path));
    ck_assert_int_eq(stat(path, &info), 0);
    return info.st_size;
}

START_TEST(test_full_disk)
{
    scene_begin(WORLD_JOURNAL);
    int64_t fence = grant("a");
    off_t size = journal_size();
    struct rlimit limit, room;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    room = limit;
    signal(SIGXFSZ, SIG_IGN);
    limit.rlim_cur = (rlim_t)size + 50; /* the write begins and does not end */
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(ask_status("b"), HG_E_STORE_FULL);
    ck_assert_int_eq(scene.world.state_status, HG_E_STORE_FULL);
    ck_assert_ptr_nonnull(strstr(scene.world.state_text, "journal"));
    ck_assert_int_eq(journal_size(), size); /* cut back */
    ck_assert_int_eq(ask_status("b"), HG_E_STORE_FULL); /* at once */
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &room), 0);
    wait_for_room();
    ck_assert_int_eq(journal_size(), size);
    ck_assert(ask("a")->already);
    ck_assert_int_eq(fleet("web")->granted, 1); /* b's group has not happened */
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].tail, 1);
    int64_t next = grant("b");
    ck_assert_int_gt(next, fence);
    world_restart(&scene.world);
    ck_assert_int_eq(ask("a")->fence, fence);
    ck_assert_int_eq(ask("b")->fence, next);
    scene_end();
}
END_TEST

START_TEST(test_failed_sync)
{
    scene_begin(WORLD_JOURNAL);
    int64_t fence = grant("a");
    off_t size = journal_size();
    atomic_store(&syncs_to_fail, 2); /* the group's, and the first look whether it works again */
    ck_assert_int_eq(ask_status("b"), HG_E_STORE_AWAY);
    ck_assert_int_eq(scene.world.state_status, HG_E_STORE_AWAY);
    ck_assert_int_eq(journal_size(), size);
    ck_assert_int_eq(ask_status("c"), HG_E_STORE_AWAY);
    wait_for_room();
    ck_assert_int_eq(atomic_load(&syncs_to_fail), 0);
    ck_assert_int_eq(get("b")->state, INSTANCE_NONE);
    ck_assert_int_gt(grant("b"), fence);
    world_restart(&scene.world);
    ck_assert_int_eq(ask("a")->fence, fence);
    ck_assert_int_eq(get("b")->state, INSTANCE_GRANTED);
    ck_assert_int_eq(get("c")->state, INSTANCE_NONE);
    scene_end();
}
END_TEST

START_TEST(test_compaction)
{
    char path[300], name[16];
    off_t largest = 0;
    scene_begin(WORLD_JOURNAL);
    scene.world.compact_bytes = 20000;
    world_restart(&scene.world);
    int64_t fence = grant("a");
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof(name), "i-%d", i % 20);
        (void)ask(name);
        largest = journal_size() > largest ? journal_size() : largest;
    }
    ck_assert_int_gt(largest, 20000);
    ck_assert_int_lt(largest, 100000); /* 2000 groups are some 300,000 bytes */
    struct snapshot before = *snapshot();
    world_restart(&scene.world);
    ck_assert_int_eq(ask("a")->fence, fence);
    ck_assert_int_eq(snapshot()->fence, before.fence);
    ck_assert_int_eq(fleet("web")->lines[LINE_MAIN].waiting, before.fleets[0].lines[LINE_MAIN].waiting);
    ck_assert_int_eq(get("i-7")->number, 9);
    world_close(&scene.world);
    snprintf(path, sizeof(path), "%s/state/journal.new", scene.world.directory);
    ck_assert_int_ne(access(path, F_OK), 0);
    file_write(path, (const unsigned char *)"half a snapshot", 15); /* as a crash leaves it */
    world_open(&scene.world);
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_eq(ask("a")->fence, fence);
    scene_end();
}
END_TEST

/* A compaction that finds no room is given up; nobody is told, nothing is lost. */
START_TEST(test_compaction_fails)
{
    char name[16];
    scene_begin(WORLD_JOURNAL);
    scene.world.compact_bytes = 20000;
    world_restart(&scene.world);
    char path[300];
    snprintf(path, sizeof(path), "%s/state/journal.new", scene.world.directory);
    ck_assert_int_eq(mkdir(path, 0700), 0); /* in the way of the new file */
    for (int i = 0; i < 600; i++) {
        snprintf(name, sizeof(name), "i-%d", i % 20);
        (void)ask(name);
    }
    ck_assert_int_gt(journal_size(), 40000);
    ck_assert_int_eq(scene.world.state_status, 0);
    ck_assert_int_eq(rmdir(path), 0);
    for (int i = 0; i < 1000; i++) {
        (void)ask("i-1");
    }
    ck_assert_int_lt(journal_size(), 150000); /* tried again, later */
    world_restart(&scene.world);
    ck_assert_int_eq(get("i-7")->number, 8);
    scene_end();
}
END_TEST

/* The same for the last step: the old file goes on. */
static void swap_fails(int which)
{
    char path[300];
    scene_begin(WORLD_JOURNAL);
    scene.world.compact_bytes = 20000;
    world_restart(&scene.world);
    atomic_store(&syncs_of_new, 0);
    atomic_store(&sync_of_new_to_fail, which);
    snprintf(path, sizeof(path), "%s/state/journal.new", scene.world.directory);
    int64_t fence = grant("a");
    int64_t end_ms = server_now_ms() + 20000;
    while (atomic_load(&syncs_of_new) < which) {
        ck_assert_msg(server_now_ms() < end_ms, "no compaction came so far");
        (void)ask("a");
    }
    for (int i = 0; access(path, F_OK) == 0; i++) { /* until the loop has dropped it */
        ck_assert_int_lt(i, 1000);
        (void)ask("a");
    }
    ck_assert_int_gt(journal_size(), 20000);
    ck_assert_int_eq(scene.world.state_status, 0);
    while (journal_size() > 20000) { /* later it works */
        ck_assert_msg(server_now_ms() < end_ms, "no compaction came again");
        (void)ask("b");
    }
    world_restart(&scene.world);
    ck_assert_int_eq(ask("a")->fence, fence);
    scene_end();
}

START_TEST(test_snapshot_is_not_durable)
{
    swap_fails(1);
}
END_TEST

START_TEST(test_swap_is_not_durable)
{
    swap_fails(2);
}
END_TEST

START_TEST(test_full_disk_at_start)
{
    char error[512] = "";
    struct rlimit limit;
    scene_begin(WORLD_JOURNAL);
    (void)grant("a");
    world_close(&scene.world);
    off_t size = journal_size();
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    struct rlimit room = limit;
    signal(SIGXFSZ, SIG_IGN);
    limit.rlim_cur = (rlim_t)size;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(try_open(error, sizeof(error)), HG_E_STORE_FULL);
    ck_assert_msg(strstr(error, "cannot be written") != NULL, "%s", error);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &room), 0);
    ck_assert_int_eq(journal_size(), size);
    world_open(&scene.world);
    ck_assert(ask("a")->already);
    scene_end();
}
END_TEST

/* What could not be read again is not written. */
START_TEST(test_beyond_the_bounds)
{
    char name[HG_INSTANCE_MAX + 2];
    scene_begin(WORLD_JOURNAL);
    off_t size = journal_size();
    memset(name, 'a', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    ck_assert_int_eq(ask_status(name), HG_E_INVALID);
    ck_assert_int_eq(journal_size(), size);
    name[sizeof(name) - 2] = '\0';
    (void)grant(name);
    world_restart(&scene.world);
    ck_assert(ask(name)->already);
    scene_end();
}
END_TEST

/* Destroyed with groups under way: nobody is answered, nothing leaks, what was written counts as a lost reply. */
START_TEST(test_destroyed_with_work_under_way)
{
    scene_begin(WORLD_JOURNAL);
    sem_init(&sync_may_go, 0, 0);
    atomic_store(&syncs_wait, true);
    static struct group first, second;
    first.policy = scene.world.policy;
    first.op_count = 1;
    first.ops[0] = op_about(OP_ACQUIRE, "a");
    second = first;
    second.policy = "another";
    ck_assert_int_eq(scene.world.store->ops->submit(scene.world.store, &first, count_reply, NULL), 0);
    ck_assert_int_eq(scene.world.store->ops->submit(scene.world.store, &second, count_reply, NULL), 0);
    atomic_store(&syncs_wait, false);
    sem_post(&sync_may_go);
    world_restart(&scene.world);
    ck_assert_int_eq(answers, 0);
    ck_assert(ask("a")->already);
    scene_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_journal");
    TCase *tcase = tcase_create("disk");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_directory);
    tcase_add_test(tcase, test_one_controller_a_directory);
    tcase_add_test(tcase, test_groups_share_a_sync);
    tcase_add_test(tcase, test_full_disk);
    tcase_add_test(tcase, test_failed_sync);
    tcase_add_test(tcase, test_compaction);
    tcase_add_test(tcase, test_compaction_fails);
    tcase_add_test(tcase, test_snapshot_is_not_durable);
    tcase_add_test(tcase, test_swap_is_not_durable);
    tcase_add_test(tcase, test_full_disk_at_start);
    tcase_add_test(tcase, test_beyond_the_bounds);
    tcase_add_test(tcase, test_destroyed_with_work_under_way);
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, store_journal_damage());
    suite_add_tcase(suite, store_journal_kill());
    return run_suite(suite);
}
