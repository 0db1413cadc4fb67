/* GET /v1/events: what the daemon decides, as it decides it, to many readers, fast and slow. */
#include "check_main.h"
#include "daemon.h"
#include "herd.h"
#include "stream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS      20000
#define READERS_MAX  256
#define READERS_MANY 200
#define KEPT         1024 /* events */
#define TURN_MS      500  /* several intervals of the probes */

static struct daemon_process gate;
static struct stream streams[READERS_MAX];
static struct stream extra;
static int listener = -1;
static int port;

static void dependency_up(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int on = 1;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(listener, 4096), 0);
}

static void dependency_down(void)
{
    close(listener);
    listener = -1;
}

/* `dependencies` of them, each with `probes` probes of the one listener. */
static void start(int dependencies, int probes)
{
    static char policy[64 * 1024];
    size_t used = (size_t)snprintf(policy, sizeof(policy), "{\"policy\":\"p\",\"dependencies\":{");
    port = server_free_port();
    dependency_up();
    for (int d = 0; d < dependencies; d++) {
        used += (size_t)snprintf(policy + used, sizeof(policy) - used,
                                 "%s\"d%d\":{\"bucket\":{\"rate\":1000,\"burst\":100},\"probes\":[",
                                 d > 0 ? "," : "", d);
        for (int p = 0; p < probes; p++) {
            used +=
                (size_t)snprintf(policy + used, sizeof(policy) - used,
                                 "%s{\"tcp\":\"127.0.0.1:%d\",\"interval\":\"100ms\",\"timeout\":\"90ms\","
                                 "\"rise\":1,\"fall\":1}",
                                 p > 0 ? "," : "", port);
        }
        used += (size_t)snprintf(policy + used, sizeof(policy) - used, "]}");
    }
    snprintf(policy + used, sizeof(policy) - used,
             "},\"fleets\":{\"web\":{\"needs\":{\"d0\":1},\"size\":200}}}");
    struct daemon_setup options = {.policy = policy};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
    ck_assert(daemon_wait_text(&gate, "/v1/dependencies/d0", "/probe", "up", WAIT_MS));
}

static void setup(void)
{
    start(2, 1);
}

static void teardown(void)
{
    for (size_t i = 0; i < READERS_MAX; i++) {
        stream_close(&streams[i]);
    }
    stream_close(&extra);
    daemon_finish(&gate);
    if (listener >= 0) {
        dependency_down();
    }
}

static void open_stream(struct stream *stream, const char *path, const char *headers)
{
    struct stream_options options = {.port = gate.server.port, .path = path, .headers = headers};
    stream_open(stream, &options);
    ck_assert_int_eq(stream_wait_status(stream, WAIT_MS), 200);
}

/* Waits for it and gives back its id. */
static int64_t expect(struct stream *stream, const char *name, const char *key, const char *value)
{
    struct stream_event event;
    ck_assert_msg(stream_until(stream, name, key, value, WAIT_MS, &event), "no %s with %s=%s", name, key,
                  value);
    int64_t id = event.id;
    ck_assert_str_eq(stream_text(&event, "event"), name);
    ck_assert_int_gt(json_integer_value(json_object_get(event.data, "ts_ms")), 0);
    ck_assert_str_ne(stream_text(&event, "level"), "");
    stream_event_finish(&event);
    return id;
}

static void wait_metric(const char *name, double least, double most)
{
    int64_t deadline_ms = server_now_ms() + WAIT_MS;
    double value = daemon_metric(&gate, name);
    while (!(value >= least && value <= most)) {
        ck_assert_msg(server_now_ms() < deadline_ms, "%s stays %g", name, value);
        server_pause(20);
        value = daemon_metric(&gate, name);
    }
}

START_TEST(an_outage_is_told_in_order)
{
    open_stream(&extra, "/v1/events?dependency=d0", NULL);
    dependency_down();
    int64_t probe_down = expect(&extra, "probe", "up", "false");
    int64_t blocked = expect(&extra, "phase", "to", "blocked");
    int64_t began = expect(&extra, "recovery", "state", "began");
    dependency_up();
    int64_t probe_up = expect(&extra, "probe", "up", "true");
    int64_t idle = expect(&extra, "phase", "to", "idle");
    int64_t ended = expect(&extra, "recovery", "state", "ended");
    ck_assert(probe_down < blocked && blocked < began && began < probe_up && probe_up < idle && idle < ended);
}
END_TEST

