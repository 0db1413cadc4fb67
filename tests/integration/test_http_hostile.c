/* What no client should send: each costs its sender an error or its connection, and nobody else anything. */
#include "check_main.h"
#include "daemon.h"
#include "raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS    15000
#define IDLE       5000
#define HEAP_SLACK (128 * 1024)
#define PUT        "PUT /v1/fleets/web/instances/h/permit HTTP/1.1\r\nHost: x\r\n"
#define GET        "GET /healthz HTTP/1.1\r\nHost: x\r\n"

static const char policy[] = "{\"policy\":\"p\",\"dependencies\":{\"db\":{\"limiter\":{\"mode\":\"fixed\"},"
                             "\"bucket\":{\"rate\":100000,\"burst\":100000},\"in_flight\":{\"max\":100000}}},"
                             "\"fleets\":{\"web\":{\"needs\":{\"db\":1},\"lease\":\"5m\"}}}";

static struct daemon_process gate;
static struct raw_answer answer;

static void setup(void)
{
    struct daemon_setup options = {.policy = policy};
    ck_assert_int_eq(daemon_start(&gate, &options), 0);
    struct http_answer mine = daemon_put(&gate, "web", "mine", NULL);
    ck_assert_int_eq(mine.status, 200);
    http_finish(&mine);
}

static void teardown(void)
{
    daemon_finish(&gate);
}

/* Somebody else's permit and place are as they were, and he is answered. */
static void others_are_served(const char *after)
{
    struct http_answer mine = daemon_put(&gate, "web", "mine", NULL);
    ck_assert_msg(mine.status == 200 && json_is_true(http_at(&mine, "/already")), "after %s: %d %s", after,
                  mine.status, mine.body);
    ck_assert_msg(mine.took_us < INT64_C(5000000), "after %s: %lld us", after, (long long)mine.took_us);
    http_finish(&mine);
}

static bool has_problem(const struct raw_answer *got)
{
    return strstr(got->text, "Content-Type: application/problem+json") != NULL;
}

/* `status` with problem+json; 0: any refusal that closes the connection, as the library gives for broken
 * framing. */
static void expect(const char *name, const char *bytes, size_t size, int status)
{
    raw_ask(gate.server.port, bytes, size, &answer);
    if (status > 0) {
        ck_assert_msg(answer.status == status, "%s: %d, not %d: %.300s", name, answer.status, status,
                      answer.text);
        ck_assert_msg(status < 400 || has_problem(&answer), "%s: %.300s", name, answer.text);
    } else {
        bool refused = answer.status >= 400 && strcasestr(answer.text, "\r\nConnection: close") != NULL;
        ck_assert_msg(refused || (answer.status == 0 && answer.closed), "%s: %.300s", name, answer.text);
    }
    others_are_served(name);
}

struct hostile {
    const char *name;
    const char *bytes;
    int status;
};

static void expect_all(const struct hostile *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        expect(cases[i].name, cases[i].bytes, strlen(cases[i].bytes), cases[i].status);
    }
}

