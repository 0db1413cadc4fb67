#include "probe/probe.h"
#include "core/rng.h"
#include "headgate/errors.h"
#include "probe/check.h"
#include "probe/config.h"
#include "probe/probe_state.h"
#include "probe/schedule.h"

#include <stdlib.h>

struct probe {
    struct hg_probe config;
    uv_loop_t *loop;
    const struct check_ops *ops;
    struct check *check; /* the attempt under way, until its verdict */
    bool check_closing;  /* after its verdict, until its handles are closed */
    void *kept;          /* the kind's own */
    bool due;            /* the next attempt waits for that */
    uint64_t started_ns;
    struct probe_state state;
    struct rng rng;
    uv_timer_t next;
    uv_timer_t timeout;
    size_t timer_count; /* not closed yet */
    bool closing;
    probe_result_fn on_result;
    void *user_data;
    void (*on_closed)(void *user_data);
    void *closed_data;
};

static void attempt(struct probe *probe);

const char *probe_verdict_name(enum probe_verdict verdict)
{
    static const char *const names[PROBE_VERDICT_COUNT] = {
        "up", "unreachable", "silent", "bad_answer", "no_addresses", "no_resolver", "not_tried"};
    return verdict >= 0 && verdict < PROBE_VERDICT_COUNT ? names[verdict] : "unknown";
}

static void free_when_closed(struct probe *probe)
{
    if (!probe->closing || probe->timer_count > 0 || probe->check_closing) {
        return;
    }
    void (*on_closed)(void *) = probe->on_closed;
    void *closed_data = probe->closed_data;
    if (probe->kept != NULL) {
        probe->ops->forget(probe->kept);
    }
    config_finish(&probe->config);
    free(probe);
    if (on_closed != NULL) {
        on_closed(closed_data);
    }
}

static void timer_closed_cb(uv_handle_t *handle)
{
    struct probe *probe = handle->data;
    probe->timer_count--;
    free_when_closed(probe);
}

static void on_check_closed(void *user_data)
{
    struct probe *probe = user_data;
    probe->check_closing = false;
    if (probe->closing) {
        free_when_closed(probe);
    } else if (probe->due) {
        attempt(probe);
    }
}

static void close_check(struct probe *probe)
{
    struct check *check = probe->check;
    if (check == NULL) {
        return;
    }
    (void)uv_timer_stop(&probe->timeout);
    probe->check = NULL;
    probe->check_closing = true;
    probe->ops->close(check, on_check_closed, probe);
}

/* The last thing done with the probe in any path: the callback may destroy it. */
static void conclude(struct probe *probe, const struct check_result *result)
{
    int64_t latency_us = (int64_t)((uv_hrtime() - probe->started_ns) / 1000);
    bool ok = result->verdict == PROBE_VERDICT_UP;
    bool changed = probe_state_feed(&probe->state, ok, probe->config.rise, probe->config.fall);
    close_check(probe);
    struct probe_report report = {.known = probe->state.known,
                                  .up = probe->state.up,
                                  .changed = changed,
                                  .last_ok = ok,
                                  .verdict = result->verdict,
                                  .latency_us = latency_us,
                                  .has_gauge = result->has_gauge,
                                  .gauge = result->gauge,
                                  .text = result->text};
    probe->on_result(probe->user_data, &report);
}

static void on_done(void *user_data, const struct check_result *result)
{
    conclude(user_data, result);
}

static void timeout_cb(uv_timer_t *timer)
{
    struct probe *probe = timer->data;
    struct check_result result;
    probe->ops->explain_silence(probe->check, &result);
    conclude(probe, &result);
}

static void next_cb(uv_timer_t *timer)
{
    struct probe *probe = timer->data;
    probe->due = true;
    if (probe->check == NULL && !probe->check_closing) {
        attempt(probe);
    }
}

static void attempt(struct probe *probe)
{
    int64_t delay_ms = schedule_delay_ms(&probe->config, &probe->rng);
    probe->due = false;
    uv_update_time(
        probe->loop); /* timers count from the loop's idea of now, which a busy turn leaves behind */
    (void)uv_timer_start(&probe->next, next_cb, (uint64_t)delay_ms, 0);
    (void)uv_timer_start(&probe->timeout, timeout_cb, (uint64_t)check_ms(probe->config.timeout_us), 0);
    probe->started_ns = uv_hrtime();
    struct check_options options = {.loop = probe->loop,
                                    .probe = &probe->config,
                                    .kept = &probe->kept,
                                    .on_done = on_done,
                                    .user_data = probe};
    struct check_result result;
    if (probe->ops->start(&options, &probe->check, &result) != 0) {
        (void)uv_timer_stop(&probe->timeout);
        conclude(probe, &result);
    }
}

int probe_create(const struct probe_options *options, struct probe **ret_probe)
{
    struct probe *probe = calloc(1, sizeof(*probe));
    if (probe == NULL) {
        return HG_E_NOMEM;
    }
    int status = config_copy(options->probe, &probe->config);
    if (status != 0) {
        free(probe);
        return status;
    }
    probe->loop = options->loop;
    probe->ops = check_ops_of(probe->config.kind);
    probe->on_result = options->on_result;
    probe->user_data = options->user_data;
    probe_state_init(&probe->state);
    rng_init(&probe->rng, options->seed);
    (void)uv_timer_init(probe->loop, &probe->next);
    (void)uv_timer_init(probe->loop, &probe->timeout);
    probe->next.data = probe;
    probe->timeout.data = probe;
    probe->timer_count = 2;
    int64_t delay_ms = schedule_first_delay_ms(&probe->config, &probe->rng);
    (void)uv_timer_start(&probe->next, next_cb, (uint64_t)delay_ms, 0);
    *ret_probe = probe;
    return 0;
}

void probe_destroy(struct probe *probe, void (*on_closed)(void *user_data), void *user_data)
{
    if (probe == NULL) {
        return;
    }
    probe->closing = true;
    probe->on_closed = on_closed;
    probe->closed_data = user_data;
    close_check(probe);
    uv_close((uv_handle_t *)&probe->next, timer_closed_cb);
    uv_close((uv_handle_t *)&probe->timeout, timer_closed_cb);
}