START_TEST(every_line_of_the_log_is_told_once)
{
    struct stream_event event;
    int64_t last = 0;
    open_stream(&extra, "/v1/events?since=0", NULL);
    struct http_answer answer =
        daemon_ask(&gate, "POST", "/v1/dependencies/d1:block", "{\"reason\":\"said \\\"no\\\" twice, a=b\"}");
    ck_assert_int_eq(answer.status, 200);
    http_finish(&answer);
    bool found = false;
    for (int lines = 0; !found; lines++) {
        ck_assert(stream_next(&extra, WAIT_MS, &event));
        ck_assert_int_ge(event.id, last + 1);
        ck_assert(last == 0 || event.id == last + 1);
        last = event.id;
        ck_assert(lines > 0 || strcmp(event.name, "store") == 0 || strcmp(event.name, "listen") == 0);
        char named[64];
        snprintf(named, sizeof(named), "event=%s", event.name);
        ck_assert(daemon_logged(&gate, (const char *const[]){named, NULL}));
        found = strcmp(event.name, "phase") == 0;
        ck_assert(!found || strcmp(stream_text(&event, "why"), "operator: said \"no\" twice, a=b") == 0);
        ck_assert(!found || strcmp(stream_text(&event, "level"), "warning") == 0);
        stream_event_finish(&event);
    }
}
END_TEST

START_TEST(filters_leave_out_other_names)
{
    struct stream_event event;
    open_stream(&extra, "/v1/events?dependency=d1&policy=p", NULL);
    dependency_down();
    for (int i = 0; i < 3; i++) { /* probe, phase, recovery */
        ck_assert(stream_next(&extra, WAIT_MS, &event));
        ck_assert_str_eq(stream_text(&event, "dependency"), "d1");
        stream_event_finish(&event);
    }
    static const struct {
        const char *path;
        int status;
    } refused[] = {{"/v1/events?dependency=none", 404}, {"/v1/events?policy=none", 404},
                   {"/v1/events?since=x", 400},         {"/v1/events?since=", 400},
                   {"/v1/events?since=-1", 400},        {"/v1/events?since=9999999999999999999", 400}};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct http_answer answer = daemon_ask(&gate, "GET", refused[i].path, NULL);
        ck_assert_msg(answer.status == refused[i].status, "%s: %d", refused[i].path, answer.status);
        ck_assert_str_eq(answer.content_type, "application/problem+json");
        http_finish(&answer);
    }
    struct http_answer answer = daemon_ask(&gate, "POST", "/v1/events", "");
    ck_assert_int_eq(answer.status, 405);
    http_finish(&answer);
}
END_TEST

START_TEST(a_reader_resumes_where_it_was)
{
    char header[80], path[80];
    struct stream_event event;
    open_stream(&streams[0], "/v1/events?since=0", NULL);
    open_stream(&streams[1], "/v1/events", NULL);
    ck_assert(stream_next(&streams[0], WAIT_MS, &event)); /* the first there is */
    int64_t first = event.id;
    stream_event_finish(&event);
    int64_t seen = expect(&streams[0], "probe", "up", "true");
    dependency_down();
    (void)expect(&streams[1], "recovery", "state", "began");
    /* The header is newer than the address. */
    snprintf(header, sizeof(header), "Last-Event-ID: %lld\r\n", (long long)seen);
    snprintf(path, sizeof(path), "/v1/events?since=%lld", (long long)first);
    open_stream(&extra, path, header);
    for (int64_t id = seen + 1; id <= seen + 3; id++) {
        ck_assert(stream_next(&extra, WAIT_MS, &event));
        ck_assert_int_eq(event.id, id);
        ck_assert_str_ne(event.name, "gap");
        stream_event_finish(&event);
    }
}
END_TEST

START_TEST(an_id_of_another_controller_is_a_gap)
{
    static const char *const since[] = {"5", "999999999999999999"};
    for (size_t i = 0; i < 2; i++) {
        char header[80];
        struct stream_event event;
        snprintf(header, sizeof(header), "Last-Event-ID: %s\r\n", since[i]);
        open_stream(&streams[i], "/v1/events", header);
        ck_assert(stream_next(&streams[i], WAIT_MS, &event));
        ck_assert_str_eq(event.name, "gap");
        ck_assert_int_eq(event.id, -1);
        ck_assert(json_is_null(json_object_get(event.data, "missed")));
        stream_event_finish(&event);
        ck_assert(stream_next(&streams[i], WAIT_MS, &event)); /* what is kept follows */
        ck_assert_int_gt(event.id, 0);
        stream_event_finish(&event);
    }
}
END_TEST

