#include "demo/gate.h"

#include "demo/fetch.h"
#include "headgate/errors.h"
#include "host/clock.h"

#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_DEADLINE_US INT64_C(10000000)
#define READY_POLL_US     20000
#define PROBE_INTERVAL_US 250000
#define PROBE_SHORTEST_US 100000 /* the shortest a policy may ask for */

/* The operator knows: so many workers, so long a request, so many requests a relaunch, so many connections
 * before the dependency slows down, and what its everyday users and the leases of the fleet need. Three
 * quarters of what is left may be spent on relaunches. */
struct demo_limits demo_gate_limits(const struct demo_config *config)
{
    double capacity = (double)config->workers * 1e6 / (double)config->service_us;
    double users = (double)config->background * 1e6 / (double)config->background_period_us;
    double leases = (double)config->instances * 1e6 / (double)config->renew_us;
    double rate = 0.75 * (capacity - users - leases) / config->requests;
    double whole = rate < 2 ? floor(rate * 10) / 10 : floor(rate);
    struct demo_limits limits = {.rate = whole < 0.1 ? 0.1 : whole, .in_flight = config->knee * 3 / 4};
    limits.burst = limits.rate < 8 ? 2 : (int)(limits.rate / 4);
    return limits;
}

static void format_duration(int64_t duration_us, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "%lldms", (long long)(duration_us / 1000 > 0 ? duration_us / 1000 : 1));
}

static json_t *make_policy(const struct demo_world *world)
{
    const struct demo_config *config = &world->config;
    struct demo_limits limits = demo_gate_limits(config);
    char url[64], interval[32], timeout[32], lease[32], base[32], longest[32];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/healthz", world->dependency_port);
    int64_t interval_us = (int64_t)(PROBE_INTERVAL_US * config->time_scale);
    interval_us = interval_us < PROBE_SHORTEST_US ? PROBE_SHORTEST_US : interval_us;
    format_duration(interval_us, interval, sizeof(interval));
    format_duration(interval_us * 4 / 5, timeout, sizeof(timeout));
    format_duration(config->request_timeout_us * (config->requests + 1), lease, sizeof(lease));
    format_duration(config->backoff_base_us, base, sizeof(base));
    format_duration(config->backoff_max_us * 2, longest, sizeof(longest));
    return json_pack("{s:s, s:{s:{s:[{s:s, s:s, s:s, s:i, s:i, s:{s:s, s:i, s:i}}], s:{s:f, s:i}, s:{s:i}}},"
                     " s:{s:{s:i, s:{s:i}, s:s, s:{s:s, s:s, s:i}}}}",
                     "policy", "demo", "dependencies", "dependency", "probes", "http", url, "interval",
                     interval, "timeout", timeout, "rise", 2, "fall", 2, "gauge", "json", "/queue", "soft",
                     config->knee / 2, "hard", config->knee * 4, "bucket", "rate", limits.rate, "burst",
                     limits.burst, "in_flight", "max", limits.in_flight, "fleets", "fleet", "size",
                     config->instances, "needs", "dependency", 1, "lease", lease, "backoff", "base", base,
                     "max", longest, "attempts", 8);
}

char *demo_gate_policy(const struct demo_world *world)
{
    json_t *policy = make_policy(world);
    char *text = policy == NULL ? NULL : json_dumps(policy, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    json_decref(policy);
    return text;
}

static int write_policy(const struct demo_world *world, const char *path)
{
    char *text = demo_gate_policy(world);
    FILE *file = text == NULL ? NULL : fopen(path, "we");
    bool written = file != NULL && fputs(text, file) >= 0;
    written = (file == NULL || fclose(file) == 0) && written;
    free(text);
    return written ? 0 : HG_E_IO;
}

static void exec_controller(const struct demo_world *world, const struct demo_gate *gate)
{
    char policy[DEMO_PATH_MAX + 16], store[DEMO_PATH_MAX + 32], log[DEMO_PATH_MAX + 16], listen_at[32];
    snprintf(policy, sizeof(policy), "%s/demo.json", gate->directory);
    snprintf(store, sizeof(store), "memory:%s/store", gate->directory);
    snprintf(log, sizeof(log), "%s/log", gate->directory);
    snprintf(listen_at, sizeof(listen_at), "127.0.0.1:%d", world->gate_port);
    int fd = open(log, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0) {
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
    }
    execl(world->config.headgate, "headgate", "serve", "--policies", policy, "--listen", listen_at, "--store",
          store, "--new-store", (char *)NULL);
    _exit(69);
}

static void print_log(const struct demo_gate *gate)
{
    char path[DEMO_PATH_MAX + 16], line[512];
    snprintf(path, sizeof(path), "%s/log", gate->directory);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        fputs(line, stderr);
    }
    if (file != NULL) {
        fclose(file);
    }
}

static int wait_ready(const struct demo_world *world, struct demo_gate *gate)
{
    int64_t deadline_us = clock_monotonic_us() + READY_DEADLINE_US;
    struct demo_request request = {
        .port = world->gate_port, .method = "GET", .path = "/readyz", .timeout_us = 1000000};
    while (demo_fetch(&request, NULL) != 200) {
        bool ended = waitpid(gate->pid, NULL, WNOHANG) != 0;
        if (ended || clock_monotonic_us() > deadline_us) {
            gate->pid = ended ? 0 : gate->pid;
            fprintf(stderr, "headgate demo: the controller %s; its log:\n", ended ? "ended" : "is not ready");
            print_log(gate);
            return HG_E_NOT_READY;
        }
        demo_sleep_us(READY_POLL_US);
    }
    return 0;
}

int demo_gate_start(struct demo_world *world, struct demo_gate *ret_gate)
{
    struct demo_gate *gate = ret_gate;
    const char *scratch = getenv("TMPDIR");
    memset(gate, 0, sizeof(*gate));
    snprintf(gate->directory, sizeof(gate->directory), "%s/headgate-demo-XXXXXX",
             scratch == NULL ? "/tmp" : scratch);
    char path[DEMO_PATH_MAX + 16];
    if (mkdtemp(gate->directory) == NULL) {
        perror("headgate demo: no scratch directory");
        gate->directory[0] = '\0';
        return HG_E_IO;
    }
    snprintf(path, sizeof(path), "%s/demo.json", gate->directory);
    if (write_policy(world, path) != 0) {
        fprintf(stderr, "headgate demo: %s cannot be written\n", path);
        return HG_E_IO;
    }
    gate->pid = demo_fork();
    if (gate->pid == 0) {
        exec_controller(world, gate);
    }
    return gate->pid < 0 ? HG_E_NOMEM : wait_ready(world, gate);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void demo_gate_stop(struct demo_gate *gate)
{
    demo_kill(&gate->pid);
    if (gate->directory[0] != '\0') {
        nftw(gate->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
        gate->directory[0] = '\0';
    }
}
