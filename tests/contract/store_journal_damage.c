/* Torn ends, flipped bits, files of another version. */
#include "store_journal.h"

#include "core/rng.h"
#include "store/crc32c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A journal with permits for a and b, and c's as the last record. Closed. */
static struct file make_journal(int64_t *ret_fence)
{
    char path[300];
    syncs_for_free();
    scene_begin(WORLD_JOURNAL);
    scene.plan.dependencies[0].burst = 5;
    scene.plan.dependencies[0].rate_milli = 1000000;
    ck_assert_int_eq(plan(), 0);
    wait_us(SECOND);
    (void)grant("a");
    *ret_fence = grant("b");
    (void)grant("c");
    world_close(&scene.world);
    journal_path(path, sizeof(path));
    return file_read(path);
}

static void expect_a_and_b(int64_t fence)
{
    ck_assert_int_eq(get("a")->state, INSTANCE_GRANTED);
    ck_assert_int_eq(get("b")->fence, fence);
    ck_assert_int_eq(dependency("db")->in_flight, get("c")->state == INSTANCE_GRANTED ? 3 : 2);
}

START_TEST(test_torn_at_every_byte)
{
    char path[300];
    int64_t fence;
    struct file file = make_journal(&fence);
    journal_path(path, sizeof(path));
    size_t last = last_record(&file);
    for (size_t size = last; size < file.size; size++) {
        file_write(path, file.data, size);
        world_open(&scene.world);
        ck_assert_int_eq(get("c")->state, INSTANCE_NONE);
        expect_a_and_b(fence);
        ck_assert_int_eq(snapshot()->epoch, 1); /* never answered: nothing is lost */
        ck_assert_int_gt(grant("d"), fence);
        world_restart(&scene.world); /* what was written behind the cut is read again */
        ck_assert_int_eq(get("d")->state, INSTANCE_GRANTED);
        world_close(&scene.world);
    }
    world_open(&scene.world);
    free(file.data);
    scene_end();
}
END_TEST

/* As a file system may leave it that had made room and not written yet. */
START_TEST(test_zeros_at_the_end)
{
    char path[300];
    int64_t fence;
    struct file file = make_journal(&fence);
    journal_path(path, sizeof(path));
    unsigned char *longer = calloc(1, file.size + 5000);
    memcpy(longer, file.data, file.size);
    file_write(path, longer, file.size + 5000);
    world_open(&scene.world);
    expect_a_and_b(fence);
    ck_assert_int_eq(get("c")->state, INSTANCE_GRANTED);
    ck_assert_int_eq(snapshot()->epoch, 1);
    free(longer);
    free(file.data);
    scene_end();
}
END_TEST

START_TEST(test_flipped_bit_in_the_middle)
{
    char path[300], error[512];
    int64_t fence;
    struct rng rng;
    rng_init(&rng, 11);
    struct file file = make_journal(&fence);
    journal_path(path, sizeof(path));
    size_t last = last_record(&file);
    for (size_t at = 0; at < last; at++) {
        unsigned char bit = (unsigned char)(1u << rng_between(&rng, 0, 7));
        file.data[at] ^= bit;
        file_write(path, file.data, file.size);
        error[0] = '\0';
        int status = try_open(error, sizeof(error));
        if (at >= 16 && at < 20) { /* the version */
            ck_assert_int_eq(status, HG_E_STORE_UNFIT);
        } else {
            ck_assert_msg(status == HG_E_STORE_CORRUPT, "bit flipped at byte %zu of %zu: %s %s", at, file.size, hg_strerror(status),
                          error);
            ck_assert_ptr_nonnull(strstr(error, "state/journal: damaged at byte "));
        }
        struct file after = file_read(path);
        ck_assert_uint_eq(after.size, file.size); /* nothing overwritten */
        ck_assert_mem_eq(after.data, file.data, file.size);
        free(after.data);
        file.data[at] ^= bit;
    }
    file_write(path, file.data, file.size);
    world_open(&scene.world);
    expect_a_and_b(fence);
    free(file.data);
    scene_end();
}
END_TEST