/* Reads what is there; every event follows the one before. */
static void drain(struct stream *stream, int64_t *last)
{
    struct stream_event event;
    while (stream_next(stream, 1, &event)) {
        ck_assert_msg(*last < 0 || event.id == *last + 1, "%lld after %lld", (long long)event.id,
                      (long long)*last);
        *last = event.id;
        stream_event_finish(&event);
    }
    ck_assert(!stream->closed && !stream->ended);
}

/* The listener goes up and down until so many events were published. */
static void make_events(double count, struct stream *fast, int64_t *last)
{
    int64_t deadline_ms = server_now_ms() + 60000;
    while (daemon_metric(&gate, "headgate_events_total") < count) {
        double before = daemon_metric(&gate, "headgate_events_total");
        if (listener >= 0) {
            dependency_down();
        } else {
            dependency_up();
        }
        /* Probes that missed the last turn have nothing to tell of this one. */
        int64_t turned_ms = server_now_ms();
        while (daemon_metric(&gate, "headgate_events_total") < before + 100 &&
               server_now_ms() < turned_ms + TURN_MS) {
            ck_assert(server_now_ms() < deadline_ms);
            drain(fast, last);
            server_pause(20);
        }
    }
}

START_TEST(a_slow_reader_is_dropped_and_told_what_it_missed)
{
    int64_t last = -1, slow_last = -1;
    char header[80];
    struct stream_event event;
    start(16, 8);
    struct stream_options slow = {.port = gate.server.port, .path = "/v1/events", .receive_buffer = 4096};
    stream_open(&streams[0], &slow);
    open_stream(&streams[1], "/v1/events", NULL);
    wait_metric("headgate_events_readers", 2, 2);
    make_events(2 * KEPT, &streams[1], &last);
    wait_metric("headgate_events_readers_dropped_total", 1, 1);
    wait_metric("headgate_events_readers", 1, 1);
    /* What it got before has no holes. */
    while (stream_next(&streams[0], WAIT_MS, &event)) {
        ck_assert(slow_last < 0 || event.id == slow_last + 1);
        slow_last = event.id;
        stream_event_finish(&event);
    }
    ck_assert(streams[0].closed && !streams[0].ended && slow_last > 0 && slow_last < last);

    snprintf(header, sizeof(header), "Last-Event-ID: %lld\r\n", (long long)slow_last);
    open_stream(&extra, "/v1/events", header);
    ck_assert(stream_next(&extra, WAIT_MS, &event));
    ck_assert_str_eq(event.name, "gap");
    ck_assert_int_eq(json_integer_value(json_object_get(event.data, "since")), slow_last);
    int64_t missed = json_integer_value(json_object_get(event.data, "missed"));
    stream_event_finish(&event);
    ck_assert_int_gt(missed, 0);
    ck_assert(stream_next(&extra, WAIT_MS, &event));
    ck_assert_int_eq(event.id, slow_last + missed + 1);
    ck_assert_int_gt(event.id, last - KEPT); /* and no more than that is kept */
    stream_event_finish(&event);

    /* One whose connection is full does not hold up a stop. */
    slow.path = "/v1/events?since=0";
    stream_open(&streams[2], &slow);
    wait_metric("headgate_events_readers", 3, 3);
    server_signal(&gate.server, SIGTERM);
    ck_assert_int_eq(server_wait(&gate.server, WAIT_MS), 0);
}
END_TEST

START_TEST(readers_are_bounded)
{
    for (size_t i = 0; i < READERS_MAX; i++) {
        open_stream(&streams[i], "/v1/events", NULL);
    }
    ck_assert(daemon_metric(&gate, "headgate_events_readers") == READERS_MAX);
    struct http_answer answer = daemon_ask(&gate, "GET", "/v1/events", NULL);
    ck_assert_int_eq(answer.status, 503);
    ck_assert_int_ge(answer.retry_after_s, 1);
    ck_assert_str_eq(http_text(&answer, "/type"), "https://headgate.dev/problems/too-many-readers");
    http_finish(&answer);
    ck_assert(daemon_metric(&gate, "headgate_events_readers_refused_total") == 1);
    answer = daemon_put(&gate, "web", "a", NULL); /* others are served */
    ck_assert_int_eq(answer.status, 200);
    http_finish(&answer);
    stream_close(&streams[7]); /* a client that dies is noticed */
    wait_metric("headgate_events_readers", 0, READERS_MAX - 1);
    open_stream(&streams[7], "/v1/events", NULL);
}
END_TEST