START_TEST(broken_framing)
{
    static const struct hostile cases[] = {
        {"a TLS hello", "\x16\x03\x01\x02\r\n\r\n", 0},
        {"both lengths", PUT "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400},
        {"two lengths", PUT "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", 400},
        {"two equal lengths", PUT "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400},
        {"a blank before the colon",
         PUT "Content-Length: 0\r\nTransfer-Encoding : chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400},
        {"another coding", PUT "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
        {"two codings", PUT "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"a negative length", PUT "Content-Length: -2\r\n\r\n{}", 0},
        {"no number as length", PUT "Content-Length: abc\r\n\r\n{}", 0},
        {"a signed length", PUT "Content-Length: +2\r\n\r\n{}", 0},
        {"a length beyond counting", PUT "Content-Length: 99999999999999999999999\r\n\r\n{}", 0},
        {"a length over the bound", PUT "Content-Length: 4194305\r\n\r\n", 413},
        {"a bad chunk", PUT "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 0},
        {"good chunks", PUT "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", 200},
        {"HTTP/0.9", "GET /healthz\r\n\r\n", 0},
        {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0},
        {"HTTP/9.9", "GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n", 0},
    };
    expect_all(cases, sizeof(cases) / sizeof(cases[0]));
}
END_TEST

START_TEST(bad_paths_and_methods)
{
    static const struct hostile cases[] = {
        {"NUL in the path", "GET /v1/fleets/web/instances/a%00b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"a bad escape", "GET /v1/fleets/web/instances/a%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"an escaped slash", "GET /v1/fleets/web/instances/a%2fb HTTP/1.1\r\nHost: x\r\n\r\n", 404},
        {"overlong UTF-8", "GET /v1/fleets/web/instances/%c0%af HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"dots", "GET /v1/fleets/web/instances/../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 404},
        {"another method", "FOO /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 405},
        {"TRACE", "TRACE /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 405},
        {"CONNECT", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 404},
        {"a whole URL", "GET http://elsewhere/healthz HTTP/1.1\r\nHost: x\r\n\r\n", 404},
        {"a bad page size", "GET /v1/fleets/web/permits?limit=-1 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"a bad cursor", "GET /v1/fleets/web/permits?cursor=%27%3b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"no such fleet", "PUT /v1/fleets/nope/instances/a/permit HTTP/1.1\r\nHost: x\r\n\r\n", 404},
    };
    expect_all(cases, sizeof(cases) / sizeof(cases[0]));
}
END_TEST

static char *repeat(const char *before, const char *piece, size_t times, const char *behind, size_t *ret_size)
{
    size_t size = strlen(before) + times * strlen(piece) + strlen(behind);
    char *text = malloc(size + 1), *at = text;
    ck_assert_ptr_nonnull(text);
    at = stpcpy(at, before);
    for (size_t i = 0; i < times; i++) {
        at = stpcpy(at, piece);
    }
    (void)stpcpy(at, behind);
    *ret_size = size;
    return text;
}

START_TEST(too_much)
{
    size_t size;
    char *text = repeat("GET /", "a", 2000, " HTTP/1.1\r\nHost: x\r\n\r\n", &size);
    expect("a long path", text, size, 414);
    free(text);
    text = repeat("GET /healthz?", "a", 2000, " HTTP/1.1\r\nHost: x\r\n\r\n", &size);
    expect("a long query", text, size, 414);
    free(text);
    text = repeat("GET /", "a", 20000, " HTTP/1.1\r\nHost: x\r\n\r\n", &size);
    expect("a longer path", text, size, 0);
    free(text);
    text = repeat(GET "X: ", "a", 20000, "\r\n\r\n", &size);
    expect("a long header", text, size, 0);
    free(text);
    text = repeat(GET, "X: a\r\n", 4000, "\r\n", &size);
    expect("many headers", text, size, 0);
    free(text);
    text = repeat(PUT "Transfer-Encoding: chunked\r\n\r\n", "10000\r\n", 1, "", &size);
    char *body = repeat(text, " ", 65536, "\r\n", &size);
    free(text);
    int fd = raw_connect(gate.server.port);
    ck_assert_int_ge(fd, 0);
    bool sent = raw_send(fd, body, size);
    for (int i = 1; i < 65 && sent; i++) { /* one chunk more than the bound */
        sent = raw_send(fd, "10000\r\n", 7) && raw_send(fd, strstr(body, "10000\r\n") + 7, 65538);
    }
    (void)raw_send(fd, "0\r\n\r\n", 5);
    raw_read(fd, 1, &answer);
    ck_assert_msg(answer.status == 413 && has_problem(&answer), "chunks without end: %.200s", answer.text);
    close(fd);
    free(body);
    others_are_served("chunks without end");
}
END_TEST

static void expect_body(const char *name, const char *body, size_t size, const char *words)
{
    char head[256];
    char *text = malloc(size + sizeof(head));
    ck_assert_ptr_nonnull(text);
    int used = snprintf(head, sizeof(head), PUT "Content-Length: %zu\r\n\r\n", size);
    memcpy(text, head, (size_t)used);
    memcpy(text + used, body, size);
    expect(name, text, size + (size_t)used, 400);
    ck_assert_msg(strstr(answer.text, words) != NULL, "%s: %.500s", name, answer.text);
    free(text);
}

START_TEST(bad_bodies)
{
    static const struct {
        const char *name;
        const char *body;
        const char *words;
    } cases[] = {
        {"no JSON", "nul", "\"line\":1"},
        {"half a body", "{\"ticket\":", "\"line\":1"},
        {"something behind", "{}x", "\"column\":"},
        {"bad UTF-8", "{\"ticket\":\"\xff\"}", "bad-json"},
        {"half a pair", "{\"ticket\":\"\\ud800\"}", "bad-json"},
        {"an escaped NUL", "{\"ticket\":\"a\\u0000b\"}", "bad-json"},
        {"a key twice", "{\"ticket\":\"a\",\"ticket\":\"b\"}", "duplicate"},
        {"an unknown key", "{\"tickets\":\"a\"}", "\"pointer\":\"/tickets\""},
        {"a wrong type", "{\"boot_id\":1}", "\"pointer\":\"/boot_id\""},
        {"no object", "[]", "object"},
        {"too large a number", "{\"priority\":1e999}", "bad-json"},
        {"a byte order mark", "\xef\xbb\xbf{}", "bad-json"},
    };
    size_t size;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_body(cases[i].name, cases[i].body, strlen(cases[i].body), cases[i].words);
    }
    expect_body("a NUL byte", "\0{}", 3, "bad-json");
    char *text = repeat("", "[", 100000, "", &size);
    expect_body("deep lists", text, size, "too deep");
    free(text);
    text = repeat("{\"ticket\":\"", "a", 100000, "\"}", &size);
    expect_body("a long ticket", text, size, "/ticket");
    free(text);
}
END_TEST

START_TEST(odd_but_right)
{
    size_t size;
    char *text = repeat("", GET "\r\n", 50, "", &size);
    int fd = raw_connect(gate.server.port);
    ck_assert_int_ge(fd, 0);
    ck_assert(raw_send(fd, text, size));
    raw_read(fd, 50, &answer);
    ck_assert_uint_eq(answer.count, 50); /* pipelined: each is answered, in order */
    close(fd);
    free(text);
    static const char put[] = PUT "Content-Length: 2\r\n\r\n{}";
    fd = raw_connect(gate.server.port);
    ck_assert(raw_send(fd, put, sizeof(put) - 1));
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0); /* says no more, but listens: an answer, or a clean close */
    raw_read(fd, 1, &answer);
    ck_assert(answer.status == 200 || (answer.size == 0 && answer.closed));
    close(fd);
    for (int i = 0; i < 200; i++) { /* asks and does not listen */
        fd = raw_connect(gate.server.port);
        ck_assert(raw_send(fd, put, sizeof(put) - 1));
        struct linger at_once = {.l_onoff = 1};
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        close(fd);
    }
    fd = raw_connect(gate.server.port);
    ck_assert(raw_send(fd, "HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 54));
    raw_read(fd, 2, &answer);
    ck_assert(answer.closed);
    ck_assert_int_eq(answer.status, 200);
    ck_assert_msg(strstr(answer.text, "alive") == NULL, "%s", answer.text);
    close(fd);
    others_are_served("odd requests");
}
END_TEST

static bool is_closed(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

/* Connections that hung up are noticed long before they would time out. */
static void wait_until_alone(void)
{
    int64_t deadline_ms = server_now_ms() + WAIT_MS;
    while (daemon_metric(&gate, "headgate_http_connections") > 2 && server_now_ms() < deadline_ms) {
        server_pause(50);
    }
    ck_assert(daemon_metric(&gate, "headgate_http_connections") <= 2);
}

/* Thousands that only sit there, some in the middle of a request, while others go on being answered. */
START_TEST(idle_connections_keep_nobody_out)
{
    static int fds[IDLE];
    struct rlimit files = {.rlim_cur = IDLE + 256, .rlim_max = IDLE + 256};
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    }
    int count = files.rlim_cur < IDLE + 256 ? (int)files.rlim_cur - 256 : IDLE;
    double heap = daemon_metric(&gate, "headgate_heap_bytes");
    for (int i = 0; i < count; i++) {
        fds[i] = raw_connect(gate.server.port);
        ck_assert_int_ge(fds[i], 0);
        if (i % 2 == 1) {
            ck_assert(raw_send(fds[i], PUT "X", sizeof(PUT))); /* and never more */
        }
        if (i % 500 == 499) {
            others_are_served("idle connections");
        }
    }
    int closed = 0;
    for (int i = 0; i < count; i++) {
        closed += is_closed(fds[i]);
    }
    double open = daemon_metric(&gate, "headgate_http_connections");
    double over = daemon_metric(&gate, "headgate_http_connections_over_total");
    printf("%d idle connections: %.0f open at the controller, %d closed to make room, heap %.0f bytes each\n",
           count, open, closed, (daemon_metric(&gate, "headgate_heap_bytes") - heap) / open);
    ck_assert_msg(open <= 4096, "%.0f open", open);
    ck_assert(count < 4096 || (closed > 0 && over >= closed));
    for (int i = 0; i < count; i++) {
        close(fds[i]);
    }
    wait_until_alone();
    double after = daemon_metric(&gate, "headgate_heap_bytes");
    ck_assert_msg(after - heap < HEAP_SLACK, "%.0f bytes are left of it", after - heap);
}
END_TEST

/* The same abuse again and again: what the allocator holds does not grow. */
START_TEST(memory_stays_flat)
{
    static const char *const abuse[] = {
        PUT "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        PUT "Content-Length: 9\r\n\r\n{\"a\":\"b\"}",
        PUT "Content-Length: 5\r\n\r\n[[[[[",
        "GET /v1/fleets/web/instances/a%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /v1/fleets/web/permits:batch HTTP/1.1\r\nHost: x\r\nContent-Length: 33\r\n\r\n"
        "{\"items\":[{\"instance\":\"h\"},7,\"x\"]}",
        "\x16\x03\x01\r\n\r\n",
        PUT "Content-Length: 100\r\n\r\n{}", /* and hangs up */
    };
    const size_t kinds = sizeof(abuse) / sizeof(abuse[0]);
    double heap[2];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 400; i++) {
            size_t kind = (size_t)i % kinds;
            int fd = raw_connect(gate.server.port);
            ck_assert_int_ge(fd, 0);
            (void)raw_send(fd, abuse[kind], strlen(abuse[kind]));
            if (kind + 1 < kinds) {
                raw_read(fd, 1, &answer);
            }
            close(fd);
        }
        wait_until_alone();
        heap[round] = daemon_metric(&gate, "headgate_heap_bytes");
    }
    printf("heap after each 400 abuses: %.0f, %.0f bytes\n", heap[0], heap[1]);
    ck_assert_msg(heap[1] - heap[0] < HEAP_SLACK / 4, "%.0f bytes more", heap[1] - heap[0]);
    others_are_served("all of it");
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("hostile HTTP");
    TCase *tcase = tcase_create("hostile HTTP");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, broken_framing);
    tcase_add_test(tcase, bad_paths_and_methods);
    tcase_add_test(tcase, too_much);
    tcase_add_test(tcase, bad_bodies);
    tcase_add_test(tcase, odd_but_right);
    tcase_add_test(tcase, idle_connections_keep_nobody_out);
    tcase_add_test(tcase, memory_stays_flat);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
