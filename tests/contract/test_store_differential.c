/* The same random groups at the same times to the memory store (the reference), to the journaled store, which is stopped,
 * started and compacted in between, and to Redis: every field of every answer must agree. The first difference ends the run with
 * the seed, the number of the group, and the groups before it.
 *
 *   HG_SEED=N   runs that seed alone, and prints every group
 *   HG_SEEDS=N  runs so many, from 1 (default 40) */
#include "compare_replies.h"
#include "random_groups.h"
#include "server.h"
#include "store_world.h"

#include "../unit/check_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS      250
#define SEEDS       40
#define TRACE_KEPT  12
#define TIME_MAX_MS 25000 /* with the default number of seeds, no new one is begun beyond it */

int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);

/* What is compared is what the journal says, not the disk: no time is spent on waiting for it. */
int __wrap_fdatasync(int fd)
{
    return fd < 0;
}

int __wrap_fsync(int fd)
{
    return fd < 0;
}

static size_t world_count = WORLD_KIND_COUNT;
static struct world worlds[WORLD_KIND_COUNT];
static struct random_stream stream;
static struct group group;

static void print_group(int number)
{
    char text[512];
    printf("group %d at %lld, seen fence %lld\n", number, (long long)stream.clock_us, (long long)group.seen_fence);
    for (size_t i = 0; i < group.op_count; i++) {
        random_describe(&group.ops[i], text, sizeof(text));
        printf("  op %zu: %s\n", i, text);
    }
}

/* One stream in five is of a crowd, beyond what the due step takes at once; every other of those goes to the embedded stores
 * alone, and walks through the crowd with LIST and SWEEP. */
static bool embedded_only(uint64_t seed)
{
    return seed % 10 == 0;
}

static void begin(uint64_t seed)
{
    bool crowded = seed % 5 == 0;
    random_begin(&stream, seed, crowded, !crowded || embedded_only(seed));
}

/* A journaled store that returns says so to its state: the others are told the same, then all are equal again. */
static void restart(size_t w)
{
    static struct group returned = {.seen_fence = SEEN_RETURN};
    world_restart(&worlds[w]);
    for (size_t other = 0; w == WORLD_JOURNAL && other < world_count; other++) {
        if (other != w) {
            (void)world_group(&worlds[other], &returned);
        }
    }
}

/* False at the first difference. Draws of its own decide about restarts, so that they do not change the stream. */
static bool run_group(int number, struct rng *restarts, char *why, size_t size)
{
    for (size_t w = 0; w < world_count; w++) {
        worlds[w].clock_us = stream.clock_us;
    }
    for (size_t w = 0; w < world_count; w++) {
        int64_t every = w == WORLD_JOURNAL ? 12 : 80;
        if (number > 0 && rng_between(restarts, 1, every) == 1) {
            restart(w);
        }
    }
    for (size_t w = 0; w < world_count; w++) {
        (void)world_group(&worlds[w], &group);
    }
    for (size_t w = 1; w < world_count; w++) {
        char field[512];
        if (!replies_equal(&worlds[0].reply, &worlds[w].reply, field, sizeof(field))) {
            snprintf(why, size, "%s and %s: %s", world_name((enum world_kind)0), world_name((enum world_kind)w), field);
            return false;
        }
    }
    return true;
}

/* Replays the stream on the reference alone, to print how it came to the difference. */
static void print_history(uint64_t seed, int last)
{
    struct world *world = &worlds[WORLD_MEMORY];
    world_finish(world);
    world_init(world, WORLD_MEMORY);
    begin(seed);
    for (int g = 0; g <= last; g++) {
        random_group(&stream, &group);
        if (g > last - TRACE_KEPT) {
            print_group(g);
        }
        world->clock_us = stream.clock_us;
        random_learn(&stream, world_group(world, &group));
    }
}

static void run_seed(uint64_t seed, bool verbose)
{
    struct rng restarts;
    rng_init(&restarts, ~seed);
    world_count = embedded_only(seed) ? WORLD_REDIS : WORLD_KIND_COUNT;
    for (size_t w = 0; w < world_count; w++) {
        world_init(&worlds[w], (enum world_kind)w);
    }
    if (seed % 2 == 0) { /* compacts every few groups; takes effect at the first restart */
        worlds[WORLD_JOURNAL].compact_bytes = 4096;
    }
    begin(seed);
    for (int g = 0; g < GROUPS; g++) {
        char why[768] = "";
        random_group(&stream, &group);
        if (verbose) {
            print_group(g);
        }
        if (!run_group(g, &restarts, why, sizeof(why))) {
            print_history(seed, g);
            fflush(stdout);
            ck_abort_msg("seed %llu, after %d groups: %s (HG_SEED=%llu runs it again)", (unsigned long long)seed, g + 1, why,
                         (unsigned long long)seed);
        }
        random_learn(&stream, &worlds[0].reply);
    }
    for (size_t w = 0; w < world_count; w++) {
        world_finish(&worlds[w]);
    }
}

START_TEST(test_differential)
{
    const char *one = getenv("HG_SEED"), *many = getenv("HG_SEEDS");
    if (one != NULL) {
        run_seed(strtoull(one, NULL, 10), true);
        return;
    }
    uint64_t count = many != NULL ? strtoull(many, NULL, 10) : SEEDS;
    int64_t end_ms = many != NULL ? INT64_MAX : server_now_ms() + TIME_MAX_MS;
    uint64_t seed = 1;
    for (; seed <= count && server_now_ms() < end_ms; seed++) {
        run_seed(seed, false);
    }
    printf("%llu seeds of %d groups agree\n", (unsigned long long)(seed - 1), GROUPS);
    ck_assert_uint_gt(seed, 1);
}
END_TEST

int main(void)
{
    int status = world_start_redis();
    if (status != 0) {
        return status == 77 ? 77 : 1;
    }
    Suite *suite = suite_create("store_differential");
    TCase *tcase = tcase_create("store_differential");
    tcase_set_timeout(tcase, 3600);
    tcase_add_test(tcase, test_differential);
    suite_add_tcase(suite, tcase);
    status = run_suite(suite);
    world_stop_redis();
    return status;
}
