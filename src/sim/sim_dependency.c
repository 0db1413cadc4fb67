/* A dependency: servers that all run at one speed, which time, warmth, trouble and crowding set. Its "own time" advances
 * by that speed, so a request that needs 4 s of service is done when own time has advanced by 4, whatever the speed
 * was meanwhile: one heap, exact under every change. */
#include "sim/sim_world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REFUSED_US INT64_C(5000)
#define EPSILON    1e-9

double sim_dependency_pace(const struct sim_dependency_spec *spec, int64_t since_start_us, int64_t cold_since_us,
                           double cold_done)
{
    double pace = 1;
    if (spec->cold_share < 1) {
        double warm = spec->cold_over_us > 0 ? (double)(since_start_us - cold_since_us) / (double)spec->cold_over_us
                      : spec->cold_work > 0  ? cold_done / spec->cold_work
                                             : 1;
        warm = warm < 0 ? 0 : warm > 1 ? 1 : warm;
        pace = spec->cold_share + (1 - spec->cold_share) * warm;
    }
    for (size_t i = 0; i < spec->brown_out_count; i++) {
        if (since_start_us >= spec->brown_outs[i].from_us && since_start_us < spec->brown_outs[i].to_us) {
            pace *= spec->brown_outs[i].share;
        }
    }
    return pace;
}

static double crowding(const struct sim_dependency *dependency)
{
    const struct sim_dependency_spec *spec = dependency->spec;
    double inside = (double)(dependency->queued + dependency->served_count + dependency->calling_count);
    if (spec->knee <= 0 || inside <= spec->knee) {
        return 1;
    }
    double over = inside / spec->knee - 1;
    return 1 / (1 + spec->contention_sigma * over + spec->contention_kappa * over * over);
}

static void settle(struct sim_world *world, struct sim_dependency *dependency)
{
    double passed_s = (double)(world->now_us - dependency->settled_us) / SIM_US;
    dependency->own_time += passed_s * dependency->speed;
    dependency->busy_s += passed_s * (double)(dependency->served_count + dependency->calling_count);
    dependency->settled_us = world->now_us;
}

/* ---- the heap of those being served ---- */

static bool sooner(const struct sim_dependency *dependency, uint32_t a, uint32_t b)
{
    const struct sim_job *left = &dependency->jobs[a], *right = &dependency->jobs[b];
    return left->finish != right->finish ? left->finish < right->finish : left->arrived_us < right->arrived_us;
}