START_TEST(many_readers_do_not_disturb_a_relaunch)
{
    int64_t last[READERS_MANY];
    struct stream_event event;
    for (size_t i = 0; i < READERS_MANY; i++) {
        open_stream(&streams[i], "/v1/events", NULL);
        last[i] = -1;
    }
    struct herd_options options = {.ports = {gate.server.port},
                                   .port_count = 1,
                                   .fleet = "web",
                                   .instance_count = 200,
                                   .connection_count = 64,
                                   .hold_us = 20000};
    struct herd *herd = herd_create(&options);
    int64_t deadline_ms = server_now_ms() + 90000;
    while (!herd_run(herd, 100)) {
        ck_assert(server_now_ms() < deadline_ms);
        for (size_t i = 0; i < READERS_MANY; i++) {
            if (streams[i].size > 0 || herd_counts(herd)->done % 2 == (int64_t)(i % 2)) {
                drain(&streams[i], &last[i]);
            }
        }
    }
    ck_assert_int_eq(herd_counts(herd)->done, 200);
    ck_assert_int_eq(herd_counts(herd)->odd, 0);
    ck_assert_int_eq(herd_counts(herd)->away, 0);
    ck_assert_int_eq(herd_counts(herd)->broken, 0);
    herd_destroy(herd);
    ck_assert(daemon_metric(&gate, "headgate_http_connections_over_total") == 0);
    ck_assert(daemon_metric(&gate, "headgate_events_readers") == READERS_MANY);
    /* Everybody is told the same, to the last. */
    struct http_answer answer =
        daemon_ask(&gate, "POST", "/v1/dependencies/d1:block", "{\"reason\":\"the last word\"}");
    http_finish(&answer);
    int64_t id = 0;
    for (size_t i = 0; i < READERS_MANY; i++) {
        do {
            ck_assert(stream_next(&streams[i], WAIT_MS, &event));
            ck_assert(last[i] < 0 || event.id == last[i] + 1);
            last[i] = event.id;
            bool done = strcmp(stream_text(&event, "why"), "operator: the last word") == 0;
            stream_event_finish(&event);
            if (done) {
                break;
            }
        } while (true);
        ck_assert(i == 0 || id == last[i]);
        id = last[i];
    }
}
END_TEST

START_TEST(a_stop_ends_the_streams)
{
    for (size_t i = 0; i < 20; i++) {
        open_stream(&streams[i], "/v1/events", NULL);
    }
    server_signal(&gate.server, SIGTERM);
    for (size_t i = 0; i < 20; i++) {
        (void)expect(&streams[i], "stop", NULL, NULL);
        ck_assert(stream_wait_end(&streams[i], WAIT_MS));
        ck_assert(streams[i].ended);
    }
    ck_assert_int_eq(server_wait(&gate.server, WAIT_MS), 0);
}
END_TEST

START_TEST(an_idle_stream_shows_signs_of_life)
{
    struct stream_event event;
    open_stream(&extra, "/v1/events", NULL);
    int64_t deadline_ms = server_now_ms() + 2 * WAIT_MS;
    while (extra.comments == 0) {
        ck_assert(server_now_ms() < deadline_ms && !extra.closed && !extra.ended);
        if (stream_next(&extra, 100, &event)) {
            stream_event_finish(&event);
        }
    }
    struct http_answer answer = daemon_ask(&gate, "HEAD", "/v1/events", NULL);
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(answer.content_type, "text/event-stream");
    http_finish(&answer);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("events");
    TCase *tcase = tcase_create("events");
    tcase_set_timeout(tcase, 150);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_outage_is_told_in_order);
    tcase_add_test(tcase, every_line_of_the_log_is_told_once);
    tcase_add_test(tcase, filters_leave_out_other_names);
    tcase_add_test(tcase, a_reader_resumes_where_it_was);
    tcase_add_test(tcase, an_id_of_another_controller_is_a_gap);
    tcase_add_test(tcase, readers_are_bounded);
    tcase_add_test(tcase, many_readers_do_not_disturb_a_relaunch);
    tcase_add_test(tcase, a_stop_ends_the_streams);
    tcase_add_test(tcase, an_idle_stream_shows_signs_of_life);
    suite_add_tcase(suite, tcase);
    TCase *slow = tcase_create("slow readers");
    tcase_set_timeout(slow, 150);
    tcase_add_checked_fixture(slow, NULL, teardown);
    tcase_add_test(slow, a_slow_reader_is_dropped_and_told_what_it_missed);
    suite_add_tcase(suite, slow);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