/* It may have been answered: put aside, and the state learns as after lost writes. */
START_TEST(test_flipped_bit_at_the_end)
{
    char path[300], aside[320];
    int64_t fence;
    struct file file = make_journal(&fence);
    journal_path(path, sizeof(path));
    snprintf(aside, sizeof(aside), "%s.damaged", path);
    size_t last = last_record(&file);
    for (size_t at = last; at < file.size; at++) {
        file.data[at] ^= 0x10;
        file_write(path, file.data, file.size);
        world_open(&scene.world);
        ck_assert_ptr_nonnull(strstr(scene.world.state_text, "journal.damaged"));
        ck_assert_int_eq(get("c")->state, INSTANCE_NONE);
        expect_a_and_b(fence);
        ck_assert_int_eq(snapshot()->epoch, 2);
        ck_assert_int_gt(snapshot()->learning_until_us, scene.world.clock_us);
        struct file kept = file_read(aside);
        ck_assert_uint_eq(kept.size, file.size - last);
        ck_assert_mem_eq(kept.data, file.data + last, kept.size);
        free(kept.data);
        ck_assert_int_eq(unlink(aside), 0);
        world_restart(&scene.world); /* once */
        (void)get("a");
        ck_assert_int_eq(snapshot()->epoch, 2);
        world_close(&scene.world);
        file.data[at] ^= 0x10;
    }
    world_open(&scene.world);
    free(file.data);
    scene_end();
}
END_TEST

START_TEST(test_other_version)
{
    char path[300], error[512] = "";
    int64_t fence;
    struct file file = make_journal(&fence);
    journal_path(path, sizeof(path));
    file.data[16] = 2;
    uint32_t crc = crc32c(0, file.data, 28);
    for (size_t i = 0; i < 4; i++) {
        file.data[28 + i] = (unsigned char)(crc >> (8 * i));
    }
    file_write(path, file.data, file.size);
    ck_assert_int_eq(try_open(error, sizeof(error)), HG_E_STORE_UNFIT);
    ck_assert_msg(strstr(error, "another version") != NULL, "%s", error);
    file_write(path, (const unsigned char *)"", 0);
    ck_assert_int_eq(try_open(error, sizeof(error)), HG_E_STORE_CORRUPT);
    ck_assert_int_eq(unlink(path), 0); /* moved away, as the error says: an empty store */
    world_open(&scene.world);
    ck_assert_int_eq(ask("a")->status, HG_E_NOT_READY);
    free(file.data);
    scene_end();
}
END_TEST

/* RFC 3720, B.4 */
START_TEST(test_crc32c)
{
    unsigned char data[32] = {0};
    ck_assert_uint_eq(crc32c(0, data, 32), 0x8a9136aau);
    memset(data, 0xff, sizeof(data));
    ck_assert_uint_eq(crc32c(0, data, 32), 0x62a8ab43u);
    for (size_t i = 0; i < 32; i++) {
        data[i] = (unsigned char)i;
    }
    ck_assert_uint_eq(crc32c(0, data, 32), 0x46dd794eu);
    ck_assert_uint_eq(crc32c(crc32c(0, data, 7), data + 7, 25), 0x46dd794eu);
    ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xe3069283u);
}
END_TEST

TCase *store_journal_damage(void)
{
    TCase *tcase = tcase_create("damage");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, test_crc32c);
    tcase_add_test(tcase, test_torn_at_every_byte);
    tcase_add_test(tcase, test_zeros_at_the_end);
    tcase_add_test(tcase, test_flipped_bit_in_the_middle);
    tcase_add_test(tcase, test_flipped_bit_at_the_end);
    tcase_add_test(tcase, test_other_version);
    return tcase;
}
