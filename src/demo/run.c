#include "demo/run.h"

#include "demo/background.h"
#include "demo/dependency.h"
#include "demo/fetch.h"
#include "demo/gate.h"
#include "demo/instance.h"
#include "demo/report.h"
#include "headgate/errors.h"
#include "host/clock.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_US        20000
#define UP_DEADLINE_US INT64_C(10000000) /* for the dependency's port to answer */

struct run {
    struct demo_world *world;
    const volatile sig_atomic_t *stop;
    const char *phase;
    int64_t phase_us; /* when it began */
    struct demo_progress progress;
    struct demo_gate gate;
    pid_t dependency;
    bool broken;
    pid_t *background;
    pid_t *instances;
};

static void start_instance(struct run *run, int index, bool was_up)
{
    pid_t pid = demo_fork();
    if (pid == 0) {
        demo_instance_run(run->world, index, was_up);
    }
    if (pid < 0) {
        fprintf(stderr, "headgate demo: no process for instance %d\n", index);
        run->broken = true;
    }
    run->instances[index] = pid;
}

static void start_dependency(struct run *run)
{
    pid_t pid = demo_fork();
    if (pid == 0) {
        _exit(demo_dependency_run(run->world));
    }
    run->broken |= pid < 0;
    run->dependency = pid;
}

static void start_background(struct run *run)
{
    for (int i = 0; i < run->world->config.background; i++) {
        pid_t pid = demo_fork();
        if (pid == 0) {
            demo_background_run(run->world, i);
        }
        run->broken |= pid < 0;
        run->background[i] = pid;
    }
}

/* An instance that ended is restarted at once, as an init system would; nothing else may end. */
static void on_child_exit(struct run *run, pid_t pid)
{
    for (int i = 0; i < run->world->config.instances; i++) {
        if (run->instances[i] == pid) {
            start_instance(run, i, false);
            return;
        }
    }
    const char *what = pid == run->dependency ? "the dependency"
                       : pid == run->gate.pid ? "the controller"
                                              : "a client";
    if (pid == run->dependency) {
        run->dependency = 0;
    }
    if (pid == run->gate.pid) {
        run->gate.pid = 0;
    }
    fprintf(stderr, "\nheadgate demo: %s ended by itself\n", what);
    run->broken = true;
}

/* One turn: reap, restart, draw. False when the run must end. */
static bool tick(struct run *run)
{
    pid_t pid;
    while (!*run->stop && (pid = waitpid(-1, NULL, WNOHANG)) > 0) {
        on_child_exit(run, pid); /* ^C reaches the children too: their end is no news then */
    }
    demo_progress_draw(&run->progress, run->world, run->phase, clock_monotonic_us() - run->phase_us);
    demo_sleep_us(TICK_US);
    return !run->broken && !*run->stop;
}

static void begin_phase(struct run *run, const char *phase)
{
    run->phase = phase;
    run->phase_us = clock_monotonic_us();
}

static int64_t phase_age_us(const struct run *run)
{
    return clock_monotonic_us() - run->phase_us;
}

static bool settle(struct run *run)
{
    struct demo_world *world = run->world;
    start_dependency(run);
    struct demo_request request = {
        .port = world->dependency_port, .method = "GET", .path = "/healthz", .timeout_us = 1000000};
    begin_phase(run, "fleet up");
    while (demo_fetch(&request, NULL) != 200) {
        if (!tick(run) || phase_age_us(run) > UP_DEADLINE_US) {
            return false;
        }
    }
    start_background(run);
    for (int i = 0; i < world->config.instances; i++) {
        start_instance(run, i, true);
    }
    while (phase_age_us(run) < world->config.settle_us) {
        if (!tick(run)) {
            return false;
        }
    }
    return true;
}

/* The dependency dies; goes on until every lease is lost. */
static bool outage(struct run *run)
{
    const struct demo_config *config = &run->world->config;
    kill(run->dependency, SIGKILL);
    waitpid(run->dependency, NULL, 0);
    run->dependency = 0;
    begin_phase(run, "dependency down");
    while (phase_age_us(run) < config->outage_us || demo_world_count(run->world, DEMO_UP) > 0) {
        if (!tick(run) || phase_age_us(run) > config->outage_us * 5) {
            return false;
        }
    }
    return true;
}

