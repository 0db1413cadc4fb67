#include "host/daemon.h"

#include "headgate/version.h"
#include "host/clock.h"
#include "host/host.h"
#include "host/host_probes.h"
#include "host/log.h"
#include "host/watch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define RESIGN_MS     500 /* for the last group, which gives up the leader lock */
#define ERROR_SIZE    512
#define RELOAD_MIN_US INT64_C(3000000) /* between reloads: longer than a group can be at the store */

struct daemon {
    struct host host;
    const struct daemon_options *options;
    struct watch *watch;
    uv_signal_t signals[3];
    uv_timer_t stop_timer;
    uv_timer_t reload_timer;
    int64_t reloaded_us;
    bool stopping;
    char id[65];
};

static void closed_cb(void *user_data)
{
    (void)user_data;
}

/* Also of a start that failed halfway. */
static void close_all(struct daemon *daemon)
{
    if (daemon->host.server != NULL) {
        http_server_destroy(daemon->host.server, closed_cb, daemon);
        daemon->host.server = NULL;
    }
    if (daemon->host.engine != NULL) {
        host_probes_stop_all(&daemon->host);
    }
    if (daemon->host.store != NULL) {
        daemon->host.store->ops->destroy(daemon->host.store, closed_cb, daemon);
    }
    watch_destroy(daemon->watch);
    uv_close((uv_handle_t *)&daemon->host.timer, NULL);
    uv_close((uv_handle_t *)&daemon->host.beat, NULL);
    uv_close((uv_handle_t *)&daemon->stop_timer, NULL);
    uv_close((uv_handle_t *)&daemon->reload_timer, NULL);
    for (size_t i = 0; i < 3; i++) {
        uv_close((uv_handle_t *)&daemon->signals[i], NULL);
    }
}

static void stop_cb(uv_timer_t *timer)
{
    close_all(timer->data);
}

static void begin_stop(struct daemon *daemon)
{
    if (daemon->stopping) {
        return;
    }
    daemon->stopping = true;
    host_log(&daemon->host, LOG_LEVEL_INFO, "stop", "why=\"asked to\"");
    struct hg_event event = {.type = HG_EVENT_RESIGN, .now_us = clock_monotonic_us()};
    (void)host_step(&daemon->host, &event);
    uv_timer_start(&daemon->stop_timer, stop_cb, RESIGN_MS, 0);
}

static int load(struct daemon *daemon, struct hg_policy_set **ret_set)
{
    struct hg_policy_errors errors;
    int status =
        hg_policy_set_load(daemon->options->policies, daemon->options->policy_count, ret_set, &errors);
    if (status != 0) {
        hg_policy_errors_print(&errors, stderr);
    }
    hg_policy_errors_finish(&errors);
    return status;
}

/* All or nothing: a bad file changes nothing. */
static void reload(struct daemon *daemon)
{
    struct hg_policy_set *set = NULL;
    int status = load(daemon, &set);
    if (status != 0) {
        host_log(&daemon->host, LOG_LEVEL_ERROR, "reload", "ok=false why=\"%s; the policies in force stay\"",
                   hg_strerror(status));
        return;
    }
    hg_policy_set_destroy(daemon->host.set_before);
    daemon->host.set_before = daemon->host.set;
    daemon->host.set = set;
    struct hg_event event = {.type = HG_EVENT_POLICIES, .now_us = clock_monotonic_us()};
    event.u.policies.set = set;
    status = host_step(&daemon->host, &event);
    daemon->reloaded_us = clock_monotonic_us();
    host_log(&daemon->host, status == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "reload", "ok=%s policies=%zu",
               status == 0 ? "true" : "false", set->policy_count);
}

static void reload_cb(uv_timer_t *timer)
{
    reload(timer->data);
}

static void ask_reload(void *user_data)
{
    struct daemon *daemon = user_data;
    if (daemon->stopping) {
        return;
    }
    int64_t due_us = daemon->reloaded_us + RELOAD_MIN_US - clock_monotonic_us();
    uv_timer_start(&daemon->reload_timer, reload_cb, due_us > 0 ? (uint64_t)due_us / 1000 + 1 : 0, 0);
}

static void signal_cb(uv_signal_t *handle, int number)
{
    if (number == SIGHUP) {
        ask_reload(handle->data);
    } else {
        begin_stop(handle->data);
    }
}

static void name_controller(struct daemon *daemon)
{
    if (daemon->options->controller_id != NULL) {
        snprintf(daemon->id, sizeof(daemon->id), "%s", daemon->options->controller_id);
        return;
    }
    char name[33] = "";
    if (gethostname(name, sizeof(name) - 1) != 0) {
        snprintf(name, sizeof(name), "controller");
    }
    snprintf(daemon->id, sizeof(daemon->id), "%s-%ld-%04x", name, (long)getpid(),
             (unsigned)(clock_seed() & 0xffff));
}

static int start_engine(struct daemon *daemon)
{
    struct host *host = &daemon->host;
    struct hg_engine_options options = {
        .controller_id = daemon->id, .seed = clock_seed(), .new_store = daemon->options->new_store};
    int status = hg_engine_create(&options, &host->engine);
    if (status == 0) {
        struct api_host api = host_api(host);
        status = api_create(&api, daemon->id, &host->api);
    }
    if (status == 0) {
        host->failed_reply = calloc(1, sizeof(*host->failed_reply));
        status = host->failed_reply == NULL ? HG_E_NOMEM : 0;
    }
    return status;
}