static void served_push(struct sim_dependency *dependency, uint32_t job)
{
    size_t at = dependency->served_count++;
    while (at > 0 && sooner(dependency, job, dependency->served[(at - 1) / 2])) {
        dependency->served[at] = dependency->served[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    dependency->served[at] = job;
}

static uint32_t served_pop(struct sim_dependency *dependency)
{
    uint32_t first = dependency->served[0], last = dependency->served[--dependency->served_count];
    size_t at = 0;
    for (size_t child = 1; child < dependency->served_count; child = 2 * at + 1) {
        if (child + 1 < dependency->served_count &&
            sooner(dependency, dependency->served[child + 1], dependency->served[child])) {
            child++;
        }
        if (!sooner(dependency, dependency->served[child], last)) {
            break;
        }
        dependency->served[at] = dependency->served[child];
        at = child;
    }
    dependency->served[at] = last;
    return first;
}

/* ---- jobs and their lists ---- */

static uint32_t job_create(struct sim_world *world, struct sim_dependency *dependency)
{
    if (dependency->free_job != SIM_NONE) {
        uint32_t job = dependency->free_job;
        dependency->free_job = dependency->jobs[job].next;
        return job;
    }
    if (dependency->job_count == dependency->job_capacity) {
        uint32_t capacity = dependency->job_capacity == 0 ? 256 : 2 * dependency->job_capacity;
        struct sim_job *grown = realloc(dependency->jobs, capacity * sizeof(*grown));
        if (grown == NULL) {
            world->nomem = true;
            return SIM_NONE;
        }
        dependency->jobs = grown;
        dependency->job_capacity = capacity;
    }
    dependency->jobs[dependency->job_count].own_life = 0;
    return dependency->job_count++;
}

static void job_free(struct sim_dependency *dependency, uint32_t job)
{
    struct sim_job *freed = &dependency->jobs[job];
    freed->state = SIM_JOB_FREE;
    freed->own_life++;
    freed->next = dependency->free_job;
    dependency->free_job = job;
}

static void queue_remove(struct sim_dependency *dependency, uint32_t job)
{
    const struct sim_job *removed = &dependency->jobs[job];
    uint32_t *before = removed->previous == SIM_NONE ? &dependency->queue_first : &dependency->jobs[removed->previous].next;
    uint32_t *after = removed->next == SIM_NONE ? &dependency->queue_last : &dependency->jobs[removed->next].previous;
    *before = removed->next;
    *after = removed->previous;
    dependency->queued--;
}

static void queue_append(struct sim_dependency *dependency, uint32_t job)
{
    struct sim_job *added = &dependency->jobs[job];
    added->state = SIM_JOB_QUEUED;
    added->previous = dependency->queue_last;
    added->next = SIM_NONE;
    *(dependency->queue_last == SIM_NONE ? &dependency->queue_first : &dependency->jobs[dependency->queue_last].next) = job;
    dependency->queue_last = job;
    dependency->queued++;
}

/* Those whose clients wait stand in order of arrival, which is the order of their time-outs. */
static void await(struct sim_dependency *dependency, uint32_t job)
{
    struct sim_job *added = &dependency->jobs[job];
    added->older = dependency->newest;
    added->newer = SIM_NONE;
    *(dependency->newest == SIM_NONE ? &dependency->oldest : &dependency->jobs[dependency->newest].newer) = job;
    dependency->newest = job;
}

static void await_no_more(struct sim_dependency *dependency, uint32_t job)
{
    const struct sim_job *removed = &dependency->jobs[job];
    *(removed->older == SIM_NONE ? &dependency->oldest : &dependency->jobs[removed->older].newer) = removed->newer;
    *(removed->newer == SIM_NONE ? &dependency->newest : &dependency->jobs[removed->newer].older) = removed->older;
}

/* ---- serving ---- */

static void fill_servers(struct sim_dependency *dependency)
{
    while (dependency->queued > 0 &&
           dependency->served_count + dependency->calling_count < (size_t)dependency->spec->servers) {
        uint32_t job = dependency->spec->queue == SIM_QUEUE_LIFO ? dependency->queue_last : dependency->queue_first;
        queue_remove(dependency, job);
        dependency->jobs[job].state = SIM_JOB_SERVED;
        dependency->jobs[job].finish = dependency->own_time + dependency->jobs[job].work_s;
        served_push(dependency, job);
    }
}

/* After any change: fills the servers, sets the speed, and plans the next answer. Must be settled. */
static void replan(struct sim_world *world, size_t d)
{
    struct sim_dependency *dependency = &world->dependencies[d];
    fill_servers(dependency);
    bool silent = dependency->outage >= 0;
    double pace = silent ? 0
                         : sim_dependency_pace(dependency->spec, world->now_us - SIM_START_US,
                                               dependency->cold_since_us, dependency->cold_done);
    dependency->speed = pace * crowding(dependency);
    dependency->queue_peak = dependency->queued > dependency->queue_peak ? dependency->queued : dependency->queue_peak;
    if (dependency->served_count > 0 && dependency->speed > 0) {
        double left_s = (dependency->jobs[dependency->served[0]].finish - dependency->own_time) / dependency->speed;
        int64_t due_us = left_s > 1e7 ? INT64_MAX : world->now_us + (int64_t)ceil(left_s > 0 ? left_s * SIM_US : 0);
        if (due_us < dependency->service_at_us) {
            dependency->service_at_us = due_us;
            sim_push(world, due_us, SIM_EVENT_SERVICE, (uint32_t)d, 0, 0);
        }
    }
    const struct sim_job *oldest = dependency->oldest == SIM_NONE ? NULL : &dependency->jobs[dependency->oldest];
    if (oldest != NULL && dependency->spec->timeout_us > 0 && dependency->timeout_at_us == INT64_MAX) {
        dependency->timeout_at_us = oldest->arrived_us + dependency->spec->timeout_us;
        sim_push(world, dependency->timeout_at_us, SIM_EVENT_TIMEOUT, (uint32_t)d, 0, 0);
    }
}

static void answer(struct sim_world *world, struct sim_dependency *dependency, uint32_t job, bool ok)
{
    struct sim_job told = dependency->jobs[job];
    if (!told.abandoned) {
        await_no_more(dependency, job);
    }
    job_free(dependency, job);
    if (!told.abandoned) {
        sim_answer_owner(world, (enum sim_owner)told.owner_kind, told.owner, told.life, told.caller, ok);
    }
}

void sim_dependency_on_service(struct sim_world *world, size_t d, int64_t at_us)
{
    struct sim_dependency *dependency = &world->dependencies[d];
    if (at_us != dependency->service_at_us) {
        return; /* an earlier one came between */
    }
    dependency->service_at_us = INT64_MAX;
    settle(world, dependency);
    while (dependency->served_count > 0 &&
           dependency->jobs[dependency->served[0]].finish <= dependency->own_time + EPSILON) {
        uint32_t job = served_pop(dependency);
        struct sim_job *done = &dependency->jobs[job];
        *(done->abandoned ? &dependency->wasted_s : &dependency->useful_s) += done->work_s;
        dependency->answered += !done->abandoned;
        dependency->cold_done += 1;
        if (dependency->spec->calls_index >= 0 && !done->abandoned) {
            done->state = SIM_JOB_CALLING;
            dependency->calling_count++;
            sim_dependency_submit(world, (size_t)dependency->spec->calls_index, SIM_OWNER_CALL, job, done->own_life,
                                  (uint8_t)d, 1);
        } else {
            answer(world, dependency, job, true);
        }
    }
    replan(world, d);
}

void sim_dependency_on_call(struct sim_world *world, size_t d, uint32_t job, uint16_t life, bool ok)
{
    struct sim_dependency *dependency = &world->dependencies[d];
    struct sim_job *called = &dependency->jobs[job];
    if (called->state != SIM_JOB_CALLING || called->own_life != life) {
        return;
    }
    settle(world, dependency);
    dependency->calling_count--;
    answer(world, dependency, job, ok);
    replan(world, d);
}

void sim_dependency_on_timeout(struct sim_world *world, size_t d)
{
    struct sim_dependency *dependency = &world->dependencies[d];
    dependency->timeout_at_us = INT64_MAX;
    settle(world, dependency);
    while (dependency->oldest != SIM_NONE) {
        uint32_t job = dependency->oldest;
        struct sim_job *late = &dependency->jobs[job];
        if (late->arrived_us + dependency->spec->timeout_us > world->now_us) {
            break;
        }
        struct sim_job told = *late;
        await_no_more(dependency, job);
        late->abandoned = true;
        dependency->timed_out++;
        if (late->state == SIM_JOB_QUEUED && dependency->spec->drops_abandoned) {
            queue_remove(dependency, job);
            job_free(dependency, job);
        }
        sim_answer_owner(world, (enum sim_owner)told.owner_kind, told.owner, told.life, told.caller, false);
    }
    replan(world, d);
}

static double dearness(const struct sim_world *world, const struct sim_dependency_spec *spec)
{
    double share = world->able == 0 ? 1 : (double)world->back / (double)world->able;
    return share < spec->dear_until ? spec->dear_times : 1;
}

void sim_dependency_submit(struct sim_world *world, size_t d, enum sim_owner kind, uint32_t owner, uint16_t life,
                           uint8_t caller, double times)
{
    struct sim_dependency *dependency = &world->dependencies[d];
    const struct sim_dependency_spec *spec = dependency->spec;
    bool refusing = dependency->outage >= 0 && spec->outages[dependency->outage].kind == SIM_OUTAGE_REFUSED;
    bool full = spec->queue_max > 0 && dependency->queued >= (size_t)spec->queue_max;
    double work_s = (double)sim_draw_us(&dependency->rng, &spec->service) / SIM_US * times * dearness(world, spec);
    uint32_t job = refusing || full ? SIM_NONE : job_create(world, dependency);
    if (job == SIM_NONE) {
        dependency->refused++;
        /* A call's owner lives in the calling dependency: it is told through `tag` and the high bits of it. */
        sim_push(world, world->now_us + REFUSED_US, SIM_EVENT_REFUSED, owner, (uint8_t)(kind | (unsigned)(caller << 2)), life);
        return;
    }
    settle(world, dependency);
    struct sim_job *added = &dependency->jobs[job];
    added->work_s = work_s;
    added->arrived_us = world->now_us;
    added->owner = owner;
    added->owner_kind = (uint8_t)kind;
    added->life = life;
    added->caller = caller;
    added->abandoned = false;
    queue_append(dependency, job);
    await(dependency, job);
    replan(world, d);
}

static void forget(struct sim_world *world, struct sim_dependency *dependency)
{
    dependency->served_count = dependency->calling_count = dependency->queued = 0;
    dependency->queue_first = dependency->queue_last = SIM_NONE;
    uint32_t count = dependency->job_count; /* those that come anew meanwhile are not forgotten */
    bool *old = calloc(count + 1, sizeof(bool));
    world->nomem = old == NULL || world->nomem;
    for (uint32_t job = 0; old != NULL && job < count; job++) {
        old[job] = dependency->jobs[job].state != SIM_JOB_FREE;
    }
    for (uint32_t job = 0; old != NULL && job < count; job++) {
        if (old[job]) {
            dependency->refused += !dependency->jobs[job].abandoned;
            answer(world, dependency, job, false);
        }
    }
    free(old);
}

void sim_dependency_on_outage(struct sim_world *world, size_t d, uint8_t tag)
{
    struct sim_dependency *dependency = &world->dependencies[d];
    const struct sim_trouble *outage = &dependency->spec->outages[tag];
    settle(world, dependency);
    if (world->now_us >= outage->to_us + SIM_START_US) {
        dependency->outage = -1;
        if (dependency->spec->cold_again) {
            dependency->cold_since_us = outage->to_us;
            dependency->cold_done = 0;
        }
        replan(world, d);
        return;
    }
    dependency->outage = tag;
    if (outage->kind == SIM_OUTAGE_REFUSED) {
        forget(world, dependency);
    }
    replan(world, d);
}

void sim_dependency_restart(struct sim_world *world, size_t d)
{
    settle(world, &world->dependencies[d]);
    forget(world, &world->dependencies[d]);
    replan(world, d);
}

double sim_dependency_gauge(const struct sim_dependency *dependency)
{
    double queued = (double)dependency->queued;
    if (dependency->spec->gauge_what == SIM_GAUGE_QUEUE) {
        return queued;
    }
    return ((double)(dependency->served_count + dependency->calling_count) + queued) / (double)dependency->spec->servers;
}

double sim_dependency_wait_s(const struct sim_dependency *dependency)
{
    if (dependency->speed <= 0) {
        return INFINITY;
    }
    double mean_s = sim_dist_mean_s(&dependency->spec->service) / dependency->speed;
    double ahead = dependency->spec->queue == SIM_QUEUE_LIFO ? (dependency->queued > 0 ? 1 : 0) : (double)dependency->queued;
    return mean_s * ahead / (double)dependency->spec->servers;
}

void sim_dependency_step(struct sim_world *world, size_t d)
{
    struct sim_dependency *dependency = &world->dependencies[d];
    settle(world, dependency);
    dependency->gauges[dependency->gauge_at++ % SIM_GAUGE_KEPT] = sim_dependency_gauge(dependency);
    replan(world, d);
}

bool sim_dependency_init(struct sim_world *world, size_t d)
{
    struct sim_dependency *dependency = &world->dependencies[d];
    dependency->spec = &world->scenario->dependencies[d];
    dependency->free_job = dependency->queue_first = dependency->queue_last = SIM_NONE;
    dependency->oldest = dependency->newest = SIM_NONE;
    dependency->service_at_us = dependency->timeout_at_us = INT64_MAX;
    dependency->outage = -1;
    dependency->speed = sim_dependency_pace(dependency->spec, -SIM_START_US, 0, 0);
    sim_stream(&dependency->rng, world->options->seed, 100 + d);
    dependency->served = malloc((size_t)dependency->spec->servers * sizeof(uint32_t));
    for (size_t i = 0; i < dependency->spec->outage_count; i++) {
        const struct sim_trouble *outage = &dependency->spec->outages[i];
        sim_push(world, outage->from_us + SIM_START_US, SIM_EVENT_OUTAGE, (uint32_t)d, (uint8_t)i, 0);
        sim_push(world, outage->to_us + SIM_START_US, SIM_EVENT_OUTAGE, (uint32_t)d, (uint8_t)i, 0);
    }
    return dependency->served != NULL;
}

void sim_dependency_finish(struct sim_dependency *dependency)
{
    free(dependency->jobs);
    free(dependency->served);
}
