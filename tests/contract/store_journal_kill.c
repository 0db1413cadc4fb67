/* A process that is killed at any moment has told nobody anything that its journal does not know. */
#include "store_journal.h"

#include "core/rng.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS     24
#define GRANTS_MAX 4000

struct acknowledged {
    int64_t fence;
    int number; /* of the instance */
};

/* The child: grants without end, each acknowledgement down the pipe after the store has given it. */
static void grant_for_ever(int pipe_fd, int number)
{
    char name[32];
    world_open(&scene.world);
    for (;; number++) {
        snprintf(name, sizeof(name), "i-%d", number);
        struct acknowledged said = {.fence = grant(name), .number = number};
        if (number % 3 == 0) {
            (void)complete(name, said.fence, OUTCOME_RECOVERED);
        }
        if (write(pipe_fd, &said, sizeof(said)) != (ssize_t)sizeof(said)) {
            _exit(1);
        }
    }
}

/* Reads what the child says, kills it after `count` and reads on to the end. */
static size_t run_and_kill(int number, size_t count, struct acknowledged *ret_said, size_t most)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    fflush(NULL);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        close(fds[0]);
        grant_for_ever(fds[1], number);
    }
    close(fds[1]);
    size_t said = 0;
    while (said < most && read(fds[0], &ret_said[said], sizeof(ret_said[0])) == (ssize_t)sizeof(ret_said[0])) {
        if (++said == count) {
            kill(pid, SIGKILL);
        }
    }
    kill(pid, SIGKILL);
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close(fds[0]);
    return said;
}

static void expect_known(const struct acknowledged *said)
{
    char name[32];
    snprintf(name, sizeof(name), "i-%d", said->number);
    const struct op_reply *reply = get(name);
    enum instance_state state = said->number % 3 == 0 ? INSTANCE_DONE : INSTANCE_GRANTED;
    ck_assert_msg(reply->state == state && reply->fence == said->fence, "%s: acknowledged fence %lld, found %s with %lld", name,
                  (long long)said->fence, instance_state_name(reply->state), (long long)reply->fence);
}

START_TEST(test_killed)
{
    static struct acknowledged said[GRANTS_MAX];
    size_t count = 0;
    int64_t last_fence = 0;
    struct rng rng;
    rng_init(&rng, 3);
    scene_begin(WORLD_JOURNAL);
    for (size_t i = 0; i < 1; i++) {
        scene.plan.dependencies[i].rate_milli = 1000000000;
        scene.plan.dependencies[i].burst = 1000000;
        scene.plan.dependencies[i].in_flight_max = scene.plan.dependencies[i].window = 1000000;
    }
    scene.plan.fleets[0].lines[LINE_MAIN].base = 1000000;
    ck_assert_int_eq(plan(), 0);
    wait_us(2 * SECOND);
    (void)get("nobody");
    scene.world.compact_bytes = 30000; /* rounds end in every stage of a compaction */
    int number = 0;
    for (int round = 0; round < ROUNDS; round++) {
        world_close(&scene.world);
        size_t before = count;
        count += run_and_kill(number, (size_t)rng_between(&rng, 1, 120), &said[count], GRANTS_MAX - count);
        ck_assert_uint_gt(count, before);
        number = said[count - 1].number + 2; /* the one under way may be known, or not */
        world_open(&scene.world);
        for (size_t i = 0; i < count; i++) {
            expect_known(&said[i]);
            ck_assert(i == 0 || said[i].fence > said[i - 1].fence);
        }
        char name[32];
        snprintf(name, sizeof(name), "r-%d", round);
        int64_t fence = grant(name); /* never one that was given before */
        ck_assert_int_gt(fence, said[count - 1].fence);
        ck_assert_int_gt(fence, last_fence);
        last_fence = fence;
    }
    printf("%zu permits acknowledged over %d kills, none lost\n", count, ROUNDS);
    scene_end();
}
END_TEST

TCase *store_journal_kill(void)
{
    TCase *tcase = tcase_create("kill");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, test_killed);
    return tcase;
}
