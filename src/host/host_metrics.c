#include "host/host_metrics.h"

#include "headgate/version.h"
#include "host/clock.h"
#include "host/host.h"
#include "metrics/engine_metrics.h"

#include <malloc.h>
#include <stdlib.h>
#include <sys/resource.h>

/* The names that Prometheus client libraries use for any process. */
static void write_process(struct metrics_text *text)
{
    struct rusage usage;
    struct mallinfo2 heap = mallinfo2();
    metrics_family(text, "headgate_heap_bytes", "gauge", "Bytes the allocator holds for this process's data.");
    metrics_sample(text, "headgate_heap_bytes", NULL, (double)(heap.uordblks + heap.hblkhd));
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        double seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
        metrics_family(text, "process_cpu_seconds_total", "counter", "User and system time spent, seconds.");
        metrics_sample(text, "process_cpu_seconds_total", NULL, seconds);
    }
}

static void write_server(struct metrics_text *text, const struct host *host)
{
    const struct http_counters *counters = http_server_counters(host->server);
    const struct api_event_counters *events = api_event_counters(host->api);
    const struct {
        const char *name;
        const char *type;
        const char *help;
        int64_t value;
    } list[] = {
        {"headgate_http_requests_total", "counter", "HTTP requests.", counters->requests},
        {"headgate_http_connections", "gauge", "Connections open.", counters->connections},
        {"headgate_http_connections_over_total", "counter", "Silent connections closed to make room.",
         counters->connections_over},
        {"headgate_http_bodies_over_total", "counter", "Bodies refused for their size.",
         counters->bodies_over},
        {"headgate_http_malformed_total", "counter", "Malformed requests.", counters->malformed},
        {"headgate_http_suspended", "gauge", "Requests waiting for their answer.", counters->suspended},
        {"headgate_http_streams", "gauge", "Answers that go on.", counters->streams},
        {"headgate_events_total", "counter", "Lines published to /v1/events.", events->published},
        {"headgate_events_readers", "gauge", "Clients that read /v1/events.", events->readers},
        {"headgate_events_readers_refused_total", "counter", "Readers beyond the maximum.", events->refused},
        {"headgate_events_readers_dropped_total", "counter", "Readers that fell behind all that is kept.",
         events->dropped},
        {"headgate_http_clients_gone_total", "counter", "Clients that left before their answer.",
         counters->clients_gone},
    };
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        metrics_family(text, list[i].name, list[i].type, list[i].help);
        metrics_sample(text, list[i].name, NULL, (double)list[i].value);
    }
    struct metrics_label labels[] = {{"version", HG_VERSION}, {NULL, NULL}};
    metrics_family(text, "headgate_build_info", "gauge", "1; the version is the label.");
    metrics_sample(text, "headgate_build_info", labels, 1);
    metrics_family(text, "headgate_store_up", "gauge", "1 while the store can be used.");
    metrics_sample(text, "headgate_store_up", NULL, host->store_up);
}

int host_metrics(void *user_data, char **ret_text, size_t *ret_size)
{
    struct host *host = user_data;
    struct metrics_text text = {0};
    size_t count = 0;
    struct hg_view *views = calloc(hg_engine_policy_count(host->engine) + 1, sizeof(*views));
    if (views == NULL) {
        return HG_E_NOMEM;
    }
    for (size_t p = 0; p < hg_engine_policy_count(host->engine); p++) {
        count += hg_engine_view(host->engine, p, clock_monotonic_us(), &views[count]);
    }
    engine_metrics_write(&text, views, count, hg_engine_counters(host->engine));
    write_server(&text, host);
    write_process(&text);
    free(views);
    if (text.failed) {
        metrics_finish(&text);
        return HG_E_NOMEM;
    }
    *ret_text = text.text;
    *ret_size = text.size;
    return 0;
}
