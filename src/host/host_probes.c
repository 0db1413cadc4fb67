#include "host/host_probes.h"

#include "host/clock.h"
#include "host/log.h"
#include "probe/probe.h"

#include <stdlib.h>

struct probe_seat {
    struct probe_seat *next;
    struct host *host;
    struct probe *probe;
    size_t policy;
    size_t dependency;
    size_t index;
};

struct probe_group {
    struct probe_seat *seats;
};

static void result_cb(void *user_data, const struct probe_report *report)
{
    struct probe_seat *seat = user_data;
    if (!report->changed && !report->has_gauge) {
        return;
    }
    struct hg_event event = {.type = HG_EVENT_PROBE, .now_us = clock_monotonic_us()};
    event.u.probe.policy = seat->policy;
    event.u.probe.dependency = seat->dependency;
    event.u.probe.probe = seat->index;
    event.u.probe.up = report->up;
    event.u.probe.has_gauge = report->has_gauge;
    event.u.probe.gauge = report->gauge;
    event.u.probe.latency_us = report->latency_us;
    event.u.probe.text = report->text;
    (void)host_step(seat->host, &event);
}

static void closed_cb(void *user_data)
{
    free(user_data);
}

static void start_one(struct host *host, size_t policy, size_t dependency, size_t index,
                      const struct hg_probe *probe)
{
    struct probe_seat *seat = calloc(1, sizeof(*seat));
    if (seat == NULL) {
        return;
    }
    *seat = (struct probe_seat){.host = host, .policy = policy, .dependency = dependency, .index = index};
    struct probe_options options = {
        .loop = host->loop, .probe = probe, .seed = clock_seed(), .on_result = result_cb, .user_data = seat};
    int status = probe_create(&options, &seat->probe);
    if (status != 0) {
        host_log(host, LOG_LEVEL_ERROR, "probe", "dependency=%zu why=\"cannot start: %s\"", dependency,
                 hg_strerror(status));
        free(seat);
        return;
    }
    seat->next = host->probes->seats;
    host->probes->seats = seat;
}

void host_probes_start(struct host *host, size_t policy)
{
    struct hg_view view;
    host_probes_stop(host, policy);
    if (host->probes == NULL) {
        host->probes = calloc(1, sizeof(*host->probes));
    }
    if (host->probes == NULL || !hg_engine_view(host->engine, policy, clock_monotonic_us(), &view)) {
        return;
    }
    for (size_t d = 0; d < view.policy->dependency_count; d++) {
        const struct hg_dependency *dependency = &view.policy->dependencies[d];
        for (size_t p = 0; p < dependency->probe_count; p++) {
            start_one(host, policy, d, p, &dependency->probes[p]);
        }
    }
}

void host_probes_stop(struct host *host, size_t policy)
{
    struct probe_seat **at = host->probes == NULL ? NULL : &host->probes->seats;
    while (at != NULL && *at != NULL) {
        struct probe_seat *seat = *at;
        if (seat->policy == policy) {
            *at = seat->next;
            probe_destroy(seat->probe, closed_cb, seat);
        } else {
            at = &seat->next;
        }
    }
}

void host_probes_stop_all(struct host *host)
{
    for (size_t policy = 0; policy < hg_engine_policy_count(host->engine); policy++) {
        host_probes_stop(host, policy);
    }
    free(host->probes);
    host->probes = NULL;
}