static int start_store(struct daemon *daemon, char *error, size_t size)
{
    const char *url = daemon->options->store == NULL ? DAEMON_STORE_DEFAULT : daemon->options->store;
    struct store_options options = {.url = url,
                                    .loop = daemon->host.loop,
                                    .new_store = daemon->options->new_store,
                                    .on_state = host_on_store_state,
                                    .user_data = &daemon->host};
    host_redact(url, daemon->host.store_url, sizeof(daemon->host.store_url));
    return store_create(&options, &daemon->host.store, error, size);
}

static void beat_cb(uv_timer_t *timer)
{
    api_on_beat(((struct host *)timer->data)->api);
}

static int start_http(struct daemon *daemon, char *error, size_t size)
{
    struct http_options options = {.loop = daemon->host.loop,
                                   .listen = daemon->options->listen == NULL ? DAEMON_LISTEN_DEFAULT
                                                                             : daemon->options->listen,
                                   .handler = api_handle,
                                   .user_data = daemon->host.api};
    return http_server_create(&options, &daemon->host.server, error, size);
}

static void start_handles(struct daemon *daemon)
{
    static const int numbers[3] = {SIGTERM, SIGINT, SIGHUP};
    uv_loop_t *loop = daemon->host.loop;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a journal at its size limit is an error of the write, not the end of the daemon */
    for (size_t i = 0; i < 3; i++) {
        uv_signal_init(loop, &daemon->signals[i]);
        daemon->signals[i].data = daemon;
        uv_signal_start(&daemon->signals[i], signal_cb, numbers[i]);
    }
    uv_timer_init(loop, &daemon->host.timer);
    daemon->host.timer.data = &daemon->host;
    uv_timer_init(loop, &daemon->host.beat);
    daemon->host.beat.data = &daemon->host;
    uv_timer_init(loop, &daemon->stop_timer);
    daemon->stop_timer.data = daemon;
    uv_timer_init(loop, &daemon->reload_timer);
    daemon->reload_timer.data = daemon;
}

/* As many files as we are allowed: every connection is one. */
static void allow_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        rlim_t wanted = HTTP_CONNECTIONS_MAX + HTTP_FILES_KEPT;
        files.rlim_cur = files.rlim_cur > wanted ? files.rlim_cur : files.rlim_max < wanted ? files.rlim_max : wanted;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

static int fail(const char *what, const char *error, int status)
{
    fprintf(stderr, "headgate serve: %s: %s\n", what, error[0] != '\0' ? error : hg_strerror(status));
    return hg_error_exit_code(status);
}

static void give_policies(struct daemon *daemon)
{
    struct hg_event event = {.type = HG_EVENT_POLICIES, .now_us = clock_monotonic_us()};
    event.u.policies.set = daemon->host.set;
    (void)host_step(&daemon->host, &event);
    daemon->reloaded_us = clock_monotonic_us() - RELOAD_MIN_US;
    if (watch_create(daemon->host.loop, daemon->options->policies, daemon->options->policy_count, ask_reload,
                     daemon, &daemon->watch) != 0) {
        host_log(&daemon->host, LOG_LEVEL_WARNING, "watch", "why=\"changes of the policy files are not seen; send SIGHUP\"");
    }
}

static void finish(struct daemon *daemon)
{
    api_destroy(daemon->host.api);
    hg_engine_destroy(daemon->host.engine);
    free(daemon->host.failed_reply);
    hg_policy_set_destroy(daemon->host.set);
    hg_policy_set_destroy(daemon->host.set_before);
}

/* 0, or the exit code of what went wrong, which has been said. */
static int start(struct daemon *daemon)
{
    char error[ERROR_SIZE] = "";
    int status = start_engine(daemon);
    if (status != 0) {
        return fail("start", error, status);
    }
    status = start_store(daemon, error, sizeof(error));
    if (status != 0) {
        return fail("--store", error, status);
    }
    status = start_http(daemon, error, sizeof(error));
    if (status != 0) {
        return fail("--listen", error, status);
    }
    uv_timer_start(&daemon->host.beat, beat_cb, EVENTS_BEAT_MS, EVENTS_BEAT_MS);
    give_policies(daemon);
    host_log(&daemon->host, LOG_LEVEL_INFO, "listen", "address=%s version=%s controller=%s store=%s policies=%zu",
               http_server_address(daemon->host.server), HG_VERSION, daemon->id, daemon->host.store_url,
               daemon->host.set->policy_count);
    return 0;
}

int daemon_run(const struct daemon_options *options)
{
    static struct daemon daemon; /* one a process; large */
    uv_loop_t loop;
    memset(&daemon, 0, sizeof(daemon));
    daemon.options = options;
    signal(SIGHUP, SIG_IGN); /* until the loop takes it: the policies are about to be read anyway */
    log_init(options->json_log);
    allow_files();
    name_controller(&daemon);
    int status = load(&daemon, &daemon.host.set);
    if (status != 0) {
        return hg_error_exit_code(status);
    }
    if (uv_loop_init(&loop) != 0) {
        hg_policy_set_destroy(daemon.host.set);
        return fail("event loop", "", HG_E_NOMEM);
    }
    daemon.host.loop = &loop;
    start_handles(&daemon);
    int code = start(&daemon);
    if (code != 0) {
        close_all(&daemon);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    finish(&daemon);
    uv_loop_close(&loop);
    return code;
}