static bool recovery(struct run *run, struct demo_result *ret_result)
{
    const struct demo_config *config = &run->world->config;
    int half = (config->instances + 1) / 2;
    int most = (config->instances * 99 + 99) / 100;
    demo_world_reset_counters(run->world);
    start_dependency(run);
    begin_phase(run, "dependency back");
    while (ret_result->most_us < 0 && phase_age_us(run) < config->deadline_us) {
        if (!tick(run)) {
            return false;
        }
        int up = demo_world_count(run->world, DEMO_UP);
        int64_t now_us = phase_age_us(run);
        ret_result->back = up > ret_result->back ? up : ret_result->back;
        ret_result->half_us = ret_result->half_us < 0 && up >= half ? now_us : ret_result->half_us;
        ret_result->most_us = up >= most ? now_us : -1;
    }
    ret_result->length_us = phase_age_us(run);
    ret_result->finished = ret_result->most_us >= 0;
    return true;
}

static void take_counters(const struct demo_world *world, struct demo_result *ret_result)
{
    double attempts = 0, asked = 0;
    for (int i = 0; i < world->config.instances; i++) {
        int own = world->slots[i].attempts;
        attempts += own;
        asked += world->slots[i].asked;
        ret_result->attempts_max = own > ret_result->attempts_max ? own : ret_result->attempts_max;
    }
    ret_result->attempts_mean = attempts / world->config.instances;
    ret_result->asked_mean = asked / world->config.instances;
    ret_result->served = world->served;
    ret_result->wasted = world->wasted;
    ret_result->queue_peak = world->queue_peak;
    ret_result->background_asked = world->background_asked;
    ret_result->background_errors = world->background_errors;
    ret_result->lost_again = world->lost_again;
}

static void kill_all(pid_t *pids, int count)
{
    for (int i = 0; i < count; i++) {
        if (pids[i] > 0) {
            kill(pids[i], SIGKILL);
        }
    }
    for (int i = 0; i < count; i++) {
        if (pids[i] > 0) {
            waitpid(pids[i], NULL, 0);
        }
    }
}

static int run_phases(struct run *run, struct demo_result *ret_result)
{
    struct demo_world *world = run->world;
    world->dependency_port = demo_find_port();
    world->gate_port = demo_find_port();
    if (world->dependency_port == 0 || world->gate_port == 0 || world->dependency_port == world->gate_port) {
        fprintf(stderr, "headgate demo: no free loopback port\n");
        return HG_E_UNREACHABLE;
    }
    int status = world->gated ? demo_gate_start(world, &run->gate) : 0;
    if (status == 0 && !(settle(run) && outage(run) && recovery(run, ret_result))) {
        status = *run->stop ? HG_E_CANCELLED : HG_E_IO;
    }
    return status;
}

int demo_run(const struct demo_config *config, bool gated, const volatile sig_atomic_t *stop,
             struct demo_result *ret_result)
{
    struct demo_result result = {.ran = true, .gated = gated, .half_us = -1, .most_us = -1};
    struct run run = {.stop = stop};
    run.world = demo_world_create(config);
    run.instances = calloc((size_t)config->instances, sizeof(*run.instances));
    run.background = calloc((size_t)config->background, sizeof(*run.background));
    int status = HG_E_NOMEM;
    if (run.world != NULL && run.instances != NULL && run.background != NULL) {
        run.world->gated = gated;
        demo_progress_init(&run.progress, gated ? "through Headgate" : "all at once");
        status = run_phases(&run, &result);
        take_counters(run.world, &result);
        demo_progress_finish(&run.progress);
        kill_all(run.instances, config->instances);
        kill_all(run.background, config->background);
        kill_all(&run.dependency, 1);
        demo_gate_stop(&run.gate);
    }
    free(run.instances);
    free(run.background);
    demo_world_destroy(run.world);
    if (status == 0) {
        *ret_result = result;
    }
    return status;
}
